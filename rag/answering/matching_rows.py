"""The tables of documents, and the rows among them that have words of a question."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rag.answering.table_words import Asked, lexical_forms, name_words, words_of
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Block, Document, Span
from rag.text.table_cells import cells

PASSAGES_EXAMINED = 24  # with the most words of the question; a passage has about ten rows
MOST_FREQUENT = 20_000  # passages; a term in more of them tells no row from another and would take milliseconds


@dataclass(frozen=True)
class Row:
    """A row with the span of each cell in its document's text."""

    block: Block
    cells: tuple[Span, ...]
    words: tuple[frozenset[str], ...]

    @cached_property
    def all_words(self) -> frozenset[str]:
        return frozenset().union(*self.words)


@dataclass(frozen=True)
class Table:
    """The rows below one header, or adjacent rows without one. `context` are the words of title, headings and file name.

    `names` are the words of each column's name.
    """

    document: Document
    header: Block | None
    first: int
    context: frozenset[str]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        if self.header is None:
            return ()
        line = self.header.span.of(self.document.text).split("\n")[0]
        return tuple(span.of(line) for span in cells(line))

    @cached_property
    def names(self) -> tuple[frozenset[str], ...]:
        return tuple(name_words(name) for name in self.columns)

    def row(self, block: Block) -> Row:
        text = block.span.of(self.document.text)
        spans = tuple(Span(block.span.start + span.start, block.span.start + span.end) for span in cells(text))
        return Row(block, spans, tuple(words_of(span.of(self.document.text)) for span in spans))

    def rows(self, most: int) -> list[Row] | None:
        """All rows; None if there are more than `most`."""
        rows: list[Row] = []
        for block in self.document.blocks[self.first :]:
            if block.kind != "table" or block.level:
                break
            if len(rows) == most:
                return None
            rows.append(self.row(block))
        return rows


def tables_of(document: Document) -> list[int]:
    """The number of the first row's block of each table."""
    starts, inside = [], False
    for number, block in enumerate(document.blocks):
        is_row = block.kind == "table" and not block.level
        if is_row and not inside:
            starts.append(number)
        inside = is_row
    return starts


def table_from(document: Document, first: int, headings: Sequence[str]) -> Table:
    """The table whose first row is the block with this number."""
    above = document.blocks[first - 1] if first > 0 else None
    header = above if above and above.kind == "table" else None
    return Table(document, header, first, words_of("\n".join((document.title, *headings, document.id))))


def sentence_of(block: Block, document_id: str, index: Index, phrase: Span | None = None) -> ScoredSentence | None:
    """The sentence that is this row or header; None if it was too long for one."""
    rows = index.rows[document_id]
    number = bisect_right(rows, block.span.start, key=lambda n: index.passages[n].span.start) - 1
    passage = index.passages[rows[number]]
    for n, sentence in enumerate(passage.sentences):
        inside = block.span.start <= sentence.span.start and sentence.span.end <= block.span.end
        if inside and sentence.kind == "table" and not passage.cut:
            return ScoredSentence(passage, n, 1.0, phrase)
    return None


def row_of(sentence: ScoredSentence, index: Index) -> tuple[Table, Row]:
    """The table and row that a sentence of kind "table" is."""
    document = index.documents[sentence.passage.document_id]
    number = bisect_right(document.blocks, sentence.sentence.span.start, key=lambda b: b.span.start) - 1
    firsts = tables_of(document)
    table = table_from(document, firsts[bisect_right(firsts, number) - 1], sentence.passage.headings)
    return table, table.row(document.blocks[number])


def rows_with(asked: Asked, index: Index, scope: NDArray[np.int64] | None) -> list[tuple[Table, list[Row]]]:
    """Rows in the table passages that have the most words of the question in their rows, by table.

    `scope` are the passages' rows that may be searched, all if None.
    """
    tables: dict[tuple[str, int], tuple[Table, list[Row]]] = {}
    starts: dict[str, list[int]] = {}
    for number in _passages_with(asked, index, scope):
        passage = index.passages[number]
        document = index.documents[passage.document_id]
        firsts = starts.setdefault(document.id, tables_of(document))
        for sentence in passage.sentences:
            if sentence.kind == "table" and not sentence.level:
                block = bisect_right(document.blocks, sentence.span.start, key=lambda b: b.span.start) - 1
                first = firsts[bisect_right(firsts, block) - 1]
                place = (document.id, first)
                if place not in tables:
                    tables[place] = table_from(document, first, passage.headings), []
                tables[place][1].append(tables[place][0].row(document.blocks[block]))
    return list(tables.values())


def _passages_with(asked: Asked, index: Index, scope: NDArray[np.int64] | None) -> list[int]:
    weights = np.zeros(len(index.tabular))
    for word in asked.words:
        matched = np.zeros(len(index.tabular), dtype=np.bool_)
        for term in lexical_forms(word):
            passages = _in_rows(term, index)
            places = np.minimum(np.searchsorted(index.tabular, passages), len(index.tabular) - 1)
            matched[places[index.tabular[places] == passages]] = True
        if count := int(matched.sum()):
            weights[matched] += np.log1p(len(weights) / count)
    if scope is not None:
        weights[~np.isin(index.tabular, scope)] = 0
    best = np.lexsort((index.tabular, -np.round(weights, 6)))[:PASSAGES_EXAMINED]
    return [int(index.tabular[n]) for n in best if weights[n] > 0]


def _in_rows(term: str, index: Index) -> NDArray[np.int32]:
    """Passages that have the term in their text and not only in title, headings and the header above them."""
    if not len(index.tabular):
        return np.zeros(0, dtype=np.int32)
    if not 0 < index.document_frequency(term) <= MOST_FREQUENT:
        return np.zeros(0, dtype=np.int32)
    rows, counts = index.postings(term)
    above, above_counts = index.headings.postings(term)
    counts = counts.copy()
    counts[np.searchsorted(rows, above)] -= above_counts
    return rows[counts > 0]
