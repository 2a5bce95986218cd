"""The styles of OpenDocument files: their names, raised and lowered text, and the numbers of lists and headings."""

from collections.abc import Iterable
from functools import cache

from lxml import etree

from rag.loading.office.word_numbering import formatted_number

_SPACES = {
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
    "draw": "urn:oasis:names:tc:opendocument:xmlns:drawing:1.0",
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "presentation": "urn:oasis:names:tc:opendocument:xmlns:presentation:1.0",
    "style": "urn:oasis:names:tc:opendocument:xmlns:style:1.0",
    "svg": "urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0",
    "chart": "urn:oasis:names:tc:opendocument:xmlns:chart:1.0",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xlink": "http://www.w3.org/1999/xlink",
    "math": "http://www.w3.org/1998/Math/MathML",
}
_FORMS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_LEVELS = 10


@cache
def name(prefixed: str) -> str:
    """ "text:p" in lxml's notation."""
    prefix, _, local = prefixed.partition(":")
    return f"{{{_SPACES[prefix]}}}{local}"


class Styles:
    """The styles of content.xml and styles.xml together."""

    def __init__(self, roots: Iterable[etree._Element]) -> None:
        roots = list(roots)
        styles = [style for root in roots for style in root.iter(name("style:style"))]
        self._styles = {style.get(name("style:name"), ""): style for style in styles}
        self._lists = {each.get(name("style:name"), ""): each for root in roots for each in root.iter(name("text:list-style"))}
        self._outline = next((each for root in roots for each in root.iter(name("text:outline-style"))), None)

    def named(self, style: str) -> str:
        """The named style behind an automatic one: "P1" is based on "Title"."""
        found = self._styles.get(style)
        return (found.get(name("style:parent-style-name")) if found is not None else None) or style

    def property(self, style: str, properties: str, attribute: str) -> str:
        """An attribute of a style, e.g. "text-properties" and "text:display"; "" if the style does not set it."""
        found = self._styles.get(style)
        child = found.find(name(f"style:{properties}")) if found is not None else None
        return "" if child is None else str(child.get(name(attribute)) or "")

    def height(self, style: str) -> int:
        """Above 0 for raised text, below 0 for lowered."""
        position = self.property(style, "text-properties", "style:text-position").split(" ")[0]
        if position in ("super", "sub"):
            return 1 if position == "super" else -1
        number = position.rstrip("%")
        return 0 if number in ("", "0") else -1 if number.startswith("-") else 1

    def list_label(self, style: str, counts: list[int]) -> str:
        """The number in front of an item; `counts` are those of its level and of all above it. "" for a bullet."""
        return _label(self._lists.get(style), "text:list-level-style-number", counts)

    def list_start(self, style: str, level: int) -> int:
        return _start(self._lists.get(style), "text:list-level-style-number", level)

    def heading_label(self, counts: list[int]) -> str:
        return _label(self._outline, "text:outline-level-style", counts)

    def heading_start(self, level: int) -> int:
        return _start(self._outline, "text:outline-level-style", level)


def _level(definition: etree._Element | None, kind: str, level: int) -> etree._Element | None:
    levels = definition.iterchildren(name(kind)) if definition is not None else ()
    return next((each for each in levels if each.get(name("text:level")) == str(level)), None)


def _start(definition: etree._Element | None, kind: str, level: int) -> int:
    found = _level(definition, kind, level)
    return int(found.get(name("text:start-value"), "1")) if found is not None else 1


def _label(definition: etree._Element | None, kind: str, counts: list[int]) -> str:
    level = _level(definition, kind, len(counts))
    if level is None or not level.get(name("style:num-format")):
        return ""
    shown = min(int(level.get(name("text:display-levels"), "1")), len(counts))
    numbers = []
    for depth in range(len(counts) - shown, len(counts)):
        own = _level(definition, kind, depth + 1)
        form = _FORMS.get(own.get(name("style:num-format"), "") if own is not None else "", "")
        numbers += [formatted_number(counts[depth], form)] if form else []
    return f"{level.get(name('style:num-prefix'), '')}{'.'.join(numbers)}{level.get(name('style:num-suffix'), '')}".strip()


class Counts:
    """The running numbers of the levels of a list, or of headings."""

    def __init__(self) -> None:
        self._numbers: list[int | None] = [None] * _LEVELS

    def next(self, level: int, start: int) -> list[int]:
        """Counts one on at `level` (from 1), and begins all deeper levels anew."""
        current = self._numbers[level - 1]
        return self.set(level, start if current is None else current + 1)

    def set(self, level: int, number: int) -> list[int]:
        self._numbers[level - 1 :] = [number] + [None] * (_LEVELS - level)
        return [1 if each is None else each for each in self._numbers[:level]]
