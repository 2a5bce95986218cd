"""The bookmarks of a PDF: levels for the headings that are printed on the pages, and headings where none is printed."""

import ctypes
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pypdfium2.raw as pdfium

from rag.loading.pdf.text_lines import Line, PageLines

_DEEPEST = 6
_NO_HEADING = re.compile(r"\W*(?:(?:page|slide|seite|folie|p\.?)\W*)?(?:\d+|[ivxlc]+)?\W*|.*\.\w{2,4}", re.I)  # "Page 3", a file
_LEAST_LETTERS = 3
_ABOVE = 2.0  # points: a bookmark points so far above the line that follows it, at least


@dataclass(frozen=True, slots=True)
class Bookmark:
    """`page` counts from 1; `left` and `top` are where it points on the page, None if it names no place."""

    title: str
    level: int
    page: int | None
    left: float | None
    top: float | None


def key(heading: str) -> str:
    """The letters and digits of a heading: outlines and pages differ in everything else."""
    return "".join(char for char in heading.casefold() if char.isalnum())


def bookmarks_of(document: Any) -> list[Bookmark]:
    return [_bookmark(entry) for entry in document.get_toc(max_depth=_DEEPEST)]


def levels(bookmarks: Iterable[Bookmark]) -> dict[str, int]:
    """The levels of headings by `key`."""
    return {key(bookmark.title): bookmark.level for bookmark in bookmarks}


def with_bookmarks(pages: Sequence[PageLines], bookmarks: Sequence[Bookmark]) -> list[PageLines]:
    """The pages with a line for each bookmark whose title is not printed on the page to which it points."""
    numbers = {page.number: i for i, page in enumerate(pages) if page.lines}
    changed = list(pages)
    printed = [key("".join(line.text for line in page.lines)) for page in pages]
    for bookmark in bookmarks:
        i = numbers.get(bookmark.page or 0)
        if i is None or not _is_heading(bookmark.title):
            continue
        # Programs that write the page break before a heading as part of the page before it are off by one page.
        if not any(key(bookmark.title) in text for text in printed[max(i - 1, 0) : i + 2]):
            changed[i] = replace(changed[i], lines=_inserted(changed[i].lines, bookmark))
    return changed


def _bookmark(entry: Any) -> Bookmark:
    destination = entry.get_dest()
    number = None if destination is None else destination.get_index()
    left, top = (None, None) if destination is None else _place(destination)
    title = " ".join(entry.get_title().split())
    return Bookmark(title, min(entry.level + 1, _DEEPEST), None if number is None else number + 1, left, top)


def _place(destination: Any) -> tuple[float | None, float | None]:
    flags = [ctypes.c_int() for _ in range(3)]
    values = [ctypes.c_float() for _ in range(3)]
    if not pdfium.FPDFDest_GetLocationInPage(destination, *flags, *values):
        return None, None
    (has_x, has_y, _), (x, y, _) = flags, values
    return x.value if has_x.value else None, y.value if has_y.value else None


def _is_heading(title: str) -> bool:
    return sum(map(str.isalpha, title)) >= _LEAST_LETTERS and not _NO_HEADING.fullmatch(title)


def _inserted(lines: Sequence[Line], bookmark: Bookmark) -> list[Line]:
    """The lines with the bookmark's title above the first one at or below the place to which it points."""
    left, top = bookmark.left or 0.0, float("inf") if bookmark.top is None else bookmark.top + _ABOVE
    at = next((i for i, line in enumerate(lines) if line.baseline <= top and line.right > left), 0)
    below = lines[at]
    heading = replace(below, text=bookmark.title, baseline=below.baseline + below.size, bold=True, mono=False, cells=(), words=())
    return [*lines[:at], heading, *lines[at:]]
