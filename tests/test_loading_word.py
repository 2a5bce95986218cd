"""Word documents: numbers that Word counts, merged cells, margins, notes, comments, raised figures, equations, drawings."""

import re
from collections.abc import Callable
from io import BytesIO
from zipfile import ZipFile

import docx
import pytest
from docx.document import Document as WordDocument
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from rag.loading.loader import load_document
from rag.loading.office.equations import equation_text
from rag.loading.office.word_numbering import formatted_number
from rag.records import Document

W = nsdecls("w")
MATH = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
DRAWING = (
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:v="urn:schemas-microsoft-com:vml"'
)


def read(document: WordDocument, parts: dict[str, str] | None = None) -> Document:
    """Reads a document, after adding parts that python-docx cannot make."""
    data = BytesIO()
    document.save(data)
    if parts:
        kinds = {name: name.rpartition("/")[2].removesuffix(".xml") for name in parts}
        with ZipFile(data) as opened:
            members = {name: opened.read(name) for name in opened.namelist()}
        types = "".join(
            f'<Override PartName="/{n}" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.{k}+xml"/>'
            for n, k in kinds.items()
        )
        members["[Content_Types].xml"] = members["[Content_Types].xml"].replace(b"</Types>", types.encode() + b"</Types>")
        links = "".join(
            f'<Relationship Id="new{k}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{k}" Target="{k}.xml"/>'
            for k in kinds.values()
        )
        relations = "word/_rels/document.xml.rels"
        members[relations] = members[relations].replace(b"</Relationships>", links.encode() + b"</Relationships>")
        data = BytesIO()
        with ZipFile(data, "w") as opened:
            for name, content in (members | {n: source.encode() for n, source in parts.items()}).items():
                opened.writestr(name, content)
    return load_document("a.docx", data.getvalue())


def blocks(document: Document) -> list[str]:
    return [f"{b.kind}{b.level or ''} {b.span.of(document.text)}" for b in document.blocks]


def paragraphs(*sources: str) -> list[str]:
    """The texts of paragraphs, given the XML within them."""
    document = docx.Document()
    for source in sources:
        document.element.body.insert(-1, parse_xml(f"<w:p {W} {MATH} {DRAWING}>{source}</w:p>"))
    return [text.partition(" ")[2] for text in blocks(read(document))]


def numbered(
    levels: str, *entries: tuple[int, str], numbers: str = '<w:num w:numId="90"><w:abstractNumId w:val="90"/></w:num>'
) -> list[str]:
    """The texts of paragraphs in a list, given its levels as XML, and of each paragraph its level (or list and level) and text."""
    document = docx.Document()
    numbering = document.part.numbering_part.element
    definition = f'<w:abstractNum {W} w:abstractNumId="90">{levels}</w:abstractNum>'
    numbering.insert(0, parse_xml(definition))
    for number in re.findall(r"<w:num .*?</w:num>", numbers):
        numbering.append(parse_xml(number.replace("<w:num ", f"<w:num {W} ", 1)))
    for level, text in entries:
        number_id, level = divmod(level, 100) if level >= 100 else (90, level)
        properties = f'<w:pPr><w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number_id}"/></w:numPr></w:pPr>'
        document.element.body.insert(-1, parse_xml(f"<w:p {W}>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"))
    return [text.partition(" ")[2] for text in blocks(read(document))]


def level(number: int, text: str, form: str = "decimal", more: str = "", start: int = 1) -> str:
    return (
        f'<w:lvl w:ilvl="{number}"><w:start w:val="{start}"/><w:numFmt w:val="{form}"/>{more}<w:lvlText w:val="{text}"/></w:lvl>'
    )


def test_numbers_of_clauses_and_sub_clauses() -> None:
    levels = level(0, "%1.") + level(1, "%1.%2") + level(2, "(%3)", "lowerLetter") + level(3, "%4)", "lowerRoman")
    entries = (
        (0, "Rent"),
        (1, "Due"),
        (2, "monthly"),
        (2, "in advance"),
        (3, "by order"),
        (3, "in cash"),
        (1, "Late"),
        (2, "interest"),
        (0, "End"),
        (1, "Notice"),
    )
    assert numbered(levels, *entries) == [
        "1. Rent",
        "1.1 Due",
        "(a) monthly",
        "(b) in advance",
        "i) by order",
        "ii) in cash",
        "1.2 Late",
        "(a) interest",
        "2. End",
        "2.1 Notice",
    ]  # fmt: skip


