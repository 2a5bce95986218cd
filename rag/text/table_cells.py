"""The cells of a table row: where each one stands in the row's text."""

import re

from rag.records import Span

_BAR = re.compile(r"(?<!\\)\|")  # "\|" is a bar within a cell


def cells(row: str) -> tuple[Span, ...]:
    """The span of each cell within `row`, in order and without the white space around it; an empty cell has an empty span.

    A row is "a | b | c" or, as in Markdown, "| a | b | c |". A bar at only one end has an empty cell beyond it. Of several
    lines only the first is a row: in Markdown the line of dashes below a header belongs to the header's block.
    """
    start, end = _stripped(row, 0, len(row.split("\n")[0]))
    bars = [match.start() for match in _BAR.finditer(row, start, end)]
    if len(bars) > 1 and bars[0] == start and bars[-1] == end - 1:
        start, end, bars = start + 1, end - 1, bars[1:-1]
    edges = [start - 1, *bars, end]
    return tuple(Span(*_stripped(row, left + 1, right)) for left, right in zip(edges, edges[1:], strict=False))


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return start, max(start, start + len(piece.strip()))
