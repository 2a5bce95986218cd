"""Footnotes and definition lists: parts of Markdown that the parser's standard does not know."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from markdown_it.token import Token

from rag.records import Block, BlockKind, Span

_FOOTNOTE = re.compile(r"^[ ]{0,3}\[\^[^\]\s]+\]:[ \t]*\S[^\n]*(?:\n(?!\s*\n|[ ]{0,3}\[\^[^\]\s]+\]:)[^\n]+)*", re.MULTILINE)
_FENCE = re.compile("```|~~~")
_DEFINITION = re.compile(r"[ ]{0,3}:[ \t]+\S")


def with_footnotes(text: str, blocks: Sequence[Block], tokens: Sequence[Token]) -> list[Block]:
    """One block for each footnote. Several on adjacent lines are one paragraph to the parser, and short ones are a link."""
    if "[^" not in text:
        return list(blocks)
    lines = [0, *(match.end() for match in re.finditer("\n", text))]
    code = [token.map for token in tokens if token.type == "fence" and token.map]
    notes = [
        _trimmed(text, match.start(), match.end())
        for match in _FOOTNOTE.finditer(text)
        if not any(first < bisect_right(lines, match.start()) <= end for first, end in code)
    ]
    kept = [part for block in blocks for part in _outside(text, block, notes)]
    blocks = sorted([*kept, *(Block("paragraph", note) for note in notes)], key=lambda block: block.span)
    starts = {note.start for note in notes}
    for i in range(1, len(blocks)):
        # A further paragraph of a note is indented, like code.
        if blocks[i].kind == "code" and blocks[i - 1].span.start in starts and not _FENCE.match(blocks[i].span.of(text)):
            blocks[i] = Block("paragraph", blocks[i].span)
            starts.add(blocks[i].span.start)
    return blocks


def _outside(text: str, block: Block, notes: Sequence[Span]) -> Iterator[Block]:
    """What is left of a block without the footnotes in it."""
    inside = [note for note in notes if note.start < block.span.end and block.span.start < note.end]
    if not inside:
        yield block
        return
    start = block.span.start
    for end, following in [*((note.start, note.end) for note in inside), (block.span.end, block.span.end)]:
        span = _trimmed(text, start, max(start, min(end, block.span.end)))
        if span.start < span.end:
            yield Block(block.kind, span, block.level)
        start = max(start, following)


def with_definitions(text: str, blocks: Sequence[Block]) -> list[Block]:
    """One item for each term with its definitions: lines that begin with ": ", directly below the term or after a blank line."""
    result: list[Block] = []
    for block in blocks:
        source = block.span.of(text)
        if block.kind != "paragraph" or not re.search(rf"^{_DEFINITION.pattern}", source, re.MULTILINE):
            result.append(block)
        elif _DEFINITION.match(source) and result and _can_be_term(text, result[-1], block):
            result[-1] = Block("item", Span(result[-1].span.start, block.span.end))
        else:
            result += _entries(text, block.span)
    return result


def _can_be_term(text: str, before: Block, block: Block) -> bool:
    one_line = "\n" not in before.span.of(text).strip() or before.kind == "item"
    is_term = before.kind == "paragraph" or (before.kind == "item" and _has_definition(before.span.of(text)))
    return one_line and is_term and not text[before.span.end : block.span.start].strip()


def _has_definition(source: str) -> bool:
    return re.search(rf"\n{_DEFINITION.pattern}", source) is not None


def _entries(text: str, span: Span) -> Iterator[Block]:
    """A new entry begins at a line that is no definition and has one below it."""
    starts = [span.start, *(span.start + match.end() for match in re.finditer("\n", span.of(text)))]
    lines = [Span(start, end) for start, end in zip(starts, [*starts[1:], span.end], strict=True)]
    defines = [_DEFINITION.match(line.of(text)) is not None for line in lines]
    begins = [0, *(i for i in range(1, len(lines)) if defines[i - 1] and not defines[i] and any(defines[i:]))]
    for first, end in zip(begins, [*begins[1:], len(lines)], strict=True):
        kind: BlockKind = "item" if any(defines[first:end]) else "paragraph"
        yield Block(kind, _trimmed(text, lines[first].start, lines[end - 1].end))


def _trimmed(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    return Span(start + len(piece) - len(piece.lstrip()), max(start, end - len(piece) + len(piece.rstrip())))
