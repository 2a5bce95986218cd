"""What a second machine brings: here, a second node on this machine, each node pinned to a core of its own.

    python benchmarks/scale_out.py build CORPUS [--rounds 3] [--documents 24]
    python benchmarks/scale_out.py search BASE QUESTIONS WORK ENGINE [--documents 5000]
    python benchmarks/scale_out.py cluster [--rounds 3] [--rows 10000] [--binaries FOLDER]

`build`: passages that a Ray cluster of one and of two nodes reads, splits and embeds in a second, in turns. Each round starts the
nodes anew and has one document made before the clock starts, so that every worker has loaded its model. The head has no core for
tasks, but this process shares the cores with the nodes.

`search`: the time of a retrieval on this machine and through ENGINE (as in index.engine), of the same passages, in turns, and
whether the hits are the same. The documents are made from the index BASE as in benchmarks/scale.py, 20 passages each. WORK is a
folder for the index.

`cluster`: how many exact searches for the 100 nearest of random vectors of 384 numbers CLIENTS threads make in SECONDS. The
Milvus cluster has two query nodes, each pinned to a core, and alternates between one replica, which one node serves, and two.
Its other processes and this one share the cores with them. FOLDER keeps the unpacked server, 250 MB, for the next run.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from scale import MadeCorpus, MadeEmbedder

from rag.config import LOCAL, EmbeddingSettings, PassageSettings, RetrievalSettings, Settings
from rag.evaluation.question_sets import load_question_set
from rag.index.build_files import load_index
from rag.index.builds import live_build
from rag.index.cluster.embedded_files import EmbeddedFile
from rag.index.cluster.ray_workers import RayWorkers
from rag.index.contents import Index
from rag.index.engines.protocol import Collection, PassageTerms, Row
from rag.index.live_index import LiveIndex
from rag.index.updating import Recipe, update_index
from rag.loading.corpus import FolderCorpus
from rag.models.embedder import ModelEmbedder
from rag.models.model_identity import model_identity
from rag.numeric import Vectors
from rag.retrieval import retrieve

ASKED = 200
WARMING = 10  # questions that are not counted
CLIENTS = 4
SECONDS = 10
INSERTED = 500  # rows at once
INSERTION_PAUSE = 0.5  # seconds between them: the broker keeps only 5 MB in memory, and loses what is not read in time
MEMORY = 100_000_000  # bytes of each node's object store
PORTS = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")


def node_options() -> dict[str, Any]:
    """With given ports, a node does not wait for its agents to choose some."""
    options: dict[str, Any] = {"object_store_memory": MEMORY, "include_log_monitor": False}
    for name in PORTS:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            options[name] = free.getsockname()[1]
    return options


@contextmanager
def pinned_to(core: int) -> Iterator[None]:
    """What is started in the block runs on this core alone."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


@contextmanager
def cluster_of(nodes: int) -> Iterator[None]:
    import ray
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # noqa: S108 - the paths of sockets must be short
    Path("/tmp/ray").mkdir(exist_ok=True)  # noqa: S108 - where Ray notes the address of a cluster
    head = {"num_cpus": 0, "temp_dir": folder, "include_dashboard": False, "no_monitor": True}
    cluster = Cluster(initialize_head=True, head_node_args=head | node_options())
    try:
        for core in sorted(os.sched_getaffinity(0))[:nodes]:
            with pinned_to(core):
                cluster.add_node(num_cpus=1, **node_options())
        cluster.wait_for_nodes()
        ray.init(cluster.address, logging_level="ERROR", log_to_driver=False)
        yield
    finally:
        ray.shutdown()
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def passages_a_second(corpus: FolderCorpus, names: Sequence[str]) -> float:
    """Of these files, on the cluster that this process is connected to."""
    with tempfile.TemporaryDirectory() as objects:
        settings = Settings.model_validate({"corpus": corpus.folder, "scale": {"workers": "ray", "objects": objects}})
        workers = RayWorkers(settings, model_identity(settings.embedding))
        started = time.perf_counter()
        digests = {name: corpus.digest_of(name) for name in names}
        passages = 0
        with workers.reading(corpus, digests, lambda what, done, total: None, full=True) as files:
            for file in files:
                passages += sum(map(len, file.passages or ())) if isinstance(file, EmbeddedFile) else 0
        return passages / (time.perf_counter() - started)


def measure_builds(folder: Path, rounds: int, documents: int) -> dict[str, Any]:
    corpus = FolderCorpus(folder)
    names = [name for name in corpus.names() if name.endswith(".md")][:documents]
    rates: dict[int, list[float]] = {1: [], 2: []}
    for number in range(rounds):
        for nodes in (1, 2) if number % 2 == 0 else (2, 1):
            with cluster_of(nodes):
                passages_a_second(corpus, names[: 2 * nodes])
                rates[nodes].append(passages_a_second(corpus, names))
            print(f"{nodes} nodes: {rates[nodes][-1]:.1f} passages a second", flush=True)
    ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    return {"documents": len(names), "passages a second": rates, "ratio": [min(ratios), statistics.median(ratios), max(ratios)]}


