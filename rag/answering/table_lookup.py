"""Binds a question to one row and one column of a table by their words, so that the cell is found exactly or not at all."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.answering.matching_rows import Row, Table, row_of
from rag.answering.table_words import GENERIC, Asked, AskedWord, asked_words, same_thing, words_of
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Span

DOUBTFUL = 0.3  # highest score of a row that lacks a word of the question: too low for a fair answer, in all calibrations so far
MOST_UNEXPLAINED = 4  # words that may paraphrase a column's name
MOST_ROWS = 8  # that answer together; more are a list to be read in the document
_NO_LOOKUP = re.compile(
    r"^(?:is|are|was|were|do|does|did|can|could|may|should|must|has|have|will|why|how (?:do|does|did|can|to|is|are|should))\b"
    r"|\b(?:before|after|more|most|less|fewer|least|than|over|under|above|below|between|not|no|except|without|all|every|each"
    r"|both|other|compare[ds]?|difference|versus|vs)\b|n't\b",
    re.IGNORECASE,
)
_COMPARES = re.compile(r"\b(?:and|or|between|versus|vs|compared?|difference|than)\b", re.IGNORECASE)
_BRACKETED = re.compile(r"\([^)]*\)")
_AGENT = re.compile(r"(?:er|or|ist|ian)\b", re.IGNORECASE)  # "Breeder": a column of people
_PREPOSITIONS = {"in", "at", "on", "for", "from", "by", "to", "of", "with", "after", "before", "under", "and"}
_ASKS_WHICH = ("which", "what", "who", "whose")
_AUXILIARY = {"do", "does", "did"}


@dataclass(frozen=True)
class Cell:
    """A row of a table and the column asked for; `column` is a position, None if it is not certain."""

    table: Table
    row: Row
    column: int | None

    @property
    def span(self) -> Span | None:
        return None if self.column is None else self.row.cells[self.column]


@dataclass(frozen=True)
class _Match:
    """Which words of the question (their positions) are in which cell of a row, apart from words of the column's name."""

    table: Table
    row: Row
    in_cells: dict[int, frozenset[int]]

    @property
    def units(self) -> frozenset[str]:
        """The words in brackets in the cells concerned, such as the "t" of "Cherries (t)"."""
        text = self.table.document.text
        texts = [self.row.cells[column].of(text) for column in self.in_cells]
        return frozenset().union(*(words_of(found) for cell in texts for found in _BRACKETED.findall(cell)))

    @property
    def words(self) -> frozenset[int]:
        return frozenset().union(*self.in_cells.values())


Tables = Sequence[tuple[Table, Sequence[Row]]]
"""Tables with those of their rows that have words of a question."""


def bound_cells(query: str, asked: Asked, tables: Tables) -> list[Cell]:
    """The cell that answers the question; several, one below the other, if rows have the same value; none if not certain.

    Certain means: each content word of the question is in the row, its table's title, or the name of the column asked for or
    of a column that holds a word of the question; no other row has as many of them; no other column fits as well.
    """
    if _NO_LOOKUP.search(query):
        return []
    cells = []
    for table, rows in tables:
        for row in rows:
            match = match_row(asked, table, row)
            # A row that is not found by its first cell has other cells that are found whole.
            found = match.in_cells and (0 in match.in_cells or _covers_its_cells(asked, match))
            column = _asked_column(asked, match) if found else None
            if column is not None and not unexplained(asked, match, column):
                cells.append((match, column))
    return _best(asked, cells)


def bound_row(query: str, asked: Asked, tables: Tables) -> tuple[Table, Row] | None:
    """The row that the question names in full, if it is the only one, has a header, and no other name or number is missing."""
    if _COMPARES.search(query):
        return None
    matches = [match_row(asked, table, row) for table, rows in tables for row in rows if table.names]
    named = [match for match in matches if 0 in match.in_cells and _covers(asked, match, 0)]
    most = max((len(match.words) for match in named), default=0)
    best = [match for match in named if len(match.words) == most]
    if len(best) != 1 or any(len(match.words) > most for match in matches):
        return None
    missing = unexplained(asked, best[0], None)
    if any(_modifies(asked, word) for word in missing):  # "the weekend price", of which the row may tell only the price
        return None
    return None if len(missing) > MOST_UNEXPLAINED or any(word.is_name for word in missing) else (best[0].table, best[0].row)


