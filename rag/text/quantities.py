"""Quantities within a text: numbers with their units, ranges and limits, and whether two of them agree."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rag.records import Span
from rag.text.numerals import Number, Token, number_at, tokens_in
from rag.text.units import CURRENCIES, DAILY, DAYS_PER_MONTH, DAYS_PER_YEAR, ONE_LETTER, UNITS, Unit

_ROUGH = frozenset("about around approximately approx roughly nearly almost circa ca some ~ ≈ ±".split())
_AT_LEAST = (
    "at least|no less than|not less than|minimum of|minimum|≥|more than|greater than|older than|over|above|exceeding|exceeds|>"
)
_AT_MOST = "at most|up to|no more than|not more than|maximum of|maximum|≤|less than|fewer than|younger than|under|below|<"
_LIMITED = ((_AT_LEAST, 1), (_AT_MOST, -1))
_LIMITS = {tuple(phrase.split()): sign for phrases, sign in _LIMITED for phrase in phrases.split("|")}
_LONGEST_LIMIT = 3  # words
_PER = frozenset(("per", "a", "an", "each", "every", "/"))
_DASHES = frozenset("-–—−")
ROUGHLY = 0.1  # relative error of a number called "about", and between calendar months and days
CONVERTED = 0.03  # relative error of a number that was converted to another unit: 5 miles, 8 km


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number or range. `readings` are its possible (low, high) in the base unit of `dimension`; "1,500" has two.

    A limit ("at least 5") has an infinite end. `unit` is as written, `factor` that of its unit; `digits` identifies the
    number without its unit. `step` is the value of the last digit written.
    """

    span: Span
    readings: tuple[tuple[float, float], ...]
    dimension: str
    unit: str
    factor: float
    digits: tuple[tuple[float, float], ...]
    step: float
    rough: bool


def agree(first: Quantity, second: Quantity) -> bool:
    """Whether both can be true of the same thing: 1 g and 1000 mg, half and 50%, at least 3 and 5, 12.4 and 12."""
    unknown = {first.unit, second.unit} & {""} and set(first.digits) & set(second.digits)
    if first.dimension != second.dimension:
        return bool(unknown)
    tolerance = max(_error(first), _error(second), CONVERTED if first.factor != second.factor else 0.0)
    if _calendar(first) != _calendar(second) and first.dimension.startswith("time"):
        tolerance = ROUGHLY
    rounding = max(first.step, second.step) / 2 if first.step != second.step or first.factor != second.factor else 0.0
    return bool(unknown) or any(_fit(one, other, tolerance, rounding) for one in first.readings for other in second.readings)


def _error(quantity: Quantity) -> float:
    return ROUGHLY if quantity.rough else 1e-9


def _calendar(quantity: Quantity) -> bool:
    return quantity.factor in (DAYS_PER_MONTH * 86_400, DAYS_PER_YEAR * 86_400)


def _fit(one: tuple[float, float], other: tuple[float, float], tolerance: float, rounding: float) -> bool:
    def equal(value: float, wanted: float) -> bool:
        return value == wanted or math.isclose(value, wanted, rel_tol=tolerance, abs_tol=rounding)

    if equal(one[0], other[0]) and equal(one[1], other[1]):
        return True
    for (low, high), (least, most) in ((one, other), (other, one)):
        within = (least <= low or equal(low, least)) and (high <= most or equal(high, most))
        limited = math.isinf(least) or math.isinf(most)
        if within and (low == high or (limited and not math.isinf(low) and not math.isinf(high))):
            return True
    return False


def quantities_in(text: str, taken: Sequence[Span] = ()) -> list[Quantity]:
    """In order, without overlaps; digits within the spans `taken` (dates) and within codes (P20) are left out."""
    tokens = tokens_in(text, taken)
    found: list[Quantity] = []
    at = 0
    while at < len(tokens):
        number = number_at(tokens, at, text)
        if number is None:
            at += 1
            continue
        quantity, at = _with_range(tokens, number, text)
        found.append(quantity)
    return found


