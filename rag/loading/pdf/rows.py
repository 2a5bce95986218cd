"""The words of a PDF page to rows of words side by side, and the wide gaps within them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag.loading.pdf.words import Word
from rag.text.list_markers import PRINTED_BULLET, PRINTED_MARKER

GAP = 0.9  # of the font size: the least gap between cells of a row, and between most columns
_LONGEST_MARKER = 6  # characters
# Of raised and lowered characters, relative to the font size of the text next to them:
SCRIPT_SIZE = 0.85  # the largest size
FARTHEST_SHIFT = 0.75  # the largest distance from its baseline
NEAR = 0.6  # the largest gap to it
_ROWS_BACK = 3  # rows that a word may still join; raised and lowered words come out of order


@dataclass(frozen=True, slots=True)
class Row:
    words: tuple[Word, ...]  # from left to right
    segments: tuple[tuple[float, float], ...]  # extents of its parts, which wide gaps separate
    left: float
    right: float
    size: float  # of most of its letters
    baseline: float


def rows_of(words: Iterable[Word]) -> list[Row]:
    """Rows from top to bottom."""
    words = list(words)
    rows: list[list[Word]] = []
    extents: list[tuple[float, float]] = []  # vertical, of the largest word of each row
    for word in sorted((word for word in words if not word.attached), key=lambda word: (-word.baseline, word.left)):
        bottom, top = _extent(word)
        for i in range(len(rows) - 1, max(len(rows) - 1 - _ROWS_BACK, -1), -1):
            low, high = extents[i]
            if min(high, top) - max(low, bottom) > 0.5 * min(high - low, top - bottom):
                rows[i].append(word)
                if top - bottom > high - low:
                    extents[i] = bottom, top
                break
        else:
            rows.append([word])
            extents.append((bottom, top))
    _attach([word for word in words if word.attached], rows)
    return [_row(row) for row in _with_shifted(rows)]


def _attach(parts: Iterable[Word], rows: list[list[Word]]) -> None:
    """Adds parts of printed words to the rows of the parts next to them; a part without them is a row of its own."""
    row_at = {place: row for row in rows for word in row for place in (word.order, word.end)}
    for part in sorted(parts, key=lambda part: part.order):
        row = row_at.get(part.order, row_at.get(part.end))
        if row is None:
            rows.append(row := [])
        row.append(part)
        row_at[part.end] = row


def _with_shifted(rows: list[list[Word]]) -> Iterator[list[Word]]:
    """The rows, where those that hold nothing but raised or lowered parts of the next or the previous one belong to it."""
    largest = [max(word.size for word in row) for row in rows]
    lines: list[list[Word]] = []
    raised: list[Word] = []
    for i, row in enumerate(rows):
        if i and largest[i] < SCRIPT_SIZE * largest[i - 1] and lines and _are_shifted(row, lines[-1]):
            lines[-1].extend(row)
        elif i + 1 < len(rows) and largest[i] < SCRIPT_SIZE * largest[i + 1] and _are_shifted(row, rows[i + 1]):
            raised = row
        else:
            lines.append([*raised, *row])
            raised = []
    yield from lines


def _are_shifted(parts: Sequence[Word], line: Sequence[Word]) -> bool:
    return all(any(_is_shifted(part, word) for word in line) for part in parts)


def _is_shifted(part: Word, word: Word) -> bool:
    """Whether a word is raised or lowered next to a larger one."""
    if part.size > SCRIPT_SIZE * word.size or abs(part.baseline - word.baseline) > FARTHEST_SHIFT * word.size:
        return False
    return min(abs(part.left - word.right), abs(word.left - part.right)) < NEAR * word.size


def _follows_marker(words: list[Word], i: int) -> bool:
    """Whether the word before is a list marker, which is not a cell of its own however wide the gap after it is."""
    if i == 0 or len(words[i - 1].text) > _LONGEST_MARKER:
        return False
    return (PRINTED_MARKER if i == 1 else PRINTED_BULLET).fullmatch(words[i - 1].text) is not None


def _extent(word: Word) -> tuple[float, float]:
    """Bottom and top of its letters, roughly; boxes in files are often wrong."""
    return word.baseline - 0.2 * word.size, word.baseline + 0.7 * word.size


def _row(words: list[Word]) -> Row:
    words = sorted(words, key=lambda word: (word.left, word.order))
    segments: list[tuple[float, float]] = []
    for i, word in enumerate(words):
        if segments and (word.left - segments[-1][1] < GAP * word.size or _follows_marker(words, i)):
            segments[-1] = (segments[-1][0], max(segments[-1][1], word.right))
        else:
            segments.append((word.left, word.right))
    size = words[0].size
    if any(word.size != size for word in words):
        letters_of_size = Counter[float]()
        for word in words:
            letters_of_size[word.size] += len(word.text)
        size = letters_of_size.most_common(1)[0][0]
    baseline = next(word.baseline for word in words if word.size == size)
    return Row(tuple(words), tuple(segments), words[0].left, max(right for _, right in segments), size, baseline)
