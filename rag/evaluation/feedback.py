"""Judgements made on the page, kept as a question set that `rag eval` reads.

judgements.jsonl holds every judgement in chronological order. The files of the question set are derived from it: the last
judgement of a question with the same history counts. Questions that `rag eval label` added to the same set are kept.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from rag.errors import QuestionSetError
from rag.evaluation.question_sets import ANSWERS, QRELS, QRELS_HEAD, QUERIES, UNANSWERABLE, StoredGold, gold_values
from rag.storage.files import from_json, json_line, replace_file, sha256_json
from rag.storage.versioned import VersionedFormat

HELPFUL, WRONG, NOTHING, CHOSEN = "helpful", "wrong", "nothing", "chosen"
VERDICTS = (HELPFUL, WRONG, NOTHING, CHOSEN)
JUDGEMENTS = "judgements.jsonl"
PRIVATE = 0o600  # the files say what was asked
LOCK = ".lock"
"""The file in a question set's folder that is locked while questions are added."""


@dataclass(frozen=True)
class Judgement:
    """A verdict on an answer.

    "helpful": `answers` are the sentences that it quoted. "wrong": a quoted sentence is wrong, and the right one is unknown.
    "nothing": the answer should have been an abstention. "chosen": `answers` are the right sentences.
    """

    question: str
    verdict: str
    answers: tuple[StoredGold, ...] = ()
    history: tuple[Mapping[str, str], ...] = ()

    @property
    def id(self) -> str:
        return f"q-{sha256_json([self.question, [dict(turn) for turn in self.history]])[:12]}"


FORMAT = VersionedFormat(
    "judgement",
    Judgement,
    version=1,
    error=QuestionSetError,
    migrations={0: dict},  # the first format had the same fields, but no version
)


def judge(folder: Path, judgement: Judgement) -> None:
    """Adds a judgement and updates the question set. Raises QuestionSetError if it lacks the sentences that it needs."""
    if judgement.verdict not in VERDICTS or (judgement.verdict in (HELPFUL, CHOSEN)) != bool(judgement.answers):
        raise QuestionSetError("choose the sentence that answers the question, then save")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / JUDGEMENTS
    with FileLock(folder / LOCK, mode=PRIVATE):
        present = path.read_bytes() if path.exists() else b""
        judgements = _latest([*_judgements(present, path), judgement])
        replace_file(path, present + json_line({"version": FORMAT.version} | _values(judgement)), mode=PRIVATE)
        _update_set(folder, judgements)


def read_judgements(folder: Path) -> list[Judgement]:
    """The last judgement of each question, in the order in which the questions were first judged."""
    path = folder / JUDGEMENTS
    return _latest(_judgements(path.read_bytes(), path)) if path.exists() else []


def _judgements(content: bytes, path: Path) -> list[Judgement]:
    return [FORMAT.load(line, path) for line in content.split(b"\n") if line.strip()]


def _latest(judgements: Iterable[Judgement]) -> list[Judgement]:
    return list({judgement.id: judgement for judgement in judgements}.values())


def _values(judgement: Judgement) -> dict[str, Any]:
    return {
        "question": judgement.question,
        "verdict": judgement.verdict,
        "answers": [gold_values(gold) for gold in judgement.answers],
        "history": [{"speaker": turn["speaker"], "text": turn["text"]} for turn in judgement.history],
    }


def _update_set(folder: Path, judgements: Sequence[Judgement]) -> None:
    """Replaces the judged questions in a set's files. The queries come last: lines about other ids are ignored."""
    judged = {judgement.id for judgement in judgements}
    usable = [judgement for judgement in judgements if judgement.verdict != WRONG]
    (folder / "qrels").mkdir(exist_ok=True)
    rows = [
        f"{judgement.id}\t{document}\t1\n"
        for judgement in usable
        for document in sorted({gold.document_id for gold in judgement.answers})
    ]
    labelled = _lines(folder / QRELS, lambda line: line.decode().split("\t")[0] not in judged)[1:]
    replace_file(folder / QRELS, QRELS_HEAD.encode() + b"".join(labelled) + "".join(rows).encode(), mode=PRIVATE)
    answered = [judgement for judgement in usable if judgement.answers]
    _replace(folder / ANSWERS, "query_id", judged, ({"query_id": j.id, "answers": _values(j)["answers"]} for j in answered))
    unanswerable = [judgement for judgement in usable if not judgement.answers]
    _replace(folder / UNANSWERABLE, "query_id", judged, ({"query_id": judgement.id} for judgement in unanswerable))
    queries = ({"_id": j.id, "text": j.question, "metadata": {"history": _values(j)["history"]}} for j in usable)
    _replace(folder / QUERIES, "_id", judged, queries)


def _replace(path: Path, key: str, judged: set[str], records: Iterable[Mapping[str, Any]]) -> None:
    """Writes the file's lines about other questions, then `records`."""
    labelled = _lines(path, lambda line: from_json(line)[key] not in judged)
    replace_file(path, b"".join([*labelled, *(json_line(record) for record in records)]), mode=PRIVATE)


def _lines(path: Path, wanted: Callable[[bytes], bool]) -> list[bytes]:
    try:
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        return [line + b"\n" for line in lines if line.strip() and wanted(line)]
    except (ValueError, KeyError, TypeError) as error:
        raise QuestionSetError(f"{path} cannot be read ({error}); correct or remove it") from error
