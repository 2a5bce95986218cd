"""Mailboxes (.mbox): each message is a document of its own."""

import re
from functools import partial

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile
from rag.loading.containers.members import MOST_MEMBERS, Member, TooMuch

_START = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\n]*\n(?=[!-9;-~]+:)")  # a header follows
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


def read(data: bytes) -> ParsedFile:
    starts = [(match.start(), match.end()) for match in _START.finditer(data)]
    if not starts:
        raise UnreadableFile("it is not a mailbox: it has no line that begins a message")
    if len(starts) > MOST_MEMBERS:
        raise TooMuch(f"it holds {len(starts):,} messages; split it")
    ends = [*(start for start, _ in starts[1:]), len(data)]
    members = [
        Member(f"message {number}.eml", partial(_message, data[start:end]))
        for number, ((_, start), end) in enumerate(zip(starts, ends, strict=True), start=1)
    ]
    return ParsedFile(None, "", [], members=members)


def _message(data: bytes) -> bytes:
    """A line of the text that begins like a message was quoted with ">" when the message was filed."""
    return _QUOTED.sub(rb"\1", data)
