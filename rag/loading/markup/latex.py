"""LaTeX: headings, paragraphs, lists, tables, captions and footnotes; pylatexenc turns commands and symbols into characters."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from rag.loading.blocks import ParsedFile, Piece, assemble
from rag.loading.raised_figures import lowered, raised
from rag.loading.table_rows import Cell, table
from rag.loading.text_files.decoding import decode

_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*\n?[ \t]*")
_NEVER = re.compile(r"\\iffalse\b.*?\\fi\b", re.DOTALL)
_LEVELS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5, "subparagraph": 6}
_COMMAND = re.compile(r"\\(part|chapter|(?:sub){0,2}section|(?:sub)?paragraph|caption|title|author|date|item|bibitem)\b\*?[ \t]*")
_BEGIN_OR_END = re.compile(r"\\(begin|end)[ \t]*\{([^{}]*)\}")
_TOKEN = re.compile(rf"{_BEGIN_OR_END.pattern}|{_COMMAND.pattern}|\n[ \t]*\n")
_CODE = frozenset("verbatim lstlisting minted Verbatim alltt".split())
_LISTING = re.compile(r"(\\begin\{(?:verbatim|lstlisting|minted|Verbatim|alltt)\}.*?\\end\{)", re.DOTALL)
_TABLES = frozenset("tabular tabular* tabularx tabulary longtable array supertabular".split())
_LISTS = frozenset("itemize enumerate description".split())
_DROPPED = frozenset("comment filecontents filecontents* tikzpicture pgfpicture thumbnail".split())
_ARGUMENTS = {"tabularx": 2, "tabular*": 2, "tabulary": 2, "minted": 1, "thebibliography": 1, "minipage": 1, "multicols": 1}
_RULE = re.compile(r"\\(?:hline|toprule|midrule|bottomrule|endhead|endfirsthead|cline\{[^}]*\}|cmidrule(?:\([^)]*\))?\{[^}]*\})")
_MERGED = re.compile(r"\\multi(column|row)[ \t]*\{(\d+)\}")
_MACRO = re.compile(r"\\(?:re)?newcommand\*?\{?\\([a-zA-Z]+)\}?(?=\{)|\\def\\([a-zA-Z]+)(?=\{)")
_REFERENCE = re.compile(r"\\(?:auto|eq|page|c|C|name)?ref\*?\{([^{}]*)\}")
_CITATION = re.compile(r"\\[a-zA-Z]*cite[a-zA-Z]*\*?(?:\[[^\]]*\])*\{([^{}]*)\}")
_ABOVE, _BELOW = re.compile(r"(?<!\\)\^(?:\{([^{}]*)\}|([0-9a-zA-Z*]))"), re.compile(r"(?<!\\)_(?:\{([^{}]*)\}|([0-9a-zA-Z]))")
_MATH = re.compile(r"(?<!\\)\$\$?(.+?)(?<!\\)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_EQUATIONS = frozenset("equation align gather multline eqnarray displaymath math flalign alignat".split())
_NOT_TEXT = re.compile(
    r"\\(?:label|vspace|hspace|includegraphics|bibliography|bibliographystyle|usepackage|documentclass|pagestyle|thispagestyle"
    r"|rule|specialrule|addlinespace|setlength|setcounter|addtocounter|input|include|centering|maketitle|tableofcontents)\*?(?:\[[^\]]*\])*(?:\{[^{}]*\})*"
)
_PREAMBLE_END = r"\begin{document}"
_BRACE = re.compile(r"(?<!\\)[{}]")
_MOST_MACROS = 500


def read(data: bytes) -> ParsedFile:
    source = _without_comments(decode(data))
    reader = _Reader()
    preamble, begins, body = source.partition(_PREAMBLE_END)
    body = body.partition(r"\end{document}")[0] if begins else source
    head = list(reader.head(preamble)) if begins else []
    pieces = [*head, *reader.pieces(_expanded(body, source))]
    pieces += [Piece("paragraph", f"[{number}] {note}") for number, note in enumerate(reader.footnotes, start=1)]
    return assemble(reader.title, pieces, _notes(source))


def _without_comments(source: str) -> str:
    """In a listing, a percent sign is part of the text."""
    parts = _LISTING.split(source)
    return "".join(part if number % 2 else _NEVER.sub("", _COMMENT.sub(r"\1", part)) for number, part in enumerate(parts))


def _notes(source: str) -> list[str]:
    counts = {
        "images left out": len(re.findall(r"\\includegraphics", source)),
        "drawings left out": len(re.findall(r"\\begin\{(?:tikzpicture|pgfpicture)\}", source)),
        "included files that are not read": len(re.findall(r"\\(?:input|include|subfile)[ \t]*\{", source)),
    }
    return [f"{what}: {count}" for what, count in counts.items() if count]


def _expanded(text: str, source: str) -> str:
    """The text with the author's own commands without arguments replaced by what they stand for."""
    macros: dict[str, str] = {}
    for match in list(_MACRO.finditer(source))[:_MOST_MACROS]:
        value, _ = _argument(source, match.end())
        if "#" not in value:
            macros[match.group(1) or match.group(2)] = value
    text = re.sub(r"\\(?:re)?newcommand\*?\{?\\[a-zA-Z]+\}?(?:\[\d\])?(?:\[[^\]]*\])?\{(?:[^{}]|\{[^{}]*\})*\}", "", text)
    if not macros:
        return text
    return re.sub(r"\\([a-zA-Z]+)(?![a-zA-Z])[ \t]?", lambda match: macros.get(match.group(1), match.group()), text)


