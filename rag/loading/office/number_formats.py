"""Numbers as a spreadsheet shows them: number format codes as defined in ECMA-376 part 1, section 18.8.31.

Month and weekday names are written in English. Dates whose format depends on the reader's system, or that would need names
in another language, are written as 2026-11-21.
"""

import datetime
import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import lru_cache

from rag.loading.table_rows import formatted

# The formats that have a number instead of a code; 14 and 22 are the date formats of the reader's system.
BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm",
    21: "h:mm:ss", 22: "yyyy-mm-dd hh:mm", 37: "#,##0 ;(#,##0)", 38: "#,##0 ;[Red](#,##0)", 39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;[Red](#,##0.00)", 41: '_(* #,##0_);_(* \\(#,##0\\);_(* "-"_);_(@_)',
    42: '_($* #,##0_);_($* \\(#,##0\\);_($* "-"_);_(@_)', 43: '_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_);_(@_)',
    44: '_($* #,##0.00_);_($* \\(#,##0.00\\);_($* "-"??_);_(@_)', 45: "mm:ss", 46: "[h]:mm:ss", 47: "mmss.0",
    48: "##0.0E+0", 49: "@",
}  # fmt: skip
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]|(?P<general>General)'
    r"|(?P<half>AM/PM|A/P|上午/下午)|(?P<exponent>E[+-])|(?P<date>y+|m+|d+|h+|s+(?:\.0+)?|[ge]+)|(?P<digit>[0#?])"
    r"|(?P<sign>[.,%/@])|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_PLAIN = re.compile(r"(#,##)?0(?:\.(0+))?(%?)")  # most cells; read without taking the code apart
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)")
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_CURRENCY = re.compile(r"\$([^-]*)(?:-([0-9A-F]+))?", re.IGNORECASE)
_ENGLISH, _LANGUAGE_BITS = 0x09, 0x3FF  # of a Windows language identifier
_SYSTEM_DATE, _SYSTEM_TIME = "F800", "F400"
_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_DAY_ZERO = {False: datetime.datetime(1899, 12, 30), True: datetime.datetime(1904, 1, 1)}
_LAST_DAY = 2_958_465  # 9999-12-31, the last date of spreadsheets
_WRONG_LEAP_DAY = 60  # spreadsheets count a 29 February 1900, so that earlier days are off by one
_EXACT = Context(prec=700, rounding=ROUND_HALF_UP)  # digits; the largest and the smallest number of a cell have some 310 each
Token = tuple[str, str]


def shown(value: float, code: str, *, from_1904: bool = False) -> str:
    """A number as a cell with the format `code` shows it; "" if the format hides it.

    `from_1904` says that dates are counted from 1904, as in workbooks from old Macs.
    """
    if plain := _PLAIN.fullmatch(code):
        return _plain_number(value, grouped=bool(plain[1]), decimals=len(plain[2] or ""), percent=bool(plain[3]))
    section, negative = _section(value, code)
    kinds = {kind for kind, _ in section}
    if not section:
        return ""
    if "general" in kinds or not kinds & {"digit", "date", "elapsed", "half", "sign", "exponent"}:
        number = "" if "general" not in kinds else formatted(float(abs(value) if negative else value))
        return _tidy("".join(number if kind == "general" else text for kind, text in section if kind in ("general", "text")))
    if kinds & {"date", "elapsed", "half"} and "digit" not in kinds:
        return _date(value, section, from_1904=from_1904)
    if ("sign", "@") in section:
        return _tidy("".join(formatted(value) if token == ("sign", "@") else token[1] for token in section))
    body = _number(abs(value), section)
    has_digit = any(c in "123456789" for c in body)
    return _tidy(f"-{body}" if value < 0 and not negative and has_digit else body)


def _plain_number(value: float, *, grouped: bool, decimals: int, percent: bool) -> str:
    number = Decimal(repr(float(value))).scaleb(2 * percent)
    rounded = number.quantize(Decimal(1).scaleb(-decimals), context=_EXACT)
    text = f"{rounded if rounded else abs(rounded):{',' if grouped else ''}f}"
    return f"{text}%" if percent else text


def shown_text(text: str, code: str) -> str:
    """A text as a cell with the format `code` shows it."""
    section = next((tokens for tokens in _sections(code) if ("sign", "@") in tokens), None)
    if section is None:
        return text
    return "".join(text if token == ("sign", "@") else token[1] for token in section if token[0] in ("sign", "text")).strip()


def is_date(code: str) -> bool:
    first = _sections(code)[0]
    return any(kind in ("date", "elapsed") for kind, _ in first) and not any(kind == "digit" for kind, _ in first)


@lru_cache(maxsize=1_000)
def _sections(code: str) -> list[list[Token]]:
    """The tokens of each section as (kind, text). Literal text has the kind "text"."""
    sections: list[list[Token]] = [[]]
    for match in _TOKEN.finditer(code):
        kind, text = str(match.lastgroup), match[str(match.lastgroup)]
        if kind == "other" and text == ";":
            sections.append([])
        elif kind == "bracket":
            sections[-1].extend(_bracket(text))
        elif kind == "space":
            sections[-1].append(("text", " "))
        elif kind != "fill":
            sections[-1].append(("text" if kind in ("quoted", "escaped", "other") else kind, text))
    return sections


