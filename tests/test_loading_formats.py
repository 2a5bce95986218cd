"""All formats except text, Markdown, web pages and PDF, which have tests of their own: what is read and what is refused."""

import json
from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from rag.answering.wording import place
from rag.errors import UnreadableFile
from rag.loading import table_rows
from rag.loading.formats import BY_ENDING, LOADERS
from rag.loading.loader import load_document
from rag.records import Document
from tests.sample_files import SAMPLES, archive, book, mail, open_document, sheets, slides, word


def blocks(document: Document) -> list[tuple[str, int, int | None, str]]:
    return [(b.kind, b.level, b.page, b.span.of(document.text)) for b in document.blocks]


def read(name: str, data: bytes | None = None) -> Document:
    return load_document(name, SAMPLES[name]() if data is None else data)


def test_word() -> None:
    document = read("nerve.docx")
    assert document.title == "Nerve repair"
    assert blocks(document) == [
        ("heading", 1, None, "Nerve repair"),
        ("heading", 1, None, "Causes"),
        ("paragraph", 0, None, "Cuts are common causes."),
        ("paragraph", 0, None, "Crush injuries are rarer."),
        ("item", 0, None, "weakness"),
        ("item", 0, None, "numbness"),
        ("question", 2, None, "How fast do nerves regrow?"),
        ("paragraph", 0, None, "About one millimetre a day."),
        ("table", 1, None, "Nerve | Muscle"),
        ("table", 0, None, "ulnar | interossei"),
        ("table", 0, None, "median | thenar"),
    ]
    assert document.notes == ("pieces of hidden or white text left out: 2",)


def test_slides() -> None:
    document = read("nerve.pptx")
    assert blocks(document) == [
        ("heading", 2, 1, "Denervation"),
        ("item", 0, 1, "First point of 1"),
        ("item", 0, 1, "Second point of 1"),
        ("paragraph", 0, 1, "Say more about 1."),
        ("heading", 2, 2, "Recovery"),
        ("item", 0, 2, "First point of 2"),
        ("item", 0, 2, "Second point of 2"),
        ("table", 1, 2, "Week | Sign"),
        ("table", 0, 2, "3 | fibrillation"),
        ("paragraph", 0, 2, "Say more about 2."),
    ]
    assert document.notes == ("hidden slides left out: 1",)
    assert place("nerve.pptx", 2, ("Recovery",)) == "nerve.pptx › slide 2 › Recovery"


def test_sheets_keep_their_row_numbers() -> None:
    document = read("nerve.xlsx")
    assert blocks(document) == [
        ("heading", 2, 1, "Muscles"),
        ("table", 1, 3, "Muscle | Days | Seen"),
        ("table", 0, 4, "soleus | 21 | 2025-12-09"),
        ("table", 0, 5, "biceps | 14.5 | 2025-12-10"),
    ]
    assert document.notes == ("hidden sheets left out: 1",)


def test_separated_values() -> None:
    assert blocks(read("nerve.csv")) == [
        ("table", 1, 1, "Nerve | Root | Note"),
        ("table", 0, 2, "ulnar | C8 | two lines; one cell"),
        ("table", 0, 3, "median | C7"),
    ]
    assert blocks(read("nerve.tsv"))[1] == ("table", 0, 2, "ulnar | C8")


def test_a_table_with_too_many_cells_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert table_rows.MOST_CELLS == 2_000_000
    monkeypatch.setattr(table_rows, "MOST_CELLS", 2_000)
    with pytest.raises(UnreadableFile, match="more than 2,000 cells"):
        read("big.csv", b"a,b,c,d\n" + b"1,2,3,4\n" * 501)


def test_a_table_of_numbers_has_no_header_row() -> None:
    assert [block[1] for block in blocks(read("n.csv", b"1,2\n3,4\n"))] == [0, 0]