def test_numbers_in_other_forms_and_with_other_starts() -> None:
    assert numbered(level(0, "Article %1", "upperRoman", start=4), (0, "Peace"), (0, "War")) == [
        "Article IV Peace",
        "Article V War",
    ]
    assert numbered(level(0, "%1", "decimalZero", start=9), (0, "a"), (0, "b")) == ["09 a", "10 b"]
    legal = level(0, "%1", "upperRoman") + level(1, "%1.%2", more="<w:isLgl/>")
    assert numbered(legal, (0, "a"), (1, "b")) == ["I a", "1.1 b"]
    assert numbered(level(0, "%1.") + level(1, "%1.%2"), (1, "a"), (1, "b")) == ["1.1 a", "1.2 b"]
    assert numbered(level(0, "•", "bullet"), (0, "a")) == ["a"]


def test_a_level_that_is_not_restarted() -> None:
    levels = level(0, "%1.") + level(1, "Step %2", more='<w:lvlRestart w:val="0"/>')
    assert numbered(levels, (0, "a"), (1, "b"), (0, "c"), (1, "d")) == ["1. a", "Step 1 b", "2. c", "Step 2 d"]


def test_a_second_list_counts_on_unless_it_has_its_own_start() -> None:
    first = '<w:num w:numId="90"><w:abstractNumId w:val="90"/></w:num>'
    second = '<w:num w:numId="91"><w:abstractNumId w:val="90"/></w:num>'
    entries = ((9000, "a"), (9000, "b"), (9100, "c"), (9100, "d"))
    assert numbered(level(0, "%1."), *entries, numbers=first + second) == ["1. a", "2. b", "3. c", "4. d"]
    started = second.replace("</w:num>", '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride></w:num>')
    assert numbered(level(0, "%1."), *entries, numbers=first + started) == ["1. a", "2. b", "1. c", "2. d"]


def test_numbers_of_headings_come_from_their_style() -> None:
    document = docx.Document()
    numbering = document.part.numbering_part.element
    levels = level(0, "%1", more='<w:pStyle w:val="Heading1"/>') + level(1, "%1.%2", more='<w:pStyle w:val="Heading2"/>')
    numbering.insert(0, parse_xml(f'<w:abstractNum {W} w:abstractNumId="90">{levels}</w:abstractNum>'))
    numbering.append(parse_xml(f'<w:num {W} w:numId="90"><w:abstractNumId w:val="90"/></w:num>'))
    for name in ("Heading 1", "Heading 2"):
        document.styles[name].element.get_or_add_pPr().append(parse_xml(f'<w:numPr {W}><w:numId w:val="90"/></w:numPr>'))
    for text, depth in (("Scope", 1), ("Who", 2), ("Where", 2), ("Terms", 1), ("Rent", 2)):
        document.add_heading(text, depth)
    plain = document.add_heading("Unnumbered", 1)
    plain._p.get_or_add_pPr().append(parse_xml(f'<w:numPr {W}><w:numId w:val="0"/></w:numPr>'))
    document.add_paragraph("Text.")
    assert blocks(read(document)) == [
        "heading1 1 Scope",
        "heading2 1.1 Who",
        "heading2 1.2 Where",
        "heading1 2 Terms",
        "heading2 2.1 Rent",
        "heading1 Unnumbered",
        "paragraph Text.",
    ]


@pytest.mark.parametrize(
    ("number", "form", "expected"),
    [
        (27, "lowerLetter", "aa"),
        (28, "upperLetter", "BB"),
        (1994, "lowerRoman", "mcmxciv"),
        (22, "ordinal", "22nd"),
        (112, "ordinal", "112th"),
        (3, "cardinalText", "3"),
        (3, "none", ""),
    ],
)
def test_forms_of_numbers(number: int, form: str, expected: str) -> None:
    assert formatted_number(number, form) == expected


