"""Which loader reads a file: told by its first bytes, where they say it, else by the ending of its name."""

from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from rag.errors import UnreadableFile

# From loader (a module beside this with `read(data) -> Parsed`) to the endings of its files. A new format is one more of both.
LOADERS: dict[str, tuple[str, ...]] = {
    "plain_text": (".txt", ".text"),
    "markdown": (".md", ".markdown", ".mdx"),
    "restructured_text": (".rst",),
    "web_page": (".html", ".htm", ".xhtml"),
    "pdf": (".pdf",),
    "word": (".docx",),
    "slides": (".pptx", ".pptm"),
    "sheets": (".xlsx", ".xlsm", ".xls", ".ods"),
    "separated_values": (".csv", ".tsv"),
    "book": (".epub",),
    "open_document": (".odt", ".odp"),
    "rich_text": (".rtf",),
    "mail": (".eml", ".mhtml", ".mht"),
    "json_records": (".json", ".jsonl", ".ndjson"),
    "notebook": (".ipynb",),
}
BY_ENDING = {ending: loader for loader, endings in LOADERS.items() for ending in endings}

# What an archive is, by a member that only it has.
_MEMBERS = {
    "word/document.xml": "word",
    "ppt/presentation.xml": "slides",
    "xl/workbook.xml": "sheets",
    "xl/workbook.bin": "sheets",
    "META-INF/container.xml": "book",
}
_MIMETYPES = {
    b"application/epub+zip": "book",
    b"application/vnd.oasis.opendocument.text": "open_document",
    b"application/vnd.oasis.opendocument.presentation": "open_document",
    b"application/vnd.oasis.opendocument.spreadsheet": "sheets",
}
_OLD = {
    ".doc": "an old Word file; save it as .docx",
    ".dot": "an old Word file; save it as .docx",
    ".ppt": "an old PowerPoint file; save it as .pptx",
    ".pps": "an old PowerPoint file; save it as .pptx",
    ".msg": "an Outlook message; save it as .eml",
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def format_of(name: str, data: bytes) -> str:
    """The loader for a file. Raises UnreadableFile, with what to do, for what none of them reads."""
    ending = Path(name).suffix.lower()
    loader = _by_content(data, ending) or BY_ENDING.get(ending)
    if loader is None:
        known = " ".join(endings[0] for endings in LOADERS.values())
        raise UnreadableFile(f"format {ending or 'without an ending'} is not known; known are {known}")
    return loader


def _by_content(data: bytes, ending: str) -> str | None:
    head = data[:1024]
    if b"%PDF-" in head:
        return "pdf"
    if data.startswith(b"{\\rtf"):
        return "rich_text"
    if data.startswith(b"PK\x03\x04"):
        return _archive(data)
    if data.startswith(_OLE):
        return _compound(data, ending)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")) and BY_ENDING.get(ending) in (None, "word", "sheets", "pdf", "rich_text"):
        return "web_page"  # what many a program saves under the name of an office format
    return None


def _archive(data: bytes) -> str:
    try:
        with ZipFile(BytesIO(data)) as archive:
            names = set(archive.namelist())
            mimetype = archive.open("mimetype").read(100).strip() if "mimetype" in names else b""
    except (BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise UnreadableFile(f"its archive is damaged ({error})") from None
    loader = _MIMETYPES.get(mimetype) or next((loader for member, loader in _MEMBERS.items() if member in names), None)
    if loader is None:
        raise UnreadableFile("an archive that is no document; unpack it into the corpus folder")
    return loader


def _compound(data: bytes, ending: str) -> str:
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise UnreadableFile("it is encrypted; save it without a password")
    if "Workbook".encode("utf-16-le") in data or "Book".encode("utf-16-le") in data[:4096]:
        return "sheets"
    raise UnreadableFile(_OLD.get(ending, "an old office file; save it in a format of today"))
