"""Which words of earlier turns belong to a question: chances learnt from how people rewrote follow-ups as whole questions."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rag.followups.cues import Cues, cues_of
from rag.text.terms import terms

WEIGHTS = Path(__file__).parent / "weights.json"
RECENT = 6  # turns that are looked at: the last ones, and the user's first
LONGEST = 1200  # characters of a turn that are looked at
LIKELY = 0.35  # from this chance on a word is carried; chosen with MOST on half of the dialogues: see benchmarks/README.md
MOST = 6
NEARLY = 0.8  # of the likeliest word's chance, where none is likely
WHOLE = 3  # terms from which on a question without any cue stands by itself
_WORD = re.compile(r"[^\W_]+(?:['’.·-](?=\w)[^\W_]+)*")
_SENTENCE_END = re.compile(r"[.!?:;\n]")
_ARTICLES = frozenset("the a an my his her their".split())
_PREPOSITIONS = frozenset("of in for with on about".split())
# Words that no subject is named by.
_EMPTY = frozenset(
    terms(
        "often every each many several usually commonly common sometimes always never really good better best nice great thanks"
        " interesting sure hello know think want like okay yes no say said help"
    )
)
_CROSSED = ("last_user", "first_user", "last_agent", "earlier_user", "rarity", "capital")


@dataclass(frozen=True, slots=True)
class Turned:
    """A turn that is looked at, cut to LONGEST. `back` counts from the last (0); `first` is the user's first."""

    text: str
    user: bool
    back: int
    first: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a word stands in a turn. `number` and `sentence` count from the turn's beginning; `opens` a sentence."""

    turn: Turned
    word: str
    start: int
    end: int
    number: int
    sentence: int
    opens: bool
    before: str


@dataclass(frozen=True, slots=True)
class Carried:
    """A term of earlier turns, the chance that it belongs to the question, and where it stands, oldest first."""

    term: str
    chance: float
    places: tuple[Place, ...]


def looked_at(history: Sequence[Mapping[str, object]]) -> list[Turned]:
    """The user's first turn and the RECENT last ones, oldest first: a long conversation costs no more than a short one."""
    first = next((n for n in range(min(len(history), 2)) if history[n]["speaker"] == "user"), None)
    chosen = sorted({*([first] if first is not None else []), *range(max(0, len(history) - RECENT), len(history))})
    return [
        Turned(str(history[n]["text"])[:LONGEST], history[n]["speaker"] == "user", len(history) - 1 - n, n == first)
        for n in chosen
    ]


def carried(question: str, turns: Sequence[Turned], rarity: Callable[[str], float]) -> list[Carried]:
    """The likely words, likeliest first; none for a question that is whole by itself. `rarity` of a term is 0 to 1.

    A question that leans on something has the likeliest words that the user said, if none is likely.
    """
    cues = cues_of(question)
    if cues.new_subject or (cues.whole and cues.words >= WHOLE):
        return []
    found = [
        Carried(term, chance(features(places, cues, rarity(term))), tuple(places))
        for term, places in candidates(question, turns).items()
        if term not in _EMPTY
    ]
    found.sort(key=lambda one: (-one.chance, one.term))
    if found and not cues.whole and found[0].chance < LIKELY:
        asked = [one for one in found if any(place.turn.user for place in one.places)] or found
        return [one for one in asked if one.chance >= NEARLY * asked[0].chance][:2]
    return [one for one in found if one.chance >= LIKELY][:MOST]


def candidates(question: str, turns: Sequence[Turned]) -> dict[str, list[Place]]:
    """Every term of the turns that the question lacks, with the places where it stands."""
    known = set(terms(question))
    found: dict[str, list[Place]] = {}
    for turn in turns:
        sentence, end, before, opens = 0, 0, "", True
        for number, match in enumerate(_WORD.finditer(turn.text)):
            if number and _SENTENCE_END.search(turn.text, end, match.start()):
                sentence, opens = sentence + 1, True
            end = match.end()
            stems = terms(match.group())
            if stems and stems[0] not in known:
                place = Place(turn, match.group(), match.start(), end, number, sentence, opens, before)
                found.setdefault(stems[0], []).append(place)
            before, opens = match.group().casefold(), False
    return found


def chance(values: Mapping[str, float]) -> float:
    weights = _weights()
    logit = weights["bias"] + sum(weights[name] * value for name, value in values.items())
    return round(1 / (1 + math.exp(-max(-30.0, min(30.0, logit)))), 4)


@lru_cache(maxsize=1)
def _weights() -> dict[str, float]:
    weights: dict[str, float] = json.loads(WEIGHTS.read_text(encoding="utf-8"))["weights"]
    return weights


def features(places: Sequence[Place], cues: Cues, rarity: float) -> dict[str, float]:
    """What is known of a term: where and how it stands, what the question is like, and products of both."""
    values = _standing(places) | _looks(places) | {"rarity": rarity, "rare": max(0.0, rarity - 0.6)}
    asked = {
        "pointing": float(cues.pointing),
        "beginning": float(cues.beginning),
        "elliptic": float(cues.elliptic),
        "whole": float(cues.whole),
        "size": math.log1p(cues.words),
    }
    crossed = {f"{cue}*{name}": asked[cue] * values[name] for cue in asked for name in _CROSSED}
    return {**values, **asked, "comparing": float(cues.comparing), **crossed}


def _standing(places: Sequence[Place]) -> dict[str, float]:
    users = {place.turn.back for place in places if place.turn.user}
    agents = {place.turn.back for place in places if not place.turn.user}
    last = [place for place in places if not place.turn.user and place.turn.back == 0]
    return {
        "last_user": float(any(back <= 1 for back in users)),
        "earlier_user": max((0.7 ** (back / 2) for back in users if back > 1), default=0.0),
        "first_user": float(any(place.turn.first for place in places)),
        "last_agent": float(bool(last)),
        "agent_beginning": max((1 / (1 + place.number / 8) for place in last), default=0.0),
        "agent_first_sentence": float(any(place.sentence == 0 for place in last)),
        "earlier_agent": max((0.7 ** (back / 2) for back in agents if back > 0), default=0.0),
        "user_turns": math.log1p(len(users)),
        "agent_turns": math.log1p(len(agents)),
        "times": math.log1p(len(places)),
        "both": float(bool(users and agents)),
    }


def _looks(places: Sequence[Place]) -> dict[str, float]:
    word = places[-1].word
    return {
        "capital": float(any(place.word[0].isupper() and not place.opens for place in places)),
        "acronym": float(len(word) > 1 and word.isupper()),
        "opens": float(all(place.opens for place in places)),
        "after_article": float(any(place.before in _ARTICLES for place in places)),
        "after_preposition": float(any(place.before in _PREPOSITIONS for place in places)),
        "ing": float(word.endswith("ing")),
        "ed": float(word.endswith("ed")),
        "ly": float(word.endswith("ly")),
        "plural": float(word.endswith("s") and not word.endswith("ss")),
        "digit": float(any(letter.isdigit() for letter in word)),
        "short": float(len(word) <= 3),
    }
