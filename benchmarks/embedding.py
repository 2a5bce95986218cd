"""Compares embedding backends: speed, similarity of their vectors, and effect on retrieval.

    python benchmarks/embedding.py speed CORPUS [--passages 200] [--repetitions 5]
    python benchmarks/embedding.py quality SET... [--limit N]

`speed` embeds the same passages of a folder's files with every backend, each in its own process, in interleaved repetitions;
ratios are to float32 in the same repetition. The upper bound for 32 bits is the floating-point operations of numpy's matrix
product per second on all cores, divided by those of the model per passage.

`quality` builds each question set's index with every backend and measures retrieval. Sets without a corpus of their own are
asked of the settings' corpus.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from rag.config import EmbeddingSettings, Settings, load_settings
from rag.evaluation.measures import means_of
from rag.evaluation.question_sets import load_question_set
from rag.index.build_files import VECTORS
from rag.index.builds import live_build
from rag.index.updating import Recipe, update_index
from rag.library import Library
from rag.loading.corpus import FolderCorpus
from rag.models.embedder import ModelEmbedder
from rag.records import Document
from rag.text.passages import embedded_text, split_passages

BACKENDS = ("float32", "int8", "torch")
QUERIES = 20  # timed per repetition
QUERY_WORDS = 12  # of each; about the length of a question


def embed(backend: str, texts: list[str], repetitions: int) -> None:
    """Prints a line of JSON once the model is loaded, then one with the timings for each line read from standard input."""
    started = time.perf_counter()
    embedder = ModelEmbedder(EmbeddingSettings(backend=backend))
    embedder.load()
    print(json.dumps({"load": time.perf_counter() - started}), flush=True)
    for _ in range(repetitions):
        sys.stdin.readline()
        started = time.perf_counter()
        embedder.embed_passages(texts)
        passages = time.perf_counter() - started
        queries = []
        for text in texts[:QUERIES]:
            started = time.perf_counter()
            embedder.embed_query(" ".join(text.split()[:QUERY_WORDS]))
            queries.append(time.perf_counter() - started)
        print(json.dumps({"passages": len(texts) / passages, "query": median(queries)}), flush=True)


def passages_of(corpus: Path, number: int) -> list[str]:
    embedder = ModelEmbedder(EmbeddingSettings())
    texts: list[str] = []
    folder = FolderCorpus(corpus)
    for document in folder.read(folder.names()):
        if isinstance(document, Document):
            passages = split_passages(document, count_tokens=embedder.count_tokens, limit=embedder.max_tokens)
            texts += [embedded_text(passage) for passage in passages]
        if len(texts) >= number:
            break
    return texts[:number]


def speed(corpus: Path, passages: int, repetitions: int) -> None:
    texts = passages_of(corpus, passages)
    counts = ModelEmbedder(EmbeddingSettings()).count_tokens(texts)
    tokens = np.mean(counts)
    command = [sys.executable, __file__, "embed", "--repetitions", str(repetitions)]
    workers = {
        backend: subprocess.Popen([*command, backend], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for backend in BACKENDS
    }
    timings: dict[str, list[dict[str, float]]] = {backend: [] for backend in BACKENDS}
    load = {backend: reply(worker, json.dumps(texts))["load"] for backend, worker in workers.items()}
    for repetition in range(repetitions):
        for backend in BACKENDS[repetition % 3 :] + BACKENDS[: repetition % 3]:
            timings[backend].append(reply(workers[backend], "go"))
    print(f"{len(texts)} passages of {tokens:.0f} tokens on average, {repetitions} repetitions, {os.cpu_count()} cores")
    rate = matrix_rate()
    per_passage = float(np.mean([operations(count + 2) for count in counts]))
    bound = f"{per_passage / 1e9:.2f} GFLOP: at most {rate / per_passage:.1f} passages per second in 32 bits"
    print(f"matrix product {rate / 1e9:.0f} GFLOP/s, one passage {bound}\n")
    print("| backend | load s | passages a second | ratio to float32 | query ms |\n|---|---|---|---|---|")
    for backend, rows in timings.items():
        workers[backend].wait()
        ratios = [row["passages"] / other["passages"] for row, other in zip(rows, timings["float32"], strict=True)]
        rate, query = median(row["passages"] for row in rows), 1000 * median(row["query"] for row in rows)
        spread = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"| {backend} | {load[backend]:.2f} | {rate:.1f} | {spread} | {query:.1f} |")


def reply(worker: "subprocess.Popen[str]", line: str) -> dict[str, float]:
    """What a worker answers to a line."""
    assert worker.stdin and worker.stdout
    worker.stdin.write(f"{line}\n")
    worker.stdin.flush()
    values: dict[str, float] = json.loads(worker.stdout.readline())
    return values


def operations(tokens: int, *, width: int = 384, inner: int = 1536, layers: int = 6) -> float:
    """Floating-point operations in the matrix products of all-MiniLM-L6-v2 for a text with this many tokens."""
    return layers * 2 * tokens * (4 * width * width + 2 * width * inner + 2 * tokens * width)


def matrix_rate(size: int = 1536, rounds: int = 8) -> float:
    """Floating-point operations per second of numpy's float32 matrix product, best of all rounds."""
    left, right = np.random.default_rng(1).standard_normal((2, size, size), dtype=np.float32)
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / min(seconds)


