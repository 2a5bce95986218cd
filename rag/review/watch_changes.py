"""What changed between the answer that was accepted and the latest one, and which documents caused it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rag.review.watch_list import DIGEST, KeptAnswer, KeptSentence, Watched, WatchList

ChangeKind = Literal["answered", "refused", "sentences", "moved", "strength", "note"]
KINDS: Mapping[ChangeKind, str] = {
    "answered": "Now answered",
    "refused": "Now refused",
    "sentences": "Other sentences",
    "moved": "Same words elsewhere",
    "strength": "Another strength",
    "note": "Another note",
}


CAUSES_NAMED = 5  # documents in a line of text; JSON has all


@dataclass(frozen=True)
class Cause:
    """A document that differs between the two answers.

    `role` says how it is involved: one of the answers quotes it, passages of it were read, or neither: then it only changed
    the statistics that all passages are scored with.
    """

    document_id: str
    what: Literal["added", "changed", "removed"]
    role: Literal["quoted", "read", "indirect"]


@dataclass(frozen=True)
class Change:
    """A watched question whose latest answer differs from the accepted one.

    `program` says that the model, the reader, the calibration, a setting or the version of the program changed too.
    """

    watched: Watched
    kind: ChangeKind
    before: KeptAnswer
    now: KeptAnswer
    causes: tuple[Cause, ...]
    program: bool


def kind_of_change(before: KeptAnswer, now: KeptAnswer) -> ChangeKind | None:
    """The most important difference that a reader can see; None if there is none.

    Where a sentence stands is its document, page and headings: it may shift within them.
    """
    if before.abstained or now.abstained:
        return None if before.abstained and now.abstained else "answered" if before.abstained else "refused"
    if [sentence.words for sentence in before.sentences] != [sentence.words for sentence in now.sentences]:
        return "sentences"
    if any(not _same_place(*pair) for pair in zip(before.sentences, now.sentences, strict=True)):
        return "moved"
    if before.strength != now.strength:
        return "strength"
    return "note" if before.message != now.message and not before.forgotten else None


def _same_place(before: KeptSentence, now: KeptSentence) -> bool:
    headings = before.forgotten or before.headings == now.headings
    return headings and (before.document_id, before.page) == (now.document_id, now.page)


def changes_of(watch_list: WatchList) -> list[Change]:
    """In the order of the list."""
    return [
        change for watched in watch_list.questions if (change := _change_of(watched, watch_list.corpora)) is not None
    ]  # fmt: skip


def _change_of(watched: Watched, corpora: Mapping[str, Mapping[str, str]]) -> Change | None:
    before, now = watched.before, watched.answer
    kind = kind_of_change(before, now) if before and now else None
    if before is None or now is None or kind is None:
        return None
    program = bool(before.made_with) and before.made_with != now.made_with
    return Change(watched, kind, before, now, _causes(before, now, corpora), program)


def _causes(before: KeptAnswer, now: KeptAnswer, corpora: Mapping[str, Mapping[str, str]]) -> tuple[Cause, ...]:
    """The documents that differ and are quoted; if none is, those that were read; else all that differ. Sorted by id."""
    after = corpora.get(now.index, {})
    # Of an index that was never asked for the list, only the documents that the answer quotes are known.
    earlier = corpora.get(before.index) or {sentence.document_id: sentence.digest[:DIGEST] for sentence in before.sentences}
    ids = earlier.keys() | after.keys() if before.index in corpora else earlier.keys()
    differing = [id for id in sorted(ids) if earlier.get(id) != after.get(id)]
    quoted = {sentence.document_id for answer in (before, now) for sentence in answer.sentences}
    roles = (("quoted", quoted), ("read", {*before.read, *now.read}), ("indirect", set(differing)))
    for role, documents in roles:
        if causes := [id for id in differing if id in documents]:
            return tuple(Cause(id, _what(id in earlier, id in after), role) for id in causes)  # type: ignore[arg-type]
    return ()


def _what(was: bool, now: bool) -> Literal["added", "changed", "removed"]:
    if was and now:
        return "changed"
    return "removed" if was else "added"


def described_causes(change: Change) -> str:
    """The causes in words."""
    causes = [f"{cause.document_id} {cause.what}" for cause in change.causes[:CAUSES_NAMED]]
    if (others := len(change.causes) - CAUSES_NAMED) > 0:
        causes.append(f"{others} more")
    if change.causes and change.causes[0].role == "indirect":
        causes = [f"not quoted or read, but part of the statistics: {', '.join(causes)}"]
    if change.program:
        causes.append("another model, calibration, setting or version")
    return ", ".join(causes) or "no known document changed"


def report_values(watch_list: WatchList, changes: Sequence[Change]) -> dict[str, Any]:
    """The report as JSON values."""
    answered = [watched.answer for watched in watch_list.questions if watched.answer]
    return {
        "questions": len(watch_list.questions),
        "asked": len(answered),
        "indexes": sorted({answer.index for answer in answered}),
        "changed": [change_values(change) for change in changes],
    }


def list_values(watch_list: WatchList) -> dict[str, Any]:
    """The watched questions as JSON values."""
    changed = {change.watched.id: change.kind for change in changes_of(watch_list)}
    return {
        "questions": [
            {
                **question_values(watched),
                "change": changed.get(watched.id),
                "answer": answer_values(watched.answer) if watched.answer else None,
            }
            for watched in watch_list.questions
        ]
    }


def change_values(change: Change) -> dict[str, Any]:
    return {
        **question_values(change.watched),
        "change": change.kind,
        "before": answer_values(change.before),
        "now": answer_values(change.now),
        "caused_by": [
            {"document_id": cause.document_id, "what": cause.what, "role": cause.role} for cause in change.causes
        ],
        "program_changed": change.program,
    }  # fmt: skip


def question_values(watched: Watched) -> dict[str, Any]:
    return {
        "id": watched.id,
        "question": watched.question,
        "query": watched.query or watched.question,
        "documents": list(watched.documents),
    }


def answer_values(answer: KeptAnswer) -> dict[str, Any]:
    return {
        "abstained": answer.abstained,
        "reason": answer.reason,
        "strength": answer.strength,
        "confidence": answer.confidence,
        "message": answer.message,
        "sentences": [_sentence_values(sentence) for sentence in answer.sentences],
        "index": answer.index,
        "asked": answer.asked,
    }


def _sentence_values(sentence: KeptSentence) -> dict[str, Any]:
    return {
        "text": sentence.quote,
        "context": sentence.context,
        "document_id": sentence.document_id,
        "title": sentence.title,
        "start": sentence.start,
        "end": sentence.end,
        "page": sentence.page,
        "headings": list(sentence.headings),
        "digest": sentence.digest,
        "source": sentence.source,
        "removed": sentence.forgotten,
    }
