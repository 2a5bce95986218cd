"""OpenDocument texts, slides and sheets: numbers, merged cells, margins, notes, raised figures, objects, what is hidden."""

import pytest

from rag.errors import UnreadableFile
from rag.loading.loader import load_document
from rag.records import Document
from tests.sample_files import archive

SPACES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{full}:1.0"'
    for short, full in (
        *((each, each) for each in ("office", "text", "table", "style", "presentation", "chart", "form")),
        ("draw", "drawing"),
        ("svg", "svg-compatible"),
    )
)
SPACES += ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xlink="http://www.w3.org/1999/xlink"'


def read(kind: str, body: str, styles: str = "", *, margins: str = "", parts: dict[str, str] | None = None) -> Document:
    """`styles` are automatic styles; `margins` are master pages."""
    members = {
        "mimetype": f"application/vnd.oasis.opendocument.{kind}",
        "content.xml": f"<office:document-content {SPACES}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>",
        "styles.xml": f"<office:document-styles {SPACES}>{margins}</office:document-styles>",
        **(parts or {}),
    }
    ending = {"text": "odt", "presentation": "odp", "spreadsheet": "ods"}[kind]
    return load_document(f"a.{ending}", archive(members))


def blocks(document: Document) -> list[str]:
    return [f"{b.kind}{b.level or ''} {b.span.of(document.text)}" for b in document.blocks]


def p(text: str, style: str = "") -> str:
    return f'<text:p text:style-name="{style}">{text}</text:p>'


def level(number: int, form: str, more: str = "") -> str:
    return f'<text:list-level-style-number text:level="{number}" style:num-format="{form}" {more}/>'


def items(*entries: str, attributes: str = 'text:style-name="L"') -> str:
    return f"<text:list {attributes}>{''.join(f'<text:list-item>{entry}</text:list-item>' for entry in entries)}</text:list>"


LIST = f"""<text:list-style style:name="L">{level(1, "1", 'style:num-suffix="."')}
{level(2, "1", 'text:display-levels="2"')}{level(3, "a", 'style:num-prefix="(" style:num-suffix=")"')}</text:list-style>"""


def test_numbers_of_lists() -> None:
    body = items(
        p("Rent") + items(p("Due") + items(p("monthly"), p("in advance"), attributes=""), p("Late"), attributes=""), p("End")
    )
    assert blocks(read("text", body, LIST)) == [
        "item 1. Rent",
        "item 1.1 Due",
        "item (a) monthly",
        "item (b) in advance",
        "item 1.2 Late",
        "item 2. End",
    ]


def test_lists_that_continue_begin_anew_or_have_their_own_start() -> None:
    body = (
        items(p("a"), p("b") + p("more of b"))
        + p("Text.")
        + items(p("c"), attributes='text:style-name="L" text:continue-numbering="true"')
    )
    body += (
        items(p("d"))
        + '<text:list text:style-name="L"><text:list-item text:start-value="7"><text:p>e</text:p></text:list-item></text:list>'
    )
    texts = [text.split(" ", 1)[1] for text in blocks(read("text", body, LIST))]
    assert texts == ["1. a", "2. b", "more of b", "Text.", "3. c", "1. d", "7. e"]


def test_bullets_and_sub_lists_without_an_item_above() -> None:
    bullets = '<text:list-style style:name="B"><text:list-level-style-bullet text:level="1"/></text:list-style>'
    assert blocks(read("text", items(p("a"), attributes='text:style-name="B"'), bullets)) == ["item a"]
    assert blocks(read("text", items(items(p("a"), p("b"), attributes=""), p("c")), LIST)) == [
        "item 1.1 a",
        "item 1.2 b",
        "item 1. c",
    ]


