"""RTF, converted to plain text and read as plain text, because programs do not agree on how to write its structure.

Tables, notes, comments, headers and footers are marked before the conversion and read for what they are.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from striprtf.striprtf import rtf_to_text

from rag.loading.blocks import ParsedFile, Piece, assemble
from rag.loading.office.left_out import notes_of
from rag.loading.office.page_margins import margin_pieces
from rag.loading.office.rtf_marks import (
    CELL,
    COMMENT,
    END,
    FOOTNOTE,
    LEVEL,
    LOWERED,
    MARGIN,
    MARKS,
    RAISED,
    ROW,
    MarkedSource,
    marked,
)
from rag.loading.raised_figures import lowered, raised
from rag.loading.table_rows import Cell, table
from rag.loading.text_files.plain_text import parse
from rag.text.list_markers import TABBED_MARKER

_NUMBER = re.compile(r"\(?\w{1,3}[.)] ")
_SHIFTED = re.compile(f"([{RAISED}{LOWERED}])([^{''.join(sorted(MARKS))}]*)")
_ASIDE = re.compile(f"([{MARGIN}{FOOTNOTE}{COMMENT}])([^{MARGIN}{FOOTNOTE}{COMMENT}{END}]*){END}")


def read(data: bytes) -> ParsedFile:
    source = marked(data.decode("latin-1"))
    text = rtf_to_text(source.source, errors="replace").replace("\r\n", "\n").replace("\0", "")
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")  # RTF writes characters as UTF-16 units
    text = _SHIFTED.sub(lambda match: raised(match[2]) if match[1] == RAISED else lowered(match[2]), text)
    text = re.sub(f"[{RAISED}{LOWERED}{LEVEL}]", "", text)
    asides: list[tuple[str, str]] = []
    text = _ASIDE.sub(lambda match: asides.append((match[1], match[2])) or "", text)  # type: ignore[func-returns-value]
    notes = notes_of(source.left_out)
    body = _without_marks(text) if ROW not in text else ""
    if body and not asides:
        parsed = parse(_as_plain_text(body))
        return ParsedFile(parsed.title, parsed.text, parsed.blocks, tuple(notes))
    title, pieces = _pieces(text, source)
    return assemble(title, [*pieces, *_aside_pieces(asides)], notes)


def _pieces(text: str, source: MarkedSource) -> tuple[str | None, list[Piece]]:
    """The title and the pieces of a text with tables: a line that ends with the mark of a row is one."""
    title: str | None = None
    pieces: list[Piece] = []
    rows = iter(zip(source.merges, source.headers, strict=True))
    grid: list[list[Cell]] = []
    headers = 0
    plain: list[str] = []
    for line in [*text.split("\n"), ""]:
        if ROW in line:
            merges, is_header = next(rows, ([], False))
            title, plain = _flush(plain, pieces, title)
            headers += is_header and headers == len(grid)
            _add_row(grid, line.split(ROW)[0].split(CELL)[:-1], merges)
        elif line.strip() or not grid:
            pieces.extend(table(grid, header_rows=headers or None))
            grid, headers = [], 0
            plain.append(line)
    pieces.extend(table(grid, header_rows=headers or None))
    title, _ = _flush(plain, pieces, title)
    return title, pieces


def _flush(lines: list[str], pieces: list[Piece], title: str | None) -> tuple[str | None, list[str]]:
    """Adds what stands between two tables. A title is a heading of level 1 only at the start of the document."""
    parsed = parse(_as_plain_text(_without_marks("\n".join(lines))))
    at_start = not pieces
    for block in parsed.blocks:
        level = 2 if block.level == 1 and not at_start else block.level
        pieces.append(Piece(block.kind, block.span.of(parsed.text), level))
    return (parsed.title if at_start and parsed.blocks else title), []


def _add_row(grid: list[list[Cell]], texts: list[str], merges: list[tuple[bool, bool]]) -> None:
    """A cell that continues the one to its left or above is dropped, and that one grows."""
    line: list[Cell] = []
    for column, text in enumerate(texts):
        leftwards, upwards = merges[column] if column < len(merges) else (False, False)
        clean = " ".join(_without_marks(text).split())
        if leftwards and line:
            line[-1] = Cell(line[-1].text, line[-1].columns + 1)
        elif upwards and grid:
            above = _cell_at(grid[-1], sum(cell.columns for cell in line))
            line.append(Cell(above.text if above is not None else clean, above.columns if above is not None else 1))
        else:
            line.append(Cell(clean))
    grid.append(line)


def _cell_at(line: list[Cell], column: int) -> Cell | None:
    for cell in line:
        if column < cell.columns:
            return cell
        column -= cell.columns
    return None


def _aside_pieces(asides: list[tuple[str, str]]) -> Iterator[Piece]:
    """Notes and comments below headings of their own at the end, then headers and footers."""
    for mark, heading, before in ((FOOTNOTE, "Footnotes", ""), (COMMENT, "Comments", "Comment: ")):
        texts = _texts(mark, asides)
        yield Piece("heading", heading if texts else "", level=1)
        yield from (Piece("item" if mark == COMMENT else "paragraph", f"{before}{text}") for text in texts)
    yield from margin_pieces(Piece("paragraph", text) for text in _texts(MARGIN, asides))


def _texts(mark: str, asides: list[tuple[str, str]]) -> list[str]:
    texts = (" ".join(_without_marks(text.replace(CELL, " ")).split()) for kind, text in asides if kind == mark)
    return [text for text in texts if text]


def _without_marks(text: str) -> str:
    return "".join(character for character in text if character not in MARKS)


def _as_plain_text(text: str) -> str:
    lines = [TABBED_MARKER.sub(_marker, line.strip()) for line in text.split("\n") if line.strip(" \t|")]
    # Each line is a whole paragraph, which needs a blank line in plain text; items of a list stay together.
    separated = (
        line + ("\n" if _is_item(line) and _is_item(following) else "\n\n") for line, following in pairwise([*lines, ""])
    )
    return "".join(separated)


def _marker(match: re.Match[str]) -> str:
    marker = match[1]
    return f"{marker} " if marker[0].isalnum() or marker[0] == "(" else "• "


def _is_item(line: str) -> bool:
    return line.startswith("• ") or _NUMBER.match(line) is not None