def without_siblings(query: str, scored: Sequence[ScoredSentence], index: Index) -> list[ScoredSentence]:
    """Limits the score of each table row that does not account for all words of the question, such as the row of a like thing."""
    rows = {n: row_of(s, index) for n, s in enumerate(scored) if s.sentence.kind == "table" and s.score > DOUBTFUL}
    if not rows:
        return list(scored)
    asked = asked_words(query)
    elsewhere = frozenset().union(*(row.all_words for _, row in rows.values())) if _COMPARES.search(query) else frozenset()
    doubtful = {n for n, (table, row) in rows.items() if _lacks(asked, match_row(asked, table, row), elsewhere)}
    return [replace(s, score=DOUBTFUL) if n in doubtful else s for n, s in enumerate(scored)]


def _lacks(asked: Asked, match: _Match, elsewhere: frozenset[str]) -> bool:
    column = _asked_column(asked, match)
    return not match.in_cells or any(not word.forms & elsewhere for word in unexplained(asked, match, column))


def match_row(asked: Asked, table: Table, row: Row) -> _Match:
    in_cells = {}
    for column, words in enumerate(row.words):
        name = table.names[column] if column < len(table.names) else frozenset[str]()
        known = words | name
        if found := frozenset(
            n
            for n, word in enumerate(asked.words)
            if not word.asks and word.forms & words and not word.forms & name and _in_its_unit(asked, n, known)
        ):
            in_cells[column] = found
    # A cell that has only some of the words of another was not meant: "pale pink" is no part of "Granny's Pink".
    in_cells = {column: found for column, found in in_cells.items() if not any(found < other for other in in_cells.values())}
    return _Match(table, row, in_cells)


def _in_its_unit(asked: Asked, number: int, words: frozenset[str]) -> bool:
    """Whether the word after a number belongs to it: "5 kg" is not in "5 days"."""
    word = asked.words[number]
    following = asked.words[number + 1] if number + 1 < len(asked.words) else None
    if not word.text.replace(".", "").isdigit() or following is None or following.at != word.at + 1:
        return True
    return bool(following.forms & (words | GENERIC)) or same_thing(following.forms, words) or following.text.isdigit()


def unexplained(asked: Asked, match: _Match, column: int | None) -> list[AskedWord]:
    """The content words that neither the row nor its title nor the columns concerned account for."""
    names = [match.table.names[n] for n in (*match.in_cells, column) if n is not None and n < len(match.table.names)]
    asked_name = match.table.names[column] if column is not None and column < len(match.table.names) else frozenset[str]()
    named = _names_its_column(asked, asked_name)
    words = []
    for number, word in enumerate(asked.words):
        in_row = number in match.words and not _extends_the_key(asked, match, number)
        in_head = any(word.forms & name or same_thing(word.forms, name) for name in [*names, match.units])
        known = in_row or in_head or bool(word.forms & (match.table.context | GENERIC))
        if not known and not (named and _is_verb(asked, number)):
            words.append(word)
    return words


def _extends_the_key(asked: Asked, match: _Match, number: int) -> bool:
    """Whether a word stands before one of the row's name but not with it in a cell: "pine bolete", of the bay bolete under pines.

    False if the question has the whole name of the row.
    """
    key = match.in_cells.get(0, frozenset())
    if not key or number in key or number + 1 not in key or _covers(asked, match, 0):
        return False
    return asked.words[number + 1].at == asked.words[number].at + 1


def _modifies(asked: Asked, word: AskedWord) -> bool:
    return any(other.at == word.at + 1 for other in asked.words)


def _names_its_column(asked: Asked, name: frozenset[str]) -> bool:
    """Whether the question has the column's name; who, when or where must be what the column tells."""
    asks_for_kind = bool({"who", "whom", "when", "where"} & set(asked.all))
    return any(word.forms & name for word in asked.words) and (not asks_for_kind or bool(asked.cues & name))


