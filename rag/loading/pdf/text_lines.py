"""The words of a page to lines in reading order, column by column; rows of tables are split into cells."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import median

from rag.loading.pdf.annotations import Addition
from rag.loading.pdf.columns import columns_of
from rag.loading.pdf.page_rules import Rule, turned
from rag.loading.pdf.rows import Row, rows_of
from rag.loading.pdf.ruled_tables import RuledTable, ruled_tables
from rag.loading.pdf.scripts import GLUED as GLUED_SCRIPT
from rag.loading.pdf.scripts import with_scripts
from rag.loading.pdf.tables import TIGHT, tables_of
from rag.loading.pdf.words import HYPHEN, Box, Word

_NEARLY_ALL = 0.9  # share of a line's letters that must be bold (or monospaced) for the line to be so
_GLUED, _CLOSED = 0.05, 0.15  # of the font size: smaller gaps are not spaces; before a word, and before punctuation
_LEAST_UNRULED, _FILLED = 3, 0.8  # lines within cells that may be rows, and share of the cells that have text in each
_TABLE = "\ufdd1"  # stands for a table
_LEADERS = re.compile(r"(?:\. ?){5,}")  # the dots between an entry of a table of contents and its page number


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a column, or a row of a table with its `cells`, which `gutters` separate.

    `column` counts within the page, `edges` are the column's. `words` are those of the text, in its order.
    """

    text: str
    left: float
    right: float
    baseline: float
    size: float
    bold: bool
    column: int
    edges: tuple[float, float]
    mono: bool
    words: tuple[Word, ...]
    cells: tuple[str, ...] = ()
    gutters: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PageLines:
    """`number` counts from 1; `additions` are form fields and comments, one line each."""

    number: int
    height: float
    lines: list[Line]
    additions: Sequence[Line] = ()


def lines_of(words: Sequence[Word], rules: Sequence[Rule] = (), box: Box = (0, 0, 0, 0)) -> list[Line]:
    """Lines in reading order; text that runs in another direction than most of the page is last.

    `rules` are the straight lines of the page whose corners are `box`: they show tables in the text of the main direction.
    """
    letters_at_angle = Counter[int]()
    for word in words:
        letters_at_angle[word.angle] += len(word.text)
    lines: list[Line] = []
    for angle, _ in letters_at_angle.most_common():
        text = [word for word in words if word.angle == angle]
        found = () if lines else ruled_tables(turned(rules, angle, box), text)
        tables = {min(word.order for word in table.words): table for table in found}
        inside = {word.order for table in tables.values() for word in table.words}
        text = [word for word in text if word.order not in inside]
        for region in columns_of([*text, *map(_placeholder, tables.values())]):
            column = lines[-1].column + 1 if lines else 0
            lines += _column_lines(region, column, tables)
    return lines


def _placeholder(table: RuledTable) -> Word:
    """A wide word that stands where the table begins, so that the table gets its place in the reading order."""
    size, order = median(word.size for word in table.words), min(word.order for word in table.words)
    angle = table.words[0].angle
    return Word(_TABLE, table.left, table.right, table.top - size, size, False, False, angle, order, order + 1, True)


def addition_lines(additions: Sequence[Addition]) -> list[Line]:
    """A line for each addition; its only word has the addition's number as `order`, counted down from -1."""
    words = [Word(added.text, 0, 0, 0, 1, False, False, 0, -1 - added.number, -added.number, True) for added in additions]
    return [Line(word.text, 0, 0, 0, word.size, False, 0, (0, 0), False, (word,)) for word in words]


def _column_lines(rows: Sequence[Row], column: int, ruled: Mapping[int, RuledTable]) -> list[Line]:
    if not rows:
        return []
    edges = min(row.left for row in rows), max(row.right for row in rows)
    lines: list[Line] = []
    tables = {i: (first, gutters) for first, last, gutters in tables_of(rows) for i in range(first, last)}
    for i, row in enumerate(rows):
        if any(word.text == _TABLE for word in row.words):
            others = rows_of(word for word in row.words if word.text != _TABLE)
            lines += [_line(other, column, edges, ()) for other in others]
            lines += [line for w in row.words if w.text == _TABLE for line in _ruled_lines(ruled[w.order], column, edges)]
            continue
        first, gutters = tables.get(i, (i, ()))
        line = _line(row, column, edges, gutters)
        if i > first and not line.cells[0] and rows[i - 1].baseline - row.baseline < TIGHT * row.size:
            line = _with_cells_of(lines.pop(), line)
        lines.append(line)
    return lines


