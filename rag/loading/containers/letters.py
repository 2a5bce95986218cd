"""A message, from whatever format it was read: its headers, the better of its two bodies, and its attachments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, Piece, assemble
from rag.loading.containers.members import Member
from rag.loading.formats import format_of
from rag.loading.pdf.ocr import can_run
from rag.loading.text_files import plain_text
from rag.loading.web.web_page import ParsedPage, parse_page

_PICTURES = frozenset(".png .jpg .jpeg .jpe .gif .bmp .webp .tif .tiff .svg .emf .wmf .heic".split())
_WORD = re.compile(r"\w+")
_LEAST_SHARE = 0.6  # of the words of the HTML; a plain text with fewer of them does not say the same
_STAND_IN = re.compile(
    r"\bhtml\b|browser|mail (?:client|program|reader|software)|view (?:this|it|the) (?:message|e-?mail|online)", re.I
)
_LONGEST_STAND_IN = 500  # characters


@dataclass(frozen=True)
class Attachment:
    name: str
    data: bytes


@dataclass(frozen=True)
class Letter:
    """`headers` are names and values in the order in which they are read. `further` are texts below the body.

    `pictures` counts images that are shown within the text.
    """

    subject: str
    headers: tuple[tuple[str, str], ...]
    plain: str
    html: str
    further: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()
    pictures: int = 0


def letter_file(letter: Letter) -> ParsedFile:
    """The letter as a document, with each attachment that can be read as a member; the others are noted."""
    members: list[Member] = []
    notes: list[str] = []
    pictures = letter.pictures
    for attachment in letter.attachments:
        reason = _why_not_read(attachment)
        if PurePosixPath(attachment.name).suffix.lower() in _PICTURES and (reason or not can_run("tesseract")):
            pictures += 1
        elif reason is None:
            members.append(Member(attachment.name, partial(_identity, attachment.data)))
        else:
            notes.append(f"attachment {attachment.name} is not read: {reason}")
    pieces = [*_head(letter), *_body(letter), *(piece for text in letter.further for piece in _plain(text))]
    left_out = [f"images left out: {pictures}"] if pictures else []
    parsed = assemble(letter.subject or None, pieces, [*letter.notes, *left_out, *notes])
    return ParsedFile(parsed.title, parsed.text, parsed.blocks, parsed.notes, members)


def _why_not_read(attachment: Attachment) -> str | None:
    if not attachment.data:
        return "it is empty"
    try:
        format_of(attachment.name, attachment.data)
    except UnreadableFile as error:
        return str(error).partition("; supported formats")[0]
    return None


def _identity(data: bytes) -> bytes:
    return data


def _head(letter: Letter) -> Iterator[Piece]:
    if letter.subject:
        yield Piece("heading", letter.subject, level=1)
    yield from (Piece("item", f"{name}: {value}") for name, value in letter.headers if value)


def _body(letter: Letter) -> Iterator[Piece]:
    page = parse_page(letter.html) if letter.html.strip() else ParsedPage(None, [])
    has_table = any(piece.kind == "table" and piece.level for piece in page.pieces)
    if page.pieces and (has_table or _is_stand_in(letter.plain, " ".join(piece.text for piece in page.pieces))):
        yield from page.pieces
    else:
        yield from _plain(letter.plain)


def _is_stand_in(plain: str, html: str) -> bool:
    """Whether a plain text lacks what the HTML says: it is empty, cut short, or says only that there is HTML."""
    words, in_html = _WORD.findall(plain.casefold()), _WORD.findall(html.casefold())
    if len(set(in_html).intersection(words)) >= _LEAST_SHARE * len(set(in_html)):
        return False
    return len(words) < len(in_html) or (len(plain) < _LONGEST_STAND_IN and _STAND_IN.search(plain) is not None)


def _plain(text: str) -> Iterator[Piece]:
    """Headings below that of the subject."""
    for block in plain_text.parse(text).blocks:
        yield Piece(block.kind, block.span.of(text), max(block.level, 2) if block.level else 0)
