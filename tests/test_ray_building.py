"""Building on a real Ray cluster: two nodes with one core each, on this machine. Whatever dies, the bits stay the same."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rag.config import ScaleSettings, Settings
from rag.index.build_files import FILES
from rag.index.builds import live_build
from rag.index.changes import CHANGES, load_changes
from rag.index.cluster import ray_workers
from rag.index.cluster.embedded_files import EmbeddedFile, file_from_object
from rag.index.cluster.object_store import object_store
from rag.index.manifest import Manifest
from rag.index.updating import Recipe, update_index
from rag.library import Library
from rag.models.embedder import ModelEmbedder
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="finds workers in /proc")]
pytest.importorskip("ray", reason="Ray has no wheel for this platform")
PORTS = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
MEMORY = 100_000_000  # bytes of each node's object store
PATIENCE = 240  # seconds until a test gives up; a cluster alone takes a minute to start on a busy machine


LONG = "".join(f"Fern {number} drinks {number} litres of water a day.\n\n" for number in range(3000))  # seconds to embed


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE} seconds for {what}"
        time.sleep(0.1)


def patiently(start: Callable[[], Any]) -> Any:
    """Ray gives a node's agents 15 seconds, which is not enough on a very busy machine."""
    for _ in range(2):
        with suppress(Exception, SystemExit):  # what Ray raises then
            return start()
    return start()


@dataclass
class TwoNodes:
    """A cluster whose second node comes and goes."""

    cluster: Any
    client_port: int
    second: Any = field(init=False)

    def __post_init__(self) -> None:
        self.add_second()

    def add_second(self) -> None:
        self.second = patiently(lambda: self.cluster.add_node(num_cpus=1, **node_options()))
        self.cluster.wait_for_nodes(timeout=PATIENCE)

    def busy_workers(self) -> list[int]:
        """Processes of both nodes that are working on a file."""
        raylets = {
            process.process.pid for node in self.cluster.list_all_nodes() for process in node.all_processes.get("raylet", [])
        }
        busy = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int(folder.joinpath("stat").read_text().rpartition(")")[2].split()[1])
                title = folder.joinpath("cmdline").read_bytes()
            except OSError:  # it has just ended
                continue
            if parent in raylets and title.startswith(b"ray::make_object"):
                busy.append(int(folder.name))
        return busy


def node_options() -> dict[str, Any]:
    """With given ports, a node does not wait for its agents to choose some, which takes too long on a busy machine."""
    return {name: free_port() for name in PORTS} | {"object_store_memory": MEMORY, "include_log_monitor": False}


@pytest.fixture(scope="module")
def nodes() -> Iterator[TwoNodes]:
    import ray
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # noqa: S108 - the paths of sockets must be short
    Path("/tmp/ray").mkdir(exist_ok=True)  # noqa: S108 - where Ray notes the address of a cluster
    client = free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")  # whether or not this user has a token already
        patch.setenv("RAY_worker_niceness", "0")  # this and the next two are for busy machines
        patch.setenv("RAY_raylet_start_wait_time_s", "120")
        patch.setenv("RAY_agent_register_timeout_ms", "120000")
        patch.setenv("PYTHONPATH", str(ROOT))
        head = {"num_cpus": 1, "temp_dir": folder, "include_dashboard": False, "no_monitor": True}
        head |= {"ray_client_server_port": client}
        cluster = patiently(lambda: Cluster(initialize_head=True, head_node_args=head | node_options()))
        try:
            two = TwoNodes(cluster, client)
            ray.init(
                cluster.address, logging_level="ERROR", log_to_driver=False
            )  # shared by the tests, so that models stay loaded
            yield two
        finally:
            ray.shutdown()
            cluster.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def handful(mixed: Path) -> Path:
    """Documents of several formats, among them a broken one, a duplicate and mail with attachments."""
    (mixed / "table.csv").write_text("Fern,Height\nBracken,2 m\nMaidenhair,30 cm\n")
    (mixed / "page.html").write_text("<title>Moss</title><h1>Moss</h1><p>Moss has no roots. It drinks with its leaves.</p>")
    for name in ("botulinum-toxin.md", "rehabilitation-plan-after-nerve-repair.docx"):
        shutil.copy(ROOT / "corpus" / name, mixed)
    return mixed


