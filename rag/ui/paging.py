"""Long tables in pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

ROWS = 50  # of a page: a screen or two, drawn without a noticeable wait

T = TypeVar("T")


@dataclass(frozen=True)
class TablePage:
    """Page `page`, from 0, of `pages`; it shows rows `first` to `last`, from 1, of `total`."""

    page: int
    pages: int
    first: int
    last: int
    total: int


def table_page(rows: Sequence[T], page: int) -> tuple[Sequence[T], TablePage]:
    """The rows of a page; a number that is out of range gives the nearest page."""
    pages = max(1, -(-len(rows) // ROWS))
    page = min(max(0, page), pages - 1)
    shown = rows[page * ROWS : (page + 1) * ROWS]
    return shown, TablePage(page, pages, page * ROWS + 1, page * ROWS + len(shown), len(rows))
