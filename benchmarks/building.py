"""Time and memory of builds, by size of the corpus and by what has changed.

    python benchmarks/building.py memory [--sizes 1000 10000 100000]
    python benchmarks/building.py changes CORPUS

`memory` builds corpora of these numbers of passages, each in a separate process, with vectors drawn from the hashes of the
texts: the memory and time of the model are not included. `changes` copies a corpus and builds it with the real model: from
scratch, without changes, with one changed file, and with all files moved.
"""

import argparse
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.config import EmbeddingSettings, PassageSettings
from rag.index.builds import live_build
from rag.index.updating import Recipe, update_index
from rag.models.embedder import ModelEmbedder
from rag.models.model_identity import ModelIdentity
from rag.numeric import Vectors

DIM = 384
WORDS = 40_000  # vocabulary, with Zipfian frequencies
WORDS_PER_PASSAGE = 150
PASSAGES_PER_DOCUMENT = 20


class HashEmbedder:
    """Unit vectors drawn from the hash of a text."""

    identity = ModelIdentity("hash", "0" * 64)
    dim = DIM
    max_tokens = 254

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [text.count(" ") + 1 for text in texts]

    def tokenizer_json(self) -> None:
        """It counts in this process only."""

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") for text in texts]
        vectors = np.stack([np.random.default_rng(seed).standard_normal(DIM, dtype=np.float32) for seed in seeds])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


def write_corpus(folder: Path, passages: int) -> None:
    random = np.random.default_rng(7)
    for number in range(passages // PASSAGES_PER_DOCUMENT):
        sections = []
        for section in range(PASSAGES_PER_DOCUMENT):
            words = np.minimum(random.zipf(1.1, WORDS_PER_PASSAGE), WORDS)
            sections.append(f"## Section {section}\n\n" + " ".join(f"w{word}" for word in words) + ".\n")
        (folder / f"{number:06}.md").write_text(f"# Document {number}\n\n" + "\n".join(sections))


def build_and_watch(corpus: Path, index: Path) -> dict[str, Any]:
    """Builds in this process and returns the figures; memory in MB, "own" without memory-mapped files."""
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            status = Path("/proc/self/status").read_text()
            peak = max(peak, int(status.split("RssAnon:")[1].split()[0]) // 1024)

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    manifest, _ = update_index(corpus, index, Recipe(HashEmbedder(), PassageSettings()))  # type: ignore[arg-type]
    seconds = time.perf_counter() - started
    done.set()
    watcher.join()
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    size = sum(path.stat().st_size for path in live_build(index).iterdir()) // 2**20
    return {"passages": manifest.passages, "seconds": round(seconds, 1), "own": peak, "resident": resident, "index": size}


def memory(sizes: list[int]) -> None:
    print("| passages | corpus MB | index MB | seconds | own memory MB | resident MB |")
    print("|---|---|---|---|---|---|")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            corpus = Path(folder, "corpus")
            corpus.mkdir()
            write_corpus(corpus, size)
            megabytes = sum(path.stat().st_size for path in corpus.iterdir()) // 2**20
            command = [sys.executable, __file__, "one", str(corpus), str(Path(folder, "index"))]
            figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            row = [figures[name] for name in ("passages", "index", "seconds", "own", "resident")]
            row.insert(1, megabytes)
            print("| " + " | ".join(map(str, row)) + " |", flush=True)


def changes(source: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        corpus, index = Path(folder, "corpus"), Path(folder, "index")
        shutil.copytree(source, corpus)
        print("| build | seconds | passages | embedded |\n|---|---|---|---|")

        def build(what: str) -> None:
            started = time.perf_counter()
            embedder = ModelEmbedder(EmbeddingSettings())
            manifest, made = update_index(corpus, index, Recipe(embedder, PassageSettings()))
            seconds = time.perf_counter() - started
            print(f"| {what} | {seconds:.1f} | {manifest.passages} | {made.embedded} |", flush=True)

        build("from scratch")
        build("nothing changed")
        changed = sorted(path for path in corpus.rglob("*.md") if path.stat().st_size > 2000)[0]
        changed.write_text(changed.read_text() + "\n\nThis sentence is new.\n")
        build("one file changed, model loaded")
        (corpus / "moved").mkdir()
        for path in sorted(corpus.iterdir()):
            if path.name != "moved":
                path.rename(corpus / "moved" / path.name)
        build("all files moved")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("memory").add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parts.add_parser("changes").add_argument("corpus", type=Path)
    single = parts.add_parser("one")
    single.add_argument("corpus", type=Path)
    single.add_argument("index", type=Path)
    arguments = parser.parse_args()
    if arguments.part == "memory":
        memory(arguments.sizes)
    elif arguments.part == "changes":
        changes(arguments.corpus)
    else:
        print(json.dumps(build_and_watch(arguments.corpus, arguments.index)))


if __name__ == "__main__":
    main()
