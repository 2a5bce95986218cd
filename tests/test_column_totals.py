"""Counts, sums, averages and comparisons over the rows of a table."""

from pathlib import Path

import pytest

from rag.answering.lookups import Lookup, look_up
from rag.index.contents import Index
from tests.conftest import WordEmbedder, index_of
from tests.test_table_lookup import FILES, NoReader

MIXED = "Tool,Weight (kg),Owner\nSaw,2.1,Ann\nAxe,unknown,Bo\nHammer,0.9,Ann\n"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("totals")
    for name, text in FILES.items() | {("tools.csv", MIXED)}:
        (folder / name).write_text(text, encoding="utf-8")
    return index_of(folder, WordEmbedder())


def found(query: str, index: Index) -> Lookup | None:
    return look_up(query, index, None, NoReader())


def rows(lookup: Lookup | None) -> list[str]:
    choices = [choice for choice in lookup.choices if not choice.context] if lookup else []
    return [choice.scored.text.split(" | ")[0] for choice in choices]


ALL = ["Sea Swan", "Tern", "Cormorant", "Heron, electric", "Heron, steam"]


@pytest.mark.parametrize(
    ("query", "quoted", "message"),
    [
        ("What is the total of the seats of all ferries?", ALL, "the sum of “Seats” over the 5 rows quoted here is 1,505."),
        ("What is the sum of the fares?", ALL, "the sum of “Fare (€)” over the 5 rows quoted here is 87.5."),
        ("What is the average fare of the ferries?", ALL, "the average of “Fare (€)” over the 5 rows quoted here is 17.5."),
        ("What is the average number of seats of Joss Vale's ferries?", ["Tern", "Heron, electric"],
         "the average of “Seats” over the 2 rows quoted here is 52.5."),
        ("How many ferries does Joss Vale skipper?", ["Tern", "Heron, electric"], "2 rows of the table, all quoted here."),
        ("How many ferries are at quay Q12?", ["Sea Swan", "Cormorant"], "2 rows of the table, all quoted here."),
        ("Which ferry has the most seats?", ["Cormorant"], "the highest value of “Seats” in 5 rows."),
        ("Which ferry has the lowest fare?", ["Tern"], "the lowest value of “Fare (€)” in 5 rows."),
        ("Which ferry is the cheapest?", ["Tern"], "the lowest value of “Fare (€)” in 5 rows."),
        ("What is the highest fare?", ["Heron, steam"], "the highest value of “Fare (€)” in 5 rows."),
        ("Which is the oldest ferry?", ["Heron, steam"], "the lowest value of “Built” in 5 rows."),
    ],
)  # fmt: skip
def test_totals_quote_every_row_that_they_rest_on(query: str, quoted: list[str], message: str, index: Index) -> None:
    lookup = found(query, index)
    assert rows(lookup) == quoted
    assert lookup and lookup.message.endswith(message)


@pytest.mark.parametrize(
    "query",
    [
        "What is the total weight of the tools?",  # one weight is not a number
        "Which tool is the heaviest?",
        "What is the most common cause of delays?",
        "Which ferry has the most passengers?",
        "What is the average age of the skippers?",
        "How many harbours are there?",
        "What is the total of everything?",
        "Which ferry has the highest mast?",
    ],
)
def test_no_total_where_a_value_is_missing_or_the_column_unknown(query: str, index: Index) -> None:
    lookup = found(query, index)
    assert lookup is None or not lookup.message


def test_a_sum_over_more_rows_than_can_be_quoted_is_not_made(tmp_path: Path) -> None:
    """The highest value still is: its row alone shows it."""
    lines = "".join(f"Lot {n},{(n * 37) % 101}\n" for n in range(1, 100))
    (tmp_path / "lots.csv").write_text(f"Lot,Price\n{lines}", encoding="utf-8")
    index = index_of(tmp_path, WordEmbedder())
    assert found("What is the total price of the lots?", index) is None
    assert rows(found("Which lot has the highest price?", index)) == ["Lot 30"]


def test_a_row_of_totals_is_not_added(tmp_path: Path) -> None:
    (tmp_path / "bill.csv").write_text("Item,Cost\nRope,12.10\nPaint,7.35\nTotal,19.45\n", encoding="utf-8")
    lookup = found("What is the average cost of an item?", index_of(tmp_path, WordEmbedder()))
    assert rows(lookup) == ["Rope", "Paint"]
    assert lookup and lookup.message.endswith("over the 2 rows quoted here is 9.725.")
