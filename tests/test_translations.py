"""The catalogues of the program's own texts: complete, without unused texts, with the same names in braces."""

import re
from collections import Counter

import pytest

from rag.answering import own_voice, wording
from rag.translations import ENGLISH, LANGUAGES, catalogue, number, read_in, t, translated

TRANSLATED = [language for language in LANGUAGES if language != ENGLISH]


def used_texts() -> set[str]:
    """Every text that is translated anywhere."""
    return {*own_voice.TEXTS, *wording.TEXTS}


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_and_none_is_left_over(language: str) -> None:
    assert sorted(used_texts() - set(catalogue(language))) == []
    assert sorted(set(catalogue(language)) - used_texts()) == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_have_the_names_of_the_english_text(language: str) -> None:
    for text, translation in catalogue(language).items():
        assert Counter(re.findall(r"{\w+}", text)) == Counter(re.findall(r"{\w+}", translation)), text
        assert translation.strip() and text[-1:].isspace() == translation[-1:].isspace(), text


def test_texts_are_in_the_language_of_the_reader_within_a_request_only() -> None:
    text = wording.ABSTENTIONS["empty_question"]
    with read_in("de"):
        assert (t(text), number(12_345)) == ("Bitte geben Sie eine Frage ein.", "12.345")
    assert (t(text), number(12_345)) == (text, "12,345")
    with read_in("xx"):
        assert t(text) == text
    assert translated("No catalogue has {what}.", "de", what="this") == "No catalogue has this."
