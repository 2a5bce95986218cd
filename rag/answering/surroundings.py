"""What stands around a sentence in its document: neighbours, list items, the header of a table, and needed context."""

from collections.abc import Iterator
from itertools import islice

from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Passage, Span
from rag.text.leaning import is_label, is_lead_in, leans_on_previous

LONGEST_CONTEXT = 2  # sentences of context before a dependent one; more would no longer be an answer

Place = tuple[str, Span]
"""A document's id and a span of its text."""


def place_of(scored: ScoredSentence) -> Place:
    return scored.passage.document_id, scored.sentence.span


def walk(start: ScoredSentence, index: Index, step: int) -> Iterator[ScoredSentence]:
    """The sentences under the same headings after (step 1) or before (-1) `start`, nearest first, with score 0."""
    passage: Passage | None = start.passage
    number = start.number
    while passage is not None:
        number += step
        if not 0 <= number < len(passage.sentences):
            near = index.passage_before(passage) if step < 0 else index.passage_after(passage)
            if near is None or near.headings != passage.headings:
                return
            passage, number = near, (len(near.sentences) if step < 0 else -1)
            continue
        yield ScoredSentence(passage, number, 0.0)


def next_to(start: ScoredSentence, index: Index, step: int) -> ScoredSentence | None:
    """The sentence right after or before `start` under the same headings."""
    return next(walk(start, index, step), None)


def items(start: ScoredSentence, index: Index, step: int) -> Iterator[ScoredSentence]:
    """The list items that follow (step 1) or precede (-1) a sentence without a gap."""
    return _run(start, index, step, "item")


def rows(start: ScoredSentence, index: Index, step: int) -> Iterator[ScoredSentence]:
    """The table rows that follow (step 1) or precede (-1) a sentence without a gap; a header row ends them."""
    for near in _run(start, index, step, "table"):
        if near.sentence.level:
            return
        yield near


def _run(start: ScoredSentence, index: Index, step: int, kind: str) -> Iterator[ScoredSentence]:
    for near in walk(start, index, step):
        if near.sentence.kind != kind:
            return
        yield near


def header_of(row: ScoredSentence, index: Index) -> ScoredSentence | None:
    """The header row of the table that a row belongs to; None if the table has none."""
    near_rows = _run(row, index, -1, "table")
    return next((near for near in near_rows if near.sentence.level), None)


def lead_in_of(item: ScoredSentence, index: Index, farthest: int | None = None) -> ScoredSentence | None:
    """The sentence that ends in a colon, or the short line without a full stop, above an item's list.

    None if there is none, or none at most `farthest` sentences before.
    """
    before = next((near for near in islice(walk(item, index, -1), farthest) if near.sentence.kind != "item"), None)
    return before if before and before.sentence.quotable and leads_in(before) else None


def leads_in(sentence: ScoredSentence) -> bool:
    """Whether a sentence is no statement but introduces what comes after it."""
    return is_lead_in(sentence.text, sentence.sentence.kind)


def label_of(sentence: ScoredSentence, index: Index) -> ScoredSentence | None:
    """The term above a definition that stands in a paragraph of its own; None if there is none."""
    before = next_to(sentence, index, -1)
    if before is None or {before.sentence.kind, sentence.sentence.kind} != {"paragraph"} or not is_label(before.text):
        return None
    passage = before.passage
    if passage is not sentence.passage:  # a passage does not end within a line
        return before
    end, start = before.sentence.span.end - passage.span.start, sentence.sentence.span.start - passage.span.start
    return before if "\n" in passage.text[end:start] else None


def leading_context(sentence: ScoredSentence, index: Index) -> list[ScoredSentence]:
    """What a sentence cannot be understood without: sentences it refers to, its table's header, its list's introduction."""
    if sentence.sentence.kind == "table":
        header = header_of(sentence, index)
        return [header] if header else []
    if sentence.sentence.kind == "item":
        lead_in = lead_in_of(sentence, index)
        return [lead_in] if lead_in else []
    if label := label_of(sentence, index):
        return [label]
    context: list[ScoredSentence] = []
    current = sentence
    while len(context) < LONGEST_CONTEXT and leans_on_previous(current.text):
        near = next_to(current, index, -1)
        if near is None or not near.sentence.quotable:
            break
        context.insert(0, near)
        current = near
    return context
