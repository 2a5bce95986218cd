"""Rewrites a follow-up, given the earlier turns, as a query that stands alone."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rag.followups.context_terms import AUXILIARY, PERSONS, RECENT, ContextTerm, Occurrence, context_terms, recent_turns
from rag.followups.cues import cues_of, points_back, refers_within
from rag.followups.ellipsis import completed
from rag.followups.expletives import without_expletives
from rag.followups.history import EXCHANGE, Turn
from rag.followups.several import split_questions
from rag.text.terms import terms

BARE = 2  # words at most: "what has to be done then?" asks about more than the last answer
OWN_TERMS = 2  # needed to stand alone: "what happens in denervation" has two, "what is the dose" one, and depends
ENOUGH_TERMS = 4  # a question with this many terms of its own weighs as much as its rewrite; with fewer, proportionally less
CONTEXT_WEIGHT = 0.8  # of the rewrite if the question may stand alone; of .3, .5 and .8 the best on half of the follow-up sets
LONGEST_SUBJECT = 4  # words that may replace a pronoun; anything longer reads badly there
LONGEST_GAP = 8  # characters between two words of one phrase: "Mothers of Invention", "from the"
_JOINING = re.compile(r"(?:[\s-]+(?:of|the|in|and|for|to|a|an|de|on|by|with|from|or|s))*[\s-]+|['’]s\s+", re.IGNORECASE)
_ARTICLE = re.compile(r"\b(?:the|a|an)\s+$", re.IGNORECASE)
_ARTICLE_FIRST = re.compile(r"^(?:the|a|an)\s+", re.IGNORECASE)
_OWNING = re.compile(r"\b(?:its|their|his)\b", re.IGNORECASE)
# Words that stand for something named before; not "it is true that", nor "this disease", which keeps its own noun.
_PRONOUN = re.compile(
    r"\b(?:(?:it|they|them|he|him|she)\b(?!\s+(?:(?:is|was)\s+)?(?:true|possible|said|known|that|to|takes?)\b)"
    r"|(?:that|this|those|these)(?=\s*(?:[?.!]|$)|\s+(?:is|are|was|were|do|does|did|can|will|happens?|works?|mean|hurt|heal)\b))",
    re.IGNORECASE,
)
_SUBJECT_FOLLOWS = re.compile(
    r"\b(?:do|does|did|can|could|will|would|should|may|might|must)\s+(?:(?:the|an?|my)\s+)?$", re.IGNORECASE
)
_PASSIVE = re.compile(r"\b(?:is|are|was|were|been|be)\b", re.IGNORECASE)
_DOUBLED = re.compile(r"[^aeiou]*[aeiou][bdgklmnprt]")  # one short vowel before one consonant: cut, stop
_ASKS_DURATION = re.compile(r"\b(?:takes?|need|for it|often|done)\b", re.IGNORECASE)
_ACTION = re.compile(r"^(?P<action>[a-z]+ing) (?P<object>(?:the|a|an|my) .+)$")
_LEADING = re.compile(r"^(?:(?:and|but|so|ok(?:ay)?|well|thanks|thank you)\b(?!-\w)[\s,.!-]*)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Understood:
    """A question as typed, and the query that it stands for. `other`, if not empty, is searched as well.

    `weight` is that of `other` relative to `query`. `may_stand_alone`: the question has terms of its own and no cue that it
    depends on earlier turns, so it is first asked as typed.
    """

    typed: str
    query: str
    other: str = ""
    weight: float = 0.0
    may_stand_alone: bool = False


def rewritten(question: str, turns: Sequence[Turn], rarity: Callable[[str], float]) -> Understood:
    """The query for a question that depends on earlier turns; the question itself if no term of theirs belongs to it.

    `rarity` of a term is 0 to 1.
    """
    turns = _resolved(turns)
    if turns and (last := last_question(turns)) and (whole := completed(question, last)):
        return Understood(question, whole, question, min(1.0, len(set(terms(question))) / ENOUGH_TERMS))
    bare = len(question.split()) <= BARE and not terms(question)  # "why?" asks about the last question, nothing before it
    context = context_terms(question, recent_turns(turns[-EXCHANGE:] if bare else turns), rarity)
    if not context:
        return Understood(question, question)
    cues = cues_of(question)
    query, weight = with_phrases(question, phrases(context)), min(1.0, cues.words / ENOUGH_TERMS)
    dependent = points_back(question) or cues.beginning or cues.comparing or cues.elliptic
    return Understood(question, query, question, weight, cues.words >= OWN_TERMS and not dependent)


def _resolved(turns: Sequence[Turn]) -> Sequence[Turn]:
    """The last turns, with each question of the user's in the words that it was searched in."""
    first, recent = max(0, len(turns) - RECENT), turns[-RECENT:]
    resolved = [
        replace(turn, text=recent[row + 1].query)
        if turn.by_user and row + 1 < len(recent) and recent[row + 1].query and not recent[row + 1].by_user
        else turn
        for row, turn in enumerate(recent)
    ]
    return [*turns[: min(first, EXCHANGE)], *resolved]


def last_question(turns: Sequence[Turn]) -> str:
    """The user's last question in words that stand alone; empty if it is not known in such words."""
    row = next((row for row in range(len(turns) - 1, max(-1, len(turns) - 1 - EXCHANGE), -1) if turns[row].by_user), None)
    if row is None:
        return ""
    reply = turns[row + 1] if row + 1 < len(turns) else None
    last = (reply.query if reply else "") or (turns[row].text if row == 0 else "")
    return split_questions(last)[-1]


