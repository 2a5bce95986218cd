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
LIKELY, MOST = 0.25, 6  # least probability, and number, of context terms; chosen on dialogues and CAsT: benchmarks/README.md
NEARLY = 0.8  # share of the best probability that a term needs if none is LIKELY; there, at most FALLBACK terms
FALLBACK = 2
NAMED = 0.15  # the same for a term that the last answer names
UNKNOWN = 1.0  # rarity of a term that no document has: it finds nothing
JOINED = 0.12  # least probability of a term next to a likely one in the user's words: "water filter", "Frey syndrome"
# Shapes of features. The weights were learnt with these values: a change needs training/followup_weights.py.
RARE = 0.6  # rarity above which it counts a second time
FADING = 0.7  # weight of an exchange (two turns) relative to the one after it
EARLY = 8  # words from the start of a turn after which an occurrence counts half
SHORT = 3  # characters
_WORD = re.compile(r"[^\W_]+(?:['’.·-](?=\w)[^\W_]+)*")
_SENTENCE_END = re.compile(r"[.!?:;\n]")
_LAST_WORD = re.compile(r"[^\w.!?:;\n]*(?:[.!?:;\n]|$)")
_WHICH = re.compile(
    r"\W*(?:and |but |so )?(?:which|who|whom|whose|what \w+ (?:is|are|was|were|helps?|works?)|what'?s the)\b", re.IGNORECASE
)
_ARTICLES = frozenset("the a an my his her their".split())
_PREPOSITIONS = frozenset("of in for with on about".split())
_QUESTION_WORDS = frozenset("what which who how when where why".split())
_AUXILIARIES = frozenset("is are was were do does did can could should will would may must has have".split())
AUXILIARY = re.compile(rf"\b(?:{'|'.join(sorted(_AUXILIARIES))})\b", re.IGNORECASE)
PERSONS = frozenset("i you we they he she one people".split())
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
    """A turn that is considered, cut to LONGEST. `back` counts from the last turn (0); `first` marks the user's first,
    and others that may have begun a topic.

    `names`: it answers the question which or who.
    """

    text: str
    user: bool
    back: int
    first: bool
    names: bool = False


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A word in a turn. `number` and `sentence` count from the start of the turn; `opens`: it starts a sentence.

    `before` is the preceding word, case-folded; `ends`: no word follows in its sentence.
    """

    turn: RecentTurn
    word: str
    start: int
    end: int
    number: int
    sentence: int
    opens: bool
    before: str
    ends: bool


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
    return [_recent(turns, row, first=row == first or turns[row].opening) for row in rows]


def _recent(turns: Sequence[Turn], row: int, *, first: bool) -> RecentTurn:
    turn = turns[row]
    names = not turn.by_user and row > 0 and turns[row - 1].by_user and _WHICH.match(turns[row - 1].text) is not None
    return RecentTurn(turn.text[:LONGEST], turn.by_user, len(turns) - 1 - row, first, names)


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
    ranked = [candidate for candidate in ranked if rarity(candidate.term) < UNKNOWN] or ranked
    ranked.sort(key=lambda candidate: (-candidate.probability, candidate.term))
    if ranked and ranked[0].probability < LIKELY:
        by_user = [candidate for candidate in ranked if any(o.turn.user for o in candidate.occurrences)] or ranked
        return [candidate for candidate in by_user if candidate.probability >= NEARLY * by_user[0].probability][:FALLBACK]
    likely = [candidate for candidate in ranked if candidate.probability >= (NAMED if _is_named(candidate) else LIKELY)][:MOST]
    return [*likely, *_joined(likely, [candidate for candidate in ranked if candidate not in likely])]


def _is_named(term: ContextTerm) -> bool:
    """Whether it opens the last answer, to the question which or who: it may stand for what was asked about."""
    return any(o.turn.names and o.turn.back == 0 and o.sentence == 0 and o.opens for o in term.occurrences)


def _joined(likely: Sequence[ContextTerm], others: Sequence[ContextTerm]) -> list[ContextTerm]:
    """The other terms that stand next to a likely one in the user's words and belong to its name, such as "Brisa 300"."""
    starts = {(o.turn.back, o.start) for term in likely for o in term.occurrences if o.turn.user}
    ends = {(o.turn.back, o.end) for term in likely for o in term.occurrences if o.turn.user}

    def joins(term: ContextTerm) -> bool:
        users = [o for o in term.occurrences if o.turn.user]
        after = any((o.turn.back, o.start - 1) in ends for o in users)
        before = any((o.turn.back, o.end + 1) in starts for o in users)
        return (term.probability >= JOINED and (after or before)) or (after and term.term.isdigit())

    return [term for term in others if joins(term)]


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
                ends = _LAST_WORD.match(turn.text, end) is not None
                occurrence = Occurrence(turn, match.group(), match.start(), end, number, sentence, opens, before, ends)
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
        "after_question_word": float(any(o.turn.user and o.before in _QUESTION_WORDS for o in occurrences)),
        "names_answer": float(any(o.turn.names and o.turn.back == 0 and o.sentence == 0 and o.opens for o in occurrences)),
        "answers_which": float(any(o.turn.names and o.turn.back == 0 and o.sentence == 0 for o in occurrences)),
        "asked_which": float(any(o.turn.user and o.turn.back <= 1 and bool(_WHICH.match(o.turn.text)) for o in occurrences)),
        "after_auxiliary": float(any(o.turn.user and o.before in _AUXILIARIES for o in occurrences)),
        "after_person": float(any(o.turn.user and o.before in PERSONS for o in occurrences)),
        "ends": float(any(o.turn.user and o.ends for o in occurrences)),
        "ing": float(word.endswith("ing")),
        "ed": float(word.endswith("ed")),
        "ly": float(word.endswith("ly")),
        "plural": float(word.endswith("s") and not word.endswith("ss")),
        "digit": float(any(letter.isdigit() for letter in word)),
        "short": float(len(word) <= SHORT),
    }
