"""What stands in a PDF besides its pages' text: form fields, comments, bookmarks, and notes on what is left out."""

from io import BytesIO

import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from rag.errors import UnreadableFile
from rag.loading.loader import load_file
from tests.sample_pdfs import HEIGHT, LEFT, blocks, lines, load, made, page


def form(canvas: Canvas) -> None:
    lines(canvas, ["The form of the ward is filled in by the nurse."])
    fields = canvas.acroForm
    fields.textfield(name="full_name", tooltip="Full name", value="Maria Smith", x=LEFT, y=600)
    fields.textfield(name="form[0].room_number[0]", value="C012", x=LEFT, y=550)
    fields.textfield(name="empty", tooltip="Remarks", value="", x=LEFT, y=500)
    fields.checkbox(name="smoker", tooltip="Smoker", checked=True, x=LEFT, y=450)
    fields.checkbox(name="diabetic", tooltip="Diabetic", checked=False, x=LEFT, y=420)
    fields.choice(name="ward", tooltip="Ward", value="North", options=["North", "South"], x=LEFT, y=380)
    fields.radio(name="side", tooltip="Side", value="left", selected=True, x=LEFT, y=340)
    fields.radio(name="side", tooltip="Side", value="right", selected=False, x=LEFT + 50, y=340)


def test_form_fields_are_read_with_their_values() -> None:
    texts = [text for _, text in blocks(load(made(form)))]
    assert texts == [
        "The form of the ward is filled in by the nurse.",
        "Full name: Maria Smith",
        "room number: C012",
        "Smoker: Yes",
        "Ward: North",
        "Side: left",
    ]


def test_a_form_without_any_other_text_is_read() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.acroForm.textfield(name="policy", tooltip="Policy number", value="PN-8841", x=LEFT, y=600)
        canvas.showPage()

    assert load(made(draw)).text == "Policy number: PN-8841"


def annotated(data: bytes, *annotations: tuple[int, dict[bytes, str], int]) -> bytes:
    """The PDF with annotations on its first page: subtype, strings, flags."""
    with pypdfium2.PdfDocument(data) as document:
        page = document[0]
        for subtype, strings, flags in annotations:
            annotation = pdfium.FPDFPage_CreateAnnot(page, subtype)
            for key, text in strings.items():
                wide = (text + "\0").encode("utf-16-le")
                pdfium.FPDFAnnot_SetStringValue(annotation, key, (pdfium.FPDF_WCHAR * (len(wide) // 2)).from_buffer_copy(wide))
            pdfium.FPDFAnnot_SetFlags(annotation, flags)
            pdfium.FPDFPage_CloseAnnot(annotation)
        buffer = BytesIO()
        document.save(buffer)
        return buffer.getvalue()


def test_comments_are_read_and_hidden_ones_reported() -> None:
    data = annotated(
        page("The nerve was cut at the wrist."),
        (pdfium.FPDF_ANNOT_TEXT, {b"Contents": "Check the date\rof the injury.", b"T": "Dr Lee"}, 0),
        (pdfium.FPDF_ANNOT_HIGHLIGHT, {b"Contents": "Which wrist?"}, 0),
        (pdfium.FPDF_ANNOT_FREETEXT, {b"Contents": "Seen on Monday."}, 0),
        (pdfium.FPDF_ANNOT_TEXT, {b"Contents": "Nobody sees this."}, pdfium.FPDF_ANNOT_FLAG_HIDDEN),
        (pdfium.FPDF_ANNOT_LINK, {b"Contents": "A link."}, 0),
    )
    document = load(data)
    assert [text for _, text in blocks(document)] == [
        "The nerve was cut at the wrist.",
        "Comment by Dr Lee: Check the date of the injury.",
        "Comment: Which wrist?",
        "Seen on Monday.",
    ]
    assert document.notes == ("invisible text left out on page 1",)


def test_bookmarks_are_headings_where_no_heading_is_printed() -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, ["Printed heading", "", "The first text is here."], y=700)
        lines(canvas, ["The second text is here, further down."], y=400)
        canvas.bookmarkHorizontalAbsolute("printed", 720)
        canvas.addOutlineEntry("Printed heading", "printed", 0)
        canvas.bookmarkHorizontalAbsolute("silent", 415)
        canvas.addOutlineEntry("Only a bookmark", "silent", 1)
        canvas.showPage()
        lines(canvas, ["The third text is on the next page."])
        canvas.bookmarkPage("page")
        canvas.addOutlineEntry("Page 2", "page", 0)

    document = load(made(draw))
    assert blocks(document) == [
        ("heading", "Printed heading"),
        ("paragraph", "The first text is here."),
        ("heading", "Only a bookmark"),
        ("paragraph", "The second text is here, further down."),
        ("paragraph", "The third text is on the next page."),
    ]
    assert [block.level for block in document.blocks] == [1, 0, 2, 0, 0]


def test_pictures_and_pages_without_text_are_reported() -> None:
    picture = ImageReader(Image.new("RGB", (50, 50), "gray"))

    def draw(canvas: Canvas) -> None:
        lines(canvas, ["A page with a picture of the hand."])
        canvas.drawImage(picture, 100, 200, 200, 200)
        canvas.showPage()
        lines(canvas, ["A page with a small logo."])
        canvas.drawImage(picture, 100, 200, 20, 20)
        canvas.showPage()
        canvas.line(100, 100, 200, 200)
        canvas.showPage()

    assert load(made(draw)).notes == ("no text on page 3", "pictures without text on page 1")


def test_scripts_are_reported() -> None:
    data = page("The text of the form.").replace(
        b"/Type /Catalog", b"/Type /Catalog /Names <</JavaScript <</Names [(a) <</S /JavaScript /JS (app.alert\\(1\\))>>]>>>>"
    )
    assert load(data).notes == ("scripts left out",)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_pages_that_are_shown_turned_are_read_along_their_lines(rotation: int) -> None:
    with pypdfium2.PdfDocument(page("The upper line of a page that is turned and", "the lower line of it.")) as document:
        document[0].set_rotation(rotation)
        buffer = BytesIO()
        document.save(buffer)
    assert load(buffer.getvalue()).text == "The upper line of a page that is turned and the lower line of it."


def test_an_empty_form_is_refused() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.acroForm.textfield(name="a", value="", x=LEFT, y=HEIGHT / 2)
        canvas.showPage()

    with pytest.raises(UnreadableFile, match="no text layer"):
        load(made(draw))


def attached(data: bytes, **files: bytes) -> bytes:
    with pypdfium2.PdfDocument(data) as document:
        for name, content in files.items():
            document.new_attachment(name.replace("_", ".")).set_data(content)
        buffer = BytesIO()
        document.save(buffer)
        return buffer.getvalue()


def test_attached_files_are_documents_of_their_own() -> None:
    data = attached(page("The contract has an annex."), annex_md=b"# Annex\n\nThe fee is 40 euros.\n", broken_docx=b"PK\x03\x04")
    file = load_file("contract.pdf", data)
    assert {document.id: document.text for document in file.documents} == {
        "contract.pdf": "The contract has an annex.",
        "contract.pdf/annex.md": "# Annex\n\nThe fee is 40 euros.\n",
    }
    assert [member.id for member in file.failed] == ["contract.pdf/broken.docx"]
    assert file.documents[0].notes == ("attached files are documents of their own: annex.md, broken.docx",)


def test_a_cover_without_text_around_other_files_is_read() -> None:
    file = load_file("cover.pdf", attached(made(lambda canvas: canvas.showPage()), notes_txt=b"The annex is here."))
    assert [document.id for document in file.documents] == ["cover.pdf/notes.txt"]