def quality(sets: list[Path], limit: int | None) -> None:
    settings = load_settings()
    print("| set | backend | questions | nDCG@10 | Success@5 | mean cosine to float32 | lowest |\n|---|---|---|---|---|---|---|")
    for folder in sets:
        questions = load_question_set(folder)
        exact = None
        for backend in BACKENDS[:2]:
            embedding = settings.embedding.model_copy(update={"backend": backend})
            index = settings.evaluation.runs / "indexes" / f"{settings.corpus.name}-{backend}"
            backend_settings = settings.model_copy(update={"embedding": embedding, "index": index})
            embedder = ModelEmbedder(embedding)
            if questions.corpus is None:
                update_index(settings.corpus, index, Recipe(embedder, settings.passages))
            evaluation = Library(backend_settings, embedder=embedder).evaluate(questions, answers=False, limit=limit)
            chat, run = evaluation.chat, evaluation.run
            vectors = stored_vectors(chat.settings)
            exact = vectors if exact is None else exact
            cosines = np.einsum("ij,ij->i", vectors, exact)
            measures = {mean.measure: mean.value for mean in means_of(run.summary)}
            figures = f"{measures['nDCG@10']:.4f} | {measures['Success@5']:.4f} | {cosines.mean():.4f} | {cosines.min():.4f}"
            print(f"| {questions.name} | {backend} | {run.summary['questions']} | {figures} |", flush=True)


def stored_vectors(settings: Settings) -> np.ndarray:
    return np.asarray(np.load(live_build(settings.index) / VECTORS, mmap_mode="r"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    speed_command = commands.add_parser("speed")
    speed_command.add_argument("corpus", type=Path)
    speed_command.add_argument("--passages", type=int, default=200)
    speed_command.add_argument("--repetitions", type=int, default=5)
    quality_command = commands.add_parser("quality")
    quality_command.add_argument("sets", nargs="+", type=Path)
    quality_command.add_argument("--limit", type=int)
    worker = commands.add_parser("embed")
    worker.add_argument("backend")
    worker.add_argument("--repetitions", type=int)
    arguments = parser.parse_args()
    if arguments.command == "embed":
        embed(arguments.backend, json.loads(sys.stdin.readline()), arguments.repetitions)
    elif arguments.command == "speed":
        speed(arguments.corpus, arguments.passages, arguments.repetitions)
    else:
        quality(arguments.sets, arguments.limit)


if __name__ == "__main__":
    main()
