"""Which terms of earlier turns belong to a follow-up, learnt from how people rewrote follow-ups as whole questions."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rag.followups.cues import Cues, cues_of
from rag.followups.history import Turn
from rag.numeric import logistic
from rag.text.terms import terms

WEIGHTS = Path(__file__).parent / "weights.json"
RECENT = 6  # last turns that are considered (three exchanges), in addition to the user's first
LONGEST = 1200  # characters of a turn that are considered; bounds the cost of long answers
LIKELY, MOST = 0.35, 6  # least probability, and number, of context terms; chosen on half of the dialogues: benchmarks/README.md
NEARLY = 0.8  # share of the best probability that a term needs if none is LIKELY; there, at most FALLBACK terms
FALLBACK = 2
# Shapes of features. The weights were learnt with these values: a change needs training/followup_weights.py.
RARE = 0.6  # rarity above which it counts a second time
FADING = 0.7  # weight of an exchange (two turns) relative to the one after it
EARLY = 8  # words from the start of a turn after which an occurrence counts half
SHORT = 3  # characters
_WORD = re.compile(r"[^\W_]+(?:['’.·-](?=\w)[^\W_]+)*")
_SENTENCE_END = re.compile(r"[.!?:;\n]")
_ARTICLES = frozenset("the a an my his her their".split())
_PREPOSITIONS = frozenset("of in for with on about".split())
# Terms that never name a subject.
_EMPTY = frozenset(
    terms(
        "often every each many several usually commonly common sometimes always never really good better best nice great thanks"
        " interesting sure hello know think want like okay yes no say said help"
    )
)
_CROSSED = ("last_user", "first_user", "last_agent", "earlier_user", "rarity", "capital")


@dataclass(frozen=True, slots=True)
class RecentTurn:
    """A turn that is considered, cut to LONGEST. `back` counts from the last turn (0); `first` marks the user's first."""

    text: str
    user: bool
    back: int
    first: bool


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A word in a turn. `number` and `sentence` count from the start of the turn; `opens`: it starts a sentence.

    `before` is the preceding word, case-folded.
    """

    turn: RecentTurn
    word: str
    start: int
    end: int
    number: int
    sentence: int
    opens: bool
    before: str


@dataclass(frozen=True, slots=True)
class ContextTerm:
    """A term of earlier turns, the probability that it belongs to the question, and its occurrences, oldest first."""

    term: str
    probability: float
    occurrences: tuple[Occurrence, ...]


def recent_turns(turns: Sequence[Turn]) -> list[RecentTurn]:
    """The user's first turn and the RECENT last ones, oldest first: long conversations cost no more than short ones."""
    first = next((row for row in range(min(len(turns), 2)) if turns[row].by_user), None)
    rows = sorted({*([first] if first is not None else []), *range(max(0, len(turns) - RECENT), len(turns))})
    return [RecentTurn(turns[row].text[:LONGEST], turns[row].by_user, len(turns) - 1 - row, row == first) for row in rows]


def context_terms(question: str, turns: Sequence[RecentTurn], rarity: Callable[[str], float]) -> list[ContextTerm]:
    """The terms that belong to a question that depends on the turns, most probable first. `rarity` of a term is 0 to 1.

    If no term is likely, the most probable terms of the user's turns.
    """
    cues = cues_of(question)
    if cues.new_subject:
        return []
    ranked = [
        ContextTerm(term, probability(features(occurrences, cues, rarity(term))), tuple(occurrences))
        for term, occurrences in candidates(question, turns).items()
        if term not in _EMPTY
    ]
    ranked.sort(key=lambda candidate: (-candidate.probability, candidate.term))
    if ranked and ranked[0].probability < LIKELY:
        by_user = [candidate for candidate in ranked if any(o.turn.user for o in candidate.occurrences)] or ranked
        return [candidate for candidate in by_user if candidate.probability >= NEARLY * by_user[0].probability][:FALLBACK]
    return [candidate for candidate in ranked if candidate.probability >= LIKELY][:MOST]


