"""Text folded, so that spellings of the same word are equal."""

import re
import unicodedata

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")  # soft hyphen, zero width, direction marks
# Accents that no letter is composed with, Hebrew points, Arabic vowel signs and the stroke that lengthens a word: left out.
_POINTS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
_GREEK = re.compile("[\u0386-\u03ce\u1f00-\u1fff]+")
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_EXPONENT_OR_MARK = re.compile("(?<=[0-9])[⁰¹²³⁴-⁹]+|(?<=[^\\W\\d_]{4})[⁰¹²³⁴-⁹]+")  # units (cm³) have fewer letters


def folded_text(text: str) -> str:
    """A text without differences of case, form, accents that can be left out, and digits.

    Exponents of numbers and marks of notes are words of their own, so that 25³ is not found as 253; CO₂ is co2.
    """
    if text.isascii():
        return text.lower()
    normalized = unicodedata.normalize("NFKC", _EXPONENT_OR_MARK.sub(r" \g<0>", text))
    folded = _POINTS.sub("", _INVISIBLE.sub("", normalized).casefold())
    folded = _GREEK.sub(lambda match: without_accents(match.group()), folded)
    return _OTHER_DIGIT.sub(lambda match: str(unicodedata.decimal(match.group())), folded)


def without_accents(word: str) -> str:
    return word if word.isascii() else "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
