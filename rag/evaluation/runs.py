"""Runs on disk: what was asked, found and answered, so that any measure can be taken later.

signature.json     data set, settings, model, versions: all that could change a figure
run.trec           ranked documents in TREC's format
outcomes.jsonl     a line a question: answer, confidence, times
summary.json       the measures, as `rag eval --json` prints them, and each of every question
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.errors import QuestionSetError
from rag.records import Span
from rag.storage.files import canonical_json, json_line, read_json_lines, replace_file


@dataclass(frozen=True)
class Outcome:
    """What came of a question. The answer is that at a threshold of 0; `abstained` says whether the threshold shows it.

    `ranking` are documents, best first, None where retrieval was not measured. `right` says whether a gold span was hit.
    """

    question_id: str
    answer: dict[str, Any]
    abstained: bool
    confidence: float
    ranking: tuple[str, ...] | None
    timings_ms: dict[str, float]
    right: bool = False
    hits: list[dict[str, Any]] = field(default_factory=list)

    @property
    def quoted(self) -> list[tuple[str, Span]]:
        """Document and span of each quoted sentence but those that are shown as context only."""
        citations = {citation["number"]: citation for citation in self.answer["citations"]}
        cited = [citations[sentence["citation"]] for sentence in self.answer["sentences"] if not sentence["context"]]
        return [(citation["document_id"], Span(citation["start"], citation["end"])) for citation in cited]

    @property
    def phrase(self) -> str | None:
        """The first answer phrase, None if the reader names none."""
        for citation in self.answer["citations"]:
            if phrase := citation["answer_phrase"]:
                return str(citation["quote"][phrase["start"] - citation["start"] : phrase["end"] - citation["start"]])
        return None


@dataclass(frozen=True)
class Run:
    """A kept run: `values` are {measure: {question id: value}}."""

    name: str
    signature: dict[str, Any]
    summary: dict[str, Any]
    values: dict[str, dict[str, float]]


def save_run(folder: Path, run: Run, outcomes: Iterable[Outcome]) -> None:
    """Writes a run into `folder/name`; the summary, which makes it one, comes last."""
    place = folder / run.name
    place.mkdir(parents=True)
    (place / "signature.json").write_text(json.dumps(run.signature, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    with (place / "run.trec").open("w", encoding="utf-8") as ranked, (place / "outcomes.jsonl").open("wb") as asked:
        for outcome in outcomes:
            for rank, document in enumerate(outcome.ranking or (), start=1):
                ranked.write(f"{outcome.question_id} Q0 {document} {rank} {1 / rank:.6f} {run.name}\n")
            asked.write(json_line(outcome_values(outcome)))
    replace_file(place / "summary.json", canonical_json(run.summary | {"values": run.values}).encode())


def outcome_values(outcome: Outcome) -> dict[str, Any]:
    return {name: getattr(outcome, name) for name in Outcome.__dataclass_fields__}


def list_runs(folder: Path) -> list[Run]:
    """All whole runs, oldest first."""
    found = sorted(folder.glob("*/summary.json"), key=lambda path: (path.stat().st_mtime_ns, path.parent.name))
    return [load_run(folder, path.parent.name) for path in found]


def load_run(folder: Path, name: str) -> Run:
    """A run by its name, or by the path of its folder. Raises QuestionSetError where there is none."""
    place = folder / name if (folder / name / "summary.json").is_file() else Path(name)
    try:
        summary = json.loads((place / "summary.json").read_text(encoding="utf-8"))
        signature = json.loads((place / "signature.json").read_text(encoding="utf-8"))
        values = summary.pop("values")
    except (OSError, ValueError, KeyError) as error:
        raise QuestionSetError(f"{name} is no kept run ({error}); `rag eval runs` lists them") from error
    return Run(place.name, signature, summary, values)


def load_outcomes(folder: Path, name: str) -> dict[str, Outcome]:
    place = folder / name if (folder / name).is_dir() else Path(name)
    outcomes = {}
    for record in read_json_lines(place / "outcomes.jsonl"):
        ranking = record.pop("ranking")
        outcomes[record["question_id"]] = Outcome(**record, ranking=None if ranking is None else tuple(ranking))
    return outcomes


def gate_values(run: Run) -> Mapping[str, Any]:
    """What a gate file holds: enough to compare later runs with, question by question."""
    return {"name": run.name, "signature": run.signature, "summary": run.summary, "values": run.values}


def read_gate(path: Path) -> Run:
    """A gate file, or the folder of a run. Raises QuestionSetError."""
    if path.is_dir():
        return load_run(path.parent, path.name)
    try:
        return Run(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise QuestionSetError(
            f"{path} is no stored run ({error}); write one with `rag eval DATASET --save-gate {path}`"
        ) from error
