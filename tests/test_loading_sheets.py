"""Spreadsheets: cells as the sheet shows them, merged cells, what is hidden, and what is left out."""

import base64
import re
import zlib
from collections.abc import Callable
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from rag.errors import UnreadableFile
from rag.loading.loader import load_document
from rag.loading.office.number_formats import shown, shown_text
from rag.records import Document

# Made with xlwt: formats, a raised figure, merged rows, a hidden row and a hidden sheet.
OLD_WORKBOOK = (
    "c-rk)T}V_x6#nM!-F4UeSxwC!kjsizCSgX<i)|*U52a-fMFh6)UP{zmxhkO#Wtq@RPy|6y50VuTSiST^8P!t{kx>sp5NPF-F9iiX"
    "sN0!y@0!{Q3ME<hEOTb&%=w#{bLY&?tKqbf{yVv&m;+njz*N)&*9@AV;)!*<pz&x_He<D$O4NpB1s*qTq|1qi$uAP*9?Jb5g@W7a"
    "Q^LRpDhJSp+DKT}mJqhF4*?;4C>JWlo`OqMQjo)br85pPUdi|t^FCs{l_{qgmlN-Z*pFd<ZSiI+j`t}(9!nuCaF1o)F=YcX@m$97"
    "u`|Ntb)v#(3bg!J1LCjoDql^)04Ox8^{{Tpz86=q0`Oh&6_gYdl&&u=m9%S;7SdV?v@U{t)r0F$0b(c|K?Vi(0KP>v;A`vzd!pI&"
    "rKJlH{rhZs!aQ_0rJ8tj4{d)udLo5DJbDs^K|Ff$JbF^*v70&%zc&v5IfVkR2hoE<9xr`#0J%7iCZaN6=-S~(tKQy6md?9nq`Oel"
    "6bk9#3A7UjxR87eaZ$Fd3kEye0^wkn1E|t<(o@$)pF)T@Dhxe9QD4y#(haRL(rI)!;T9;{q_vi*^gYm6edI_Wtkpz1+w~-1j~+Di"
    "4sAyybVw=+2EqZOOPVvYfOl3FNanLKiExM}FWYH+LV9UyCT@Iry|Zzbzkw+|ocYcBL7|*FqBt%kNH~Q@oYT0NCDt)M!CLdUoy$0b"
    "c&IMgm1#AqdYR`Wj~0=gjSO%6t7o*=P`ht@_x=37kN&mP9;_bi&KP{_?}v{zCq(k{*NYNSA}(H#@W3Cdg_TL(GtT)XtGE@f<$Kh+"
    "1f^n<w+OTz63m`l9WmWgthF+G4(d6kdn)x*OS6chS+HigRzt{U&(qN$q(9@Q5@>~<y;Mk>$tiWYEL{p)nypJ=U2;nuika&&@%e1W"
    "<(p%l{6`fzt{@BDsip?U91V|YEgjZ8hsX;D$*)2l`I1dia+Xp`<(4U>S$0*Hl2IY8$n2fNevYx%3Tvf1rjm}k(nZSGKVd22QB33I"
    "8jm7wJbGfQig>GPgAF#=V1o@a-*n8I17AA%-XXJXg7vO5NoC4@Ci!Qf9ufL=&>xuX2vcpKYf<r&1*eGV5(|`xy%$Q@OV$lEqmlh+"
    "UUdA@ZAr|W&w>TLzwZ-Tto^CQ`1yzJ{{a2JaZ>"
)


def workbook(fill: Callable[[xlsxwriter.Workbook, Worksheet], None]) -> bytes:
    data = BytesIO()
    with xlsxwriter.Workbook(data) as book:
        fill(book, book.add_worksheet("Sheet"))
    return data.getvalue()


def changed(data: bytes, part: str, change: Callable[[str], str]) -> bytes:
    with ZipFile(BytesIO(data)) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    members[part] = change(members[part].decode()).encode()
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return made.getvalue()


def lines(document: Document) -> list[str]:
    return [block.span.of(document.text) for block in document.blocks]


