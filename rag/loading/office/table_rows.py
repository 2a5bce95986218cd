"""Rows of cells to pieces: which row names the columns, and how values are written."""

import datetime
from collections.abc import Iterable, Iterator, Sequence

from rag.errors import UnreadableFile
from rag.loading.blocks import Piece, row

MOST_CELLS = 2_000_000
_LONGEST_NAME = 80  # characters of a column's name


def table(rows: Iterable[tuple[int, Sequence[object]]]) -> Iterator[Piece]:
    """One piece for each row that is not empty; a row is its number (from 1) and its values.

    The first row with more than one value names the columns if all of them are short words; a row of one long value is prose.
    Raises UnreadableFile for more than two million cells.
    """
    cells = 0
    named = False
    for number, values in rows:
        texts = [written(value) for value in values]
        while texts and not texts[-1].strip():
            texts.pop()
        cells += len(texts)
        if cells > MOST_CELLS:
            raise UnreadableFile(f"more than {MOST_CELLS:,} cells; such tables are data, not text to ask")
        filled = [text for text in texts if text.strip()]
        if len(filled) == 1 and len(filled[0]) > _LONGEST_NAME:
            yield Piece("paragraph", filled[0], page=number)
        elif filled:
            header = not named and len(filled) > 1 and all(_is_name(text) for text in filled)
            named = named or len(filled) > 1
            yield row(texts, header=header, page=number)


def written(value: object) -> str:
    """A value as a person would type it: 3 and not 3.0, dates as 2026-11-21."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.10g}"
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "minutes")
    return "" if value is None else str(value)


def _is_name(text: str) -> bool:
    is_sentence = text.rstrip().endswith(".") and text.count(" ") > 2
    return len(text) <= _LONGEST_NAME and not is_sentence and not any(character.isdigit() for character in text.split(" ")[0])
