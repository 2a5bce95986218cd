"""The lines of a PDF's pages to pieces: without running lines, with headings, and footnotes after their paragraph."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median

from rag.loading.blocks import Piece
from rag.loading.pdf.heading_lines import HeadingStyles, heading_styles, leads_text
from rag.loading.pdf.outline import Bookmark, levels, with_bookmarks
from rag.loading.pdf.paragraphs import RIGHT_EDGE, Shape, Writer
from rag.loading.pdf.running_lines import without_running_lines
from rag.loading.pdf.text_lines import Line, PageLines

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_NOTE_SIZE = 0.93  # times the size of the text: the largest footnote
_NOTE_AREA = 0.4  # of the page's height: footnotes are below
_NOTE_GAP = 1.3  # times the footnote's size: the least distance between the text and the first footnote
_MOST_PITCH = 2.5  # times the font size: lines further apart are not in one paragraph
_MANY = 0.4  # share of a column's lines


def pieces_of(pages: Sequence[PageLines], bookmarks: Sequence[Bookmark]) -> list[Piece]:
    pages = with_bookmarks(without_running_lines(pages), bookmarks)
    lines = [line for page in pages for line in page.lines or page.additions]
    if sum(len(line.text) for line in lines if line.mono) > 0.5 * sum(len(line.text) for line in lines):
        # Typewritten: a monospaced font does not mean code here.
        pages = [replace(page, lines=[replace(line, mono=False) for line in page.lines]) for page in pages]
        lines = [line for page in pages for line in page.lines]
    styles = heading_styles(lines, levels(bookmarks))
    writer = Writer(_vocabulary(lines))
    for page in pages:
        _write_page(page, styles, writer)
    writer.close()
    return writer.pieces


def _vocabulary(lines: Sequence[Line]) -> Counter[str]:
    """How often each word occurs in the document; the parts of words divided at line ends count as words."""
    words = Counter[str]()
    for line in lines:
        words.update(word.casefold() for word in _WORD.findall(line.text))
    return words


def _write_page(page: PageLines, styles: HeadingStyles, writer: Writer) -> None:
    footnotes: list[list[Line]] = []
    for column in _columns(page.lines):
        text, notes = _without_footnotes(column, styles.body_size, page.height)
        footnotes.append(notes)
        shape = Shape(_pitch(text), _is_filled(text))
        for before, line, after in zip([None, *text], text, [*text[1:], None], strict=False):
            level = styles.level_of(line)
            if not level and after and leads_text(line, before, after, styles.body_size, shape.pitch):
                level = styles.plain_level
            writer.add(line, page.number, before, shape=shape, level=level)
    for notes in footnotes:
        writer.hold(notes, page.number)
    for addition in page.additions:
        writer.hold([addition], page.number)


def _columns(lines: Sequence[Line]) -> Iterator[list[Line]]:
    column: list[Line] = []
    for line in lines:
        if column and line.column != column[-1].column:
            yield column
            column = []
        column.append(line)
    if column:
        yield column


def _without_footnotes(column: list[Line], body_size: float, height: float) -> tuple[list[Line], list[Line]]:
    """The column and its footnotes: smaller lines at its end in the lower part of the page, with a gap above them."""
    first = len(column)
    while (
        first
        and column[first - 1].size < _NOTE_SIZE * body_size
        and column[first - 1].baseline < _NOTE_AREA * height
        and not column[first - 1].cells
        and not column[first - 1].mono
    ):
        first -= 1
    notes = column[first:]
    if not first or not notes or column[first - 1].baseline - notes[0].baseline < _NOTE_GAP * notes[0].size:
        return column, []
    return column[:first], notes


def _pitch(lines: Sequence[Line]) -> float:
    """The median distance between the lines of a column."""
    steps = [
        line.baseline - below.baseline
        for line, below in zip(lines, lines[1:], strict=False)
        if 0 < line.baseline - below.baseline < _MOST_PITCH * max(line.size, below.size)
    ]
    return median(steps) if steps else 0.0


def _is_filled(lines: Sequence[Line]) -> bool:
    """Whether so many lines reach the column's right edge that one that does not ends there on purpose."""
    full = sum(line.right > line.edges[1] - RIGHT_EDGE * (line.edges[1] - line.edges[0]) for line in lines)
    return full >= _MANY * len(lines)
