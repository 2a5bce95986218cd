"""Saved conversations: one file each in a folder for each user. They survive a restart, and their citations still open."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from rag.accounts.users import User
from rag.errors import ConversationError
from rag.storage.files import sha256_bytes
from rag.storage.locked import Content, update_file
from rag.storage.versioned import VersionedFormat
from rag.wire import StoredAnswer

LONGEST_TITLE = 80  # characters: one line of the list
_ID = re.compile(r"[0-9a-f]{16}")
_GONE = "this conversation no longer exists; start a new one"


@dataclass(frozen=True)
class SavedTurn:
    """A question as typed, and its answer.

    `model` and `reader` identify what made the answer, as in a receipt. `documents` are those that were asked, all of them if
    empty. `judged` is the user's verdict on the answer, "" if there is none.
    """

    question: str
    answer: StoredAnswer
    model: str
    reader: str
    documents: tuple[str, ...] = ()
    judged: str = ""


@dataclass(frozen=True)
class SavedConversation:
    """`id` is random and names the file; `changed` is the time of the last change in ISO 8601, UTC."""

    id: str
    title: str
    changed: str
    turns: tuple[SavedTurn, ...] = ()

    @property
    def history(self) -> list[dict[str, Any]]:
        """The turns in the form that `Chat.ask` takes."""
        turns: list[dict[str, Any]] = []
        for turn in self.turns:
            answer = turn.answer
            citations = [
                {"document_id": c.document_id, "start": c.span.start, "end": c.span.end, "digest": c.digest}
                for c in answer.citations
            ]
            context = {"query": answer.query, "citations": citations, "readings": list(answer.readings)}
            turns.append({"speaker": "user", "text": turn.question})
            turns.append({"speaker": "agent", "text": answer.text, **context})
        return turns

    def before(self, turn: int) -> "SavedConversation":
        """The conversation up to, but without, turn number `turn`, counted from 0."""
        return replace(self, turns=self.turns[:turn])

    def with_turn(self, turn: SavedTurn) -> "SavedConversation":
        """The conversation with one more turn at its end."""
        return replace(self, turns=(*self.turns, turn))

    def with_verdict(self, number: int, judged: SavedTurn, verdict: str) -> "SavedConversation":
        """The conversation with a verdict on `judged`, its turn `number`. Raises ConversationError if that changed."""
        turn = self.turns[number] if number < len(self.turns) else None
        if turn is None or (turn.question, turn.answer) != (judged.question, judged.answer):
            raise ConversationError("this answer is no longer in the conversation")
        return replace(self, turns=(*self.turns[:number], replace(turn, judged=verdict), *self.turns[number + 1 :]))


FORMAT = VersionedFormat(
    "saved conversation",
    SavedConversation,
    version=1,
    error=ConversationError,
    migrations={0: dict},  # the first format had the same fields, but no version
)


@dataclass(frozen=True)
class Listing:
    """Conversations, latest first, and a message for each file that cannot be read."""

    conversations: tuple[SavedConversation, ...] = ()
    problems: tuple[str, ...] = ()


class Conversations:
    """The saved conversations of one user; there is no way to name another user's.

    All changes are made under one lock for each user, so that threads and processes do not overwrite each other's.
    """

    def __init__(self, folder: Path, user: User) -> None:
        name = f"user-{sha256_bytes(user.name.encode('utf-8', 'surrogatepass'))[:32]}" if user.name else "local"
        self._folder = folder / name
        self._lock = self._folder / ".lock"

    def new(self, title: str) -> SavedConversation:
        """An empty conversation, which is not saved yet."""
        return SavedConversation(secrets.token_hex(8), _short(title), _now())

    def save(self, conversation: SavedConversation) -> None:
        """Saves a new conversation. Raises ConversationError if it is saved already: `update` changes it."""

        def created(content: bytes | None) -> bytes:
            if content is not None:
                raise ConversationError(f"conversation {conversation.id} is saved already; update it instead")
            return FORMAT.dump(replace(conversation, changed=_now()))

        self._update(conversation.id, created)

    def load(self, id: object) -> SavedConversation:
        """Raises ConversationError if the user has no conversation with this id, or its file cannot be read."""
        path = self._path(id)
        try:
            return FORMAT.load(path.read_bytes(), path)
        except FileNotFoundError:
            raise ConversationError(_GONE) from None
        except OSError as error:
            raise ConversationError(f"{path} cannot be read ({error.strerror}); check its permissions") from error

    def update(self, id: object, change: Callable[[SavedConversation], SavedConversation]) -> SavedConversation:
        """Replaces a conversation by `change` of what it is now, and returns it.

        Raises ConversationError if it has been deleted, cannot be read, or `change` raises it; then nothing is changed.
        """
        path = self._path(id)

        def changed(content: bytes | None) -> bytes:
            if content is None:
                raise ConversationError(_GONE)
            return FORMAT.dump(replace(change(FORMAT.load(content, path)), changed=_now()))

        return FORMAT.load(self._update(id, changed), path)

    def rename(self, id: object, title: str) -> None:
        self.update(id, lambda conversation: replace(conversation, title=_short(title) or "Untitled"))

    def delete(self, id: object) -> None:
        self._update(id, lambda _: None)

    def find(self, words: str = "") -> Listing:
        """The conversations that contain all words, in title, questions or answers, ignoring case; the latest first.

        A malformed file is renamed, so that it is reported once.
        """
        if not self._folder.is_dir():
            return Listing()
        wanted = words.casefold().split()
        matches, problems = [], []
        for path in sorted(self._folder.glob("*.json")):
            try:
                conversation = self._listed(path)
            except FileNotFoundError:
                continue  # it was deleted in the meantime
            except (ConversationError, OSError) as error:
                problems.append(str(error))
                continue
            turns = (f"{turn.question}\n{turn.answer.text}" for turn in conversation.turns)
            text = "\n".join([conversation.title, *turns]).casefold()
            if all(word in text for word in wanted):
                matches.append(conversation)
        matches.sort(key=lambda conversation: (conversation.changed, conversation.id), reverse=True)
        return Listing(tuple(matches), tuple(problems))

    def _listed(self, path: Path) -> SavedConversation:
        try:
            return FORMAT.load(path.read_bytes(), path)
        except ConversationError:
            with FileLock(self._lock, mode=0o600):  # no process replaces the file while it is renamed
                return FORMAT.load(path.read_bytes(), path, set_aside=True)

    def _update(self, id: object, change: Callable[[bytes | None], Content]) -> Content:
        try:
            return update_file(self._path(id), change, lock=self._lock)
        except OSError as error:
            reason = error.strerror or error
            raise ConversationError(f"{self._folder} cannot be written ({reason}); free space or fix its permissions") from error

    def _path(self, id: object) -> Path:
        if not isinstance(id, str) or not _ID.fullmatch(id):
            raise ConversationError("this is not the id of a conversation; start a new one")
        return self._folder / f"{id}.json"


def _short(title: str) -> str:
    title = " ".join(title.split())
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1].rstrip() + "…"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