def table_of(rows: str, look: str = '<w:tblLook w:firstRow="1"/>') -> list[str]:
    document = docx.Document()
    document.element.body.insert(-1, parse_xml(f"<w:tbl {W}><w:tblPr>{look}</w:tblPr>{rows}</w:tbl>"))
    return blocks(read(document))


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>"


def line(*cells: str, properties: str = "") -> str:
    return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(cells)}</w:tr>"


def span(columns: int) -> str:
    return f'<w:gridSpan w:val="{columns}"/>'


START, MORE = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"


def test_cells_merged_over_rows() -> None:
    rows = line(cell("Site"), cell("Device")) + line(cell("Hill", START), cell("Scanner")) + line(cell("", MORE), cell("Bed"))
    rows += line(cell("Dale", START), cell("Lamp")) + line(cell("", MORE), cell("Desk"))
    assert table_of(rows) == [
        "table1 Site | Device",
        "table Hill | Scanner",
        "table Hill | Bed",
        "table Dale | Lamp",
        "table Dale | Desk",
    ]


def test_a_header_of_two_rows_with_merged_cells() -> None:
    rows = line(cell("Ward", START), cell("2023", span(2)), cell("2024", span(2)))
    rows += line(cell("", MORE), cell("H1"), cell("H2"), cell("H1"), cell("H2"))
    rows += line(cell("A"), cell("3"), cell("4"), cell("5"), cell("6"))
    expected = ["table1 Ward | 2023 › H1 | 2023 › H2 | 2024 › H1 | 2024 › H2", "table A | 3 | 4 | 5 | 6"]
    assert table_of(rows) == expected
    marked = rows.replace("<w:trPr></w:trPr>", "<w:trPr><w:tblHeader/></w:trPr>", 2)
    assert table_of(marked, look='<w:tblLook w:firstRow="0"/>') == expected


def test_rows_that_begin_later_or_were_deleted() -> None:
    rows = line(cell("A"), cell("B"), cell("C")) + line(cell("2"), cell("3"), properties='<w:gridBefore w:val="1"/>')
    rows += line(cell("x"), cell("y"), cell("z"), properties="<w:del/>") + line(cell("4"), cell("5"), cell("6"))
    assert table_of(rows) == ["table1 A | B | C", "table | 2 | 3", "table 4 | 5 | 6"]


def test_bold_cells_are_a_header_where_the_table_says_nothing() -> None:
    rows = line(cell("Ward"), cell("Beds")).replace("<w:r>", "<w:r><w:rPr><w:b/></w:rPr>") + line(cell("A"), cell("20"))
    assert table_of(rows, look="") == ["table1 Ward | Beds", "table A | 20"]
    assert table_of(rows.replace("<w:b/>", ""), look="")[0] == "table Ward | Beds"  # may be a form of names and values
    three = line(cell("Ward"), cell("Beds"), cell("Falls")) + line(cell("A"), cell("20"), cell("3"))
    assert table_of(three, look="")[0] == "table1 Ward | Beds | Falls"
    assert table_of(three, look='<w:tblLook w:firstRow="0"/>')[0] == "table Ward | Beds | Falls"


