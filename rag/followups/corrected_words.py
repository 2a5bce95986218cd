"""Misspelt words of a question, and abbreviations that no document has, replaced by words of the documents."""

import re
from collections.abc import Iterator

from rag.followups.language_cues import spoken_language
from rag.index.contents import Index
from rag.models.word_list import english_vocabulary, english_words
from rag.text.question_language import foreign_language
from rag.text.repeated_phrases import FEWEST_INITIALS, MOST_INITIALS
from rag.text.spelling import corrections

MOST_SEARCHED = 10  # unknown words of a question: each is searched in a file with a line for every document
_ABBREVIATION = re.compile(rf"(?<![\w-])[^\W\d_]{{{FEWEST_INITIALS},{MOST_INITIALS + 1}}}(?![\w-])")  # with the s of a plural
_ADDRESS = re.compile(r"\w[.@]\w")  # within a file name, a web address or an e-mail address


def corrected_words(text: str, index: Index) -> dict[str, str]:
    """Misspelt words of a question in English, and unknown abbreviations in any language, as typed, with what they stand for."""
    foreign = bool(foreign_language(text) or spoken_language(text))
    corrected = {} if foreign else corrections(text, index.vocabulary, english_vocabulary())
    return corrected | _spelled_out(text, index, known=corrected, foreign=foreign)


def _spelled_out(text: str, index: Index, known: dict[str, str], *, foreign: bool) -> dict[str, str]:
    """The unknown words that are the initials of a phrase repeated in the documents: "LMN" for "lower motor neuron"."""
    unknown = [
        word
        for word in dict.fromkeys(_possible_abbreviations(text, foreign=foreign))
        if not (word in known or word.lower() in index.vocabulary.frequency or index.abbreviations.of(word))
    ]
    phrases = {word: index.phrases.phrase_for(word) for word in unknown[:MOST_SEARCHED]}
    return {word: phrase for word, phrase in phrases.items() if phrase}


def _possible_abbreviations(text: str, *, foreign: bool) -> Iterator[str]:
    """Words in capitals; in questions in English also other words that are neither English words nor names.

    If all words of a question are in capitals, their capitals mean nothing.
    """
    words = text.split()
    shouted = text.isupper() and len(words) > 1
    for match in _ABBREVIATION.finditer(" ".join(word for word in words if not _ADDRESS.search(word))):
        word = match.group()
        is_name = match.start() > 0 and word.istitle()
        is_word = foreign or word.lower() in english_words() or is_name
        if not is_word or (word.removesuffix("s").isupper() and not shouted):
            yield word