def test_numbers_of_headings() -> None:
    outline = (
        '<office:styles><text:outline-style><text:outline-level-style text:level="1" style:num-format="1"/>'
        '<text:outline-level-style text:level="2" style:num-format="1" text:display-levels="2"/></text:outline-style></office:styles>'
    )
    headings = (("Scope", 1), ("Who", 2), ("Where", 2), ("Terms", 1), ("Rent", 2))
    body = "".join(f'<text:h text:outline-level="{depth}">{text}</text:h>' for text, depth in headings) + p("Text.")
    assert blocks(read("text", body, margins=outline)) == [
        "heading1 1 Scope",
        "heading2 1.1 Who",
        "heading2 1.2 Where",
        "heading1 2 Terms",
        "heading2 2.1 Rent",
        "paragraph Text.",
    ]


def cell(text: str, more: str = "") -> str:
    return f"<table:table-cell {more}>{p(text)}</table:table-cell>"


def row(*cells: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(cells)}</table:table-row>"


def wide(columns: int) -> str:
    return f'table:number-columns-spanned="{columns}"'


def tall(rows: int) -> str:
    return f'table:number-rows-spanned="{rows}"'


COVERED = "<table:covered-table-cell/>"
MERGED = (
    f"<table:table-header-rows>{row(cell('Ward', tall(2)), cell('2023', wide(2)), COVERED, cell('2024', wide(2)), COVERED)}"
    f"{row(COVERED, cell('H1'), cell('H2'), cell('H1'), cell('H2'))}</table:table-header-rows>"
    f"{row(cell('North', tall(2)), cell('1'), cell('2'), cell('3'), cell('4'))}{row(COVERED, cell('5'), cell('6'), cell('7'), cell('8'))}"
    f"{row(cell('South'), cell('closed', wide(4)), COVERED, COVERED, COVERED)}"
)


@pytest.mark.parametrize("kind", ["text", "presentation"])
def test_merged_cells_and_headers_of_two_rows(kind: str) -> None:
    table = f"<table:table>{MERGED}</table:table>"
    body = table if kind == "text" else f"<draw:page><draw:frame>{table}<draw:image/></draw:frame></draw:page>"
    assert blocks(read(kind, body)) == [
        "table1 Ward | 2023 › H1 | 2023 › H2 | 2024 › H1 | 2024 › H2",
        "table North | 1 | 2 | 3 | 4",
        "table North | 5 | 6 | 7 | 8",
        "table South | closed | closed | closed | closed",
    ]


def test_headers_that_only_their_style_marks() -> None:
    style = '<style:style style:name="P1" style:family="paragraph" style:parent-style-name="Table_20_Heading"/>'
    table = row(*(f"<table:table-cell>{p(text, 'P1')}</table:table-cell>" for text in ("Ward", "Beds"))) + row(
        cell("A"), cell("20")
    )
    assert blocks(read("text", f"<table:table>{table}</table:table>", style)) == ["table1 Ward | Beds", "table A | 20"]
    marked = f'<table:table table:use-first-row-styles="true">{table}</table:table>'
    assert blocks(read("text", marked))[0] == "table1 Ward | Beds"


def test_raised_and_lowered_figures() -> None:
    def style(name: str, position: str) -> str:
        return f'<style:style style:name="{name}"><style:text-properties style:text-position="{position}"/></style:style>'

    def span(style: str, text: str) -> str:
        return f'<text:span text:style-name="{style}">{text}</text:span>'

    styles = style("up", "super 58%") + style("high", "33% 58%") + style("down", "sub 58%") + style("flat", "0% 100%")
    body = p(f"25{span('up', '3')} and 10{span('high', '-')}{span('up', '8')}") + p(
        f"H{span('down', '2')}O, {span('flat', 'x')}1"
    )
    assert blocks(read("text", body, styles)) == ["paragraph 25³ and 10⁻⁸", "paragraph H₂O, x1"]


