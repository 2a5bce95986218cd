"""EPUB books: an archive of web pages, one per chapter, read in order."""

import posixpath
from urllib.parse import unquote
from zipfile import ZipFile

from lxml import etree

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, assemble
from rag.loading.office.archives import member, open_archive, xml
from rag.loading.text_files.decoding import decode
from rag.loading.web.inline import Omissions
from rag.loading.web.web_page import parse_page

_PAGE_TYPES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
_MOST_NOTES = 9  # missing chapters that are named


def read(data: bytes) -> ParsedFile:
    with open_archive(data) as archive:
        container = xml(member(archive, "META-INF/container.xml"))
        package = next((root.get("full-path") for root in container.iter("{*}rootfile")), None)
        if not package:
            raise UnreadableFile("it names no package file, which lists the chapters")
        root = xml(member(archive, package))
        title = next((element.text for element in root.iter("{http://purl.org/dc/elements/1.1/}title")), None)
        chapters = _chapters(root, posixpath.dirname(package))
        if _encrypted_members(archive).intersection(chapters):
            raise UnreadableFile("its chapters are encrypted (DRM)")
        missing = [chapter for chapter in chapters if chapter not in archive.namelist()]
        omissions = Omissions()
        pages = [parse_page(decode(member(archive, chapter)), omissions).pieces for chapter in chapters if chapter not in missing]
    notes = [*(f"chapter {chapter} is missing" for chapter in missing[:_MOST_NOTES]), *omissions.notes()]
    return assemble(title, [piece for page in pages for piece in page], notes)


def _chapters(package: etree._Element, folder: str) -> list[str]:
    """Names of the archive's members in the order of the spine; pages outside it, such as the cover, are left out."""
    pages = {}
    for item in package.iter("{*}item"):
        if item.get("media-type") in _PAGE_TYPES and "nav" not in (item.get("properties") or "").split():
            pages[item.get("id")] = posixpath.normpath(posixpath.join(folder, unquote(item.get("href") or "")))
    references = [reference.get("idref") for reference in package.iter("{*}itemref")]
    return list(dict.fromkeys(pages[name] for name in references if name in pages))


def _encrypted_members(archive: ZipFile) -> set[str]:
    name = "META-INF/encryption.xml"
    if name not in archive.namelist():
        return set()
    return {unquote(reference.get("URI") or "") for reference in xml(member(archive, name)).iter("{*}CipherReference")}
