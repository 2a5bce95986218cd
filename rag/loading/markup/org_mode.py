"""Org files of Emacs: headings, lists, tables, code, properties and footnotes."""

import re
from collections.abc import Iterator

from rag.loading.blocks import ParsedFile, Piece, assemble
from rag.loading.raised_figures import lowered, raised
from rag.loading.table_rows import Cell, table
from rag.loading.text_files.decoding import decode

_HEADING = re.compile(r"(\*+)[ \t]+(.*?)(?:[ \t]+:[\w@#%:]+:)?[ \t]*")
_KEYWORD = re.compile(r"[ \t]*#\+(\w+):?[ \t]*(.*)")
_PROPERTY = re.compile(r"[ \t]*:([\w-]+):[ \t]*(.*)")
_ITEM = re.compile(r"([ \t]*)(?:[-+]|[ \t]\*|\d+[.)])[ \t]+(.*)")
_NUMBERED = re.compile(r"[ \t]*(\d+[.)])[ \t]")
_FOOTNOTE = re.compile(r"\[fn:([^\]:]+)\][ \t]*(.*)")
_RULE = re.compile(r"[ \t]*\|[-+|]+[ \t]*")
_SHOWN_KEYWORDS = ("author", "date", "email", "description", "subtitle")
_TECHNICAL_PROPERTIES = frozenset("id custom_id created category visibility header-args properties end logbook".split())
_CHECKBOX = (("[X] ", "☑ "), ("[x] ", "☑ "), ("[ ] ", "☐ "), ("[-] ", "☐ "))
_INLINE = (
    (re.compile(r"\[\[[^\]]*\]\[([^\]]*)\]\]"), r"\1"),
    (re.compile(r"\[\[(?:file:)?([^\]]*)\]\]"), r"\1"),
    (re.compile(r"\[fn:([^\]:]+)\]"), r"[\1]"),
    (re.compile(r"(?<![\w*/_=~+])([*/_=~])(?=\S)([^\n]*?\S)\1(?![\w*/_=~])"), r"\2"),
    (re.compile(r"(?<![\w+])\+(?=\S)([^\n+]*?\S)\+(?!\w)"), r"~~\1~~"),
)
_ABOVE, _BELOW = re.compile(r"\^(?:\{([^{}]*)\}|([-+]?\d+))"), re.compile(r"(?<=\w)_\{([^{}]*)\}")


def read(data: bytes) -> ParsedFile:
    reader = _Reader(decode(data).split("\n"))
    pieces = list(reader.pieces())
    notes = [f"included files that are not read: {reader.included}"] if reader.included else []
    return assemble(reader.title, pieces, notes)


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self.title: str | None = None
        self.included = 0
        self._lines = lines
        self._at = 0

    def pieces(self) -> Iterator[Piece]:
        block: list[str] = []
        kind: Piece = Piece("paragraph", "")
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            start = self._start(line)
            if start is None and line.strip() and not line.startswith("# "):
                block.append(line.strip())
                continue
            if block:
                yield Piece(kind.kind, inline(" ".join(block)))
            block, kind = [], Piece("paragraph", "")
            if isinstance(start, Piece) and start.kind in ("item", "paragraph"):
                block, kind = [start.text], start
            elif isinstance(start, Piece):
                yield start
            elif start is not None:
                yield from start
        if block:
            yield Piece(kind.kind, inline(" ".join(block)))

    def _start(self, line: str) -> Piece | list[Piece] | None:
        """What begins with a line: a block whose further lines follow, pieces that are complete, or None."""
        if match := _HEADING.fullmatch(line):
            return Piece("heading", inline(match.group(2)), min(len(match.group(1)), 6))
        if match := _KEYWORD.fullmatch(line):
            return self._keyword(match.group(1).lower(), match.group(2).strip())
        if match := _FOOTNOTE.match(line):
            return Piece("paragraph", f"[{match.group(1)}] {match.group(2)}")
        if line.lstrip().startswith("|"):
            return self._table()
        if match := _PROPERTY.fullmatch(line):
            shown = match.group(2) and match.group(1).lower() not in _TECHNICAL_PROPERTIES
            return [Piece("item", f"{match.group(1)}: {inline(match.group(2))}")] if shown else []
        if match := _ITEM.fullmatch(line):
            number = _NUMBERED.match(line)
            text = match.group(2).replace(" :: ", ": ", 1)
            for mark, sign in _CHECKBOX:
                text = sign + text.removeprefix(mark) if text.startswith(mark) else text
            return Piece("item", f"{number.group(1)} {text}" if number else text)
        return None

    def _keyword(self, name: str, value: str) -> list[Piece]:
        if name == "title":
            self.title = inline(value)
        elif name == "include":
            self.included += 1
        elif name == "caption":
            return [Piece("paragraph", inline(value))]
        elif name in _SHOWN_KEYWORDS and value:
            return [Piece("item", f"{name.capitalize()}: {inline(value)}")]
        elif name in ("begin_src", "begin_example", "begin_export"):
            start = self._at
            while self._at < len(self._lines) and not self._lines[self._at].strip().lower().startswith("#+end_"):
                self._at += 1
            self._at += 1
            return [Piece("code", "\n".join(self._lines[start : self._at - 1]))]
        return []

    def _table(self) -> list[Piece]:
        rows: list[list[Cell]] = []
        header_rows = 0
        self._at -= 1
        while self._at < len(self._lines) and self._lines[self._at].lstrip().startswith("|"):
            line = self._lines[self._at].strip()
            self._at += 1
            if _RULE.fullmatch(line):
                header_rows = header_rows or len(rows)
            else:
                rows.append([Cell(inline(cell.strip().replace("\\vert{}", "|"))) for cell in line.strip("|").split("|")])
        return list(table(rows, header_rows=header_rows if header_rows < len(rows) else 0))


def inline(text: str) -> str:
    """The text without the marks of links and emphasis."""
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    text = _ABOVE.sub(lambda match: raised(match.group(1) or match.group(2)), text)
    return _BELOW.sub(lambda match: lowered(match.group(1)), text)
