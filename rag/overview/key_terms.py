"""The key terms of a document, as it states them: runs of one to three content words that many sentences have.

Scored by C-value (Frantzi, Ananiadou and Mima 2000, "Automatic recognition of multi-word terms"), so that neither the parts of
a longer term nor its chance extensions count for themselves. Frequencies are numbers of sentences.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rag.overview.facts import Fact
from rag.overview.statements import Placed
from rag.records import Span
from rag.text.terms import content_words, terms

LISTED = 12  # key terms: two lines on the page
LONGEST = 3  # words
FEWEST_SENTENCES = 2  # that have a term
SHORTEST_WORD = 3  # letters
SINGLE = 0.5  # so that one word counts 0.58, two 1.32, three 1.81: single words are rarely what a document is about
# Words of running text that are content words for search but no subject of a document. They neither begin nor end a term.
_RUNNING = frozenset(
    terms(
        """above according across affect again against allow almost along already although always among another appear
        apply around back based because become before begin below best better between both bring call case cause
        certain change choose come common commonly complete contain continue day days depend describe different
        difficult does down due during each early eight either end enough especially even ever every example except
        far few find first five follow form found four frequently full further general generally gets gives giving go
        good great half high however important include increase instead keep kind know known lacks large last late
        later lead least leave left less level like likely list little long low main mainly make makes making many
        mean month months mostly near nearly need never new next nine normally not note number occur off often old
        once one only open order other others over own part particular per place possible present produce provide puts
        rather reach reduce refer remain report require result right same says second see seem set seven several short
        show showing shows side similar similarly since six small sometimes soon start state still stop sure take
        takes taking tells ten third three thus time today together total toward turn two type under until use used
        useful uses using usual usually value various way week weeks well whether within without work year years"""
    )
)
_BEFORE_VERB = frozenset(
    "to can could may might must will would shall should not do does did cannot we they you it i he she".split()
)
_NO_NOUN = re.compile(r".{3,}(?:ed|ly)", re.IGNORECASE)  # mostly the endings of verbs, adjectives and adverbs
_WORD = re.compile(r"[^\W_]+(?:['’-](?=\w)[^\W_]+)*")


@dataclass
class _Term:
    """`surfaces` counts the ways it is written; `first` is where each is written first."""

    sentences: int = 0
    surfaces: Counter[str] = field(default_factory=Counter)
    first: dict[str, Fact] = field(default_factory=dict)


def key_terms(sentences: Sequence[Placed]) -> list[Fact]:
    """The best terms, best first, each at the first place of its most frequent form."""
    found: dict[tuple[str, ...], _Term] = defaultdict(_Term)
    for placed in sentences:
        seen: set[tuple[str, ...]] = set()
        for stems, span in _candidates(placed.text):
            surface = " ".join(span.of(placed.text).split())
            term = found[stems]
            term.sentences += stems not in seen
            term.surfaces[surface] += 1
            start = placed.sentence.span.start
            term.first.setdefault(surface, Fact(placed, Span(start + span.start, start + span.end)))
            seen.add(stems)
    scores = _scores({stems: term.sentences for stems, term in found.items() if term.sentences >= FEWEST_SENTENCES})
    chosen: list[tuple[str, ...]] = []
    for stems in sorted(scores, key=lambda stems: (-scores[stems], stems)):
        if len(chosen) == LISTED:
            break
        if not any(_is_within(stems, other) or _is_within(other, stems) for other in chosen):
            chosen.append(stems)
    return [_stated(found[stems]) for stems in chosen]


def _stated(term: _Term) -> Fact:
    surface = max(term.surfaces, key=lambda surface: (term.surfaces[surface], surface[1:] == surface[1:].lower(), surface))
    return term.first[surface]


def _candidates(text: str) -> Iterator[tuple[tuple[str, ...], Span]]:
    """All runs of up to LONGEST content words with nothing but a space between them: their stems and span in the text."""
    stems_of = content_words(text)
    run: list[tuple[str, Span]] = []
    previous = ""
    for match in _WORD.finditer(text):
        word, span = match.group(), Span(*match.span())
        if run and text[run[-1][1].end : span.start] != " ":
            run = []
        stems = _stems_of_word(word, stems_of)
        run = [*run[-LONGEST + 1 :], (stems[0], span)] if stems else []
        if stems and stems[0] not in _RUNNING and not _NO_NOUN.fullmatch(word):
            for length in range(1 if previous.lower() not in _BEFORE_VERB else 2, len(run) + 1):
                first = run[-length]
                if first[0] not in _RUNNING:
                    yield tuple(stem for stem, _ in run[-length:]), Span(first[1].start, span.end)
        previous = word


def _stems_of_word(word: str, stems_of: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Empty for a word that belongs to no term: a stop word, a number, a single letter."""
    if not word[0].isalpha() or (len(word) < SHORTEST_WORD and not word.isupper()):
        return ()
    return stems_of.get(word) or tuple(terms(word))


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
