import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rag.errors import BuildLocked
from rag.index.builds import Builder, build_lock, builder_of, describe_builder, live_build, orphans
from tests.conftest import ROOT, updated


@contextmanager
def another_builder(index: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the lock until a line is written to it, or it dies."""
    code = (
        "import sys; from pathlib import Path; from rag.index.builds import build_lock\n"
        "with build_lock(Path(sys.argv[1])) as note:\n"
        "    import rag.index.builds; rag.index.builds.NOTE_EVERY = -1; note('embedding', 3, 9)\n"
        "    print('held', flush=True); sys.stdin.readline()"
    )
    command = [sys.executable, "-c", code, str(index)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        yield holder
        holder.kill()


def test_one_builder_at_a_time(corpus: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    with another_builder(index) as holder:
        with pytest.raises(BuildLocked, match=f"process {holder.pid}, since 20.*, embedding 3 of 9.*--wait"):
            updated(corpus, index)
        builder = builder_of(index)
        assert builder and builder.values() == json.loads((index / "builder.json").read_text())
        assert (builder.pid, builder.what, builder.done, builder.total) == (holder.pid, "embedding", 3, 9)
        holder.kill()
        holder.wait()
        assert builder_of(index) is None
        updated(corpus, index)  # the lock of a dead process does not block
    assert not (index / "builder.json").exists()


@pytest.mark.slow
def test_waiting_for_the_other_builder(corpus: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    with another_builder(index) as holder:
        waiting = "from pathlib import Path; from tests.conftest import updated; import sys; print('go', flush=True); "
        waiting += "updated(Path(sys.argv[1]), Path(sys.argv[2]), wait=True); print('built')"
        command = [sys.executable, "-c", waiting, str(corpus), str(index)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as second:
            assert second.stdout and second.stdout.readline() == b"go\n"
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(timeout=2)
            assert holder.stdin
            holder.stdin.write(b"\n")
            holder.stdin.flush()
            assert second.stdout.readline() == b"built\n"
    assert live_build(index).is_dir()


def test_only_what_is_known_of_a_builder_is_described(tmp_path: Path) -> None:
    assert describe_builder(Builder()) == ""
    assert describe_builder(Builder(1, "now")) == " (process 1, since now)"
    with another_builder(tmp_path):
        (tmp_path / "builder.json").write_text('{"pid": 1')  # read while it is being written
        assert builder_of(tmp_path) == Builder()


def test_asking_for_the_builder_does_not_block_the_next_build(tmp_path: Path) -> None:
    with build_lock(tmp_path):
        pass
    for _ in range(20):
        assert builder_of(tmp_path) is None
        with build_lock(tmp_path):
            pass


def test_a_broken_pointer_does_not_prevent_a_build(corpus: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    updated(corpus, index)
    for pointer in ("CURRENT", "FORMER"):
        for text in ("", "../..", "nothing\n", "\x00"):
            (index / pointer).write_text(text)
            updated(corpus, index)
            assert orphans(index) == []
