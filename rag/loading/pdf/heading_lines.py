"""Which lines of a PDF are headings, and of which level."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.loading.pdf.outline import key
from rag.loading.pdf.paragraphs import SECTION, style
from rag.loading.pdf.tables import CAPTION
from rag.loading.pdf.text_lines import Line
from rag.text.list_markers import LINE_BULLET

_DEEPEST = 6
_LONGEST_HEADING = 200  # characters
_LARGER = 1.15  # times the size of the text: a heading by size alone
_AS_LARGE = 0.95  # times the size of the text: the least size of a bold heading
_MOST_BOLD_WORDS = 14
_LONGEST_PLAIN_HEADING = 90  # characters
# Of a heading in the style of the text:
_SIZE_BELOW, _SIZE_ABOVE = 0.98, 1.02  # its least size and the largest size of the next line, relative to the text and to it
_LEFT = 2.5  # font sizes: its distance from the left edge of the next line
_NEXT_WIDTH, _OWN_WIDTH = 0.7, 0.9  # of the column: the next line is wider, it is narrower
_WHITE_ABOVE, _WHITE_BELOW, _NEAR = 1.4, 1.1, 2.5  # times the usual distance: at least above and below it, at most below
_SLIGHTLY_LARGER = 1.05  # times the size of the text: needs no white space below


@dataclass(frozen=True, slots=True)
class HeadingStyles:
    """The size of the document's text, the level of each style of heading, and the levels in the outline by `key`."""

    body_size: float
    levels: Mapping[tuple[float, bool], int]
    outline: Mapping[str, int]

    def level_of(self, line: Line) -> int:
        """0 if the line does not look like a heading."""
        if not _is_heading(line, self.body_size, self.outline):
            return 0
        level = self.outline.get(key(line.text)) or self.levels[style(line)]
        section = SECTION.match(line.text)
        if section and key(line.text) not in self.outline:
            level = max(level, section[1].count(".") + 1)
        return min(level, _DEEPEST)

    @property
    def plain_level(self) -> int:
        """The level of headings in the style of the text: below all others."""
        return min(max(self.levels.values(), default=0) + 1, _DEEPEST)


def heading_styles(lines: Sequence[Line], outline: Mapping[str, int]) -> HeadingStyles:
    """Larger styles have higher levels; where the outline names a heading of a style, its level counts for the style."""
    body_size = _body_size(lines)
    headings = [line for line in lines if _is_heading(line, body_size, outline)]
    ranked = sorted({style(line) for line in headings}, reverse=True)
    levels = {look: min(rank, _DEEPEST) for rank, look in enumerate(ranked, start=1)}
    for look in ranked:
        stated = Counter(outline[key(line.text)] for line in headings if style(line) == look and key(line.text) in outline)
        if stated:
            levels[look] = stated.most_common(1)[0][0]
    return HeadingStyles(body_size, levels, outline)


def leads_text(line: Line, before: Line | None, after: Line, body_size: float, pitch: float) -> bool:
    """Whether a line in the style of the text is a heading: short, with white space around it, more of it above."""
    if (
        line.cells
        or after.cells
        or line.mono
        or after.mono
        or line.size < _SIZE_BELOW * body_size
        or after.size > _SIZE_ABOVE * line.size
    ):
        return False
    starts_well = line.text[0].isupper() or line.text[0].isdigit()
    if len(line.text) > _LONGEST_PLAIN_HEADING or not starts_well or line.text[-1] in ".,;:!":
        return False
    width = line.edges[1] - line.edges[0]
    above = before.baseline - line.baseline if before else float("inf")
    below = line.baseline - after.baseline
    leads = abs(line.left - after.left) < _LEFT * line.size and after.right - after.left > _NEXT_WIDTH * width
    white_below = below > _WHITE_BELOW * pitch or line.size > _SLIGHTLY_LARGER * body_size
    white = above > _WHITE_ABOVE * pitch and above > below > 0 and white_below
    return leads and white and line.right - line.left < _OWN_WIDTH * width and below < _NEAR * pitch


def _body_size(lines: Sequence[Line]) -> float:
    letters_of_size = Counter[float]()
    for line in lines:
        letters_of_size[style(line)[0]] += len(line.text)
    return letters_of_size.most_common(1)[0][0]


def _is_heading(line: Line, body_size: float, outline: Mapping[str, int]) -> bool:
    has_letters = any(char.isalpha() for char in line.text)
    if line.cells or line.mono or not has_letters or len(line.text) > _LONGEST_HEADING or CAPTION.match(line.text):
        return False
    if outline and key(line.text) in outline:
        return True
    if line.size >= _LARGER * body_size:
        return len(line.text) > 1
    short = len(line.text.split()) <= _MOST_BOLD_WORDS and not line.text.endswith((".", ",", ";"))
    return line.bold and short and line.size >= _AS_LARGE * body_size and not LINE_BULLET.match(line.text)
