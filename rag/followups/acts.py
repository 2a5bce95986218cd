"""Replies that act on the last answer ("tell me more", "the second one") instead of asking something new."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rag.followups.history import Turn
from rag.records import CitedSpan

Kind = Literal["more", "next", "source", "one", "yes"]

LAST = -1  # the number of "the last one"
LONGEST_REPLY = 100  # characters; anything longer is a question of its own
TURNS_BACK = 12  # turns within which an answer can still be acted on: six exchanges
_POLITE = r"(?:(?:yes|ok(?:ay)?|please|can you|could you|would you|and)\b[\s,]*)*"
_OF_THAT = r"(?:\s+(?:of|for|about|on|from|to)\s+(?:that|this|it))?"
_ACTS: tuple[tuple[Kind, str], ...] = (
    ("yes", r"(?:yes|yeah|yep|sure|of course|go ahead|do that)(?:[\s,]+(?:please|do|go ahead))?"),
    (
        "more",
        _POLITE + r"(?:(?:tell|give|show|read) me (?:some |a bit |a little )?more|more(?: details?)?|(?:go|carry|read) on"
        r"|continue|elaborate|what (?:comes|is|stands) (?:next|after)|expand)" + _OF_THAT,
    ),
    (
        "next",
        _POLITE + r"(?:(?:show |give |tell )?(?:me )?(?:the )?(?:next best|another(?: one| answer| source)?)"
        r"|any(?:thing)? (?:else|others?))",
    ),
    (
        "source",
        _POLITE
        + r"(?:(?:(?:give|show|tell) me |what is |what's |quote )?(?:the |your )?(?:exact )?"
        + r"(?:source|reference|citation|quote|passage)"
        + _OF_THAT
        + r"|where (?:does|do|did|is) (?:that|this|it|you)(?: stand| say (?:that|this|it)| come from| written"
        r"| find (?:that|this|it)| get (?:that|this|it)(?: from)?| from)|who says (?:so|that|this)|says who"
        r"|which (?:document|file|page)" + _OF_THAT + r")",
    ),
)
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
_ONE = re.compile(
    r"(?:(?:yes|please|i mean|(?:show|tell|give) me|more (?:about|on|of))\b[\s,]*)*(?:the )?"
    rf"(?:(?P<word>{'|'.join(_ORDINALS)}|last)(?: (?:one|source|quote|sentence|citation|option|answer|reading))?"
    # Up to three digits: no answer has 1000 citations, and "source 2020" is more likely a year.
    r"|(?:number |no\.? ?|source |citation |option |reading |\[)(?P<number>[0-9]{1,3})\]?)"
)
_PATTERNS = [(kind, re.compile(pattern)) for kind, pattern in _ACTS]


@dataclass(frozen=True, slots=True)
class Act:
    """What the reply asks for. `number` selects a citation or a reading: from 1, or LAST."""

    kind: Kind
    number: int = 1


def act_of(reply: str) -> Act | None:
    """None if the reply is a question of its own."""
    if len(reply) > LONGEST_REPLY:
        return None
    folded = " ".join(reply.casefold().strip(" \t\n.!?").split())
    for kind, pattern in _PATTERNS:
        if pattern.fullmatch(folded):
            return Act(kind)
    if match := _ONE.fullmatch(folded):
        if match["number"]:
            return Act("one", int(match["number"]))
        return Act("one", LAST if match["word"] == "last" else _ORDINALS.index(match["word"]) + 1)
    return None


def row_of(number: int, count: int) -> int | None:
    """The row of choice `number` (from 1, or LAST) among `count` choices; None if there is no such choice."""
    if number == LAST:
        number = count
    return number - 1 if 1 <= number <= count else None


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """The answer that a reply acts on: what it searched, cited and offered. `question` is the row of the turn it answered."""

    question: int
    citations: tuple[CitedSpan, ...]
    query: str
    readings: tuple[str, ...]


def last_answer(turns: Sequence[Turn]) -> LastAnswer | None:
    """The last answer with something to act on, up to the last question; None if that is more than TURNS_BACK turns back.

    Replies that act on an answer are not questions; if they led to an abstention, the answer before it is acted on.
    """
    answer: Turn | None = None
    for row in range(len(turns) - 1, max(-1, len(turns) - 1 - TURNS_BACK), -1):
        turn = turns[row]
        if not turn.by_user:
            answer = answer or turn
        elif act_of(turn.text) is None:
            answer = answer or Turn(by_user=False, text="")
            return LastAnswer(row, answer.citations, answer.query, answer.readings)
        elif answer and not answer.citations and not answer.readings:
            answer = None
    return None