def test_numbers_and_notes_in_cells() -> None:
    document = docx.Document()
    table = document.add_table(rows=2, cols=2)
    for row, texts in enumerate((("Step", "Task"), ("", "Wash hands"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    table.cell(1, 0).paragraphs[0].style = "List Number"
    table.cell(1, 0).paragraphs[0].add_run("First")
    table.cell(1, 1).paragraphs[0]._p.append(parse_xml(f'<w:r {W}><w:footnoteReference w:id="7"/></w:r>'))
    notes = f'<w:footnotes {W}><w:footnote w:id="7"><w:p><w:r><w:t>With soap.</w:t></w:r></w:p></w:footnote></w:footnotes>'
    assert blocks(read(document, {"word/footnotes.xml": notes})) == [
        "table1 Step | Task",
        "table 1. First | Wash hands",
        "paragraph With soap.",
    ]


def test_headers_and_footers_once_each() -> None:
    document = docx.Document()
    document.add_heading("Hand hygiene", 1)
    document.add_paragraph("Wash your hands.")
    for _ in range(2):
        section = document.add_section()
        section.header.is_linked_to_previous = section.footer.is_linked_to_previous = False
        section.header.paragraphs[0].text = "SOP 118\tRevision 7"
        section.footer.paragraphs[0].text = "Page 1 of 3"
    document.sections[1].different_first_page_header_footer = True
    table = document.sections[1].first_page_header.add_table(2, 2, 100_000)
    for place, text in (((0, 0), "Owner"), ((0, 1), "M. Okafor"), ((1, 0), "Valid to"), ((1, 1), "May 2026")):
        table.cell(*place).text = text
    document.sections[2].footer.paragraphs[0].text = "Approved by M. Okafor"
    read_document = read(document)
    assert blocks(read_document) == [
        "heading1 Hand hygiene",
        "paragraph Wash your hands.",
        "heading1 Header and footer",
        "table Owner | M. Okafor",
        "table Valid to | May 2026",
        "paragraph SOP 118 Revision 7",
        "paragraph Approved by M. Okafor",
    ]
    assert read_document.title == "Hand hygiene"


def test_a_document_without_margins_has_no_such_heading() -> None:
    document = docx.Document()
    document.add_paragraph("Wash your hands.")
    document.sections[0].footer.paragraphs[0].text = "Page 3"
    assert blocks(read(document)) == ["paragraph Wash your hands."]


def test_comments_and_notes_follow_their_paragraph() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("The dose is 5 mg.")
    document.add_comment(paragraph.runs, text="Check for children.", author="Ann Lee")
    paragraph._p.append(parse_xml(f'<w:r {W}><w:endnoteReference w:id="3"/></w:r>'))
    document.add_paragraph("The next.")
    notes = f'<w:endnotes {W}><w:endnote w:id="3"><w:p><w:r><w:t>Smith 2020.</w:t></w:r></w:p></w:endnote></w:endnotes>'
    assert blocks(read(document, {"word/endnotes.xml": notes})) == [
        "paragraph The dose is 5 mg.",
        "item Comment by Ann Lee: Check for children.",
        "paragraph Smith 2020.",
        "paragraph The next.",
    ]


def test_raised_and_lowered_figures() -> None:
    def run(text: str, align: str = "") -> str:
        properties = f'<w:rPr><w:vertAlign w:val="{align}"/></w:rPr>' if align else ""
        return f'<w:r>{properties}<w:t xml:space="preserve">{text}</w:t></w:r>'

    up, down = "superscript", "subscript"
    assert paragraphs(
        run("25") + run("3", up) + run(" cells"),
        run("4 × 10") + run("8", up) + run(" per litre"),
        run("CO") + run("2", down) + run(" and H") + run("2", down) + run("O"),
        run("10") + run("-", up) + run("1", up) + run("2", up) + run(" m"),
        run("the 1") + run("st", up) + run(" of May"),
        run("e") + run("1.5", up),
        run("HCO") + run("3", down) + run("-", up),
        '<w:r><w:t>10</w:t></w:r><w:ins><w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:t>6</w:t></w:r></w:ins>',
    ) == [
        "25³ cells",
        "4 × 10⁸ per litre",
        "CO₂ and H₂O",
        "10⁻¹² m",
        "the 1st of May",
        "e^(1.5)",
        "HCO₃⁻",
        "10⁶",
    ]


def test_a_character_style_can_raise_figures() -> None:
    document = docx.Document()
    style = document.styles.add_style("Power", docx.enum.style.WD_STYLE_TYPE.CHARACTER)
    style.font.superscript = True
    document.add_paragraph("10").add_run("8", style="Power")
    assert blocks(read(document)) == ["paragraph 10⁸"]


def test_tracked_changes_as_word_shows_them() -> None:
    document = docx.Document()
    changes = '<w:r><w:t xml:space="preserve">Give </w:t></w:r><w:del><w:r><w:delText>10</w:delText></w:r></w:del>'
    changes += (
        "<w:ins><w:r><w:t>5</w:t></w:r></w:ins><w:moveFrom><w:r><w:t>away</w:t></w:r></w:moveFrom><w:r><w:t> mg.</w:t></w:r>"
    )
    document.element.body.insert(-1, parse_xml(f"<w:p {W}>{changes}</w:p>"))
    document.element.body.insert(-1, parse_xml(f"<w:ins {W}><w:p><w:r><w:t>A whole paragraph.</w:t></w:r></w:p></w:ins>"))
    read_document = read(document)
    assert blocks(read_document) == ["paragraph Give 5 mg.", "paragraph A whole paragraph."]
    assert read_document.notes == ("tracked deletions left out: 1",)


def test_symbols_form_fields_content_controls_and_reading_aids() -> None:
    drop_down = '<w:ddList><w:result w:val="1"/><w:listEntry w:val="red"/><w:listEntry w:val="blue"/></w:ddList>'
    assert paragraphs(
        '<w:r><w:t xml:space="preserve">Age </w:t><w:sym w:font="Symbol" w:char="F0B3"/><w:t xml:space="preserve"> 5 </w:t>'
        '<w:sym w:font="Symbol" w:char="F06D"/><w:t>g </w:t><w:sym w:font="Wingdings" w:char="F0FC"/></w:r>',
        '<w:r><w:rPr><w:rFonts w:ascii="Symbol"/></w:rPr><w:t>\uf0b1 \uf061</w:t></w:r>',
        f'<w:r><w:t xml:space="preserve">Colour: </w:t></w:r><w:r><w:fldChar><w:ffData>{drop_down}</w:ffData></w:fldChar></w:r>',
        "<w:r><w:fldChar><w:ffData><w:checkBox><w:checked/></w:checkBox></w:ffData></w:fldChar></w:r><w:r><w:t> agreed</w:t></w:r>",
        "<w:sdt><w:sdtPr><w:alias w:val='Name'/></w:sdtPr><w:sdtContent><w:r><w:t>Ann Lee</w:t></w:r></w:sdtContent></w:sdt>",
        "<w:hyperlink><w:r><w:t>the link</w:t></w:r></w:hyperlink>",
        "<w:r><w:ruby><w:rt><w:r><w:t>とうきょう</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>東京</w:t></w:r></w:rubyBase></w:ruby></w:r>",
    ) == ["Age ≥ 5 μg ✓", "± α", "Colour: blue", "☒ agreed", "Ann Lee", "the link", "東京"]


def equation(source: str) -> str:
    return equation_text(parse_xml(f"<m:oMath {MATH}>{source}</m:oMath>"))


def r(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (f"{r('E=m')}<m:sSup><m:e>{r('c')}</m:e><m:sup>{r('2')}</m:sup></m:sSup>", "E=mc²"),
        (f"<m:f><m:num>{r('a+b')}</m:num><m:den>{r('2')}</m:den></m:f>", "(a+b)/2"),
        (f"<m:f><m:fPr><m:type m:val='noBar'/></m:fPr><m:num>{r('n')}</m:num><m:den>{r('k')}</m:den></m:f>", "n¦k"),
        (f"<m:rad><m:deg/><m:e>{r('x+1')}</m:e></m:rad>", "√(x+1)"),
        (f"<m:rad><m:deg>{r('3')}</m:deg><m:e>{r('x')}</m:e></m:rad>", "∛x"),
        (f"<m:sSubSup><m:e>{r('x')}</m:e><m:sub>{r('i')}</m:sub><m:sup>{r('2')}</m:sup></m:sSubSup>", "xᵢ²"),
        (f"<m:sSub><m:e>{r('C')}</m:e><m:sub>{r('max')}</m:sub></m:sSub>", "C_(max)"),
        (f"<m:sSup><m:e>{r('10')}</m:e><m:sup>{r('1.5')}</m:sup></m:sSup>", "10^(1.5)"),
        (
            f"<m:nary><m:naryPr><m:chr m:val='∑'/></m:naryPr><m:sub>{r('i=1')}</m:sub><m:sup>{r('∞')}</m:sup><m:e>{r('i')}</m:e></m:nary>",
            "∑ᵢ₌₁^∞ i",
        ),
        (f"<m:func><m:fName>{r('log')}</m:fName><m:e>{r('x')}</m:e></m:func>", "log x"),
        (f"<m:d><m:dPr><m:begChr m:val='['/><m:endChr m:val=']'/></m:dPr><m:e>{r('a')}</m:e><m:e>{r('b')}</m:e></m:d>", "[a|b]"),
        (f"<m:m><m:mr><m:e>{r('1')}</m:e><m:e>{r('0')}</m:e></m:mr><m:mr><m:e>{r('0')}</m:e><m:e>{r('1')}</m:e></m:mr></m:m>", "[1, 0; 0, 1]"),
        (f"<m:limLow><m:e>{r('lim')}</m:e><m:lim>{r('x→0')}</m:lim></m:limLow>", "lim_(x→0)"),
    ],
)  # fmt: skip
def test_equations_on_one_line(source: str, expected: str) -> None:
    assert equation(source) == expected


def drawing(content: str, description: str = "") -> str:
    return f'<w:drawing><wp:inline><wp:docPr id="1" name="x" descr="{description}"/>{content}</wp:inline></w:drawing>'


def test_alternative_texts_and_pictures_without_any() -> None:
    document = docx.Document()
    for description in ("Falls by month", ""):
        source = f"<w:p {W} {DRAWING}><w:r>{drawing('<a:graphic><a:blip/></a:graphic>', description)}</w:r></w:p>"
        document.element.body.insert(-1, parse_xml(source))
    read_document = read(document)
    assert blocks(read_document) == ["paragraph Falls by month"]
    assert read_document.notes == ("images without text: 1",)


def boxed(content: str) -> str:
    """A paragraph with a text box as Word writes it: once for itself, once for old programs."""
    box = f"<w:txbxContent>{content}</w:txbxContent>"
    return (
        f"<w:p {W} {DRAWING}><w:r><mc:AlternateContent><mc:Choice Requires='wps'>{drawing(f'<wps:txbx>{box}</wps:txbx>')}</mc:Choice>"
        f"<mc:Fallback><w:pict><v:textbox>{box}</v:textbox></w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )


def test_text_boxes_are_read_once() -> None:
    document = docx.Document()
    document.element.body.insert(-1, parse_xml(boxed("<w:p><w:r><w:t>In a box.</w:t></w:r></w:p>")))
    old = (
        "<w:p {0}><w:r><w:pict><v:shape><v:textbox><w:txbxContent><w:p><w:r><w:t>In an old box.</w:t></w:r></w:p></w:txbxContent>"
    )
    old += "</v:textbox></v:shape></w:pict></w:r></w:p>"
    document.element.body.insert(-1, parse_xml(old.format(f"{W} {DRAWING}")))
    assert blocks(read(document)) == ["paragraph In a box.", "paragraph In an old box."]


@pytest.mark.parametrize("in_cell", [False, True])
def test_nested_text_boxes_are_read_once(in_cell: bool) -> None:
    def nested(depth: int) -> str:
        if not depth:
            return "<w:p><w:r><w:t>Core.</w:t></w:r></w:p>"
        inner = f"<w:txbxContent>{nested(depth - 1)}</w:txbxContent>"
        paragraph = f"<w:p><w:r><w:t>Level {depth}.</w:t></w:r><w:r><w:pict>{inner}</w:pict></w:r></w:p>"
        return f"<w:tbl><w:tr><w:tc>{paragraph}</w:tc><w:tc><w:p/></w:tc></w:tr></w:tbl>" if in_cell else paragraph

    document = docx.Document()
    document.element.body.insert(-1, parse_xml(nested(25).replace(">", f" {W}>", 1)))
    texts = [text.partition(" ")[2].rstrip(" |") for text in blocks(read(document))]
    assert sorted(texts) == sorted([*(f"Level {depth}." for depth in range(1, 26)), "Core."])


def with_part(change: Callable[[ZipFile], None]) -> Document:
    document = docx.Document()
    document.add_paragraph("Text.")
    data = BytesIO()
    document.save(data)
    with ZipFile(data, "a") as opened:
        change(opened)
    return load_document("a.docx", data.getvalue())


def test_macros_and_embedded_files_are_reported() -> None:
    assert with_part(lambda opened: opened.writestr("word/vbaProject.bin", b"x")).notes == ("macros left out: 1",)
    assert with_part(lambda opened: opened.writestr("word/embeddings/a.xlsx", b"x")).notes == ("embedded files left out: 1",)


def test_hidden_text_stays_out() -> None:
    document = docx.Document()
    document.add_paragraph("Seen.").add_run(" canary").font.hidden = True
    read_document = read(document)
    assert read_document.text == "Seen." and read_document.notes == ("pieces of hidden or white text left out: 1",)
