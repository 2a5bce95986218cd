"""Time and memory that a front end needs to open a synthetic index of many documents and to answer questions.

    python benchmarks/catalogue.py WORK [--documents 100000 1000000]

WORK is a folder for the indexes: about 5 GB for a million documents. A document has 1 to 10 passages (5.5 on average), a name of
some 30 characters and a title. Texts, terms and vectors are as small as they can be, so that what is measured depends on the
number of documents and passages alone: every text repeats one sentence, there is one term, and a vector has 8 numbers.

Every step runs in a separate process. Seconds are processor time, so that other programs matter little. *Own* memory excludes
memory-mapped files; *peak* is the greatest resident memory, which includes them, though the system can drop them at any time.
`remote` is the front end of an engine that returns no rows.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.answering.own_voice import in_own_voice
from rag.config import PassageSettings, RetrievalSettings, Settings
from rag.followups.reply_kinds import kind_of
from rag.index import build_files
from rag.index.build_files import load_index, stored_files
from rag.index.changes import CHANGES
from rag.index.contents import Index
from rag.index.dense import write_dense
from rag.index.engines.protocol import Keys
from rag.index.entries import Entry, ListedEntries
from rag.index.lexical import LexicalIndex
from rag.index.line_table import LineWriter
from rag.index.manifest import Contents, CorpusFiles, Nearest, load_manifest, save_manifest
from rag.index.published import ROW_KEYS, save_published
from rag.index.remote_index import load_remote
from rag.index.stored_records import document_line, passage_line
from rag.index.term_statistics import save_term_statistics
from rag.models.model_identity import ModelIdentity
from rag.numeric import Vectors
from rag.records import Document, Passage, Sentence, Span
from rag.retrieval import retrieve
from rag.storage.arrays import save_array
from rag.storage.files import json_line

MOST_PASSAGES = 10
DIM = 8
EXPLAINING = 50  # one document in so many explains an abbreviation
SENTENCE = "Ferns like soil that is moist. "
QUESTION = "Do ferns like soil?"
AT_ONCE = 10_000  # documents written at a time


def make(folder: Path, documents: int) -> dict[str, Any]:
    """Writes a build file by file, because the builder would take hours."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(7)
    counts = random.integers(1, MOST_PASSAGES + 1, documents)
    texts = [SENTENCE * count for count in range(MOST_PASSAGES + 1)]
    spans = [Span(n * len(SENTENCE), (n + 1) * len(SENTENCE) - 1) for n in range(MOST_PASSAGES)]
    lines = [passage_line(Passage("x", span, SENTENCE[:-1], (), None, (Sentence(span, "paragraph"),))) for span in spans]
    entries = [
        Entry(f"archive/{n // 1000:05}/report {n:08}.md", f"Report {n} on ferns", f"{n:064x}", count, 0, (), "en")
        for n, count in enumerate(counts.tolist())
    ]
    explained = json_line([["FBA", "Fern Breeders Association", 0, 0, 0, 5]])
    with (
        LineWriter(folder / build_files.DOCUMENTS) as texts_file,
        LineWriter(folder / build_files.PASSAGES) as passages_file,
        LineWriter(folder / build_files.ABBREVIATIONS) as abbreviations,
        LineWriter(folder / build_files.PHRASES) as phrases,
    ):
        for start in range(0, documents, AT_ONCE):
            batch = entries[start : start + AT_ONCE]
            texts_file.write(
                [document_line(Document(e.id, e.title, texts[e.passages], (), e.digest, (), e.language)) for e in batch]
            )
            passages_file.write([line for entry in batch for line in lines[: entry.passages]])
            abbreviations.write([json_line([]) if n % EXPLAINING else explained for n, _ in enumerate(batch)])
            phrases.write([json_line({})] * len(batch))
    passages = int(counts.sum())
    nearest = _arrays(folder, passages, random)
    stored = stored_files(folder)
    contents = Contents(
        settings=PassageSettings(),
        corpus=CorpusFiles(ListedEntries(tuple(entries)), (), ()),
        passages=passages,
        model=ModelIdentity("made", "0" * 64),
        dim=DIM,
        dense=nearest.factory,
        digests={name: stored[name].sha256 for name in build_files.CONTENTS},
    )
    save_manifest(folder, contents, nearest, stored)
    save_array(folder / ROW_KEYS, np.arange(passages))
    save_term_statistics(folder, np.zeros(passages, dtype=np.uint8), np.load(folder / build_files.IDS, mmap_mode="r"))
    save_published(folder, "made", None)
    return {"documents": documents, "passages": passages, **_megabytes(folder, "manifest.json", "entries.arrow")}


