"""Outlook messages (.msg): an OLE container with a stream for each property; attachments and messages in it are members."""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from io import BytesIO

import olefile

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile
from rag.loading.containers.letters import Attachment, Letter, letter_file
from rag.loading.containers.members import DEEPEST
from rag.loading.text_files.decoding import decode

# Numbers of properties and their types, from Microsoft's specifications MS-OXPROPS and MS-OXMSG.
_SUBJECT, _BODY, _HTML, _RTF = "0037", "1000", "1013", "1009"
_SENDER_NAME, _SENDER_ADDRESS, _SENDER_SMTP, _TO, _CC = "0C1A", "0C1F", "5D01", "0E04", "0E03"
_DATA, _LONG_NAME, _SHORT_NAME, _DISPLAY_NAME = "3701", "3707", "3704", "3001"
_UNICODE, _EIGHT_BIT, _BINARY, _STORAGE = "001F", "001E", "0102", "000D"
_SENT, _DELIVERED = 0x00390040, 0x0E060040
_FIRST_DATE = datetime(1601, 1, 1, tzinfo=UTC)
_HEADER, _INNER_HEADER, _ENTRY = 32, 24, struct.Struct("<IIQ")

Storage = tuple[str, ...]
"""The path of a storage in the container; () is the container itself."""


def read(data: bytes) -> ParsedFile:
    try:
        with olefile.OleFileIO(BytesIO(data)) as container:
            return letter_file(_letter(container, (), 0))
    except (OSError, struct.error, ValueError, IndexError, KeyError) as error:
        raise UnreadableFile(f"it is damaged ({error})") from None


def _letter(container: "olefile.OleFileIO", storage: Storage, depth: int) -> Letter:
    sender, address = (_text(container, storage, name) for name in (_SENDER_NAME, _SENDER_SMTP))
    address = address or _text(container, storage, _SENDER_ADDRESS)
    date = _date(container, storage)
    plain, html = _text(container, storage, _BODY), _html(container, storage)
    only_rich = not plain.strip() and not html.strip() and _stream(container, storage, _RTF, _BINARY) is not None
    return Letter(
        subject=_text(container, storage, _SUBJECT),
        headers=(
            ("From", f"{sender} <{address}>" if sender and "@" in address and address != sender else sender or address),
            ("To", _text(container, storage, _TO)),
            ("Cc", _text(container, storage, _CC)),
            ("Date", date.strftime("%Y-%m-%d %H:%M UTC") if date else ""),
        ),
        plain=plain.replace("\r\n", "\n"),
        html=html,
        attachments=tuple(_attachments(container, storage, depth)),
        notes=("its text is only there as rich text and is not read; save it as .eml",) if only_rich else (),
    )


def _attachments(container: "olefile.OleFileIO", storage: Storage, depth: int) -> Iterator[Attachment]:
    entries = {entry[len(storage)] for entry in container.listdir() if tuple(entry[: len(storage)]) == storage}
    for number, name in enumerate(sorted(name for name in entries if name.lower().startswith("__attach_version1.0_")), start=1):
        inner = (*storage, name)
        message = (*inner, f"__substg1.0_{_DATA}{_STORAGE}")
        if container.exists("/".join(message)):
            if depth >= DEEPEST:
                raise UnreadableFile("its parts are nested too deeply")
            letter = _letter(container, message, depth + 1)
            yield Attachment(f"{letter.subject.replace('/', '-') or f'message {number}'}.eml", _as_eml(letter))
        elif (data := _stream(container, inner, _DATA, _BINARY)) is not None:
            names = (_text(container, inner, name) for name in (_LONG_NAME, _SHORT_NAME, _DISPLAY_NAME))
            yield Attachment(next(filter(None, names), f"attachment {number}").replace("/", "-"), data)


def _as_eml(letter: Letter) -> bytes:
    """A message within a message has no bytes of its own."""
    message = EmailMessage()
    for name, value in (("Subject", letter.subject), *letter.headers):
        if value:
            message[name] = " ".join(value.split())
    message.set_content(letter.plain)
    if letter.html:
        message.add_alternative(letter.html, subtype="html")
    for attachment in letter.attachments:
        message.add_attachment(attachment.data, maintype="application", subtype="octet-stream", filename=attachment.name)
    return message.as_bytes()


def _text(container: "olefile.OleFileIO", storage: Storage, name: str) -> str:
    raw = _stream(container, storage, name, _UNICODE)
    if raw is not None:
        text = raw.decode("utf-16-le", errors="replace")
    else:
        text = decode((_stream(container, storage, name, _EIGHT_BIT) or b"").replace(b"\0", b""))
    text = text.strip("\0").strip()
    return text if name == _BODY else " ".join(text.split())


def _html(container: "olefile.OleFileIO", storage: Storage) -> str:
    raw = _stream(container, storage, _HTML, _BINARY)
    return decode(raw) if raw else _text(container, storage, _HTML)


def _stream(container: "olefile.OleFileIO", storage: Storage, name: str, kind: str) -> bytes | None:
    path = "/".join((*storage, f"__substg1.0_{name}{kind}"))
    return bytes(container.openstream(path).read()) if container.exists(path) else None


def _date(container: "olefile.OleFileIO", storage: Storage) -> datetime | None:
    """When the message was sent, otherwise when it was delivered."""
    path = "/".join((*storage, "__properties_version1.0"))
    raw = container.openstream(path).read() if container.exists(path) else b""
    raw = raw[_INNER_HEADER if storage else _HEADER :]
    values = {tag: value for tag, _, value in _ENTRY.iter_unpack(raw[: len(raw) // _ENTRY.size * _ENTRY.size])}
    ticks = values.get(_SENT) or values.get(_DELIVERED)
    try:
        return _FIRST_DATE + timedelta(microseconds=ticks // 10) if ticks else None
    except OverflowError:
        return None
