"""Questions whose answers are spans of a text, from public question sets."""

from dataclasses import dataclass
from pathlib import Path

from training.examples import lines


@dataclass
class SpanQuestion:
    source: str
    question: str
    document: str  # of which parts are made
    title: str
    text: str
    answers: list[tuple[str, int]]  # none: unanswerable


def squadshift(data: Path, name: str) -> list[SpanQuestion]:
    return [
        SpanQuestion(
            name, r["question"].strip(), r["context_id"], "", r["context"], [(a["text"], a["start"]) for a in r["answers"]]
        )
        for r in lines(data / "train" / f"{name}.jsonl.gz")
    ]


def question_set(data: Path, name: str, kind: str | None = None) -> list[SpanQuestion]:
    """Of a BEIR folder; documents of the same title are one."""
    corpus = {r["_id"]: r for r in lines(data / name / "corpus.jsonl")}
    texts = {r["_id"]: r["text"].strip() for r in lines(data / name / "queries.jsonl")}
    questions = []
    for row in lines(data / name / "answers.jsonl"):
        for document in sorted({a["doc_id"] for a in row["answers"]}):
            answers = [(a["text"], a["start"]) for a in row["answers"] if a["doc_id"] == document and a.get("kind", kind) == kind]
            page = corpus[document]
            if answers and row["query_id"] in texts:
                title = page["title"]
                questions.append(SpanQuestion(name, texts[row["query_id"]], title or document, title, page["text"], answers))
    path = data / name / "unanswerable.jsonl"
    for row in lines(path) if path.exists() else ():
        if row.get("doc_id") in corpus and row["query_id"] in texts:
            page = corpus[row["doc_id"]]
            questions.append(
                SpanQuestion(name, texts[row["query_id"]], page["title"] or row["doc_id"], page["title"], page["text"], [])
            )
    return questions


def phrases_of(question: SpanQuestion) -> list[list[int]]:
    return [[start, start + len(text)] for text, start in question.answers]


def says(text: str, question: SpanQuestion) -> bool:
    """Whether an answer's words stand in a text, so that it can be no negative."""
    folded = " ".join(text.casefold().split())
    return any(" ".join(answer.casefold().split()).strip(" .,'\"") in folded for answer, _ in question.answers)
