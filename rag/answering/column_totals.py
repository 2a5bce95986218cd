"""Count, sum, average, highest and lowest over the rows of a table, computed exactly and only if every row can be read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from rag.answering.matching_rows import Row, Table
from rag.answering.table_lookup import Cell, Tables, match_row
from rag.answering.table_words import GENERIC, GROUPS, Asked, asked_words, comparable, same_thing

MOST_QUOTED = 20  # rows of a count, sum or average, all of which are quoted
MOST_COMPARED = 1000  # rows among which the highest or lowest is looked for; some 10 ms
MOST_TIED = 4  # rows that share the highest value
_COUNT = re.compile(r"\bhow many\b|\b(?:number|count) of\b(?= \w)", re.IGNORECASE)
_SUM = re.compile(r"\b(?:in )?total\b|\bsum\b|\baltogether\b|\bin all\b|\bcombined\b|\badd(?:ed)? up\b", re.IGNORECASE)
_AVERAGE = re.compile(r"\b(?:on )?average\b|\bmean\b", re.IGNORECASE)
# What a superlative compares, by a word of the column's group; "" if the question names the column.
_HIGHEST = {
    "highest": "", "largest": "", "biggest": "", "greatest": "", "maximum": "", "most": "", "top": "", "heaviest": "weight",
    "longest": "length", "tallest": "height", "dearest": "price", "fastest": "speed", "latest": "date", "newest": "date",
}  # fmt: skip
_LOWEST = {
    "lowest": "", "smallest": "", "fewest": "", "minimum": "", "least": "", "lightest": "weight", "shortest": "length",
    "cheapest": "price", "slowest": "speed", "earliest": "date", "oldest": "date",
}  # fmt: skip
_COMPARING = ("highest", "lowest")
_EXPENSIVE = re.compile(r"\b(most|least) expensive\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?P<before>(?:[€$£¥]|[A-Z]{3})? ?)(?P<number>[+-]?\d+(?:\.\d+)?)(?P<after>\D{0,12})")
_DATE = re.compile(r"\d{4}(?:-\d{2}-\d{2})?")
_TOTAL_ROW = re.compile(r"\s*(?:grand |sub-?)?(?:total|sum|average|mean|all)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Total:
    """The rows that were counted, added up or compared, and the program's own sentence about them."""

    cells: tuple[Cell, ...]
    message: str


@dataclass(frozen=True)
class _Wanted:
    """What is asked for: "count", "sum", "average", "highest" or "lowest"; `implied` is the column that the word implies."""

    kind: str
    asked: Asked
    implied: str = ""


def total_over(query: str, tables: Tables) -> Total | None:
    """None if no such value is asked for, or table, column or rows are not certain."""
    wanted = _wanted(query)
    if wanted is None:
        return None
    totals = [total for table, rows in tables if (total := _over(wanted, table, rows)) is not None]
    return totals[0] if len(totals) == 1 else None


def _wanted(query: str) -> _Wanted | None:
    query = _EXPENSIVE.sub(lambda m: "dearest" if m[1].lower() == "most" else "cheapest", query)
    for kind, words in (("highest", _HIGHEST), ("lowest", _LOWEST)):
        if match := re.search(rf"\b(?:{'|'.join(words)})\b", query, re.IGNORECASE):
            return _Wanted(kind, asked_words(_without(match, query)), words[match.group().lower()])
    for kind, pattern in (("average", _AVERAGE), ("sum", _SUM), ("count", _COUNT)):
        if match := pattern.search(query):
            return _Wanted(kind, asked_words(_without(match, query)))
    return None


def _without(match: re.Match[str], query: str) -> str:
    return f"{query[: match.start()]} {query[match.end() :]}"


def _over(wanted: _Wanted, table: Table, examined: Sequence[Row]) -> Total | None:
    needed = _beyond_the_head(wanted.asked, table)
    if needed and not any(needed <= match_row(wanted.asked, table, row).words for row in examined):
        return None
    rows = table.rows(MOST_COMPARED)
    if rows is None or not table.names:
        return None
    rows = [row for row in rows if not _TOTAL_ROW.match(_text(table, row, 0))]
    rows = [row for row in rows if needed <= match_row(wanted.asked, table, row).words]
    if not rows:
        return None
    if wanted.kind == "count":
        return _counted(wanted, table, rows)
    column = _column(wanted, table, rows)
    if column is None:
        return None
    return _compared(wanted, table, rows, column) if wanted.kind in _COMPARING else _summed(wanted, table, rows, column)


