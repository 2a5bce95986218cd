"""Asks watched questions again: all that were not yet asked of the present index, reading only what is new to them.

Every question is answered in full, so the answers are those of asking from scratch. Only the network's reading of a passage,
nine tenths of the time, is taken from the last time, if question and passage are the same to the letter.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from rag import __version__
from rag.answering.wording import abstention_text
from rag.conversation import Chat
from rag.errors import RagError
from rag.index.builds import Report, live_build
from rag.index.contents import Index
from rag.index.manifest import load_manifest
from rag.records import Answer
from rag.review.remembered_reading import RememberedReader
from rag.review.watch_changes import changes_of, kind_of_change
from rag.review.watch_list import (
    DIGEST,
    KeptAnswer,
    KeptSentence,
    Watched,
    WatchList,
    change_watch_list,
    forget_removed,
    load_watch_list,
    words_digest,
)
from rag.storage.files import now, sha256_json

if TYPE_CHECKING:
    from rag.index.manifest import Manifest

SAVE_SECONDS = 10.0  # of asking are lost at most if the process is killed


@dataclass(frozen=True)
class AskedAgain:
    """How many questions are watched, how many were asked again, and how many answers differ from the accepted ones.

    `problem` says in one line what went wrong, "" if nothing did. Questions that were not asked keep their last answer.
    """

    questions: int
    asked: int
    changed: int
    problem: str = ""


@dataclass(frozen=True)
class _Result:
    answer: KeptAnswer
    reads: dict[str, str]
    corpus: dict[str, str]


def ask_watched(chat: Chat, path: Path, report: Report = lambda what, done, total: None, *, again: bool = False) -> AskedAgain:
    """Asks the questions that were not yet asked of this index with these settings; with `again`, all, reading everything anew.

    Answers are saved as the work goes on, also if it is stopped. A question that cannot be asked is skipped. Raises WatchError
    if the list cannot be read or written.
    """
    watched = load_watch_list(path).questions
    due = watched if again else due_questions(chat, watched)
    pending: dict[str, _Result] = {}
    asked, problem, saved = 0, "", monotonic()
    try:
        for done, question in enumerate(due):
            report("asking", done, len(due))
            try:
                pending[question.id] = _ask(chat, replace(question, reads={}) if again else question)
                asked += 1
            except RagError as error:
                problem = problem or f"{question.question[:60]!r} was not asked: {error}"
            if monotonic() - saved > SAVE_SECONDS:
                _save(path, pending, chat.settings.index)
                pending, saved = {}, monotonic()
    finally:
        if pending:
            _save(path, pending, chat.settings.index)
    watch_list = load_watch_list(path)
    return AskedAgain(len(watch_list.questions), asked, len(changes_of(watch_list)), problem)


def due_questions(chat: Chat, questions: Sequence[Watched]) -> list[Watched]:
    """The questions that were not yet asked of the live index with the present settings, models and version."""
    state = (chat.index().digest, _made_with(chat)) if questions else ("", "")
    return [question for question in questions if _asked_of(question) != state]


def describe_asked(asked: AskedAgain) -> str:
    """What became of the watched questions, in one line."""
    changed = f"{asked.changed} of {asked.questions} watched answers changed"
    seen = "; see `rag watch report` or the Review tab" if asked.changed else ""
    problem = f"; not all were asked again: {asked.problem}; `rag watch report` asks the rest" if asked.problem else ""
    return changed + seen + problem


def after_build(
    path: Path, manifest: "Manifest", chat_of: Callable[[], Chat], report: Report, *, forget: bool
) -> AskedAgain:  # fmt: skip
    """Deletes the quotes of removed documents, then asks the watched questions of the new index.

    Never raises: `problem` says what went wrong. The build is complete.
    """
    try:
        forget_removed(path, manifest.corpus, changed_too=forget)
        return ask_watched(chat_of(), path, report)
    except KeyboardInterrupt:
        return _not_asked(path, "stopped")
    except Exception as error:  # noqa: BLE001 - nothing that goes wrong here may make a complete build look failed
        return _not_asked(path, str(error) or type(error).__name__.lower())


def _not_asked(path: Path, problem: str) -> AskedAgain:
    try:
        watch_list = load_watch_list(path)
    except RagError:
        return AskedAgain(0, 0, 0, problem)
    return AskedAgain(len(watch_list.questions), 0, len(changes_of(watch_list)), problem)


def kept_answer(answer: Answer, *, made_with: str = "", read: Iterable[str] = ()) -> KeptAnswer:
    """What is kept of an answer; `made_with` is empty if it is unknown."""
    cited = {citation.number: citation for citation in answer.citations}
    sentences = []
    for sentence in answer.sentences:
        c = cited[sentence.citation]
        words = words_digest(c.quote)
        place = (c.document_id, c.title, c.span.start, c.span.end)
        sentences.append(KeptSentence(*place, c.quote, words, c.page, c.headings, c.digest, sentence.context))
    message = abstention_text(answer) if answer.abstained else answer.message
    return KeptAnswer(
        tuple(sentences), answer.strength, answer.reason, answer.confidence, message, answer.index, made_with, now(),
        tuple(sorted(read)),
    )  # fmt: skip


def _asked_of(question: Watched) -> tuple[str, str] | None:
    return (question.answer.index, question.answer.made_with) if question.answer else None


def _made_with(chat: Chat) -> str:
    """Identifies everything besides the index and the question that an answer depends on."""
    chat = chat.current()
    settings = chat.settings
    used = [settings.answering.model_dump(mode="json"), settings.retrieval.model_dump(mode="json")]
    identities = [__version__, asdict(chat.embedder.identity), chat.reader.identity, asdict(chat.calibration())]
    return sha256_json([*identities, *used])[:DIGEST]


def _ask(chat: Chat, question: Watched) -> _Result:
    """Asks again if another build became live in the meantime, so that the whole answer is of one index."""
    while True:
        remembering = copy(chat.current())
        index, made_with = remembering.index(), _made_with(remembering)
        used: dict[str, str] = {}
        read: set[str] = set()
        remembering.reading = partial(RememberedReader, remembered=question.reads, used=used, documents=read)
        answer = remembering.ask(question.question, documents=list(question.documents) or None, query=question.query)
        if chat.index() is index:
            kept = kept_answer(replace(answer, index=index.digest), made_with=made_with, read=read)
            return _Result(kept, used, _versions(index))


def _versions(index: Index) -> dict[str, str]:
    return {name: digest[:DIGEST] for name, digest in sorted(index.manifest.corpus.digests.items())}


def _save(path: Path, results: Mapping[str, _Result], folder: Path) -> None:
    """Stores the results, except of questions that are no longer watched, and of an index that is no longer the live one:
    it may hold documents that have been removed since.
    """
    current: dict[str, _Result] = {}

    def updated(watched: Watched) -> Watched:
        result = current.get(watched.id)
        if result is None:
            return watched
        accepted = watched.before or watched.answer
        changed = accepted is not None and kind_of_change(accepted, result.answer) is not None
        return replace(watched, answer=result.answer, before=accepted if changed else None, reads=result.reads)

    def merged(watch_list: WatchList) -> WatchList:
        live = load_manifest(live_build(folder)).hash  # under the file's lock: see `forget_removed`
        current.update((id, result) for id, result in results.items() if result.answer.index == live)
        corpora = {result.answer.index: result.corpus for result in current.values()} | watch_list.corpora
        return WatchList(tuple(map(updated, watch_list.questions)), corpora)

    change_watch_list(path, merged)
