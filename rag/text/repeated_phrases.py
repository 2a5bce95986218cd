"""The phrases that a text repeats, by their initials: readers abbreviate them even if the text itself does not.

A text that mentions "selective dorsal rhizotomy" twice answers a question about "SDR".
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from rag.text.analyses import analysis_of

FEWEST_INITIALS = 3  # two letters stand for too many things
MOST_INITIALS = 6  # longer abbreviations are rare; every initial more adds phrases to the index
# Words inside a phrase that abbreviations leave out, in several languages.
_LEFT_OUT = frozenset("of and for de del des du di da do der van von e y et und".split())
_BOUNDARY = ""
_TOKEN = re.compile(r"(?P<word>[^\W_]+(?:['’][^\W_]+)*)|\s[–-]\s|[^\w\s–-]|_")


class _Word(NamedTuple):
    folded: str  # _BOUNDARY for punctuation, stop words and numbers
    initials: str  # empty if abbreviations leave it out
    start: int
    end: int


def repeated_phrases(texts: Iterable[str], language: str) -> dict[str, dict[str, int]]:
    """The phrases that occur at least twice in these texts: initials in capitals -> phrase -> number of occurrences.

    Sorted by initials, then by the words of the phrase. A phrase has no punctuation but hyphens, and neither begins nor ends
    with a word that abbreviations leave out. Of its spellings, the one with the fewest capitals is given, and its first word in
    lower case if the texts have that word in lower case anywhere. A word in capitals counts with all its letters: long QT
    syndrome, LQTS.
    """
    split = [(text, _words(text, language)) for text in texts]
    uncapitalised = {word.folded for text, words in split for word in words if text[word.start].islower()}
    pairs = Counter((first.folded, second.folded) for _, words in split for first, second in zip(words, words[1:], strict=False))
    spellings: dict[tuple[str, str], Counter[str]] = {}
    for text, words in split:
        for phrase in _phrases(words, pairs):
            key = "".join(word.initials for word in phrase), " ".join(word.folded for word in phrase)
            spellings.setdefault(key, Counter())[" ".join(text[phrase[0].start : phrase[-1].end].split())] += 1
    by_initials: dict[str, dict[str, int]] = {}
    for initials, folded in sorted(spellings):
        written = spellings[initials, folded]
        if written.total() > 1:
            plainest = min(written, key=lambda spelling: (sum(map(str.isupper, spelling)), spelling))
            first = folded.split()[0]
            if first in uncapitalised and plainest[1 : len(first)].islower():  # but DNA remains DNA
                plainest = plainest[0].lower() + plainest[1:]
            by_initials.setdefault(initials, {})[plainest] = written.total()
    return by_initials


def _words(text: str, language: str) -> list[_Word]:
    return [_Word(*_folded_and_initials(match["word"] or _BOUNDARY, language), *match.span()) for match in _TOKEN.finditer(text)]


@lru_cache(maxsize=2**14)
def _folded_and_initials(word: str, language: str) -> tuple[str, str]:
    """See `_Word`."""
    folded = word.casefold()
    if folded in _LEFT_OUT:
        return folded, ""
    if not word[:1].isalpha() or folded in analysis_of(language).stop_words:
        return _BOUNDARY, ""
    return folded, word if word.isupper() and len(word) > 1 else word[0].upper()


def _phrases(words: Sequence[_Word], pairs: Counter[tuple[str, str]]) -> Iterator[Sequence[_Word]]:
    """Runs of words in which each pair of neighbours occurs at least twice, and which have an admissible number of initials."""
    for start, first in enumerate(words):
        initials = len(first.initials)
        end = start + 1
        while initials and initials < MOST_INITIALS and end < len(words):
            word = words[end]
            if not word.folded or pairs[words[end - 1].folded, word.folded] < 2:
                break
            initials += len(word.initials)
            end += 1
            if word.initials and FEWEST_INITIALS <= initials <= MOST_INITIALS:
                yield words[start:end]
