"""Answers that are looked up instead of read: a cell of a table, a numbered clause, what an abbreviation stands for."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering.arrangement import Choice
from rag.answering.matching_rows import sentence_of
from rag.answering.table_lookup import bound_cells
from rag.index.contents import Index
from rag.records import Strength

TABLE_RIGHT = 0.98  # share of right rows and cells: benchmarks/README.md


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


def look_up(query: str, index: Index, documents: Sequence[str] | None) -> Lookup | None:
    """None for a question that has to be read for. `documents` (see `Index.rows_of`) restricts the search, None does not."""
    scope = None if documents is None else index.rows_of(documents)
    choices: dict[object, Choice] = {}
    for cell in bound_cells(query, index, scope):
        header = cell.table.header and sentence_of(cell.table.header, cell.table.document.id, index)
        row = sentence_of(cell.row.block, cell.table.document.id, index, cell.span)
        if row is None:
            return None
        for choice in [*([Choice(header, context=True)] if header else []), Choice(row, emphasised=True)]:
            choices.setdefault(choice.place, choice)
    return Lookup(tuple(choices.values()), right=TABLE_RIGHT, strength="strong") if choices else None
