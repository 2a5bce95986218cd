"""Dates, weekdays and times of day within a text, in the notations of English and of European numbers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.records import Span

_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_MONTH_OF = {name: number for number, name in enumerate(_MONTHS, start=1)}
_MONTH_OF |= {name[:3]: number for name, number in _MONTH_OF.items()} | {"sept": 9}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH = rf"(?P<month>{'|'.join(name.capitalize() for name in sorted(_MONTH_OF, key=len, reverse=True))})\b\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>1[5-9]\d\d|20\d\d)"
_BEFORE_YEAR = (
    r"(?:(?<=\b[iI]n )|(?<=\b[bBoO][yf] )|(?<=\b(?:[sS]ince|[uU]ntil|[aA]fter) )|(?<=\bbefore )|(?<=\bduring )|(?<=\b[fF]rom )"
    r"|(?<=\bthrough )|(?<=\btill )|(?<=\b[yY]ear )|(?<=\bto )|(?<=\band )|(?<=\()|(?<=\d{4}[-–])|(?<=© ))"
)
_PATTERNS = [
    re.compile(pattern)
    for pattern in (
        r"\b(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})\b",
        rf"\b{_DAY}\.?(?: of)? {_MONTH}(?:,? {_YEAR})?\b",
        rf"\b{_MONTH} {_DAY}(?:,? {_YEAR})?\b(?![.,:]?\d)",
        rf"\b{_MONTH},?(?: of)? {_YEAR}\b",
        r"\b(?P<first>\d{1,2})(?P<mark>[./])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})\b",
        rf"(?<=[a-z,] )(?P<month>{'|'.join(name.capitalize() for name in _MONTHS)})\b",
        rf"{_BEFORE_YEAR}{_YEAR}(?![\d%]|[.,]\d)(?! ?(?:%|mg|ml|kg|km|mm|patients|people|cases|times))\b",
        rf"\b(?P<weekday>{'|'.join(name.capitalize() for name in _WEEKDAYS)})s?\b",
        r"\b(?P<decade>(?:1[5-9]|20)\d)0s\b",
        r"\b(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?\s?(?P<half>[ap])\.?m\b\.?|\b(?P<hour24>[01]?\d|2[0-4]):(?P<minute24>[0-5]\d)\b(?!:)",
        r"\b(?P<named>[nN]oon|[mM]idnight)\b",
    )
]


@dataclass(frozen=True, slots=True)
class Moment:
    """A date or a time of day. `readings` are its possible meanings, each a set of known fields ("year", "month", …)."""

    span: Span
    readings: tuple[frozenset[tuple[str, int]], ...]

    @property
    def year(self) -> int | None:
        return next((value for field, value in sorted(self.readings[0]) if field == "year"), None)


def agree(first: Moment, second: Moment) -> bool:
    """Whether they can be the same: March 2024 and 5 March 2024 agree, as do 03/05/2024 and 5 March 2024."""
    return any(_compatible(dict(one), dict(other)) for one in first.readings for other in second.readings)


def same_kind(first: Moment, second: Moment) -> bool:
    """Whether they can be compared: dates with dates, weekdays with weekdays, times with times."""
    return any({name for name, _ in one} & {name for name, _ in other} for one in first.readings for other in second.readings)


def _compatible(one: dict[str, int], other: dict[str, int]) -> bool:
    shared = one.keys() & other.keys()
    return bool(shared) and all(one[field] == other[field] for field in shared)


def moments_in(text: str) -> list[Moment]:
    """In order; they do not overlap."""
    found: list[Moment] = []
    for moment in _matches(text):
        if not any(moment.span.start < other.span.end and other.span.start < moment.span.end for other in found):
            found.append(moment)
    return sorted(found, key=lambda moment: moment.span)


def _matches(text: str) -> Iterator[Moment]:
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if readings := _readings({name: value for name, value in match.groupdict().items() if value}):
                yield Moment(Span(*match.span()), readings)


def _readings(fields: dict[str, str]) -> tuple[frozenset[tuple[str, int]], ...]:
    if "first" in fields:
        year = int(fields["year"])
        year += 0 if year > 99 else 2000 if year < 70 else 1900  # the usual window for years of two digits
        orders = {(int(fields["first"]), int(fields["second"])), (int(fields["second"]), int(fields["first"]))}
        return tuple(
            frozenset({("year", year), ("month", month), ("day", day)}) for day, month in sorted(orders) if _is_day(day, month)
        )
    if "named" in fields:
        return (frozenset({("minute", 720 if fields["named"].lower() == "noon" else 0)}),)
    if "hour" in fields or "hour24" in fields:
        return _time_of_day(fields)
    if "weekday" in fields:
        return (frozenset({("weekday", _WEEKDAYS.index(fields["weekday"].lower()))}),)
    if "decade" in fields:
        return (frozenset({("decade", int(fields["decade"]))}),)
    values: dict[str, int] = {name: int(fields[name]) for name in ("year", "day") if name in fields}
    if "month" in fields:
        month = fields["month"]
        values["month"] = int(month) if month.isdigit() else _MONTH_OF[month.lower()]
        if not _is_day(values.get("day", 1), values["month"]):
            return ()
    return (frozenset(values.items()),)


def _time_of_day(fields: dict[str, str]) -> tuple[frozenset[tuple[str, int]], ...]:
    if "hour24" in fields:
        return (frozenset({("minute", int(fields["hour24"]) % 24 * 60 + int(fields["minute24"]))}),)
    hour = int(fields["hour"]) % 12 + (12 if fields["half"] == "p" else 0)
    return (frozenset({("minute", hour * 60 + int(fields.get("minute", "0")))}),) if int(fields["hour"]) <= 12 else ()


def _is_day(day: int, month: int) -> bool:
    return 1 <= day <= 31 and 1 <= month <= 12
