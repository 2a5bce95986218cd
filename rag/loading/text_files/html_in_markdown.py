"""Tables written in HTML within Markdown, rewritten as Markdown, so that their rows can be quoted without tags."""

import re

from markdown_it import MarkdownIt

from rag.loading.blocks import Piece
from rag.loading.web.web_page import parse_page

_PARSER = MarkdownIt("commonmark").enable("table")
_TABLE_TAG = re.compile(r"<(/?)table\b[^>]*>", re.IGNORECASE)
_ONLY_TAGS_BEFORE = re.compile(r"(?:[ \t]|<[^>\n]*>|[-*+>]|\d+[.)])*")
_INDENT = re.compile(r"[ \t]*(?:(?:[-*+>]|\d+[.)])[ \t]+)*")


def with_tables_as_rows(text: str) -> str:
    """The text with each HTML table replaced by lines like "| a | b |". A text without such tables is returned as it is."""
    if not _TABLE_TAG.search(text):
        return text
    parts: list[str] = []
    position = 0
    for start, end in _tables(text):
        rows = _as_markdown(text[start:end])
        if rows:
            parts += [text[position:start], _placed(rows, text, start, end)]
            position = end
    return "".join([*parts, text[position:]])


def _tables(text: str) -> list[tuple[int, int]]:
    """Start and end of each outermost table that is not an example in a code block."""
    code = _code(text)
    tables: list[tuple[int, int]] = []
    depth = start = 0
    for match in _TABLE_TAG.finditer(text):
        if not match.group(1):
            if depth or _begins_block(text, match.start(), code):
                start = start if depth else match.start()
                depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                tables.append((start, match.end()))
    return tables


def _begins_block(text: str, start: int, code: list[tuple[int, int]]) -> bool:
    line = text.rfind("\n", 0, start) + 1
    in_code = any(first <= start < end for first, end in code)
    return not in_code and _ONLY_TAGS_BEFORE.fullmatch(text, line, start) is not None


def _code(text: str) -> list[tuple[int, int]]:
    """Start and end of each fenced block of code."""
    lines = [0, *(match.end() for match in re.finditer("\n", text)), len(text)]
    fences = [token.map for token in _PARSER.parse(text) if token.type == "fence" and token.map]
    return [(lines[first], lines[min(end, len(lines) - 1)]) for first, end in fences]


def _placed(rows: list[str], text: str, start: int, end: int) -> str:
    """The rows as a block of their own, indented like the table, so that they stay in the list item that it is in."""
    line = text.rfind("\n", 0, start) + 1
    match = _INDENT.match(text, line, start)
    indent = " " * (match.end() - line) if match else ""
    alone = match is not None and match.end() == start
    blank_above = not text[:line].strip() or text[:line].endswith("\n\n")
    before = ("" if blank_above else f"\n{indent}") if alone else f"\n\n{indent}"
    below = re.match(r"[ \t]*(\n?)[ \t]*(\n?)", text[end:])
    after = "\n" * (2 - len("".join(below.groups()))) if below and text[end:].strip() else ""
    return before + f"\n{indent}".join(rows) + after


def _as_markdown(html: str) -> list[str]:
    lines: list[str] = []
    in_table = False
    for piece in parse_page(html).pieces:
        is_row = piece.kind == "table"
        if not (is_row and in_table) and lines:
            lines.append("")
        if is_row and not (in_table and not piece.level):
            lines += _first_row(piece)
        elif is_row:
            lines.append(_row(piece))
        else:
            lines.append(" ".join(piece.text.split()))
        in_table = is_row
    return lines if any(line.startswith("|") for line in lines) else []


def _first_row(piece: Piece) -> list[str]:
    """Markdown tables must have a header; where there is none, it is empty."""
    columns = len(re.findall(r"(?<!\\)\|", _row(piece))) - 1
    dashes = "|" + "---|" * columns
    return [_row(piece), dashes] if piece.level else ["|" + "  |" * columns, dashes, _row(piece)]


def _row(piece: Piece) -> str:
    text = piece.text.strip()
    outer = len(text) > 1 and text.startswith("|") and text.endswith("|")
    return text if outer else f"| {piece.text} |"
