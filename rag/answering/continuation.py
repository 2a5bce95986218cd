"""More of what was quoted: the sentences that follow a citation, or the citation with what stands around it."""

from collections.abc import Sequence

from rag.answering.composition import cite
from rag.answering.selection import Choice
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Answer, Span

AT_ONCE = 3  # sentences that are read on

Cited = tuple[str, int, int]
"""Document id, start and end of a quoted sentence."""


def read_on(question: str, query: str, document: str, position: int, index: Index) -> Answer:
    """The sentences of a document from a position on; an abstention at its end."""
    after = [one for one in _sentences(document, index) if one.sentence.span.start >= position]
    return _quoted(question, query, [Choice(one) for one in after[:AT_ONCE]], index)


def surrounded(question: str, query: str, cited: Sequence[Cited], index: Index) -> Answer:
    """Each cited sentence once more, with the one before and the one after as context."""
    choices: dict[tuple[str, Span], Choice] = {}
    for document, start, end in cited:
        around = _sentences(document, index)
        for number, one in enumerate(around):
            if one.sentence.span.start < end and start < one.sentence.span.end:
                for near in around[max(0, number - 1) : number + 2]:
                    choice = Choice(near, context=near is not one)
                    if choice.place not in choices or not choice.context:
                        choices[choice.place] = choice
    return _quoted(question, query, list(choices.values()), index)


def _quoted(question: str, query: str, choices: Sequence[Choice], index: Index) -> Answer:
    """Sure, for it only quotes what was pointed at."""
    if not choices:
        return Answer(question, query, reason="nothing_more", index=index.digest)
    sentences, citations = cite(choices, index)
    return Answer(question, query, sentences, citations, confidence=1.0, index=index.digest)


def _sentences(document: str, index: Index) -> list[ScoredSentence]:
    return [
        ScoredSentence(passage, number, 0.0)
        for passage in index.passages_of(document)
        for number, sentence in enumerate(passage.sentences)
        if sentence.quotable
    ]
