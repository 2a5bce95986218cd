"""Overviews as answers: exact sentences with citations, and lists of facts whose citations are shown on request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rag.answering.arrangement import Choice
from rag.answering.citing import cite
from rag.answering.overview_requests import request_in
from rag.answering.overview_targets import InHand, Target, folder_called, named_document, target_of
from rag.answering.wording import counted
from rag.errors import DocumentError
from rag.index.contents import Index
from rag.overview.covering import SENTENCES, Covered, cover
from rag.overview.facts import Fact
from rag.overview.statements import read
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Answer, Citation, FactKind, FactList, Overview, Passage, QuotedSentence

FACT_NAMES: Mapping[FactKind, str] = {
    "key_terms": "Key terms",
    "defined_terms": "Defined terms",
    "dates": "Dates",
    "figures": "Figures",
}
MOST_PASSAGES = 20_000  # read for one overview: about 100,000 sentences, some twenty seconds


def overview_reply(question: str, typed: str, index: Index, hand: InHand) -> Answer | None:
    """The overview that a question asks for, or what is missing for it; None if it is an ordinary question."""
    request = request_in(typed)
    if request is None:
        return None
    try:
        target = target_of(request, index, hand)
        return overview_answer(question, typed, target, index, request.sentences or SENTENCES) if target else None
    except DocumentError as error:
        return _in_own_voice(question, typed, str(error), index)


def overview_of(name: str, index: Index, sentences: int = SENTENCES, documents: Sequence[str] | None = None) -> Answer:
    """The overview of a document by id, title or file name, or of a folder or pattern. Raises DocumentError in one line."""
    ids = InHand(documents).ids(index)
    selected = [id for id in index.documents_of([name]) if id in set(ids)]
    if len(selected) == 1:
        target: Target | None = Target(index.entries[selected[0]].title or selected[0], (selected[0],))
    elif selected:
        target = Target(name, tuple(selected))
    else:
        target = named_document(name, index, ids, ()) or folder_called(name, ids)
    if target is None:
        raise DocumentError(f"no document or folder is called {name}; `rag status --files` lists the documents")
    question = f"Overview of {name}"
    return overview_answer(question, question, target, index, sentences)


def overview_answer(question: str, query: str, target: Target, index: Index, sentences: int) -> Answer:
    """The sentences that cover most of the target's terms, with the facts in `more`; an abstention if it has no sentences.

    Raises DocumentError if the target is too large.
    """
    passages = sum(index.entries[id].passages for id in target.documents)
    if passages > MOST_PASSAGES:
        raise DocumentError(
            f"{target.name} has {passages:,} passages, and an overview reads at most {MOST_PASSAGES:,}; name a part of it"
        )
    covered = cover([read(_passages(target, id, index), index.entries[id].language) for id in target.documents], sentences)
    if not covered.quoted:
        return _in_own_voice(question, query, f"{target.name} has no sentences that could be quoted.", index)
    quoted, citations = cite([Choice(ScoredSentence(p.passage, p.number, 0.0), context) for p, context in covered.quoted], index)
    more: list[Citation] = []
    lists: list[FactList] = []
    for kind in FACT_NAMES:
        if facts := covered.lists.get(kind):
            first = len(citations) + len(more) + 1
            more += [_fact_citation(fact, number, index) for number, fact in enumerate(facts.listed, start=first)]
            lists.append(FactList(kind, tuple(range(first, first + len(facts.listed))), facts.total))
    overview = Overview(
        target.documents,
        target.headings,
        covered.sentences,
        covered.sections,
        covered.quoted_sections,
        round(covered.coverage, 4),
        tuple(lists),
    )
    message = message_on(target, covered)
    return Answer(question, query, quoted, citations, tuple(more), message=message, overview=overview, index=index.digest)


def message_on(target: Target, covered: Covered) -> str:
    """What is quoted of how much."""
    place = f"{target.name}, {counted(len(target.documents), 'document')}" if len(target.documents) > 1 else target.name
    sections = ""
    if covered.sections > 1:
        parts = "documents" if len(target.documents) > 1 else "sections"
        sections = f" from {covered.quoted_sections} of {covered.sections} {parts}"
    left_out = " Tables were left out." if covered.leaves_out else ""
    unit = "row" if covered.tabular else "sentence"
    quoted = sum(placed.sentence.quotable for placed, _ in covered.quoted)  # all but the headers of tables
    return (
        f"Overview of {place}: {quoted:,} of {counted(covered.sentences, unit)}{sections}, which cover "
        f"{covered.coverage:.0%} of the terms by weight.{left_out}"
    )


def _passages(target: Target, id: str, index: Index) -> list[Passage]:
    depth = len(target.headings)
    return [passage for passage in index.passages_of(id) if passage.headings[:depth] == target.headings]


def _fact_citation(fact: Fact, number: int, index: Index) -> Citation:
    scored = ScoredSentence(fact.placed.passage, fact.placed.number, 0.0, fact.span)
    return cite([Choice(scored, emphasised=True)], index, first=number)[1][0]


def _in_own_voice(question: str, query: str, message: str, index: Index) -> Answer:
    return Answer(question, query, reason="about_program", message=message, index=index.digest)


@dataclass(frozen=True)
class Section:
    """The quoted sentences under the same headings, which are those of `title` within the document."""

    document_id: str
    title: str
    headings: tuple[str, ...]
    sentences: Sequence[QuotedSentence]


def sections_of(answer: Answer) -> list[Section]:
    """The sentences of an overview under their headings, in order."""
    citations = {citation.number: citation for citation in answer.citations}

    def place(sentence: QuotedSentence) -> tuple[str, str, tuple[str, ...]]:
        citation = citations[sentence.citation]
        return citation.document_id, citation.title, citation.headings

    return [Section(*name, tuple(sentences)) for name, sentences in groupby(answer.sentences, key=place)]


def listed_facts(answer: Answer) -> list[tuple[str, int, list[tuple[str, Citation]]]]:
    """The lists of an overview: the name of each, how many such facts there are, and those listed, each with its citation."""
    further = {citation.number: citation for citation in answer.more}
    lists = answer.overview.lists if answer.overview else ()
    return [
        (FACT_NAMES[facts.kind], facts.total, [(_fact_text(further[number]), further[number]) for number in facts.citations])
        for facts in lists
    ]


def _fact_text(citation: Citation) -> str:
    phrase, start = citation.answer_phrase or citation.span, citation.span.start
    return " ".join(citation.quote[phrase.start - start : phrase.end - start].split())
