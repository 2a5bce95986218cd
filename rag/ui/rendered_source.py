"""A document as it reads: its blocks as headings, paragraphs, lists and tables, with sentences marked.

The text of the elements, joined, is the document's text: markup is hidden by the style sheet but not left out, so what is
marked is exactly the slice that was quoted.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import PurePosixPath
from typing import Literal

from markupsafe import Markup

from rag.records import Block, Document, Span
from rag.templates import render
from rag.text.table_cells import cells
from rag.ui.markdown_styles import NAMES, SYNTAX, UNSEEN, markdown_styles, plain_styles

MARKDOWN = (".md", ".markdown")
LEVELS = 6  # of headings in HTML
PANEL_RANK = 2  # of the panel's own heading
INDENT = 2  # spaces of a nested list item
_ORDERED = re.compile(r"[ \t]*(?:\d+|[a-zA-Z])[.)]")
_ONLY_MARKUP = re.compile(r"[\s>#*_=\-|:+~`.\\]*")


@dataclass(frozen=True)
class Mark:
    """A sentence to mark. The "active" one is what was opened, "other" ones are further citations with their `number`.

    While the right sentence is chosen, each sentence is a "piece". `reference` opens it.
    """

    span: Span
    kind: Literal["active", "other", "piece"]
    reference: str = ""
    number: int = 0


@dataclass(frozen=True)
class Run:
    """Characters of one style; `hint` explains an unseen one."""

    text: str
    style: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Stretch:
    """Runs below one mark, or none."""

    runs: Sequence[Run]
    mark: Mark | None = None
    first: bool = False


@dataclass(frozen=True)
class TableCell:
    """A cell of a row, or the markup before it."""

    stretches: Sequence[Stretch]
    is_cell: bool = True


@dataclass(frozen=True)
class TableRow:
    """`mark` covers all of `cells` from the first to the last."""

    before: Sequence[Stretch]
    cells: Sequence[TableCell]
    after: Sequence[Stretch]
    header: bool
    mark: Mark | None
    first: bool


@dataclass
class Shown:
    """An element: a heading, paragraph, list item, piece of code, row of a table, or the "gap" between two of them."""

    kind: str
    level: int = 0
    rank: int = 0  # of a heading for screen readers: below that of the panel, and never more than one below the heading before
    stretches: Sequence[Stretch] = ()
    row: TableRow | None = None
    ordered: bool = False


@dataclass
class _Painter:
    """Cuts parts of a document's text where styles and marks change."""

    document: Document
    marks: Sequence[Mark]
    markdown: bool = False
    seen: set[Mark] = field(default_factory=set)

    def stretches(self, start: int, end: int, styles: Sequence[int]) -> list[Stretch]:
        """The text from `start` to `end`; `styles` has the style of each character."""
        pieces, position = [], start
        for mark in self.marks_in(start, end):
            first, last = max(start, mark.span.start), min(end, mark.span.end)
            if position < first:
                pieces.append(Stretch(self._runs(position, first, styles[position - start :])))
            pieces.append(Stretch(self._runs(first, last, styles[first - start :]), mark, self.is_first(mark)))
            position = last
        if position < end:
            pieces.append(Stretch(self._runs(position, end, styles[position - start :])))
        return pieces

    def marks_in(self, start: int, end: int) -> Iterator[Mark]:
        row = bisect_left(self.marks, start + 1, key=lambda mark: mark.span.end)
        while row < len(self.marks) and self.marks[row].span.start < end:
            yield self.marks[row]
            row += 1

    def is_first(self, mark: Mark) -> bool:
        """Whether this part of the mark is its first."""
        new = mark not in self.seen
        self.seen.add(mark)
        return new

    def _runs(self, start: int, end: int, styles: Sequence[int]) -> list[Run]:
        runs, text = [], self.document.text
        for style, group in groupby(range(start, end), key=lambda position: styles[position - start]):
            first, *rest = group
            piece = text[first : first + 1 + len(rest)]
            hints = f"invisible character U+{ord(piece[0]):04X}" if style & UNSEEN else ""
            if hints:  # each on its own
                runs += [Run(c, "unseen", f"invisible character U+{ord(c):04X}") for c in piece]
            else:
                runs.append(Run(piece, " ".join(name for bit, name in NAMES.items() if style & bit)))
        return runs


def rendered(document: Document, part: Span, marks: Sequence[Mark]) -> Markup:
    """`part` of a document as HTML. The marks must be in order and must not overlap."""
    painter = _Painter(document, marks, PurePosixPath(document.id).suffix.lower() in MARKDOWN)
    shown = list(_elements(document, part, painter))
    rank = PANEL_RANK
    for heading in (element for element in shown if element.kind == "heading"):
        rank = heading.rank = min(heading.level + PANEL_RANK, rank + 1, LEVELS)
    return render("page/source_text.html", groups=_grouped(shown))


