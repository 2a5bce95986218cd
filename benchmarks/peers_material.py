"""What benchmarks/peers.py gives to all systems: a question set's documents as files, their passages, and its judgements."""

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
    """What is added in one repetition: passages by name with their texts, and the files that they stand in."""

    names: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def message(self) -> dict[str, Any]:
        return {"do": "add", "names": self.names, "texts": self.texts, "files": self.files}


@dataclass(frozen=True)
class Material:
    parts: list[Part]
    documents: dict[str, str]
    """The set's id of each document by our file's stem."""
    questions: list[Question]
    """Those whose relevant documents are all there, in an order drawn by lot."""


def in_order(found: QuestionSet) -> list[str]:
    """Ids of the set's documents: the relevant ones, then the others, each in an order drawn by lot."""
    relevant = {name for question in found.questions for name, grade in question.relevance.items() if grade > 0}
    ids = sorted(found.corpus.records) if found.corpus else []
    random.Random(SEED).shuffle(ids)
    return sorted(ids, key=lambda name: name not in relevant)


def fill(split: Iterator[tuple[str, list[str]]], sizes: Sequence[int]) -> list[dict[str, list[str]]]:
    """Documents with their passages' texts, each into the first part with room for all of them, until all are full.

    A document that repeats a passage is left out: it would be embedded by some and not by others.
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
    """Writes the set's documents to `files` and splits them."""
    found = load_question_set(folder)
    if found.corpus is None:
        raise SystemExit(f"{folder} holds no corpus.jsonl; name a question set with its own documents")
    ids = {f"d{number:06}": name for number, name in enumerate(in_order(found))}
    files.mkdir()
    for stem, name in ids.items():
        title, text = found.corpus.records[name]
        (files / f"{stem}.md").write_text(f"# {title}\n\n{text}\n" if title else text, encoding="utf-8")
    settings = load_settings()
    embedder = ModelEmbedder(settings.embedding)
    limit = min(settings.passages.max_tokens or embedder.max_tokens, embedder.max_tokens)

    def split() -> Iterator[tuple[str, list[str]]]:
        names = [f"{stem}.md" for stem in ids]
        for document in FolderCorpus(files).read(names):
            if not isinstance(document, UnreadableFile):
                passages = split_passages(document, count_tokens=embedder.count_tokens, limit=limit)
                yield Path(document.id).stem, [embedded_text(passage) for passage in passages]

    parts = []
    for documents in fill(split(), sizes):
        part = Part(files=[str((files / f"{stem}.md").absolute()) for stem in documents])
        for stem, texts in documents.items():
            part.names += [f"{stem}#{number}" for number in range(len(texts))]
            part.texts += texts
        parts.append(part)
    here = {ids[Path(file).stem] for part in parts for file in part.files}
    relevant = {q.id: {name for name, grade in q.relevance.items() if grade > 0} for q in found.questions}
    questions = [question for question in found.questions if relevant[question.id] and relevant[question.id] <= here]
    random.Random(SEED).shuffle(questions)
    return Material(parts, ids, questions)


def ndcg(material: Material, found: Sequence[Sequence[str]]) -> float:
    """nDCG@10 of documents by their best passage, over all questions."""
    run: dict[str, dict[str, float]] = {}
    for question, names in zip(material.questions, found, strict=True):
        documents = dict.fromkeys(material.documents[name.partition("#")[0]] for name in names)
        run[question.id] = {name: -float(rank) for rank, name in enumerate(documents)}
    qrels = {question.id: question.relevance for question in material.questions}
    return float(ir_measures.calc_aggregate([ir_measures.nDCG @ 10], qrels, run)[ir_measures.nDCG @ 10])
