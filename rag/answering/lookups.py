"""Answers that are looked up instead of read: a cell of a table, a numbered clause, what an abbreviation stands for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rag.answering.abbreviation_lookup import explained
from rag.answering.arrangement import Choice
from rag.answering.cell_reading import read_cell
from rag.answering.column_totals import total_over
from rag.answering.handles import MOST_DOCUMENTS, handle_in, is_mentioned, numbered_texts, other_words, sentences_of
from rag.answering.matching_rows import Row, Table, rows_with, sentence_of
from rag.answering.question_forms import thing_explained
from rag.answering.table_lookup import Cell, bound_cells, bound_row
from rag.answering.table_words import Asked, asked_words
from rag.index.contents import Index
from rag.reader.scored_sentences import Reader
from rag.records import Strength
from rag.text.terms import terms

Rows = NDArray[np.int64]

MEASURED_ON = "lookups in tables that the rules were not made on"
TABLE_RIGHT = 0.98  # share of right rows and cells: benchmarks/README.md
EXACT_RIGHT = 0.95  # confidence in what is found by number or abbreviation; a choice, not a measurement
SENTENCES_SHOWN = 3  # of a numbered text; the rest is shown on request
TOTAL_RIGHT = 0.9  # confidence in counts, sums and comparisons; a choice, not a measurement
CELL_RIGHT = 0.9  # confidence where the reader chose the column; a choice, not a measurement


@dataclass(frozen=True)
class Lookup:
    """What was found: sentences to quote, in order; or none, with a message that says what is not there.

    `right` is the share of right lookups of this kind, measured if `measured_on` is not empty. `message` is said in the
    program's own voice.
    """

    choices: tuple[Choice, ...] = ()
    more: tuple[Choice, ...] = ()
    right: float = 0.0
    strength: Strength | None = None
    message: str = ""
    measured_on: str = ""


def look_up(query: str, index: Index, documents: Sequence[str] | None, reader: Reader) -> Lookup | None:
    """None for a question that has to be read for. `documents` (see `Index.rows_of`) restricts the search, None does not."""
    scope = None if documents is None else index.rows_of(documents)
    return _abbreviation(query, index, scope) or _in_tables(query, index, scope, reader) or _by_number(query, index, scope)


def _abbreviation(query: str, index: Index, scope: Rows | None) -> Lookup | None:
    meanings = explained(query, index, scope)
    choices = tuple(Choice(sentence, emphasised=True) for sentence in meanings)
    return Lookup(choices, right=EXACT_RIGHT, strength="strong" if len(meanings) == 1 else "fair") if choices else None


def _by_number(query: str, index: Index, scope: Rows | None) -> Lookup | None:
    """The text with the number that the question names, or that there is none. None if the question asks for more than that."""
    handle = handle_in(query)
    texts = numbered_texts(handle, index, scope) if handle else None
    if handle is None or texts is None:
        return None
    others = other_words(query, handle)
    most_named = max((len(others & text.names) for text in texts), default=0)
    texts = [text for text in texts if len(others & text.names) == most_named]
    asked = others - frozenset().union(*(text.names for text in texts))
    if not texts:
        absent = not asked and not is_mentioned(handle, index, scope)
        return Lookup(right=1.0, message=f"There is no {handle.typed} in the documents.") if absent else None
    quoted = [sentences_of(text, index) for text in texts]
    held = frozenset(terms("\n".join(sentence.text for sentences in quoted for sentence in sentences)))
    if not all(quoted) or len(texts) > MOST_DOCUMENTS or (asked and not asked & held):
        return None
    most = max(1, SENTENCES_SHOWN // len(texts))
    shown = [Choice(sentence) for sentences in quoted for sentence in sentences[:most]]
    more = [Choice(sentence) for sentences in quoted for sentence in sentences[most:]]
    return Lookup(tuple(shown), tuple(more), EXACT_RIGHT, "strong" if len(texts) == 1 else "fair")


def _in_tables(query: str, index: Index, scope: Rows | None, reader: Reader) -> Lookup | None:
    asked = asked_words(query)
    tables = rows_with(asked, index, scope)
    if _asks_for_meaning(query, asked, tables):
        return None
    if total := total_over(query, tables):
        return _quoted(total.cells, index, TOTAL_RIGHT, "fair", total.message)
    if cells := bound_cells(query, asked, tables):
        quoted = _quoted(cells, index, TABLE_RIGHT, "strong")
        return quoted and replace(quoted, measured_on=MEASURED_ON)
    if named := bound_row(query, asked, tables):
        sure, column = read_cell(query, *named, reader)
        if sure:
            return _quoted([Cell(*named, column)], index, CELL_RIGHT, "fair")
    return None


def _asks_for_meaning(query: str, asked: Asked, tables: Sequence[tuple[Table, Sequence[Row]]]) -> bool:
    """Whether a definition is asked for, which is read for: "What is X?" without the name of a column, "What does X mean?"."""
    if thing_explained(query) is None:
        return False
    names = frozenset().union(*(name for table, _ in tables for name in table.names))
    return not query.lower().startswith("what is") or not any(word.forms & names for word in asked.words)


def _quoted(cells: Sequence[Cell], index: Index, right: float, strength: Strength, message: str = "") -> Lookup | None:
    choices: dict[object, Choice] = {}
    for cell in cells:
        header = cell.table.header and sentence_of(cell.table.header, cell.table.document.id, index)
        row = sentence_of(cell.row.block, cell.table.document.id, index, cell.span)
        if row is None:
            return None
        for choice in [*([Choice(header, context=True)] if header else []), Choice(row, emphasised=True)]:
            choices.setdefault(choice.place, choice)
    return Lookup(tuple(choices.values()), right=right, strength=strength, message=message)
