"""Pieces of text in reading order, assembled into one text with blocks."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rag.loading.containers.members import Member
from rag.records import Block, BlockKind, Place, Span
from rag.text.sentences import split_sentences

_ENDS_QUESTION = re.compile(r"[?？][\"”'’»)\]*_]*$")
_LONGEST_QUESTION = 250  # characters; a longer paragraph that ends with "?" is prose
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # all but tab and line feed


@dataclass(frozen=True)
class ParsedFile:
    """What a loader makes of a file: a Document without id and digest. `title` is None if the file states none.

    `members` are files within the file, each a document of its own; a container without text of its own has no blocks.
    """

    title: str | None
    text: str
    blocks: Sequence[Block]
    notes: tuple[str, ...] = ()
    members: Sequence[Member] = ()


@dataclass(frozen=True)
class Piece:
    """The text of a future block. `breaks` are the positions in it at which a further page begins.

    `linked` is the number of its characters inside links; `places` are those of the block.
    """

    kind: BlockKind
    text: str
    level: int = 0
    page: int | None = None
    breaks: tuple[int, ...] = ()
    linked: int = 0
    places: tuple[Place, ...] = ()


def assemble(title: str | None, pieces: Iterable[Piece], notes: Sequence[str] = ()) -> ParsedFile:
    """One text with a blank line between blocks; rows of a table and items of a list are on adjacent lines.

    Empty pieces and the white space around a piece are dropped. A paragraph that is a question becomes a
    question block, and so does a heading below level 1.
    """
    text: list[str] = []
    blocks: list[Block] = []
    position = 0
    for piece in pieces:
        piece = _trimmed(piece)
        if not piece.text:
            continue
        if blocks:
            adjacent = piece.kind == blocks[-1].kind and piece.kind in ("item", "table")
            separator = "\n" if adjacent else "\n\n"
            text.append(separator)
            position += len(separator)
        text.append(piece.text)
        span = Span(position, position + len(piece.text))
        breaks = tuple(position + offset for offset in piece.breaks)
        blocks.append(Block(_kind(piece), span, piece.level, piece.page, breaks, piece.places))
        position = span.end
    return ParsedFile(title, "".join(text), blocks, tuple(notes))


def row(cells: Iterable[str], *, header: bool = False, page: int | None = None) -> Piece:
    """A table row with its cells on one line, "a | b | c", which `rag.text.table_cells` takes apart again.

    A bar within a cell is written as "\\|". If the first and the last cell are empty, the row has outer bars as well, because
    a single bar at each end would be taken for outer bars. The piece is empty if all cells are.
    """
    texts = [" ".join(cell.split()).replace("|", "\\|") for cell in cells]
    if not any(texts):
        return Piece("table", "", level=int(header), page=page)
    text = " | ".join(texts)
    return Piece("table", text if texts[0] or texts[-1] else f"| {text} |", level=int(header), page=page)


def is_question(line: str) -> bool:
    """Whether a line is nothing but a question, so that the next lines answer it, as in an FAQ."""
    line = line.strip()
    return bool(_ENDS_QUESTION.search(line)) and len(line) <= _LONGEST_QUESTION and len(split_sentences(line)) == 1


def _trimmed(piece: Piece) -> Piece:
    text = _CONTROL_CHARACTERS.sub(" ", piece.text)
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    if (start, end) == (0, len(text)):
        return replace(piece, text=text)
    breaks = tuple(min(max(offset - start, 0), end - start) for offset in piece.breaks)
    return replace(piece, text=text[start:end], breaks=breaks)


def _kind(piece: Piece) -> BlockKind:
    can_be_question = piece.kind == "paragraph" or (piece.kind == "heading" and piece.level > 1)
    return "question" if can_be_question and is_question(piece.text) else piece.kind
