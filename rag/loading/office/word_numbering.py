"""The numbers that Word counts itself: of headings ("3.2"), clauses and lists ("1.", "(a)")."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from docx.oxml.ns import qn
from lxml import etree

_PLACE = re.compile(r"%([1-9])")
_LEVELS = 9
_HIGHEST_ROMAN = 4_000  # Roman numbers end below it
_ROMAN = [
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"),
    (5, "v"), (4, "iv"), (1, "i"),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Level:
    start: int
    format: str
    text: str
    restart: int | None  # the number of levels above that restart this one; None: all of them
    legal: bool  # all numbers in the label are decimal


@dataclass(frozen=True, slots=True)
class _List:
    """A list as paragraphs refer to it. Lists of one definition count on from each other, unless one has its own start."""

    definition: str
    levels: dict[int, _Level]
    starts: dict[int, int]
    level_of_style: dict[str, int]


class Numbering:
    """Counts through a document: each numbered paragraph is to be asked for once, in order."""

    def __init__(self, numbering: etree._Element | None, styles: etree._Element | None) -> None:
        self._lists = dict(_lists(numbering)) if numbering is not None else {}
        self._styles = {style.get(qn("w:styleId")): style for style in styles.iter(qn("w:style"))} if styles is not None else {}
        self._counts: dict[str, list[int | None]] = {}
        self._started: set[tuple[str, int]] = set()

    def label(self, paragraph: etree._Element) -> str | None:
        """The number in front of a paragraph; "" if it has only a bullet, None if it is not in a list."""
        number, level = self._reference(paragraph)
        entry = self._lists.get(number)
        if entry is None or level not in entry.levels:
            return None if number in ("", "0") else ""
        counts = self._count(number, entry, level)
        if entry.levels[level].format == "bullet":
            return ""
        return _PLACE.sub(lambda match: self._part(entry, level, int(match[1]) - 1, counts), entry.levels[level].text).strip()

    def _reference(self, paragraph: etree._Element) -> tuple[str, int]:
        """The list and the level of a paragraph: its own, else those of its style or of a style that this is based on."""
        style = paragraph.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
        name = str(style.get(qn("w:val"))) if style is not None else ""
        number, level = _own(paragraph)
        seen: set[str] = set()
        while number is None and name in self._styles and name not in seen:
            seen.add(name)
            number, style_level = _own(self._styles[name])
            entry = self._lists.get(number or "")
            if number is not None:
                level = entry.level_of_style.get(name, style_level or 0) if entry else style_level
            base = self._styles[name].find(qn("w:basedOn"))
            name = str(base.get(qn("w:val"))) if base is not None else ""
        return number or "", level or 0

    def _count(self, number: str, entry: _List, level: int) -> list[int | None]:
        counts = self._counts.setdefault(entry.definition, [None] * _LEVELS)
        for each, start in entry.starts.items():
            if (number, each) not in self._started and each <= level:
                self._started.add((number, each))
                counts[each] = start - 1 if each == level else start
        current = counts[level]
        counts[level] = entry.levels[level].start if current is None else current + 1
        for above in range(level):
            if counts[above] is None and above in entry.levels:
                counts[above] = entry.levels[above].start
        for below in range(level + 1, _LEVELS):
            restart = entry.levels[below].restart if below in entry.levels else None
            if restart is None or 0 < restart >= level + 1:
                counts[below] = None
        return counts

    def _part(self, entry: _List, level: int, place: int, counts: list[int | None]) -> str:
        if place > level or place not in entry.levels:
            return ""
        form = "decimal" if entry.levels[level].legal else entry.levels[place].format
        count = counts[place]
        return formatted_number(entry.levels[place].start if count is None else count, form)


def formatted_number(number: int, form: str) -> str:
    """A number in one of Word's forms, such as "lowerRoman"; forms that write words are decimal here."""
    return _FORMS.get(form, str)(number)


def _lists(numbering: etree._Element) -> list[tuple[str, _List]]:
    definitions = {each.get(qn("w:abstractNumId")): each for each in numbering.iterchildren(qn("w:abstractNum"))}
    by_style = {
        link.get(qn("w:val")): each for each in definitions.values() if (link := each.find(qn("w:styleLink"))) is not None
    }
    lists = []
    for number in numbering.iterchildren(qn("w:num")):
        reference = number.find(qn("w:abstractNumId"))
        name = reference.get(qn("w:val")) if reference is not None else ""
        definition = definitions.get(name)
        link = definition.find(qn("w:numStyleLink")) if definition is not None else None
        definition = by_style.get(link.get(qn("w:val")), definition) if link is not None else definition
        if definition is None:
            continue
        levels = {int(each.get(qn("w:ilvl"), "0")): each for each in definition.iterchildren(qn("w:lvl"))}
        starts = {}
        for override in number.iterchildren(qn("w:lvlOverride")):
            level = int(override.get(qn("w:ilvl"), "0"))
            own, start = override.find(qn("w:lvl")), override.find(qn("w:startOverride"))
            if own is not None:
                levels[level] = own
            if start is not None:
                starts[level] = int(start.get(qn("w:val"), "1"))
        styles = {style.get(qn("w:val"), ""): n for n, each in levels.items() if (style := each.find(qn("w:pStyle"))) is not None}
        entry = _List(definition.get(qn("w:abstractNumId"), ""), {n: _level(each) for n, each in levels.items()}, starts, styles)
        lists.append((number.get(qn("w:numId"), ""), entry))
    return lists


def _level(element: etree._Element) -> _Level:
    def value(name: str, default: str) -> str:
        child = element.find(qn(f"w:{name}"))
        return default if child is None else str(child.get(qn("w:val"), default))

    restart = value("lvlRestart", "")
    legal = element.find(qn("w:isLgl"))
    is_legal = legal is not None and legal.get(qn("w:val"), "1") not in ("0", "false")
    return _Level(
        int(value("start", "0")), value("numFmt", "decimal"), value("lvlText", ""), int(restart) if restart else None, is_legal
    )


def _own(element: etree._Element) -> tuple[str | None, int | None]:
    """The list and level in the properties of a paragraph or style."""
    properties = element.find(f"{qn('w:pPr')}/{qn('w:numPr')}")
    if properties is None:
        return None, None
    number, level = properties.find(qn("w:numId")), properties.find(qn("w:ilvl"))
    return (number.get(qn("w:val")) if number is not None else None), (
        int(level.get(qn("w:val"), "0")) if level is not None else None
    )


def _letters(number: int) -> str:
    """a to z, then aa, bb and so on, as Word counts."""
    return chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1) if number > 0 else ""


def _roman(number: int) -> str:
    if not 0 < number < _HIGHEST_ROMAN:
        return str(number)
    text = ""
    for value, letters in _ROMAN:
        text += letters * (number // value)
        number %= value
    return text


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


_FORMS: dict[str, Callable[[int], str]] = {
    "decimalZero": lambda number: f"{number:02}",
    "lowerLetter": _letters,
    "upperLetter": lambda number: _letters(number).upper(),
    "lowerRoman": _roman,
    "upperRoman": lambda number: _roman(number).upper(),
    "ordinal": _ordinal,
    "none": lambda _: "",
}
