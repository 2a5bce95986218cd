"""Lookups in tables: a question is bound to one row and one column, or to nothing."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from rag.answering.lookups import look_up
from rag.answering.table_lookup import without_siblings
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Passage
from tests.conftest import WordEmbedder, index_of

FILES = {
    "harbour-ferries.csv": "Ferry,Quay,Built,Seats,Fare (€),Skipper\n"
    "Sea Swan,Q12,1998-05-02,120,14.50,Ada Brink\n"
    "Tern,Q3,2011-03-14,45,9,Joss Vale\n"
    'Cormorant,Q12,2004-11-30,"1,200",22.00,Mara Flint\n'
    '"Heron, electric",Q7,2022-06-01,60,12.00,Joss Vale\n'
    '"Heron, steam",Q9,1931-08-19,80,30.00,Odd Lie\n',
    "museum.md": "# Museum\n\n## Winter hours\n\n| Day | Opens | Closes |\n|---|---|---|\n| Friday | 10:00 | 16:00 |\n"
    "| Saturday | 11:00 | 15:00 |\n\n## Summer hours\n\n| Day | Opens | Closes |\n|---|---|---|\n| Friday | 09:00 | 20:00 |\n"
    "| Sunday | 12:00 | 18:00 |\n",
    "transfers.csv": "Lost part,Donor crane,Receiving crane\nSmall deck parts,Harbour line,Ulmen main line\n"
    "Bow and stern,Spinal top,Sura low\n",
    "ropes.csv": "Rope,Damage sign,Shelf\nHemp long rope,Frayed ends,Old\nFast line,Stiff core,High\n",
    "budget.html": "<h1>Club budget</h1><table><tr><th>Item</th><th>2021</th><th>2022</th></tr>"
    "<tr><td>Boat repairs</td><td>3,400</td><td>4,150</td></tr><tr><td>Insurance</td><td>900</td><td>950</td></tr></table>",
}


class NoReader:
    """Finds that nothing answers, so that only words bind."""

    identity = "none-1"

    def load(self) -> None:
        """Nothing to load."""

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        return [ScoredSentence(passage, n, 0.0) for passage in passages for n in range(len(passage.sentences))]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("tables")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return index_of(folder, WordEmbedder())


def found(query: str, index: Index, documents: Sequence[str] | None = None) -> list[tuple[str, str]]:
    """The first cell of each row that is quoted, and its answer phrase."""
    lookup = look_up(query, index, documents, NoReader())
    choices = [choice for choice in lookup.choices if not choice.context] if lookup else []
    return [(choice.scored.text.split(" | ")[0], choice.scored.phrase or "") for choice in choices]


@pytest.mark.parametrize(
    ("query", "row", "cell"),
    [
        ("What is the fare of the Tern?", "Tern", "9"),
        ("How much does the Sea Swan cost?", "Sea Swan", "14.50"),
        ("At which quay is the Tern?", "Tern", "Q3"),
        ("Where is the steam Heron?", "Heron, steam", ""),
        ("Who is the skipper of the Cormorant?", "Cormorant", "Mara Flint"),
        ("How many seats does the Cormorant have?", "Cormorant", "1,200"),
        ("When was the Sea Swan built?", "Sea Swan", "1998-05-02"),
        ("Which ferry lies at quay Q7?", "Heron, electric", "Heron, electric"),
        ("Which ferry was built on 14 March 2011?", "Tern", "Tern"),
        ("Which ferry has 1200 seats?", "Cormorant", "Cormorant"),
        ("Which ferry is at quay Q 9?", "Heron, steam", "Heron, steam"),
        ("fare of the electric Heron", "Heron, electric", "12.00"),
        ("When does the museum open on Fridays in summer?", "Friday", "09:00"),
        ("What are the winter hours: when does it close on Saturday?", "Saturday", "15:00"),
        ("Until when is the museum open on Sunday?", "Sunday", "18:00"),
        ("Which ferry has 40–45 seats?", "", ""),
        ("What were the boat repairs in 2022?", "Boat repairs", "4,150"),
        ("How much was the insurance in 2021?", "Insurance", "900"),
    ],
)
def test_the_cell_that_was_asked_for(query: str, row: str, cell: str, index: Index) -> None:
    expected = [(row, cell)] if cell else []  # "where" is no quay by itself: that is left to reading
    assert found(query, index) == expected


@pytest.mark.parametrize(
    "query",
    [
        "What is the fare of the Puffin?",  # an absent row
        "What is the fare of the Tern Two?",
        "What is the fare of the Heron?",  # two rows
        "What is the fare of the diesel Heron?",
        "How much was the insurance in 2023?",  # an absent column
        "What is the top speed of the Tern?",
        "What is the weekend fare of the Tern?",
        "Who built the Tern?",
        "When does the museum open on Friday?",  # two tables
        "When does the museum open on Monday?",
        "Which ferries have more than 60 seats?",
        "Which ferry is not at quay Q7?",
        "Is the Tern at quay Q3?",
        "Why is the fare of the Tern so low?",
        "What is the difference in fare between the Tern and the Sea Swan?",
        "What is the Tern?",  # no column
        "Which parts does the Ulmen crane serve?",  # "crane" is in the name of the column whose value is given
        "What does the Spinal top crane serve?",
        "How long does it take to recover from damage?",  # words of asking are in no row
        "How fast does the damage spread?",
        "How old is the damage, and how high?",
        "",
        "?!",
    ],
)
def test_nothing_is_bound_where_row_or_column_is_uncertain(query: str, index: Index) -> None:
    assert found(query, index) == []


def test_rows_with_the_same_value_answer_together(index: Index) -> None:
    assert found("Which ferries are at quay Q12?", index) == [("Sea Swan", "Sea Swan"), ("Cormorant", "Cormorant")]


def test_the_header_is_quoted_as_context(index: Index) -> None:
    lookup = look_up("What is the fare of the Tern?", index, None, NoReader())
    assert lookup and [(choice.scored.text, choice.context) for choice in lookup.choices] == [
        ("Ferry | Quay | Built | Seats | Fare (€) | Skipper", True),
        ("Tern | Q3 | 2011-03-14 | 45 | 9 | Joss Vale", False),
    ]


def test_only_the_documents_asked_are_searched(index: Index) -> None:
    assert found("What is the fare of the Tern?", index, ["museum.md"]) == []
    assert found("What is the fare of the Tern?", index, ["harbour-ferries.csv"]) == [("Tern", "9")]


def test_a_row_is_found_among_thousands(tmp_path: Path) -> None:
    """Retrieval need not bring it: all rows of all tables are searched."""
    rows = "".join(f"Valve V-{n},{n % 7} bar,Hall {n % 13}\n" for n in range(1000, 4000))
    (tmp_path / "valves.csv").write_text(f"Valve,Pressure,Hall\n{rows}", encoding="utf-8")
    index = index_of(tmp_path, WordEmbedder())
    assert found("What is the pressure of valve V-2718?", index) == [("Valve V-2718", "2 bar")]
    assert found("In which hall is valve V2718?", index) == [("Valve V-2718", "Hall 1")]
    assert found("What is the pressure of valve V-4718?", index) == []


def test_rows_of_like_things_are_doubtful(index: Index) -> None:
    """Whatever the reader makes of them; a row with all words of the question keeps its score."""
    rows = [
        ScoredSentence(passage, n, 0.9)
        for passage in index.passages_of("harbour-ferries.csv")
        for n, sentence in enumerate(passage.sentences)
        if sentence.quotable
    ]

    def scores(query: str) -> dict[str, float]:
        return {s.text.split(" | ")[0]: s.score for s in without_siblings(query, rows, index)}

    assert set(scores("What is the fare of the Puffin?").values()) == {0.3}
    assert {name for name, score in scores("What is the fare of the Tern?").items() if score > 0.3} == {"Tern"}
    compared = scores("Compare the fares of the Tern and the Cormorant")
    assert {name for name, score in compared.items() if score > 0.3} == {"Tern", "Cormorant"}
