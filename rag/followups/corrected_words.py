"""Misspelt words of a question, corrected by the words of the documents."""

from rag.followups.language_cues import spoken_language
from rag.index.contents import Index
from rag.models.word_list import english_words
from rag.text.question_language import foreign_language
from rag.text.spelling import corrections


def corrected_words(text: str, index: Index) -> dict[str, str]:
    """The misspelt words of a question in English, with the words of the documents that they stand for."""
    return (
        {}
        if foreign_language(text) or spoken_language(text)
        else corrections(text, index.vocabulary, english_words().__contains__)
    )