def _beyond_the_head(asked: Asked, table: Table) -> set[int]:
    """The words of the question, by number, that are neither in the table's title nor in its head: they choose rows."""
    return {
        number
        for number, word in enumerate(asked.words)
        if not word.forms & (table.context | GENERIC)
        and not any(word.forms & name or same_thing(word.forms, name) for name in table.names)
    }


def _counted(wanted: _Wanted, table: Table, rows: Sequence[Row]) -> Total | None:
    noun = wanted.asked.words[0].forms if wanted.asked.words else frozenset[str]()
    columns = [column for column, name in enumerate(table.names) if noun & name]
    of_numbers = any(_values(wanted, table, rows, column) is not None for column in columns)
    is_named = not of_numbers and bool(columns or noun & table.context)
    message = f"Counted: {len(rows)} {'row' if len(rows) == 1 else 'rows'} of the table, all quoted here."
    return Total(_cells(table, rows, None), message) if is_named and len(rows) <= MOST_QUOTED else None


def _column(wanted: _Wanted, table: Table, rows: Sequence[Row]) -> int | None:
    """The only column of numbers (or dates, if compared) that the question names or its word implies."""
    implied = (
        next((group for group in GROUPS if wanted.implied in group), frozenset[str]()) if wanted.implied else frozenset[str]()
    )
    named = []
    for column, name in enumerate(table.names):
        direct = any(word.forms & name for word in wanted.asked.words)
        alike = any(same_thing(word.forms, name) for word in wanted.asked.words)
        is_date = wanted.implied == "date" and not direct and _are_dates(table, rows, column)
        if (direct or alike or name & implied or is_date) and _values(wanted, table, rows, column) is not None:
            named.append((direct, column))
    best = [column for direct, column in named if direct == any(d for d, _ in named)]
    return best[0] if len(best) == 1 else None


def _values(wanted: _Wanted, table: Table, rows: Sequence[Row], column: int) -> list[Decimal] | None:
    """The numbers of a column, all in one unit; dates as numbers if they are compared. None if a cell holds anything else."""
    texts = [comparable(_text(table, row, column)).strip() for row in rows]
    if wanted.kind in _COMPARING and _are_dates(table, rows, column):
        return [Decimal(text.replace("-", "").ljust(8, "0")) for text in texts]
    matches = [_NUMBER.fullmatch(text) for text in texts]
    units = {(match["before"].strip(), match["after"].strip()) for match in matches if match}
    return [Decimal(match["number"]) for match in matches if match] if all(matches) and len(units) == 1 else None


def _are_dates(table: Table, rows: Sequence[Row], column: int) -> bool:
    return all(_DATE.fullmatch(comparable(_text(table, row, column)).strip()) for row in rows)


def _compared(wanted: _Wanted, table: Table, rows: Sequence[Row], column: int) -> Total | None:
    values = _values(wanted, table, rows, column) or []
    best = max(values) if wanted.kind == "highest" else min(values)
    tied = [row for row, value in zip(rows, values, strict=True) if value == best]
    asks_value = wanted.asked.all[:1] != ("which",) and wanted.asked.all[:1] != ("who",)
    cells = _cells(table, tied, column if asks_value else 0)
    message = f"Compared: the {wanted.kind} value of “{table.columns[column]}” in {len(rows)} rows."
    return Total(cells, message) if len(tied) <= MOST_TIED and len(rows) > 1 else None


def _summed(wanted: _Wanted, table: Table, rows: Sequence[Row], column: int) -> Total | None:
    values = _values(wanted, table, rows, column) or []
    if not 1 < len(values) <= MOST_QUOTED:
        return None
    result = sum(values, Decimal(0))
    about = ""
    if wanted.kind == "average":
        places = max(-int(value.as_tuple().exponent) for value in values) + 2
        mean = (result / len(values)).quantize(Decimal(1).scaleb(-places))
        about, result = ("" if mean * len(values) == result else "about "), mean.normalize()
    over = f"“{table.columns[column]}” over the {len(values)} rows quoted here"
    message = f"Calculated: the {wanted.kind} of {over} is {about}{result:,f}."
    return Total(_cells(table, rows, column), message)


def _cells(table: Table, rows: Sequence[Row], column: int | None) -> tuple[Cell, ...]:
    return tuple(Cell(table, row, column) for row in rows)


def _text(table: Table, row: Row, column: int) -> str:
    return row.cells[column].of(table.document.text) if column < len(row.cells) else ""
