"""Question sets in BEIR layout, with answers as offsets and questions that the corpus does not answer.

corpus.jsonl         {"_id", "title", "text"}           if absent, the set is about the current corpus and ids are document ids
queries.jsonl        {"_id", "text", "metadata": {"history": [{"speaker", "text"}], "rewrite"?}}
qrels/test.tsv       query-id  corpus-id  score         header line, tabs
answers.jsonl        {"query_id", "answers": [{"text", "doc_id", "start", "kind"?}]}
unanswerable.jsonl   {"query_id", "doc_id"?}
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, PlainSerializer, PlainValidator

from rag.errors import QuestionSetError, UnreadableFile
from rag.loading.containers.members import LoadedFile
from rag.loading.reading import READ_ONLY, Reading
from rag.loading.text_files import plain_text
from rag.records import Document, Span
from rag.storage.files import from_json, sha256_bytes, sha256_file, sha256_json
from rag.text.languages import language_of
from rag.wire import validated

QUERIES = "queries.jsonl"
QRELS = "qrels/test.tsv"
ANSWERS = "answers.jsonl"
UNANSWERABLE = "unanswerable.jsonl"
FILES = ("corpus.jsonl", QUERIES, QRELS, ANSWERS, UNANSWERABLE)
CHOSEN = {"chosen": "strong"}
"""The metadata of a question that was labelled because its answer would be strong: it says nothing about other answers."""
QRELS_HEAD = "query-id\tcorpus-id\tscore\n"


@dataclass(frozen=True)
class GoldSpan:
    """A span of a document that answers a question: `text == document.text[span]`."""

    document_id: str
    span: Span
    text: str
    kind: str = "sentence"


@dataclass(frozen=True)
class Question:
    """A question with what is known about its answer.

    `relevance` gives the grade of each judged document, 0 for irrelevant; it is empty if nothing was judged. `document_id` is
    the document that an unanswerable question was written for.
    """

    id: str
    text: str
    history: tuple[Mapping[str, str], ...] = ()
    rewrite: str | None = None
    relevance: dict[str, int] = field(default_factory=dict)
    answers: tuple[GoldSpan, ...] = ()
    unanswerable: bool = False
    document_id: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def labelled(self) -> bool:
        """Whether anything is known about its answer."""
        return bool(self.answers or self.unanswerable or self.relevance)

    @property
    def chosen(self) -> bool:
        """Whether it was labelled because its answer would be strong."""
        return CHOSEN.items() <= self.metadata.items()

    @property
    def given(self) -> list[str]:
        """The documents to ask if reading is measured apart from retrieval; empty if none is known."""
        gold = [gold.document_id for gold in self.answers] or [name for name, grade in self.relevance.items() if grade > 0]
        return list(dict.fromkeys(gold)) or ([self.document_id] if self.document_id else [])


@dataclass(frozen=True)
class RecordCorpus:
    """The corpus of a question set. Each record is a document; duplicates are kept."""

    records: dict[str, tuple[str, str]]
    """Title and text by id."""

    def names(self) -> list[str]:
        return sorted(self.records)

    def digest_of(self, name: str) -> str:
        return sha256_json(self.records[name])

    def format_of(self, name: str) -> str:
        return name

    def read(self, names: Sequence[str], reading: Reading = READ_ONLY) -> Iterator[LoadedFile | UnreadableFile]:
        for name in names:
            title, text = self.records[name]
            blocks = plain_text.parse(text).blocks
            document = Document(name, title, text, tuple(blocks), self.digest_of(name), language=language_of(text))
            yield LoadedFile((document,)) if blocks else UnreadableFile("it holds no text")


@dataclass(frozen=True)
class QuestionSet:
    """`corpus` is None for a set about the current corpus."""

    name: str
    folder: Path
    questions: tuple[Question, ...]
    corpus: RecordCorpus | None

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the contents of the set's files."""
        files = {name: sha256_file(self.folder / name) for name in FILES if (self.folder / name).exists()}
        return sha256_json(files)


def gold_values(gold: GoldSpan) -> dict[str, Any]:
    """A gold span as in answers.jsonl."""
    return {"text": gold.text, "doc_id": gold.document_id, "start": gold.span.start}


