"""Words of a question that no document has, in the words of the documents."""

import re
from collections.abc import Iterator

from rag.followups.language_cues import spoken_language
from rag.index.contents import Index
from rag.models.word_list import english_words, everyday_words
from rag.text.question_language import foreign_language
from rag.text.spelling import corrections

MOST_SEARCHED = 10  # unknown words of a question: each is searched in a file with a line for every document
_ABBREVIATED = re.compile(r"(?<![\w-])[^\W\d_]{3,7}(?![\w-])")
_ADDRESS = re.compile(r"\w[.@]\w")  # within a file name, a web address or an e-mail address


def corrected_words(text: str, index: Index) -> dict[str, str]:
    """The misspelt words of a question in English, and abbreviations that no document uses, with the words of the documents that
    they stand for.
    """
    foreign = bool(foreign_language(text) or spoken_language(text))
    corrected = {} if foreign else corrections(text, index.vocabulary, everyday_words())
    return corrected | _spelled_out(text, index, known=corrected, foreign=foreign)


def _spelled_out(text: str, index: Index, known: dict[str, str], *, foreign: bool) -> dict[str, str]:
    """The unknown words that are the initials of a phrase which the documents repeat: "LMN" for "lower motor neuron"."""
    unknown = [
        short
        for short in dict.fromkeys(_possible_abbreviations(text, foreign=foreign))
        if not (short in known or short.lower() in index.vocabulary.frequency or index.abbreviations.of(short))
    ]
    phrases = {short: index.phrases.abbreviated(short) for short in unknown[:MOST_SEARCHED]}
    return {short: phrase for short, phrase in phrases.items() if phrase}


def _possible_abbreviations(text: str, *, foreign: bool) -> Iterator[str]:
    """Words in capitals. In other letters, only words of questions in English that are neither English words nor names.

    If a question of several words has capitals only, they say nothing about its words.
    """
    words = text.split()
    shouted = text.isupper() and len(words) > 1
    for match in _ABBREVIATED.finditer(" ".join(word for word in words if not _ADDRESS.search(word))):
        short = match.group()
        is_name = match.start() > 0 and short.istitle()
        is_word = foreign or short.lower() in english_words() or is_name
        if not is_word or (short.removesuffix("s").isupper() and not shouted):
            yield short
