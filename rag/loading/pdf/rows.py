"""Words of a PDF's page to rows: what stands side by side, with the wide gaps in it."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rag.loading.pdf.words import Word

_BULLET = re.compile("[\u2022\u2023\u25e6\u25aa\u25cf\u25cb\u25a0\u25a1\uf0a7\uf0b7\uf0d8]")
_FIRST_MARK = re.compile(rf"{_BULLET.pattern}|[-–*·o]|\(?(?:\d{{1,3}}|[a-zA-Z]|[ivx]{{1,4}})[.)]")  # an item's number is no cell
GAP = 0.9  # of the letters' size: between the cells of a row there is at least this, and between most columns


@dataclass(frozen=True, slots=True)
class Row:
    words: tuple[Word, ...]  # from left to right
    segments: tuple[tuple[float, float], ...]  # parts with wide gaps between
    left: float
    right: float
    size: float  # that most of its letters have
    baseline: float


def rows_of(words: Iterable[Word]) -> list[Row]:
    """Words that stand side by side, from the top down."""
    rows: list[list[Word]] = []
    extents: list[tuple[float, float]] = []  # of the largest word of each
    for word in sorted(words, key=lambda word: (-word.baseline, word.left)):
        bottom, top = _extent(word)
        for i in range(len(rows) - 1, max(len(rows) - 4, -1), -1):
            low, high = extents[i]
            if min(high, top) - max(low, bottom) > 0.5 * min(high - low, top - bottom):
                rows[i].append(word)
                if top - bottom > high - low:
                    extents[i] = bottom, top
                break
        else:
            rows.append([word])
            extents.append((bottom, top))
    return [_row(row) for row in rows]


def _extent(word: Word) -> tuple[float, float]:
    return word.baseline - 0.2 * word.size, word.baseline + 0.7 * word.size


def _row(words: list[Word]) -> Row:
    words = sorted(words, key=lambda word: (word.left, word.order))
    segments: list[tuple[float, float]] = []
    for i, word in enumerate(words):
        marked = i > 0 and len(words[i - 1].text) < 7 and (_FIRST_MARK if i == 1 else _BULLET).fullmatch(words[i - 1].text)
        if segments and (marked or word.left - segments[-1][1] < GAP * word.size):
            segments[-1] = (segments[-1][0], max(segments[-1][1], word.right))
        else:
            segments.append((word.left, word.right))
    letters = Counter[float]()
    for word in words:
        letters[word.size] += len(word.text)
    size = letters.most_common(1)[0][0]
    baseline = next(word.baseline for word in words if word.size == size)
    return Row(tuple(words), tuple(segments), words[0].left, max(right for _, right in segments), size, baseline)