def test_a_book_is_read_in_the_order_of_its_spine() -> None:
    document = read("nerve.epub")
    assert document.title == "The nerve book"
    assert [text for _, _, _, text in blocks(document)] == ["First", "Text of First.", "Second", "Text of Second."]


def test_open_document() -> None:
    assert blocks(read("nerve.odt")) == [
        ("heading", 1, None, "Nerve"),
        ("paragraph", 0, None, "One  sentence."),
        ("item", 0, None, "first"),
        ("item", 0, None, "second"),
        ("table", 1, None, "Nerve | Root"),
        ("table", 0, None, "ulnar | C8"),
    ]
    assert blocks(read("nerve.odp")) == [
        ("heading", 2, 1, "One"),
        ("paragraph", 0, 1, "Body of One"),
        ("heading", 2, 2, "Two"),
        ("paragraph", 0, 2, "Body of Two"),
    ]


def test_mail() -> None:
    document = read("nerve.eml")
    assert document.title == "Results of the nerve study"
    texts = [text for _, _, _, text in blocks(document)]
    assert texts[1:3] == ["From: Ada <ada@example.org>", "To: bob@example.org"]
    assert "The ulnar nerve was slow." in texts
    assert not any("HTML" in text for text in texts)


def test_mail_in_an_unknown_charset_is_decoded() -> None:
    data = b"Subject: x\nContent-Type: text/plain; charset=martian\n\nCaf\xc3\xa9 is open.\n"
    assert "Café is open." in read("m.eml", data).text


def test_a_saved_web_page() -> None:
    data = (
        b'MIME-Version: 1.0\nSubject: Nerves\nContent-Type: multipart/related; boundary="x"; type="text/html"\n\n--x\n'
        b"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
        b"<h1>Nerves</h1><p>They gr=\now.</p>\n--x--\n"
    )
    assert [text for _, _, _, text in blocks(read("page.mhtml", data))] == ["Nerves", "They grow."]


def test_rich_text() -> None:
    assert [text for _, _, _, text in blocks(read("nerve.rtf"))] == ["Signs", "Weakness comes first.", "Café au lait."]


def test_json() -> None:
    assert blocks(read("nerve.json")) == [
        ("table", 1, 1, "question | answer"),
        ("table", 0, 1, "What is it? | A loss of nerve supply."),
    ]
    long = "A loss of nerve supply, which may be partial or complete, and from which a muscle may recover."
    faq = json.dumps({"items": [{"question": "What is it?", "answer": long, "tags": ["a", "b"]}]}).encode()
    assert blocks(read("faq.json", faq)) == [
        ("question", 0, 1, "What is it?"),
        ("paragraph", 0, 1, long),
        ("item", 0, 1, "tags: a"),
        ("item", 0, 1, "tags: b"),
    ]
    assert blocks(read("nerve.jsonl"))[2] == ("table", 0, 2, "median | C7")


def test_notebook() -> None:
    document = read("nerve.ipynb")
    assert document.title == "Fibres" and "canary" not in document.text
    assert blocks(document) == [
        ("heading", 1, 1, "# Fibres"),
        ("paragraph", 0, 1, "Fibres *shrink*."),
        ("code", 0, 2, "print(1)"),
        ("paragraph", 0, 3, "They recover."),
    ]


def test_restructured_text_reads_no_other_file() -> None:
    assert [text for _, _, _, text in blocks(read("nerve.rst"))] == ["Nerves", "They grow.", "one", "two", "Note", "Slowly."]
    hostile = b"Nerves\n======\n\nText.\n\n.. include:: /etc/passwd\n\n.. raw:: html\n   :file: /etc/passwd\n\n.. csv-table::\n   :file: /etc/passwd\n"
    assert "root" not in read("hostile.rst", hostile).text


@pytest.mark.parametrize("name", ["nerve.docx", "nerve.pptx", "nerve.xlsx", "nerve.epub", "nerve.odt", "nerve.rtf"])
def test_the_content_determines_the_format_if_the_name_is_wrong(name: str) -> None:
    data = SAMPLES[name]()
    for wrong in ("nerve.txt", "nerve.pdf", "nerve"):
        assert blocks(load_document(wrong, data)) == blocks(load_document(name, data))


