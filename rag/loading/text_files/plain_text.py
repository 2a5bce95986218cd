"""Plain text to blocks: headings, FAQ questions, list items and paragraphs, told by their shape alone."""

import re
from collections.abc import Iterator
from dataclasses import replace

from rag.loading.blocks import ParsedFile, is_question
from rag.loading.text_files.decoding import decode
from rag.records import Block, BlockKind, Span

_ITEM = re.compile(r"\s*(?:[-*+•‣◦–]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+\S")
_UNDERLINE = re.compile(r"\s*(?:={3,}|-{3,}|~{3,})\s*")
_RULE = re.compile(r"\s*([-=_*~#])(?:\s*\1){2,}\s*")
_ENDS_SENTENCE = re.compile(r"[.!?…:;][\"”'’»)\]*_]*$")
_NUMBERED = re.compile(r"(\d+(?:\.\d+)*)\.?\s+\S")
_LONGEST_TITLE = 250
_LONGEST_HEADING = 90  # characters; a line of prose is rarely shorter without a full stop
_SURELY_UNWRAPPED = 120  # characters; no text wrapped by hand has lines as long


def read(data: bytes) -> ParsedFile:
    return parse(decode(data))


def parse(text: str) -> ParsedFile:
    """The title (the first line, if it stands like a heading) and the blocks of a plain text."""
    blocks = [block for lines in _paragraphs(text) for block in _blocks(text, lines)]
    blocks = _without_links_at_foot(text, blocks)
    blocks = _heading_needs_body(blocks)
    title = None
    if blocks and blocks[0].kind == "heading":
        title = blocks[0].span.of(text).split("\n")[0].strip()
        blocks[0] = Block("heading", blocks[0].span, level=1)
    return ParsedFile(title, text, blocks)


def _paragraphs(text: str) -> Iterator[list[Span]]:
    """Runs of lines without a blank one between them; a line's span has no line end."""
    lines: list[Span] = []
    start = 0
    for raw in text.split("\n"):
        span = Span(start, start + len(raw))
        start = span.end + 1
        if raw.strip() and not (_RULE.fullmatch(raw) and not lines):
            lines.append(span)
        elif lines:
            yield lines
            lines = []
    if lines:
        yield lines


def _blocks(text: str, lines: list[Span]) -> Iterator[Block]:
    """The blocks of one run of lines."""
    first = lines[0].of(text).strip()
    if len(lines) == 1 and _shaped_like_heading(first):
        yield Block("heading", lines[0], level=_level(first))
        return
    begun: Block | None = None
    for i, line in enumerate(lines):
        kind = _begins(text, lines, i, begun.kind if begun else None)
        if kind is None and begun:
            begun = replace(begun, span=Span(begun.span.start, line.end))
            continue
        if begun:
            yield begun
        begun = Block(kind or "paragraph", line, level=_level(line.of(text)) if kind == "heading" else 0)
    if begun:
        yield begun


def _begins(text: str, lines: list[Span], i: int, current: BlockKind | None) -> BlockKind | None:
    """The kind of block that begins with line `i` of a run, None where it goes on with the current one."""
    raw = lines[i].of(text)
    line = raw.strip()
    before = lines[i - 1].of(text).rstrip() if i else ""
    after = lines[i + 1].of(text) if i + 1 < len(lines) else ""
    if current == "heading" and _UNDERLINE.fullmatch(raw):
        return None
    if _UNDERLINE.fullmatch(after) and len(line) <= _LONGEST_HEADING:
        return "heading"
    after_sentence = not before or current in ("heading", "question") or _ENDS_SENTENCE.search(before) is not None
    if after_sentence and is_question(line) and not line[0].islower():
        return "question"
    if _ITEM.match(raw):
        return "item"
    if after_sentence and len(after) > _SURELY_UNWRAPPED and _shaped_like_heading(line):
        return "heading"
    new_paragraph = current in ("heading", "question") or (current == "item" and raw[0].isupper())
    return "paragraph" if new_paragraph else None


def _shaped_like_heading(line: str) -> bool:
    return (
        len(line) <= _LONGEST_HEADING
        and not _ENDS_SENTENCE.search(line)
        and not line.endswith(",")
        and not line[0].islower()
        and any(character.isalpha() for character in line)
        and (_NUMBERED.match(line) is not None or not _ITEM.match(line))
    )


def _level(line: str) -> int:
    number = _NUMBERED.match(line.strip())
    return min(6, 2 + number.group(1).count(".")) if number else 2


def _heading_needs_body(blocks: list[Block]) -> list[Block]:
    """Headings that nothing follows are short paragraphs: a list of names, a signature."""
    last_body = max((i for i, block in enumerate(blocks) if block.kind not in ("heading", "question")), default=-1)
    return [
        Block("paragraph", block.span) if i > last_body and block.kind == "heading" else block for i, block in enumerate(blocks)
    ]


def _without_links_at_foot(text: str, blocks: list[Block]) -> list[Block]:
    """Leaves out what scraped pages end with: two or more titles of other pages, one below the other.

    Only after real prose, and only lines in which most long words have capitals, as titles have; so a list of
    notes or names that ends a short text stays.
    """
    foot, titles = len(blocks), 0
    while foot:
        lines = [line for line in blocks[foot - 1].span.of(text).split("\n") if line.strip()]
        if not all(_looks_like_title(line) for line in lines):
            break
        foot, titles = foot - 1, titles + len(lines)
    has_prose = any(len(block.span.of(text)) > _LONGEST_HEADING for block in blocks[:foot])
    return blocks[:foot] if has_prose and titles >= 2 else blocks


def _looks_like_title(line: str) -> bool:
    if line.rstrip().endswith((".", "!", ";", ",")) or len(line) > _LONGEST_TITLE:
        return False
    words = [word for word in re.findall(r"[^\W\d_][\w'’-]*", line) if len(word) > 3]
    return len(words) >= 2 and sum(word[0].isupper() for word in words) >= 0.75 * len(words)
