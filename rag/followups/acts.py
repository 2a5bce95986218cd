"""Replies that act on the last answer ("tell me more", "the second one") instead of asking something new."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rag.followups.foreign_replies import foreign_reply
from rag.followups.history import Turn
from rag.followups.reply_kinds import NUMBERS, ORDINALS, QUESTION, kind_of
from rag.records import CitedSpan
from rag.text.terms import terms

Kind = Literal["again", "more", "next", "source", "one", "yes"]

LAST = -1  # the number of "the last one"
TURNS_BACK = 40  # turns within which an answer can still be acted on: 20 exchanges of small talk and acts
MOST_WORDS = 4  # of a reply that names one of the offered readings ("the written one")
_NEXT = re.compile(r"\b(?:another|others?|next (?:best|one)|(?:any|some)thing else|one more)\b", re.IGNORECASE)
_LAST = re.compile(r"\b(?:last|final|latter|bottom)\b", re.IGNORECASE)
_FIRST = re.compile(r"\b(?:former|top)\b", re.IGNORECASE)
# Up to three digits: no answer has 1000 citations, and "source 2020" is more likely a year.
_DIGITS = re.compile(r"(?<![\w.-])([0-9]{1,3})(?:st|nd|rd|th)?(?![\w-])", re.IGNORECASE)
_OF_SEVERAL = re.compile(r"\bof (?:the|these|those) (?:\w+)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Act:
    """What the reply asks for. `number` selects a citation or a reading: from 1, or LAST."""

    kind: Kind
    number: int = 1


_PLAIN = {"again": Act("again"), "source": Act("source"), "yes": Act("yes")}
_FOREIGN = {**_PLAIN, "more": Act("more"), "next": Act("next")}


def act_of(reply: str) -> Act | None:
    """None if the reply is a question of its own, or small talk."""
    kind = kind_of(reply)
    if foreign := foreign_reply(reply):
        return _FOREIGN.get(foreign.kind) or (Act("one", foreign.number) if kind == "choose" else None)
    if kind == "choose":
        number = _number_in(reply)
        return None if number is None else Act("one", number)
    if kind == "more":
        return Act("next" if _NEXT.search(reply) else "more")
    return _PLAIN.get(kind)


def _number_in(reply: str) -> int | None:
    """The number that a reply chooses: the last one it names ("not the first, the second"); None if it names none."""
    text = _OF_SEVERAL.sub("", reply.strip(" .!?"))
    if digits := _DIGITS.findall(text):
        return int(digits[-1])
    words = re.findall(r"[a-z]+", text.casefold())
    if ordinals := [word for word in words if word in ORDINALS]:
        return ORDINALS.index(ordinals[-1]) + 1
    if _LAST.search(text):
        return LAST
    if _FIRST.search(text):
        return 1
    numbers = [word for word in words if word in NUMBERS[1:]] or [word for word in words if word == "one"]
    return NUMBERS.index(numbers[-1]) + 1 if numbers else None


def reading_named(reply: str, readings: Sequence[str]) -> int | None:
    """The number, from 1, of the only reading that has all terms of a short reply; None if there is no such reading."""
    wanted = set(terms(reply)) - set(terms("one please"))
    if not wanted or len(reply.split()) > MOST_WORDS:
        return None
    fitting = [number for number, reading in enumerate(readings, start=1) if wanted <= set(terms(reading))]
    return fitting[0] if len(fitting) == 1 else None


def row_to_repeat(turns: Sequence[Turn]) -> int | None:
    """The user's last turn that was a question or an act other than "say that again"; None if there is none among the last."""
    for row in range(len(turns) - 1, max(-1, len(turns) - 1 - TURNS_BACK), -1):
        if turns[row].by_user and kind_of(turns[row].text) in (QUESTION, "more", "source", "choose", "yes"):
            return row
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

    Small talk and replies that act on an answer are not questions; if they led to an abstention, the answer before it is
    acted on.
    """
    answer: Turn | None = None
    for row in range(len(turns) - 1, max(-1, len(turns) - 1 - TURNS_BACK), -1):
        turn = turns[row]
        if not turn.by_user:
            answer = answer or turn
        elif kind_of(turn.text) == QUESTION:
            answer = answer or Turn(by_user=False, text="")
            return LastAnswer(row, answer.citations, answer.query, answer.readings)
        elif answer and not answer.citations and not answer.readings:
            answer = None
    return None
