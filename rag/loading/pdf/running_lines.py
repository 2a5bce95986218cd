"""Running heads, feet and page numbers, which are left out of the text."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from rag.loading.pdf.text_lines import Line, PageLines

_PAGE_NUMBER = re.compile(r"\W*(?:(?:page|seite|p\.|pg\.?)\s*)?(?:\d{1,4}|[ivxlc]{1,7})(?:\s*(?:/|of|von)\s*\d{1,4})?\W*", re.I)
_DIGITS = re.compile(r"\d+")
_EDGE_LINES = 6  # at most, at the top and at the bottom of a page
_TOP, _BOTTOM = 0.75, 0.25  # of the page's height: running lines are above or below
_SAME_HEIGHT = 4  # points
_FEW_PAGES = 5  # with fewer, two pages with the same line are enough, otherwise three


def without_running_lines(pages: Sequence[PageLines]) -> list[PageLines]:
    """The pages without lines that recur at the same height of several pages, apart from their digits.

    A page that would be left empty keeps its lines.
    """
    if len(pages) < 2:
        return list(pages)
    pages_with = Counter[tuple[str, int]]()
    for page in pages:
        pages_with.update({_mark(line) for edge in _edges(page) for line in edge})
    needed = 2 if len(pages) < _FEW_PAGES else 3

    def is_running(line: Line) -> bool:
        text, height = _mark(line)
        count = sum(pages_with[text, height + shift] for shift in (-1, 0, 1))
        return count >= (2 if "#" in text else needed)

    kept: list[PageLines] = []
    for page in pages:
        running = {line for edge in _edges(page) for line in takewhile(is_running, edge)}
        tables = {line.gutters for line in page.lines if line.cells and line not in running}
        running = {line for line in running if line.gutters not in tables}  # rows of a table that goes on are not running
        kept.append(replace(page, lines=[line for line in page.lines if line not in running] or page.lines))
    return kept


def _edges(page: PageLines) -> tuple[list[Line], list[Line]]:
    """The topmost and the lowest lines of a page, each from its edge inwards."""
    by_height = sorted(page.lines, key=lambda line: (-line.baseline, line.left))
    half = min(_EDGE_LINES, (len(by_height) + 1) // 2)
    top = [line for line in by_height[:half] if line.baseline > _TOP * page.height]
    return top, [line for line in by_height[: -half - 1 : -1] if line.baseline < _BOTTOM * page.height]


def _mark(line: Line) -> tuple[str, int]:
    """What a running line has in common on all pages: text without digits, and height. Lines of figures keep their digits."""
    text = "#" if _PAGE_NUMBER.fullmatch(line.text) else _DIGITS.sub("#", line.text)
    only_figures = text != "#" and not any(word.isalpha() for word in text.split())
    return (line.text if only_figures else text), round(line.baseline / _SAME_HEIGHT)
