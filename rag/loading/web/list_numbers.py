"""The numbers that browsers put before the items of an ordered list."""

import re

from selectolax.lexbor import LexborNode

_NO_NUMBERS = re.compile(r"list-style(?:-type)?\s*:[^;]*\bnone\b", re.I)
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"))
_SMALL_ROMAN = ((5, "v"), (4, "iv"), (1, "i"))
_LARGEST_ROMAN = 3999
_INTEGER = re.compile(r"\s*(-?\d{1,9})\s*")


def style_of(node: LexborNode) -> list[int]:
    """The first number of an ordered list and the step to the next; empty for a list whose numbers are not shown."""
    attributes = node.attributes
    if _NO_NUMBERS.search(attributes.get("style") or ""):
        return []
    backwards = "reversed" in attributes
    first = sum(child.tag == "li" for child in node.iter()) if backwards else 1
    return [_integer(attributes.get("start"), first), -1 if backwards else 1]


def number_of(node: LexborNode, style: list[int]) -> str:
    """The number of an item as it is shown, and counts on; empty in a list without numbers."""
    if not style:
        return ""
    number = _integer(node.attributes.get("value"), style[0])
    style[0] = number + style[1]
    parent = node.parent
    kind = (node.attributes.get("type") or (parent.attributes.get("type") if parent is not None else None) or "1").strip()
    return f"{_written(number, kind)}."


def _integer(value: str | None, default: int) -> int:
    match = _INTEGER.fullmatch(value or "")
    return int(match.group(1)) if match else default


def _written(number: int, kind: str) -> str:
    if kind in ("a", "A") and number > 0:
        letters = ""
        while number:
            number, letter = divmod(number - 1, 26)
            letters = chr(ord(kind) + letter) + letters
        return letters
    if kind in ("i", "I") and 0 < number <= _LARGEST_ROMAN:
        roman = ""
        for value, sign in (*_ROMAN, *_SMALL_ROMAN):
            count, number = divmod(number, value)
            roman += sign * count
        return roman.upper() if kind == "I" else roman
    return str(number)