def _bracket(text: str) -> list[Token]:
    if match := _CURRENCY.fullmatch(text):
        return [("language", (match[2] or "").upper()), ("text", match[1])]
    if _ELAPSED.fullmatch(text):
        return [("elapsed", text.lower())]
    return [("condition", text)] if _CONDITION.fullmatch(text) else []  # else a colour


def _section(value: float, code: str) -> tuple[list[Token], bool]:
    """The section for a value, and whether the section itself says that the value is negative."""
    sections = _sections(code)
    numeric = sections[:3]
    conditions = [next((text for kind, text in section if kind == "condition"), None) for section in numeric]
    if any(conditions):
        for section, condition in zip(numeric, conditions, strict=True):
            if condition is None or _holds(value, condition):
                return section, False
        return [("general", "General")], False
    if value < 0 and len(numeric) > 1:
        return sections[1], True
    return (sections[2], False) if value == 0 and len(numeric) > 2 else (sections[0], False)


def _holds(value: float, condition: str) -> bool:
    match = _CONDITION.fullmatch(condition)
    if match is None:
        return False
    sign, limit = match[1], float(match[2])
    outcomes = {"<": value < limit, ">": value > limit, "=": value == limit}
    return value != limit if sign == "<>" else any(outcomes[part] for part in sign)


def _number(value: float, section: Sequence[Token]) -> str:
    """A number that is not negative, by the placeholders of a section."""
    signs = [i for i, token in enumerate(section) if token == ("sign", "/")]
    digits = [i for i, (kind, _) in enumerate(section) if kind == "digit"]
    if not digits:
        return "".join(text for _, text in section)
    if signs and digits[0] < signs[0] and "".join(text for _, text in section[signs[0] + 1 :]).strip()[:1] in set("?#0123456789"):
        return _fraction(value, section, signs[0])
    scaled = Decimal(repr(float(value))).scaleb(2 * section.count(("sign", "%")))
    exponent_at = next((i for i, (kind, _) in enumerate(section) if kind == "exponent"), len(section))
    point = next((i for i, token in enumerate(section[:exponent_at]) if token == ("sign", ".")), None)
    whole = [i for i in digits if i < (exponent_at if point is None else point)]
    decimals = [i for i in digits if point is not None and point < i < exponent_at]
    power = 0
    if exponent_at < len(section):
        power = scaled.adjusted() if scaled else 0
        power -= power % max(len(whole), 1)
        scaled = scaled.scaleb(-power)
    commas = [i for i, token in enumerate(section[:exponent_at]) if token == ("sign", ",") and whole]
    scaled = scaled.scaleb(-3 * sum(i > whole[-1] for i in commas))  # each comma after the whole digits divides by a thousand
    step = Decimal(1).scaleb(-len(decimals))
    rounded = scaled.quantize(step, context=_EXACT)
    if exponent_at < len(section) and rounded >= 10 ** max(len(whole), 1):  # 9.999E+4 has become 10.00E+4
        power += max(len(whole), 1)
        rounded = scaled.scaleb(-max(len(whole), 1)).quantize(step, context=_EXACT)
    integer, _, fraction = f"{rounded:f}".partition(".")
    grouped = any(whole[0] < i < whole[-1] for i in commas)
    slots = _whole_digits(integer, section, whole, grouped=grouped) | _decimal_digits(fraction, section, decimals)
    slots |= _exponent_digits(power, section, exponent_at)
    literal = {i: text for i, (kind, text) in enumerate(section) if kind == "text" or (kind == "sign" and text != ",")}
    return "".join(slots.get(i, literal.get(i, "")) for i in range(len(section)))


def _whole_digits(integer: str, section: Sequence[Token], places: Sequence[int], *, grouped: bool) -> dict[int, str]:
    """What stands at each placeholder before the point; the first takes all digits that are left."""
    digits = "" if integer == "0" else integer
    slots: dict[int, str] = {}
    for n, i in enumerate(reversed(places)):  # n is the power of ten
        rest = digits[: max(len(digits) - n, 0)]
        part = (rest if i == places[0] else rest[-1:]) or {"0": "0", "?": " "}.get(section[i][1], "")
        if grouped and part.strip():
            powers = range(n + len(part) - 1, n - 1, -1)
            part = "".join(f"{c}," if power and power % 3 == 0 else c for power, c in zip(powers, part, strict=True))
        slots[i] = part
    return slots


def _decimal_digits(fraction: str, section: Sequence[Token], places: Sequence[int]) -> dict[int, str]:
    needed = max((n + 1 for n, i in enumerate(places) if section[i][1] == "0" or fraction[n] != "0"), default=0)
    blank = {"?": " "}
    return {i: fraction[n] if n < needed else blank.get(section[i][1], "") for n, i in enumerate(places)}


