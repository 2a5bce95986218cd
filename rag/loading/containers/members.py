"""Files that hold other files (mail with attachments, archives, mailboxes): their members are documents of their own.

The id of a member is the id of its container, a slash, and its name within it: `mail.eml/contract.docx`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rag.errors import UnreadableFile
from rag.records import Document, Passage

MOST_MEMBERS = 10_000  # files in one container, at all depths together; a mailbox of a few years has as many messages
MOST_BYTES = 2**30  # unpacked, of one container at all depths together; the same limit as for office documents
DEEPEST = 8  # containers within containers; archives that contain themselves exist, and would never end
_LONGEST_NAME = 200  # characters of a member's name
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class Member:
    """A file within a file. `name` may have folders. `read` returns its bytes, or raises UnreadableFile with the reason."""

    name: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class UnreadableMember:
    """A member that cannot be read, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class LoadedFile:
    """The documents of one file: its own, if it has text, followed by those of its members.

    `passages` are those of each document, None if they have not been split.
    """

    documents: tuple[Document, ...]
    failed: tuple[UnreadableMember, ...] = ()
    passages: tuple[tuple[Passage, ...], ...] | None = None


class TooMuch(UnreadableFile):
    """A container holds too many files or bytes, so none of it is read."""


class Budget:
    """Counts the members of one container, so that an archive made to do harm is refused before it fills the memory."""

    def __init__(self) -> None:
        self._members = self._bytes = 0

    def spend(self, data: bytes) -> None:
        """Raises TooMuch once the container holds too much."""
        self._members += 1
        self._bytes += len(data)
        if self._members > MOST_MEMBERS or self._bytes > MOST_BYTES:
            raise TooMuch(
                f"it holds more than {MOST_MEMBERS:,} files or {MOST_BYTES // 2**20:,} MB; unpack it into the corpus folder"
            )


def named(container: str, members: Sequence[Member]) -> Iterator[tuple[str, Member]]:
    """Each member with its id, which is unique, relative and printable whatever the container says."""
    used: set[str] = set()
    for number, member in enumerate(members, start=1):
        parts = [part.strip() for part in _UNSAFE.sub(" ", member.name).replace("\\", "/").split("/")]
        name = "/".join(part for part in parts if part not in ("", ".", ".."))[-_LONGEST_NAME:].lstrip("/")
        name = name or f"part {number}"
        if name in used:
            stem, dot, ending = name.rpartition(".")
            name = f"{stem} ({number}).{ending}" if dot else f"{name} ({number})"
        used.add(name)
        yield f"{container}/{name}", member


def file_of(document_id: str, is_file: Callable[[str], bool]) -> str:
    """The file that holds a document: the id itself, or the container that it begins with. The id if no such file exists."""
    candidate = document_id
    while candidate and not is_file(candidate):
        candidate = candidate.rpartition("/")[0]
    return candidate or document_id
