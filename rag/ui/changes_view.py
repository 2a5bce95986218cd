"""Watched questions and their changed answers as HTML, old beside new."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from markupsafe import Markup

from rag.answering.wording import place
from rag.index.contents import Index
from rag.review.watch_changes import KINDS, Change, described_causes
from rag.review.watch_list import KeptAnswer, KeptSentence, Watched, WatchList
from rag.templates import render
from rag.translations import t
from rag.ui.paging import table_page

SIMILAR = 0.5  # share of common words from which two sentences are compared word by word; a choice

Piece = tuple[str, bool]
"""Text, and whether the other answer lacks it."""


@dataclass(frozen=True)
class ShownSentence:
    """`reference` opens it, "" if its file has changed or is gone; without `pieces` it was deleted with its document."""

    pieces: Sequence[Piece]
    reference: str
    place: str
    context: bool


@dataclass(frozen=True)
class Side:
    """One of the two answers."""

    heading: str
    strength: str
    sentences: Sequence[ShownSentence]
    message: str


@dataclass(frozen=True)
class ShownChange:
    id: str
    question: str
    label: str
    causes: str
    sides: Sequence[Side]


def changes_html(
    changes: Sequence[Change], index: Index | None, *, questions: int, waiting: int, page: int, may_curate: bool
) -> Markup:
    """`waiting` questions were not asked of the live index yet; `index` says which sources can be opened."""
    shown, table = table_page(changes, page)
    return render(
        "page/changes.html",
        changes=[_shown(change, index) for change in shown],
        table=table,
        changed=len(changes),
        questions=questions,
        waiting=waiting,
        may_curate=may_curate,
    )


def watched_html(watch_list: WatchList, *, page: int, may_curate: bool) -> Markup:
    shown, table = table_page(watch_list.questions, page)
    rows = [(watched, _outcome(watched)) for watched in shown]
    return render("page/watched.html", rows=rows, table=table, may_curate=may_curate)


def _outcome(watched: Watched) -> str:
    if watched.answer is None:
        return "not asked yet"
    return _strength(watched.answer)


def _strength(answer: KeptAnswer) -> str:
    if answer.abstained:
        return "no answer"
    return f"{answer.strength} match" if answer.strength else "answered"


def _shown(change: Change, index: Index | None) -> ShownChange:
    before, now = change.before, change.now
    sides = [_side("Before", before, now, index), _side("Now", now, before, index)]
    return ShownChange(change.watched.id, change.watched.question, t(KINDS[change.kind]), described_causes(change), sides)


def _side(heading: str, answer: KeptAnswer, other: KeptAnswer, index: Index | None) -> Side:
    sentences = [_sentence(sentence, other, index) for sentence in answer.sentences]
    return Side(heading, _strength(answer), sentences, answer.message)


def _sentence(sentence: KeptSentence, other: KeptAnswer, index: Index | None) -> ShownSentence:
    entry = index.entry_for(sentence.document_id) if index else None
    opens = entry is not None and entry.digest == sentence.digest
    where = place(sentence.document_id, sentence.page, sentence.headings)
    return ShownSentence(_pieces(sentence, other), sentence.source if opens else "", where, sentence.context)


def _pieces(sentence: KeptSentence, other: KeptAnswer) -> list[Piece]:
    """The sentence in pieces, those marked that its most similar sentence in the other answer lacks."""
    if sentence.forgotten:
        return []
    words = _words(sentence.quote)
    matchers = [SequenceMatcher(None, _words(s.quote), words, autojunk=False) for s in other.sentences if not s.forgotten]
    closest = max(matchers, key=lambda matcher: matcher.ratio(), default=None)
    if closest is None or closest.ratio() < SIMILAR:
        return [(sentence.quote, False)]
    return [("".join(words[start:end]), kind != "equal") for kind, _, _, start, end in closest.get_opcodes() if end > start]


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+$", text)
