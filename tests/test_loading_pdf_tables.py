"""Tables in PDFs: borders, merged cells, headers of several rows, and tables that go on over pages."""

from io import BytesIO

import pytest
from reportlab.lib.colors import black
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

from rag.records import Document
from tests.sample_pdfs import HEIGHT, blocks, lines, load, made

TEXT = getSampleStyleSheet()["BodyText"]
GRID = [("GRID", (0, 0), (-1, -1), 0.5, black)]
BEFORE, AFTER = "The table of this page follows here.", "After the table the text goes on."


def typeset(*tables: Table) -> Document:
    buffer = BytesIO()
    flow: list[Flowable] = [Paragraph(BEFORE, TEXT)]
    for table in tables:
        flow += [table, Spacer(1, 20), Paragraph(AFTER, TEXT)]
    SimpleDocTemplate(buffer, pagesize=A4).build(flow)
    return load(buffer.getvalue())


def rows(document: Document) -> list[tuple[int, str]]:
    return [(block.level, block.span.of(document.text)) for block in document.blocks if block.kind == "table"]


ASSETS = [["Asset", "Room", "Price"], *([f"Pump {i}", f"C{i:03}", f"{i * 3 + 100}.50"] for i in range(90))]


@pytest.mark.parametrize("style", [GRID, []], ids=["borders", "no borders"])
@pytest.mark.parametrize("repeated", [1, 0], ids=["header on every page", "header once"])
def test_a_table_over_pages_has_one_header(style: list[object], repeated: int) -> None:
    document = typeset(Table(ASSETS, repeatRows=repeated, style=style))
    assert rows(document) == [(int(i == 0), " | ".join(row)) for i, row in enumerate(ASSETS)]
    pages = [block.page for block in document.blocks if block.kind == "table"]
    assert pages == sorted(pages, key=lambda page: page or 0) and pages[-1] == 3
    assert [text for kind, text in blocks(document) if kind == "paragraph"] == [BEFORE, AFTER]


def test_a_row_alone_on_the_next_page_belongs_to_its_table() -> None:
    def draw(canvas: Canvas) -> None:
        for i, cells in enumerate([["Nerve", "Days", "Length"], ["Ulnar", "680", "68"], ["Median", "700", "70"]]):
            for column, cell in enumerate(cells):
                canvas.drawString(72 + 120 * column, 160 - 16 * i, cell)
        canvas.showPage()
        for column, cell in enumerate(["Radial", "600", "60"]):
            canvas.drawString(72 + 120 * column, HEIGHT - 80, cell)
        lines(canvas, ["The text goes on below the table."], y=HEIGHT - 140)

    assert rows(load(made(draw))) == [
        (1, "Nerve | Days | Length"),
        (0, "Ulnar | 680 | 68"),
        (0, "Median | 700 | 70"),
        (0, "Radial | 600 | 60"),
    ]


def test_another_table_on_the_next_page_keeps_its_own_header() -> None:
    def draw(canvas: Canvas) -> None:
        for name, value, start in (("Nerve", "Days", 680), ("Muscle", "Weeks", 40)):
            cells_of = [[name, value], *([f"{name} {'abcd'[k]}", str(start + k)] for k in range(4))]
            for i, cells in enumerate(cells_of):
                for column, cell in enumerate(cells):
                    canvas.drawString(72 + 150 * column, HEIGHT - 80 - 16 * i, cell)
            canvas.showPage()

    assert [text for level, text in rows(load(made(draw))) if level] == ["Nerve | Days", "Muscle | Weeks"]


def test_merged_cells_and_headers_of_two_rows() -> None:
    table = Table(
        [
            ["Region", "2023", "", "2024", ""],
            ["", "H1", "H2", "H1", "H2"],
            ["North", "1", "2", "3", "4"],
            ["", "5", "6", "7", "8"],
            ["South", "10", "20", "30", "40"],
        ],
        style=[*GRID, ("SPAN", (0, 0), (0, 1)), ("SPAN", (1, 0), (2, 0)), ("SPAN", (3, 0), (4, 0)), ("SPAN", (0, 2), (0, 3))],
    )
    assert rows(typeset(table)) == [
        (1, "Region | 2023 › H1 | 2023 › H2 | 2024 › H1 | 2024 › H2"),
        (0, "North | 1 | 2 | 3 | 4"),
        (0, "North | 5 | 6 | 7 | 8"),
        (0, "South | 10 | 20 | 30 | 40"),
    ]


def test_cells_of_several_lines_are_one_row() -> None:
    step = "Step {} of a long process that has to be followed by all"
    who = "The nurse who is on duty in the ward on that day, or the doctor"
    cells = [["Step", "Who does it", "Note"], *([step.format(i), who, "See the manual"] for i in range(1, 4))]
    table = Table([[Paragraph(cell, TEXT) for cell in row] for row in cells], colWidths=[100, 160, 90], style=GRID)
    assert rows(typeset(table)) == [(int(i == 0), " | ".join(row)) for i, row in enumerate(cells)]


def test_columns_with_borders_and_rows_without() -> None:
    style = [("BOX", (0, 0), (-1, -1), 0.5, black), ("LINEBELOW", (0, 0), (-1, 0), 0.5, black)]
    style += [("LINEAFTER", (0, 0), (-2, -1), 0.5, black)]
    assert rows(typeset(Table(ASSETS[:8], style=style))) == [(int(i == 0), " | ".join(row)) for i, row in enumerate(ASSETS[:8])]


def test_pairs_of_label_and_value_have_no_header() -> None:
    pairs = [["Name", "Maria Smith"], ["Born", "3 May 1970"], ["Ward", "C4"], ["Allergy", "Penicillin"]]
    expected = [(0, " | ".join(pair)) for pair in pairs]
    assert rows(typeset(Table(pairs))) == rows(typeset(Table(pairs, style=GRID))) == expected


def test_frames_and_charts_are_not_tables() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.rect(60, HEIGHT - 200, 450, 120)
        lines(canvas, ["A box with a warning stands around this text,", "which has two lines."], y=HEIGHT - 120)
        for i in range(8):
            canvas.line(100, 200 + 30 * i, 400, 200 + 30 * i)
            canvas.drawString(80, 198 + 30 * i, str(10 * i))
        for i in range(6):
            canvas.line(100 + 60 * i, 200, 100 + 60 * i, 410)

    document = load(made(draw))
    assert rows(document) == []
    assert document.text.startswith("A box with a warning stands around this text, which has two lines.")


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_table_with_borders(rotation: int) -> None:
    def draw(canvas: Canvas) -> None:
        table = Table(ASSETS[:5], style=GRID)
        table.wrapOn(canvas, 400, 400)
        canvas.translate(300, 400)
        canvas.rotate(rotation)
        table.drawOn(canvas, -80, -60)

    assert rows(load(made(draw))) == [(int(i == 0), " | ".join(row)) for i, row in enumerate(ASSETS[:5])]
