"""Pieces of text that a file holds, in reading order, to one text with blocks: for every format that is not text itself."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rag.records import Block, BlockKind, Span
from rag.text.sentences import split_sentences

_ENDS_QUESTION = re.compile(r"[?？][\"”'’»)\]*_]*$")
_LONGEST_QUESTION = 250  # characters
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # control characters that no text means


@dataclass(frozen=True)
class ParsedFile:
    """What a loader makes of a file: a Document without its name. `title` is None where the file has none of its own."""

    title: str | None
    text: str
    blocks: Sequence[Block]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Piece:
    """A block's text before it has a place. `breaks` are positions in it at which a further page begins.

    `linked` counts its characters that stand in links.
    """

    kind: BlockKind
    text: str
    level: int = 0
    page: int | None = None
    breaks: tuple[int, ...] = ()
    linked: int = 0


def assemble(title: str | None, pieces: Iterable[Piece], notes: Sequence[str] = ()) -> ParsedFile:
    """Rows of a table and items of a list on lines of their own, other blocks with a blank line between.

    White space around a piece and empty pieces are left out; a paragraph or lower heading that asks is a question.
    """
    text: list[str] = []
    blocks: list[Block] = []
    position = 0
    for piece in pieces:
        piece = _trimmed(piece)
        if not piece.text:
            continue
        if blocks:
            tight = piece.kind == blocks[-1].kind and piece.kind in ("item", "table")
            separator = "\n" if tight else "\n\n"
            text.append(separator)
            position += len(separator)
        text.append(piece.text)
        span = Span(position, position + len(piece.text))
        breaks = tuple(position + place for place in piece.breaks)
        blocks.append(Block(_kind(piece), span, piece.level, piece.page, breaks))
        position = span.end
    return ParsedFile(title, "".join(text), blocks, tuple(notes))


def row(cells: Iterable[str], *, header: bool = False, page: int | None = None) -> Piece:
    """A row of a table, its cells on one line; empty where all of them are."""
    text = " | ".join(" ".join(cell.split()) for cell in cells)
    return Piece("table", text if text.strip(" |") else "", level=int(header), page=page)


def is_question(line: str) -> bool:
    """Whether a line by itself is a question that the next lines answer."""
    line = line.strip()
    return bool(_ENDS_QUESTION.search(line)) and len(line) <= _LONGEST_QUESTION and len(split_sentences(line)) == 1


def _trimmed(piece: Piece) -> Piece:
    text = _UNSEEN.sub(" ", piece.text)
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    if (start, end) == (0, len(text)):
        return replace(piece, text=text)
    return replace(piece, text=text[start:end], breaks=tuple(min(max(place - start, 0), end - start) for place in piece.breaks))


def _kind(piece: Piece) -> BlockKind:
    asks = piece.kind == "paragraph" or (piece.kind == "heading" and piece.level > 1)
    return "question" if asks and is_question(piece.text) else piece.kind
