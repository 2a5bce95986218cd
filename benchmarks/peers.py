"""Ours and the peers on the same passages, in turn, in one run: building, asking, memory, size and quality.

    python benchmarks/peers.py SET --environments DIR [--passages 5000] [--repetitions 5] [--out benchmarks/results]
    python benchmarks/peers.py --report benchmarks/results/peers.json

SET is a question set in BEIR layout (corpus.jsonl, queries.jsonl, qrels/test.tsv). Its documents are written as files, those with
judgements first, and split by us until there are enough passages; all systems embed exactly these texts with the same weights.
Each system is a process of its own (benchmarks/peers/worker.py) in an environment of its own, made on first use from
benchmarks/peers/NAME.txt. In each repetition every system in turn adds the next part of the passages, then every system
in turn answers the next queries; who begins changes. nDCG@10 is that of documents by their best passage, at the end.

Peers are tried as they come and with OMP_WAIT_POLICY=passive ("tuned") on 200 passages first, and run in whichever way was
faster at building or at asking; `--variants` chooses by hand.
"""

import argparse
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import ir_measures
from peers_report import machine, plot, tables

from rag.carried import carried_folder
from rag.config import load_settings
from rag.embedding import SentenceTransformerEmbedder
from rag.errors import UnreadableFile
from rag.evaluation.question_sets import Question, QuestionSet, load_question_set
from rag.loading.files import FolderCorpus
from rag.passages import embedded_text, split_passages

HERE = Path(__file__).parent / "peers"
PEERS = ("langchain", "llamaindex", "txtai", "haystack")
OURS = ("ours", "ours-passages")
VARIANTS = {"plain": {}, "tuned": {"OMP_WAIT_POLICY": "passive"}}
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
PILOT = (100, 2)  # passages at a time, turns
WARMING = 3  # queries before those that count, so that a system that waited for its turn is awake
RANKED = 100  # passages of which documents are ranked
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
    embedder = SentenceTransformerEmbedder(settings.embedding)
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


def environment(folder: Path, peer: str, index: str) -> Path:
    """The interpreter of a peer's environment, made anew where its requirements are not those it was made from."""
    wanted = (HERE / f"{peer}.txt").read_text(encoding="utf-8")
    home, stamp = folder / peer, folder / peer / "requirements.txt"
    python = home / "bin" / "python"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"installing {peer} into {home} (log: {home}.log)", file=sys.stderr, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
    with Path(f"{home}.log").open("w", encoding="utf-8") as log:
        # torch by itself first, from the index of its CPU builds: with the others its GPU packages would come too.
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(home)],
            [*pip, "--no-deps", wanted.split()[0], *(["--extra-index-url", index, "--retries", "1"] if index else [])],
            [*pip, "-r", str(HERE / f"{peer}.txt")],
        ):
            if subprocess.run(command, stdout=log, stderr=log, check=False).returncode:
                raise SystemExit(f"{peer} cannot be installed; see {home}.log")
    stamp.write_text(wanted, encoding="utf-8")
    return python


class Worker:
    """A system's process; `started` is how many seconds it took until its model had embedded a query."""

    def __init__(self, system: str, variant: str, python: Path, folder: Path, threads: int, backend: str | None) -> None:
        self.system, self.variant = system, variant
        self.label = system if variant == "plain" else f"{system} ({variant})"
        folder.mkdir()
        self._log = folder / "log.txt"
        cores = sorted(os.sched_getaffinity(0))[:threads] if hasattr(os, "sched_getaffinity") else []
        started = time.perf_counter()
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [str(python), "-P", str(HERE / "worker.py"), system, str(carried_folder()), *([backend] if backend else [])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=folder,
                env=variables(threads, ours=system in OURS) | VARIANTS[variant],
            )
        if cores:
            os.sched_setaffinity(self._process.pid, cores)
        self._answer()
        self.started = time.perf_counter() - started

    def ask(self, **message: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the reason is in its log
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.label} has stopped:\n" + "\n".join(self._log.read_text().splitlines()[-15:]))
        return dict(json.loads(line))

    def stop(self) -> None:
        self._process.communicate()


