"""Conversations on disk: a file each, of one user each, that survive a restart with citations that still work."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.accounts.users import User
from rag.errors import ConversationError
from rag.storage.files import canonical_json, from_json, replace_file, sha256_bytes

LONGEST_TITLE = 80  # characters
_NAME = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class SavedTurn:
    """A question as it was typed, and its answer as `answer_values` has it.

    `model` and `reader` made it, as a receipt names them; `documents` were asked, all if empty; `judged` is what the user said
    of it, "" if nothing.
    """

    question: str
    answer: dict[str, Any]
    model: str
    reader: str
    documents: tuple[str, ...] = ()
    judged: str = ""


@dataclass(frozen=True)
class SavedConversation:
    """`id` is random and names the file; `changed` is an ISO time."""

    id: str
    title: str
    changed: str
    turns: tuple[SavedTurn, ...] = ()

    @property
    def history(self) -> list[dict[str, Any]]:
        """The turns as `Chat.ask` takes them."""
        found: list[dict[str, Any]] = []
        for turn in self.turns:
            cited = [{name: c[name] for name in ("document_id", "start", "end", "digest")} for c in turn.answer["citations"]]
            query = turn.answer["query"]
            found.append({"speaker": "user", "text": turn.question})
            told = {"query": query, "citations": cited, "readings": turn.answer.get("readings", [])}
            found.append({"speaker": "agent", "text": turn.answer["text"], **told})
        return found

    def before(self, turn: int) -> "SavedConversation":
        """What was said before that turn, counted from 0."""
        return replace(self, turns=self.turns[:turn])


class Conversations:
    """The saved conversations of one user; those of others cannot be named."""

    def __init__(self, folder: Path, user: User) -> None:
        name = f"user-{sha256_bytes(user.name.encode('utf-8', 'surrogatepass'))[:32]}" if user.name else "local"
        self._folder = folder / name

    def new(self, title: str) -> SavedConversation:
        """One that is not on disk yet."""
        return SavedConversation(secrets.token_hex(8), _short(title), _now())

    def save(self, conversation: SavedConversation) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        values = asdict(replace(conversation, changed=_now()))
        replace_file(self._path(conversation.id), canonical_json(values).encode("utf-8", "surrogatepass"), mode=0o600)

    def load(self, name: object) -> SavedConversation:
        """Raises ConversationError where the user has none of this name, or it cannot be read."""
        path = self._path(name)
        try:
            return _conversation_from(from_json(path.read_bytes()))
        except FileNotFoundError:
            raise ConversationError("this conversation is no longer there; begin a new one") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConversationError(f"{path} cannot be read ({error}); remove the file, or mend it") from error

    def rename(self, name: object, title: str) -> None:
        self.save(replace(self.load(name), title=_short(title) or "Untitled"))

    def delete(self, name: object) -> None:
        self._path(name).unlink(missing_ok=True)

    def find(self, words: str = "") -> list[SavedConversation]:
        """Those in which all the words occur, in title, questions or answers, case aside; the latest first."""
        wanted = words.casefold().split()
        found = []
        for path in self._folder.glob("*.json") if self._folder.is_dir() else ():
            try:
                one = self.load(path.stem)
            except ConversationError:  # said when it is opened by name
                continue
            said = "\n".join([one.title, *(f"{turn.question}\n{turn.answer['text']}" for turn in one.turns)]).casefold()
            if all(word in said for word in wanted):
                found.append(one)
        return sorted(found, key=lambda one: (one.changed, one.id), reverse=True)

    def _path(self, name: object) -> Path:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConversationError("this is no conversation; begin a new one")
        return self._folder / f"{name}.json"


def _conversation_from(values: Mapping[str, Any]) -> SavedConversation:
    turns = tuple(SavedTurn(**(turn | {"documents": tuple(turn["documents"])})) for turn in values["turns"])
    return SavedConversation(values["id"], values["title"], values["changed"], turns)


def _short(title: str) -> str:
    title = " ".join(title.split())
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1].rstrip() + "…"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