def by_ray(corpus: Path, index: Path, workers: str = "ray") -> Settings:
    return Settings(corpus=corpus, index=index, scale=ScaleSettings(workers=workers))


def contents(index: Path) -> dict[str, bytes]:
    return {name: (live_build(index) / name).read_bytes() for name in FILES if name != CHANGES}


def built_here(corpus: Path, index: Path, embedder: ModelEmbedder) -> Manifest:
    return update_index(corpus, index, Recipe(embedder, Settings().passages))[0]


def once(act: Callable[[], bool]) -> Callable[[str, int, int], None]:
    """A progress function that acts when a file is being made, until that succeeds."""
    done = False

    def report(what: str, done_files: int, total: int) -> None:
        nonlocal done
        if what == "embedding" and not done:
            done = act()

    return report


def test_a_build_on_two_nodes_has_the_bytes_of_a_local_build(
    nodes: TwoNodes, handful: Path, tmp_path: Path, embedder: ModelEmbedder
) -> None:
    local = built_here(handful, tmp_path / "local", embedder)
    settings = by_ray(handful, tmp_path / "index")
    report = Library(settings).build()
    assert report.manifest.hash == local.hash
    assert contents(settings.index) == contents(tmp_path / "local")
    assert {failure.path for failure in report.changes.failed} == {"broken.pdf", "mail.eml/bad.pdf"}
    assert report.changes.embedded == load_changes(live_build(tmp_path / "local")).changes.embedded > 0

    shutil.rmtree(settings.index)
    again = Library(settings).build()
    assert (again.manifest.hash, again.changes.embedded) == (local.hash, 0), "all objects are reused"

    store = object_store(settings.objects)
    objects = {name: store.read(name) or b"" for name in store.names()}
    largest = max(objects, key=lambda name: len(objects[name]))
    store.write(largest, objects[largest][:-10] + b"0123456789")
    shutil.rmtree(settings.index)
    repaired = Library(settings).build()
    assert repaired.manifest.hash == local.hash and 0 < repaired.changes.embedded < report.changes.embedded
    assert {name: store.read(name) for name in store.names()} == objects, "the damaged object was made anew"


def test_a_killed_worker_is_replaced(nodes: TwoNodes, handful: Path, tmp_path: Path, embedder: ModelEmbedder) -> None:
    killed: list[int] = []

    def kill() -> bool:
        wait_until(nodes.busy_workers, "a worker that is busy")  # one stays busy with the long file
        for worker in nodes.busy_workers()[:1]:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
                killed.append(worker)
        return bool(killed)

    (handful / "a-long-file.txt").write_text(LONG)
    manifest = Library(by_ray(handful, tmp_path / "index")).build(progress=once(kill)).manifest
    assert killed and manifest.hash == built_here(handful, tmp_path / "local", embedder).hash


def test_a_lost_node_is_survived(nodes: TwoNodes, handful: Path, tmp_path: Path, embedder: ModelEmbedder) -> None:
    def lose() -> bool:
        nodes.cluster.remove_node(nodes.second, allow_graceful=False)
        return True

    try:
        manifest = Library(by_ray(handful, tmp_path / "index")).build(progress=once(lose)).manifest
    finally:
        nodes.add_second()
    assert manifest.hash == built_here(handful, tmp_path / "local", embedder).hash


def test_a_file_that_kills_its_workers_is_reported(nodes: TwoNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of failing the build, as a file that kills its reader does."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "short.txt").write_text("Moss grows on stones.")
    settings = by_ray(corpus, tmp_path / "index")
    Library(settings).build()
    (corpus / "poison.txt").write_text(LONG)
    monkeypatch.setattr(ray_workers, "TRIES", 2)

    def kill(what: str, done: int, total: int) -> None:
        for worker in nodes.busy_workers():
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)

    report = Library(settings).build(progress=kill)
    ((path, reason),) = [(failure.path, failure.reason) for failure in report.changes.failed]
    assert path == "poison.txt" and reason.startswith("2 workers died while reading or embedding it")
    assert [entry.id for entry in report.manifest.corpus.documents] == ["short.txt"]


