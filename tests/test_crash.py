"""Law 6: after a failure or a kill at any write the previous build is live and intact, and the next build repairs everything."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from rag.config import PassageSettings
from rag.errors import IndexBroken
from rag.index import manifest
from rag.index.build_files import load_index
from rag.index.builds import live_build
from rag.index.embedding_journal import EmbeddingJournal
from rag.index.entries import ENTRIES
from rag.index.updating import JOURNAL, Recipe, update_index
from rag.numeric import Vectors
from tests.conftest import ROOT, ReadHere, WordEmbedder, file_size_limit, index_of, updated

SETTINGS = PassageSettings()


class Scene:
    """An index whose corpus has changed since: the digests of the live build and of the next one."""

    def __init__(self, corpus: Path, index: Path) -> None:
        self.corpus, self.index = ReadHere(corpus), index
        self.new = corpus / "new.txt"
        self.before = updated(self.corpus, index)[0].digest
        self.new.write_text("Moss grows on stones.")
        self.after = index_of(self.corpus).digest

    def reset(self) -> None:
        """Restores the initial state."""
        self.new.unlink()
        shutil.rmtree(self.index)
        updated(self.corpus, self.index)
        self.new.write_text("Moss grows on stones.")

    def live(self) -> str:
        return load_index(live_build(self.index)).digest

    def check_repaired(self) -> None:
        assert updated(self.corpus, self.index)[0].digest == self.after
        left = {path.name for path in self.index.iterdir()}
        assert left == {"CURRENT", "FORMER", "builds", "builder.lock"}
        assert len(list((self.index / "builds").iterdir())) == 2


@pytest.fixture(params=[manifest.LISTED, 5], ids=["small", "growing large"])
def scene(request: pytest.FixtureRequest, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """With an index that stays small, and with one that grows past the limit beyond which its documents have their own file."""
    monkeypatch.setattr(manifest, "LISTED", request.param)
    scene = Scene(corpus, tmp_path / "index")
    assert not (live_build(scene.index) / ENTRIES).exists()
    return scene


@pytest.mark.parametrize("operation", ["fsync", "replace", "rename", "mkdir", "unlink", "rmdir"])
def test_a_failure_at_any_step_leaves_the_previous_build(operation: str, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call of the operation in turn fails, as on a broken disk."""
    failures = 0
    for failing in range(1, 80):
        calls = 0
        with monkeypatch.context() as patch:
            real = getattr(os, operation)

            def fail_once(*arguments: Any, real: Callable[..., Any] = real, failing: int = failing, **named: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls == failing:
                    raise OSError(errno.EIO, "Input/output error")
                return real(*arguments, **named)

            patch.setattr(os, operation, fail_once)
            try:
                update_index(scene.corpus, scene.index, Recipe(WordEmbedder(), SETTINGS))
            except OSError:
                failures += 1
        assert scene.live() in (scene.before, scene.after)
        if calls < failing:
            break
        scene.check_repaired()
        scene.reset()
    assert calls < failing
    assert failures >= (2 if operation in ("fsync", "replace") else 0)


@pytest.mark.slow
def test_a_full_disk_at_any_write_leaves_the_previous_build(scene: Scene) -> None:
    """Writes fail for real, including those made in C: no file may exceed a limit, which is raised in small steps."""
    largest = max(path.stat().st_size for path in live_build(scene.index).iterdir())
    limits = [*range(0, 300, 7), *range(300, 2 * largest, 61)]
    failures = 0
    for limit in limits:
        try:
            with file_size_limit(limit):
                update_index(scene.corpus, scene.index, Recipe(WordEmbedder(), SETTINGS))
        except OSError:
            failures += 1
        live = scene.live()
        assert live in (scene.before, scene.after)
        if live == scene.after:
            scene.check_repaired()
            scene.reset()
    assert failures > 40
    scene.check_repaired()


KILLER = """
import os, signal, sys
from pathlib import Path
from rag.config import PassageSettings
from rag.index import manifest
from rag.index.updating import Recipe, update_index
from tests.conftest import ReadHere, WordEmbedder
manifest.LISTED = int(sys.argv[3])
corpus, index = ReadHere(Path(sys.argv[1])), Path(sys.argv[2])
EVENTS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree"}
print("ready", flush=True)
for line in sys.stdin:
    deadly, count = int(line), 0
    child = os.fork()
    if child == 0:
        def hook(event, arguments):
            global count
            reads = event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR)  # which change nothing on disk
            if event in EVENTS and not reads and str(index) in str(arguments[0]):
                count += 1
                if count == deadly:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(hook)
        update_index(corpus, index, Recipe(WordEmbedder(), PassageSettings()))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_kill_before_any_file_operation_loses_nothing(scene: Scene) -> None:
    """The builder is killed right before it opens for writing, renames or removes a file of the index, for every such operation."""
    command = [sys.executable, "-W", "ignore", "-c", KILLER, str(scene.corpus.folder), str(scene.index), str(manifest.LISTED)]
    kills = 0
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killer:
        assert killer.stdin and killer.stdout
        assert killer.stdout.readline() == "ready\n"
        for deadly in range(1, 1000):
            killer.stdin.write(f"{deadly}\n")
            killer.stdin.flush()
            code = int(killer.stdout.readline())
            assert scene.live() in (scene.before, scene.after)
            scene.check_repaired()
            if code == 0:
                break
            assert code == -signal.SIGKILL
            kills += 1
            scene.reset()
        killer.stdin.close()
    assert code == 0
    assert kills > 40


@pytest.mark.slow
def test_builds_killed_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    """60 kills of real processes: the live build is intact, the previous or the new one, and embeddings are kept."""
    code = (
        "import sys, time; from pathlib import Path; from rag.config import PassageSettings\n"
        "from rag.index.updating import Recipe, update_index; from tests.conftest import WordEmbedder\n"
        "class Slow(WordEmbedder):\n"
        "    def embed_passages(self, texts):\n"
        "        time.sleep(0.01)\n"
        "        return super().embed_passages(texts)\n"
        "print('ready', flush=True)\n"
        "for line in sys.stdin:\n"
        "    update_index(Path(sys.argv[1]), Path(sys.argv[2]), Recipe(Slow(), PassageSettings()))\n"
        "    print('built', flush=True)"
    )
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    moments = random.Random(7)
    live = updated(corpus, index)[0].digest
    interrupted, longest = 0, 0.0
    command = [sys.executable, "-W", "ignore", "-c", code, str(corpus), str(index)]
    for build in range(61):
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as builder:
            for bed in range(40):  # while the builder starts
                text = f"# Fern {build} {bed}\n\nFern {build} of bed {bed} drinks {build + bed} litres a week.\n"
                (corpus / f"{build % 5}-{bed}.md").write_text(text)
            wanted = index_of(ReadHere(corpus)).digest
            assert builder.stdin and builder.stdout
            assert builder.stdout.readline() == b"ready\n"
            builder.stdin.write(b"go\n")
            builder.stdin.flush()
            if build == 0:  # measures how long a build takes
                started = time.monotonic()
                assert builder.stdout.readline() == b"built\n"
                longest = 1.2 * (time.monotonic() - started)
            else:
                time.sleep(moments.uniform(0, longest))
            builder.kill()
            interrupted += not builder.stdout.read() and build > 0
        live_now = load_index(live_build(index)).digest
        assert live_now in (live, wanted)
        live = live_now
    assert interrupted > 10
    assert updated(corpus, index)[0].digest == wanted
    assert {path.name for path in index.iterdir()} <= {"CURRENT", "FORMER", "builds", "builder.lock"}


class Interrupted(WordEmbedder):
    """An embedder that is interrupted by the user after some passages."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        if len(self.embedded) >= self.after:
            raise KeyboardInterrupt
        return super().embed_passages(texts)


def test_an_interrupted_build_is_resumed(beds: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    first, second = Interrupted(after=30), WordEmbedder()
    with pytest.raises(KeyboardInterrupt):
        updated(beds, index, first)
    assert {path.name for path in index.iterdir()} == {"builds", "builder.lock", JOURNAL}
    (beds / "07.md").unlink()
    built, changes = updated(beds, index, second)
    assert len(first.embedded) == 32  # a batch
    assert not set(second.embedded) & set(first.embedded)
    assert changes.embedded == len(second.embedded) == 50 - 32
    assert built.digest == index_of(beds).digest
    assert not (index / JOURNAL).exists()


def test_a_full_build_ignores_the_journal(beds: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        updated(beds, tmp_path / "index", Interrupted(after=1))
    words = WordEmbedder()
    updated(beds, tmp_path / "index", words, full=True)
    assert len(words.embedded) == 50


def test_a_damaged_journal_keeps_its_intact_records(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    keys = [bytes([n]) * 16 for n in range(5)]
    vectors = WordEmbedder().embed_passages(["one", "two", "three", "four", "five"])
    journal = EmbeddingJournal(path, model="m", dim=32)
    journal.add(keys, vectors)
    journal.close()
    whole = path.read_bytes()
    record = (len(whole) - whole.index(b"\n") - 1) // 5
    for cut in (1, record - 1, record, record + 1):
        path.write_bytes(whole[:-cut])
        torn = EmbeddingJournal(path, model="m", dim=32)
        kept = (5 * record - cut) // record
        assert [key in torn for key in keys] == [n < kept for n in range(5)]
        torn.add(keys[kept:], vectors[kept:])
        assert all((torn.vector(key) == vector).all() for key, vector in zip(keys, vectors, strict=True))
        torn.close()
    flipped = bytearray(whole)
    flipped[-3 * record + 20] ^= 1
    path.write_bytes(flipped)
    torn = EmbeddingJournal(path, model="m", dim=32)
    assert [key in torn for key in keys] == [True, True, False, True, True]
    torn.close()
    journal = EmbeddingJournal(path, model="m", dim=32)
    path.write_bytes(whole[:-3] + b"abc")  # another program writes to it
    with pytest.raises(IndexBroken, match="was changed by another program"):
        journal.vector(keys[4])
    journal.close()
    other = EmbeddingJournal(path, model="another", dim=32)
    assert not any(key in other for key in keys)
    other.close()
