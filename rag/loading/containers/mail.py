"""Messages (.eml) and saved web pages (MHTML): headers and body; attachments and forwarded messages are members."""

from collections.abc import Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.message import MIMEPart
from email.policy import default
from mimetypes import guess_extension

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, assemble
from rag.loading.containers.letters import Attachment, Letter, letter_file
from rag.loading.text_files.decoding import decode
from rag.loading.web.web_page import parse_page

_HEADERS = ("From", "To", "Cc", "Bcc", "Date")
_SIGNATURES = frozenset("pgp-signature pkcs7-signature x-pkcs7-signature pgp-keys pgp-encrypted".split())
_ENCRYPTED = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
_HARMLESS = (
    MessageError,
    ValueError,
    IndexError,
    AttributeError,
    TypeError,
    KeyError,
)  # raised by the library for malformed headers


def read(data: bytes) -> ParsedFile:
    message = message_from_bytes(data, policy=default)
    if not message.keys():
        raise UnreadableFile("it is not a message: it has no header lines")
    if message.get_content_type() == "multipart/related" and not message["From"]:
        html = message.get_body(preferencelist=("html", "plain"))
        page = parse_page(_text(html) if html is not None else "")
        return assemble(_header(message, "Subject"), page.pieces, page.notes)
    return letter_file(_letter(message))


def _letter(message: MIMEPart) -> Letter:
    plain, html = (message.get_body(preferencelist=(kind,)) for kind in ("plain", "html"))
    others = [part for part in _leaves(message) if part is not plain and part is not html]
    further = [part for part in others if _is_inline_text(part)]
    pictures = sum(_is_inline_picture(part) for part in others)
    attached = [part for part in others if part not in further and not _is_inline_picture(part) and not _is_signature(part)]
    encrypted = message.get_content_type() in _ENCRYPTED and plain is None and html is None
    return Letter(
        subject=_header(message, "Subject"),
        headers=tuple((name, _header(message, name)) for name in _HEADERS),
        plain=_text(plain) if plain is not None else "",
        html=_text(html) if html is not None else "",
        further=tuple(map(_text, further)),
        attachments=tuple(_attachment(part, number) for number, part in enumerate([] if encrypted else attached, start=1)),
        notes=("the message is encrypted",) if encrypted else (),
        pictures=pictures,
    )


def _leaves(message: MIMEPart) -> Iterator[MIMEPart]:
    """All parts that are not lists of parts, in order, without those of a message within the message."""
    stack: list[MIMEPart] = [message]
    while stack:
        part = stack.pop()
        if part.get_content_maintype() == "multipart" and isinstance(part.get_payload(), list):
            stack.extend(reversed(list(part.iter_parts())))
        else:
            yield part


def _is_inline_text(part: MIMEPart) -> bool:
    return part.get_content_type() == "text/plain" and not part.is_attachment() and not _file_name(part)


def _is_inline_picture(part: MIMEPart) -> bool:
    return part.get_content_maintype() == "image" and not part.is_attachment()


def _is_signature(part: MIMEPart) -> bool:
    """Signatures say nothing; the page for another kind of mail program says the same as the other bodies."""
    return part.get_content_subtype() in _SIGNATURES or part.get_content_type() == "text/x-amp-html"


def _attachment(part: MIMEPart, number: int) -> Attachment:
    if part.get_content_maintype() == "message" and isinstance(part.get_payload(), list):
        inner = next(part.iter_parts(), None)
        if inner is not None and inner.keys():
            name = _file_name(part) or _header(inner, "Subject").replace("/", "-") or f"message {number}"
            return Attachment(f"{name.removesuffix('.eml')}.eml", inner.as_bytes())
        return Attachment(f"attachment {number}.txt", inner.as_bytes() if inner is not None else b"")
    name = _file_name(part) or f"attachment {number}{guess_extension(part.get_content_type()) or ''}"
    raw = part.get_payload(decode=True)
    return Attachment(name, raw if isinstance(raw, bytes) else b"")


def _text(part: MIMEPart) -> str:
    raw = part.get_payload(decode=True) or b""
    if not isinstance(raw, bytes):
        return ""
    try:
        return raw.decode(part.get_content_charset() or "").replace("\r\n", "\n")
    except (LookupError, UnicodeDecodeError):  # an unknown charset, or a wrong one
        return decode(raw)


def _file_name(part: MIMEPart) -> str:
    try:
        return " ".join((part.get_filename() or "").replace("/", "-").split())
    except _HARMLESS:
        return ""


def _header(message: MIMEPart, name: str) -> str:
    try:
        return " ".join(str(message[name] or "").split())
    except _HARMLESS:
        return ""
