"""Messages and saved web pages (MHTML): the subject as title, the headers, then the text, or the HTML if there is no text."""

from collections.abc import Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.message import MIMEPart
from email.policy import default

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, Piece, assemble
from rag.loading.text_files import plain_text
from rag.loading.text_files.decoding import decode
from rag.loading.web.web_page import parse_page

_HEADERS = ("From", "To", "Cc", "Date")
_DEEPEST = 20  # messages within messages; deeper nesting is an attack


def read(data: bytes) -> ParsedFile:
    message = message_from_bytes(data, policy=default)
    if not message.keys():
        raise UnreadableFile("it is not a message: it has no header lines")
    is_saved_page = message.get_content_type() == "multipart/related" and not message["From"]
    return assemble(_header(message, "Subject"), _body(message, 0) if is_saved_page else _pieces(message, 0))


def _pieces(message: MIMEPart, depth: int) -> Iterator[Piece]:
    subject = _header(message, "Subject")
    if subject:
        yield Piece("heading", subject, level=min(depth + 1, 6))
    lines = [f"{name}: {value}" for name in _HEADERS if (value := _header(message, name))]
    yield Piece("paragraph", "\n".join(lines))
    yield from _body(message, depth)


def _body(message: MIMEPart, depth: int) -> Iterator[Piece]:
    if depth > _DEEPEST:
        raise UnreadableFile("its parts are nested too deeply")
    body = message.get_body(preferencelist=("plain", "html"))
    if body is not None:
        yield from _text(body)
    for part in message.iter_attachments():
        if part.get_content_type() == "message/rfc822":
            for inner in part.iter_parts():
                yield from _pieces(inner, depth + 1)
        elif part.get_content_type() in ("text/plain", "text/html") and part is not body:
            yield from _text(part)


def _text(part: MIMEPart) -> Iterator[Piece]:
    raw = part.get_payload(decode=True) or b""
    text = _decoded(raw, part.get_content_charset()) if isinstance(raw, bytes) else ""
    if part.get_content_type() == "text/html":
        yield from parse_page(text).pieces
    else:
        yield from (Piece(b.kind, b.span.of(text), max(b.level, 2) if b.level else 0) for b in plain_text.parse(text).blocks)


def _decoded(raw: bytes, charset: str | None) -> str:
    try:
        return raw.decode(charset or "").replace("\r\n", "\n")
    except (LookupError, UnicodeDecodeError):  # an unknown charset, or a wrong one
        return decode(raw)


def _header(message: MIMEPart, name: str) -> str:
    try:
        return " ".join(str(message[name] or "").split())
    except (MessageError, ValueError, IndexError, AttributeError, TypeError):  # raised by the library for malformed headers
        return ""