def _arrays(folder: Path, passages: int, random: np.random.Generator) -> Nearest:
    """Writes vectors, ids and terms."""
    vectors = random.standard_normal((passages, DIM), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    save_array(folder / build_files.VECTORS, vectors)
    save_array(folder / build_files.KEYS, np.zeros(passages, dtype="V16"))
    save_array(folder / build_files.IDS, random.integers(0, 2**63, passages, dtype=np.uint64))
    for name in (build_files.ASKING, build_files.TABULAR):
        save_array(folder / name, np.zeros(0, dtype=np.int32))
    ones = np.ones(passages, dtype=np.int32)
    for field in build_files.FIELDS:
        LexicalIndex(
            words=np.frombuffer(b"fern", dtype=np.uint8),
            word_starts=np.array([0, 4]),
            offsets=np.array([0, passages]),
            rows=np.arange(passages, dtype=np.int32),
            counts=ones,
            lengths=ones,
            sequence=np.zeros(passages, dtype=np.int32),
        ).save(folder, field)
    (folder / CHANGES).write_text("{}")
    return write_dense(vectors, "Flat", folder / build_files.MOMENTS, folder / build_files.DENSE)


def _megabytes(folder: Path, *names: str) -> dict[str, float]:
    return {f"{name} MB": round((folder / name).stat().st_size / 2**20, 1) for name in names if (folder / name).exists()}


class NoRows:
    """An engine with one collection whose searches find nothing."""

    address = "nowhere"

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def open(self, name: str) -> "NoRows":
        return self

    def count(self) -> int:
        return self._rows

    def dense(self, vector: Vectors, k: int, documents: Sequence[str] | None = None) -> tuple[Keys, Vectors]:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)

    def sparse(self, weights: Mapping[int, float], k: int, documents: Sequence[str] | None = None) -> tuple[Keys, Vectors]:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)

    def fetch(self, keys: Keys) -> dict[int, Any]:
        return {}


def measure(kind: str, folder: Path) -> dict[str, Any]:
    """Processor seconds of each step, and own memory after it."""
    steps: dict[str, float | int] = {"own MB at the start": _own()}

    def step(name: str, act: Callable[[], Any]) -> Any:
        started = time.process_time()
        result = act()
        steps[f"{name} s"] = round(time.process_time() - started, 4)
        steps[f"{name} own MB"] = _own()
        return result

    if kind == "manifest":
        step("load", lambda: load_manifest(folder))
    else:
        index = step("open", lambda: _opened(kind, folder))
        step("first question", lambda: _ask(index))
        step("second question", lambda: _ask(index))
        middle = index.manifest.corpus.documents[len(index.documents) // 2].id
        step("one entry", lambda: index.entry_for(middle))
        step("another entry", lambda: index.entry_for(f"{middle[:-4]}X.md"))
        step("its passages", lambda: index.passages_of(middle))
        step("a folder", lambda: index.documents_of(["archive/00003/"]))
        step("another folder", lambda: index.documents_of(["archive/00004/"]))
        step("a pattern", lambda: index.documents_of(["archive/00005/*7.md"]))
    return {**steps, "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def _own() -> int:
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) // 1024


def _opened(kind: str, folder: Path) -> Index:
    if kind == "local":
        return load_index(folder)
    return load_remote(folder, NoRows(len(np.load(folder / ROW_KEYS, mmap_mode="r"))))  # type: ignore[arg-type] # it is never changed


def _ask(index: Index) -> None:
    reply = in_own_voice(kind_of(QUESTION), QUESTION, QUESTION, index, None, Settings(), newest=True)
    hits = retrieve(index, QUESTION, np.ones(DIM, dtype=np.float32) / np.float32(DIM**0.5), RetrievalSettings())
    assert reply is None and len(hits) <= RetrievalSettings().k


def main() -> None:
    if sys.argv[1:2] == ["step"]:
        kind, folder, *rest = sys.argv[2:]
        print(json.dumps(make(Path(folder), int(rest[0])) if kind == "make" else measure(kind, Path(folder))))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--documents", type=int, nargs="+", default=[100_000, 1_000_000])
    arguments = parser.parse_args()
    for documents in arguments.documents:
        folder = arguments.work / str(documents)
        steps = [("make", folder, documents)] if not folder.exists() else []
        for kind, *rest in [*steps, ("manifest", folder), ("local", folder), ("remote", folder)]:
            command = [sys.executable, __file__, "step", str(kind), *map(str, rest)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            print(json.dumps({"documents": documents, "step": kind, **json.loads(done.stdout)}), flush=True)


if __name__ == "__main__":
    main()
