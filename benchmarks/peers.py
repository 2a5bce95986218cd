"""Compares this project with its peers on the same passages: build rate, query latency, memory, size and quality.

    python benchmarks/peers.py SET --environments DIR [--passages 5000] [--repetitions 5] [--out benchmarks/results]
    python benchmarks/peers.py --report benchmarks/results/peers.json

SET is a question set in BEIR layout (corpus.jsonl, queries.jsonl, qrels/test.tsv). Its documents, the relevant ones first, are
written to files and split by this project until there are enough passages; all systems embed exactly these texts with the same
weights. Each system runs in its own process (benchmarks/peers/worker.py) and environment, which is made on first use from
benchmarks/peers/NAME.txt. In each repetition, every system in turn adds the next part of the passages, then every system in
turn answers the next queries; the order rotates. nDCG@10 is measured at the end, for documents ranked by their best passage.

A pilot on 200 passages runs each peer with its defaults and with OMP_WAIT_POLICY=passive ("tuned"). The variants that were
faster at building or at querying are then measured; `--variants` overrides the choice.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

from peers_material import Material, ndcg, prepare
from peers_report import machine, plot, tables

from rag.models.bundled import bundled_folder

HERE = Path(__file__).parent / "peers"
PEERS = ("langchain", "llamaindex", "txtai", "haystack")
OURS = ("ours", "ours-passages")
VARIANTS = {"plain": {}, "tuned": {"OMP_WAIT_POLICY": "passive"}}
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
PILOT = (100, 2)  # passages per turn, turns
WARMING = 3  # queries that are not counted, because a system that has waited for its turn starts slowly
RANKED = 100  # passages from which documents are ranked


def environment(folder: Path, peer: str, index: str) -> Path:
    """The interpreter of a peer's environment, which is made again if its requirements have changed."""
    wanted = (HERE / f"{peer}.txt").read_text(encoding="utf-8")
    home, stamp = folder / peer, folder / peer / "requirements.txt"
    python = home / "bin" / "python"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"installing {peer} into {home} (log: {home}.log)", file=sys.stderr, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
    with Path(f"{home}.log").open("w", encoding="utf-8") as log:
        # torch is installed first, from the index of its CPU builds; otherwise its GPU packages would be installed too.
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
    """The process of a system. `started` is the time in seconds until its model had embedded a query.

    `children` is the peak memory in kB of the processes that it started, taken together.
    """

    def __init__(self, system: str, variant: str, python: Path, folder: Path, threads: int, backend: str | None) -> None:
        self.system, self.variant = system, variant
        self.label = system if variant == "plain" else f"{system} ({variant})"
        folder.mkdir()
        self.children = 0
        self._log = folder / "log.txt"
        cores = sorted(os.sched_getaffinity(0))[:threads] if hasattr(os, "sched_getaffinity") else []
        started = time.perf_counter()
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [str(python), "-P", str(HERE / "worker.py"), system, str(bundled_folder()), *([backend] if backend else [])],
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
        with suppress(BrokenPipeError):  # the reason is in the log
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(done,))
        watcher.start()
        try:
            return self._answer()
        finally:
            done.set()
            watcher.join()

    def _watch(self, done: threading.Event) -> None:
        while not done.wait(0.1):
            self.children = max(self.children, children_memory(self._process.pid))

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.label} has stopped:\n" + "\n".join(self._log.read_text().splitlines()[-15:]))
        return dict(json.loads(line))

    def stop(self) -> None:
        self._process.communicate()


def children_memory(pid: int) -> int:
    """Resident memory in kB of the child processes of a process; 0 if the system has no /proc.

    RUSAGE_CHILDREN would be too high, because it includes the parent's memory at the time of the fork.
    """
    total = 0
    with suppress(OSError, IndexError):  # a process has ended in the meantime
        own = Path(f"/proc/{pid}/cmdline").read_bytes()
        for listed in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in listed.read_text().split():
                if Path(f"/proc/{child}/cmdline").read_bytes() != own:  # otherwise it is still a fork with its parent's memory
                    total += int(Path(f"/proc/{child}/status").read_text().split("VmRSS:")[1].split()[0])
    return total


def variables(threads: int, *, ours: bool) -> dict[str, str]:
    """The environment of a worker: no hub, no telemetry, a fixed number of threads. Only our own can import this project."""
    kept = {name: value for name, value in os.environ.items() if ours or not name.startswith("PYTHON")}
    kept.pop("OMP_WAIT_POLICY", None)
    counts = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
    quiet = {"HF_HUB_OFFLINE": "1", "HAYSTACK_TELEMETRY_ENABLED": "False", "DO_NOT_TRACK": "1"}
    if ours:
        quiet["PYTHONPATH"] = str(HERE.parent.parent)
    return kept | dict.fromkeys(counts, str(threads)) | quiet


@dataclass(frozen=True)
class Starter:
    """Starts workers, each in a new folder below `folder`."""

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
    """Runs both variants of a peer alternately; returns passages per second and the median time of a query in seconds."""
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
    """The variants that were faster at building or at querying: one or both."""
    building = max(tried, key=lambda variant: tried[variant]["passages_per_second"])
    asking = min(tried, key=lambda variant: tried[variant]["query"])
    return sorted({building, asking})


def measure(workers: Sequence[Worker], material: Material, queries: int) -> list[dict[str, Any]]:
    """Runs all repetitions, then measures quality, memory and size; one row per worker, in order."""
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
        ranked = worker.ask(do="query", queries=[question.text for question in material.questions], k=RANKED)["results"]
        row["nDCG@10"] = ndcg(material, ranked)
        row |= worker.ask(do="finish") | {"children": worker.children}
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
    """The arguments, with absolute paths reduced to names."""
    return [Path(word).name if Path(word).is_absolute() else word for word in words]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path, nargs="?", help="question set in BEIR layout, with its documents")
    parser.add_argument("--environments", type=Path, help="folder of the peers' environments, which are made if they are missing")
    parser.add_argument("--passages", type=int, default=5000)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--queries", type=int, default=100, help="timed queries per repetition")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--variants", choices=["auto", "both", *VARIANTS], default="auto")
    parser.add_argument("--backend", help="setting embedding.backend for ours")
    parser.add_argument(
        "--torch-index", default=TORCH_INDEX, help='index of torch\'s CPU builds; "" to use only the default index'
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--report", type=Path, metavar="JSON", help="write the table and plot of an earlier run")
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
