"""Numbers within a text, in digits and in words: 1,500, 2.5 million, twenty-five, two thirds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.records import Span
from rag.text.units import UNITS, Unit

_TOKEN = re.compile(r"\d+(?:[.,’'  ]\d+)*|[½¼¾⅓⅔]|[^\W\d_]+(?:[²³]|[23]\b)?(?:['’][^\W\d_]+)*|[^\w\s]|_")
_GROUPED = re.compile(r"\d{1,3}(?:([,.’'  ])\d{3})(?:\1\d{3})*(?:[.,]\d+)?")
NUMBER_WORDS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
"""From 1."""
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS = {word: float(value) for value, word in enumerate(NUMBER_WORDS, start=1)}
_WORDS |= {word: 10.0 * tens for tens, word in enumerate(_TENS, start=2)} | {"zero": 0.0, "dozen": 12.0}
_MAGNITUDES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "k": 1e3, "bn": 1e9}
_FRACTIONS = {"½": 1 / 2, "¼": 1 / 4, "¾": 3 / 4, "⅓": 1 / 3, "⅔": 2 / 3}
_PARTS = {"half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10}
_PARTS |= {f"{word}s": part for word, part in list(_PARTS.items()) if not word.endswith("s")}
_MULTIPLES = {"once": 1.0, "twice": 2.0, "thrice": 3.0, "double": 2.0, "twofold": 2.0, "threefold": 3.0, "tenfold": 10.0}
_NOT_COUNTED = frozenset(("no", "the", "any", "every", "each", "this", "that", "some", "which"))  # "the one that …"
_TAKING_A_UNIT = frozenset(("within", "after", "for", "in", "takes", "take", "lasts", "last", "least", "most", "than", "about"))
_LARGEST_BOTTOM = 16  # of a fraction; "120/80" is none


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    start: int
    end: int


def tokens_in(text: str, taken: Sequence[Span]) -> list[Token]:
    """Numbers, words and signs in small letters, without what is within the spans `taken`."""
    return [
        Token(match.group().casefold().replace("μ", "µ"), *match.span())
        for match in _TOKEN.finditer(text)
        if not any(span.start < match.end() and match.start() < span.end for span in taken)
    ]


@dataclass(slots=True)
class Number:
    """A number as it is read, over the tokens [first, last)."""

    values: tuple[float, ...]
    first: int
    last: int
    step: float
    unit: str = ""
    measure: Unit = Unit("")


def number_at(tokens: Sequence[Token], at: int, text: str) -> Number | None:
    """The number that begins at a token."""
    if at >= len(tokens):
        return None
    token = tokens[at]
    if token.text[0].isdecimal() or token.text in _FRACTIONS:
        return _in_digits(tokens, at, text)
    if token.text in _MULTIPLES:
        return Number((_MULTIPLES[token.text],), at, at + 1, 1.0, "times", UNITS["times"])
    if token.text in ("a", "an") and at + 1 < len(tokens):
        following = tokens[at + 1].text
        if following in _MAGNITUDES or following in ("dozen", "third", "quarter", "half"):
            number = _in_words(tokens, at + 1)
            return number and Number(number.values, at, number.last, number.step)
        unit = UNITS.get(following)
        if unit and unit.dimension in ("time", "length") and at and tokens[at - 1].text in _TAKING_A_UNIT:
            return Number((1.0,), at, at + 1, 1.0)
        return None
    return _in_words(tokens, at)


def _in_digits(tokens: Sequence[Token], at: int, text: str) -> Number | None:
    """None for digits that are part of a code or an ordinal: P20, COVID-19, 3D, 1st."""
    token = tokens[at]
    following = tokens[at + 1] if at + 1 < len(tokens) else None
    touching = following if following and following.start == token.end else None
    if _in_code(text, token) or (touching and touching.text[0].isalpha() and touching.text not in (*UNITS, *_MAGNITUDES)):
        return None
    if token.text in _FRACTIONS:
        return Number((_FRACTIONS[token.text],), at, at + 1, 0.01)
    values, step = values_of(token.text)
    if touching and touching.text == "/" and at + 2 < len(tokens) and tokens[at + 2].text.isdecimal():
        bottom = int(tokens[at + 2].text[:3])
        if values[0] < bottom <= _LARGEST_BOTTOM and tokens[at + 2].start == touching.end:
            return Number((values[0] / bottom,), at, at + 3, 0.01)
    last = at + 1
    if following and following.text in _PARTS and following.text.endswith("s"):
        return Number(tuple(value / _PARTS[following.text] for value in values), at, at + 2, 0.01)
    if following and following.text in _FRACTIONS:
        values, last = tuple(value + _FRACTIONS[following.text] for value in values), at + 2
    elif following and following.text in _MAGNITUDES:
        factor = _MAGNITUDES[following.text]
        values, step, last = tuple(value * factor for value in values), step * factor, at + 2
    if at and _is_minus(text, tokens[at - 1], token):
        return Number(tuple(-value for value in values), at - 1, last, step)
    return Number(values, at, last, step)


def _in_code(text: str, token: Token) -> bool:
    """Whether a letter, or a word and a hyphen, stand directly before the digits; in a range there is a digit."""
    before = text[max(0, token.start - 2) : token.start]
    return before[-1:].isalpha() or before[-1:] == "_" or (before[-1:] == "-" and before[0].isalpha())


def _is_minus(text: str, sign: Token, token: Token) -> bool:
    return sign.text in "-−" and sign.end == token.start and not text[: sign.start][-1:].isalnum()


def values_of(digits: str) -> tuple[tuple[float, ...], float]:
    """The possible values of a number in digits, and the value of its last digit: "1,5" is 1.5; "1,500" is 1500 or 1.5."""
    values: list[float] = []
    if match := _GROUPED.fullmatch(digits):
        whole = digits.replace(match[1], "")
        values.append(float(whole.replace(",", ".")))
        decimals = len(re.split(r"[.,]", whole)[1]) if re.search(r"[.,]", whole) else 0
        if match[1] in ",." and digits.count(match[1]) == 1 and not decimals and not digits.startswith("0"):
            values.append(float(digits.replace(match[1], ".")))
        elif digits.startswith("0"):
            values = [float(digits.replace(match[1], "."))]
            decimals = 3
        return tuple(values), 10.0**-decimals
    plain = re.sub(r"[’'  ]", "", digits).replace(",", ".")
    if plain.count(".") > 1:  # a version or section number
        plain = plain.split(".", 1)[0] + "." + plain.split(".", 1)[1].replace(".", "")
    decimals = len(plain.partition(".")[2])
    return (float(plain),), 10.0**-decimals


def _in_words(tokens: Sequence[Token], at: int) -> Number | None:
    total = current = 0.0
    last = at
    while last < len(tokens):
        word = tokens[last].text
        if word in _WORDS and not (current % 10 and current < 100):
            current += _WORDS[word]
        elif word in _MAGNITUDES and len(word) > 2 and (last > at or tokens[at - 1].text in ("a", "one")):
            current = (current or 1.0) * _MAGNITUDES[word]
            if word != "hundred":
                total, current = total + current, 0.0
        elif not (word in ("and", "-") and last > at and _goes_on(tokens, last, current)):
            break
        last += 1
    if last > at and last + 1 < len(tokens) and tokens[last].text == "-" and tokens[last + 1].text in _PARTS:
        last += 1
    if last < len(tokens) and tokens[last].text in _PARTS and (last > at or tokens[last].text in ("half", "quarter", "third")):
        return _fraction(tokens, at, last, total + current)
    if last == at or _is_pronoun(tokens, at, last):
        return None
    if last + 2 < len(tokens) and [token.text for token in tokens[last : last + 3]] == ["and", "a", "half"]:
        return Number((total + current + 0.5,), at, last + 3, 0.5)
    return Number((total + current,), at, last, 1.0)


def _goes_on(tokens: Sequence[Token], joint: int, current: float) -> bool:
    """Whether the number goes on after "and" or a hyphen: two hundred and five, twenty-five."""
    if joint + 1 >= len(tokens) or tokens[joint + 1].text not in _WORDS:
        return False
    return current % 10 == 0 and current < 100 if tokens[joint].text == "-" else current % 100 == 0


def _fraction(tokens: Sequence[Token], at: int, last: int, value: float) -> Number | None:
    """ "half", "a third of", "two thirds", "three quarters". "The third …" is an ordinal."""
    part = _PARTS[tokens[last].text]
    counted = last > at or (at and tokens[at - 1].text in ("a", "one", "by")) or tokens[last].text == "half"
    if not counted:
        return None
    end = last + 1
    if last == at and end < len(tokens) and tokens[end].text in ("a", "an"):
        end += 1
    return Number(((value or 1.0) / part,), at, end, 0.01)


def _is_pronoun(tokens: Sequence[Token], at: int, last: int) -> bool:
    if last - at > 1 or tokens[at].text != "one":
        return False
    following = tokens[last].text if last < len(tokens) else "."
    return (at > 0 and tokens[at - 1].text in _NOT_COUNTED) or following in (
        "of", "can", "may", "should", "must", "is", "who", "that", "another", "or", "side", ".", ",", "has", "needs",
    )  # fmt: skip
