"""Tables of all formats: which row is the header, where merged cells count, which tables a sheet has, and how cells are found."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import UnreadableFile
from rag.loading.blocks import Piece, row
from rag.loading.loader import load_document
from rag.loading.raised_figures import lowered, raised
from rag.loading.sheet_tables import sheet
from rag.loading.table_rows import Cell, grid, table
from rag.records import Document, Passage
from rag.text.passages import split_passages
from rag.text.table_cells import cells


def texts_of(pieces: Sequence[Piece]) -> list[str]:
    """Each piece as `kind level text`, without a level of 0."""
    return [f"{piece.kind}{piece.level or ''} {piece.text}" for piece in pieces]


def sheet_of(source: str) -> list[str]:
    """A sheet drawn with one line per row and commas between cells."""
    rows = [[cell.strip() for cell in line.split(",")] for line in source.strip("\n").split("\n")]
    return texts_of(list(sheet(enumerate(rows, start=1))))


def passages(name: str, data: bytes) -> list[Passage]:
    return split_passages(load_document(name, data), count_tokens=lambda texts: [len(t.split()) for t in texts], limit=200)


CELL_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\\", exclude_categories=["Cc", "Cs", "Z"]), max_size=4)


@given(st.lists(CELL_TEXT, min_size=2, max_size=5).filter(any))
def test_every_cell_of_a_written_row_is_found_in_its_place(texts: list[str]) -> None:
    written = row(texts).text.strip()
    found = [span.of(written).replace("\\|", "|") for span in cells(written)]
    assert found == [text.strip() for text in texts]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a | b | c", ["a", "b", "c"]),
        ("| a | b |", ["a", "b"]),
        ("| Mon | Tue", ["", "Mon", "Tue"]),
        ("a | b |", ["a", "b", ""]),
        ("|  | x |  |", ["", "x", ""]),
        ("a |  | c", ["a", "", "c"]),
        (r"1\|2 | b", [r"1\|2", "b"]),
        ("| a | b |\n|---|---|", ["a", "b"]),
        ("  a|b ", ["a", "b"]),
        ("alone", ["alone"]),
        ("", [""]),
    ],
)
def test_cells_of_a_row(written: str, expected: list[str]) -> None:
    assert [span.of(written) for span in cells(written)] == expected


def test_the_sentence_of_a_row_keeps_the_place_of_every_cell() -> None:
    for name, data in (("a.csv", b"k,A,B\n,1,2\n"), ("a.md", b"| k | A | B |\n|---|---|---|\n|  | 1 | 2 |\n")):
        passage = passages(name, data)[0]
        header, values = (passage.text_of(sentence) for sentence in passage.sentences)
        places = [{span.of(text): n for n, span in enumerate(cells(text))} for text in (header, values)]
        assert places[0]["A"] == places[1]["1"] == 1 and places[0]["B"] == places[1]["2"] == 2


def test_merged_cells_are_carried_on_over_rows_and_columns() -> None:
    rows = [
        [Cell("Clinic"), Cell("Device"), Cell("Day")],
        [Cell("Hill", rows=3), Cell("Scanner"), Cell("Mon")],
        [Cell("Autoclave"), Cell("Tue", rows=2)],
        [Cell("Bed")],
        [Cell("Bay"), Cell("closed", columns=2)],
    ]
    assert grid(rows) == [
        ["Clinic", "Device", "Day"],
        ["Hill", "Scanner", "Mon"],
        ["Hill", "Autoclave", "Tue"],
        ["Hill", "Bed", "Tue"],
        ["Bay", "closed", "closed"],
    ]


def test_a_cell_merged_over_both_rows_and_columns() -> None:
    assert grid([[Cell("x", columns=2, rows=2), Cell("a")], [Cell("b")], [Cell("c")]]) == [
        ["x", "x", "a"],
        ["x", "x", "b"],
        ["c"],
    ]


def test_a_section_row_is_written_once_and_a_title_row_becomes_a_paragraph() -> None:
    rows = [
        [Cell("Table 3: Staff", columns=3)],
        [Cell("Ward"), Cell("Nurses"), Cell("Beds")],
        [Cell("North", columns=3)],
        [Cell("A"), Cell("4"), Cell("20")],
    ]
    expected = ["paragraph Table 3: Staff", "table1 Ward | Nurses | Beds", "table North", "table A | 4 | 20"]
    assert texts_of(list(table(rows, header_rows=1))) == texts_of(list(table(rows, header_rows=None))) == expected


def test_heads_of_several_rows_are_joined() -> None:
    rows = [
        [Cell("Item", rows=2), Cell("2023", columns=2), Cell("2024", columns=2)],
        [Cell("H1"), Cell("H2"), Cell("H1"), Cell("H2")],
        [Cell("Falls"), Cell("3"), Cell("4"), Cell("5"), Cell("6")],
    ]
    for header_rows in (None, 1, 2):
        assert texts_of(list(table(rows, header_rows=header_rows))) == [
            "table1 Item | 2023 › H1 | 2023 › H2 | 2024 › H1 | 2024 › H2",
            "table Falls | 3 | 4 | 5 | 6",
        ]
    assert texts_of(list(table(rows, header_rows=0)))[0] == "table Item | 2023 | 2023 | 2024 | 2024"


def test_groups_may_have_a_digit_in_their_name() -> None:
    rows = [
        [Cell(""), Cell("Class1", columns=2), Cell("Class2", columns=2)],
        [Cell(""), Cell("A"), Cell("B"), Cell("A"), Cell("B")],
        [Cell("Ann"), Cell("yes"), Cell("no"), Cell("no"), Cell("yes")],
    ]
    assert texts_of(list(table(rows, header_rows=1)))[0] == "table1  | Class1 › A | Class1 › B | Class2 › A | Class2 › B"


def test_heads_of_three_rows() -> None:
    rows = [
        [Cell("Ward", rows=3), Cell("Falls", columns=4)],
        [Cell("2023", columns=2), Cell("2024", columns=2)],
        [Cell("Day"), Cell("Night"), Cell("Day"), Cell("Night")],
        [Cell("A"), Cell("1"), Cell("2"), Cell("3"), Cell("4")],
    ]
    assert texts_of(list(table(rows, header_rows=1))) == [
        "table1 Ward | Falls › 2023 › Day | Falls › 2023 › Night | Falls › 2024 › Day | Falls › 2024 › Night",
        "table A | 1 | 2 | 3 | 4",
    ]


def test_a_label_merged_over_columns_of_values_takes_no_row_of_values_into_the_header() -> None:
    rows = [
        [Cell("Name"), Cell("Contact", columns=2)],
        [Cell("Smith"), Cell("0121 496"), Cell("s@x.org")],
        [Cell("Jones"), Cell("0161 496"), Cell("j@x.org")],
    ]
    assert texts_of(list(table(rows, header_rows=1)))[:2] == [
        "table1 Name | Contact | Contact",
        "table Smith | 0121 496 | s@x.org",
    ]


@pytest.mark.parametrize("columns", [10**9, 5_000_000])
def test_merged_cells_made_to_exhaust_the_memory(columns: int) -> None:
    assert len(grid([[Cell("x", columns=columns), Cell("y")]])[0]) == 1_001
    with pytest.raises(UnreadableFile, match="more than 2,000,000 cells"):
        grid([[Cell("x", columns=columns, rows=10**9)], *[[] for _ in range(2_500)]])


@pytest.mark.parametrize(
    "source",
    [
        "Item,2021,2022,2023\nDonations,48100,52300,50100\nWages,31000,34400,36200",
        ",2021,2022\nDonations,48100,52300\nWages,31000,34400",
        "Year,2021,2022\nMembers,2010,415\nDogs,12,14",
        "2021,2022,2023\n48100,52300,50100",
        "Hour,1,2,3,4\nA,1,0,2,3\nB,2,2,0,1",
        "Item,Q1,Q2\nDonations,48,52",
        "Drug,10 mg,20 mg\nHeadache,3 %,5 %\nRash,1 %,2 %",
        "Item,2026-01-01,2026-02-01\nFalls,3,4",
        "Name,Role\nAnn,Nurse",
        "1,2,3\na,b,c\nd,e,f",
        "Name,Q1,Q2\nAnn,absent,present\nBob,present,absent",
    ],
)
def test_digits_can_name_columns(source: str) -> None:
    assert sheet_of(source)[0] == "table1 " + " | ".join(source.split("\n")[0].split(","))


@pytest.mark.parametrize(
    "source",
    [
        "1,2\n3,4",
        "ulnar,C8\nmedian,C7\nradial,C6",
        "ulnar,10 mg\nmedian,20 mg",
        "1990,Ann\n1991,Bob\n1992,Cy",
        "2019,2020\n2021,2022",
    ],
)
def test_a_first_row_like_the_others_is_no_header(source: str) -> None:
    assert not any(text.startswith("table1") for text in sheet_of(source))


def test_groups_of_columns_with_empty_cells_beside_their_label() -> None:
    assert sheet_of("Item,2023,,2024,\n,H1,H2,H1,H2\nFalls,3,4,5,6\nBeds,1,2,3,4") == [
        "table1 Item | 2023 › H1 | 2023 › H2 | 2024 › H1 | 2024 › H2",
        "table Falls | 3 | 4 | 5 | 6",
        "table Beds | 1 | 2 | 3 | 4",
    ]
    assert sheet_of(",Revenue,,\nItem,Q1,Q2,Q3\nShop,3,4,5")[0] == "table1 Item | Revenue › Q1 | Revenue › Q2 | Revenue › Q3"


def test_titles_and_notes_above_a_table_are_paragraphs() -> None:
    assert sheet_of("Falls by ward\nReport,2026-03\nAll figures are provisional\nWard,Jan,Feb,Mar\nA,1,2,3\nB,4,5,6") == [
        "paragraph Falls by ward",
        "paragraph Report: 2026-03",
        "paragraph All figures are provisional",
        "table1 Ward | Jan | Feb | Mar",
        "table A | 1 | 2 | 3",
        "table B | 4 | 5 | 6",
    ]


def test_a_title_above_an_empty_row_and_a_source_below() -> None:
    assert sheet_of("Opening hours\n\nDay,From,To\nMonday,9,17\nTuesday,10,18\n\nSource: reception") == [
        "paragraph Opening hours",
        "table1 Day | From | To",
        "table Monday | 9 | 17",
        "table Tuesday | 10 | 18",
        "paragraph Source: reception",
    ]


def test_tables_below_each_other() -> None:
    assert sheet_of("Name,Role\nAnn,Nurse\nBob,Porter\n\nRooms\nRoom,Use,Beds\nBlue,Meetings,0\nRed,Ward,12") == [
        "table1 Name | Role",
        "table Ann | Nurse",
        "table Bob | Porter",
        "paragraph Rooms",
        "table1 Room | Use | Beds",
        "table Blue | Meetings | 0",
        "table Red | Ward | 12",
    ]


def test_tables_side_by_side() -> None:
    assert sheet_of("Ward,Falls,,Drug,Dose\nA,3,,Aspirin,75\nB,4,,Heparin,5000\nC,5") == [
        "table1 Ward | Falls",
        "table A | 3",
        "table B | 4",
        "table C | 5",
        "table1 Drug | Dose",
        "table Aspirin | 75",
        "table Heparin | 5000",
    ]


def test_four_tables_in_two_rows_of_two() -> None:
    assert sheet_of("A,Falls,,B,Falls\nx,1,,y,2\n\nC,Costs,,D,Costs\nu,3,,v,4") == [
        "table1 A | Falls",
        "table x | 1",
        "table1 B | Falls",
        "table y | 2",
        "table1 C | Costs",
        "table u | 3",
        "table1 D | Costs",
        "table v | 4",
    ]


def test_an_empty_column_within_one_table_stays() -> None:
    assert sheet_of("Item,2021,,2022,2023\nFalls,3,,4,5\nBeds,6,,7,8")[1] == "table Falls | 3 |  | 4 | 5"
    assert sheet_of("Name,,Age\nAnn,,40")[1] == "table Ann |  | 40"


def test_a_table_goes_on_below_an_empty_row() -> None:
    assert sheet_of("Ward,Jan,Feb\nA,1,2\n\nNorth\n\nB,3,4\nC,5,6") == [
        "table1 Ward | Jan | Feb",
        "table A | 1 | 2",
        "table North",
        "table B | 3 | 4",
        "table C | 5 | 6",
    ]
    assert sheet_of("Nerve,Muscle\nulnar,interossei\n\nmedian,thenar\nradial,triceps")[2:] == [
        "table median | thenar",
        "table radial | triceps",
    ]


def test_a_header_above_an_empty_row() -> None:
    assert sheet_of("Number,Square\n\n1,1\n2,4") == ["table1 Number | Square", "table 1 | 1", "table 2 | 4"]


def test_rows_equal_to_the_header_are_kept() -> None:
    assert sheet_of("x,y\nx,y\nx,y") == ["table1 x | y", "table x | y", "table x | y"]
    assert len(sheet_of("Ward,Falls,Costs\nWard,no,yes\nB,no,yes")) > 1


def test_values_without_a_header_do_not_belong_to_that_of_another_table() -> None:
    source = "Ward,Falls\nA,3\nB,4\n\n"
    assert sheet_of(f"{source},,5,6\n,,7,8\n\n,,9,1")[3:] == ["paragraph 5 | 6", "paragraph 7 | 8", "table 9 | 1"]
    assert sheet_of(f"{source}Notes\n\n,,5,6\n,,7,8")[3:] == ["paragraph Notes", "table 5 | 6", "table 7 | 8"]


def test_notes_below_a_table_do_not_belong_to_its_columns() -> None:
    table = "Region,Jan,Feb,Mar,Total\nNorth,1,2,3,6\nSouth,4,5,6,15\n\n"
    assert sheet_of(f"{table}Note: provisional\nSource,HR")[3:] == ["paragraph Note: provisional", "table Source | HR"]
    assert sheet_of(f"{table}West,7\nEast,8")[3:] == ["table West | 7", "table East | 8"]


def test_a_table_away_from_the_corner() -> None:
    assert sheet_of(",,\n,Ward,Falls\n,A,3") == ["table1 Ward | Falls", "table A | 3"]


def test_a_header_shorter_than_its_rows() -> None:
    assert sheet_of("Name,Role,Since\nAnn,Nurse,2019,on leave\nBob,Porter,2020\nCy,Cook,2021")[0] == "table1 Name | Role | Since"


def test_a_list_in_one_column_stays_a_list_of_rows() -> None:
    assert sheet_of("apples\npears") == ["table apples", "table pears"]


def test_a_preamble_of_separated_values() -> None:
    document: Document = load_document("a.csv", b"Falls by ward 2026;;\nMade by reception;;\n\nWard;2025;2026\nA;3;4\nB;5;6\n")
    assert [(b.kind, b.level, b.page, b.span.of(document.text)) for b in document.blocks] == [
        ("paragraph", 0, 1, "Falls by ward 2026"),
        ("paragraph", 0, 2, "Made by reception"),
        ("table", 1, 4, "Ward | 2025 | 2026"),
        ("table", 0, 5, "A | 3 | 4"),
        ("table", 0, 6, "B | 5 | 6"),
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Falls by ward, 2026\nFor nurses, and others\n\nWard;Rate;Beds\nA;1,5;20\nB;2,5;30\n", "A | 1,5 | 20"),
        ("Made on Monday; checked\nWard,Beds,Note\nA,20,open\nB,30,closed\n", "A | 20 | open"),
        ("Ward|Beds|Note\nA|20|one, two\nB|30|three, four\n", "A | 20 | one, two"),
        ("Ward\tBeds\nA\t1,5\n", "A | 1,5"),
        ('"Ward", "Beds"\n"A, old", "20"\n', "A, old | 20"),
    ],
)
def test_the_separator_is_that_of_most_lines(source: str, expected: str) -> None:
    document = load_document("a.csv", source.encode())
    assert expected in [block.span.of(document.text) for block in document.blocks]


@pytest.mark.parametrize(
    ("text", "above", "below"),
    [
        ("3", "³", "₃"),
        ("-8", "⁻⁸", "₋₈"),
        ("2+", "²⁺", "₂₊"),
        ("n", "ⁿ", "ₙ"),
        ("1.5", "^(1.5)", "_(1.5)"),
        ("3/4", "^(3/4)", "_(3/4)"),
        ("Q", "^Q", "_Q"),
        ("kt", "ᵏᵗ", "kt"),
        ("max", "max", "max"),
        ("th", "th", "th"),
        ("TM", "TM", "TM"),
        ("[12]", "[12]", "[₁₂]"),
        ("1,2", "¹,²", "₁,₂"),
        ("3–5", "³–⁵", "₃–₅"),
        ("–8", "⁻⁸", "₋₈"),
        ("n – 1", "ⁿ⁻¹", "ₙ₋₁"),
        ("*", "*", "*"),
        (" 2 ", " ² ", " ₂ "),
        ("", "", ""),
    ],
)
def test_raised_and_lowered_text(text: str, above: str, below: str) -> None:
    assert (raised(text), lowered(text)) == (above, below)
