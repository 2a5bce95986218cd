"""Texts of documents that stay in memory because taking them apart takes time."""

from rag.answering.sameness import forget_sentences
from rag.answering.table_words import words_of
from rag.conflicts.parsed_sentence import forget_parsed
from rag.conflicts.versions import forget_editions


def forget_texts() -> None:
    """Called when another build is in use: no text of a removed document stays in memory."""
    forget_editions()
    forget_parsed()
    forget_sentences()
    words_of.cache_clear()
