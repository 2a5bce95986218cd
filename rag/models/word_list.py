"""A list of everyday English words: the whole words in the vocabulary of the bundled model's tokenizer."""

from functools import lru_cache

from rag.models.bundled import bundled_folder
from rag.text.spelling import Vocabulary

VOCABULARY = "vocab.txt"


@lru_cache(maxsize=1)
def english_words() -> frozenset[str]:
    """In lower case, some 20,000. Raises ModelError if the package with the bundled model is missing."""
    tokens = (bundled_folder() / VOCABULARY).read_text(encoding="utf-8").split("\n")
    return frozenset(token for token in tokens if token.isalpha() and token.isascii())


@lru_cache(maxsize=1)
def english_vocabulary() -> Vocabulary:
    """`english_words` as a vocabulary, which finds the nearest word; no word is more frequent than another."""
    return Vocabulary.of((word, 0) for word in english_words())
