"""Typing errors: words that no document has, matched to the words that the documents have."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA

SHORTEST = 4  # letters of a word that is corrected; too many shorter words are one edit apart
TWO_EDITS = 8  # letters from which two edits are corrected, otherwise one
SHORTEST_NAME = 6  # letters of a capitalised word within the question: short names are too much alike
SHORTEST_BASE = 3  # letters of a word without its ending
SHORTEST_PART = 4  # letters of each part of a compound, such as "toothbrush", except for the first parts below
_FIRST_PARTS = frozenset(
    "air arm bed car cup day ear egg eye gas hat ice key leg lip net oil pan pen pot sea sun tea toe web".split()
)
_WORD = re.compile(r"[^\W\d_]+")
_TYPED = re.compile(r"(?<![\w'’.@-])[^\W\d_]+(?:-[^\W\d_]+)*(?!\w|[-'’.@](?!s\b)\w)")  # with its hyphens; without digits
_PREFIXES = ("un", "re", "non", "pre", "post", "anti", "over", "under", "mis", "dis", "inter", "sub", "super", "self")


def spelled_words(text: str) -> list[str]:
    """The different words of a text in lower case, in order, without numbers."""
    return list(dict.fromkeys(_WORD.findall(text.lower())))


@dataclass(frozen=True)
class Vocabulary:
    """Words with the number of passages that have each; `by_length` has them by length, in alphabetical order."""

    frequency: Mapping[str, int]
    by_length: Mapping[int, list[str]]

    @classmethod
    def of(cls, words: Iterable[tuple[str, int]]) -> "Vocabulary":
        frequency = dict(words)
        by_length: dict[int, list[str]] = {}
        for word in sorted(frequency):
            by_length.setdefault(len(word), []).append(word)
        return cls(frequency, by_length)

    def nearest(self, word: str) -> str | None:
        """The word that `word`, in lower case, is a misspelling of; None if no word is near enough.

        By optimal string alignment distance, in which two swapped letters are one edit. Ties go to the word with the same first
        and last letter, then to the more frequent word, then by alphabet.
        """
        edits = 2 if len(word) >= TWO_EDITS else 1
        near = [
            candidate for size in range(len(word) - edits, len(word) + edits + 1) for candidate in self.by_length.get(size, ())
        ]
        matches = process.extract(word, near, scorer=OSA.distance, score_cutoff=edits, limit=None)
        ranked = [
            (distance, candidate[0] != word[0], candidate[-1] != word[-1], -self.frequency[candidate], candidate)
            for candidate, distance, _ in matches
            if len(candidate) >= SHORTEST
        ]
        return min(ranked)[-1] if ranked else None


def _too_short(word: str, meant: str) -> bool:
    """Whether one letter of a word of four replaces another, by which too many real words differ: "sewn" and "seen"."""
    return len(word) == len(meant) == SHORTEST and sorted(word) != sorted(meant)


def corrections(question: str, vocabulary: Vocabulary, everyday: Vocabulary) -> dict[str, str]:
    """From each misspelt word as typed to the word that is meant; words with digits are left.

    That is the nearest word of the documents, or an everyday word if one is nearer still: "dicovered" is "discovered", though
    only "recovered" is in the documents. Words of either kind are spelt correctly, and so are their inflections and compounds.
    """
    known = _Known(vocabulary, everyday)
    corrected = {}
    for match in _TYPED.finditer(question):
        for word in match.group().split("-"):
            folded = word.lower()
            name = match.start() > 0 and word[:1].isupper()
            if len(word) < (SHORTEST_NAME if name else SHORTEST) or word.isupper() or not folded.isascii() or known.word(folded):
                continue
            meant = _meant(folded, vocabulary, everyday)
            if (
                meant and not _too_short(folded, meant) and not {*_bases(folded)} & {*_bases(meant)}
            ):  # "innervates" is no misspelling of "innervated"
                corrected[word] = meant.capitalize() if word[0].isupper() else meant
    return corrected


def _meant(word: str, vocabulary: Vocabulary, everyday: Vocabulary) -> str | None:
    """The nearer of the nearest word of the documents, which wins ties, and the nearest everyday word.

    None if no word of the documents is near.
    """
    nearest = vocabulary.nearest(word)
    return nearest and min(nearest, everyday.nearest(word) or nearest, key=lambda known: OSA.distance(known, word))


def with_corrections(question: str, corrected: Mapping[str, str]) -> str:
    """Whole words are replaced, but not those of file names and addresses: "psu.md", "a@psu.org"."""
    for typed, meant in corrected.items():
        question = re.sub(rf"(?<!\w)(?<!\w[.@]){re.escape(typed)}(?!\w|[.@]\w)", meant, question)
    return question


@dataclass(frozen=True)
class _Known:
    """Which words are spelt correctly."""

    vocabulary: Vocabulary
    everyday: Vocabulary

    def word(self, word: str) -> bool:
        if self._listed(word) or self._inflected(word):
            return True
        for prefix in _PREFIXES:
            rest = word.removeprefix(prefix)
            if rest != word and len(rest) >= SHORTEST and (self._listed(rest) or self._inflected(rest)):
                return True
        return any(self._parts(word[:cut], word[cut:]) for cut in range(SHORTEST_BASE, len(word) - SHORTEST_PART + 1))

    def _parts(self, first: str, second: str) -> bool:
        """Whether both are words, so that together they may be a compound."""
        if first not in _FIRST_PARTS and (len(first) < SHORTEST_PART or first not in self.everyday.frequency):
            return False
        return second in self.everyday.frequency or (second.endswith("s") and second[:-1] in self.everyday.frequency)

    def _listed(self, word: str) -> bool:
        return word in self.vocabulary.frequency or word in self.everyday.frequency

    def _inflected(self, word: str) -> bool:
        """Whether it is a regular form of a listed word, or a listed word is a regular form of it."""
        if any(len(base) >= SHORTEST_BASE and self._listed(base) for base in _bases(word)):
            return True
        return any(self._listed(form) for form in _forms(word))


def _bases(word: str) -> list[str]:
    """The words that it is a form of, if they exist: plural, tense, participle, comparison, adverb, noun of action."""
    bases = []
    if word.endswith("s") and not word.endswith("ss"):
        bases.append(word[:-1])
    if word.endswith("es") and word[:-2].endswith(("s", "x", "z", "ch", "sh", "o")):
        bases.append(word[:-2])
    for ending in ("ied", "ies", "ier", "iest", "ily", "iness"):
        if word.endswith(ending):
            bases.append(f"{word.removesuffix(ending)}y")
    for ending in ("ed", "ing", "er", "ers", "est", "able", "ings"):
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            bases += [stem, f"{stem}e"]
            if len(stem) > 2 and stem[-1] == stem[-2]:
                bases.append(stem[:-1])
    if word.endswith("wn"):
        bases.append(word[:-1])
    if word.endswith("en"):
        bases += [word[:-2], word[:-1]]
    for ending in ("ly", "ness", "ful", "less", "ment", "ments"):
        if word.endswith(ending):
            bases.append(word.removesuffix(ending))
    return bases


def _forms(word: str) -> list[str]:
    """Its regular forms."""
    if word.endswith("e"):
        return [f"{word}s", f"{word}d", f"{word[:-1]}ing"]
    if word.endswith(("ss", "x", "z", "ch", "sh")):
        return [f"{word}es"]
    return [f"{word}s", f"{word}ed", f"{word}ing"]
