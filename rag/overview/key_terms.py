"""The key terms of a document, as it states them: runs of one to three content words that many sentences have.

Scored by C-value (Frantzi, Ananiadou and Mima 2000, "Automatic recognition of multi-word terms"), so that neither the parts of
a longer term nor its chance extensions count for themselves. Frequencies are numbers of sentences.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rag.overview.facts import Fact
from rag.overview.statements import Placed
from rag.records import Span
from rag.text.terms import STOPWORDS, terms

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
# Function words of texts in other languages, which the stop words of the search do not know.
_FOREIGN = frozenset(
    """der die das und den dem des ein eine einen einem einer eines ist sind war waren mit von vom für auf aus bei nach
    zur zum auch nicht sich als wie oder aber durch über unter wird werden wurde kann können nur noch es er sie wenn
    dass im am les des une est sont dans pour par sur avec que qui pas plus aux ces cette elle ils nous vous leur
    leurs être ont los las del una uno unos unas con por para como más pero sus este esta entre sin sobre son ser
    fue han hay todos todas gli dei delle della degli nel nella nelle che per sono anche più non uma dos das com não
    mas foi het een van en op te dat zijn""".split()
)
ENGLISH_SHARE = 0.15  # of English stop words among all words, from which a text is English; a third is usual, elsewhere a few
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|(?<=\]\()[^)\s]+")
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
    stems_of = _Stems(frozenset() if _is_english(sentences) else _FOREIGN)
    for placed in sentences:
        seen: set[tuple[str, ...]] = set()
        for stems, span in _candidates(placed.text, stems_of):
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


def _is_english(sentences: Sequence[Placed]) -> bool:
    words = [word.lower() for placed in sentences for word in _WORD.findall(placed.text)]
    return sum(word in STOPWORDS for word in words) >= ENGLISH_SHARE * len(words)


class _Stems(dict[str, str]):
    """The stem of each word, computed once; "" for a word that belongs to no term: a stop word, a number, a single letter."""

    def __init__(self, ignored: frozenset[str]) -> None:
        super().__init__()
        self._ignored = ignored

    def __missing__(self, word: str) -> str:
        short = not word[0].isalpha() or (len(word) < SHORTEST_WORD and not word.isupper())
        stems = [] if short or word.lower() in self._ignored else terms(word)
        return self.setdefault(word, stems[0] if stems else "")


def _candidates(text: str, stems_of: _Stems) -> Iterator[tuple[tuple[str, ...], Span]]:
    """All runs of up to LONGEST content words with nothing but a space between them: their stems and span in the text."""
    text = _ADDRESS.sub(lambda match: "/" * len(match[0]), text)
    run: list[tuple[str, Span]] = []
    previous = ""
    for match in _WORD.finditer(text):
        word, span = match.group(), Span(*match.span())
        if run and text[run[-1][1].end : span.start] != " ":
            run = []
        stem = stems_of[word]
        run = [*run[-LONGEST + 1 :], (stem, span)] if stem else []
        if stem and stem not in _RUNNING and not _NO_NOUN.fullmatch(word):
            for length in range(1 if previous.lower() not in _BEFORE_VERB else 2, len(run) + 1):
                first = run[-length]
                if first[0] not in _RUNNING:
                    yield tuple(stem for stem, _ in run[-length:]), Span(first[1].start, span.end)
        previous = word


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
