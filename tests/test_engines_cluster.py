"""Search on a Milvus cluster with TLS and two query nodes, one of which is killed: every question gets its answer."""

import itertools
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import which

import numpy as np
import pytest

from rag.config import ScaleSettings, Settings
from rag.index.builds import live_build
from rag.index.engines import milvus as milvus_module
from rag.index.engines.protocol import PassageTerms, Row
from rag.index.published import load_published
from rag.library import Library
from tests.conftest import SIMILARITY, WordEmbedder
from tests.milvus_servers import (
    BINARIES,
    MISSING,
    QUICK,
    WHY_MISSING,
    DenseCollection,
    DenseEngine,
    MilvusServers,
    cluster,
    load_replicas,
    unpacked,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=WHY_MISSING),
    pytest.mark.skipif(which("openssl") is None, reason="openssl, which makes the certificate, is not installed"),
]
DIM, ROWS = 32, 2_000
RECOVERY_SECONDS = 30
SECONDS_BEFORE, SECONDS_AFTER = 3, 7  # of load, before and after the kill
QUESTION = "How often should I repot a fern?"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[MilvusServers]:
    folder = tmp_path_factory.mktemp("cluster")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, "-subj", "/CN=milvus", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    options = QUICK | {"COMMON_SECURITY_TLSMODE": "1", "TLS_SERVERPEMPATH": str(certificate), "TLS_SERVERKEYPATH": str(key)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(certificate))
        patch.setattr(milvus_module, "MilvusEngine", DenseEngine)
        with cluster(folder, unpacked(pytestconfig.cache.mkdir(BINARIES)), options) as servers:
            yield servers


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    vectors = np.random.default_rng(2).standard_normal((ROWS, DIM), dtype=np.float32)
    return [Row(number, "document", "en", vector, PassageTerms(("fern",), ())) for number, vector in enumerate(vectors)]


@pytest.fixture(scope="module")
def replicated(nodes: MilvusServers, rows: list[Row]) -> DenseCollection:
    """A collection with a replica on each query node, as an operator would load it, opened by another client."""
    engine = DenseEngine(f"milvus+tls://{nodes.address}")
    collection = engine.create("replicated", DIM, exact=True)
    for start in range(0, ROWS, 500):
        collection.insert(rows[start : start + 500])
    load_replicas(engine, "replicated", 2)
    return DenseEngine(f"milvus+tls://{nodes.address}").open("replicated")


def test_opening_a_collection_keeps_its_replicas(replicated: DenseCollection) -> None:
    """Loading it again would reset it to the server's number of replicas, and its rows would be lost with a node."""
    assert len(replicated._client.describe_replica("replicated")) == 2
    assert replicated.count() == ROWS


def test_all_replicas_have_the_rows_that_were_counted(nodes: MilvusServers, replicated: DenseCollection) -> None:
    """A front end that has counted the rows of a new build finds all of them, whichever node answers."""
    draw = np.random.default_rng(3)
    for number in range(6):
        vector = 10 * draw.standard_normal(DIM, dtype=np.float32)
        row = Row(ROWS + number, "new", "en", vector, PassageTerms(("moss",), ()))
        replicated.insert([row])
        front_end = DenseEngine(f"milvus+tls://{nodes.address}").open("replicated")
        front_end.count()
        for _ in range(4):
            assert front_end.dense(vector, 1)[0].tolist() == [row.key]
            assert list(front_end.fetch(np.array([row.key]))) == [row.key]
        replicated.delete(np.array([row.key]))


def test_a_query_node_that_is_killed_costs_no_answer(
    nodes: MilvusServers,
    replicated: DenseCollection,
    rows: list[Row],
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Under load, each search finds the nearest vectors and each question gets its answer within RECOVERY_SECONDS."""
    monkeypatch.setattr(milvus_module, "SEARCH_SECONDS", RECOVERY_SECONDS)
    engine = f"milvus+tls://{nodes.address}"
    settings = Settings(corpus=corpus, index=tmp_path / "index", answering=SIMILARITY, scale=ScaleSettings(engine=engine))
    library = Library(settings, embedder=WordEmbedder())
    library.build()
    published = load_published(live_build(settings.index))
    assert published
    load_replicas(DenseEngine(engine), published.collection, 2)
    answer = library.ask(QUESTION).text
    assert answer
    vectors, keys = np.stack([row.vector for row in rows]), np.array([row.key for row in rows])
    queries = np.random.default_rng(5).standard_normal((20, DIM), dtype=np.float32)
    nearest = [keys[np.argsort(-(vectors @ query))[:10]].tolist() for query in queries]
    finished: list[float] = []
    killed = time.monotonic() + SECONDS_BEFORE

    def search(client: int) -> None:
        for number in itertools.count(client):
            assert replicated.dense(queries[number % 20], 10)[0].tolist() == nearest[number % 20]
            finished.append(time.monotonic())
            if finished[-1] > killed + SECONDS_AFTER:
                return

    def ask(_: int) -> None:
        while time.monotonic() < killed + SECONDS_AFTER:
            assert library.ask(QUESTION).text == answer
            finished.append(time.monotonic())

    def start(_: int) -> None:
        """As each `rag ask` does."""
        while time.monotonic() < killed + SECONDS_AFTER:
            assert DenseEngine(engine).open("replicated").count() == ROWS
            finished.append(time.monotonic())

    with ThreadPoolExecutor(4) as clients:
        running = [clients.submit(task, number) for number, task in enumerate((search, search, ask, start))]
        time.sleep(SECONDS_BEFORE)
        nodes.kill("query1")
        for task in running:
            task.result()
    before = sum(when < killed for when in finished)
    longest = max(np.diff(sorted(finished)))
    print(f"{before} answers before the kill, {len(finished) - before} after it, the longest wait {longest:.1f} s")
    assert before
