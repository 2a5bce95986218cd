"""What Ray workers make of files: how it is stored, checked, reused and removed. No cluster is needed for any of this."""

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.config import LoadingSettings, PassageSettings, ScaleSettings, Settings
from rag.errors import ClusterError, IndexMissing, ObjectsError, UnreadableFile
from rag.index.build_files import FILES
from rag.index.builds import live_build
from rag.index.changes import CHANGES, load_changes
from rag.index.cluster import embedded_files, ray_connection, ray_workers
from rag.index.cluster.embedded_files import EmbeddedFile, file_from_object, object_bytes, object_name
from rag.index.cluster.object_store import OWNER, object_store
from rag.index.cluster.object_sweep import object_faults, sweep_objects
from rag.index.cluster.ray_connection import explain
from rag.index.cluster.ray_workers import RayWorkers
from rag.index.cluster.worker_task import make_object, task_settings
from rag.index.manifest import Manifest
from rag.index.updating import Recipe, update_index
from rag.library import Library
from rag.loading.containers.members import LoadedFile
from rag.loading.corpus import FolderCorpus
from rag.loading.loader import load_file
from rag.loading.process.pool import WorkerProcess
from rag.models.embedder import ModelEmbedder
from rag.models.model_identity import ModelIdentity
from rag.storage.files import sha256_file
from rag.text.passages import embedded_text, split_passages
from tests.conftest import ReadHere, WordEmbedder, file_size_limit, loaded_by, updated

NAMES = ["ab" * 32, "cd" * 32]
NOBODY = "ray://127.0.0.1:9"  # the discard port: whoever connects to it fails


def made_here(folder: Path, name: str) -> bytes:
    """The object of a file, made in this process with the instant embedder."""
    words = WordEmbedder()
    try:
        read = load_file(name, (folder / name).read_bytes())
    except UnreadableFile as error:
        return object_bytes(error, words.embed_passages([]))
    passages = tuple(
        tuple(split_passages(document, count_tokens=words.count_tokens, limit=words.max_tokens)) for document in read.documents
    )
    texts = [embedded_text(passage) for rows in passages for passage in rows]
    return object_bytes(LoadedFile(read.documents, read.failed, passages), words.embed_passages(texts))


def with_objects(corpus: Path, index: Path) -> Settings:
    """Settings of a cluster that nobody can reach, with an object for each file of the corpus."""
    settings = Settings(corpus=corpus, index=index, scale=ScaleSettings(workers=NOBODY))
    workers = workers_of(settings)
    for name in FolderCorpus(corpus).names():
        workers.store.write(workers.object_name(name, sha256_file(corpus / name)), made_here(corpus, name))
    return settings


def workers_of(settings: Settings) -> RayWorkers:
    return RayWorkers(settings, WordEmbedder.identity)


def built(settings: Settings, *, full: bool = False, retry: bool = False) -> Manifest:
    recipe, workers = Recipe(WordEmbedder(), settings.passages), workers_of(settings)
    return update_index(ReadHere(settings.corpus), settings.index, recipe, full=full, retry=retry, workers=workers)[0]


def contents(build: Path) -> dict[str, bytes]:
    return {name: (build / name).read_bytes() for name in FILES if name != CHANGES}


def test_an_object_gives_back_what_went_into_it(mixed: Path) -> None:
    for name in ("guide.md", "mail.eml", "sub/moss.txt"):
        made = file_from_object(made_here(mixed, name))
        read = load_file(name, (mixed / name).read_bytes())
        assert isinstance(made, EmbeddedFile)
        assert (made.documents, made.failed) == (read.documents, read.failed)
        words = WordEmbedder()
        for document, passages, vectors in zip(made.documents, made.passages or (), made.vectors, strict=True):
            assert list(passages) == split_passages(document, count_tokens=words.count_tokens, limit=words.max_tokens)
            assert np.array_equal(vectors, words.embed_passages([embedded_text(passage) for passage in passages]))
    failed = file_from_object(made_here(mixed, "broken.pdf"))
    assert isinstance(failed, UnreadableFile) and str(failed)


