"""Which sentences say the same."""

import re
from functools import lru_cache

from rag.reader.scored_sentences import ScoredSentence
from rag.text.terms import terms

ALIKE = 0.8  # share of common terms from which two sentences say nearly the same; see benchmarks/README.md
SENTENCES_REMEMBERED = 2**12  # in the cache of word sets: some MB
# Words that change the meaning.
_NUMBER_OR_NEGATION = re.compile(
    r"\d|^(?:not?|nor|never|neither|none|without|cannot|.*n['’]?t|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|half|twice|double|thrice)$"
)
_QUALIFIER = re.compile(
    r"^(?:before|after|until|since|from|to|may|might|should|could|must|all|some|any|most|more|less|only|if|than|but)$"
)
_WORD = re.compile(r"\w+(?:['’.,]\w+)*")


def agree(first: ScoredSentence, second: ScoredSentence) -> bool:
    """Whether one answer phrase contains the other: "about 1 mm", "about 1 mm a day". False if either has none."""
    terms_1, terms_2 = (set(terms(s.phrase or "")) for s in (first, second))
    return bool(terms_1 and terms_2) and (terms_1 <= terms_2 or terms_2 <= terms_1)


def says_the_same(first: str, second: str) -> bool:
    """Whether two sentences have nearly the same words, one only adding to the other.

    False if a number, a negation or a qualifier is added, or one word replaces another: 5 mg is not 50 mg, "did" not
    "did not", "before" not "after", "increased" not "decreased".
    """
    (terms_1, words_1), (terms_2, words_2) = _terms_and_words(first), _terms_and_words(second)
    if not terms_1 or not terms_2:
        return first == second
    replaced = terms_1 - terms_2 and terms_2 - terms_1
    if replaced or any(_NUMBER_OR_NEGATION.search(word) or _QUALIFIER.match(word) for word in words_1 ^ words_2):
        return False
    return len(terms_1 & terms_2) >= ALIKE * len(terms_1 | terms_2)


@lru_cache(maxsize=SENTENCES_REMEMBERED)
def _terms_and_words(text: str) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(terms(text)), frozenset(_WORD.findall(text.casefold()))


def forget_sentences() -> None:
    _terms_and_words.cache_clear()
