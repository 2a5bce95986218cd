"""Plain text to blocks: headings, FAQ questions, list items and paragraphs, recognised by their shape alone."""

import re
from collections.abc import Iterator
from dataclasses import replace

from rag.loading.blocks import ParsedFile, is_question
from rag.loading.text_files.decoding import decode
from rag.records import Block, BlockKind, Span
from rag.text.list_markers import TYPED_MARKER

_ITEM = re.compile(rf"\s*{TYPED_MARKER.pattern}\S")
_UNDERLINE = re.compile(r"\s*(?:={3,}|-{3,}|~{3,})\s*")
_RULE = re.compile(r"\s*([-=_*~#])(?:\s*\1){2,}\s*")
_ENDS_SENTENCE = re.compile(r"[.!?…:;][\"”'’»)\]*_]*$")
_NUMBERED = re.compile(r"(\d+(?:\.\d+)*)\.?\s+\S")
_LONGEST_TITLE = 250  # characters
_LONGEST_HEADING = 90  # characters; a line of prose this short rarely lacks a full stop
_TITLE_CASE = 0.75  # share of a title's long words that are capitalised
_LONG_WORD = 4  # letters; shorter words, such as "of" and "the", are not capitalised in titles
_SURELY_UNWRAPPED = 120  # characters; hand-wrapped text has no lines this long


def read(data: bytes) -> ParsedFile:
    return parse(decode(data))


def parse(text: str) -> ParsedFile:
    """The title (the first line, if it looks like a heading) and the blocks of a plain text."""
    blocks = [block for lines in _paragraphs(text) for block in _blocks(text, lines)]
    blocks = _without_titles_at_end(text, blocks)
    blocks = _without_empty_headings(blocks)
    title = None
    if blocks and blocks[0].kind == "heading":
        title = blocks[0].span.of(text).split("\n")[0].strip()
        blocks[0] = Block("heading", blocks[0].span, level=1)
    return ParsedFile(title, text, blocks)


def _paragraphs(text: str) -> Iterator[list[Span]]:
    """Runs of lines without a blank line between them; the span of a line does not include its line end."""
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
    block: Block | None = None
    for i, line in enumerate(lines):
        kind = _kind_of_start(text, lines, i, block.kind if block else None)
        if kind is None and block:
            block = replace(block, span=Span(block.span.start, line.end))
            continue
        if block:
            yield block
        block = Block(kind or "paragraph", line, level=_level(line.of(text)) if kind == "heading" else 0)
    if block:
        yield block


def _kind_of_start(text: str, lines: list[Span], i: int, current: BlockKind | None) -> BlockKind | None:
    """The kind of block that starts with line `i` of a run; None if the line continues the current block."""
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


def _without_empty_headings(blocks: list[Block]) -> list[Block]:
    """Headings at the end without a body become paragraphs: they are a list of names or a signature."""
    last_body = max((i for i, block in enumerate(blocks) if block.kind not in ("heading", "question")), default=-1)
    return [
        Block("paragraph", block.span) if i > last_body and block.kind == "heading" else block for i, block in enumerate(blocks)
    ]


def _without_titles_at_end(text: str, blocks: list[Block]) -> list[Block]:
    """Leaves out the titles of other pages that scraped pages end with, if there are two or more.

    Only lines after real prose count, and only those in which most long words are capitalised, as in titles. So a list of
    notes or names at the end of a short text stays.
    """
    end, titles = len(blocks), 0
    while end:
        lines = [line for line in blocks[end - 1].span.of(text).split("\n") if line.strip()]
        if not all(_looks_like_title(line) for line in lines):
            break
        end, titles = end - 1, titles + len(lines)
    has_prose = any(len(block.span.of(text)) > _LONGEST_HEADING for block in blocks[:end])
    return blocks[:end] if has_prose and titles >= 2 else blocks


def _looks_like_title(line: str) -> bool:
    if line.rstrip().endswith((".", "!", ";", ",")) or len(line) > _LONGEST_TITLE:
        return False
    words = [word for word in re.findall(r"[^\W\d_][\w'’-]*", line) if len(word) >= _LONG_WORD]
    return len(words) >= 2 and sum(word[0].isupper() for word in words) >= _TITLE_CASE * len(words)
