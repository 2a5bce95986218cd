"""AsciiDoc: headings, lists, definitions, tables, admonitions, code and footnotes."""

import re
from collections.abc import Iterator

from rag.loading.blocks import ParsedFile, Piece, assemble
from rag.loading.raised_figures import lowered, raised
from rag.loading.table_rows import Cell, table
from rag.loading.text_files.decoding import decode

_HEADING = re.compile(r"(={1,6}|#{1,6})[ \t]+(\S.*)")
_ATTRIBUTE = re.compile(r":(!?[\w-]+!?):(?:[ \t]+(.*))?")
_OPTIONS = re.compile(r"\[([^\]]*)\]")
_BLOCK_TITLE = re.compile(r"\.([^\s.].*)")
_DIRECTIVE = re.compile(r"(include|ifdef|ifndef|ifeval|endif|image|video|audio|toc)::(\S*?)\[(.*)\]")
_ITEM = re.compile(r"[ \t]*(\*{1,5}|-|\.{1,5}|\d+\.|<[\d.]+>)[ \t]+(.*)")
_DEFINITION = re.compile(r"[ \t]*(\S.*?):{2,4}(?:[ \t]+(.*))?")
_TABLE = re.compile(r"[|,:!]===[ \t]*")
_CODE_FENCE = re.compile(r"(-{4,}|\.{4,}|`{3,})\w*[ \t]*")
_COMMENT_FENCE = re.compile(r"/{4,}[ \t]*")
_DELIMITER = re.compile(r"(?:={4,}|\*{4,}|_{4,}|--|\+{4,})[ \t]*")
_ADMONITIONS = frozenset("NOTE TIP IMPORTANT WARNING CAUTION".split())
_SHOWN_ATTRIBUTES = ("author", "email", "revdate", "revnumber", "date", "version", "description", "organization", "owner")
_CELL = re.compile(r"(?:(\d+)?(?:\.(\d+))?\+)?[<^>.]*[aehlmsv]?(?<!\\)\|")
_CHECKBOX = (("[*] ", "☑ "), ("[x] ", "☑ "), ("[ ] ", "☐ "))
_INLINE = (
    (re.compile(r"(?:link|xref|mailto):([^\s\[]+)\[([^\]]*)\]"), r"\2"),
    (re.compile(r"(https?://[^\s\[]+)\[([^\],]+)[^\]]*\]"), r"\2"),
    (re.compile(r"<<[^,>]+,\s*([^>]+)>>"), r"\1"),
    (re.compile(r"<<([^>]+)>>"), r"\1"),
    (re.compile(r"(?:kbd|btn|menu|icon|image):[^\s\[]*\[([^\]]*)\]"), r"\1"),
    (re.compile(r"\[\[[^\]]*\]\]|\[#[^\]]*\](?=#)"), ""),
    (re.compile(r"\[\.line-through\]#([^#]+)#"), r"~~\1~~"),
    (re.compile(r"(?<![\w*_`#+])([*_`#+]{1,2})(?=\S)([^\n]*?\S)\1(?![\w*_`#+])"), r"\2"),
)
_ABOVE, _BELOW = re.compile(r"\^([^\s^]+)\^"), re.compile(r"(?<!~)~([^\s~]+)~(?!~)")
_FOOTNOTE = re.compile(r"footnote(?:ref)?:[\w-]*\[((?:[^\[\]]|\[[^\[\]]*\])*)\]")