def command(settings: Settings, **environment: str) -> dict[str, Any]:
    named = {"RAG_CORPUS": settings.corpus, "RAG_INDEX": settings.index, "RAG_INDEX__WORKERS": settings.scale.workers}
    return {
        "args": [sys.executable, "-m", "rag", "build", "--json"],
        "env": os.environ | {name: str(value) for name, value in named.items()} | {"PYTHONPATH": str(ROOT)} | environment,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
    }


@contextmanager
def frozen(process: int) -> Iterator[None]:
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)


def first_busy(nodes: TwoNodes, running: "subprocess.Popen[bytes]") -> int:
    busy: list[int] = []

    def look() -> bool:
        busy[:] = nodes.busy_workers()
        return bool(busy) or running.poll() is not None

    wait_until(look, "a worker that is busy")
    assert busy, running.communicate()
    return busy[0]


def test_ctrl_c_keeps_the_previous_build_and_the_finished_objects(
    nodes: TwoNodes, tmp_path: Path, embedder: ModelEmbedder
) -> None:
    """The command itself: stopped on the cluster of this machine, finished on the same one by its address.

    One worker is frozen, so that the build cannot end before it is stopped, however slow or fast the machine is.
    """
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "first.txt").write_text("Moss grows on stones.")
    settings = by_ray(corpus, tmp_path / "index")
    before = built_here(corpus, settings.index, embedder)
    for path in sorted((ROOT / "corpus").glob("[a-d]*.md")):
        shutil.copy(path, corpus)
    store = object_store(settings.objects)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs, and what they start, ignore it
    with subprocess.Popen(**command(settings, RAY_ADDRESS=nodes.cluster.address)) as running:
        try:
            with frozen(first_busy(nodes, running)):
                wait_until(lambda: running.poll() is not None or store.names(), "the first object")
                running.send_signal(signal.SIGINT)
                _, errors = running.communicate(timeout=PATIENCE)
        finally:
            running.kill()
    assert running.returncode == 130 and b"stopped; the index is unchanged" in errors, errors
    assert live_build(settings.index).name == before.hash[:16]
    kept = store.names()
    assert 0 < len(kept) < len(list(corpus.iterdir()))
    wait_until(lambda: not nodes.busy_workers(), "its tasks to be cancelled")

    settings = by_ray(corpus, settings.index, f"ray://127.0.0.1:{nodes.client_port}")
    ended = subprocess.run(**command(settings), check=False, timeout=2 * PATIENCE)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    local = built_here(corpus, tmp_path / "local", embedder)
    assert (report["manifest"], report["failed"]) == (local.hash, [])
    made = [file_from_object(store.read(name) or b"") for name in kept]
    reused = sum(len(rows) for file in made if isinstance(file, EmbeddedFile) for rows in file.passages or ())
    assert report["embedded"] == local.passages - before.passages - reused
    assert kept <= store.names()


STARTING = """
import sys
from rag.index.cluster import ray_connection
ray = ray_connection._import_ray()
ray_connection._start(ray)
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
ray.shutdown()
"""
JOINING = "import ray, sys; ray.init(sys.argv[1], logging_level='ERROR'); print(ray.get(ray.remote(lambda: 'ran').remote()))"


def test_a_cluster_that_a_build_starts_asks_for_a_token(tmp_path: Path) -> None:
    """Its ports can be reached from other machines. Even if the environment says that no token is needed."""
    homes = [tmp_path / "own", tmp_path / "other"]
    for home in homes:
        home.mkdir()
    common = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_raylet_start_wait_time_s": str(PATIENCE)} | {
        "RAY_AUTH_MODE": "disabled"
    }
    own, other = ({**common, "HOME": str(home)} for home in homes)
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", STARTING], env=own, stdin=pipe, stdout=pipe, text=True) as starting:
        try:
            assert starting.stdout is not None
            address = starting.stdout.readline().strip()
            assert address, "no cluster was started"
            join = [sys.executable, "-c", JOINING, address]
            with_token = subprocess.run(
                join, env=own | {"RAY_AUTH_MODE": "token"}, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
            without = subprocess.run(join, env=other, capture_output=True, text=True, timeout=PATIENCE, check=False)
            starting.communicate("", timeout=PATIENCE)
        finally:
            starting.kill()
    assert (with_token.returncode, with_token.stdout) == (0, "ran\n"), with_token.stderr
    assert without.returncode != 0 and "ran" not in without.stdout and "Error" in without.stderr, without.stderr
