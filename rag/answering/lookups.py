"""Answers that are looked up instead of read: a cell of a table, a numbered clause, what an abbreviation stands for."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering.arrangement import Choice
from rag.answering.cell_reading import read_cell
from rag.answering.matching_rows import rows_with, sentence_of
from rag.answering.table_lookup import Cell, bound_cells, bound_row
from rag.answering.table_words import asked_words
from rag.index.contents import Index
from rag.reader.scored_sentences import Reader
from rag.records import Strength

TABLE_RIGHT = 0.98  # share of right rows and cells: benchmarks/README.md
CELL_RIGHT = 0.9  # the same, where the reader chose the column


@dataclass(frozen=True)
class Lookup:
    """What was found: sentences to quote, in order; or none, with a message that says what is not there.

    `right` is the measured share of right lookups of this kind. `message` is said in the program's own voice.
    """

    choices: tuple[Choice, ...] = ()
    more: tuple[Choice, ...] = ()
    right: float = 0.0
    strength: Strength | None = None
    message: str = ""


def look_up(query: str, index: Index, documents: Sequence[str] | None, reader: Reader) -> Lookup | None:
    """None for a question that has to be read for. `documents` (see `Index.rows_of`) restricts the search, None does not."""
    scope = None if documents is None else index.rows_of(documents)
    asked = asked_words(query)
    tables = rows_with(asked, index, scope)
    if cells := bound_cells(query, asked, tables):
        return _quoted(cells, index, TABLE_RIGHT, "strong")
    if named := bound_row(query, asked, tables):
        sure, column = read_cell(query, *named, reader)
        if sure:
            return _quoted([Cell(*named, column)], index, CELL_RIGHT, "fair")
    return None


def _quoted(cells: Sequence[Cell], index: Index, right: float, strength: Strength) -> Lookup | None:
    choices: dict[object, Choice] = {}
    for cell in cells:
        header = cell.table.header and sentence_of(cell.table.header, cell.table.document.id, index)
        row = sentence_of(cell.row.block, cell.table.document.id, index, cell.span)
        if row is None:
            return None
        for choice in [*([Choice(header, context=True)] if header else []), Choice(row, emphasised=True)]:
            choices.setdefault(choice.place, choice)
    return Lookup(tuple(choices.values()), right=right, strength=strength)