def without_overlaps(active: Mark | None, others: Sequence[Mark]) -> list[Mark]:
    """The marks in order; where two overlap, the active one or else the earlier one is kept."""
    kept = [active] if active else []
    for mark in sorted(others, key=lambda mark: (mark.span.start, mark.span.end)):
        if all(mark.span.end <= other.span.start or other.span.end <= mark.span.start for other in kept[-1:] + kept[:1]):
            kept.append(mark)
    return sorted(kept, key=lambda mark: mark.span.start)


def _elements(document: Document, part: Span, painter: _Painter) -> Iterator[Shown]:
    position = part.start
    blocks = document.blocks
    row = bisect_left(blocks, part.start + 1, key=lambda block: block.span.end)
    while row < len(blocks) and blocks[row].span.start < part.end:
        block = blocks[row]
        start, end = max(part.start, block.span.start), min(part.end, block.span.end)
        if position < start:
            yield _gap(document, position, start, painter)
        yield _element(document, block, Span(start, end), painter)
        position, row = end, row + 1
    if position < part.end:
        yield _gap(document, position, part.end, painter)


def _gap(document: Document, start: int, end: int, painter: _Painter) -> Shown:
    """Text that is no content: white space, markup, or for instance a list of links at the end."""
    text = document.text[start:end]
    hidden = _ONLY_MARKUP.fullmatch(text) is not None
    kind = "space" if text.isspace() else "markup" if hidden else "outside"
    return Shown(kind, stretches=painter.stretches(start, end, plain_styles(text)))


def _element(document: Document, block: Block, span: Span, painter: _Painter) -> Shown:
    text = span.of(document.text)
    if block.kind == "table":
        return Shown("table", row=_row(block, span, text, painter))
    styles = markdown_styles(text, code=block.kind == "code") if painter.markdown else plain_styles(text)
    if block.kind == "item" and not painter.markdown and text[:1] in "•-*":
        styles[0] = SYNTAX
    kind = "heading" if block.kind == "question" or (block.kind == "heading") else block.kind
    return Shown(
        kind,
        level=min(block.level or LEVELS // 2, LEVELS) if kind == "heading" else _depth(document.text, span.start),
        stretches=painter.stretches(span.start, span.end, styles),
        ordered=block.kind == "item" and _ORDERED.match(text) is not None,
    )


def _depth(text: str, start: int) -> int:
    """How deep a list item is nested, by the spaces before it."""
    line = text.rfind("\n", 0, start) + 1
    return min(4, (start - line) // INDENT) if text[line:start].isspace() else 0


def _row(block: Block, span: Span, text: str, painter: _Painter) -> TableRow:
    places = [Span(span.start + cell.start, span.start + cell.end) for cell in cells(text)] or [Span(span.start, span.start)]
    first, last = places[0].start, places[-1].end
    whole = next((m for m in painter.marks_in(first, last) if m.span.start <= first and last <= m.span.end), None)
    inner = painter if whole is None else _Painter(painter.document, (), painter.markdown)
    shown, position = [], first
    for place in places:
        if position < place.start:
            shown.append(TableCell(inner.stretches(position, place.start, [SYNTAX] * (place.start - position)), is_cell=False))
        words = place.of(painter.document.text)
        styles = markdown_styles(words) if painter.markdown else plain_styles(words)
        styles = [style | (SYNTAX if words[n : n + 2] == "\\|" else 0) for n, style in enumerate(styles)]
        shown.append(TableCell(inner.stretches(place.start, place.end, styles)))
        position = place.end
    return TableRow(
        painter.stretches(span.start, first, [SYNTAX] * (first - span.start)) if span.start < first else (),
        shown,
        painter.stretches(last, span.end, [SYNTAX] * (span.end - last)) if last < span.end else (),
        bool(block.level),
        whole,
        whole is not None and painter.is_first(whole),
    )


def _grouped(elements: Sequence[Shown]) -> list[tuple[str, list[Shown]]]:
    """Neighbouring items as one list and rows as one table, with the white space and markup between them."""
    groups: list[tuple[str, list[Shown]]] = []
    for number, element in enumerate(elements):
        kind = element.kind if element.kind in ("item", "table") else ""
        if element.kind in ("space", "markup") and groups and groups[-1][0]:
            following = elements[number + 1].kind if number + 1 < len(elements) else ""
            kind = groups[-1][0] if following == groups[-1][0] else ""
        if groups and groups[-1][0] == kind:
            groups[-1][1].append(element)
        else:
            groups.append((kind, [element]))
    return groups