def _exponent_digits(power: int, section: Sequence[Token], exponent_at: int) -> dict[int, str]:
    places = [i for i, (kind, _) in enumerate(section) if kind == "digit" and i > exponent_at]
    if not places:
        return {}
    sign = "-" if power < 0 else "+" if section[exponent_at][1][-1] == "+" else ""
    return {exponent_at: f"E{sign}", places[0]: str(abs(power)).zfill(len(places))} | dict.fromkeys(places[1:], "")


def _fraction(value: float, section: Sequence[Token], slash: int) -> str:
    """A mixed number: "# ?/?" shows 2.5 as 2 1/2. The number of placeholders limits the denominator."""
    after = "".join(text for _, text in section[slash + 1 :]).strip()
    fixed = re.match(r"\d*[1-9]\d*", after)
    size = sum(kind == "digit" for kind, _ in section[slash + 1 :])
    first_gap = next((i for i, token in enumerate(section[:slash]) if token == ("text", " ")), None)
    mixed = first_gap is not None and any(kind == "digit" for kind, _ in section[:first_gap])
    whole = int(value) if mixed else 0
    rest = Fraction(repr(float(value))) - whole
    bottom = int(fixed.group()) if fixed else 0
    nearest = Fraction(round(rest * bottom), bottom) if bottom else rest.limit_denominator(10 ** min(size, 3) - 1)
    if mixed and nearest == 1:
        whole, nearest = whole + 1, Fraction(0)
    top, bottom = (round(rest * bottom), bottom) if bottom else (nearest.numerator, nearest.denominator)
    if mixed and nearest == 0:
        return str(whole)
    return f"{whole} {top}/{bottom}" if whole else f"{top}/{bottom}"


def _date(value: float, section: Sequence[Token], *, from_1904: bool) -> str:
    if not 0 <= value <= _LAST_DAY:
        return formatted(float(value))
    fraction = max((len(t) - t.index(".") - 1 for k, t in section if k == "date" and "." in t), default=0)
    seconds = round(value * 86_400, min(fraction, 3))
    early = not from_1904 and value < _WRONG_LEAP_DAY
    moment = _DAY_ZERO[from_1904] + datetime.timedelta(seconds=seconds, days=int(early))
    languages = {text for kind, text in section if kind == "language" and text}
    named = any(kind == "date" and text[0] in "mMdD" and len(text) > 2 for kind, text in section)
    foreign = any(int(text, 16) & _LANGUAGE_BITS != _ENGLISH for text in languages - {_SYSTEM_DATE, _SYSTEM_TIME})
    if _SYSTEM_DATE in languages or (named and foreign):
        return moment.date().isoformat()
    if _SYSTEM_TIME in languages:
        return moment.time().isoformat("seconds")
    half = any(kind == "half" for kind, _ in section)
    return _tidy("".join(_date_part(i, section, moment, seconds, half=half) for i in range(len(section))))


def _date_part(i: int, section: Sequence[Token], moment: datetime.datetime, seconds: float, *, half: bool) -> str:
    kind, text = section[i]
    letter, width = text[:1].lower(), len(text)
    if kind == "half":
        return ("AM" if moment.hour < 12 else "PM")[: 1 if width == 3 else 2]
    if kind == "elapsed":
        total = int(seconds // {"h": 3600, "m": 60, "s": 1}[letter])
        return str(total).zfill(width)
    if kind != "date":
        return text if kind in ("text", "sign") else ""
    if letter == "m" and _is_minute(i, section):
        return str(moment.minute).zfill(min(width, 2))
    if letter == "s":
        digits = width - text.index(".") - 1 if "." in text else 0
        shown_seconds = f"{moment.second + moment.microsecond / 1e6:.{digits}f}"
        return shown_seconds.zfill(min(text.lower().count("s"), 2) + (digits + 1 if digits else 0))
    if letter in "yge":
        return f"{moment.year:04}" if width > 2 or letter == "e" else f"{moment.year % 100:02}"
    if letter == "h":
        return str((moment.hour % 12 or 12) if half else moment.hour).zfill(min(width, 2))
    number, names = (moment.month, _MONTHS) if letter == "m" else (moment.day, _DAYS)
    name = names[moment.month - 1] if letter == "m" else names[moment.weekday()]
    return {1: str(number), 2: f"{number:02}", 3: name[:3], 5: name[:1]}.get(width, name)


def _is_minute(i: int, section: Sequence[Token]) -> bool:
    """Whether "m" stands for minutes: after hours or before seconds."""
    parts = [(n, text[0].lower()) for n, (kind, text) in enumerate(section) if kind in ("date", "elapsed")]
    before = [letter for n, letter in parts if n < i]
    after = [letter for n, letter in parts if n > i]
    return len(section[i][1]) < 3 and (before[-1:] == ["h"] or after[:1] == ["s"])


def _tidy(text: str) -> str:
    return " ".join(text.split())
