"""The header of a table: how many rows it takes, judged by the shape of the cells, and one label per column."""

import re
from collections import Counter
from collections.abc import Sequence

Lines = Sequence[Sequence[str]]
"""The cells of a table by row and column. Merged cells are repeated in all rows and columns that they cover."""

LONGEST_LABEL = 80  # characters; a longer cell is prose
_YEAR = re.compile(r"(?:1[5-9]|20|21)\d\d")
_NUMBER = re.compile(r"\d+")
_SEPARATOR_IN_NUMBER = re.compile(r"(?<=\d)[.,](?=\d)")
_DIGIT_IN_FIRST_WORD = re.compile(r"\S*\d")
_ROWS_COMPARED = 20  # rows below the header that show what the values of a column look like
_MOST_HEADER_ROWS = 5
_SHORTEST_COUNT = 3  # this many neighbouring labels 1, 2, 3 ... are a count, not values


def header(lines: Lines, *, at_least: int | None) -> tuple[int, list[str]]:
    """The number of header rows, and the label of each column ([] without a header).

    `at_least` is how many rows the file marks as header; None if it marks none, so that the shape of the cells decides.
    Groups of columns ("2024" above "H1" and "H2") are followed down to the labels below them and joined: "2024 › H2". At
    least one row is left for the values.
    """
    height = at_least if at_least is not None else _unmarked_height(lines)
    most = min(len(lines) - 1, _MOST_HEADER_ROWS)
    while 0 < height < most and _continues(lines[height - 1], lines[height], lines[height:]):
        height += 1
    height = min(height, max(len(lines) - 1, 0))
    labels = _joined(lines[:height])
    return (height, labels) if any(labels) else (0, [])


def is_label(text: str) -> bool:
    """Whether a cell can be the name of a column: short, no sentence, no digit in its first word."""
    is_sentence = text.rstrip().endswith(".") and text.count(" ") > 2
    return len(text) <= LONGEST_LABEL and not is_sentence and not _DIGIT_IN_FIRST_WORD.match(text.lstrip())


def names_columns(lines: Lines) -> bool:
    """Whether the first row names the columns. A number can be a name if the values below it look different."""
    first = [text.strip() for text in lines[0]] if lines else []
    filled = {i: text for i, text in enumerate(first) if text}
    numeric = {i: text for i, text in filled.items() if not is_label(text)}
    if len(filled) < 2 or any(not _DIGIT_IN_FIRST_WORD.match(text) or len(text) > LONGEST_LABEL for text in numeric.values()):
        return False
    if len(numeric) < len(first) and _is_count(list(numeric.values())):
        return True
    below = lines[1 : 1 + _ROWS_COMPARED]
    if len(numeric) == len(first) and not all(_YEAR.fullmatch(text) for text in numeric.values()):
        # Numbers without a name or an empty corner are values, unless they count columns of words.
        return _is_count(list(numeric.values())) and not any(_shape(text) for line in below for text in line)
    return all(_stands_out(text, [line[i].strip() for line in below if i < len(line)]) for i, text in numeric.items())


def names_groups(upper: Sequence[str], lower: Sequence[str]) -> bool:
    """Whether `upper` names groups of columns and `lower` the columns in them.

    The label of a group is repeated, or followed by empty cells. In `lower`, a column outside all groups repeats its label
    or is empty, unless it has no label above.
    """
    width = max(len(upper), len(lower))
    above, below = ([text.strip() for text in line] + [""] * (width - len(line)) for line in (upper, lower))
    grouped = {column for start, end in _groups(above, below) for column in range(start, end)}
    return bool(grouped) and all(below[i] in ("", above[i]) for i in range(width) if above[i] and i not in grouped)


def _unmarked_height(lines: Lines) -> int:
    if len(lines) > 2 and names_groups(lines[0], lines[1]) and names_columns(lines[1:]):
        return 2
    return int(names_columns(lines))


def _continues(upper: Sequence[str], lower: Sequence[str], lines: Lines) -> bool:
    """Whether a header continues with the row `lower`, the first of `lines`."""
    merged_down = bool(upper and lower and upper[0].strip()) and upper[0] == lower[0] and list(upper) != list(lower)
    return (names_groups(upper, lower) or merged_down) and names_columns(lines)


def _stands_out(label: str, below: Sequence[str]) -> bool:
    """Whether most of the values below a label with a digit have one shape, and the label has another."""
    values = [value for value in below if value]
    if not values:
        return True
    if _YEAR.fullmatch(label):
        return sum(_YEAR.fullmatch(value) is not None for value in values) * 2 <= len(values)
    shape, count = Counter(map(_shape, values)).most_common(1)[0]
    return shape != _shape(label) and count * 2 >= len(values)


def _shape(text: str) -> str:
    """The text with every number replaced by 0, as most values of a column have it in common; "" for words alone."""
    shape = _NUMBER.sub("0", _SEPARATOR_IN_NUMBER.sub("", text)).lstrip("-−+")
    return shape if "0" in shape else ""


def _is_count(labels: Sequence[str]) -> bool:
    numbers = [int(label) for label in labels if label.isascii() and label.isdecimal()]
    return len(numbers) == len(labels) >= _SHORTEST_COUNT and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _groups(above: Sequence[str], below: Sequence[str]) -> list[tuple[int, int]]:
    """Ranges of columns below one label, each column with a label of its own that differs from its neighbour's."""
    groups: list[tuple[int, int]] = []
    start = 0
    while start < len(above):
        end = start + 1
        while _is_group_label(above[start]) and end < len(above) and above[end] in ("", above[start]) and below[end]:
            end += 1
        if end - start > 1 and below[start] and len(set(below[start:end])) > 1:
            groups.append((start, end))
        start = end
    return groups


def _is_group_label(text: str) -> bool:
    """Unlike the name of a column, that of a group may have a digit in its first word: "H1", "2024"."""
    is_sentence = text.rstrip().endswith(".") and text.count(" ") > 2
    return len(text) <= LONGEST_LABEL and not is_sentence and (text[:1].isalpha() or _YEAR.search(text) is not None)


def _joined(lines: Lines) -> list[str]:
    """The labels of each column from top to bottom, those of groups carried on to the right, equal ones once."""
    width = max(map(len, lines), default=0)
    full = [[text.strip() for text in line] + [""] * (width - len(line)) for line in lines]
    for above, below in zip(full, full[1:], strict=False):
        for start, end in _groups(above, below):
            above[start:end] = [above[start]] * (end - start)
    return [" › ".join(dict.fromkeys(label for label in column if label)) for column in zip(*full, strict=True)]
