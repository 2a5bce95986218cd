"""Rows of cells to pieces: detects the header row and formats the values."""

import datetime
from collections.abc import Iterable, Iterator, Sequence

from rag.errors import UnreadableFile
from rag.loading.blocks import Piece, row

MOST_CELLS = 2_000_000  # tables that people read have far fewer
_LONGEST_COLUMN_NAME = 80  # characters; a longer cell is prose
_EXACT_BELOW = 1e15  # floats hold whole numbers exactly up to 2**53, which has 16 digits


def table(rows: Iterable[tuple[int, Sequence[object]]]) -> Iterator[Piece]:
    """One piece for each row that is not empty; a row is its number (from 1) and its values.

    The first row with more than one value is the header if all its values look like names. A row of one long value is a
    paragraph. Raises UnreadableFile for more than two million cells.
    """
    cells = 0
    header_passed = False
    for number, values in rows:
        texts = [formatted(value) for value in values]
        while texts and not texts[-1].strip():
            texts.pop()
        cells += len(texts)
        if cells > MOST_CELLS:
            raise UnreadableFile(f"it has more than {MOST_CELLS:,} cells; tables of this size are data, not text to search")
        filled = [text for text in texts if text.strip()]
        if len(filled) == 1 and len(filled[0]) > _LONGEST_COLUMN_NAME:
            yield Piece("paragraph", filled[0], page=number)
        elif filled:
            header = not header_passed and len(filled) > 1 and all(_is_column_name(text) for text in filled)
            header_passed = header_passed or len(filled) > 1
            yield row(texts, header=header, page=number)


def formatted(value: object) -> str:
    """A value as a person would type it: 3 instead of 3.0, dates as 2026-11-21."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < _EXACT_BELOW else f"{value:.10g}"
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "minutes")
    return "" if value is None else str(value)


def _is_column_name(text: str) -> bool:
    is_sentence = text.rstrip().endswith(".") and text.count(" ") > 2
    starts_with_number = any(character.isdigit() for character in text.split(" ")[0])
    return len(text) <= _LONGEST_COLUMN_NAME and not is_sentence and not starts_with_number
