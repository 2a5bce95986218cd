"""Engines that are not installed, not reachable, too old or in use; builders that are killed."""

import os
import signal
import socket
import subprocess
import sys
from concurrent import futures
from importlib.util import find_spec
from pathlib import Path

import pytest

from rag.config import PassageSettings, RetrievalSettings, load_settings
from rag.errors import EngineError, SettingsError
from rag.index.builds import live_build, previous_build
from rag.index.contents import Index
from rag.index.engines import milvus
from rag.index.engines.milvus import MilvusEngine
from rag.index.live_index import LiveIndex
from rag.index.published import ROW_KEYS
from rag.index.updating import Recipe, update_index
from rag.library import Library
from rag.records import Hit
from rag.retrieval import retrieve
from rag.storage.arrays import map_array
from tests.conftest import ROOT, ReadHere, WordEmbedder, index_of, stop_milvus

needs_pymilvus = pytest.mark.skipif(find_spec("pymilvus") is None, reason="needs the extra quoted-answers[milvus]")
needs_lite = pytest.mark.skipif(find_spec("milvus_lite") is None, reason="needs the extra quoted-answers[milvus]")


@pytest.mark.parametrize(
    "engine",
    [
        "milvus",
        "milvus://",
        "milvus://host",
        "milvus://host:port",
        "http://host:19530",
        "milvus+file:",
        "milvus+file:rows",
        "Local",
    ],
)
def test_an_engine_that_is_none_is_refused(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_INDEX__ENGINE", engine)
    with pytest.raises(SettingsError, match=r'^setting index\.engine = .*: must be "local", "milvus://host:port"'):
        load_settings()


@pytest.mark.parametrize(
    "engine", ["local", "milvus://10.0.0.1:19530", "milvus+tls://[::1]:443", "milvus+file:/tmp/some where/rows.db"]
)
def test_engines(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_INDEX__ENGINE", engine)
    assert load_settings().scale.engine == engine


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(EngineError, match=r'but pymilvus is not installed; run `pip install "quoted-answers\[milvus\]"`'):
        MilvusEngine("milvus://localhost:19530")


@needs_pymilvus
def test_an_engine_out_of_reach_is_named(monkeypatch: pytest.MonkeyPatch, corpus: Path, tmp_path: Path) -> None:
    """By address and time waited; a build fails before it has changed the corpus or the index."""
    monkeypatch.setattr(milvus, "CONNECT_SECONDS", 1.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        expected = f"Milvus at {address} did not answer within 1 seconds; start it, or correct index.engine"
        with pytest.raises(EngineError, match=expected):
            MilvusEngine(f"milvus://{address}")
        new = tmp_path / "moss.txt"
        new.write_text("Moss grows on stones.")
        monkeypatch.setenv("RAG_INDEX__ENGINE", f"milvus://{address}")
        with pytest.raises(EngineError, match=expected):
            Library(load_settings(corpus=corpus, index=tmp_path / "index"), embedder=WordEmbedder()).add([new])
    assert not (corpus / "moss.txt").exists()
    assert not (tmp_path / "index" / "CURRENT").exists()


@needs_pymilvus
def test_an_old_server_is_refused() -> None:
    """A real gRPC server that answers like Milvus 2.3.5."""
    import grpc
    from pymilvus.grpc_gen import milvus_pb2, milvus_pb2_grpc

    class Old(milvus_pb2_grpc.MilvusServiceServicer):  # type: ignore[misc]
        def Connect(self, request: object, context: object) -> object:
            return milvus_pb2.ConnectResponse(identifier=1, server_info=milvus_pb2.common__pb2.ServerInfo(build_tags="2.3.5"))

        def GetVersion(self, request: object, context: object) -> object:
            return milvus_pb2.GetVersionResponse(version="v2.3.5")

    server = grpc.server(futures.ThreadPoolExecutor(2))
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(Old(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with pytest.raises(EngineError, match=rf"Milvus at 127\.0\.0\.1:{port} is version v2\.3\.5; update it to 2\.4 or later"):
            MilvusEngine(f"milvus://127.0.0.1:{port}")
    finally:
        server.stop(0)


@needs_lite
@pytest.mark.slow
def test_a_file_that_another_process_has_open_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus, "CONNECT_SECONDS", 1.0)
    code = "import sys; from rag.index.engines.milvus import MilvusEngine; e = MilvusEngine(sys.argv[1]); print('open', flush=True); input()"
    setting = f"milvus+file:{tmp_path / 'rows.db'}"
    command = [sys.executable, "-W", "ignore", "-c", code, setting]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline() == "open\n"
        with pytest.raises(
            EngineError,
            match=r"rows\.db could not be opened within 1 seconds; close the other process that has it open, or use a server",
        ):
            MilvusEngine(setting)
        other.communicate("\n")


@needs_lite
def test_an_engine_that_stops_gives_an_error_in_time(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not after the minutes for which the client would try again."""
    monkeypatch.setattr(milvus, "SEARCH_SECONDS", 1)
    engine = f"milvus+file:{tmp_path / 'rows.db'}"
    update_index(ReadHere(corpus), tmp_path / "index", Recipe(WordEmbedder(), PassageSettings(), engine=engine))
    index = LiveIndex(tmp_path / "index", PassageSettings(), WordEmbedder(), engine=engine).current()
    assert hits(index)
    sys.modules["milvus_lite.server_manager"].server_manager_instance.release_all()
    with pytest.raises(EngineError, match=r"^Milvus at .*rows\.db failed, tried for [12] seconds: .*; see its log$"):
        hits(index)
    stop_milvus()


@needs_lite
def test_a_failed_search_is_retried(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As while a query node is replaced. Failures that a retry cannot fix give an error at once."""
    from pymilvus import MilvusClient
    from pymilvus.exceptions import MilvusException

    engine = f"milvus+file:{tmp_path / 'rows.db'}"
    update_index(ReadHere(corpus), tmp_path / "index", Recipe(WordEmbedder(), PassageSettings(), engine=engine))
    index = LiveIndex(tmp_path / "index", PassageSettings(), WordEmbedder(), engine=engine).current()
    expected, search, failures = hits(index), MilvusClient.search, list[MilvusException]()

    def failing(*arguments: object, **named: object) -> object:
        if failures:
            raise failures.pop()
        return search(*arguments, **named)

    monkeypatch.setattr(MilvusClient, "search", failing)
    failures += [MilvusException(503, "channel not available"), MilvusException(2, "service unavailable")]
    assert hits(index) == expected
    failures += [MilvusException(2, "never tried"), MilvusException(100, "collection not found")]
    with pytest.raises(EngineError, match=r"^Milvus at .*rows\.db failed: collection not found; see its log$"):
        hits(index)
    assert len(failures) == 1
    stop_milvus()


KILLER = """
import os, signal, sys
from pathlib import Path
from rag.config import PassageSettings
from rag.index import publishing
from rag.index.engines.milvus import MilvusCollection
from rag.index.updating import Recipe, update_index
from tests.conftest import ReadHere, WordEmbedder
import pymilvus
corpus, index, engine = ReadHere(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
publishing.INSERTED_AT_ONCE = 2
print("ready", flush=True)
for line in sys.stdin:
    deadly, count = int(line), 0
    child = os.fork()
    if child == 0:
        def counted(real):
            def call(*arguments):
                global count
                count += 1
                if count == deadly:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments)
            return call
        for name in ("insert", "delete", "count", "scan"):
            setattr(MilvusCollection, name, counted(getattr(MilvusCollection, name)))
        update_index(corpus, index, Recipe(WordEmbedder(), PassageSettings(), engine=engine))
        from milvus_lite.server_manager import server_manager_instance
        server_manager_instance.release_all()
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@needs_lite
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_kill_before_any_call_of_the_engine_loses_nothing(corpus: Path, tmp_path: Path) -> None:
    """A real builder is killed before each of its calls in turn: the old build answers, and the next one repairs everything."""
    engine, folder = f"milvus+file:{tmp_path / 'rows.db'}", tmp_path / "index"
    command = [sys.executable, "-W", "ignore", "-c", KILLER, str(corpus), str(folder), engine]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killer:
        assert killer.stdin and killer.stdout
        assert killer.stdout.readline() == "ready\n"

        def run(deadly: int) -> int:
            assert killer.stdin and killer.stdout
            killer.stdin.write(f"{deadly}\n")
            killer.stdin.flush()
            return int(killer.stdout.readline())

        assert run(0) == 0
        for deadly in range(1, 30):
            before = hits(index_of(corpus))
            (corpus / f"{deadly}.md").write_text(
                f"# Moss {deadly}\n\n## Stones\n\nMoss grows.\n\n## Ferns\n\nFerns grow on moss.\n"
            )
            (corpus / f"{deadly - 1}.md").unlink(missing_ok=True)
            after = hits(index_of(corpus))
            code = run(deadly)
            found, _, _ = state(folder, engine)
            assert found in (before, after)
            if code == 0:
                break
            assert code == -signal.SIGKILL
            assert run(0) == 0
            found, stored, known = state(folder, engine)
            assert found == after
            assert stored == known
        killer.stdin.close()
    assert (code, found) == (0, after)
    assert deadly > 5


def hits(index: Index) -> list[Hit]:
    return retrieve(index, "moss on stones", WordEmbedder().embed_query("moss on stones"), RetrievalSettings(), k=100)


def state(folder: Path, engine: str) -> tuple[list[Hit], set[int], set[int]]:
    """The hits of the live build, the keys that the engine has, and those of the live and the previous build."""
    try:
        found = hits(LiveIndex(folder, PassageSettings(), WordEmbedder(), engine=engine).current())
        server = MilvusEngine(engine)
        stored = {key for name in server.names() for keys in server.open(name).scan() for key in keys.tolist()}
    finally:
        stop_milvus()  # the next builder opens the file
    builds = filter(None, (live_build(folder), previous_build(folder)))
    return found, stored, {key for build in builds for key in map_array(build / ROW_KEYS).tolist()}
