"""Text to terms: the stemmed words that lexical search counts."""

import re
import unicodedata
from functools import lru_cache
from typing import Any

import Stemmer

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")  # soft hyphen, zero width, direction marks
_TOKEN = re.compile(r"[^\W_]+(?:['’.·-](?=\w)[^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_EXPONENT_OR_MARK = re.compile("(?<=[0-9])[⁰¹²³⁴-⁹]+|(?<=[^\\W\\d_]{4})[⁰¹²³⁴-⁹]+")  # units (cm³) have fewer letters
_GROUPED_NUMBER = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])")
# Words that say nothing about the subject. In short passages many of them are rare, so a low idf alone would not suppress them.
STOPWORDS = frozenset(
    "a about after all also am an and any are as at be been being but by can could did do does doing done for from get "
    "give had has have having he her here him his how i if in into is it its just may me might more most much must my "
    "of on or our out please shall she should show so some such tell than that the their them then there these they "
    "this those to too upon us very was we were what when where which while who whom whose why will with would you your".split()
)


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    return Stemmer.Stemmer("english")


def terms(text: str) -> list[str]:
    """Stemmed words in order, folded for case and compatibility forms, without stop words.

    A compound is followed by its parts: "S1-nerve" -> s1-nerve, s1, nerve. A number with thousands separators is also
    counted as it is stored or typed without: "52,300.50" -> ..., 52300.5, 52300. Stop words alone give an empty list.
    """
    folded = text.lower() if text.isascii() else _folded(text)
    folded = " ".join([folded, *map(_without_separators, _GROUPED_NUMBER.findall(folded))])
    words: list[str] = []
    for word in _TOKEN.findall(folded):
        if word.isalnum():
            words.append(word)
        else:
            words.append(word.replace("’", "'").removesuffix("'s"))
            words.extend(part for part in _PART.findall(word) if len(part) > 1)
    stemmed: list[str] = _stemmer().stemWords([word for word in words if word not in STOPWORDS])
    return stemmed


def _without_separators(number: str) -> str:
    whole, _, decimals = number.replace(",", "").partition(".")
    decimals = decimals.rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole


def _folded(text: str) -> str:
    """Exponents of numbers and marks of notes are words of their own, so that 25³ is not found as 253; CO₂ is co2."""
    normalized = unicodedata.normalize("NFKC", _EXPONENT_OR_MARK.sub(r" \g<0>", text))
    return _INVISIBLE.sub("", normalized).casefold()


def content_words(text: str) -> dict[str, tuple[str, ...]]:
    """Each distinct word as typed, with its terms; words without terms (stop words) are left out."""
    words = dict.fromkeys(match.group() for match in _TOKEN.finditer(text))
    return {word: word_terms for word in words if (word_terms := tuple(terms(word)))}
