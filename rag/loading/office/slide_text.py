"""The text of paragraphs on slides: raised figures, equations, and the numbers that PowerPoint counts itself."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from lxml import etree

from rag.loading.office.drawings import MAIN
from rag.loading.office.equations import MATH, equation_text
from rag.loading.office.word_numbering import formatted_number
from rag.loading.raised_figures import lowered, raised

_COMPATIBILITY = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_EQUATIONS = {f"{MATH}oMath", f"{MATH}oMathPara"}
_FORMS = {
    "arabic": "decimal",
    "alphaLc": "lowerLetter",
    "alphaUc": "upperLetter",
    "romanLc": "lowerRoman",
    "romanUc": "upperRoman",
}
_AROUND = {"ParenBoth": "({})", "ParenR": "{})", "Period": "{}.", "Plain": "{}"}


def choose_alternatives(slide: etree._Element) -> None:
    """Puts what newer programs show in the place of the choice between it and what older ones show."""
    for alternative in list(slide.iter(f"{_COMPATIBILITY}AlternateContent")):
        parent, choice = alternative.getparent(), alternative.find(f"{_COMPATIBILITY}Choice")
        if parent is not None:
            for child in list(choice) if choice is not None else ():
                alternative.addprevious(child)
            parent.remove(alternative)


def paragraph_texts(frame: Any) -> list[tuple[Any, str]]:
    """The paragraphs of a text frame with their texts, numbers of lists included; without empty paragraphs."""
    made = []
    counts: dict[int, tuple[str, int]] = {}  # by level: the scheme of the list and its last number
    for paragraph in frame.paragraphs:
        text = text_of(paragraph._p)
        if not text.strip():
            continue
        level = paragraph.level
        counts = {each: count for each, count in counts.items() if each <= level}
        properties = paragraph._p.find(f"{MAIN}pPr")
        scheme = properties.find(f"{MAIN}buAutoNum") if properties is not None else None
        if scheme is None:
            counts.pop(level, None)
        else:
            kind, number = scheme.get("type", ""), int(scheme.get("startAt", "1"))
            if level in counts and counts[level][0] == kind:
                number = counts[level][1] + 1
            counts[level] = (kind, number)
            text = f"{_label(kind, number)} {text.lstrip()}".lstrip()
        made.append((paragraph, text))
    return made


def text_of(paragraph: etree._Element) -> str:
    parts = []
    for height, segments in groupby(_segments(paragraph), key=lambda segment: segment[0]):
        text = "".join(text for _, text in segments)
        parts.append(raised(text) if height > 0 else lowered(text) if height < 0 else text)
    return "".join(parts)


def _segments(paragraph: etree._Element) -> Iterator[tuple[int, str]]:
    """Texts in order, each with its height: above 0 raised, below 0 lowered."""
    for child in paragraph:
        if child.tag in (f"{MAIN}r", f"{MAIN}fld"):
            properties = child.find(f"{MAIN}rPr")
            baseline = (properties.get("baseline") or "0").rstrip("%") if properties is not None else "0"
            yield _sign(float(baseline)), "".join(child.itertext(f"{MAIN}t"))
        elif child.tag == f"{MAIN}br":
            yield 0, "\n"
        elif isinstance(child.tag, str):
            yield from ((0, equation_text(equation)) for equation in child.iter(*_EQUATIONS) if not _in_equation(equation))


def _in_equation(equation: etree._Element) -> bool:
    return any(above.tag in _EQUATIONS for above in equation.iterancestors())


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


def _label(kind: str, number: int) -> str:
    for name, form in _FORMS.items():
        if kind.startswith(name):
            return _AROUND.get(kind.removeprefix(name), "{}.").format(formatted_number(number, form))
    return f"{number}."
