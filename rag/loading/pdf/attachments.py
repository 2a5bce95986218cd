"""Files within a PDF, which are documents of their own."""

from functools import partial
from typing import Any

import pypdfium2

from rag.errors import UnreadableFile
from rag.loading.containers.members import MOST_BYTES, Member


def attachments(document: Any) -> list[Member]:
    """The files attached to the document as a whole; those attached to a place on a page are not among them."""
    members: list[Member] = []
    size = 0
    for i in range(document.count_attachments()):
        attachment = document.get_attachment(i)
        name = attachment.get_name()
        try:
            data = bytes(attachment.get_data())
        except pypdfium2.PdfiumError:
            members.append(Member(name, partial(_refuse, "it is damaged")))
            continue
        size += len(data)
        if size > MOST_BYTES:
            members.append(Member(name, partial(_refuse, f"the attached files are larger than {MOST_BYTES // 2**20} MB")))
            break
        members.append(Member(name, partial(bytes, data)))
    return members


def _refuse(reason: str) -> bytes:
    raise UnreadableFile(reason)
