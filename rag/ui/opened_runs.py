"""The question sets and evaluation runs that the page offers, and the run that is open."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rag.config import EvaluationSettings
from rag.errors import QuestionSetError
from rag.evaluation.question_sets import Question, QuestionSet, load_question_set
from rag.evaluation.runs import Outcome, Run, list_runs, load_outcomes, load_run


@dataclass(frozen=True)
class OpenedRun:
    """A run with its question set as it is now, and the outcome of each question by id."""

    run: Run
    set: QuestionSet
    outcomes: Mapping[str, Outcome]

    @property
    def questions(self) -> list[Question]:
        """The questions of the set that the run asked."""
        return [question for question in self.set.questions if question.id in self.outcomes]


class OpenedRuns:
    """Opens runs by name; the last one stays open."""

    def __init__(self, settings: EvaluationSettings) -> None:
        self._settings = settings
        self._last: OpenedRun | None = None

    def sets(self) -> dict[str, Path]:
        """The folders of the question sets by name: the sets of the settings, then the questions judged on the page."""
        settings = self._settings
        folders = [*sorted(path.parent for path in settings.sets.glob("*/queries.jsonl")), settings.feedback]
        return {folder.name: folder for folder in folders if (folder / "queries.jsonl").is_file()}

    def labels(self) -> list[tuple[str, str]]:
        """Name and label of each question set."""
        feedback = self._settings.feedback
        return [(name, "judged on the page" if folder == feedback else name) for name, folder in self.sets().items()]

    def runs(self) -> list[Run]:
        """All saved runs, latest last."""
        return list_runs(self._settings.runs)

    def open(self, name: str) -> OpenedRun:
        """Raises QuestionSetError if there is no such run, or its question set is gone."""
        opened = self._last
        if opened is None or opened.run.name != name:
            opened = self._last = self._load(name)
        return opened

    def _load(self, name: str) -> OpenedRun:
        if name not in {run.name for run in self.runs()}:  # the name comes from a browser: it must not lead elsewhere
            raise QuestionSetError(f"there is no run {name}; choose another")
        run = load_run(self._settings.runs, name)
        dataset = str(run.summary["dataset"])
        folder = self.sets().get(dataset)
        if folder is None:
            raise QuestionSetError(f"the question set {dataset} of this run is not in {self._settings.sets}")
        return OpenedRun(run, load_question_set(folder), load_outcomes(self._settings.runs, name))
