"""Bytes of a text file to text: the encoding is detected and line ends become "\\n"; nothing else changes."""

import codecs
import re

from charset_normalizer import from_bytes

from rag.errors import UnreadableFile

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark begins like this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Encodings common in practice. Without this list, charset-normalizer takes cp1252 for its East European neighbour.
_CANDIDATES = ["cp1252", "cp932", "gb18030", "big5", "euc_kr", "koi8_r", "cp1251"]
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_DECLARED = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)|<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)", re.I
)


def decode(data: bytes) -> str:
    """Tries, in this order: byte order mark, UTF-8 without errors, the encoding that an HTML head declares, UTF-8 with a
    few broken bytes, a guess from the bytes, cp1252.

    Raises UnreadableFile if the bytes are not text.
    """
    return _decoded(data).replace("\r\n", "\n").replace("\r", "\n")


def _decoded(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding)
            except UnicodeDecodeError as error:
                raise UnreadableFile(f"its byte order mark says {encoding}, but that fails at byte {error.start}") from None
    unmarked = _unmarked_utf16(data)
    if unmarked:
        return data.decode(unmarked)
    if b"\0" in data:
        raise UnreadableFile("it contains binary data, not text")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _declared(data) or _nearly_utf8(data) or _guessed(data)


def _unmarked_utf16(data: bytes) -> str | None:
    """The byte order of UTF-16 without a mark: Latin text has zeros in every second byte, and no control characters."""
    sample = data[:4000]
    if len(data) % 2 or b"\0" not in data or sample.count(0) < len(sample) / 4:
        return None
    encoding = "utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else encoding


def _declared(data: bytes) -> str | None:
    match = _DECLARED.search(data[:4096])
    if match is None:
        return None
    name = (match.group(1) or match.group(2)).decode("ascii", errors="replace").lower()
    try:
        # Browsers also read these as cp1252, because that is what such pages are really written in.
        return data.decode("cp1252" if name in ("iso-8859-1", "latin1", "latin-1", "ascii", "us-ascii") else name)
    except (LookupError, UnicodeError):
        return None


def _nearly_utf8(data: bytes) -> str | None:
    """UTF-8 with the replacement character for a few broken bytes: text in other encodings hardly ever looks like UTF-8."""
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    intact = sum(character > "\x7f" for character in text) - broken
    return text if intact >= 2 * broken else None


def _guessed(data: bytes) -> str:
    """Guesses only if there is enough evidence: English text with a few µ and ° would be taken for Japanese."""
    if sum(byte > 0x7F for byte in data) >= len(data) / 10:
        guess = from_bytes(data, cp_isolation=_CANDIDATES).best()
        if guess is not None:
            return str(guess)
    # cp1252 leaves five bytes undefined; they become the replacement character.
    return data.decode("cp1252", errors="replace")
