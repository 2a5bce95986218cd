"""Texts found by number: clauses, sections, steps, figures, error codes."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from rag.answering.code_spellings import codes_as_written
from rag.answering.handles import handle_in
from rag.answering.lookups import Lookup, look_up
from rag.index.contents import Index
from tests.conftest import WordEmbedder, index_of
from tests.test_table_lookup import NoReader

FILES = {
    "lease.md": """# Lease of the boat house

## 2 Rent

2.1 The rent is 300 euros a month.

2.3 The deposit is two rents.

## 3 Term

3.1 The lease begins on 1 May.

3.2 Either party may end it with ninety days' notice. The notice is given in writing. It is sent to the other's address.
It counts from the first of a month.

3.20 Keys are given back on the last day.

## 13 Disputes

13.2 Disputes are settled by the harbour court.
""",
    "statutes.md": """# Statutes of the rowing club

## § 12 Membership

Anyone over ten may join.

## § 13 Fees

(1) The general meeting sets the fees.

(2) Children pay half.

## Article 5 Board

The board has three members:

- a chair
- a treasurer
- a secretary

## Article 6 Seat

The seat is the old mill.
""",
    "manual.md": """# Stove manual

## Lighting the stove

1. Open the flue.
2. Stack the wood.
3. Put kindling on top.
4. Light the kindling with a match.

## Faults

### E-1042 Flue blocked

Let the stove cool down and call the sweep.

### E-1043 Door open

Close the door.

Figure 3: The flue and its damper.
""",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("handles")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return index_of(folder, WordEmbedder())


def found(query: str, index: Index, documents: Sequence[str] | None = None) -> Lookup | None:
    return look_up(query, index, documents, NoReader())


def quoted(query: str, index: Index) -> str:
    lookup = found(query, index)
    return " ".join(choice.scored.text for choice in lookup.choices) if lookup else ""


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("What does clause 3.2 say?", "3.2 Either party may end it with ninety days' notice."),
        ("what is in clause 2.3", "2.3 The deposit is two rents."),
        ("Clause 3.20", "3.20 Keys are given back on the last day."),
        ("Quote section 13.2 of the lease.", "13.2 Disputes are settled by the harbour court."),
        ("What notice does clause 3.2 require?", "3.2 Either party may end it with ninety days' notice."),
        ("What does section 2 of the lease say?", "2.1 The rent is 300 euros a month. 2.3 The deposit is two rents."),
        ("What does § 12 say?", "Anyone over ten may join."),
        ("What does §13(2) say?", "(2) Children pay half."),
        ("What does article 5 say?", "The board has three members: a chair a treasurer"),
        ("What is article 6?", "The seat is the old mill."),
        ("What is step 4?", "Light the kindling with a match."),
        ("What is step 2 of lighting the stove?", "Stack the wood."),
        ("What does error E-1042 mean?", "Let the stove cool down and call the sweep."),
        ("what does error E1042 mean", "Let the stove cool down and call the sweep."),
        ("error e 1043", "Close the door."),
        ("What does figure 3 show?", "Figure 3: The flue and its damper."),
    ],
)
def test_the_text_with_that_number(query: str, says: str, index: Index) -> None:
    assert quoted(query, index).startswith(says)


def test_a_long_clause_is_quoted_in_part_and_the_rest_on_request(index: Index) -> None:
    lookup = found("What does clause 3.2 say?", index)
    assert lookup and [choice.scored.text for choice in lookup.choices] == [
        "3.2 Either party may end it with ninety days' notice.",
        "The notice is given in writing.",
        "It is sent to the other's address.",
    ]
    assert [choice.scored.text for choice in lookup.more] == ["It counts from the first of a month."]


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("What does clause 3.9 say?", "clause 3.9"),
        ("What does clause 1.3.2 say?", "clause 1.3.2"),
        ("What does § 14 say?", "§ 14"),
        ("What is step 9?", "step 9"),
        ("What does error E-1099 mean?", "error E-1099"),
        ("What does figure 7 show?", "figure 7"),
    ],
)
def test_a_number_that_is_not_there_is_said(query: str, what: str, index: Index) -> None:
    lookup = found(query, index)
    assert lookup and not lookup.choices and lookup.message == f"There is no {what} in the documents."


@pytest.mark.parametrize(
    "query",
    [
        "What does clause 3.2 say about parking?",  # the clause does not say
        "Which clause is about notice?",
        "What happens after step 2 and step 3?",
        "How tall is the chimney?",
        "Does part of the deposit come back?",
        "How many steps are there?",
        "",
    ],
)
def test_other_questions_are_read_for(query: str, index: Index) -> None:
    assert found(query, index) is None


def test_codes_are_searched_as_the_documents_write_them(index: Index) -> None:
    assert codes_as_written("How do I clear E1042?", index) == {"E1042": "E-1042"}
    assert codes_as_written("what is e 1043", index) == {"e 1043": "E-1043"}
    assert codes_as_written("E-1042, E-1099 and F12 in 2024", index) == {}  # as typed, or in no document


def test_two_documents_with_the_number_are_both_quoted(tmp_path: Path) -> None:
    for name in ("north", "south"):
        (tmp_path / f"{name}.md").write_text(f"# {name} contract\n\n4.1 The {name} gate closes at ten.\n", encoding="utf-8")
    index = index_of(tmp_path, WordEmbedder())
    assert quoted("What does clause 4.1 say?", index) == "4.1 The north gate closes at ten. 4.1 The south gate closes at ten."
    assert quoted("What does clause 4.1 of the south contract say?", index) == "4.1 The south gate closes at ten."


def test_numbers_are_read_as_people_write_them() -> None:
    handles = [handle_in(text) for text in ("Clause 3.2?", "see § 12", "article 5 (2)", "error e 1042", "Sec. 2.3", "annex B")]
    assert [(h.group, h.number) for h in handles if h] == [
        (0, "3.2"), (0, "12"), (0, "5(2)"), (8, "e1042"), (0, "2.3"), (6, "b"),
    ]  # fmt: skip
