"""Words of a question that no document has, in the words of the documents."""

import re

from rag.followups.language_cues import spoken_language
from rag.index.contents import Index
from rag.models.word_list import english_words, everyday_words
from rag.text.question_language import foreign_language
from rag.text.spelling import corrections

_ABBREVIATED = re.compile(r"(?<![\w-])[^\W\d_]{3,7}(?![\w-])")


def corrected_words(text: str, index: Index) -> dict[str, str]:
    """The misspelt words of a question in English, and abbreviations that no document uses, with the words of the documents that
    they stand for.
    """
    foreign = foreign_language(text) or spoken_language(text)
    corrected = {} if foreign else corrections(text, index.vocabulary, everyday_words())
    return corrected | _spelled_out(text, index, known=corrected)


def _spelled_out(text: str, index: Index, known: dict[str, str]) -> dict[str, str]:
    """The unknown words that are the initials of a phrase which the documents repeat: "LMN" for "lower motor neuron"."""
    phrases = {}
    for short in _ABBREVIATED.findall(text):
        folded = short.lower()
        is_word = folded in english_words() and not short.isupper()
        if not (is_word or short in known or folded in index.vocabulary.frequency or index.abbreviations.of(short)):
            phrases[short] = index.phrases.abbreviated(short)
    return {short: phrase for short, phrase in phrases.items() if phrase}