def test_headers_and_footers_once_each() -> None:
    page = "<style:master-page><style:header>{0}</style:header><style:footer>{1}</style:footer></style:master-page>"
    pages = page.format(p("SOP 118 Revision 7"), p("Approved by M. Okafor")) + page.format(p("SOP 118 Revision 7"), p("Page 3"))
    document = read(
        "text",
        '<text:h text:outline-level="1">Hands</text:h>' + p("Wash."),
        margins=f"<office:master-styles>{pages}</office:master-styles>",
    )
    assert blocks(document)[2:] == [
        "heading1 Header and footer",
        "paragraph SOP 118 Revision 7",
        "paragraph Approved by M. Okafor",
    ]


def test_notes_comments_and_tracked_deletions() -> None:
    note = f"<text:note><text:note-citation>1</text:note-citation><text:note-body>{p('In adults.')}</text:note-body></text:note>"
    comment = f"<office:annotation><dc:creator>Ann Lee</dc:creator>{p('Is it so?')}</office:annotation>"
    deleted = f"<text:tracked-changes><text:changed-region><text:deletion>{p('canary')}</text:deletion></text:changed-region></text:tracked-changes>"
    document = read("text", deleted + p(f"The dose is 5 mg.{note}{comment}") + p("The next."))
    assert blocks(document) == [
        "paragraph The dose is 5 mg.",
        "paragraph In adults.",
        "item Comment by Ann Lee: Is it so?",
        "paragraph The next.",
    ]
    assert document.notes == ("tracked deletions left out: 1",)


def test_nested_text_boxes_are_read_once() -> None:
    body = "Core."
    for depth in range(25):
        body = f"Level {depth}.<draw:frame><draw:text-box>{p(body)}</draw:text-box></draw:frame>"
    assert [text.split(" ", 1)[1] for text in blocks(read("text", p(body)))] == [
        *(f"Level {n}." for n in reversed(range(25))),
        "Core.",
    ]


def test_pictures_charts_and_formulas() -> None:
    def frame(content: str, text: str = "") -> str:
        return f"<draw:frame>{content}<svg:desc>{text}</svg:desc></draw:frame>"

    values = row(cell(""), cell("Falls")) + row(cell("March"), cell("23"))
    chart = (
        f"<office:document-content {SPACES}><office:body><office:chart><chart:chart><chart:title>{p('By month')}</chart:title>"
        f'<table:table table:name="local-table">{values}</table:table></chart:chart></office:chart></office:body></office:document-content>'
    )
    formula = '<math xmlns="http://www.w3.org/1998/Math/MathML"><annotation encoding="StarMath 5.0">E = m c^2</annotation></math>'
    objects = (frame(f'<draw:object xlink:href="./{name}"/><draw:image/>') for name in ("Object 1", "Object 2", "Object 3"))
    body = p(frame("<draw:image/>", "A splint") + frame("<draw:image/>") + "".join(objects))
    document = read("text", body, parts={"Object 1/content.xml": chart, "Object 2/content.xml": formula})
    assert blocks(document) == [
        "paragraph A splint",
        "paragraph By month",
        "table1 | Falls",
        "table March | 23",
        "paragraph E = m c^2",
    ]
    assert sorted(document.notes) == ["embedded files left out: 1", "images without text: 1"]


def test_notes_and_hidden_slides_of_a_presentation() -> None:
    hidden = '<style:style style:name="dp"><style:drawing-page-properties presentation:visibility="hidden"/></style:style>'
    slide = "<draw:page{0}><draw:frame><draw:text-box>{1}</draw:text-box></draw:frame><presentation:notes><draw:frame><draw:text-box>{2}"
    slide += "</draw:text-box></draw:frame></presentation:notes></draw:page>"
    body = slide.format("", p("Shown."), p("Say more.")) + slide.format(' draw:style-name="dp"', p("canary"), p("canary"))
    document = read("presentation", body + slide.format("", p("Third."), ""), hidden)
    assert [(block.page, block.span.of(document.text)) for block in document.blocks] == [
        (1, "Shown."),
        (1, "Say more."),
        (3, "Third."),
    ]
    assert document.notes == ("hidden slides left out: 1",)


