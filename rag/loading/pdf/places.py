"""Where the text of a block stands on its pages, counted in letters: white space, hyphens and bars differ between the two."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.loading.pdf.words import Word
from rag.records import Block, Document, Place, Span

_GENERATED = 3  # characters between two words of a line that PDFium adds itself: a space, or a line end


@dataclass(frozen=True, slots=True)
class PageRun:
    """`count` letters of a page, after `skipped` letters from PDFium's character `first`.

    A negative `first` is a form field or comment: -1 - `first` is the number of its annotation.
    """

    first: int
    skipped: int
    count: int


def letters(text: str) -> str:
    """The letters and digits of a text, without case, ligatures and raised or lowered forms."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())


def places_of(words: Iterable[tuple[int, Word]]) -> tuple[Place, ...]:
    """The places of a block's words, which come in the order of its text with their pages: one for each run on a page."""
    places: list[Place] = []
    count, page_before, end = 0, 0, 0
    for page, word in words:
        if page != page_before or not 0 <= word.order - end <= _GENERATED:
            places.append((count, page, word.order))
        count += len(letters(word.text))
        page_before, end = page, word.end
    return tuple(places)


def runs_on_page(document: Document, page: int, span: Span) -> list[PageRun]:
    """The parts of a page that show the span; empty if it is not on the page, or the document does not say where."""
    return [run for block in document.blocks for run in _runs(document.text, block, page, span)]


def _runs(text: str, block: Block, page: int, span: Span) -> Iterable[PageRun]:
    start, end = max(span.start, block.span.start), min(span.end, block.span.end)
    if start >= end:
        return
    first = len(letters(text[block.span.start : start]))
    last = first + len(letters(text[start:end]))
    bounds: Sequence[Place] = [*block.places, (len(letters(block.span.of(text))), 0, 0)]
    for (begins, on, index), (stops, _, _) in pairwise(bounds):
        if on == page and max(begins, first) < min(stops, last):
            yield PageRun(index, max(first - begins, 0), min(stops, last) - max(begins, first))
