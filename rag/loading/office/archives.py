"""Opens the ZIP archives of office documents and books, and refuses those made to exhaust the memory."""

from io import BytesIO
from zipfile import BadZipFile, ZipFile, ZipInfo

from lxml import etree

from rag.errors import UnreadableFile

_LARGEST_CONTENT = 2**30  # bytes, unpacked; real documents are far smaller
_LARGEST_RATIO = 150  # text compresses to a tenth, nearly empty spreadsheets to a hundredth
_ANY_RATIO_BELOW = 50 * 2**20  # bytes, unpacked; small enough to be harmless
_MOST_MEMBERS = 20_000
_ENCRYPTED = 1  # bit of a member's flags, in the ZIP specification


def open_archive(data: bytes, *, encrypted_members: bool = False) -> ZipFile:
    """Raises UnreadableFile for an archive that is broken, a decompression bomb or, without `encrypted_members`, encrypted.

    Reading a member never gives more bytes than the declared size that is checked here.
    """
    try:
        archive = ZipFile(BytesIO(data))
    except (BadZipFile, ValueError, OSError) as error:
        raise UnreadableFile(f"its archive is damaged ({error})") from None
    members = archive.infolist()
    size = sum(member.file_size for member in members)
    suspicious = size > _ANY_RATIO_BELOW and size > _LARGEST_RATIO * len(data)
    if suspicious or size > _LARGEST_CONTENT or len(members) > _MOST_MEMBERS:
        raise UnreadableFile(
            f"it would unpack to {size / 2**20:,.0f} MB in {len(members):,} parts, and may have been made to do harm"
        )
    if not encrypted_members and any(map(is_encrypted, members)):
        raise UnreadableFile("it is encrypted; save it without a password")
    return archive


def is_encrypted(member: ZipInfo) -> bool:
    return bool(member.flag_bits & _ENCRYPTED)


def member(archive: ZipFile, name: str) -> bytes:
    """The content of a member. Raises UnreadableFile if it is missing or damaged."""
    try:
        return archive.read(name)
    except KeyError:
        raise UnreadableFile(f"its part {name} is missing") from None
    except (BadZipFile, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise UnreadableFile(f"its part {name} is damaged ({error})") from None


def refuse_encrypted_parts(archive: ZipFile) -> None:
    """Raises UnreadableFile for an OpenDocument file with a password: its archive opens, but its parts are encrypted."""
    manifest = "META-INF/manifest.xml"
    if manifest in archive.namelist() and b"encryption-data" in member(archive, manifest):
        raise UnreadableFile("it is encrypted; save it without a password")


def xml(data: bytes) -> etree._Element:
    """The root element. Entities are not resolved, so none can expand or fetch anything. Raises UnreadableFile."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableFile(f"its XML is damaged ({error})") from None
