"""Builds and searches indexes of up to a million passages: time, memory, size, and recall against an exact search.

    python benchmarks/scale.py BASE QUESTIONS WORK [--sizes 20000 100000 1000000]

BASE is an index (made by `rag build`) of real documents, here Markdown pages. QUESTIONS is a question set. WORK is a folder for
the indexes: about 6 GB for a million passages.

A document has 20 sections. Each is made from a randomly drawn passage of BASE: its last heading, its sentences in another
order, and a unique word. Its vector is that of the passage plus half as much noise (cosine .89), so that the vectors form
clusters like those of texts. Embedding and reading files are therefore not included (see benchmarks/building.py and
loading.py); splitting, counting terms, training, writing and checking are as in any build.

Every step runs in a separate process. *Own* memory excludes memory-mapped files, *resident* memory includes them, though the
system can drop them at any time. For the update, every hundredth document is changed; afterwards, every hundredth is removed.
"""

import argparse
import hashlib
import json
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from rag.config import EmbeddingSettings, PassageSettings, RetrievalSettings
from rag.errors import UnreadableFile
from rag.evaluation.question_sets import load_question_set
from rag.index.build_files import load_index
from rag.index.builds import live_build
from rag.index.dense import DenseIndex, describe_nearest
from rag.index.local_index import LocalIndex
from rag.index.updating import Recipe, update_index
from rag.loading.containers.members import LoadedFile
from rag.loading.reading import READ_ONLY, Reading
from rag.models.embedder import ModelEmbedder
from rag.models.model_identity import ModelIdentity
from rag.numeric import Vectors
from rag.records import Block, Document, Span
from rag.retrieval import retrieve

SECTIONS = 20  # one passage each
NOISE = 0.5
ASKED = 300
FILTERED = 60  # questions for searches among some of the documents
MARK = re.compile(r"\bref(\d+)x(\d+)\b")


@dataclass(frozen=True)
class MadeCorpus:
    """Documents made from the passages of an index, without files. Those in `changed` are drawn with another seed."""

    base: LocalIndex
    documents: int
    changed: frozenset[int] = frozenset()
    removed: frozenset[int] = frozenset()

    def names(self) -> list[str]:
        return [f"{n // 1000:03}/{n:06}.md" for n in range(self.documents) if n not in self.removed]

    def digest_of(self, name: str) -> str:
        return hashlib.sha256(repr(self._seed(name)).encode()).hexdigest()

    def format_of(self, name: str) -> str:
        return ".md"

    def read(self, names: Sequence[str], reading: Reading = READ_ONLY) -> Iterator[LoadedFile | UnreadableFile]:
        for name in names:
            yield LoadedFile((self._document(name),))

    def _seed(self, name: str) -> tuple[int, int]:
        number = int(name[4:-3])
        return number, int(number in self.changed)

    @cached_property
    def _parts(self) -> list[tuple[str, list[str]]]:
        passages = (passage for passage in self.base.passages if sum(s.quotable for s in passage.sentences) > 1)
        return [
            ((p.headings or (p.document_id,))[-1], [" ".join(p.text_of(s).split()) for s in p.sentences if s.quotable])
            for p in passages
        ]

    def _document(self, name: str) -> Document:
        number, version = self._seed(name)
        random = np.random.default_rng([number, version])
        texts, blocks, offset = [], [], 0
        for section, part in enumerate(random.integers(0, len(self._parts), SECTIONS).tolist()):
            heading, sentences = self._parts[part]
            body = " ".join(
                [*(sentences[i] for i in random.permutation(len(sentences))), f"See ref{part}x{number * 100 + section}."]
            )
            for text, kind, level in ((heading, "heading", 2), (body, "paragraph", 0)):
                texts.append(text)
                blocks.append(Block(kind, Span(offset, offset + len(text)), level))  # type: ignore[arg-type]
                offset += len(text) + 1
        return Document(name, f"Collected notes {number}", "\n".join(texts), tuple(blocks), self.digest_of(name), language="en")


class MadeEmbedder:
    """Derives the vector of a passage from its unique word."""

    identity = ModelIdentity("made", "0" * 64)
    max_tokens = 10_000  # the passages already fit the real model

    def __init__(self, corpus: MadeCorpus) -> None:
        rows = [row for row, p in enumerate(corpus.base.passages) if sum(s.quotable for s in p.sentences) > 1]
        self._vectors = corpus.base.dense.vectors[rows]
        self.dim = self._vectors.shape[1]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [text.count(" ") + 1 for text in texts]

    def tokenizer_json(self) -> None:
        """It counts in this process only."""

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        marks = [MARK.findall(text)[-1] for text in texts]
        noise = np.stack([np.random.default_rng([7, int(n)]).standard_normal(self.dim, dtype=np.float32) for _, n in marks])
        vectors = self._vectors[[int(part) for part, _ in marks]]
        vectors += np.float32(NOISE) * noise / np.linalg.norm(noise, axis=1, keepdims=True)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


class Exact(DenseIndex):
    """An exact search, for a fixed set of queries: searched together, they take much less time than one by one."""

    def __init__(self, dense: DenseIndex, queries: Vectors) -> None:
        super().__init__(dense.vectors, dense._moments)
        _, rows = faiss.knn(queries, dense.vectors, RetrievalSettings().depth, metric=faiss.METRIC_INNER_PRODUCT)
        self._rows = {query.tobytes(): nearest for query, nearest in zip(queries, rows, strict=True)}

    def search(self, vector, k, *, rows=None):  # type: ignore[no-untyped-def]
        nearest = self._rows[vector.tobytes()][:k]
        return nearest, self.similarities(vector, nearest)


