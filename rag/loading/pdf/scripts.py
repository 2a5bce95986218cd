"""Raised and lowered characters of a line: exponents, indices, ordinals and the marks of notes."""

import re
from collections.abc import Sequence

from rag.loading.pdf.rows import FARTHEST_SHIFT, NEAR, SCRIPT_SIZE, Row
from rag.loading.pdf.words import Word
from rag.loading.raised_figures import lowered, raised

# Of the size of the line's text:
_RISE, _DROP = 0.15, 0.05  # the least distance from the line's baseline, upwards and downwards
_UNSIZED_SHIFT = 0.2  # the same for characters of the size of the text
GLUED = 0.15  # the largest gap between a raised or lowered part and the text to which it belongs
_LONGEST_UNSIZED = 4  # characters
_MARK = re.compile(r"[\d*†‡§¶∗,]{1,5}|[a-z]")  # of a note


def with_scripts(row: Row) -> list[Word]:
    """The words of a row, with raised and lowered ones written as superscripts and subscripts."""
    words = list(row.words)
    if all(word.size == row.size and word.baseline == row.baseline for word in words):
        return words
    for i, word in enumerate(words):
        shift = word.baseline - row.baseline
        gaps = _gaps(words, i)
        if _is_script(word, shift, row.size, gaps):
            words[i] = word._replace(text=raised(word.text) if shift > 0 else lowered(word.text), is_script=True)
    return words


def _gaps(words: Sequence[Word], i: int) -> tuple[float, float]:
    """The gaps before and after a word; infinite at the ends of the line."""
    before = words[i].left - words[i - 1].right if i else float("inf")
    after = words[i + 1].left - words[i].right if i + 1 < len(words) else float("inf")
    return before, after


def _is_script(word: Word, shift: float, size: float, gaps: tuple[float, float]) -> bool:
    if abs(shift) > FARTHEST_SHIFT * size:
        return False
    if word.size > SCRIPT_SIZE * size:
        return abs(shift) > _UNSIZED_SHIFT * size and min(gaps) < GLUED * size and len(word.text) <= _LONGEST_UNSIZED
    if shift < 0:
        return shift < -_DROP * size and gaps[0] < GLUED * size
    near = GLUED if not _MARK.fullmatch(word.text) else NEAR
    return shift > _RISE * size and min(gaps) < near * size
