"""The input of benchmarks/peers.py: the documents of a question set as files, their passages, and the judgements."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ir_measures

from rag.config import load_settings
from rag.errors import UnreadableFile
from rag.evaluation.question_sets import Question, QuestionSet, load_question_set
from rag.loading.corpus import FolderCorpus
from rag.models.embedder import ModelEmbedder
from rag.text.passages import embedded_text, split_passages

SEED = 7


@dataclass
class Part:
    """What is added in one repetition: names and texts of passages, and the files that contain them."""

    names: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def message(self) -> dict[str, Any]:
        return {"do": "add", "names": self.names, "texts": self.texts, "files": self.files}


@dataclass(frozen=True)
class Material:
    parts: list[Part]
    documents: dict[str, str]
    """The set's document id for the stem of each file."""
    questions: list[Question]
    """The questions whose relevant documents are all included, shuffled."""


def in_order(question_set: QuestionSet) -> list[str]:
    """Ids of the set's documents, shuffled: the relevant ones first, then the others."""
    relevant = {name for question in question_set.questions for name, grade in question.relevance.items() if grade > 0}
    ids = sorted(question_set.corpus.records) if question_set.corpus else []
    random.Random(SEED).shuffle(ids)
    return sorted(ids, key=lambda name: name not in relevant)


def fill(split: Iterator[tuple[str, list[str]]], sizes: Sequence[int]) -> list[dict[str, list[str]]]:
    """Assigns each document with its passages to the first part that has room for it, until all parts are full.

    Documents that repeat a passage are left out, because some systems would embed it again and others would not.
    """
    parts: list[dict[str, list[str]]] = [{} for _ in sizes]
    room = list(sizes)
    seen: set[str] = set()
    for name, texts in split:
        fitting = next((i for i, free in enumerate(room) if len(texts) <= free), None)
        if fitting is None or len({*texts}) < len(texts) or not seen.isdisjoint(texts):
            continue
        parts[fitting][name] = texts
        room[fitting] -= len(texts)
        seen.update(texts)
        if not any(room):
            return parts
    raise SystemExit(f"the set holds only {sum(sizes) - sum(room)} passages of the {sum(sizes)}; ask for fewer with --passages")


def prepare(folder: Path, files: Path, sizes: Sequence[int]) -> Material:
    """Writes the set's documents to the folder `files` and splits them into passages."""
    question_set = load_question_set(folder)
    if question_set.corpus is None:
        raise SystemExit(f"{folder} holds no corpus.jsonl; name a question set with its own documents")
    ids = {f"d{number:06}": name for number, name in enumerate(in_order(question_set))}
    files.mkdir()
    for stem, name in ids.items():
        title, text = question_set.corpus.records[name]
        (files / f"{stem}.md").write_text(f"# {title}\n\n{text}\n" if title else text, encoding="utf-8")
    settings = load_settings()
    embedder = ModelEmbedder(settings.embedding)
    limit = min(settings.passages.max_tokens or embedder.max_tokens, embedder.max_tokens)

    def split() -> Iterator[tuple[str, list[str]]]:
        names = [f"{stem}.md" for stem in ids]
        loaded = (file for file in FolderCorpus(files).read(names) if not isinstance(file, UnreadableFile))
        for document in (document for file in loaded for document in file.documents):
            passages = split_passages(document, count_tokens=embedder.count_tokens, limit=limit)
            yield Path(document.id).stem, [embedded_text(passage) for passage in passages]

    parts = []
    for documents in fill(split(), sizes):
        part = Part(files=[str((files / f"{stem}.md").absolute()) for stem in documents])
        for stem, texts in documents.items():
            part.names += [f"{stem}#{number}" for number in range(len(texts))]
            part.texts += texts
        parts.append(part)
    included = {ids[Path(file).stem] for part in parts for file in part.files}
    relevant = {q.id: {name for name, grade in q.relevance.items() if grade > 0} for q in question_set.questions}
    questions = [question for question in question_set.questions if relevant[question.id] and relevant[question.id] <= included]
    random.Random(SEED).shuffle(questions)
    return Material(parts, ids, questions)


def ndcg(material: Material, ranked: Sequence[Sequence[str]]) -> float:
    """The mean nDCG@10 over all questions, for documents ranked by their best passage."""
    run: dict[str, dict[str, float]] = {}
    for question, names in zip(material.questions, ranked, strict=True):
        documents = dict.fromkeys(material.documents[name.partition("#")[0]] for name in names)
        run[question.id] = {name: -float(rank) for rank, name in enumerate(documents)}
    qrels = {question.id: question.relevance for question in material.questions}
    return float(ir_measures.calc_aggregate([ir_measures.nDCG @ 10], qrels, run)[ir_measures.nDCG @ 10])
