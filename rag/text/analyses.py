"""How the words of a language become terms: its stop words, its stemmer, and what else its spelling needs."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from rag.text.folding import folded_text, without_accents

# Words that say nothing about the subject. In short passages many of them are rare, so a low idf alone would not suppress them.
STOPWORDS = frozenset(
    "a about after all also am an and any are as at be been being but by can could did do does doing done for from get "
    "give had has have having he her here him his how i if in into is it its just may me might more most much must my "
    "of on or our out please shall she should show so some such tell than that the their them then there these they "
    "this those to too upon us very was we were what when where which while who whom whose why will with would you your".split()
)
_STEMMERS = {
    "ar": "arabic", "hy": "armenian", "eu": "basque", "ca": "catalan", "cs": "czech", "da": "danish", "nl": "dutch",
    "en": "english", "eo": "esperanto", "et": "estonian", "fi": "finnish", "fr": "french", "de": "german", "el": "greek",
    "hi": "hindi", "hu": "hungarian", "id": "indonesian", "ga": "irish", "it": "italian", "lt": "lithuanian", "ne": "nepali",
    "no": "norwegian", "fa": "persian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
    "st": "sesotho", "es": "spanish", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
# Languages in which people leave accents out when they type, and an accent rarely tells two words apart.
_ACCENTS_LEFT_OUT = frozenset({"ca", "es", "fr", "it", "pt", "ro"})
_ELISION = re.compile(  # l'énergie, qu'il, dell'arte: the article is not part of the word
    r"(?<!\w)(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu|un|gl|(?:d|n|c)?all|[dn]ell|sull|coll|quell|quest|bell|tutt|sant)['’](?=\w)",
    re.IGNORECASE,
)
_SUFFIX = re.compile(r"(?<=\w)['’]\w+")  # Turkish sets the endings of names off: İstanbul'un


@dataclass(frozen=True)
class Analysis:
    """`prepared` rewrites a text before it is folded; `stems` gives the terms of folded words, one each."""

    stop_words: frozenset[str]
    prepared: Callable[[str], str]
    stems: Callable[[list[str]], list[str]]


@cache
def analysis_of(language: str) -> Analysis:
    """The analysis of a language by its ISO 639-1 code; words of a language without a stemmer are terms as they are."""
    prepared = _PREPARED.get(language, str)
    stem = _stemmer(_STEMMERS[language]) if language in _STEMMERS else list
    if language in _ACCENTS_LEFT_OUT:
        return Analysis(_stop_words(language), prepared, lambda words: list(map(without_accents, stem(words))))
    return Analysis(_stop_words(language), prepared, stem)


def _stemmer(name: str) -> Callable[[list[str]], list[str]]:
    import Stemmer

    stemmer: Any = Stemmer.Stemmer(name)
    stems: Callable[[list[str]], list[str]] = stemmer.stemWords
    return stems


def _stop_words(language: str) -> frozenset[str]:
    if language == "en":
        return STOPWORDS
    from stop_words import LANGUAGE_MAPPING, get_stop_words

    listed = get_stop_words(language) if language in LANGUAGE_MAPPING else get_stop_words("nb") if language == "no" else []
    return frozenset(map(folded_text, listed))


def _without_elision(text: str) -> str:
    return _ELISION.sub(" ", text)


def _turkish(text: str) -> str:
    """In Turkish I is the capital of ı, and İ of i."""
    return _SUFFIX.sub("", unicodedata.normalize("NFC", text).replace("I", "ı").replace("İ", "i"))


def _persian(text: str) -> str:
    """Keyboards differ in which letters they have for Persian's y and k."""
    return text.replace("ي", "ی").replace("ك", "ک")


_PREPARED: dict[str, Callable[[str], str]] = {
    "az": _turkish,
    "tr": _turkish,
    "ca": _without_elision,
    "fr": _without_elision,
    "it": _without_elision,
    "fa": _persian,
    "ur": _persian,
}
