import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rag.errors import BuildLocked
from rag.index.builds import build_lock, builder_of, describe_builder, live_build, orphans
from tests.conftest import ROOT, updated


@contextmanager
def another_builder(index: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the lock until it is told to end, or dies."""
    code = (
        "import sys; from pathlib import Path; from rag.index.builds import build_lock\n"
        "with build_lock(Path(sys.argv[1])) as note:\n"
        "    import rag.index.builds; rag.index.builds.REPORT_EVERY = -1; note('embedding', 3, 9)\n"
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
        assert builder_of(index) == json.loads((index / "builder.json").read_text())
        holder.kill()
        holder.wait()
        assert builder_of(index) is None
        updated(corpus, index)  # a lock left by a dead process does not block
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


def test_what_is_not_known_of_a_builder_is_not_said() -> None:
    assert describe_builder({}) == ""
    assert describe_builder({"pid": 1, "since": "now"}) == " (process 1, since now)"


def test_a_builder_asked_about_does_not_refuse_the_next(tmp_path: Path) -> None:
    with build_lock(tmp_path):
        pass
    for _ in range(20):
        assert builder_of(tmp_path) is None
        with build_lock(tmp_path):
            pass


def test_a_broken_pointer_keeps_no_build_from_being_made(corpus: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    updated(corpus, index)
    for pointer in ("CURRENT", "FORMER"):
        for text in ("", "../..", "nothing\n", "\x00"):
            (index / pointer).write_text(text)
            updated(corpus, index)
            assert orphans(index) == []
