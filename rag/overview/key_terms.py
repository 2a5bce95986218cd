"""The key terms of a document, as it states them: runs of one to three content words that many sentences have.

Scored by C-value (Frantzi, Ananiadou and Mima 2000, "Automatic recognition of multi-word terms"), so that neither the parts of
a longer term nor its chance extensions count for themselves. Frequencies are numbers of sentences.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from rag.overview.facts import Fact
from rag.overview.statements import Placed
from rag.records import Span
from rag.text.terms import terms

LISTED = 12  # key terms: two lines on the page
LONGEST = 3  # words
FEWEST_SENTENCES = 2  # that have a term
SHORTEST_WORD = 3  # letters
SINGLE = 0.5  # so that one word counts 0.58, two 1.32, three 1.81: single words are rarely what a document is about
# Words of running text that are content words for search but no subject of a document. They neither begin nor end a term.
_RUNNING = frozenset(
    terms(
        """above according across affect again against allow almost along already although always among another appear apply
        around back based because become before begin below best better between both bring call case cause certain change
        choose come common complete contain continue day depend describe different difficult down due during each early
        eight either end enough especially even ever every example except far few find first five follow form found four
        frequently full further general gets gives go good great half high however important include increase instead keep
        kind know known lacks large last late later lead least leave left less level like list little long low main make
        many mean month mostly near need never new next nine normally not note number occur off often old once one only
        open order other over own part particular per place possible present produce provide puts rather reach reduce
        refer remain report require result right same says second see seem set seven several short showing side similar
        since six small sometimes soon start state still stop sure take tells ten third three thus time today together
        total toward turn two type under until use usual value various way week well whether within without work year"""
    )
)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|(?<=\]\()[^)\s]+")
_BEFORE_VERB = frozenset(
    "to can could may might must will would shall should not do does did cannot we they you it i he she".split()
)
_NO_NOUN = re.compile(r".{3,}(?:ed|ly)", re.IGNORECASE)  # mostly the endings of verbs, adjectives and adverbs
_WORD = re.compile(r"[^\W_]+(?:['’-](?=\w)[^\W_]+)*")


Place = tuple[int, int, int]
"""The row of a sentence, and where in its text a term begins and ends."""


def key_terms(sentences: Sequence[Placed]) -> list[Fact]:
    """The best terms, best first, each at the first place of its most frequent form."""
    places: dict[tuple[str, ...], list[Place]] = defaultdict(list)
    stems_of: dict[str, _Stems] = {}
    for row, placed in enumerate(sentences):
        if placed.language not in stems_of:
            stems_of[placed.language] = _Stems(placed.language)
        for stems, start, end in _candidates(placed.text, stems_of[placed.language]):
            places[stems].append((row, start, end))
    frequencies = {
        stems: len({row for row, _, _ in listed}) for stems, listed in places.items() if len(listed) >= FEWEST_SENTENCES
    }
    scores = _scores({stems: count for stems, count in frequencies.items() if count >= FEWEST_SENTENCES})
    chosen: list[tuple[str, ...]] = []
    for stems in sorted(scores, key=lambda stems: (-scores[stems], stems)):
        if len(chosen) == LISTED:
            break
        if not any(_is_within(stems, other) or _is_within(other, stems) for other in chosen):
            chosen.append(stems)
    return [_stated(places[stems], sentences) for stems in chosen]


def _stated(places: Sequence[Place], sentences: Sequence[Placed]) -> Fact:
    """The first place of the form that is most frequent; of equals, one without capitals within."""
    forms = [" ".join(sentences[row].text[start:end].split()) for row, start, end in places]
    counts = Counter(forms)
    best = max(counts, key=lambda form: (counts[form], form[1:] == form[1:].lower(), form))
    row, start, end = places[forms.index(best)]
    placed = sentences[row]
    return Fact(placed, Span(placed.sentence.span.start + start, placed.sentence.span.start + end))


class _Stems(dict[str, str]):
    """The stem of each word, computed once; "" for a word that belongs to no term: a stop word, a number, a single letter."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self._language = language

    def __missing__(self, word: str) -> str:
        short = not word[0].isalpha() or (len(word) < SHORTEST_WORD and not word.isupper())
        stems = [] if short else terms(word, self._language)
        return self.setdefault(word, stems[0] if stems else "")


def _candidates(text: str, stems_of: _Stems) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """All runs of up to LONGEST content words with only a space between them: their stems, and where they begin and end."""
    if "/" in text:
        text = _ADDRESS.sub(lambda match: "/" * len(match[0]), text)
    run: list[tuple[str, int]] = []
    previous, end = "", 0
    for match in _WORD.finditer(text):
        word, start = match.group(), match.start()
        if run and (start != end + 1 or text[end] != " "):
            run = []
        stem, end = stems_of[word], match.end()
        run = [*run[-LONGEST + 1 :], (stem, start)] if stem else []
        if stem and stem not in _RUNNING and not _NO_NOUN.fullmatch(word):
            for length in range(1 if previous not in _BEFORE_VERB else 2, len(run) + 1):
                if run[-length][0] not in _RUNNING:
                    yield tuple(stem for stem, _ in run[-length:]), run[-length][1], end
        previous = word.lower()


def _scores(counts: dict[tuple[str, ...], int]) -> dict[tuple[str, ...], float]:
    """C-value: the frequency, less the mean frequency of the longer terms that contain the term, times a factor of its length."""
    longer: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for stems, count in counts.items():
        for length in range(1, len(stems)):
            for start in range(len(stems) - length + 1):
                longer[stems[start : start + length]].append(count)
    return {
        stems: math.log2(len(stems) + SINGLE) * (count - (sum(longer[stems]) / len(longer[stems]) if stems in longer else 0))
        for stems, count in counts.items()
    }


def _is_within(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    return any(whole[start : start + len(part)] == part for start in range(len(whole) - len(part) + 1))
