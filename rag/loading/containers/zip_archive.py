"""ZIP archives: each file in one is a document of its own."""

import zlib
from functools import partial
from zipfile import BadZipFile, ZipFile, ZipInfo

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile
from rag.loading.containers.members import MOST_MEMBERS, Member
from rag.loading.office.archives import is_encrypted, open_archive


def read(data: bytes) -> ParsedFile:
    archive = open_archive(data, encrypted_members=True)
    files = [info for info in archive.infolist() if not info.is_dir() and not _is_hidden(info.filename)]
    if not files:
        raise UnreadableFile("it is an archive without files")
    if len(files) > MOST_MEMBERS:
        raise UnreadableFile(f"it holds {len(files):,} files; unpack it into the corpus folder")
    return ParsedFile(None, "", [], members=[Member(info.filename, partial(_content, archive, info)) for info in files])


def _content(archive: ZipFile, info: ZipInfo) -> bytes:
    if is_encrypted(info):
        raise UnreadableFile("it is encrypted; pack it without a password")
    try:
        return archive.read(info)
    except (BadZipFile, EOFError, OSError, NotImplementedError, ValueError, zlib.error) as error:
        raise UnreadableFile(f"it is damaged ({error})") from None


def _is_hidden(name: str) -> bool:
    """Hidden files are not documents, just as in a folder; macOS adds its own to every archive."""
    return any(part.startswith(".") and part.strip(".") or part == "__MACOSX" for part in name.replace("\\", "/").split("/"))