def test_html_saved_as_a_word_file_is_read() -> None:
    assert "It grows." in read("old.doc", SAMPLES["nerve.html"]()).text


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.xyz", b"text", "format .xyz is not known"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old Word file; save it as .docx, or install LibreOffice"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
        ("a.jar", archive({"a.txt": "text"}), "an archive, not a document"),
        ("a.docx", b"PK\x03\x04 and no more", "archive is damaged"),
        ("a.json", b"{", "not JSON"),
        ("a.ipynb", b"[]", "not a notebook"),
        ("a.eml", b"", "no text"),
        ("a.eml", b"\n\nhello", "no header lines"),
        ("a.epub", archive({"META-INF/container.xml": "<container/>"}), "no package file"),
        ("a.odt", archive({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<x"}), "XML is damaged"),
    ],
)
def test_refused_with_a_reason(name: str, data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        load_document(name, data)


def test_a_book_with_encrypted_chapters_is_refused() -> None:
    with ZipFile(BytesIO(book())) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    locked = '<encryption><EncryptedData><CipherData><CipherReference URI="O/a.xhtml"/></CipherData></EncryptedData></encryption>'
    with pytest.raises(UnreadableFile, match="DRM"):
        load_document("b.epub", archive(members | {"META-INF/encryption.xml": locked}))


@pytest.mark.parametrize(
    ("name", "made"), [("a.docx", word), ("a.pptx", slides), ("a.xlsx", sheets), ("a.odt", open_document), ("a.epub", book)]
)
def test_archives_made_to_exhaust_the_memory_are_refused(name: str, made: Callable[[], bytes]) -> None:
    data = BytesIO(made())
    with ZipFile(data, "a", ZIP_DEFLATED) as opened:
        opened.writestr("filler", b"\0" * 60 * 2**20)
    with pytest.raises(UnreadableFile, match="made to do harm"):
        load_document(name, data.getvalue())


def test_xml_entities_are_not_expanded() -> None:
    bomb = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(9))
    spaces = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    content = f"{bomb}]><office:document-content {spaces}><office:body><text:p>Before &j; after</text:p></office:body></office:document-content>"
    data = archive({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})
    with pytest.raises(UnreadableFile, match="entity"):
        load_document("a.odt", data)
    harmless = content.replace("&j;", "&a;")
    members = {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": harmless}
    assert "Before" in load_document("a.odt", archive(members)).text


def test_hidden_characters_are_reported() -> None:
    assert read("a.txt", "Pay\u200b nobody.\n".encode()).notes == ("it contains 1 invisible character (zero-width or tags)",)
    assert read("a.txt", "\u202egnp.exe\u202c is here.\n".encode()).notes == (
        "it contains 2 characters that change the order in which text is shown",
    )
    assert read("a.txt", "A 👩\u200d🔬 and می\u200cخواهم are as they must be.\n".encode()).notes == ()


def test_titles_filled_in_by_programs_are_ignored() -> None:
    for title in ("Document1", "PowerPoint Presentation", "Microsoft Word - repair.doc", "Untitled-2"):
        assert read("nerve-notes.html", f"<title>{title}</title><p>Text.</p>".encode()).title == "Nerve notes"
    assert read("a.html", b"<title>New words for nerves</title><p>Text.</p>").title == "New words for nerves"


def test_every_ending_has_exactly_one_loader_with_a_module() -> None:
    assert sum(len(endings) for endings in LOADERS.values()) == len(BY_ENDING)
    for loader in LOADERS:
        assert callable(import_module(f"rag.loading.{loader}").read)


def test_a_message_gives_the_same_text_each_time() -> None:
    assert load_document("a.eml", mail()).text == load_document("a.eml", mail()).text