# Checked against SSF, the formatter of SheetJS, except where its port to Python differs from Excel.
@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        (0.653035934, "0%", "65%"),
        (0.653035934, "0.0%", "65.3%"),
        (-0.05, "0.0 %", "-5.0 %"),
        (1234567.891, "#,##0.00", "1,234,567.89"),
        (12, "0,000", "0,012"),
        (1234.5, '"£"#,##0.00', "£1,234.50"),
        (1234.5, "#,##0.00 [$€-407]", "1,234.50 €"),
        (-1234.5, "#,##0.00;[Red](#,##0.00)", "(1,234.50)"),
        (0, '_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_);_(@_)', "-"),
        (12.5, '_($* #,##0.00_);_($* \\(#,##0.00\\);_($* "-"??_);_(@_)', "$12.50"),
        (1234567, '0.0,,"M"', "1.2M"),
        (1234567, "#,##0,", "1,235"),
        (7, "000", "007"),
        (5551234567, "(###) ###-####", "(555) 123-4567"),
        (0.5, "#.##", ".5"),
        (1.005, "0.00", "1.01"),
        (-0.001, "0.00", "0.00"),
        (99999.5, "0.00E+00", "1.00E+05"),
        (0.00012, "0.00E+00", "1.20E-04"),
        (2.5, "# ?/?", "2 1/2"),
        (2.375, "# ?/8", "2 3/8"),
        (45, '0 "mg"/"L"', "45 mg/L"),
        (1e300, "0", "1" + "0" * 300),
        (46000, "yyyy-mm-dd", "2025-12-09"),
        (46000, "dd/mm/yyyy", "09/12/2025"),
        (46000, "[$-409]mmmm d, yyyy;@", "December 9, 2025"),
        (46000, "[$-407]d. mmmm yyyy", "2025-12-09"),
        (46000.26, "ddd d mmm yy h:mm", "Tue 9 Dec 25 6:14"),
        (61, "yyyy-mm-dd", "1900-03-01"),
        (59, "yyyy-mm-dd", "1900-02-28"),
        (0.75, "h:mm AM/PM", "6:00 PM"),
        (1.5, "[h]:mm", "36:00"),
        (0.0005, "mm:ss", "00:43"),
        (150, '[>100]"high";"low"', "high"),
        (0, '0;-0;"none"', "none"),
        (3, 'General" kg"', "3 kg"),
        (5, ";;;", ""),
        (3.5, "", ""),
    ],
)
def test_numbers_as_the_sheet_shows_them(value: float, code: str, expected: str) -> None:
    assert shown(value, code) == expected


def test_texts_have_formats_too() -> None:
    assert shown_text("A7", '0;0;0;"No. "@') == "No. A7"
    assert shown_text("A7", "0.00") == "A7"


def test_dates_counted_from_1904() -> None:
    assert shown(44538, "yyyy-mm-dd", from_1904=True) == shown(46000, "yyyy-mm-dd") == "2025-12-09"


