"""Question sets in BEIR layout, with answers by offsets and questions that the corpus does not answer.

corpus.jsonl         {"_id", "title", "text"}           absent: the set asks about the current corpus, ids are document ids
queries.jsonl        {"_id", "text", "metadata": {"history": [{"speaker", "text"}], "rewrite"?}}
qrels/test.tsv       query-id  corpus-id  score         header line, tabs
answers.jsonl        {"query_id", "answers": [{"text", "doc_id", "start", "kind"?}]}
unanswerable.jsonl   {"query_id", "doc_id"?}
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rag.errors import QuestionSetError, UnreadableFile
from rag.loading.text_files import plain_text
from rag.records import Document, Span
from rag.storage.files import sha256_file, sha256_json

FILES = ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv", "answers.jsonl", "unanswerable.jsonl")


@dataclass(frozen=True)
class GoldSpan:
    """A stretch of a document that answers a question, counted in the document's text."""

    document_id: str
    span: Span
    text: str
    kind: str = "sentence"


@dataclass(frozen=True)
class Question:
    """A question with what is known of its answer.

    `relevance` gives each judged document a grade, 0 for judged and found wanting; empty where nothing was judged.
    `document_id` is the document that an unanswerable question was made for.
    """

    id: str
    text: str
    history: tuple[dict[str, str], ...] = ()
    rewrite: str | None = None
    relevance: dict[str, int] = field(default_factory=dict)
    answers: tuple[GoldSpan, ...] = ()
    unanswerable: bool = False
    document_id: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def given(self) -> list[str]:
        """The documents that it is asked of when reading is measured apart from retrieval; empty if none is known."""
        gold = [gold.document_id for gold in self.answers] or [name for name, grade in self.relevance.items() if grade > 0]
        return list(dict.fromkeys(gold)) or ([self.document_id] if self.document_id else [])


@dataclass(frozen=True)
class RecordCorpus:
    """The corpus of a question set: each record is a document, also where two are the same."""

    records: dict[str, tuple[str, str]]
    """Title and text of each id."""

    def names(self) -> list[str]:
        return sorted(self.records)

    def digest_of(self, name: str) -> str:
        return sha256_json(self.records[name])

    def format_of(self, name: str) -> str:
        return name

    def read(self, names: Sequence[str]) -> Iterator[Document | UnreadableFile]:
        for name in names:
            title, text = self.records[name]
            blocks = plain_text.parse(text).blocks
            document = Document(name, title, text, tuple(blocks), self.digest_of(name))
            yield document if blocks else UnreadableFile("it holds no text")


@dataclass(frozen=True)
class QuestionSet:
    """`corpus` is None for a set that asks about the current corpus; `digest` is that of its files."""

    name: str
    folder: Path
    questions: tuple[Question, ...]
    corpus: RecordCorpus | None

    @cached_property
    def digest(self) -> str:
        files = {name: sha256_file(self.folder / name) for name in FILES if (self.folder / name).exists()}
        return sha256_json(files)


def load_question_set(folder: Path) -> QuestionSet:
    """Reads a folder; questions keep their order. Raises QuestionSetError naming the file and line that cannot be used."""
    if not (folder / "queries.jsonl").is_file():
        raise QuestionSetError(f"{folder} holds no queries.jsonl; name a folder with a question set")
    corpus = _read_corpus(folder / "corpus.jsonl")
    relevance = _read_qrels(folder / "qrels" / "test.tsv")
    answers: dict[str, list[GoldSpan]] = {}
    for record in _records(folder / "answers.jsonl", "query_id", "answers"):
        answers.setdefault(record["query_id"], []).extend(_gold(answer) for answer in record["answers"])
    unanswerable = {record["query_id"]: record.get("doc_id") for record in _records(folder / "unanswerable.jsonl", "query_id")}
    questions = []
    for record in _records(folder / "queries.jsonl", "_id", "text"):
        metadata = dict(record.get("metadata") or {})
        name = record["_id"]
        questions.append(
            Question(
                id=name,
                text=record["text"],
                history=tuple(metadata.pop("history", None) or ()),
                rewrite=metadata.pop("rewrite", None),
                # What is not in the set's corpus cannot be found; some sets also judge what their documents were cut from.
                relevance={d: g for d, g in relevance.get(name, {}).items() if corpus is None or d in corpus.records},
                answers=tuple(answers.get(name, ())),
                unanswerable=name in unanswerable,
                document_id=unanswerable.get(name),
                metadata=metadata,
            )
        )
    return QuestionSet(folder.resolve().name, folder, tuple(questions), corpus)


def _gold(answer: dict[str, Any]) -> GoldSpan:
    span = Span(answer["start"], answer["start"] + len(answer["text"]))
    return GoldSpan(answer["doc_id"], span, answer["text"], answer.get("kind") or "sentence")


def _read_corpus(path: Path) -> RecordCorpus | None:
    if not path.is_file():
        return None
    return RecordCorpus({r["_id"]: (r.get("title") or "", r["text"]) for r in _records(path, "_id", "text")})


def _read_qrels(path: Path) -> dict[str, dict[str, int]]:
    relevance: dict[str, dict[str, int]] = {}
    if not path.is_file():
        return relevance
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE), start=1):
            if number == 1 or not row:
                continue
            try:
                query, document, grade = row
                relevance.setdefault(query, {})[document] = int(grade)
            except ValueError:
                raise QuestionSetError(f"{path} line {number} is not query-id, corpus-id, score with tabs between") from None
    return relevance


def _records(path: Path, *needed: str) -> list[dict[str, Any]]:
    """The JSON objects of a file, none if it is absent."""
    if not path.is_file():
        return []
    records = []
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
            if line.strip():
                record = json.loads(line)
                if not isinstance(record, dict) or any(name not in record for name in needed):
                    raise QuestionSetError(f"{path} line {number} must be an object with {', '.join(needed)}")
                records.append(record)
    except (OSError, ValueError) as error:
        raise QuestionSetError(f"{path} cannot be read: {error}") from error
    return records