def _argument(text: str, start: int) -> tuple[str, int]:
    """The content of the braces at `start` and the position after them; nothing if there are none."""
    if text[start : start + 1] != "{":
        return "", start
    depth, position = 0, start
    for match in _BRACE.finditer(text, start):
        depth += 1 if match.group() == "{" else -1
        position = match.end()
        if depth == 0:
            return text[start + 1 : position - 1], position
    return text[start + 1 :], len(text)


def _option(text: str, start: int) -> tuple[str, int]:
    match = re.compile(r"[ \t]*\[([^\]]*)\]").match(text, start)
    return (match.group(1), match.end()) if match else ("", start)


class _Reader:
    def __init__(self) -> None:
        self.title: str | None = None
        self.footnotes: list[str] = []
        self._counts: list[int | None] = []  # of the open lists; None without numbers

    def head(self, preamble: str) -> Iterator[Piece]:
        for match in _COMMAND.finditer(preamble):
            text, _ = _argument(preamble, _option(preamble, match.end())[1])
            if match.group(1) in ("title", "author", "date") and text:
                yield from self._command(match.group(1), text)

    def pieces(self, text: str) -> Iterator[Piece]:
        position = 0
        item = ""
        while match := _TOKEN.search(text, position):
            yield from self._paragraph(text[position : match.start()], item)
            item, position = "", match.end()
            kind, environment, command = match.group(1), match.group(2), match.group(3)
            if kind == "begin":
                pieces, position = self._environment(environment, text, position)
                yield from pieces
            elif kind == "end":
                if environment in _LISTS and self._counts:
                    self._counts.pop()
            elif command in ("item", "bibitem"):
                item, position = self._item(command, text, position)
            elif command:
                argument, position = _argument(text, _option(text, position)[1])
                yield from self._command(command, argument)
        yield from self._paragraph(text[position:], item)

    def _paragraph(self, source: str, item: str = "") -> Iterator[Piece]:
        text = self.text(source)
        if text:
            yield Piece("item" if item else "paragraph", f"{item.strip(chr(0))} {text}".strip())

    def _item(self, command: str, text: str, position: int) -> tuple[str, int]:
        """What stands before an item, or a mark that there is nothing."""
        label, position = _option(text, position)
        if command == "bibitem":
            key, position = _argument(text, position)
            return f"[{key}]", position
        if label:
            return f"{self.text(label).removesuffix(':')}:", position
        if self._counts and self._counts[-1] is not None:
            self._counts[-1] += 1
            return f"{self._counts[-1]}.", position
        return "\0", position

    def _command(self, name: str, argument: str) -> Iterator[Piece]:
        text = self.text(argument)
        if name == "title":
            self.title = self.title or text
            yield Piece("heading", text, 1)
        elif name in _LEVELS:
            yield Piece("heading", text, _LEVELS[name])
        elif name in ("author", "date") and text:
            yield Piece("item", f"{name.capitalize()}: {text}")
        elif text:
            yield Piece("paragraph", text)

    def _environment(self, name: str, text: str, position: int) -> tuple[list[Piece], int]:
        """The pieces of an environment that is read as a whole, and where to go on; for all others, its beginning."""
        base = name.rstrip("*")
        if name in _LISTS:
            self._counts.append(0 if name == "enumerate" else None)
            return [], _option(text, position)[1]
        if name == "abstract":
            return [Piece("heading", "Abstract", 2)], position
        end = text.find(f"\\end{{{name}}}", position)
        end = len(text) if end < 0 else end
        after = end + len(f"\\end{{{name}}}")
        if name in _CODE:
            start = _argument(text, _option(text, position)[1])[1] if name in _ARGUMENTS else _option(text, position)[1]
            return [Piece("code", text[start:end].strip("\n"))], after
        if name in _DROPPED:
            return [], after
        if base in _EQUATIONS:
            content = self.text(f"${text[position:end].replace('&', ' ')}$")
            return ([Piece("paragraph", content)] if content else []), after
        for _ in range(_ARGUMENTS.get(name, name in _TABLES)):
            position = _argument(text, _option(text, position)[1])[1]
        if name in _TABLES and "\\begin{" not in text[position:end]:
            return list(self._table(text[position:end])), after
        return [], _option(text, position)[1]

    def _table(self, source: str) -> Iterator[Piece]:
        rows: list[list[Cell]] = []
        header_rows = 0
        for line in re.split(r"\\\\(?:\[[^\]]*\])?|\\tabularnewline", source):
            if _RULE.search(line) and rows and not header_rows:
                header_rows = len(rows)
            cells = [self._cell(cell) for cell in re.split(r"(?<!\\)&", _RULE.sub("", line))]
            if any(cell.text for cell in cells):
                rows.append(cells)
        yield from table(_without_covered(rows), header_rows=header_rows if 0 < header_rows < len(rows) else None)

    def _cell(self, source: str) -> Cell:
        source, columns, rows = source.strip(), 1, 1
        while match := _MERGED.match(source):
            if match.group(1) == "column":
                columns = int(match.group(2))
            else:
                rows = int(match.group(2))
            _, position = _argument(source, match.end()) if source[match.end() : match.end() + 1] == "{" else ("", match.end())
            source = _argument(source, position)[0].strip() or source[position:].strip("* ")
        return Cell(self.text(source), columns, rows)

    def text(self, source: str) -> str:
        """Source without structure as characters."""
        while match := re.search(r"\\(?:footnote|thanks)[ \t]*(?=\{)", source):
            note, end = _argument(source, match.end())
            self.footnotes.append(self.text(note))
            source = f"{source[: match.start()]}[{len(self.footnotes)}]{source[end:]}"
        source = _CITATION.sub(r"[\1]", _REFERENCE.sub(r"\1", _NOT_TEXT.sub("", source)))
        source = re.sub(r"\\href\{[^{}]*\}", "", source)
        source = _MATH.sub(lambda match: f"${_shifted(next(filter(None, match.groups())))}$", source)
        source = re.sub(r"\\text(super|sub)script\{([^{}]*)\}", lambda m: (raised if m[1] == "super" else lowered)(m[2]), source)
        return " ".join(str(_converter().latex_to_text(source)).split())