def sheet(rows: str, more: str = "", name: str = "Sheet") -> str:
    return f'<table:table table:name="{name}" {more}>{rows}</table:table>'


def test_sheets_show_their_cells_as_the_file_shows_them() -> None:
    percent = f'<table:table-cell office:value-type="percentage" office:value="0.653035934">{p("65%")}</table:table-cell>'
    rows = row(cell("Home"), cell("Occupancy")) + row(cell("Rowan House"), percent)
    rows += row(cell("x"), '<table:table-cell table:formula="of:=1/0"/>')
    document = read("spreadsheet", sheet(rows))
    assert blocks(document)[1:] == ["table1 Home | Occupancy", "table Rowan House | 65%", "table x | (no value)"]
    assert document.notes == ("formulas without a saved value: 1",)


def test_merged_repeated_and_hidden_cells_of_sheets() -> None:
    columns = '<table:table-column table:number-columns-repeated="4"/><table:table-column table:visibility="collapse"/>'
    rows = row(cell("Falls", wide(5)), *[COVERED] * 4)
    rows += row(cell("Ward", tall(2)), cell("2024", wide(2)), COVERED, cell("2025", wide(2)), COVERED)
    rows += row(COVERED, cell("H1"), cell("H2"), cell("H1"), cell("H2"))
    rows += row(cell("A"), cell("3", 'table:number-columns-repeated="3"'), cell("canary"))
    rows += row(cell("canary"), cell("9"), more='table:visibility="filter"')
    rows += row(cell("B"), cell("1"), cell("2"), cell("4"), more='table:number-rows-repeated="2"')
    rows += row("<table:table-cell/>", more='table:number-rows-repeated="1048560"')
    style = '<style:style style:name="ta"><style:table-properties table:display="false"/></style:style>'
    body = sheet(columns + rows) + sheet(row(cell("canary")), 'table:style-name="ta"', "Old")
    document = read("spreadsheet", body, style)
    assert blocks(document)[1:] == [
        "paragraph Falls",
        "table1 Ward | 2024 › H1 | 2024 › H2 | 2025 › H1",
        "table A | 3 | 3 | 3",
        "table B | 1 | 2 | 4",
        "table B | 1 | 2 | 4",
    ]
    assert sorted(document.notes) == ["hidden columns left out: 1", "hidden rows left out: 1", "hidden sheets left out: 1"]


def test_comments_and_text_boxes_of_sheets() -> None:
    comment = f"<office:annotation>{p('Four are closed.')}</office:annotation>"
    shapes = f"<table:shapes><draw:frame><draw:text-box>{p('Counted on Monday.')}</draw:text-box></draw:frame></table:shapes>"
    rows = row(cell("Ward"), cell("Beds")) + row(cell("A"), f"<table:table-cell>{comment}{p('20')}</table:table-cell>")
    assert blocks(read("spreadsheet", sheet(shapes + rows)))[3:] == [
        "item Comment: Four are closed.",
        "paragraph Counted on Monday.",
    ]


def test_repeated_cells_made_to_exhaust_the_memory() -> None:
    rows = row(cell("x", 'table:number-columns-repeated="16000"'), more='table:number-rows-repeated="1000000"')
    for kind, body in (("spreadsheet", sheet(rows)), ("text", sheet(rows * 3))):
        with pytest.raises(UnreadableFile, match="more than 2,000,000 cells"):
            read(kind, body)


def test_an_encrypted_sheet_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="encrypted"):
        read("spreadsheet", "", parts={"META-INF/manifest.xml": "<manifest><encryption-data/></manifest>"})


def test_macros_are_reported_and_empty_libraries_are_not() -> None:
    parts = {"Basic/Standard/script-lb.xml": "<x/>", "Basic/Standard/Module1.xml": "<x/>"}
    assert read("text", p("Text."), parts=parts).notes == ("macros left out: 1",)