def read(data: bytes) -> ParsedFile:
    reader = _Reader(decode(data).split("\n"))
    pieces = [*reader.pieces(), *(Piece("paragraph", f"[{n}] {note}") for n, note in enumerate(reader.footnotes, start=1))]
    return assemble(reader.title, pieces, reader.notes())


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self.title: str | None = None
        self.footnotes: list[str] = []
        self._attributes: dict[str, str] = {}
        self._included = self._images = 0
        self._lines = lines
        self._at = 0
        self._options = ""
        self._numbers: list[int] = []
        self._attached = False  # the next paragraph belongs to an item, whose list goes on after it

    def notes(self) -> list[str]:
        counts = {"included files that are not read": self._included, "images without text left out": self._images}
        return [f"{what}: {count}" for what, count in counts.items() if count]

    def pieces(self) -> Iterator[Piece]:
        block: list[str] = []
        kind = Piece("paragraph", "")
        while self._at < len(self._lines):
            line = self._lines[self._at].rstrip()
            self._at += 1
            start = self._start(line, begins=not block)
            if start is None and line.strip():
                block.append(line.strip())
                continue
            if block:
                yield self._finished(kind, block)
            block, kind = [], Piece("paragraph", "")
            if isinstance(start, Piece):
                block, kind = ([start.text] if start.text else []), start
            elif start:
                self._numbers = []
                yield from start
        if block:
            yield self._finished(kind, block)

    def _finished(self, kind: Piece, block: list[str]) -> Piece:
        text = self._inline(" ".join(part for part in block if part))
        label, self._options = self._options.split(",")[0].strip("% "), ""
        if kind.kind == "paragraph":
            text = f"{label}: {text}" if label in _ADMONITIONS else text
            self._numbers, self._attached = self._numbers if self._attached else [], False
        return Piece(kind.kind, text)

    def _start(self, line: str, *, begins: bool) -> Piece | list[Piece] | None:
        """What begins with a line: a block whose further lines follow, pieces that are complete, or None."""
        if line.startswith("//") and not _COMMENT_FENCE.fullmatch(line):
            return []
        if _COMMENT_FENCE.fullmatch(line) or _CODE_FENCE.fullmatch(line):
            lines = self._until(line.strip())
            return [] if line.startswith("//") else [Piece("code", "\n".join(lines))]
        if _TABLE.fullmatch(line):
            return self._table(self._until(line.strip()))
        if _DELIMITER.fullmatch(line) or line == "+":
            self._attached = line == "+"
            return []
        if begins and (match := _HEADING.fullmatch(line)):
            return self._heading(len(match.group(1)), match.group(2))
        if match := _ATTRIBUTE.fullmatch(line):
            return self._attribute(match.group(1), match.group(2) or "")
        if match := _DIRECTIVE.fullmatch(line):
            return self._directive(match.group(1), match.group(3))
        if begins and (match := _OPTIONS.fullmatch(line)):
            self._options = match.group(1)
            return []
        if begins and (match := _BLOCK_TITLE.fullmatch(line)):
            return [Piece("paragraph", self._inline(match.group(1)))]
        if match := _ITEM.fullmatch(line):
            return self._item(match.group(1), match.group(2))
        if (match := _DEFINITION.fullmatch(line)) and "://" not in line:
            return Piece("item", f"{match.group(1)}: {match.group(2) or ''}".rstrip())
        return None

    def _until(self, fence: str) -> list[str]:
        start = self._at
        closing = re.match(r"(\S)\1*", fence[1:] if fence[1:].startswith("===") else fence)
        mark = fence if closing is None or fence[1:].startswith("===") else closing.group()
        while self._at < len(self._lines) and self._lines[self._at].rstrip() != mark:
            self._at += 1
        self._at += 1
        return self._lines[start : self._at - 1]

    def _heading(self, level: int, text: str) -> list[Piece]:
        heading = self._inline(text)
        if level == 1 and self.title is None:
            self.title = heading
            return [Piece("heading", heading, 1), *self._byline()]
        return [Piece("heading", heading, level)]

    def _byline(self) -> Iterator[Piece]:
        """The lines with author and version directly below the title."""
        for _ in range(2):
            line = self._lines[self._at].strip() if self._at < len(self._lines) else ""
            if not line or line.startswith((":", "/", "[", "=", "image:", "include:")):
                return
            self._at += 1
            yield Piece("item", self._inline(line))

    def _attribute(self, name: str, value: str) -> list[Piece]:
        self._attributes[name] = value
        return [Piece("item", f"{name}: {self._inline(value)}")] if name in _SHOWN_ATTRIBUTES and value else []

    def _directive(self, name: str, text: str) -> list[Piece]:
        self._included += name == "include"
        if name == "image":
            alt = text.split(",")[0].strip(' "')
            self._images += not alt
            return [Piece("paragraph", alt)]
        return []

    def _item(self, mark: str, text: str) -> Piece:
        for box, sign in _CHECKBOX:
            text = sign + text.removeprefix(box) if text.startswith(box) else text
        if set(mark) != {"."}:
            return Piece("item", f"{mark} {text}" if mark[0].isdigit() else text)
        depth = len(mark)
        self._numbers = [*self._numbers[:depth], *([0] * (depth - len(self._numbers)))]
        self._numbers[-1] += 1
        return Piece("item", f"{self._numbers[-1]}. {text}")

    def _table(self, lines: list[str]) -> list[Piece]:
        options, self._options = self._options, ""
        while lines and not lines[0].strip():
            lines = lines[1:]
        rows = [self._cells(line) for line in _joined(lines)]
        columns = _columns(options) or sum(cell.columns for cell in next(filter(None, rows), []))
        first_alone = len(lines) > 1 and not lines[1].strip() and sum(cell.columns for cell in rows[0]) == columns
        header = "header" in options or ("noheader" not in options and first_alone and len(rows) > 1)
        return list(table(_in_rows([cell for row in rows for cell in row], columns), header_rows=int(header)))

    def _cells(self, line: str) -> list[Cell]:
        marks = list(_CELL.finditer(line))
        ends = [*(mark.start() for mark in marks[1:]), len(line)]
        texts = [self._inline(line[mark.end() : end].strip().replace("\\|", "|")) for mark, end in zip(marks, ends, strict=True)]
        spans = [[int(number or 1) for number in mark.groups()] for mark in marks]
        return [Cell(text, columns, rows) for text, (columns, rows) in zip(texts, spans, strict=True)]

    def _inline(self, text: str) -> str:
        text = re.sub(r"\{([\w-]+)\}", lambda match: self._attributes.get(match.group(1), match.group()), text)
        text = _FOOTNOTE.sub(self._footnote, text)
        for pattern, replacement in _INLINE:
            text = pattern.sub(replacement, text)
        text = _ABOVE.sub(lambda match: raised(match.group(1)), text)
        return _BELOW.sub(lambda match: lowered(match.group(1)), text).removesuffix(" +")

    def _footnote(self, match: "re.Match[str]") -> str:
        if match.group(1):
            self.footnotes.append(self._inline(match.group(1)))
        return f"[{len(self.footnotes)}]"


