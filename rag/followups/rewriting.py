"""A follow-up and the earlier turns to a query that stands alone."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rag.followups.context_terms import Carried, Place, carried, looked_at
from rag.followups.cues import cues_of

ENOUGH_WORDS = 4  # a question with so many terms of its own counts as much as the query that stands alone
LONGEST_SUBJECT = 4  # words that may stand in a pronoun's place
LONGEST_GAP = 8  # characters between two words of one phrase: "Mothers of Invention", "the"
_JOINING = re.compile(r"(?:[\s-]+(?:of|the|in|and|for|to|a|an|de|on|by|with|from|or|s))*[\s-]+|['’]s\s+", re.IGNORECASE)
_ARTICLE = re.compile(r"\b(?:the|a|an)\s+$", re.IGNORECASE)
_ARTICLE_FIRST = re.compile(r"^(?:the|a|an)\s+", re.IGNORECASE)
_OWNING = re.compile(r"\b(?:its|their|his)\b", re.IGNORECASE)
# Words that stand for a thing named before; not "it is true that", nor "this disease", whose own noun helps.
_STANDING_FOR = re.compile(
    r"\b(?:(?:it|they|them|he|him|she)\b(?!\s+(?:(?:is|was)\s+)?(?:true|possible|said|known|that|to)\b)"
    r"|(?:that|this|those|these)(?=\s*(?:[?.!]|$)|\s+(?:is|are|was|were|do|does|did|can|will|happens?|works?|mean|hurt|heal)\b))",
    re.IGNORECASE,
)
_LEADING = re.compile(r"^(?:(?:and|but|so|ok(?:ay)?|well|thanks|thank you)\b[\s,.!-]*)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Understood:
    """What a question was taken to ask. Where `query` is not `typed`, both are searched, `typed` at `weight`."""

    typed: str
    query: str
    weight: float = 0.0


def understood(question: str, history: Sequence[Mapping[str, object]], rarity: Callable[[str], float]) -> Understood:
    """The question itself where nothing was asked before, or nothing earlier belongs to it."""
    if not any(turn["speaker"] == "user" for turn in history[-2:]):
        history = history if any(turn["speaker"] == "user" for turn in history) else ()
    words = carried(question, looked_at(history), rarity)
    if not words:
        return Understood(question, question)
    query = with_phrases(question, phrases(words))
    return Understood(question, query, min(1.0, cues_of(question).words / ENOUGH_WORDS))


def phrases(words: Sequence[Carried]) -> list[str]:
    """The carried words as they stand in the turns, neighbours together, each once; the likeliest first."""
    chances = {one.term: one.chance for one in words}
    left = set(chances)
    runs = [run for turn in _turns(words) for run in _runs(turn)]
    found: list[tuple[float, str]] = []
    while left:
        best = max(runs, key=lambda run: (len({term for term, _ in run} & left), *_recency(run)))
        covered = {term for term, _ in best} & left
        kept = [(term, place) for term, place in best if term in covered]
        first, last = kept[0][1], kept[-1][1]
        start = (
            first.start - len(article.group()) if (article := _ARTICLE.search(first.turn.text, 0, first.start)) else first.start
        )
        found.append((max(chances[term] for term in covered), first.turn.text[start : last.end]))
        left -= covered
    return [" ".join(text.split()) for _, text in sorted(found, key=lambda one: -one[0])]


def _recency(run: Sequence[tuple[str, Place]]) -> tuple[bool, int, int]:
    place = run[0][1]
    return place.turn.user, -place.turn.back, -place.start


def _turns(words: Sequence[Carried]) -> list[list[tuple[str, Place]]]:
    """The places of all words, turn by turn, in the turn's order."""
    by_turn: dict[int, list[tuple[str, Place]]] = {}
    for one in words:
        for place in one.places:
            by_turn.setdefault(place.turn.back, []).append((one.term, place))
    return [sorted(by_turn[back], key=lambda one: one[1].start) for back in sorted(by_turn)]


def _runs(standing: Sequence[tuple[str, Place]]) -> list[list[tuple[str, Place]]]:
    """Runs of words with nothing but joining words between; no word twice in one."""
    runs: list[list[tuple[str, Place]]] = []
    for term, place in standing:
        before = runs[-1][-1][1] if runs else None
        gap = place.turn.text[before.end : place.start] if before else ""
        joined = bool(before) and len(gap) <= LONGEST_GAP and _JOINING.fullmatch(gap) is not None
        if joined and term not in {other for other, _ in runs[-1]}:
            runs[-1].append((term, place))
        else:
            runs.append([(term, place)])
    return runs


def with_phrases(question: str, carried_phrases: Sequence[str]) -> str:
    """The likeliest phrase in the place of a word that stands for it, the others behind."""
    shorter = _LEADING.sub("", question) or question
    subject, *others = carried_phrases
    short = len(subject.split()) <= LONGEST_SUBJECT
    if short and (found := _STANDING_FOR.search(shorter)):
        shorter = shorter[: found.start()] + subject + shorter[found.end() :]
    elif short and (found := _OWNING.search(shorter)):
        owner = subject + ("’" if subject.endswith("s") else "’s")
        shorter = shorter[: found.start()] + owner + shorter[found.end() :]
    else:
        others = list(carried_phrases)
    behind = f" in {' and '.join(_ARTICLE_FIRST.sub('', phrase) for phrase in others)}" if others else ""
    asked = shorter.rstrip("?.! ")
    return f"{asked}{behind}{shorter[len(asked) :]}".strip()