def _with_cells_of(above: Line, line: Line) -> Line:
    """The row of a table with the further lines of its cells."""
    cells = tuple(" ".join(part for part in pair if part) for pair in zip(above.cells, line.cells, strict=True))
    parts = zip(_parts_at(above.words, above.gutters), _parts_at(line.words, above.gutters), strict=True)
    words = tuple(word for pair in parts for part in pair for word in part)
    return replace(above, cells=cells, text=" ".join((above.text, line.text)), baseline=line.baseline, words=words)


def _ruled_lines(table: RuledTable, column: int, edges: tuple[float, float]) -> Iterator[Line]:
    """One line for each row with text; a merged cell is repeated in every row and column that it covers."""
    texts = {place: [_line(row, column, edges, ()) for row in rows_of(words)] for place, words in table.cells.items()}
    for owners in table.rows:
        if len(set(owners)) == 1:  # merged over the whole row
            owners = (*owners[:1], *((-1, -1) for _ in owners[1:]))
        for cells in _rows_within([texts.get(place, []) for place in owners]):
            lines = [line for cell in cells for line in cell]
            if not lines:
                continue
            yield replace(
                lines[0],
                text=" ".join(line.text for line in lines),
                left=table.left,
                right=table.right,
                bold=all(line.bold for line in lines),
                mono=all(line.mono for line in lines),
                words=tuple(word for line in lines for word in line.words),
                cells=tuple(_joined([line.text for line in cell]).removesuffix("…").rstrip() for cell in cells),
                gutters=table.gutters,
            )


def _rows_within(cells: list[list[Line]]) -> list[list[list[Line]]]:
    """The rows of a row of cells: several if no borders separate them, so that nearly all cells have text in every line."""
    heights: list[float] = []
    for line in sorted((line for cell in cells for line in cell), key=lambda line: -line.baseline):
        if not heights or heights[-1] - line.baseline > 0.5 * line.size:
            heights.append(line.baseline)
    filled = sum(map(bool, cells))
    if len(heights) < _LEAST_UNRULED or sum(map(len, cells)) < _FILLED * filled * len(heights) or filled < 2:
        return [cells]
    return [[[line for line in cell if abs(line.baseline - at) <= 0.5 * line.size] for cell in cells] for at in heights]


def _joined(lines: Sequence[str]) -> str:
    """The lines of a cell; PDFium marks words that are divided at a line end."""
    text = ""
    for line in lines:
        divided = text.endswith(HYPHEN) and line[0].islower()
        text = text[:-1] + line if divided else f"{text} {line}".lstrip()
    return text


def _line(row: Row, column: int, edges: tuple[float, float], gutters: Sequence[float]) -> Line:
    words = tuple(_as_read(with_scripts(row)))
    letters = sum(len(word.text) for word in words)
    bold = sum(len(word.text) for word in words if word.bold) > _NEARLY_ALL * letters
    mono = sum(len(word.text) for word in words if word.mono) > _NEARLY_ALL * letters
    cells = cells_at(words, gutters) if gutters else ()
    text = _text(words)
    return Line(text, row.left, row.right, row.baseline, row.size, bold, column, edges, mono, words, cells, tuple(gutters))


def cells_at(words: Sequence[Word], gutters: Sequence[float]) -> tuple[str, ...]:
    return tuple(_text(part).removesuffix("…").rstrip() for part in _parts_at(words, gutters))


def _parts_at(words: Sequence[Word], gutters: Sequence[float]) -> list[list[Word]]:
    bounds = [float("-inf"), *gutters, float("inf")]
    return [[word for word in words if low <= word.left < high] for low, high in zip(bounds, bounds[1:], strict=False)]


def _text(words: Sequence[Word]) -> str:
    parts: list[str] = []
    before: Word | None = None
    for word in words:
        parts.append(word.text if before is None or _is_glued(before, word) else " " + word.text)
        before = word
    return _LEADERS.sub("… ", "".join(parts)).rstrip()


def _is_glued(before: Word, word: Word) -> bool:
    """Whether there is no space between two words of a line."""
    gap = word.left - before.right
    if before.is_script or word.is_script:
        return gap < GLUED_SCRIPT * max(before.size, word.size)
    return (word.order == before.end and gap < _GLUED * word.size) or (word.text[0] in ".,;:)]" and gap < _CLOSED * word.size)


def _as_read(words: Sequence[Word]) -> Sequence[Word]:
    """The words of a line in reading order; in a line of Hebrew or Arabic, words of other scripts run the other way."""
    if sum(word.rightward for word in words) * 2 >= len(words):
        return words
    parts = [list(part) for _, part in groupby(words, key=lambda word: word.rightward)]
    return [word for part in reversed(parts) for word in (part if part[0].rightward else reversed(part))]