def candidates(question: str, turns: Sequence[RecentTurn]) -> dict[str, list[Occurrence]]:
    """Every term of the turns that the question lacks, with its occurrences, oldest first."""
    known = set(terms(question))
    occurrences: dict[str, list[Occurrence]] = {}
    for turn in turns:
        sentence, end, before, opens = 0, 0, "", True
        for number, match in enumerate(_WORD.finditer(turn.text)):
            if number and _SENTENCE_END.search(turn.text, end, match.start()):
                sentence, opens = sentence + 1, True
            end = match.end()
            stems = terms(match.group())
            if stems and stems[0] not in known:
                occurrence = Occurrence(turn, match.group(), match.start(), end, number, sentence, opens, before)
                occurrences.setdefault(stems[0], []).append(occurrence)
            before, opens = match.group().casefold(), False
    return occurrences


def probability(values: Mapping[str, float]) -> float:
    """The probability that a term with these features belongs to the question."""
    weights = _weights()
    return round(logistic(weights["bias"] + sum(weights[name] * value for name, value in values.items())), 4)


@lru_cache(maxsize=1)
def _weights() -> dict[str, float]:
    weights: dict[str, float] = json.loads(WEIGHTS.read_text(encoding="utf-8"))["weights"]
    return weights


def features(occurrences: Sequence[Occurrence], cues: Cues, rarity: float) -> dict[str, float]:
    """Where and how a term occurs, what the question is like, and products of both."""
    values = _positions(occurrences) | _appearance(occurrences) | {"rarity": rarity, "rare": max(0.0, rarity - RARE)}
    question = {
        "pointing": float(cues.pointing),
        "beginning": float(cues.beginning),
        "elliptic": float(cues.elliptic),
        "whole": float(cues.whole),
        "size": math.log1p(cues.words),
    }
    crossed = {f"{cue}*{name}": question[cue] * values[name] for cue in question for name in _CROSSED}
    return {**values, **question, "comparing": float(cues.comparing), **crossed}


def _positions(occurrences: Sequence[Occurrence]) -> dict[str, float]:
    users = {o.turn.back for o in occurrences if o.turn.user}
    agents = {o.turn.back for o in occurrences if not o.turn.user}
    last = [o for o in occurrences if not o.turn.user and o.turn.back == 0]
    return {
        "last_user": float(any(back <= 1 for back in users)),
        "earlier_user": max((FADING ** (back / 2) for back in users if back > 1), default=0.0),
        "first_user": float(any(o.turn.first for o in occurrences)),
        "last_agent": float(bool(last)),
        "agent_beginning": max((1 / (1 + o.number / EARLY) for o in last), default=0.0),
        "agent_first_sentence": float(any(o.sentence == 0 for o in last)),
        "earlier_agent": max((FADING ** (back / 2) for back in agents if back > 0), default=0.0),
        "user_turns": math.log1p(len(users)),
        "agent_turns": math.log1p(len(agents)),
        "times": math.log1p(len(occurrences)),
        "both": float(bool(users and agents)),
    }


def _appearance(occurrences: Sequence[Occurrence]) -> dict[str, float]:
    word = occurrences[-1].word
    return {
        "capital": float(any(o.word[0].isupper() and not o.opens for o in occurrences)),
        "acronym": float(len(word) > 1 and word.isupper()),
        "opens": float(all(o.opens for o in occurrences)),
        "after_article": float(any(o.before in _ARTICLES for o in occurrences)),
        "after_preposition": float(any(o.before in _PREPOSITIONS for o in occurrences)),
        "ing": float(word.endswith("ing")),
        "ed": float(word.endswith("ed")),
        "ly": float(word.endswith("ly")),
        "plural": float(word.endswith("s") and not word.endswith("ss")),
        "digit": float(any(letter.isdigit() for letter in word)),
        "short": float(len(word) <= SHORT),
    }
