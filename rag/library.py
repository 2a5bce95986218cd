"""The façade: a corpus, its index, and one method for everything that can be done with them.

Opening a library loads nothing. Each method loads what it needs: `status` no model, `build` the embedding model only if a text
must be embedded, `ask` the model, the reader and the index.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from threading import RLock
from time import perf_counter
from typing import TYPE_CHECKING

from rag.config import LOCAL, Settings, load_settings
from rag.errors import ObjectsError

if TYPE_CHECKING:
    from rag.answering.confidence import Calibration
    from rag.conversation import Chat, History
    from rag.evaluation.experiment import Evaluation
    from rag.evaluation.question_sets import QuestionSet
    from rag.index.builds import Report
    from rag.index.changes import Changes
    from rag.index.cluster.ray_workers import RayWorkers
    from rag.index.doctor import Check
    from rag.index.manifest import Failure, Manifest
    from rag.index.status import Status
    from rag.index.updating import Recipe
    from rag.loading.corpus import FolderCorpus
    from rag.loading.folder_listing import Skipped
    from rag.models.embedder import Embedder
    from rag.receipts import Checked
    from rag.records import Answer, Hit
    from rag.review.watch_asking import AskedAgain


def _silent(what: str, done: int, total: int) -> None:
    """Reports no progress."""


@dataclass(frozen=True)
class BuildReport:
    """What a build did, and the manifest of the live build.

    `skipped` are the parts of the corpus folder that are not looked at, `refused` unreadable files, which were not added.
    `advice` says what to type if the models do not know the languages of the documents, or what could not be cleaned up.
    `watched` says what became of the watched questions, None if there are none.
    """

    manifest: Manifest
    changes: Changes
    seconds: float
    skipped: Sequence[Skipped] = ()
    refused: Sequence[Failure] = ()
    watched: AskedAgain | None = None
    advice: str = ""


class Library:
    """A corpus and its index. Thread-safe; a new build is used from the next question on, also if another process made it."""

    def __init__(self, settings: Settings, *, embedder: Embedder | None = None, chat: Chat | None = None) -> None:
        """`embedder` and `chat` are used instead of loading what the settings describe."""
        self.settings = settings
        self._embedder = chat.embedder if chat else embedder
        self._chat = chat
        self._opening = RLock()

    @classmethod
    def open(cls, corpus: str | Path | None = None, index: str | Path | None = None) -> Library:
        """With settings from rag.toml and the environment, except for the folders given. Raises SettingsError."""
        return cls(load_settings(corpus=corpus, index=index))

    @property
    def embedder(self) -> Embedder:
        """The embedding model, which loads its weights when the first text is embedded."""
        with self._opening:
            if self._embedder is None:
                from rag.models.embedder import ModelEmbedder

                self._embedder = ModelEmbedder(self.settings.embedding)
            return self._embedder

    @property
    def chat(self) -> Chat:
        """Model, reader and index, loaded on first access. Raises IndexMissing, IndexMismatch or IndexBroken."""
        return self._opened(reading=True)

    def build(
        self, *, full: bool = False, retry: bool = False, forget: bool = False, wait: bool = False,
        prepare: Callable[[], None] = lambda: None, progress: Report = _silent,
    ) -> BuildReport:  # fmt: skip
        """Makes the index agree with the corpus; only changes are read and embedded. See `rag.index.updating.update_index`."""
        started, options = perf_counter(), {"full": full, "retry": retry, "forget": forget, "wait": wait}
        result = _updated(self, options, prepare, progress)
        return _reported(self, *result, perf_counter() - started, progress, forget=forget)

    def differences(self, *, progress: Report = _silent) -> list[str]:
        """The parts in which a build from scratch would differ from the live build; none if they are equal."""
        from rag.index.updating import rebuild_differs

        return rebuild_differs(self._corpus, self.settings.index, self._recipe, progress=progress)

    def add(
        self, files: Sequence[Path], *, into: str = "", replace: bool = False, wait: bool = False, progress: Report = _silent
    ) -> BuildReport:
        """Copies files and folders into the corpus, all or none, then builds. Raises DocumentError."""
        from rag.index.corpus_edits import add_files

        refused: list[Failure] = []

        def copy() -> None:
            refused.extend(add_files(self._corpus, files, into=into, overwrite=replace))

        report = self.build(wait=wait, prepare=copy, progress=progress)
        return dataclasses.replace(report, refused=tuple(refused))

    def remove(self, ids: Sequence[str], *, wait: bool = False, progress: Report = _silent) -> BuildReport:
        """Deletes documents from the corpus, all or none, then builds. Raises DocumentError for an unknown id."""
        from rag.index.corpus_edits import remove_documents

        delete = partial(remove_documents, self._corpus, ids, self.settings.index)
        return self.build(wait=wait, prepare=delete, progress=progress)

    def rollback(self, *, wait: bool = False) -> Status:
        """Restores the previous build; a second call undoes the first. Raises IndexMissing if none is kept."""
        from rag.index.corpus_edits import restore_previous
        from rag.index.status import index_status

        restore_previous(self.settings.index, wait=wait)
        return index_status(self.settings, check=False)

    def doctor(self) -> list[Check]:
        """Checks everything that can be checked; each fault comes with the command that fixes it."""
        from rag.answering.guarantee_state import calibration_checks
        from rag.index.doctor import examine

        checks = examine(self.settings, model=self._embedder.identity if self._embedder else None)
        return [*checks, *calibration_checks(self.settings)]

    def status(self) -> Status:
        """What the index holds and what a build would change. Raises IndexMissing, IndexMismatch or IndexBroken."""
        from rag.index.status import index_status

        return index_status(self.settings, model=self._embedder.identity if self._embedder else None)

    def search(
        self, query: str, *, k: int | None = None, documents: Sequence[str] | None = None, history: History = ()
    ) -> list[Hit]:
        """The best passages for a query: see `Chat.search`."""
        return self._opened(reading=False).search(query, k=k, documents=documents, history=history)

    def ask(
        self, question: str, *, history: History = (), documents: Sequence[str] | None = None, query: str | None = None,
        correct: bool = True) -> Answer:  # fmt: skip
        """An answer in quoted sentences, or an abstention: see `Chat.ask`."""
        return self.chat.ask(question, history=history, documents=documents, query=query, correct=correct)

    def evaluate(
        self, questions: QuestionSet | Path, *, given: bool = False, answers: bool = True, limit: int | None = None,
        progress: Report = _silent,
    ) -> Evaluation:  # fmt: skip
        """Asks the questions of a set: see `rag.evaluation.experiment.evaluate`. A set with its own corpus is indexed first."""
        from rag.evaluation.experiment import chat_for, evaluate
        from rag.evaluation.question_sets import load_question_set

        questions = load_question_set(questions) if isinstance(questions, Path) else questions
        chat = chat_for(questions, self.settings, self._recipe, progress) if questions.corpus else self._opened(reading=False)
        return evaluate(questions, chat, given=given, answers=answers, limit=limit, progress=progress)

    def calibrate(self, questions: QuestionSet | Path, *, false_answers: float = 0.1, progress: Report = _silent) -> Calibration:
        """Learns from a question set how confident an answer must be, and stores that with the index.

        At most the share `false_answers` of the unanswerable questions may get an answer. Raises QuestionSetError if the set has
        too few questions.
        """
        from rag.evaluation.calibration import learn

        evaluation = self.evaluate(questions, progress=progress)
        return learn(evaluation.questions, evaluation.outcome_of, evaluation.chat, false_answers=false_answers)

    def verify(self, receipt: Path) -> list[Checked]:
        """Checks each citation of a receipt or evidence matrix against the files as they are now. Raises ReceiptError."""
        from rag.receipts import load_citations, verify

        return verify(load_citations(receipt), self._corpus)

    @cached_property
    def _corpus(self) -> FolderCorpus:
        from rag.loading.corpus import corpus_of

        return corpus_of(self.settings)

    @cached_property
    def _recipe(self) -> Recipe:
        from rag.index.updating import Recipe

        return Recipe(self.embedder, self.settings.passages, self.settings.dense, self.settings.scale.engine)

    def _opened(self, *, reading: bool) -> Chat:
        with self._opening:
            if self._chat is None:
                from rag.conversation import Chat

                self._chat = Chat.open(settings=self.settings, embedder=self.embedder, reading=reading)
            return self._chat


def _updated(
    library: Library, options: dict[str, bool], prepare: Callable[[], None], progress: Report
) -> tuple[Manifest, Changes]:
    from rag.index.updating import update_index

    folder, workers = library.settings.index, _workers(library)
    return update_index(library._corpus, folder, library._recipe, **options, prepare=prepare, workers=workers, progress=progress)


def _sweep(settings: Settings) -> str:
    """Removes objects that no build needs any more. Returns why they are still there, or nothing: the index is finished."""
    from rag.index.cluster.object_sweep import sweep_objects

    try:
        sweep_objects(settings)
    except ObjectsError as error:
        return f"The index is up to date, but objects of removed documents may remain: {error}."
    return ""


def _workers(library: Library) -> RayWorkers | None:
    """None if this process reads and embeds."""
    if library.settings.scale.workers == LOCAL:
        return None
    from rag.index.cluster.ray_workers import RayWorkers

    return RayWorkers(library.settings, library.embedder.identity)


def _reported(
    library: Library, manifest: Manifest, changes: Changes, seconds: float, progress: Report, *, forget: bool
) -> BuildReport:
    """The report of a build, after the watched questions were asked again."""
    from rag.models.known_languages import note_on_models

    notes = (note_on_models(library.settings, manifest.corpus.languages), _sweep(library.settings))
    advice, path = "\n".join(filter(None, notes)), library.settings.watched_file
    report = BuildReport(manifest, changes, seconds, library._corpus.listing().skipped, advice=advice)
    if not path.exists():
        return report
    from rag.review.watch_asking import after_build

    return dataclasses.replace(report, watched=after_build(path, manifest, lambda: library.chat, progress, forget=forget))