def _shifted(math: str) -> str:
    """Exponents as raised figures. The braces keep them apart from the name of a command before them."""
    math = _ABOVE.sub(lambda match: "{}" + raised(match.group(1) or match.group(2)), math)
    return _BELOW.sub(lambda match: "{}" + lowered(match.group(1) or match.group(2)), math)


def _without_covered(rows: list[list[Cell]]) -> list[list[Cell]]:
    """LaTeX leaves an empty cell below each cell that is merged over rows; the table's grid does not."""
    result: list[list[Cell]] = []
    covered: dict[int, int] = {}
    for cells in rows:
        kept: list[Cell] = []
        column = 0
        below: dict[int, int] = {}
        for cell in cells:
            if covered.get(column, 0) and not cell.text:
                below[column] = covered[column] - 1
            else:
                kept.append(cell)
                below[column] = cell.rows - 1
            column += cell.columns
        covered = below
        result.append(kept)
    return result


def _unknown(node: Any, l2tobj: Any) -> str:
    """A command that the library does not know leaves its arguments; in a formula its name, so that no symbol is lost."""
    arguments = [argument for argument in (node.nodeargd.argnlist if node.nodeargd else None) or [] if argument is not None]
    if arguments:
        return "".join(str(l2tobj.nodelist_to_text([argument])) for argument in arguments)
    return str(node.macroname) if node.parsing_state.in_math_mode else ""


@cache
def _converter() -> Any:
    from pylatexenc.latex2text import LatexNodes2Text, MacroTextSpec, get_default_latex_context_db  # only if there is LaTeX

    context = get_default_latex_context_db()
    context.set_unknown_macro_spec(MacroTextSpec("", simplify_repl=_unknown))
    return LatexNodes2Text(latex_context=context, math_mode="text", keep_comments=False, strict_latex_spaces=False)