def variables(threads: int, *, ours: bool) -> dict[str, str]:
    """The environment of a worker: no hub, no telemetry, so many threads; only ours sees this project."""
    kept = {name: value for name, value in os.environ.items() if ours or not name.startswith("PYTHON")}
    kept.pop("OMP_WAIT_POLICY", None)
    counts = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
    quiet = {"HF_HUB_OFFLINE": "1", "HAYSTACK_TELEMETRY_ENABLED": "False", "DO_NOT_TRACK": "1"}
    if ours:
        quiet["PYTHONPATH"] = str(HERE.parent.parent)
    return kept | dict.fromkeys(counts, str(threads)) | quiet


@dataclass(frozen=True)
class Starter:
    """Starts workers, each in a folder of its own below `folder`."""

    folder: Path
    environments: Path
    threads: int
    backend: str | None

    def __call__(self, system: str, variant: str) -> Worker:
        ours = system in OURS
        python = Path(sys.executable) if ours else self.environments / system / "bin" / "python"
        folder = Path(tempfile.mkdtemp(prefix=f"{system}-{variant}-", dir=self.folder)) / "work"
        return Worker(system, variant, python, folder, self.threads, self.backend if ours else None)


def pilot(peer: str, start: Starter, texts: Sequence[str], queries: Sequence[str]) -> dict[str, dict[str, float]]:
    """Both ways of running a peer, in alternation: passages a second, and the median seconds of a query."""
    workers = [start(peer, variant) for variant in VARIANTS]
    seconds = {worker.variant: 0.0 for worker in workers}
    times: dict[str, list[float]] = {worker.variant: [] for worker in workers}
    size, turns = PILOT
    for turn in range(turns):
        batch = list(texts[turn * size : (turn + 1) * size])
        names = [f"p{turn}#{number}" for number in range(len(batch))]
        for worker in workers if turn % 2 else workers[::-1]:
            seconds[worker.variant] += worker.ask(do="add", names=names, texts=batch, files=[])["seconds"]
            times[worker.variant] += worker.ask(do="query", queries=queries, k=10)["seconds"][WARMING:]
    for worker in workers:
        worker.stop()
    count = min(len(texts), size * turns)
    return {variant: {"passages_per_second": count / seconds[variant], "query": median(times[variant])} for variant in VARIANTS}


def faster(tried: dict[str, dict[str, float]]) -> list[str]:
    """The variants that were the faster at building or at asking: one or both."""
    building = max(tried, key=lambda variant: tried[variant]["passages_per_second"])
    asking = min(tried, key=lambda variant: tried[variant]["query"])
    return sorted({building, asking})


def ndcg(material: Material, found: Sequence[Sequence[str]]) -> float:
    """nDCG@10 of documents by their best passage, over all questions."""
    run: dict[str, dict[str, float]] = {}
    for question, names in zip(material.questions, found, strict=True):
        documents = dict.fromkeys(material.documents[name.partition("#")[0]] for name in names)
        run[question.id] = {name: -float(rank) for rank, name in enumerate(documents)}
    qrels = {question.id: question.relevance for question in material.questions}
    return float(ir_measures.calc_aggregate([ir_measures.nDCG @ 10], qrels, run)[ir_measures.nDCG @ 10])


