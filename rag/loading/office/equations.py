"""Equations of Word and PowerPoint (OMML) as one line of text: fractions with a slash, powers as raised figures."""

from collections.abc import Callable

from lxml import etree

from rag.loading.raised_figures import lowered, raised

MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_PROPERTIES = "Pr"  # the end of the names of elements that describe the looks of their parent
_DELETED = "}del"  # the end of the name of a tracked deletion
_ROOTS = {"": "√", "2": "√", "3": "∛", "4": "∜"}


def equation_text(element: etree._Element) -> str:
    """The text of an equation, or of any part of one."""
    return "".join(map(_part, element))


def _part(element: etree._Element) -> str:
    if not isinstance(element.tag, str) or element.tag.endswith((_PROPERTIES, _DELETED)):
        return ""
    if not element.tag.startswith(MATH):  # a run of the surrounding format
        return "".join(map(_part, element))
    name = element.tag.removeprefix(MATH)
    if name == "t":
        return element.text or ""
    return _FORMS.get(name, equation_text)(element)


def _child(element: etree._Element, name: str) -> str:
    child = element.find(MATH + name)
    return equation_text(child).strip() if child is not None else ""


def _property(element: etree._Element, name: str, default: str) -> str:
    setting = element.find(f"{MATH}{element.tag.removeprefix(MATH)}{_PROPERTIES}/{MATH}{name}")
    return default if setting is None else setting.get(f"{MATH}val") or ""


def _grouped(text: str) -> str:
    """In parentheses if it has several parts."""
    return text if len(text) < 2 or text.isalnum() or (text[0], text[-1]) == ("(", ")") else f"({text})"


def _above(text: str) -> str:
    return _marked(text, raised(text), "^")


def _below(text: str) -> str:
    return _marked(text, lowered(text), "_")


def _marked(text: str, shifted: str, mark: str) -> str:
    """In an equation, text without raised or lowered form is marked: plain, it would join its base."""
    if shifted != text or not text:
        return shifted
    return f"{mark}{text}" if len(text) == 1 else f"{mark}({text})"


def _fraction(element: etree._Element) -> str:
    bar = "¦" if _property(element, "type", "bar") == "noBar" else "/"
    return f"{_grouped(_child(element, 'num'))}{bar}{_grouped(_child(element, 'den'))}"


def _power(element: etree._Element) -> str:
    return f"{_grouped(_child(element, 'e'))}{_below(_child(element, 'sub'))}{_above(_child(element, 'sup'))}"


def _root(element: etree._Element) -> str:
    degree, base = _child(element, "deg"), _child(element, "e")
    return f"{_ROOTS.get(degree) or raised(degree) + '√'}{base if len(base) == 1 else f'({base})'}"


def _large_operator(element: etree._Element) -> str:
    limits = _below(_child(element, "sub")) + _above(_child(element, "sup"))
    return f"{_property(element, 'chr', '∫')}{limits} {_child(element, 'e')}"


def _delimited(element: etree._Element) -> str:
    parts = _property(element, "sepChr", "|").join(equation_text(child) for child in element.iterchildren(f"{MATH}e"))
    return f"{_property(element, 'begChr', '(')}{parts}{_property(element, 'endChr', ')')}"


def _function(element: etree._Element) -> str:
    name, argument = _child(element, "fName"), _child(element, "e")
    return f"{name}{argument}" if argument.startswith("(") else f"{name} {argument}"


def _limit(element: etree._Element) -> str:
    mark = "_" if element.tag.endswith("limLow") else "^"
    return f"{_child(element, 'e')}{mark}({_child(element, 'lim')})"


def _accent(element: etree._Element) -> str:
    return f"{_child(element, 'e')}{_property(element, 'chr', chr(0x302))}"


def _overbar(element: etree._Element) -> str:
    return f"{_child(element, 'e')}{chr(0x305)}"


def _matrix(element: etree._Element) -> str:
    rows = (", ".join(equation_text(cell) for cell in row.iterchildren(f"{MATH}e")) for row in element.iterchildren(f"{MATH}mr"))
    return f"[{'; '.join(rows)}]"


def _lines(element: etree._Element) -> str:
    return "; ".join(equation_text(line) for line in element.iterchildren(f"{MATH}e"))


def _before(element: etree._Element) -> str:
    return f"{_below(_child(element, 'sub'))}{_above(_child(element, 'sup'))}{_child(element, 'e')}"


_FORMS: dict[str, Callable[[etree._Element], str]] = {
    "f": _fraction,
    "sSup": _power,
    "sSub": _power,
    "sSubSup": _power,
    "sPre": _before,
    "rad": _root,
    "nary": _large_operator,
    "d": _delimited,
    "func": _function,
    "limLow": _limit,
    "limUpp": _limit,
    "acc": _accent,
    "bar": _overbar,
    "m": _matrix,
    "eqArr": _lines,
    "phant": lambda _: "",
}