def with_context(question: str, turns: Sequence[Turn], rarity: Callable[[str], float]) -> Understood:
    """The query for a question that may depend on earlier turns: the question as typed; its rewrite is searched as well."""
    rewrite = rewritten(question, turns, rarity)
    return replace(rewrite, query=question, other=rewrite.query, weight=CONTEXT_WEIGHT) if rewrite.other else rewrite


def phrases(context: Sequence[ContextTerm]) -> list[str]:
    """The terms as phrases quoted from the turns, most probable first: neighbours form one phrase, each term occurs once.

    Of "How do I descale the Brisa 300?" the phrase is "descaling the Brisa 300", of "What causes foot drop?" it is "foot drop".
    """
    probabilities = {term.term: term.probability for term in context}
    uncovered = set(probabilities)
    runs = [run for occurrences in _by_turn(context) for run in _runs(occurrences)]
    ranked: list[tuple[float, str]] = []
    while uncovered:
        best = max(runs, key=lambda run: (len({term for term, _ in run} & uncovered), *_recency(run)))
        covered = {term for term, _ in best} & uncovered
        occurrences = _named([occurrence for term, occurrence in best if term in covered])
        ranked.append((max(probabilities[term] for term in covered), _phrase(occurrences[0], occurrences[-1])))
        uncovered -= covered
    return [phrase for _, phrase in sorted(ranked, key=lambda entry: -entry[0])]


def _named(occurrences: Sequence[Occurrence]) -> Sequence[Occurrence]:
    """Without the verb of a question: the first in "What causes foot drop?", the last in "How fast do nerves regrow?"."""
    first, last = occurrences[0], occurrences[-1]
    if len(occurrences) > 1 and first.turn.user and _asks_for_subject(first):
        return occurrences[1:]
    if len(occurrences) > 1 and last.turn.user and last.ends:
        passive = last.word.endswith("ed") and _PASSIVE.search(last.turn.text)
        if passive or (last.word.isalpha() and _SUBJECT_FOLLOWS.search(last.turn.text, 0, first.start)):
            return occurrences[:-1]
    return occurrences


def _asks_for_subject(verb: Occurrence) -> bool:
    return verb.before in ("what", "who") and not AUXILIARY.search(verb.turn.text, verb.end)


def _phrase(first: Occurrence, last: Occurrence) -> str:
    """The text of the turn from the first to the last occurrence, with the article before them, if there is one."""
    article = _ARTICLE.search(first.turn.text, 0, first.start)
    start = article.start() if article else first.start
    text = " ".join(first.turn.text[start : last.end].split())
    if first.turn.user and first.before in PERSONS and first.word.islower() and not article:
        return f"{gerund(first.word)}{text[len(first.word) :]}"
    return text


def gerund(verb: str) -> str:
    """The -ing form of a verb: descale, descaling; stop, stopping; return, returning."""
    if verb.endswith("ing"):
        return verb
    if verb.endswith("ie"):
        return f"{verb[:-2]}ying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")):
        return f"{verb[:-1]}ing"
    return f"{verb}{verb[-1]}ing" if _DOUBLED.fullmatch(verb) else f"{verb}ing"


def _recency(run: Sequence[tuple[str, Occurrence]]) -> tuple[bool, int, int]:
    first = run[0][1]
    return first.turn.user, -first.turn.back, -first.start


def _by_turn(context: Sequence[ContextTerm]) -> list[list[tuple[str, Occurrence]]]:
    """(term, occurrence) of all terms, one list per turn, the last turn first; each in the order of the text."""
    by_turn: dict[int, list[tuple[str, Occurrence]]] = {}
    for term in context:
        for occurrence in term.occurrences:
            by_turn.setdefault(occurrence.turn.back, []).append((term.term, occurrence))
    return [sorted(by_turn[back], key=lambda entry: entry[1].start) for back in sorted(by_turn)]


def _runs(occurrences: Sequence[tuple[str, Occurrence]]) -> list[list[tuple[str, Occurrence]]]:
    """Runs of occurrences with only joining words between them; no term twice in one run."""
    runs: list[list[tuple[str, Occurrence]]] = []
    for term, occurrence in occurrences:
        before = runs[-1][-1][1] if runs else None
        gap = occurrence.turn.text[before.end : occurrence.start] if before else ""
        joined = bool(before) and len(gap) <= LONGEST_GAP and _JOINING.fullmatch(gap) is not None
        if joined and term not in {other for other, _ in runs[-1]}:
            runs[-1].append((term, occurrence))
        else:
            runs.append([(term, occurrence)])
    return runs


def with_phrases(question: str, context: Sequence[str]) -> str:
    """The question with the first phrase in place of a pronoun, if it has one, and the other phrases at its end.

    `context` must not be empty.
    """
    query = _LEADING.sub("", question) or question
    subject, *others = context
    if (action := _ACTION.match(subject)) and not _ASKS_DURATION.search(query):  # "What if it is broken?" asks about the object
        subject, others = action["object"], [action["action"], *others]
    short = len(subject.split()) <= LONGEST_SUBJECT
    if short and (pronoun := _PRONOUN.search(without_expletives(query))) and not refers_within(query, pronoun):
        query = query[: pronoun.start()] + subject + query[pronoun.end() :]
    elif short and (owner := _OWNING.search(query)):
        possessive = subject + ("’" if subject.endswith("s") else "’s")
        query = query[: owner.start()] + possessive + query[owner.end() :]
    else:
        others = list(context)
    addition = f" in {' and '.join(_ARTICLE_FIRST.sub('', phrase) for phrase in others)}" if others else ""
    body = query.rstrip("?.! ")
    return f"{body}{addition}{query[len(body) :]}".strip()
