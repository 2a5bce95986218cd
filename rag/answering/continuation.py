"""Quoting on from an answer: the sentences after a citation, or a citation with the sentences around it.

These answers are quoted on request and were not scored, so they claim no confidence.
"""

from collections.abc import Sequence
from dataclasses import replace

from rag.answering.arrangement import Choice
from rag.answering.citing import cite
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Answer, CitedSpan, Hit, Passage, Span

SENTENCES_READ_ON = 3  # about what one answer quotes


def still_quotable(cited: Sequence[CitedSpan], index: Index, documents: Sequence[str] | None) -> list[CitedSpan]:
    """The citations whose document is among those asked (all if None) and has not changed, as far as its digest is known.

    A document that is now a duplicate is replaced by the one with the same bytes.
    """
    asked = index.documents if documents is None else index.documents_of(documents)
    entries = [(index.entry_for(citation.document_id), citation) for citation in cited]
    return [
        replace(citation, document_id=entry.id)
        for entry, citation in entries
        if entry is not None and entry.id in asked and citation.digest in (None, entry.digest)
    ]


def read_on(question: str, query: str, cited: Sequence[CitedSpan], index: Index) -> Answer:
    """The sentences after the last citation in the first cited document; an abstention at its end."""
    document_id = cited[0].document_id
    position = max(citation.span.end for citation in cited if citation.document_id == document_id)
    return read_from(question, query, document_id, position, index)


def read_from(question: str, query: str, document_id: str, position: int, index: Index) -> Answer:
    """The sentences of a document from a position on; an abstention at its end."""
    following = [sentence for sentence in _sentences(document_id, index) if sentence.sentence.span.start >= position]
    return _quoted(question, query, [Choice(sentence) for sentence in following[:SENTENCES_READ_ON]], index)


def surrounded(question: str, query: str, cited: Sequence[CitedSpan], index: Index) -> Answer:
    """Each cited sentence again, with the sentences before and after it in the same section as context."""
    choices: dict[tuple[str, Span], Choice] = {}
    for citation in cited:
        sentences = _sentences(citation.document_id, index)
        for number, sentence in enumerate(sentences):
            if _overlap(sentence.sentence.span, citation.span):
                for near in sentences[max(0, number - 1) : number + 2]:
                    if near.passage.headings != sentence.passage.headings:
                        continue
                    choice = Choice(near, context=near is not sentence)
                    if choice.place not in choices or not choice.context:
                        choices[choice.place] = choice
    return _quoted(question, query, list(choices.values()), index)


def without_cited(hits: Sequence[Hit], cited: Sequence[CitedSpan]) -> list[Hit]:
    """The hits whose passages contain no citation."""

    def is_cited(passage: Passage) -> bool:
        return any(passage.document_id == citation.document_id and _overlap(passage.span, citation.span) for citation in cited)

    return [hit for hit in hits if not is_cited(hit.passage)]


def _overlap(first: Span, second: Span) -> bool:
    return first.start < second.end and second.start < first.end


def _quoted(question: str, query: str, choices: Sequence[Choice], index: Index) -> Answer:
    if not choices:
        return Answer(question, query, reason="nothing_more", index=index.digest)
    sentences, citations = cite(choices, index)
    return Answer(question, query, sentences, citations, index=index.digest)


def _sentences(document_id: str, index: Index) -> list[ScoredSentence]:
    return [
        ScoredSentence(passage, number, 0.0)
        for passage in index.passages_of(document_id)
        for number, sentence in enumerate(passage.sentences)
        if sentence.quotable
    ]
