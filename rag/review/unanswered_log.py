"""The log of questions that got no answer, or a weak one. It is one local file of bounded size that can be switched off.

Of who asked, it keeps a digest of the user's name, so that users can see and delete their own questions; of the documents only
the places of the closest sentences, never their text.
"""

import queue
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rag.config import Settings
from rag.errors import UnansweredError
from rag.records import LONGEST_QUESTION, Answer
from rag.sources import reference
from rag.storage.files import now, sha256_bytes, sha256_json
from rag.storage.locked import update_file
from rag.storage.versioned import VersionedFormat

MOST_KEPT = 500  # questions; embedding them takes about three seconds. Those asked longest ago are dropped
MOST_WAITING = 256  # answers that wait to be noted; further ones are not
CLOSEST = 3  # places kept with a question, as many as an abstention shows
REASONS = ("not_in_documents", "near_miss", "other_language")  # of abstentions for want of a document
UnansweredKind = Literal["refused", "weak"]


@dataclass(frozen=True)
class Unanswered:
    """A question of one user: as typed last, and as it was searched.

    `reason` is that of the abstention, "" for a weak answer. `user` is the digest of the user's name, "" without a login.
    `first` and `last` are ISO times. `index` is the digest of the build that was asked last, `closest` are references.
    """

    question: str
    query: str
    kind: UnansweredKind
    reason: str
    user: str
    times: int
    first: str
    last: str
    index: str
    closest: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Equal for a user's question, however often and in whatever case it is asked."""
        return sha256_json([" ".join(self.query.casefold().split()), self.user])[:12]


@dataclass(frozen=True)
class UnansweredFile:
    """The questions, those asked longest ago first; `dropped` counts those that gave way to later ones."""

    questions: tuple[Unanswered, ...] = ()
    dropped: int = 0


FORMAT = VersionedFormat("log of unanswered questions", UnansweredFile, 1, UnansweredError)


def digest_of(user: str) -> str:
    return sha256_bytes(user.encode("utf-8", "surrogatepass"))[:32] if user else ""


def unanswered_from(answer: Answer, user: str) -> list[Unanswered]:
    """What is to be noted of an answer: the question, or those of its parts that were refused or got a weak answer."""
    if answer.parts:
        return [noted for part in answer.parts for noted in unanswered_from(part, user)]
    kind = kind_of(answer)
    if kind is None:
        return []
    time = now()
    shown = answer.closest if kind == "refused" else answer.citations
    return [
        Unanswered(
            question=" ".join(answer.question.split())[:LONGEST_QUESTION],
            query=answer.query[:LONGEST_QUESTION],
            kind=kind,
            reason=answer.reason or "",
            user=digest_of(user),
            times=1,
            first=time,
            last=time,
            index=answer.index,
            closest=tuple(reference(citation) for citation in shown[:CLOSEST]),
        )
    ]


def kind_of(answer: Answer) -> UnansweredKind | None:
    """None for an answer that is better than weak, and for what was no question to the documents."""
    if answer.abstained:
        return "refused" if answer.reason in REASONS else None
    return "weak" if answer.strength == "weak" else None


def note(settings: Settings, asked: Sequence[Unanswered]) -> None:
    """Adds the questions to the log, unless that is switched off. Raises UnansweredError if it cannot be written."""
    if settings.review.log_unanswered and asked:
        change_log(settings, lambda log: _with(log, asked))


def _with(log: UnansweredFile, asked: Sequence[Unanswered]) -> UnansweredFile:
    kept = {question.id: question for question in log.questions}
    for question in asked:
        before = kept.pop(question.id, None)
        kept[question.id] = replace(question, times=before.times + 1, first=before.first) if before else question
    questions = tuple(kept.values())
    return UnansweredFile(questions[-MOST_KEPT:], log.dropped + max(0, len(questions) - MOST_KEPT))


def load_log(settings: Settings) -> UnansweredFile:
    """Raises UnansweredError if the file cannot be read."""
    path = settings.unanswered_file
    try:
        return FORMAT.load(path.read_bytes(), path)
    except FileNotFoundError:
        return UnansweredFile()
    except OSError as error:
        raise UnansweredError(f"{path} cannot be read ({error.strerror}); fix its permissions") from error


def forget(settings: Settings, is_forgotten: Callable[[Unanswered], bool]) -> int:
    """Deletes questions from the log and returns how many; without any left, also the file. A malformed file is deleted."""
    forgotten = 0

    def rest(log: UnansweredFile) -> UnansweredFile:
        nonlocal forgotten
        kept = tuple(question for question in log.questions if not is_forgotten(question))
        forgotten = len(log.questions) - len(kept)
        return UnansweredFile(kept, log.dropped if kept else 0)

    change_log(settings, rest)
    return forgotten


def change_log(settings: Settings, change: Callable[[UnansweredFile], UnansweredFile]) -> None:
    """Replaces the log by `change` of what it is now, under a lock. A malformed file is set aside, and a new log begun."""
    path = settings.unanswered_file

    def changed(content: bytes | None) -> bytes | None:
        try:
            log = UnansweredFile() if content is None else FORMAT.load(content, path, set_aside=True)
        except UnansweredError:
            if path.exists():
                raise  # a later release wrote it
            log = UnansweredFile()
        log = change(log)
        return FORMAT.dump(log) if log.questions else None

    try:
        update_file(path, changed)
    except OSError as error:
        raise UnansweredError(f"{path} cannot be written ({error.strerror}); free space or fix its permissions") from error


class Notes:
    """Notes answers in a thread of its own, so that no answer waits for the disk. Safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self.trouble = ""
        """Why the latest answers could not be noted; empty if they were."""
        self._settings = settings
        self._waiting: queue.Queue[list[Unanswered] | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._work, name="unanswered-log", daemon=True)
        self._thread.start()

    def note(self, user: str, answer: Answer) -> None:
        """Returns at once. Does nothing if too many answers wait already."""
        asked = unanswered_from(answer, user)
        if asked and self._settings.review.log_unanswered and not self._waiting.full():
            self._waiting.put(asked)

    def close(self) -> None:
        """Waits until all is noted."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (asked := self._waiting.get()) is not None:
            try:
                note(self._settings, asked)
                self.trouble = ""
            except UnansweredError as error:
                if self.trouble != str(error):  # once in the log, not with every question
                    sys.stderr.write(f"rag: questions without an answer are not noted: {error}\n")
                self.trouble = str(error)
