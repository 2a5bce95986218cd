"""Evaluation runs on disk: what was asked, retrieved and answered, so that any measure can be computed later.

signature.json     data set, settings, model, versions: everything that could change a figure
run.trec           ranked documents in TREC's format
outcomes.jsonl     one line per question: answer, confidence, times
summary.json       the measures, as `rag eval --json` prints them, and each of them per question
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from typing_extensions import TypedDict  # typing's cannot be validated by pydantic before Python 3.12

from rag.errors import QuestionSetError
from rag.records import Answer, Span
from rag.storage.files import canonical_json, json_line, replace_file
from rag.storage.versioned import VersionedFormat
from rag.wire import StoredAnswer, StoredHit, answer_values, hit_values

Part = dict[str, float | None] | None
"""The mean of each measure, None if it is not defined for the set; the part is None if it was not measured."""


class Times(TypedDict):
    """Median and 95th percentile of the time per question."""

    p50: float | None
    p95: float | None


class Summary(TypedDict):
    """A run as `rag eval --json` prints it. `intervals` are the 95% intervals of the means."""

    dataset: str
    signature: dict[str, Any]
    questions: int
    retrieval: Part
    answers: Part
    abstention: Part
    timings_ms: Times
    intervals: dict[str, list[float]]


Values = dict[str, dict[str, float]]
"""The value of each measure for each question that it is defined for: {measure: {question id: value}}."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one question.

    `answer` is the answer at a threshold of 0; `abstained` says whether the threshold withholds it. `ranking` lists document
    ids, best first, None if retrieval was not measured. `right` says whether a gold span was quoted.
    """

    question_id: str
    answer: StoredAnswer
    abstained: bool
    confidence: float
    ranking: tuple[str, ...] | None
    timings_ms: dict[str, float]
    right: bool = False
    hits: tuple[StoredHit, ...] = ()

    @property
    def quoted(self) -> list[tuple[str, Span]]:
        """Document id and span of each quoted sentence, except those shown as context only."""
        citations = {citation.number: citation for citation in self.answer.citations}
        cited = [citations[sentence.citation] for sentence in self.answer.sentences if not sentence.context]
        return [(citation.document_id, citation.span) for citation in cited]

    @property
    def phrase(self) -> str | None:
        """The first answer phrase, None if the reader names none."""
        for citation in self.answer.citations:
            if citation.answer_phrase:
                start = citation.span.start
                return citation.quote[citation.answer_phrase.start - start : citation.answer_phrase.end - start]
        return None


@dataclass(frozen=True)
class Run:
    """A saved run. `signature` is a JSON object with everything that could change a figure."""

    name: str
    signature: dict[str, Any]
    summary: Summary
    values: Values


class _StoredSummary(Summary):
    values: Values


def _with_whole_answer(fields: dict[str, Any]) -> dict[str, Any]:
    """Runs that measured retrieval only used to store a part of an empty answer."""
    query = fields["answer"]["query"]
    return fields | {"answer": answer_values(Answer(query, query)) | fields["answer"]}


SUMMARY_FORMAT = VersionedFormat("run", _StoredSummary, 1, QuestionSetError, {0: dict})  # version 0 had the same fields
OUTCOME_FORMAT = VersionedFormat("outcome of a question", Outcome, 1, QuestionSetError, {0: _with_whole_answer})
GATE_FORMAT = VersionedFormat("stored run", Run, 1, QuestionSetError, {0: dict})


def save_run(folder: Path, run: Run, outcomes: Iterable[Outcome]) -> None:
    """Writes a run into `folder/name`. The summary comes last: a folder without one is not a run."""
    run_folder = folder / run.name
    run_folder.mkdir(parents=True)
    (run_folder / "signature.json").write_text(json.dumps(run.signature, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    with (run_folder / "run.trec").open("w", encoding="utf-8") as ranked, (run_folder / "outcomes.jsonl").open("wb") as lines:
        for outcome in outcomes:
            for rank, document in enumerate(outcome.ranking or (), start=1):
                ranked.write(f"{outcome.question_id} Q0 {document} {rank} {1 / rank:.6f} {run.name}\n")
            lines.write(json_line({"version": OUTCOME_FORMAT.version} | outcome_values(outcome)))
    summary = {"version": SUMMARY_FORMAT.version, **run.summary, "values": run.values}
    replace_file(run_folder / "summary.json", canonical_json(summary).encode())


def outcome_values(outcome: Outcome) -> dict[str, Any]:
    """An outcome as a JSON object."""
    fields = {name: getattr(outcome, name) for name in Outcome.__dataclass_fields__}
    return fields | {"answer": answer_values(outcome.answer), "hits": [hit_values(hit) for hit in outcome.hits]}


def list_runs(folder: Path) -> list[Run]:
    """All complete runs, oldest first."""
    paths = sorted(folder.glob("*/summary.json"), key=lambda path: (path.stat().st_mtime_ns, path.parent.name))
    return [load_run(folder, path.parent.name) for path in paths]


def load_run(folder: Path, name: str) -> Run:
    """A run by its name, or by the path of its folder. Raises QuestionSetError if there is none, or it cannot be read."""
    run_folder = folder / name if (folder / name / "summary.json").is_file() else Path(name)
    path = run_folder / "summary.json"
    try:
        stored = SUMMARY_FORMAT.load(path.read_bytes(), path)
    except OSError as error:
        raise QuestionSetError(f"{name} is not a saved run ({error}); `rag eval runs` lists them") from error
    summary = cast(Summary, {name: value for name, value in stored.items() if name != "values"})
    return Run(run_folder.name, stored["signature"], summary, stored["values"])


def load_outcomes(folder: Path, name: str) -> dict[str, Outcome]:
    """The outcomes of a run by question id. Raises QuestionSetError if they cannot be read."""
    path = (folder / name if (folder / name).is_dir() else Path(name)) / "outcomes.jsonl"
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise QuestionSetError(f"{path} cannot be read ({error}); `rag eval runs` lists the saved runs") from error
    outcomes = [OUTCOME_FORMAT.load(line, path) for line in lines if line.strip()]
    return {outcome.question_id: outcome for outcome in outcomes}


def save_gate(path: Path, run: Run) -> None:
    """Stores a run in one file: enough to compare later runs with it, question by question."""
    fields = {name: getattr(run, name) for name in Run.__dataclass_fields__}
    replace_file(path, json_line({"version": GATE_FORMAT.version} | fields))


def load_gate(path: Path) -> Run:
    """A gate file, or the folder of a run. Raises QuestionSetError."""
    if path.is_dir():
        return load_run(path.parent, path.name)
    try:
        return GATE_FORMAT.load(path.read_bytes(), path)
    except OSError as error:
        hint = f"write one with `rag eval DATASET --save-gate {path}`"
        raise QuestionSetError(f"{path} cannot be read ({error.strerror}); {hint}") from error
