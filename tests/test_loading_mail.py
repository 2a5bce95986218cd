"""Mail, Outlook messages and mailboxes: the better body, the headers, and attachments as documents of their own."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from rag.errors import UnreadableFile
from rag.loading.containers.letters import Attachment, Letter, letter_file
from rag.loading.containers.members import LoadedFile
from rag.loading.loader import load_document, load_file, member_bytes
from rag.records import Document
from tests.conftest import ReadHere, updated
from tests.sample_files import SAMPLES, archive


def message(
    plain: str | None = "Dear Bob,\n\nThe lift is closed.\n", html: str | None = None, subject: str = "Lift"
) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = subject, "Ann <ann@example.org>", "bob@example.org"
    mail["Date"] = "Mon, 03 Mar 2025 09:00:00 +0000"
    if plain is not None:
        mail.set_content(plain)
    if html is not None:
        mail.add_alternative(html, subtype="html")
    return mail


def load(mail: EmailMessage) -> LoadedFile:
    return load_file("a.eml", mail.as_bytes())


def texts(document: Document) -> list[str]:
    return [block.span.of(document.text) for block in document.blocks]


def body(mail: EmailMessage) -> list[str]:
    return texts(load(mail).documents[0])[4:]


def test_each_header_can_be_quoted_alone() -> None:
    document = load(message()).documents[0]
    assert [f"{block.kind} {block.span.of(document.text)}" for block in document.blocks] == [
        "heading Lift",
        "item From: Ann <ann@example.org>",
        "item To: bob@example.org",
        "item Date: Mon, 03 Mar 2025 09:00:00 +0000",
        "paragraph Dear Bob,",
        "paragraph The lift is closed.",
    ]


HTML = "<p>Dear Bob,</p><p>The lift is closed from 14 to 18 April.</p>"


@pytest.mark.parametrize(
    "plain",
    [
        "\n\n",
        "Dear Bob,",
        "This message is in HTML. Open it in a program that shows HTML, or view it in your browser.",
        "Your mail program cannot show this message. Ask for another that has been made for people with old programs.",
        "To view this message, go to https://example.org/view?id=93438943894389438943894389438943",
    ],
)
def test_the_html_is_read_if_the_plain_text_does_not_say_the_same(plain: str) -> None:
    assert body(message(plain, HTML)) == ["Dear Bob,", "The lift is closed from 14 to 18 April."]


def test_the_plain_text_is_read_if_it_says_the_same() -> None:
    assert body(message("Dear Bob,\n\nThe lift is closed\nfrom 14 to 18 April.\n\nAnn\n", HTML))[1:] == [
        "The lift is closed\nfrom 14 to 18 April.",
        "Ann",
    ]


def test_a_table_is_read_from_the_html() -> None:
    html = "<table><tr><th>Day<th>Open<tr><td>Mon<td>9 to 5</table>"
    assert body(message("Day\nOpen\nMon\n9 to 5\n", html)) == ["Day | Open", "Mon | 9 to 5"]


def test_attachments_are_documents_and_what_is_not_read_is_noted() -> None:
    mail = message()
    word = SAMPLES["nerve.docx"]()
    mail.add_attachment(word, maintype="application", subtype="octet-stream", filename="repair.docx")
    mail.add_attachment("Speed: 38 m/s.", filename="notes.txt")
    mail.add_attachment(archive({"in.md": "# In\n\nInside.\n"}), maintype="application", subtype="zip", filename="all.zip")
    mail.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="photo.png")
    mail.add_attachment(b"x", maintype="application", subtype="x-strange", filename="a.strange")
    mail.add_attachment(b"sig", maintype="application", subtype="pgp-signature", filename="signature.asc")
    mail.add_attachment(b"{", maintype="application", subtype="json", filename="broken.json")
    file = load(mail)
    assert [document.id for document in file.documents] == [
        "a.eml",
        "a.eml/repair.docx",
        "a.eml/notes.txt",
        "a.eml/all.zip/in.md",
    ]
    assert file.documents[2].text.strip() == "Speed: 38 m/s." and "Speed" not in file.documents[0].text
    assert file.documents[0].notes == (
        "images left out: 1",
        "attachment a.strange is not read: format .strange is not known",
    )
    assert [member.id for member in file.failed] == ["a.eml/broken.json"]
    assert member_bytes("a.eml", mail.as_bytes(), "a.eml/repair.docx") == word


def test_pictures_within_the_text_are_counted() -> None:
    mail = message("Hello.", "<p>Hello <img src='cid:logo'></p>")
    part = mail.get_payload()[1]  # type: ignore[index]
    part.add_related(b"\x89PNG", "image", "png", cid="<logo>")  # type: ignore[union-attr]
    assert load(mail).documents[0].notes == ("images left out: 1",)


def test_a_forwarded_message_is_a_document() -> None:
    mail = message()
    mail.add_attachment(message("The old lift.\n", subject="Re: lift/stairs"))
    file = load(mail)
    assert [document.id for document in file.documents] == ["a.eml", "a.eml/Re: lift-stairs.eml"]
    assert "The old lift." in file.documents[1].text


def test_an_encrypted_message_is_said_to_be_encrypted() -> None:
    data = (
        b'From: a@x.org\nSubject: s\nMIME-Version: 1.0\nContent-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b\n\n'
        b"--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--b\nContent-Type: application/octet-stream\n\n-----BEGIN PGP MESSAGE-----\n--b--\n"
    )
    file = load_file("a.eml", data)
    assert file.documents[0].notes == ("the message is encrypted",) and not file.failed


def test_each_message_of_a_mailbox_is_a_document() -> None:
    one, two = message("First.\n\n>From here on\n", subject="One"), message("Second.\n", subject="Two")
    two.add_attachment("Third.", filename="notes.txt")
    data = b"".join(b"From ann@example.org Mon Mar  3 09:00:00 2025\n" + mail.as_bytes() + b"\n" for mail in (one, two))
    file = load_file("old.mbox", data)
    assert [(document.id, document.title) for document in file.documents] == [
        ("old.mbox/message 1.eml", "One"),
        ("old.mbox/message 2.eml", "Two"),
        ("old.mbox/message 2.eml/notes.txt", "Notes"),
    ]
    assert "From here on" in file.documents[0].text and ">From" not in file.documents[0].text
    with pytest.raises(UnreadableFile, match="not a mailbox"):
        load_file("old.mbox", b"Dear diary,\n\nFrom now on.\n")


def test_the_headers_of_other_formats_are_read_alike() -> None:
    """Outlook messages need a program to make; that they are read is tested on the letter that they are read into."""
    letter = Letter(
        "S", (("From", "Ann"), ("Cc", "")), "", HTML, attachments=(Attachment("a.txt", b"x y"), Attachment("b.txt", b""))
    )
    parsed = letter_file(letter)
    assert parsed.text.startswith("S\n\nFrom: Ann\n\nDear Bob,") and [member.name for member in parsed.members] == ["a.txt"]
    assert parsed.notes == ("attachment b.txt is not read: it is empty",)


def test_a_damaged_outlook_message_is_refused() -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "__properties_version1.0".encode("utf-16-le")
    with pytest.raises(UnreadableFile, match="damaged"):
        load_document("a.msg", data)


def test_mail_is_indexed_with_its_attachments(tmp_path: Path) -> None:
    mail = message()
    mail.add_attachment("The speed is 38 metres a second.", filename="notes.txt")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.eml").write_bytes(mail.as_bytes())
    index, changes = updated(ReadHere(tmp_path / "corpus"), tmp_path / "index")
    assert changes.added == ["a.eml", "a.eml/notes.txt"]
    assert {passage.document_id for passage in index.passages if "38 metres" in passage.text} == {"a.eml/notes.txt"}
    _, again = updated(ReadHere(tmp_path / "corpus"), tmp_path / "index")
    assert again.unchanged == ["a.eml", "a.eml/notes.txt"] and not again.any
