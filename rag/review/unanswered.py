"""Unanswered questions for a curator: grouped by likeness, without those that a later build answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rag.conversation import Chat
from rag.errors import DocumentError, UnansweredError
from rag.index.builds import Report
from rag.index.contents import Index
from rag.models.embedder import Embedder
from rag.review.unanswered_log import Unanswered, UnansweredFile, UnansweredKind, change_log, kind_of, unanswered_from
from rag.sources import resolve, where

LIKE = 0.5  # mean relative similarity in a group; of pairs of handbook questions with other answers, 1 in 1,000 reaches it
ASKED_AT_ONCE = 20  # questions asked again when the list is shown: some four seconds


@dataclass(frozen=True)
class Group:
    """Questions that are alike, the one asked most often first; `id` is that of the first."""

    questions: tuple[Unanswered, ...]

    @property
    def id(self) -> str:
        return self.questions[0].id

    @property
    def times(self) -> int:
        return sum(question.times for question in self.questions)

    @property
    def users(self) -> int:
        return len({question.user for question in self.questions})

    @property
    def refused(self) -> int:
        """How many of the questions got no answer; the others got a weak one."""
        return sum(question.kind == "refused" for question in self.questions)


@dataclass(frozen=True)
class Closest:
    """A sentence that comes close to an answer."""

    reference: str
    document_id: str
    title: str
    quote: str
    page: int | None
    headings: tuple[str, ...]


class Likeness:
    """Groups questions; remembers the vectors of those it has seen."""

    def __init__(self) -> None:
        self._vectors: dict[tuple[str, str], np.ndarray[Any, np.dtype[np.float32]]] = {}  # by digest of the model and query

    def groups(self, questions: Sequence[Unanswered], index: Index, embedder: Embedder) -> list[Group]:
        """The groups, those asked most often first. Equal questions give equal groups, in whatever order they come.

        The embedder is the one that the index was built with.

        By average linkage: the mean similarity of the pairs of a group, relative to that of the questions to all passages,
        is at least LIKE.
        """
        ordered = sorted(questions, key=lambda question: (question.query, question.user))
        queries = sorted({question.query for question in ordered})
        labels = dict(zip(queries, self._labels(queries, index, embedder), strict=True))
        members: dict[int, list[Unanswered]] = {}
        for question in ordered:
            members.setdefault(labels[question.query], []).append(question)
        groups = [Group(tuple(sorted(group, key=lambda q: (-q.times, q.query, q.user)))) for group in members.values()]
        return sorted(groups, key=lambda group: (-group.times, group.questions[0].query))

    def _labels(self, queries: Sequence[str], index: Index, embedder: Embedder) -> list[int]:
        if len(queries) < 2:
            return [0] * len(queries)
        from scipy.cluster.hierarchy import fcluster, linkage  # takes half a second to import
        from scipy.spatial.distance import squareform

        known, model = self._vectors, embedder.identity.digest  # other threads may replace the dictionary, but change none
        by_query = {q: known[model, q] if (model, q) in known else embedder.embed_query(q) for q in queries}
        self._vectors = {(model, query): vector for query, vector in by_query.items()}
        vectors = np.array([by_query[query] for query in queries], dtype=np.float64)
        means = np.array([index.cosine_spread(by_query[query])[0] if index.passages else 0.0 for query in queries])
        base = np.minimum((means[:, None] + means[None, :]) / 2, 0.99)
        distances = np.clip(1 - (vectors @ vectors.T - base) / (1 - base), 0, None)
        np.fill_diagonal(distances, 0)
        return [int(label) for label in fcluster(linkage(squareform(distances, checks=False), "average"), 1 - LIKE, "distance")]


def chosen_groups(groups: Sequence[Group], ids: Sequence[str]) -> list[Group]:
    """The groups with these ids. Raises UnansweredError if there is none with one of them."""
    by_id = {group.id: group for group in groups}
    if missing := [id for id in ids if id not in by_id]:
        raise UnansweredError(f"there is no group {missing[0]}; `rag unanswered list` shows the groups")
    return [by_id[id] for id in ids]


def closest_of(group: Group, index: Index) -> list[Closest]:
    """The sentences that come closest to the group's first question, as far as their documents are unchanged."""
    closest = []
    for named in group.questions[0].closest:
        try:
            document, span = resolve(index, named)
        except DocumentError:  # removed or changed since
            continue
        page, headings = where(index, document, span)
        closest.append(Closest(named, document.id, document.title, span.of(document.text), page, headings))
    return closest


def outdated(questions: Sequence[Unanswered], index: Index) -> list[Unanswered]:
    """The questions that were not asked of this build."""
    return [question for question in questions if question.index != index.digest]


def ask_again(chat: Chat, log: UnansweredFile, report: Report, *, most: int | None = ASKED_AT_ONCE) -> int:
    """Asks questions again that were not asked of the present build, at most `most` of them; returns how many are answered now.

    Those are deleted from the log. What was found before a stop is kept.
    """
    again = outdated(log.questions, chat.index())[:most]
    answered = 0
    for start in range(0, len(again), ASKED_AT_ONCE):
        asked: dict[str, Unanswered | None] = {}
        for done, question in enumerate(again[start : start + ASKED_AT_ONCE], start=start):
            report("asking again", done, len(again))
            asked[question.id] = _asked_again(chat, question)
        answered += sum(question is None for question in asked.values())
        change_log(chat.settings, lambda log, asked=asked: _updated(log, asked))  # type: ignore[misc]
    report("asking again", len(again), len(again))
    return answered


def _asked_again(chat: Chat, question: Unanswered) -> Unanswered | None:
    """The question with what is found now; None if it is answered."""
    answer = chat.ask(question.query, query=question.query)
    if kind_of(answer) is None:
        return None
    now = unanswered_from(answer, "")[0]
    return replace(question, kind=now.kind, reason=now.reason, index=now.index, closest=now.closest)


def _updated(log: UnansweredFile, asked: Mapping[str, Unanswered | None]) -> UnansweredFile:
    """The log as it is now with what was found; how often a question was asked may have changed meanwhile."""
    kept = []
    for question in log.questions:
        found = asked.get(question.id, question)
        if found is not None:
            kept.append(
                replace(found, question=question.question, times=question.times, first=question.first, last=question.last)
            )
    return replace(log, questions=tuple(kept))


def log_values(log: UnansweredFile, groups: Sequence[Group], index: Index, *, logged: bool) -> dict[str, Any]:
    """The groups as JSON. Who asked is not in it, only how many did."""
    return {
        "logged": logged,
        "questions": sum(len(group.questions) for group in groups),
        "dropped": log.dropped,
        "outdated": len(outdated(log.questions, index)),
        "groups": [_group_values(group, index) for group in groups],
    }


def _group_values(group: Group, index: Index) -> dict[str, Any]:
    return {
        "id": group.id,
        "times": group.times,
        "users": group.users,
        "refused": group.refused,
        "questions": [question_values(question) for question in group.questions],
        "closest": [
            {"source": c.reference, "document_id": c.document_id, "title": c.title, "quote": c.quote, "page": c.page}
            for c in closest_of(group, index)
        ],
    }


def question_values(question: Unanswered) -> dict[str, Any]:
    kind: UnansweredKind = question.kind
    return {
        "id": question.id,
        "question": question.question,
        "query": question.query,
        "kind": kind,
        "reason": question.reason or None,
        "times": question.times,
        "first": question.first,
        "last": question.last,
    }