def resident_mb(pid: int | str) -> int:
    """Memory of a process, mapped files included."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def children() -> list[int]:
    return [int(pid) for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text(encoding="utf-8").split()]


def measure_search(base: Path, questions: Path, work: Path, engine: str, documents: int) -> dict[str, Any]:
    corpus = MadeCorpus(load_index(live_build(base)), documents)
    embedder = MadeEmbedder(corpus)
    started = time.perf_counter()
    recipe = Recipe(embedder, PassageSettings(), engine=engine)  # type: ignore[arg-type] # it never embeds queries
    update_index(corpus, work / "index", recipe, forget=True)
    figures: dict[str, Any] = {"build seconds": round(time.perf_counter() - started, 1)}
    texts = [question.text for question in load_question_set(questions).questions][:ASKED]
    vectors = [ModelEmbedder(EmbeddingSettings()).embed_query(text) for text in texts]
    indexes: dict[str, Index] = {}
    for name in (LOCAL, engine):
        live = LiveIndex(work / "index", PassageSettings(), embedder, engine=name)  # type: ignore[arg-type]
        indexes[name] = live.current()
        figures[f"resident MB after loading {name}"] = resident_mb("self")
    figures["passages"] = len(indexes[LOCAL].passages)
    milliseconds: dict[str, list[float]] = {name: [] for name in indexes}
    same = 0
    for number, (text, vector) in enumerate(zip(texts, vectors, strict=True)):
        hits = []
        for name in (LOCAL, engine) if number % 2 else (engine, LOCAL):
            started = time.perf_counter()
            hits.append(retrieve(indexes[name], text, vector, RetrievalSettings()))
            milliseconds[name].append(1000 * (time.perf_counter() - started))
        same += [hit.passage.id for hit in hits[0]] == [hit.passage.id for hit in hits[1]]
    for name, times in milliseconds.items():
        figures[f"{name} p50, p95 ms"] = [round(float(np.percentile(times[WARMING:], share)), 1) for share in (50, 95)]
    figures |= {"questions": len(texts), "same ten hits in order": same, "resident MB": resident_mb("self")}
    return figures | {"resident MB of the engine": [resident_mb(pid) for pid in children()]}


def measure_cluster(binaries: Path, rounds: int, rows: int) -> dict[str, Any]:
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from tests.milvus_servers import DenseEngine, cluster, load_replicas, unpacked

    draw = np.random.default_rng(7)
    vectors, queries = (draw.standard_normal((number, 384), dtype=np.float32) for number in (rows, ASKED))
    rates: dict[int, list[float]] = {1: [], 2: []}
    milliseconds: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder), unpacked(binaries), {}, query_nodes=0) as servers:
        for core, name in zip(sorted(os.sched_getaffinity(0)), ("query1", "query2"), strict=False):
            with pinned_to(core):
                servers.add(name, "querynode")
        servers.wait("query1", "query2")
        engine = DenseEngine(f"milvus://{servers.address}")
        collection = engine.create("benchmark", 384, exact=True)
        terms = PassageTerms(("term",), ())
        for start in range(0, rows, INSERTED):
            collection.insert([Row(n, "document", "en", vectors[n], terms) for n in range(start, min(start + INSERTED, rows))])
            time.sleep(INSERTION_PAUSE)
        assert collection.count() == rows
        for number in range(rounds):
            for replicas in (1, 2) if number % 2 == 0 else (2, 1):
                load_replicas(engine, "benchmark", replicas)
                times = searched(collection, queries)
                rates[replicas].append(round(len(times) / SECONDS, 1))
                milliseconds[replicas] += times
                print(f"{replicas} replicas: {rates[replicas][-1]} searches a second", flush=True)
        ratios = sorted(two / one for one, two in zip(rates[1], rates[2], strict=True))
        percentiles = {
            n: [round(float(np.percentile(times, share)), 1) for share in (50, 95)] for n, times in milliseconds.items()
        }
        figures = {"rows": rows, "searches a second": rates, "ratio": ratios, "p50, p95 ms": percentiles}
        return figures | {"resident MB": servers.resident_mb()}


def searched(collection: Collection, queries: Vectors) -> list[float]:
    """The milliseconds of each search that CLIENTS make in SECONDS, after a second of warming up."""
    begin = time.perf_counter() + 1  # after warming up
    times: list[float] = []

    def ask(client: int) -> None:
        for number in count(client, CLIENTS):
            started = time.perf_counter()
            if started > begin + SECONDS:
                return
            collection.dense(queries[number % len(queries)], 100)
            if started > begin:
                times.append(1000 * (time.perf_counter() - started))

    with ThreadPoolExecutor(CLIENTS) as threads:
        list(threads.map(ask, range(CLIENTS)))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    build = commands.add_parser("build")
    build.add_argument("corpus", type=Path)
    build.add_argument("--rounds", type=int, default=3)
    build.add_argument("--documents", type=int, default=24)
    search = commands.add_parser("search")
    for name in ("base", "questions", "work"):
        search.add_argument(name, type=Path)
    search.add_argument("engine")
    search.add_argument("--documents", type=int, default=5000)
    nodes = commands.add_parser("cluster")
    nodes.add_argument("--rounds", type=int, default=3)
    nodes.add_argument("--rows", type=int, default=10_000)
    nodes.add_argument("--binaries", type=Path, default=Path(tempfile.gettempdir(), "milvus-2.3.5"))
    arguments = parser.parse_args()
    if arguments.command == "cluster":
        print(json.dumps(measure_cluster(arguments.binaries, arguments.rounds, arguments.rows), indent=1))
        return
    if arguments.command == "search":
        given = arguments.base, arguments.questions, arguments.work, arguments.engine, arguments.documents
        print(json.dumps(measure_search(*given), indent=1))
        return
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    print(json.dumps(measure_builds(arguments.corpus, arguments.rounds, arguments.documents), indent=1))


if __name__ == "__main__":
    main()
