"""The earlier turns of a conversation, as records."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag.followups.reply_kinds import QUESTION, kind_of
from rag.records import CitedSpan, Span

EXCHANGE = 2  # turns: a question and its answer
WINDOW = 48  # turns: twice as many as a question's dependence is judged by, since some of them are left out
# "My brother has just been told he has ALS."
_STATEMENT = re.compile(
    r"(?:my|our|i|we|i['’](?:m|ve|d)|we['’](?:re|ve)|he|she|they|his|her|their|the|an?)\s[^?]*$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Turn:
    """`query`, `citations` and `readings` belong to agent turns; they are empty if the history holds only the text.

    `opening`: a user's question that may have begun a topic of its own.
    """

    by_user: bool
    text: str
    query: str = ""
    citations: tuple[CitedSpan, ...] = ()
    readings: tuple[str, ...] = ()
    opening: bool = False


def turns_of(history: Sequence[Mapping[str, Any]]) -> list[Turn]:
    """The turns of a history, which comes from outside: "speaker" and "text" are required, malformed optional values dropped."""
    return [
        Turn(
            turn["speaker"] == "user",
            str(turn["text"]),
            str(turn.get("query") or ""),
            _citations(_items(turn.get("citations"))),
            tuple(reading for reading in _items(turn.get("readings")) if isinstance(reading, str)),
        )
        for turn in history
    ]


def _items(value: object) -> Sequence[object]:
    """A list or tuple as it is; anything else counts as empty."""
    return value if isinstance(value, list | tuple) else ()


def questions_answered(turns: Sequence[Turn], known: Callable[[str], bool] = lambda text: False) -> list[Turn]:
    """The turns that a question can depend on: without small talk, replies that act on an answer, and refused questions.

    A refused question counts if its words are all `known` to the documents, so that one may go on asking about its subject; so
    does a statement, which asks nothing. Only the first exchange and the last WINDOW turns are considered, so long
    conversations cost no more than short ones.
    """
    kept: list[Turn] = []
    for row in (*range(min(EXCHANGE, len(turns))), *range(max(EXCHANGE, len(turns) - WINDOW), len(turns))):
        turn = turns[row]
        if not turn.by_user:
            if row == 0 or not turns[row - 1].by_user:
                kept.append(turn)
            continue
        reply = turns[row + 1] if row + 1 < len(turns) and not turns[row + 1].by_user else None
        if kind_of(turn.text) != QUESTION:
            continue
        if reply is None or reply.text.strip() or _STATEMENT.match(turn.text) or known(turn.text):
            kept += [turn] if reply is None else [turn, reply]
    return kept


def _citations(citations: Sequence[object]) -> tuple[CitedSpan, ...]:
    """All or none: leaving out a malformed citation would renumber the others."""
    spans = [_cited_span(citation) for citation in citations]
    return tuple(span for span in spans if span is not None) if None not in spans else ()


def _cited_span(citation: object) -> CitedSpan | None:
    if not isinstance(citation, Mapping):
        return None
    document_id, start, end, digest = (citation.get(name) for name in ("document_id", "start", "end", "digest"))
    if not isinstance(document_id, str) or not isinstance(start, int) or not isinstance(end, int):
        return None
    return CitedSpan(document_id, Span(start, end), digest if isinstance(digest, str) else None)