def test_every_changed_or_missing_byte_of_an_object_is_noticed(mixed: Path) -> None:
    data = made_here(mixed, "sub/moss.txt")
    for position in range(0, len(data), 3):
        for damaged in (data[:position], data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]):
            with pytest.raises(ObjectsError, match="damaged"):
                file_from_object(damaged)


def test_the_name_of_an_object_depends_on_everything_that_decides_its_contents() -> None:
    model, settings = ModelIdentity("m", "1"), PassageSettings()
    name = object_name("a.md", "d1", model, settings)
    assert name == object_name("a.md", "d1", ModelIdentity("m", "1"), PassageSettings())
    others = {
        object_name("b.md", "d1", model, settings),
        object_name("a.md", "d2", model, settings),
        object_name("a.md", "d1", ModelIdentity("m", "2"), settings),
        object_name("a.md", "d1", ModelIdentity("m", "1", "int8"), settings),
        object_name("a.md", "d1", model, PassageSettings(max_tokens=64)),
    }
    assert len(others | {name}) == 6


@pytest.fixture(params=["folder", "file", "memory"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    folder = tmp_path / "objects"
    return {"folder": str(folder), "file": f"file://{folder}", "memory": f"memory://{tmp_path.name}/objects"}[request.param]


def test_a_store_keeps_lists_replaces_and_removes_objects(location: str) -> None:
    store = object_store(location)
    assert (store.names(), store.read(NAMES[0])) == (set(), None)
    for name in NAMES:
        store.write(name, b"first")
    store.write(NAMES[0], b"second")
    assert (store.names(), store.read(NAMES[0]), object_store(location).read(NAMES[1])) == ({*NAMES}, b"second", b"first")
    for _ in range(2):
        store.remove(NAMES[0])
    assert (store.names(), store.read(NAMES[0])) == ({NAMES[1]}, None)


def test_a_store_never_touches_files_that_are_not_objects(tmp_path: Path) -> None:
    """Even if someone names the folder of their documents as the folder of objects."""
    (tmp_path / "ab").mkdir()
    others = [tmp_path / "ab" / "letter.object", tmp_path / "ab" / f"{NAMES[0]}.txt", tmp_path / f"{NAMES[0]}.object"]
    for path in others:
        path.write_text("mine")
    for location in (str(tmp_path), f"file://{tmp_path}"):
        store = object_store(location)
        store.write(NAMES[1], b"ours")
        assert store.names() - {NAMES[0]} == {NAMES[1]}
        store.remove(NAMES[0])
    assert [path.read_text() for path in others] == ["mine"] * 3


def test_a_write_that_fails_leaves_the_object_as_it_was(tmp_path: Path) -> None:
    store = object_store(str(tmp_path))
    store.write(NAMES[0], b"first")
    with file_size_limit(10), pytest.raises(ObjectsError, match="cannot be used"):
        store.write(NAMES[0], b"x" * 1000)
    assert store.read(NAMES[0]) == b"first"
    assert [path.name for path in (tmp_path / "ab").iterdir()] == [f"{NAMES[0]}.object"]


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("s3://bucket/objects", r"index\.objects = 's3://bucket/objects' cannot be opened .*; run `pip install s3fs`"),
        ("nothing://bucket", r"index\.objects = 'nothing://bucket' cannot be opened .*; name a folder"),
    ],
)
def test_a_store_that_cannot_be_opened_is_named(location: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ObjectsError, match=message) as error:
        object_store(location).names()
    assert "\n" not in str(error.value)


def test_a_build_from_objects_has_the_bytes_of_a_build_without(mixed: Path, tmp_path: Path) -> None:
    """The cluster cannot be reached, so every document, passage, vector and failure comes from an object."""
    local = updated(mixed, tmp_path / "local")[0].manifest
    settings = with_objects(mixed, tmp_path / "index")
    manifest = built(settings)
    assert (manifest.hash, manifest.contents) == (local.hash, local.contents)
    assert {failure.path for failure in manifest.corpus.failed} == {"broken.pdf", "mail.eml/bad.pdf"}
    assert contents(live_build(settings.index)) == contents(live_build(tmp_path / "local"))