def measure(workers: Sequence[Worker], material: Material, queries: int) -> list[dict[str, Any]]:
    """All repetitions, then quality, memory and size, for each worker in order."""
    rows: list[dict[str, Any]] = [
        {"system": w.system, "variant": w.variant, "label": w.label, "started": w.started, "build": [], "query": []}
        for w in workers
    ]
    texts = cycle([question.text for question in material.questions])
    held = 0
    for repetition, part in enumerate(material.parts):
        turn = [(i + repetition) % len(workers) for i in range(len(workers))]
        held += len(part.names)
        for i in turn:
            answer = workers[i].ask(**part.message())
            if answer["passages"] != held:
                raise SystemExit(f"{workers[i].label} holds {answer['passages']} passages, not {held}")
            rows[i]["build"].append(answer | {"passages": len(part.names)})
            say(f"{repetition + 1}. {workers[i].label}: {len(part.names) / answer['seconds']:.1f} passages a second")
        asked = list(islice(texts, queries))
        for i in turn:
            answer = workers[i].ask(do="query", queries=asked[:WARMING] + asked, k=10)
            rows[i]["query"].append({"seconds": answer["seconds"][WARMING:], "cpu": answer["cpu"]})
            say(f"{repetition + 1}. {workers[i].label}: {median(rows[i]['query'][-1]['seconds']) * 1000:.1f} ms a query")
    for worker, row in zip(workers, rows, strict=True):
        found = worker.ask(do="query", queries=[question.text for question in material.questions], k=RANKED)["found"]
        row["nDCG@10"] = ndcg(material, found)
        row |= worker.ask(do="finish")
        worker.stop()
    return rows


def say(what: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {what}", file=sys.stderr, flush=True)


def run(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    for peer in arguments.peers:
        environment(arguments.environments, peer, arguments.torch_index)
    share, rest = divmod(arguments.passages, arguments.repetitions)
    sizes = [share + (i < rest) for i in range(arguments.repetitions)]
    say("writing and splitting the documents")
    material = prepare(arguments.set, folder / "documents", sizes)
    start = Starter(folder, arguments.environments.absolute(), arguments.threads, arguments.backend)
    tried = {}
    if arguments.variants == "auto":
        texts = [text for part in material.parts for text in part.texts]
        for peer in arguments.peers:
            tried[peer] = pilot(peer, start, texts, [question.text for question in material.questions[:30]])
            say(f"{peer}: {tried[peer]}")
    chosen = {"auto": None, "both": list(VARIANTS)}.get(arguments.variants, [arguments.variants])
    wanted = [(system, "plain") for system in OURS]
    wanted += [(peer, variant) for peer in arguments.peers for variant in chosen or faster(tried[peer])]
    workers = []
    for system, variant in wanted:
        workers.append(start(system, variant))
        say(f"{workers[-1].label} started in {workers[-1].started:.1f} s")
    rows = measure(workers, material, arguments.queries)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", "benchmarks/peers.py", *shown(sys.argv[1:])]),
        "machine": machine(),
        "threads": arguments.threads,
        "set": {
            "name": arguments.set.resolve().name,
            "documents": sum(len(part.files) for part in material.parts),
            "passages": sum(sizes),
            "characters": sum(len(text) for part in material.parts for text in part.texts),
            "questions": len(material.questions),
        },
        "pilot": tried,
        "systems": rows,
    }


def shown(words: Sequence[str]) -> list[str]:
    """Arguments without the folders of this machine."""
    return [Path(word).name if Path(word).is_absolute() else word for word in words]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path, nargs="?", help="question set in BEIR layout, with its documents")
    parser.add_argument("--environments", type=Path, help="folder of the peers' environments, made where they are missing")
    parser.add_argument("--passages", type=int, default=5000)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--queries", type=int, default=100, help="timed in each repetition")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--variants", choices=["auto", "both", *VARIANTS], default="auto")
    parser.add_argument("--backend", help="setting embedding.backend for ours")
    parser.add_argument("--torch-index", default=TORCH_INDEX, help='index of torch\'s CPU builds; "" where pip finds them itself')
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--report", type=Path, metavar="JSON", help="only table and plot of a run that was kept")
    arguments = parser.parse_args()
    if arguments.report:
        result = json.loads(arguments.report.read_text(encoding="utf-8"))
        out = arguments.report.parent
    elif arguments.set is None or arguments.environments is None:
        parser.error("name a question set and --environments, or --report")
    else:
        folder = Path(tempfile.mkdtemp(prefix="peers-"))
        try:
            result = run(arguments, folder)
        finally:
            shutil.rmtree(folder)
        out = arguments.out
        out.mkdir(parents=True, exist_ok=True)
        (out / "peers.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (out / "peers.svg").write_text(plot(result), encoding="utf-8")
    print(tables(result))


if __name__ == "__main__":
    main()