class Peak:
    """The peak memory of this process in MB."""

    def __init__(self) -> None:
        self.own = 0
        self._done = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            status = Path("/proc/self/status").read_text()
            self.own = max(self.own, int(status.split("RssAnon:")[1].split()[0]) // 1024)

    def figures(self) -> dict[str, int]:
        self._done.set()
        return {"own MB": self.own, "resident MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def build(base: Path, folder: Path, documents: int, changed: frozenset[int], removed: frozenset[int]) -> dict[str, Any]:
    corpus = MadeCorpus(load_index(live_build(base)), documents, changed, removed)
    embedder = MadeEmbedder(corpus)
    corpus._parts  # noqa: B018 - loads BASE before the time is measured
    peak, started = Peak(), time.perf_counter()
    steps: dict[str, float] = {}

    def progress(what: str, done: int, total: int) -> None:
        steps[what] = time.perf_counter()

    recipe = Recipe(embedder, PassageSettings())  # type: ignore[arg-type] # it never embeds queries
    manifest, changes = update_index(corpus, folder, recipe, forget=True, progress=progress)
    ended = time.perf_counter()
    sizes = {path.name: path.stat().st_size for path in live_build(folder).iterdir()}
    return {
        "passages": manifest.passages,
        "embedded": changes.embedded,
        "seconds": round(ended - started, 1),
        "step ended at": {what: round(at - started, 1) for what, at in steps.items()},
        **peak.figures(),
        "index MB": sum(sizes.values()) // 2**20,
        "files": {name: size // 2**20 for name, size in sorted(sizes.items(), key=lambda item: -item[1]) if size > 2**20},
        "nearest": asdict(manifest.nearest),
    }


def ask(folder: Path, queries: Path) -> dict[str, Any]:
    peak, started = Peak(), time.perf_counter()
    index = load_index(live_build(folder))
    loaded = time.perf_counter() - started
    texts = json.loads(queries.with_suffix(".json").read_text())
    vectors = np.load(queries)
    settings = RetrievalSettings()
    timings: dict[str, list[float]] = {}
    filters = {"warming up": None, "all": None, "one folder": ["000/"], "every second document": ["*[02468].md"]}
    passages: dict[str, list[set[str]]] = {}
    for what, documents in filters.items():
        some = slice(FILTERED if documents else None)
        timings[what], passages[what] = [], []
        for text, vector in zip(texts[some], vectors[some], strict=True):
            started = time.perf_counter()
            hits = retrieve(index, text, vector, settings, documents=documents)
            timings[what].append(time.perf_counter() - started)
            passages[what].append({hit.passage.id for hit in hits})
    shares: dict[str, list[float]] = {"dense": [], "hits": []}
    exact = replace(index, dense=Exact(index.dense, vectors))
    for text, vector, ids in zip(texts, vectors, passages["all"], strict=True):
        expected = {hit.passage.id for hit in retrieve(exact, text, vector, settings)}
        shares["hits"].append(len(expected & ids) / max(1, len(expected)))
        near, best = (set(searched.dense.search(vector, 10)[0].tolist()) for searched in (index, exact))
        shares["dense"].append(len(near & best) / 10)
    first, warm = timings["warming up"][0], timings["all"]
    return {
        "load seconds": round(loaded, 2),
        "first ms": round(1000 * first, 1),
        "p50 ms": _ms(warm, 50),
        "p95 ms": _ms(warm, 95),
        "one folder p95 ms": _ms(timings["one folder"], 95),
        "every second document p95 ms": _ms(timings["every second document"], 95),
        "recall@10 of the nearest vectors": round(float(np.mean(shares["dense"])), 4),
        "recall@10 of the hits": round(float(np.mean(shares["hits"])), 4),
        **peak.figures(),
        "nearest": describe_nearest(index.manifest.nearest),
    }


def _ms(seconds: list[float], percentile: int) -> float:
    return round(1000 * float(np.percentile(seconds, percentile)), 1)


def embed(questions: Path, queries: Path) -> dict[str, Any]:
    texts = [question.text for question in load_question_set(questions).questions][:ASKED]
    embedder = ModelEmbedder(EmbeddingSettings())
    np.save(queries, np.stack([embedder.embed_query(text) for text in texts]))
    queries.with_suffix(".json").write_text(json.dumps(texts))
    return {"questions": len(texts)}


def run(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, __file__, "step", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def main() -> None:
    if sys.argv[1:2] == ["step"]:
        what, *rest = sys.argv[2:]
        if what == "build":
            numbers = range(int(rest[2]))
            changed, removed = (frozenset(numbers[int(start) :: 100] if start != "none" else ()) for start in rest[3:])
            print(json.dumps(build(Path(rest[0]), Path(rest[1]), len(numbers), changed, removed)))
        else:
            print(json.dumps({"ask": ask, "embed": embed}[what](Path(rest[0]), Path(rest[1]))))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 100_000, 1_000_000])
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    queries = arguments.work / "queries.npy"
    print(json.dumps(run("embed", arguments.questions, queries)), flush=True)
    for size in arguments.sizes:
        folder, documents = arguments.work / str(size), size // SECTIONS
        for what, step in {
            "build": ("build", arguments.base, folder, documents, "none", "none"),
            "ask": ("ask", folder, queries),
            "update of 1%": ("build", arguments.base, folder, documents, 0, "none"),
            "removal of 1%": ("build", arguments.base, folder, documents, 0, 50),
            "nothing changed": ("build", arguments.base, folder, documents, 0, 50),
            "ask again": ("ask", folder, queries),
        }.items():
            print(json.dumps({"size": size, "step": what, **run(*step)}), flush=True)


if __name__ == "__main__":
    main()