def test_an_update_from_objects_has_the_bytes_of_a_build_from_scratch(mixed: Path, tmp_path: Path) -> None:
    settings = with_objects(mixed, tmp_path / "index")
    built(settings)
    (mixed / "guide.md").write_text("# Ferns\n\nFerns like rain. Moss grows on stones.\n")
    (mixed / "faq.txt").unlink()
    (mixed / "new.txt").write_text("Algae live in water.")
    with_objects(mixed, settings.index)
    built(settings)
    updated(mixed, tmp_path / "local")
    assert contents(live_build(settings.index)) == contents(live_build(tmp_path / "local"))


def test_reused_objects_are_not_counted_as_embedded(corpus: Path, tmp_path: Path) -> None:
    settings = with_objects(corpus, tmp_path / "index")
    built(settings)
    assert load_changes(live_build(settings.index)).changes.embedded == 0


@pytest.mark.parametrize("case", ["missing", "damaged", "full", "retry"])
def test_objects_that_cannot_or_may_not_be_reused_are_made_anew(
    case: str, mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here no cluster answers; until one does, nothing is published."""
    monkeypatch.setattr(ray_connection, "CONNECT_SECONDS", 0)
    settings = with_objects(mixed, tmp_path / "index")
    store = workers_of(settings).store
    name = workers_of(settings).object_name("faq.txt", sha256_file(mixed / "faq.txt"))
    if case == "missing":
        store.remove(name)
    if case == "damaged":
        store.write(name, (store.read(name) or b"")[:-1])
    with pytest.raises(ClusterError, match="cannot be reached"):
        built(settings, full=case == "full", retry=case == "retry")
    with pytest.raises(IndexMissing):
        live_build(settings.index)


def test_a_file_that_disappears_after_the_scan_is_unreadable(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    settings = with_objects(corpus, tmp_path / "index")
    (corpus / "gone.txt").write_text("Soon gone.")
    monkeypatch.setattr(ray_connection, "_connect", lambda ray, workers: None)
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 1})

    class Vanishing(ReadHere):
        def digest_of(self, name: str) -> str:
            digest = super().digest_of(name)
            if name == "gone.txt":
                (self.folder / name).unlink()
            return digest

    manifest, _ = update_index(
        Vanishing(corpus), settings.index, Recipe(WordEmbedder(), settings.passages), workers=workers_of(settings)
    )
    assert [(failure.path, failure.reason) for failure in manifest.corpus.failed] == [
        ("gone.txt", "it cannot be opened: No such file or directory")
    ]


def names_of(settings: Settings, *files: str) -> set[str]:
    workers = workers_of(settings)
    return {workers.object_name(file, sha256_file(settings.corpus / file)) for file in files}


def test_objects_that_no_build_needs_are_removed(mixed: Path, tmp_path: Path) -> None:
    """Law 10. An object is kept for the live and the previous build; a removed document leaves none."""
    settings = with_objects(mixed, tmp_path / "index")
    store = workers_of(settings).store
    built(settings)
    sweep_objects(settings)
    files = ["broken.pdf", "faq.txt", "guide.md", "mail.eml", "sub/moss.txt"]  # not twin.md, which is a duplicate
    assert store.names() == names_of(settings, *files)
    before = names_of(settings, "faq.txt")
    (mixed / "faq.txt").write_text("A new version.")
    with_objects(mixed, settings.index)
    built(settings)
    sweep_objects(settings)
    assert store.names() == names_of(settings, *files) | before
    gone = names_of(settings, "mail.eml")
    (mixed / "mail.eml").unlink()
    built(settings)
    sweep_objects(settings)
    assert not store.names() & gone
    assert store.names() == names_of(settings, *(set(files) - {"mail.eml"}))


def test_a_build_without_ray_removes_objects_too(corpus: Path, tmp_path: Path) -> None:
    remote = with_objects(corpus, tmp_path / "index")
    settings = remote.model_copy(update={"scale": ScaleSettings()})
    library = Library(settings, embedder=WordEmbedder())
    (corpus / "faq.txt").unlink()
    library.build()
    assert workers_of(remote).store.names() == names_of(settings, "guide.md")
    assert not (tmp_path / "index.objects" / "x").exists()


def test_a_build_without_ray_makes_no_folder_of_objects(corpus: Path, tmp_path: Path) -> None:
    Library(Settings(corpus=corpus, index=tmp_path / "index"), embedder=WordEmbedder()).build()
    assert not (tmp_path / "index.objects").exists()


def test_doctor_lists_leftover_and_damaged_objects(corpus: Path, tmp_path: Path) -> None:
    settings = with_objects(corpus, tmp_path / "index")
    store = workers_of(settings).store
    built(settings)
    assert list(object_faults(settings)) == []
    (name,) = names_of(settings, "faq.txt")
    store.write(name, b"nothing")
    store.write(NAMES[0], b"something")
    checks = Library(settings, embedder=WordEmbedder()).doctor()
    (check,) = [check for check in checks if check.name == "leftovers"]
    folder = settings.objects
    path = Path(folder, name[:2], f"{name}.object")
    assert sorted(check.faults) == [
        (f"no build needs the object {NAMES[0][:12]} in {folder}", "run `rag build`"),
        (f"the object {name[:12]} in {folder} is damaged", f"delete {path}: a build that needs it makes it anew"),
    ]
    path.unlink()  # both fixes do what they say
    sweep_objects(settings)
    assert list(object_faults(settings)) == []


def test_a_store_of_another_index_is_neither_used_nor_swept(corpus: Path, tmp_path: Path) -> None:
    shared = str(tmp_path / "shared")
    first, second = (
        Settings(corpus=corpus, index=tmp_path / name, scale=ScaleSettings(workers=NOBODY, objects=shared)) for name in "ab"
    )
    workers = workers_of(first)
    for name in FolderCorpus(corpus).names():
        workers.store.write(workers.object_name(name, sha256_file(corpus / name)), made_here(corpus, name))
    built(first)
    objects = workers.store.names()
    assert objects
    with pytest.raises(ObjectsError, match=f"belong to the index {first.index}; set index.objects to another place"):
        built(second)
    local = second.model_copy(update={"scale": ScaleSettings(objects=shared)})
    report = Library(local, embedder=WordEmbedder()).build()
    assert report.manifest.passages and f"belong to the index {first.index}" in report.advice
    assert workers.store.names() == objects


def test_a_named_store_without_a_mark_is_not_swept_by_a_build_without_ray(corpus: Path, tmp_path: Path) -> None:
    """It may belong to anybody."""
    settings = Settings(corpus=corpus, index=tmp_path / "index", scale=ScaleSettings(objects=str(tmp_path / "objects")))
    store = object_store(settings.objects)
    store.write(NAMES[0], b"theirs")
    assert Library(settings, embedder=WordEmbedder()).build().advice == ""
    assert store.names() == {NAMES[0]} and store.read(OWNER) is None


def test_a_store_that_fails_does_not_fail_a_finished_build(corpus: Path, tmp_path: Path) -> None:
    settings = Settings(corpus=corpus, index=tmp_path / "index", scale=ScaleSettings(objects="nothing://me:secret@host/objects"))
    report = Library(settings, embedder=WordEmbedder()).build()
    assert report.manifest.passages and "://***@host/objects" in report.advice and "secret" not in report.advice


class _ForeignError(Exception):
    """As the packages of object stores raise them."""


@pytest.mark.parametrize("call", ["names", "read", "write", "remove"])
def test_any_error_of_a_store_becomes_one_line_without_passwords(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise _ForeignError("access to memory://me:secret@host/x denied\na second line")

    for name in ("find", "cat_file", "pipe_file", "rm_file"):
        monkeypatch.setattr(f"fsspec.implementations.memory.MemoryFileSystem.{name}", fail)
    arguments = {"names": (), "write": (NAMES[0], b"data")}.get(call, (NAMES[0],))
    with pytest.raises(ObjectsError, match=r"memory://\*\*\*@host/objects cannot be used \(access to memory://\*") as error:
        getattr(object_store("memory://me:secret@host/objects"), call)(*arguments)
    assert "\n" not in str(error.value) and "secret" not in str(error.value)


def test_what_a_killed_builder_was_writing_is_removed(corpus: Path, tmp_path: Path) -> None:
    settings = with_objects(corpus, tmp_path / "index")
    built(settings)
    kept = workers_of(settings).store.names()
    partial = Path(settings.objects, NAMES[0][:2], f".{NAMES[0]}.object.1-2.tmp")
    partial.parent.mkdir(exist_ok=True)
    partial.write_bytes(b"half")
    sweep_objects(settings)
    assert not partial.exists() and workers_of(settings).store.names() == kept


def test_a_store_that_damages_every_object_ends_the_build(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of making the same object again and again."""
    settings = with_objects(corpus, tmp_path / "index")
    workers = workers_of(settings)
    names = {workers.object_name(name, sha256_file(corpus / name)) for name in FolderCorpus(corpus).names()}
    for name in names:
        workers.store.write(name, b"damaged")

    def remake(tasks: object, wanted: str) -> Iterator[object]:
        yield ray_workers._Finished(wanted, workers.object_name(wanted, sha256_file(corpus / wanted)))

    monkeypatch.setattr(ray_workers._Tasks, "advance", remake)
    with pytest.raises(ObjectsError, match="gives back damaged objects"):
        built(settings)


def test_the_name_of_an_object_depends_on_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    name = object_name("a.md", "d1", ModelIdentity("m", "1"), PassageSettings())
    monkeypatch.setattr(embedded_files, "library_versions", lambda: {"tokenizers": "0"})
    assert object_name("a.md", "d1", ModelIdentity("m", "1"), PassageSettings()) != name


def test_the_folder_of_objects_is_not_part_of_the_corpus(corpus: Path) -> None:
    from rag.loading.corpus import corpus_of

    settings = with_objects(corpus, corpus / "index")
    listing = corpus_of(settings).listing()
    assert listing.files == ["faq.txt", "guide.md"]
    assert any(skipped.path == "index.objects" for skipped in listing.skipped)


def test_ray_that_is_not_installed_is_named_with_the_command(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    settings = Settings(corpus=corpus, index=tmp_path / "index", scale=ScaleSettings(workers="ray"))
    with pytest.raises(ClusterError, match=r'run `pip install "quoted-answers\[ray\]"`'):
        built(settings)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "no-such-host.invalid"])