class _GoldLine(BaseModel):
    text: str
    doc_id: str
    start: int
    kind: str | None = None


def _gold_from(values: object) -> GoldSpan:
    line = validated(_GoldLine, values)
    return GoldSpan(line.doc_id, Span(line.start, line.start + len(line.text)), line.text, line.kind or "sentence")


StoredGold = Annotated[GoldSpan, PlainValidator(_gold_from), PlainSerializer(gold_values)]
"""The type of a pydantic field that holds a GoldSpan and is stored as in answers.jsonl."""


class _CorpusLine(BaseModel):
    id: str = Field(alias="_id")
    title: str | None = None
    text: str


class _QueryLine(BaseModel):
    id: str = Field(alias="_id")
    text: str
    metadata: dict[str, Any] | None = None  # whatever its authors noted; "history" and "rewrite" are ours


class _AnswersLine(BaseModel):
    query_id: str
    answers: tuple[StoredGold, ...]


class _UnanswerableLine(BaseModel):
    query_id: str
    doc_id: str | None = None


Line = TypeVar("Line", bound=BaseModel)


def load_question_set(folder: Path) -> QuestionSet:
    """Questions keep the order of the file. Raises QuestionSetError naming the file and line that cannot be used."""
    if not (folder / QUERIES).is_file():
        raise QuestionSetError(f"{folder} holds no {QUERIES}; name a folder with a question set")
    corpus = _load_corpus(folder / "corpus.jsonl")
    relevance = _load_qrels(folder / QRELS)
    answers: dict[str, list[GoldSpan]] = {}
    for line in _lines(folder / ANSWERS, _AnswersLine):
        answers.setdefault(line.query_id, []).extend(line.answers)
    unanswerable = {line.query_id: line.doc_id for line in _lines(folder / UNANSWERABLE, _UnanswerableLine)}
    questions = []
    for query in _lines(folder / QUERIES, _QueryLine):
        metadata = query.metadata or {}
        questions.append(
            Question(
                id=query.id,
                text=query.text,
                history=tuple(metadata.pop("history", None) or ()),
                rewrite=metadata.pop("rewrite", None),
                # A document outside the set's corpus cannot be retrieved; some sets also judge the sources of their documents.
                relevance={d: g for d, g in relevance.get(query.id, {}).items() if corpus is None or d in corpus.records},
                answers=tuple(answers.get(query.id, ())),
                unanswerable=query.id in unanswerable,
                document_id=unanswerable.get(query.id),
                metadata=metadata,
            )
        )
    return QuestionSet(folder.resolve().name, folder, tuple(questions), corpus)


def _load_corpus(path: Path) -> RecordCorpus | None:
    if not path.is_file():
        return None
    return RecordCorpus({line.id: (line.title or "", line.text) for line in _lines(path, _CorpusLine)})


def _load_qrels(path: Path) -> dict[str, dict[str, int]]:
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
                raise QuestionSetError(f"{path} line {number} is not query-id, corpus-id and score, separated by tabs") from None
    return relevance


def _lines(path: Path, kind: type[Line]) -> Iterator[Line]:
    """The lines of a JSONL file, blank ones left out; none if the file is absent."""
    if not path.is_file():
        return
    try:
        lines = path.read_bytes().split(b"\n")
        records = [(number, from_json(line)) for number, line in enumerate(lines, start=1) if line.strip()]
    except (OSError, ValueError) as error:
        raise QuestionSetError(f"{path} cannot be read: {error}") from error
    for number, record in records:
        try:
            yield validated(kind, record)
        except ValueError as error:
            raise QuestionSetError(f"{path} line {number} cannot be used ({error}); correct the line") from error


def half_of(question_id: str) -> str:
    """ "choose" or "report", by the hash of the question's dialogue: settings are chosen on one, figures reported on the other.

    Ids of the turns of one dialogue differ only after the last "_" or after "<::>".
    """
    dialogue = question_id
    for mark in ("<::>", "_"):
        if mark in dialogue:
            dialogue = dialogue.rpartition(mark)[0]
            break
    return ("choose", "report")[int(sha256_bytes(dialogue.encode()), 16) % 2]
