"""The program's own texts in other languages: one catalogue per language, by the English text."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

ENGLISH = "en"
LANGUAGES = (ENGLISH, "de", "es", "fr", "zh")
CATALOGUES = Path(__file__).parent / "catalogues"
_THOUSANDS = {"de": ".", "es": ".", "fr": "\u202f"}
_reader_language: ContextVar[str] = ContextVar("reader_language", default=ENGLISH)


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: str) -> Mapping[str, str]:
    """The translations into one of LANGUAGES by the English text; none for English itself."""
    if language == ENGLISH:
        return {}
    translations: dict[str, str] = json.loads((CATALOGUES / f"{language}.json").read_text(encoding="utf-8"))
    return translations


def translated(text: str, language: str, /, **values: object) -> str:
    """An English text in a language, with `values` in place of its {names}; in English if the catalogue lacks it."""
    text = catalogue(language).get(text, text)
    return text.format(**values) if values else text


@contextmanager
def read_in(language: str) -> Iterator[None]:
    """What `t` and `number` give within is in this language; in English if it is not one of LANGUAGES."""
    token = _reader_language.set(language if language in LANGUAGES else ENGLISH)
    try:
        yield
    finally:
        _reader_language.reset(token)


def t(text: str, /, **values: object) -> str:
    """A text of the page in the language of whoever reads it."""
    return translated(text, _reader_language.get(), **values)


def number(value: int) -> str:
    """With the thousands separators of whoever reads it."""
    return f"{value:,}".replace(",", _THOUSANDS.get(_reader_language.get(), ","))