def test_a_cluster_that_cannot_be_reached_is_named(
    host: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message gives the address, and for how long it was tried."""
    pytest.importorskip("ray")
    monkeypatch.setattr(ray_connection, "CONNECT_SECONDS", 0.01)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"ray://{host}:{free.getsockname()[1]}"
        settings = Settings(corpus=corpus, index=tmp_path / "index", scale=ScaleSettings(workers=address))
        with pytest.raises(ClusterError, match=r"cannot be reached \(.*tried for \d+ seconds\); start it") as error:
            built(settings)
    assert address in str(error.value) and "\n" not in str(error.value)


def test_a_cluster_that_the_environment_names_is_not_replaced_by_another(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it cannot be reached, that is an error; none is started instead."""
    pytest.importorskip("ray")
    monkeypatch.setattr(ray_connection, "CONNECT_SECONDS", 0.01)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    settings = Settings(corpus=corpus, index=tmp_path / "index", scale=ScaleSettings(workers="ray"))
    with pytest.raises(ClusterError, match="the Ray cluster of this machine cannot be reached .*tried for"):
        built(settings)


class _Failed(Exception):
    """As Ray wraps what a task raised."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("a traceback\nof many lines")
        self.cause = cause


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (_Failed(ClusterError("the Ray worker on n has X 1")), "^the Ray worker on n has X 1$"),
        (_Failed(RuntimeError("The remote function failed to import on the worker. This may")), "cannot import this program"),
        (_Failed(ModuleNotFoundError("No module named 'rag'")), "install the same version of quoted-answers on every node"),
        (_Failed(OSError(28, "No space left on device")), r"a Ray worker failed on a\.md \(OSError: .*No space left"),
        (ConnectionError("gone\nfar away"), r"was lost during the build \(ConnectionError: gone far away\)"),
    ],
)
def test_failures_of_a_cluster_are_explained_in_one_line(error: Exception, message: str) -> None:
    explained = str(explain(error, "ray://head:10001", "a.md"))
    assert "\n" not in explained
    with pytest.raises(ClusterError, match=message):
        raise explain(error, "ray://head:10001", "a.md")


@pytest.fixture
def reader() -> Iterator[WorkerProcess]:
    process = WorkerProcess(LoadingSettings(seconds=60))
    yield process
    process.stop()


@pytest.mark.slow
def test_a_build_on_this_machine_loads_no_ray(corpus: Path, tmp_path: Path) -> None:
    loaded = loaded_by("build", "--corpus", str(corpus), "--index", str(tmp_path / "index"))
    assert "rag.index.updating" in loaded
    assert not loaded & {"ray", "grpc", "rag.index.cluster.ray_workers"}


@pytest.mark.slow
def test_a_file_can_be_read_without_a_folder(mixed: Path, reader: WorkerProcess) -> None:
    """Its bytes follow the request; whatever they are, the next file is read."""
    for name in ("guide.md", "broken.pdf", "mail.eml", "sub/moss.txt"):
        sent = reader.read_data(name, (mixed / name).read_bytes())
        stored = reader.read(mixed, name)
        assert (str(sent), type(sent)) == (str(stored), type(stored))
    assert isinstance(reader.read_data("empty.txt", b""), UnreadableFile)
    newlines = reader.read_data("lines.txt", b"One line.\n\n{}\n" * 10_000)
    assert isinstance(newlines, LoadedFile) and newlines.documents[0].text.count("One line.") == 10_000


@pytest.mark.slow
def test_a_worker_makes_what_a_build_makes(mixed: Path, tmp_path: Path, embedder: ModelEmbedder) -> None:
    """The task itself, in this process: the same documents, passages and vectors, bit for bit."""
    settings = Settings(corpus=mixed, index=tmp_path / "index", scale=ScaleSettings(workers=NOBODY))
    order = task_settings(settings, embedder.identity)
    workers = RayWorkers(settings, embedder.identity)
    for name in FolderCorpus(mixed).names():
        data = (mixed / name).read_bytes()
        workers.store.write(workers.object_name(name, sha256_file(mixed / name)), make_object(order, name, data))
    recipe = Recipe(embedder, settings.passages)
    remote, _ = update_index(mixed, settings.index, recipe, workers=workers)
    local, _ = update_index(mixed, tmp_path / "local", recipe)
    assert remote.hash == local.hash
    assert contents(live_build(settings.index)) == contents(live_build(tmp_path / "local"))


@pytest.mark.parametrize(
    ("what", "value"),
    [("quoted-answers", "0.0.1"), ("the index format", "0"), ("onnxruntime", "1.0"), ("the model X (int8)", "f")],
)
def test_a_worker_that_differs_from_the_machine_that_asks_refuses(what: str, value: str, embedder: ModelEmbedder) -> None:
    """Otherwise the index would depend on which worker had which file."""
    order = json.loads(task_settings(Settings(), embedder.identity))
    order["same"][what] = value
    with pytest.raises(
        ClusterError, match=rf"the Ray worker on .* has {what.replace('(', '.').replace(')', '.')} .*, this machine has {value}"
    ):
        make_object(json.dumps(order), "a.md", b"Ferns.")
