"""Lets the reader choose the cell of a row, where the question words the column's name differently."""

from itertools import accumulate

from rag.answering.matching_rows import Row, Table
from rag.reader.scored_sentences import Reader
from rag.records import Document, Passage, Sentence, Span

SURE = 0.95  # score from which the reader's choice of a row is taken: benchmarks/README.md
UNLIKELY = 0.5  # score that every other cell stays below, for the cell to be named


def read_cell(query: str, table: Table, row: Row, reader: Reader) -> tuple[bool, int | None]:
    """Whether a cell of the row answers the question, as the reader sees it, and the column, None if it may be another.

    The reader gets each cell as a sentence with the row's and the column's name: "P20 – Weight (kg): 4.1".
    """
    values = [span.of(table.document.text) for span in row.cells]
    columns = [n for n in range(1, min(len(values), len(table.columns))) if values[n]]
    if not columns:
        return False, None
    passage = _passage([f"{values[0]} – {table.columns[n]}: {values[n]}" for n in columns], table.document)
    ranked = sorted(reader.read(query, [passage]), key=lambda s: (-s.score, s.number))
    certain = len(ranked) < 2 or ranked[1].score < UNLIKELY
    return ranked[0].score >= SURE, columns[ranked[0].number] if certain else None


def _passage(lines: list[str], document: Document) -> Passage:
    starts = accumulate((len(line) + 1 for line in lines[:-1]), initial=0)
    sentences = tuple(Sentence(Span(s, s + len(line)), "paragraph") for s, line in zip(starts, lines, strict=True))
    text = "\n".join(lines)
    return Passage(document.id, Span(0, len(text)), text, sentences=sentences, context=document.title)