def _is_verb(asked: Asked, number: int) -> bool:
    """Whether a word is the verb of a question that names its column: "What voltage does it need?", "is it stored in?".

    A word before another content word is taken for its modifier ("electric wheelchair"), which decides what is meant.
    """
    word = asked.words[number]
    before = asked.all[: word.at]
    asks_which = bool(before) and before[0] in _ASKS_WHICH and number > 0 and asked.words[number - 1].at == word.at - 1
    following = asked.words[number + 1] if number + 1 < len(asked.words) else None
    modifies = following is not None and following.at == word.at + 1 and not (asks_which and following.is_name)
    if word.is_name or modifies:
        return False
    return bool(_AUXILIARY & set(before)) or word.text.endswith(("ed", "en")) or (asks_which and word.text.endswith("s"))


def _asked_column(asked: Asked, match: _Match) -> int | None:
    """The column whose name fits the question best; None if two fit equally well or none does.

    A word in the name of a column whose value is given asks for no other column: "the accessory nerve" of "Donor nerve".
    """
    names = match.table.names
    given = frozenset().union(*(names[column] for column in match.in_cells if column < len(names)))
    ranks = {}
    for column, name in enumerate(match.table.names):
        if (
            column in match.in_cells
            or column >= len(match.row.cells)
            or not match.row.cells[column].of(match.table.document.text)
        ):
            continue
        direct = frozenset(n for n, word in enumerate(asked.words) if word.forms & name - given and n not in match.words)
        alike = sum(same_thing(word.forms, name) for n, word in enumerate(asked.words) if n not in direct | match.words)
        cue = bool(asked.cues & name)
        if (direct or alike or cue) and not (_asks_who(asked) and not cue and not _AGENT.search(match.table.columns[column])):
            whole = words_of(_BRACKETED.sub("", match.table.columns[column]))
            covered = whole <= frozenset().union(*(asked.words[n].forms for n in direct))
            ranks[column] = (len(direct), alike, cue, covered)
    if ranks:
        best = max(ranks.values())
        columns = [column for column, rank in ranks.items() if rank == best]
        return columns[0] if len(columns) == 1 else None
    first = next((word for word in asked.all if word not in _PREPOSITIONS), "")
    asks_key = first in _ASKS_WHICH and 0 not in match.in_cells
    return 0 if asks_key and match.table.names and match.row.cells[0].of(match.table.document.text) else None


def _asks_who(asked: Asked) -> bool:
    return bool({"who", "whom"} & set(asked.all))


def _best(asked: Asked, found: Sequence[tuple[_Match, int]]) -> list[Cell]:
    if not found:
        return []
    most = max(len(match.words) for match, _ in found)
    best = [(match, column) for match, column in found if len(match.words) == most]
    if len(best) > 1:
        best = [(match, column) for match, column in best if _covers_its_cells(asked, match)]
    cells = [Cell(match.table, match.row, column) for match, column in best]
    if len(cells) > 1 and not _same_value(best):
        return []
    return sorted(cells, key=lambda cell: cell.row.block.span) if len(cells) <= MOST_ROWS else []


def _covers_its_cells(asked: Asked, match: _Match) -> bool:
    """Whether the question has all words of each cell that it has words of."""
    return all(_covers(asked, match, column) for column in match.in_cells)


def _covers(asked: Asked, match: _Match, column: int) -> bool:
    return _plain(match, column) <= frozenset().union(*(word.forms for word in asked.words))


def _plain(match: _Match, column: int) -> frozenset[str]:
    """The words of a cell without parts of compounds and words of the column's name."""
    text = match.row.cells[column].of(match.table.document.text)
    return frozenset().union(*(word.forms for word in asked_words(f"- {text}").words)) - match.table.names[column]


def _same_value(best: Sequence[tuple[_Match, int]]) -> bool:
    """Whether all are rows of one table that have the same words in the same column, which is not the first."""
    first, column = best[0]
    return all(
        match.table.document.id == first.table.document.id
        and match.table.first == first.table.first
        and other == column
        and match.in_cells == first.in_cells
        and 0 not in match.in_cells
        for match, other in best
    )