def _joined(lines: list[str]) -> list[str]:
    """Lines of a table, each beginning with a cell; further lines of a cell are joined to its first."""
    joined: list[str] = []
    for line in lines:
        if _CELL.match(line.lstrip()) or not joined:
            joined.append(line.lstrip())
        elif line.strip():
            joined[-1] += f" {line.strip()}"
    return joined


def _columns(options: str) -> int:
    match = re.search(r'cols="([^"]*)"|cols=([^,\]]+)', options)
    parts = [part for part in re.split("[,;]", (match.group(1) or match.group(2)).strip()) if part] if match else []
    return sum(int(part.split("*")[0]) if re.match(r"\d+\*", part) else 1 for part in parts)


def _in_rows(cells: list[Cell], columns: int) -> list[list[Cell]]:
    """Cells in rows of a number of columns, of which cells above may cover some."""
    rows: list[list[Cell]] = [[]]
    covered: dict[int, int] = {}
    for cell in cells:
        if sum(each.columns for each in rows[-1]) + covered.get(len(rows) - 1, 0) >= max(columns, 1):
            rows.append([])
        rows[-1].append(cell)
        for below in range(1, min(cell.rows, len(cells))):
            number = len(rows) - 1 + below
            covered[number] = covered.get(number, 0) + cell.columns
    return [row for row in rows if row]
