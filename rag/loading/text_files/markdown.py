"""Markdown to blocks. The text is the file itself, so that every span can be found in the file with an editor.

Only tables written in HTML are rewritten as Markdown, because their tags would be quoted.
"""

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

from rag.loading.blocks import ParsedFile, is_question
from rag.loading.text_files.decoding import decode
from rag.loading.text_files.front_matter import front_matter
from rag.loading.text_files.html_in_markdown import with_tables_as_rows
from rag.loading.text_files.markdown_extras import with_definitions, with_footnotes
from rag.records import Block, BlockKind, Span
from rag.text.headings import heading_text

_PARSER = MarkdownIt("commonmark").enable("table")
_LINK = re.compile(r"!?\[[^\]\n]*\]\([^)\n]*\)|!?\[[^\]\n]*\]\[[^\]\n]*\]|<https?://[^>\s]*>|https?://\S+")
_LETTERS = re.compile(r"[^\W_]")


def read(data: bytes) -> ParsedFile:
    return parse(decode(data))


def parse(text: str) -> ParsedFile:
    """The title (front matter, else the first heading of level 1) and the blocks of a Markdown text."""
    text = with_tables_as_rows(text)
    front = front_matter(text)
    # Blank lines in its place, so that the parser's line numbers are those of the file.
    body = "\n" * text.count("\n", 0, front.end) + text[front.end :]
    tokens = _PARSER.parse(body)
    blocks = with_footnotes(text, with_definitions(text, list(_blocks(text, _Lines(text), tokens))), tokens)
    title = front.title
    top_heading = next((block for block in blocks if block.kind == "heading" and block.level == 1), None)
    if title is None and top_heading is not None:
        title = heading_text(top_heading.span.of(text))
    entries = [Block("item", span) for span in front.entries]
    return ParsedFile(title, text, [*entries, *_without_links_at_end(text, blocks)])


class _Lines:
    """Line numbers to spans."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._length = len(text)
        self._text = text

    def span(self, first: int, end: int) -> Span:
        """Lines first to end - 1, without the white space around them."""
        start = self._starts[first] if first < len(self._starts) else self._length
        stop = self._starts[end] if end < len(self._starts) else self._length
        raw = self._text[start:stop]
        return Span(start + len(raw) - len(raw.lstrip()), max(start, stop - len(raw) + len(raw.rstrip())))


def _blocks(text: str, lines: _Lines, tokens: list[Token]) -> Iterator[Block]:
    item_depth = 0
    in_table_head = False
    position = 0  # the end of the last block
    for token in tokens:
        item_depth += {"list_item_open": 1, "list_item_close": -1}.get(token.type, 0)
        in_table_head = token.type == "thead_open" or (in_table_head and token.type != "thead_close")
        kind = _KINDS.get(token.type)
        if kind is None or token.map is None:
            continue
        # The line of dashes below a table's header belongs to the header.
        span = lines.span(token.map[0], token.map[1] + in_table_head)
        span = Span(max(span.start, position), span.end)
        content = _NO_TEXT.sub("", span.of(text)) if token.type == "html_block" else span.of(text)
        if span.start >= span.end or not _LETTERS.search(content):
            continue
        position = span.end
        if token.type == "html_block":
            yield from _html_blocks(text, span, in_item=item_depth > 0)
            continue
        yield _block(text, token, kind, span, in_item=item_depth > 0, in_table_head=in_table_head)


_KINDS: dict[str, BlockKind] = {
    "heading_open": "heading",
    "paragraph_open": "paragraph",
    "tr_open": "table",
    "fence": "code",
    "code_block": "code",
    "html_block": "paragraph",
}
_BLOCK_TAG = re.compile(
    r"<!--.*?-->|<(?:script|style)\b.*?</(?:script|style)\s*>|</?(li|ul|ol|p|div|details|summary|h[1-6]|section|article|aside|main"
    r"|header|footer|blockquote|dl|dt|dd|table|thead|tbody|tr|td|th|caption|center|figure|figcaption|hr)\b[^>]*>",
    re.DOTALL | re.IGNORECASE,
)
_NO_TEXT = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def _html_blocks(text: str, span: Span, *, in_item: bool) -> Iterator[Block]:
    """A block for each run of text between tags of blocks, so that no such tag is quoted."""
    start, tag = span.start, ""
    for match in [*_BLOCK_TAG.finditer(text, span.start, span.end), None]:
        end = match.start() if match else span.end
        if _LETTERS.search(_NO_TEXT.sub("", text[start:end])):
            part = _without_outer_tags(text, Span(start, end))
            level = int(tag[1]) if tag[:1] == "h" and tag[1:].isdigit() else 0
            kind: BlockKind = "heading" if level else "item" if tag in ("li", "dd", "dt") or in_item else "paragraph"
            yield Block("question" if kind == "paragraph" and is_question(part.of(text)) else kind, part, level)
        if match:
            start, tag = match.end(), (match.group(1) or "").lower()


def _without_outer_tags(text: str, span: Span) -> Span:
    """The span without the tags at its start and end, so that they are not quoted."""
    start, end = span.start, span.end
    while start < end and (text[start].isspace() or (text[start] == "<" and text.find(">", start, end) > 0)):
        start = start + 1 if text[start].isspace() else text.find(">", start, end) + 1
    while start < end and (text[end - 1].isspace() or (text[end - 1] == ">" and text.rfind("<", start, end) >= 0)):
        end = end - 1 if text[end - 1].isspace() else text.rfind("<", start, end)
    return Span(start, end) if start < end else span


def _block(text: str, token: Token, kind: BlockKind, span: Span, *, in_item: bool, in_table_head: bool) -> Block:
    if kind == "heading":
        level = int(token.tag[1])
        return Block("question" if is_question(heading_text(span.of(text))) and level > 1 else "heading", span, level)
    if kind == "paragraph":
        if is_question(span.of(text).strip("*_ ")) and not in_item:
            return Block("question", span)
        return Block("item" if in_item else "paragraph", span)
    return Block(kind, span, level=int(in_table_head))


def _without_links_at_end(text: str, blocks: list[Block]) -> list[Block]:
    """Leaves out link-only blocks at the end of the text, if there are two or more, with the heading above them."""
    end, links = len(blocks), 0
    while end:
        source = blocks[end - 1].span.of(text)
        if blocks[end - 1].kind in ("heading", "question"):
            if not links:
                break
        elif not _LINK.search(source) or _LETTERS.search(_LINK.sub("", source)):
            break
        else:
            links += 1
        end -= 1
    return blocks[:end] if links >= 2 and end else blocks
