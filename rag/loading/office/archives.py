"""Opens the archives that office documents and books are, and refuses those made to fill the memory."""

from io import BytesIO
from zipfile import BadZipFile, ZipFile

from lxml import etree

from rag.errors import UnreadableFile

LARGEST_CONTENT = 2**30  # bytes, unpacked; no document that people wrote is near it
LARGEST_RATIO = 150  # text shrinks to a tenth, the emptiest of sheets to a hundredth
HARMLESS = 50 * 2**20  # bytes that may be as empty as they like
MOST_MEMBERS = 20_000


def open_archive(data: bytes) -> ZipFile:
    """Raises UnreadableFile for what is broken, encrypted or a bomb. Reading a member never gives more than it declares."""
    try:
        archive = ZipFile(BytesIO(data))
    except (BadZipFile, ValueError, OSError) as error:
        raise UnreadableFile(f"its archive is damaged ({error})") from None
    members = archive.infolist()
    size = sum(member.file_size for member in members)
    if size > LARGEST_CONTENT or len(members) > MOST_MEMBERS or (size > HARMLESS and size > LARGEST_RATIO * len(data)):
        raise UnreadableFile(f"unpacked it would be {size / 2**20:,.0f} MB in {len(members):,} parts; it may be made to do harm")
    if any(member.flag_bits & 1 for member in members):
        raise UnreadableFile("it is encrypted; save it without a password")
    return archive


def member(archive: ZipFile, name: str) -> bytes:
    """Raises UnreadableFile where it is missing or damaged."""
    try:
        return archive.read(name)
    except KeyError:
        raise UnreadableFile(f"its part {name} is missing") from None
    except (BadZipFile, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise UnreadableFile(f"its part {name} is damaged ({error})") from None


def xml(data: bytes) -> etree._Element:
    """The root element. Entities are not resolved, so none can grow or fetch. Raises UnreadableFile."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableFile(f"its XML is damaged ({error})") from None