def _with_range(tokens: Sequence[Token], number: Number, text: str) -> tuple[Quantity, int]:
    """The number, or the range that it begins: "3 to 5 mm", "3 mm–5 mm", "between 3 and 5"."""
    _measure(tokens, number, text)
    joint = number.last
    between = number.first > 0 and tokens[number.first - 1].text == "between"
    joined = joint < len(tokens) and (tokens[joint].text in {*_DASHES, "to"} or (between and tokens[joint].text == "and"))
    upper = number_at(tokens, joint + 1, text) if joined else None
    if upper is not None:
        _measure(tokens, upper, text)
        if not number.unit:
            number.unit, number.measure = upper.unit, upper.measure
        if upper.measure.dimension == number.measure.dimension:
            return _quantity(tokens, number, upper, between=between), upper.last
    return _quantity(tokens, number, number), number.last


def _quantity(tokens: Sequence[Token], low: Number, high: Number, *, between: bool = False) -> Quantity:
    first = low.first
    limit = 0
    for length in range(_LONGEST_LIMIT, 0, -1) if low is high else ():
        words = tuple(token.text for token in tokens[max(0, first - length) : first])
        if len(words) == length and words in _LIMITS:
            first, limit = first - length, _LIMITS[words]
            break
    rough = first > 0 and tokens[first - 1].text in _ROUGH
    if rough or between or (low is not high and first > 0 and tokens[first - 1].text == "from"):
        first -= 1
    digits = tuple(sorted({(min(a, b), max(a, b)) for a, b in _pairs(low, high)}))
    ends = tuple((_base(a, low.measure), _base(b, high.measure)) for a, b in _pairs(low, high))
    readings = tuple((b if limit < 0 else a, b) for a, b in ends)
    readings = tuple((-math.inf if limit < 0 else a, math.inf if limit > 0 else b) for a, b in readings)
    span = Span(tokens[first].start, tokens[high.last - 1].end)
    step = min(low.step, high.step) * high.measure.factor
    return Quantity(span, readings, high.measure.dimension, high.unit, high.measure.factor, digits, step, rough)


def _pairs(low: Number, high: Number) -> list[tuple[float, float]]:
    if low is high:
        return [(value, value) for value in low.values]
    return [(a, b) for a in low.values for b in high.values if a <= b] or [(low.values[0], high.values[0])]


def _base(value: float, measure: Unit) -> float:
    return value * measure.factor + measure.offset


def _measure(tokens: Sequence[Token], number: Number, text: str) -> None:
    """Reads the unit and the rate after a number: "mg", "mm/day", "times a week", "% per year"; or the currency before it."""
    if number.first and tokens[number.first - 1].text in CURRENCIES:
        number.first -= 1
        number.unit = tokens[number.first].text
        number.measure = UNITS[number.unit]
        return
    at = number.last
    if at + 1 < len(tokens) and tokens[at].text in _DASHES and tokens[at].end == tokens[at + 1].start:
        at += tokens[at + 1].text in UNITS
    name, last = _unit_at(tokens, at, text)
    if name:
        number.unit, number.measure, number.last = name, UNITS[name], last
    if number.last < len(tokens) and (per := _rate(tokens, number.last)):
        unit, last = per
        measure = number.measure
        number.unit += f"/{unit}"
        number.measure = Unit(f"{measure.dimension}/{UNITS[unit].dimension}", measure.factor / UNITS[unit].factor)
        number.last = last


def _unit_at(tokens: Sequence[Token], at: int, text: str) -> tuple[str, int]:
    """The unit that begins at a token, "" if there is none, and the token after it."""
    if at >= len(tokens):
        return "", at
    word = tokens[at].text
    if word == "per" and at + 1 < len(tokens) and tokens[at + 1].text == "cent":
        return "%", at + 2
    if word == "°" and at + 1 < len(tokens) and f"°{tokens[at + 1].text}" in UNITS:
        return f"°{tokens[at + 1].text}", at + 2
    if word in ("degrees", "degree") and at + 1 < len(tokens) and tokens[at + 1].text in ("celsius", "fahrenheit"):
        return f"°{tokens[at + 1].text[0]}", at + 2
    if word not in UNITS or (word in ONE_LETTER and (word == "a" and text[tokens[at].start] == "a")):
        return "", at
    return word, at + 1


def _rate(tokens: Sequence[Token], at: int) -> tuple[str, int] | None:
    """The unit after "per", "a" or "/", or the one that "daily" stands for, and the token after it."""
    word = tokens[at].text
    if word in DAILY:
        return DAILY[word], at + 1
    if word in _PER and at + 1 < len(tokens) and tokens[at + 1].text in UNITS and tokens[at + 1].text != "times":
        return tokens[at + 1].text, at + 2
    return None
