"""What users judge right or wrong on the page, kept as a question set that `rag eval` reads.

judgements.jsonl holds every judgement in the order of its coming; the files of the set follow from it. Of one question with
one history the last judgement counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from rag.errors import QuestionSetError
from rag.evaluation.question_sets import GoldSpan
from rag.records import Span
from rag.storage.files import json_line, read_json_lines, replace_file, sha256_json

HELPFUL, WRONG, NOTHING, CHOSEN = "helpful", "wrong", "nothing", "chosen"
VERDICTS = (HELPFUL, WRONG, NOTHING, CHOSEN)
JUDGEMENTS = "judgements.jsonl"


@dataclass(frozen=True)
class Judgement:
    """What was said of an answer: it was "helpful" (`gold` is what it quoted), a sentence was "wrong" (the right one is not
    known), it should have said "nothing", or the right sentences were "chosen" (`gold`).
    """

    question: str
    verdict: str
    gold: tuple[GoldSpan, ...] = ()
    history: tuple[Mapping[str, str], ...] = ()

    @property
    def id(self) -> str:
        return f"q-{sha256_json([self.question, [dict(turn) for turn in self.history]])[:12]}"


def judge(folder: Path, judgement: Judgement) -> None:
    """Adds a judgement and brings the set up to date. Raises QuestionSetError for one that says nothing."""
    if judgement.verdict not in VERDICTS or (judgement.verdict in (HELPFUL, CHOSEN)) != bool(judgement.gold):
        raise QuestionSetError("choose the sentence that answers the question, then save")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / JUDGEMENTS
    with FileLock(folder / ".lock"):
        replace_file(path, (path.read_bytes() if path.exists() else b"") + json_line(_values(judgement)), mode=0o600)
        _write_set(folder, read_judgements(folder))


def read_judgements(folder: Path) -> list[Judgement]:
    """The last judgement of each question, in the order in which the questions were first judged."""
    path = folder / JUDGEMENTS
    latest: dict[str, Judgement] = {}
    try:
        for values in read_json_lines(path) if path.exists() else ():
            judgement = _judgement_from(values)
            latest[judgement.id] = judgement
    except (ValueError, KeyError, TypeError) as error:
        raise QuestionSetError(f"{path} cannot be read ({error}); mend or remove it") from error
    return list(latest.values())


def _values(judgement: Judgement) -> dict[str, Any]:
    gold = [{"text": g.text, "doc_id": g.document_id, "start": g.span.start} for g in judgement.gold]
    history = [{"speaker": turn["speaker"], "text": turn["text"]} for turn in judgement.history]
    return {"question": judgement.question, "verdict": judgement.verdict, "answers": gold, "history": history}


def _judgement_from(values: Mapping[str, Any]) -> Judgement:
    gold = tuple(GoldSpan(a["doc_id"], Span(a["start"], a["start"] + len(a["text"])), a["text"]) for a in values["answers"])
    return Judgement(values["question"], values["verdict"], gold, tuple(values["history"]))


def _write_set(folder: Path, judgements: Sequence[Judgement]) -> None:
    """The queries last: what no query names is not read."""
    told = [judgement for judgement in judgements if judgement.verdict != WRONG]  # that one is wrong says not which is right
    answered = [(judgement, _values(judgement)["answers"]) for judgement in told if judgement.gold]
    rows = [
        f"{judgement.id}\t{document}\t1\n"
        for judgement, _ in answered
        for document in sorted({gold.document_id for gold in judgement.gold})
    ]
    (folder / "qrels").mkdir(exist_ok=True)
    replace_file(folder / "qrels" / "test.tsv", ("query-id\tcorpus-id\tscore\n" + "".join(rows)).encode())
    _write(folder / "answers.jsonl", [{"query_id": judgement.id, "answers": answers} for judgement, answers in answered])
    _write(folder / "unanswerable.jsonl", [{"query_id": judgement.id} for judgement in told if not judgement.gold])
    queries = [
        {"_id": judgement.id, "text": judgement.question, "metadata": {"history": _values(judgement)["history"]}}
        for judgement in told
    ]
    _write(folder / "queries.jsonl", queries)


def _write(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    replace_file(path, b"".join(json_line(record) for record in records))