def test_percent_currency_dates_and_raised_figures() -> None:
    def fill(book: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        def style(code: str) -> object:
            return book.add_format({"num_format": code})

        sheet.write_row(0, 0, ["Home", "Occupancy", "Fee", "Opened", "Area"])
        sheet.write_row(1, 0, ["Alder Court"])
        sheet.write_number(1, 1, 0.653035934, style("0%"))
        sheet.write_number(1, 2, 1234.5, style('"£"#,##0.00'))
        sheet.write_number(1, 3, 46000, style("d mmm yyyy"))
        sheet.write_rich_string(1, 4, "25 m", book.add_format({"font_script": 1}), "2")

    document = load_document("homes.xlsx", workbook(fill))
    assert lines(document) == [
        "Sheet",
        "Home | Occupancy | Fee | Opened | Area",
        "Alder Court | 65% | £1,234.50 | 9 Dec 2025 | 25 m²",
    ]
    assert [(block.kind, block.level, block.page) for block in document.blocks[1:]] == [("table", 1, 1), ("table", 0, 2)]


def test_merged_cells_of_a_sheet() -> None:
    def fill(_: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        sheet.merge_range("A1:E1", "Falls and beds")
        sheet.merge_range("A2:A3", "Ward")
        sheet.merge_range("B2:C2", 2024)
        sheet.merge_range("D2:E2", 2025)
        sheet.write_row("B3", ["Falls", "Beds", "Falls", "Beds"])
        sheet.merge_range("A4:A5", "North")
        sheet.write_row("B4", [1, 20, 2, 22])
        sheet.write_row("B5", [3, 24, 4, 26])
        sheet.write("A6", "South")
        sheet.merge_range("B6:E6", "closed")

    assert lines(load_document("falls.xlsx", workbook(fill)))[1:] == [
        "Falls and beds",
        "Ward | 2024 › Falls | 2024 › Beds | 2025 › Falls | 2025 › Beds",
        "North | 1 | 20 | 2 | 22",
        "North | 3 | 24 | 4 | 26",
        "South | closed | closed | closed | closed",
    ]


def test_hidden_rows_columns_and_sheets_are_reported() -> None:
    def fill(book: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        sheet.write_row(0, 0, ["Name", "Salary", "Role"])
        sheet.write_row(1, 0, ["Ann", 41000, "Nurse"])
        sheet.write_row(2, 0, ["canary", 1, "canary"])
        sheet.write_row(3, 0, ["Bob", 38000, "Porter"])
        sheet.set_row(2, None, None, {"hidden": True})
        sheet.set_column(1, 1, None, None, {"hidden": True})
        book.add_worksheet("Old").hide()

    document = load_document("staff.xlsx", workbook(fill))
    assert lines(document)[1:] == ["Name | Role", "Ann | Nurse", "Bob | Porter"]
    assert sorted(document.notes) == ["hidden columns left out: 1", "hidden rows left out: 1", "hidden sheets left out: 1"]


def test_formulas_have_their_saved_value_or_none() -> None:
    def fill(_: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        sheet.write_row(0, 0, ["Item", "Cost"])
        sheet.write_row(1, 0, ["Bed", 300])
        sheet.write_row(2, 0, ["Total"])
        sheet.write_formula(2, 1, "=SUM(B2:B2)", value=300)
        sheet.write_row(3, 0, ["Mean"])
        sheet.write_formula(3, 1, "=AVERAGE(B2:B2)", value=777)

    data = changed(workbook(fill), "xl/worksheets/sheet1.xml", lambda source: source.replace("<v>777</v>", ""))
    document = load_document("costs.xlsx", data)
    assert lines(document)[2:] == ["Bed | 300", "Total | 300", "Mean | (no value)"]
    assert document.notes == ("formulas without a saved value: 1",)


def test_comments_text_boxes_pictures_and_macros() -> None:
    def fill(_: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        sheet.write_row(0, 0, ["Ward", "Beds"])
        sheet.write_row(1, 0, ["A", 20])
        sheet.write_comment("B2", "Four are closed.")
        sheet.insert_textbox("D2", "Counted on Monday.")

    data = BytesIO(workbook(fill))
    with ZipFile(data, "a") as opened:
        opened.writestr("xl/vbaProject.bin", b"macro")
        opened.writestr("xl/embeddings/notes.docx", b"file")
    document = load_document("beds.xlsm", data.getvalue())
    assert lines(document)[3:] == ["Comment on B2: Four are closed.", "Counted on Monday."]
    assert sorted(document.notes) == ["embedded files left out: 1", "macros left out: 1"]


def test_headers_and_footers_of_printed_pages() -> None:
    def fill(book: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        for each in (sheet, book.add_worksheet("Second")):
            each.write_row(0, 0, ["Ward", "Beds"])
            each.set_header('&L&"Arial,Bold"&14Bed plan&C&A&RRevision 7')
            each.set_footer("&CPage &P of &N")

    assert lines(load_document("beds.xlsx", workbook(fill)))[-2:] == ["Header and footer", "Bed plan Revision 7"]


def test_numbers_hidden_by_their_format_are_reported() -> None:
    def fill(book: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        sheet.write_row(0, 0, ["Ward", "Beds"])
        sheet.write_row(1, 0, ["A"])
        sheet.write_number(1, 1, 20, book.add_format({"num_format": ";;;"}))

    assert load_document("beds.xlsx", workbook(fill)).notes == ("numbers hidden by their format: 1",)


def test_a_workbook_from_before_2007() -> None:
    document = load_document("care.xls", zlib.decompress(base64.b85decode(OLD_WORKBOOK)))
    assert lines(document) == [
        "Care homes",
        "Home | Occupancy | Fee | Opened | Area",
        "Alder Court | 87% | £1,234.50 | 9 December 2025 | 25 m²",
        "Rowan House | 65.3% | £990.00",
        "Rowan House | 70% | £5.00",
    ]
    assert document.notes == ("hidden rows left out: 1", "hidden sheets left out: 1")


def test_a_damaged_old_workbook_is_refused() -> None:
    data = zlib.decompress(base64.b85decode(OLD_WORKBOOK))
    with pytest.raises(UnreadableFile, match="damaged"):
        load_document("care.xls", data[:512] + b"\xff" * 64 + data[576:])


def test_a_merged_range_made_to_exhaust_the_memory() -> None:
    def fill(_: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        sheet.write_row(0, 0, ["a", "b"])
        sheet.write_row(1_000_000, 0, ["a", "b"])
        sheet.write("XFD1", "c")

    def merge(source: str) -> str:
        return source.replace("</sheetData>", '</sheetData><mergeCells><mergeCell ref="A1:XFC1000001"/></mergeCells>')

    with pytest.raises(UnreadableFile, match="more than 2,000,000 cells"):
        load_document("a.xlsx", changed(workbook(fill), "xl/worksheets/sheet1.xml", merge))


def test_sparse_sheets_are_read_in_the_time_that_their_cells_take() -> None:
    def fill(_: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        sheet.write_row(0, 0, ["x", ""] * 8_000)
        for row in range(1, 5_000):
            sheet.write_row(row, 0, ["a", row])

    assert len(lines(load_document("a.xlsx", workbook(fill)))) == 5_001


def test_a_workbook_in_the_strict_format() -> None:
    def fill(_: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        sheet.write_row(0, 0, ["Ward", "Beds"])
        sheet.write_row(1, 0, ["A", 20])

    data = workbook(fill)
    transitional = "http://schemas.openxmlformats.org/"
    for part in ("xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels", "xl/sharedStrings.xml"):
        data = changed(data, part, lambda source: re.sub(f"{transitional}(?!package)", "http://purl.oclc.org/ooxml/", source))
    data = changed(data, "xl/workbook.xml", lambda source: source.replace("/2006/relationships", "/relationships"))
    assert lines(load_document("a.xlsx", data)) == ["Sheet", "Ward | Beds", "A | 20"]
