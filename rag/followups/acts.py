"""Replies that ask for something to be done with the last answer, instead of asking something new."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["more", "next", "source", "one", "yes"]

LONGEST_REPLY = 100  # characters; what is longer says something itself
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
_ORDINALS = "first second third fourth fifth sixth".split()
_ONE = re.compile(
    r"(?:(?:yes|please|i mean|(?:show|tell|give) me|more (?:about|on|of))\b[\s,]*)*(?:the )?"
    rf"(?:(?P<word>{'|'.join(_ORDINALS)}|last)(?: (?:one|source|quote|sentence|citation|option|answer|reading))?"
    r"|(?:number |no\.? ?|source |citation |\[)(?P<number>[1-9])\]?)"
)
_PATTERNS = [(kind, re.compile(pattern)) for kind, pattern in _ACTS]


@dataclass(frozen=True, slots=True)
class Act:
    """What is asked for; `number` says which citation, from 1, the last being -1."""

    kind: Kind
    number: int = 0


def act_of(reply: str) -> Act | None:
    """None for what is a question of its own."""
    if len(reply) > LONGEST_REPLY:
        return None
    said = " ".join(reply.casefold().strip(" \t\n.!?").split())
    for kind, pattern in _PATTERNS:
        if pattern.fullmatch(said):
            return Act(kind)
    if found := _ONE.fullmatch(said):
        if found["number"]:
            return Act("one", int(found["number"]))
        return Act("one", -1 if found["word"] == "last" else _ORDINALS.index(found["word"]) + 1)
    return None


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """What the agent said last: its citations as (document id, start, end, digest or None), the query, and readings it offered.

    `question` is the number of the turn that it answered.
    """

    question: int
    citations: tuple[tuple[str, int, int, str | None], ...]
    query: str
    readings: tuple[str, ...]


def last_answer(history: Sequence[Mapping[str, Any]], longest: int) -> LastAnswer | None:
    """None where the last `longest` turns hold no question. Replies that only acted on an answer are no questions."""
    seen: Mapping[str, Any] = {}
    for number in range(len(history) - 1, max(-1, len(history) - 1 - longest), -1):
        turn = history[number]
        if turn["speaker"] == "agent":
            seen = seen or turn
        elif act_of(turn["text"]) is None:
            readings = tuple(reading for reading in seen.get("readings") or () if isinstance(reading, str))
            return LastAnswer(number, _citations(seen), str(seen.get("query") or ""), readings)
    return None


def _citations(turn: Mapping[str, Any]) -> tuple[tuple[str, int, int, str | None], ...]:
    """Those that say where they stand; histories come from outside."""
    return tuple(
        (citation["document_id"], citation["start"], citation["end"], citation.get("digest"))
        for citation in turn.get("citations") or ()
        if isinstance(citation, Mapping)
        and isinstance(citation.get("document_id"), str)
        and all(isinstance(citation.get(name), int) for name in ("start", "end"))
    )
