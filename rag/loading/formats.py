"""Which loader reads a file: determined by its first bytes if they are conclusive, otherwise by its name's ending."""

from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from rag.errors import UnreadableFile

# From loader (a module in this package with `read(data) -> ParsedFile`) to the endings of its files.
LOADERS: dict[str, tuple[str, ...]] = {
    "text_files.plain_text": (".txt", ".text"),
    "text_files.markdown": (".md", ".markdown", ".mdx"),
    "text_files.restructured_text": (".rst",),
    "web.web_page": (".html", ".htm", ".xhtml"),
    "pdf.extraction": (".pdf",),
    "pdf.pictures": (".png", ".jpg", ".jpeg", ".tif", ".tiff"),
    "office.word": (".docx",),
    "office.slides": (".pptx", ".pptm"),
    "office.spreadsheets": (".xlsx", ".xlsm", ".xls", ".ods"),
    "text_files.separated_values": (".csv", ".tsv"),
    "web.epub": (".epub",),
    "office.open_document": (".odt", ".odp"),
    "office.rtf": (".rtf",),
    "office.old_formats": (".doc", ".dot", ".ppt", ".pps"),
    "containers.mail": (".eml", ".mhtml", ".mht"),
    "containers.mailbox": (".mbox",),
    "containers.outlook": (".msg",),
    "text_files.json_records": (".json", ".jsonl", ".ndjson"),
    "text_files.notebook": (".ipynb",),
    "markup.xml_tree": (".xml",),
    "markup.org_mode": (".org",),
    "markup.latex": (".tex", ".latex"),
    "markup.asciidoc": (".adoc", ".asciidoc"),
    "containers.zip_archive": (".zip",),
}
BY_ENDING = {ending: loader for loader, endings in LOADERS.items() for ending in endings}

# Members that identify the kind of archive.
_MEMBERS = {
    "word/document.xml": "office.word",
    "ppt/presentation.xml": "office.slides",
    "xl/workbook.xml": "office.spreadsheets",
    "xl/workbook.bin": "office.spreadsheets",
    "META-INF/container.xml": "web.epub",
}
_MIMETYPES = {
    b"application/epub+zip": "web.epub",
    b"application/vnd.oasis.opendocument.text": "office.open_document",
    b"application/vnd.oasis.opendocument.presentation": "office.open_document",
    b"application/vnd.oasis.opendocument.spreadsheet": "office.spreadsheets",
}
# Formats whose endings programs often give to HTML files; None stands for an unknown ending.
_OFTEN_HTML = (None, "office.word", "office.old_formats", "office.spreadsheets", "pdf.extraction", "office.rtf")
_HEAD = 1024  # bytes; PDF readers accept the signature anywhere in them
_OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def format_of(name: str, data: bytes) -> str:
    """The loader for a file. Raises UnreadableFile, which says what to do, if there is none."""
    ending = Path(name).suffix.lower()
    loader = _by_content(data, ending) or BY_ENDING.get(ending)
    if loader is None:
        known = " ".join(endings[0] for endings in LOADERS.values())
        what = f"format {ending} is not known" if ending else "its name has no ending"
        raise UnreadableFile(f"{what}; supported formats: {known}")
    return loader


def _by_content(data: bytes, ending: str) -> str | None:
    head = data[:_HEAD]
    if b"%PDF-" in head:
        return "pdf.extraction"
    if data.startswith(b"{\\rtf"):
        return "office.rtf"
    if data.startswith(b"PK\x03\x04"):
        return _archive_loader(data, ending)
    if data.startswith(_OLE_SIGNATURE):
        return _ole_loader(data, ending)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")) and BY_ENDING.get(ending) in _OFTEN_HTML:
        return "web.web_page"
    return None


def _archive_loader(data: bytes, ending: str) -> str:
    """For ZIP archives: OpenDocument and EPUB state their type; Microsoft's formats are recognised by their members."""
    try:
        with ZipFile(BytesIO(data)) as archive:
            names = set(archive.namelist())
            mimetype = archive.open("mimetype").read(100).strip() if "mimetype" in names else b""
    except (BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise UnreadableFile(f"its archive is damaged ({error})") from None
    loader = _MIMETYPES.get(mimetype) or next((loader for member, loader in _MEMBERS.items() if member in names), None)
    if loader is None and BY_ENDING.get(ending) != "containers.zip_archive":
        raise UnreadableFile("it is an archive, not a document; unpack it into the corpus folder")
    return loader or "containers.zip_archive"


def _ole_loader(data: bytes, ending: str) -> str:
    """For OLE containers: Outlook messages, Office files from before 2007, and encrypted Office files of any age."""
    if _has_stream(data, "__properties_version1.0"):
        return "containers.outlook"
    if _has_stream(data, "EncryptedPackage"):
        raise UnreadableFile("it is encrypted; save it without a password")
    if _has_stream(data, "Workbook") or _has_stream(data[:4096], "Book"):
        return "office.spreadsheets"
    if _has_stream(data, "WordDocument") or _has_stream(data, "PowerPoint Document") or ending in LOADERS["office.old_formats"]:
        return "office.old_formats"
    raise UnreadableFile("it is an old office file; save it in a current format")


def _has_stream(data: bytes, name: str) -> bool:
    return name.encode("utf-16-le") in data


# What `page` counts, by the ending of the file's name; all other formats count pages.
_PAGE_UNITS = {
    ".pptx": "slide",
    ".odp": "slide",
    ".xlsx": "row",
    ".xlsm": "row",
    ".xls": "row",
    ".ods": "row",
    ".csv": "row",
    ".tsv": "row",
    ".json": "record",
    ".jsonl": "record",
    ".ndjson": "record",
    ".ipynb": "cell",
}


def page_unit(document_id: str) -> str:
    """What `page` counts in this document: page, slide, row, record or cell."""
    return _PAGE_UNITS.get(Path(document_id).suffix.lower(), "page")
