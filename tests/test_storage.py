import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.errors import UsersError
from rag.storage.arrays import GrowingArray, map_array, save_array
from rag.storage.files import canonical_json, replace_file, sync_file
from rag.storage.locked import update_file
from rag.storage.versioned import VersionedFormat
from tests.conftest import ROOT, file_size_limit, updated


@pytest.mark.parametrize("dtype", ["V16", "<f4", "<i4"])
@pytest.mark.parametrize("parts", [[], [0], [3], [1, 0, 70_000]])
def test_a_growing_array_gives_the_file_that_numpy_saves(dtype: str, parts: list[int], tmp_path: Path) -> None:
    shape = () if dtype == "V16" else (3,)
    rows = [
        np.frombuffer(bytes(i % 251 for i in range(n * 48 // (3 if shape == () else 4))), dtype).reshape(n, *shape) for n in parts
    ]
    with GrowingArray(tmp_path / "ours.npy", dtype, shape) as array:
        for part in rows:
            array.append(part)
    np.save(tmp_path / "theirs.npy", np.concatenate([np.empty((0, *shape), dtype), *rows]), allow_pickle=False)
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "theirs.npy").read_bytes()


def test_rows_of_another_shape_are_refused(tmp_path: Path) -> None:
    with GrowingArray(tmp_path / "a.npy", np.float32, (3,)) as array, pytest.raises(ValueError, match=r"\(2,\), wanted \(3,\)"):
        array.append(np.zeros((1, 2), np.float32))


@pytest.mark.parametrize("missing", [1, 500, 5000])
def test_a_full_disk_raises_even_at_the_last_bytes(missing: int, tmp_path: Path) -> None:
    array = np.arange(1056, dtype=np.float64).reshape(33, 32)
    save_array(tmp_path / "a.npy", array)
    assert np.array_equal(map_array(tmp_path / "a.npy"), array)
    size = (tmp_path / "a.npy").stat().st_size
    with file_size_limit(size - missing), pytest.raises(OSError, match="too large"):
        save_array(tmp_path / "b.npy", array)


def fsync_as_on_windows(real: Callable[[int], None], descriptor: int) -> None:
    """Windows refuses to flush a file that is not open for writing; this system refuses nothing."""
    import fcntl

    if stat.S_ISREG(os.fstat(descriptor).st_mode) and fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, "Bad file descriptor")
    real(descriptor)


@pytest.mark.skipif(sys.platform == "win32", reason="simulates Windows")
def test_files_are_flushed_through_a_handle_open_for_writing(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", partial(fsync_as_on_windows, os.fsync))
    replace_file(tmp_path / "note", b"kept")
    sync_file(tmp_path / "note")
    assert (tmp_path / "note").read_bytes() == b"kept"
    updated(corpus, tmp_path / "index")


def test_canonical_json() -> None:
    assert canonical_json({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


def one_more(content: bytes | None) -> bytes:
    return str(int(content or b"0") + 1).encode()


COUNTER = """
import sys
from pathlib import Path
from rag.storage.locked import update_file
from tests.test_storage import one_more
for _ in range(25):
    update_file(Path(sys.argv[1]), one_more)
"""


def test_updates_from_threads_are_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "counter"
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda _: update_file(path, one_more), range(80)))
    assert sorted(int(result) for result in results) == list(range(1, 81))
    assert path.read_bytes() == b"80"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {file.name for file in path.parent.iterdir()} == {"counter", ".counter.lock"}


@pytest.mark.slow
def test_updates_from_processes_are_not_lost(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", COUNTER, str(tmp_path / "counter")]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert (tmp_path / "counter").read_bytes() == b"75"


def test_an_update_that_raises_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "counter"
    path.write_bytes(b"not a number")
    with pytest.raises(ValueError, match="invalid literal"):
        update_file(path, one_more)
    assert path.read_bytes() == b"not a number"
    path.write_bytes(b"5")
    assert update_file(path, one_more) == b"6"


def test_an_update_to_none_removes_the_file_and_does_not_bring_it_back(tmp_path: Path) -> None:
    path, lock = tmp_path / "note", tmp_path / ".lock"
    update_file(path, lambda content: b"first", lock=lock)
    assert update_file(path, lambda content: None, lock=lock) is None
    assert update_file(path, lambda content: None if content is None else content + b"!", lock=lock) is None
    assert {file.name for file in tmp_path.iterdir()} == {".lock"}


@dataclass(frozen=True)
class Shelf:
    owner: str
    books: tuple[str, ...] = ()
    details: dict[str, Any] | None = None


def from_version_0(fields: dict[str, Any]) -> dict[str, Any]:
    return {"owner": fields["name"], "books": fields["books"].split()}


def from_version_1(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {"details": {"books": len(fields["books"])}}


SHELVES = VersionedFormat("shelf", Shelf, 2, UsersError, {0: from_version_0, 1: from_version_1})


@pytest.mark.parametrize(
    "shelf", [Shelf("ann"), Shelf("Ünal \ud800", ("a", "b \u2028 c"), {"n": [1, None, 0.5, {"deep": True}]})]
)
def test_a_versioned_record_is_loaded_as_it_was_dumped(shelf: Shelf, tmp_path: Path) -> None:
    data = SHELVES.dump(shelf)
    assert json.loads(data.decode("utf-8", "surrogatepass"))["version"] == 2
    assert SHELVES.load(data, tmp_path / "shelf.json") == shelf


def test_older_versions_are_migrated_step_by_step(tmp_path: Path) -> None:
    wanted = Shelf("ann", ("Moss", "Fern"), {"books": 2})
    assert SHELVES.load(b'{"name": "ann", "books": "Moss Fern"}', tmp_path / "shelf.json") == wanted
    assert SHELVES.load(b'{"version": 1, "owner": "ann", "books": ["Moss", "Fern"]}', tmp_path / "shelf.json") == wanted


def test_a_later_version_is_refused_and_never_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "shelf.json"
    path.write_bytes(b'{"version": 3, "shelves": []}')
    with pytest.raises(
        UsersError, match=r"shelf.json is a shelf in format 3, this release reads formats up to 2; install a later"
    ):
        SHELVES.load(path.read_bytes(), path, set_aside=True)
    assert path.exists()


MALFORMED = {
    b"": "Expecting value",
    b"[]": "not a JSON object",
    b"\xff{}": "can't decode",
    b'{"books": ""}': "'name' is missing",
    b'{"name": "ann", "books": 3}': "no attribute 'split'",
    b'{"version": true, "owner": "ann"}': "version True is not a number",
    b'{"version": 2, "owner": 3}': "owner: Input should be a valid string",
    b'{"version": 2, "owner": "ann", "books": [1]}': "books.0: Input should be a valid string",
    b"[" * 100_000: "recursion",
}


@pytest.mark.parametrize(("data", "reason"), MALFORMED.items(), ids=range(len(MALFORMED)))
def test_a_malformed_file_is_refused_in_one_line_and_set_aside_on_request(data: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "shelf.json"
    (tmp_path / "shelf.json.damaged-1").write_bytes(b"an earlier one")
    path.write_bytes(data)
    with pytest.raises(UsersError, match=f"shelf.json is not a readable shelf .*{reason}.*restore it") as refused:
        SHELVES.load(data, path)
    assert "\n" not in str(refused.value)
    assert path.exists()
    with pytest.raises(UsersError, match="renamed to shelf.json.damaged-2"):
        SHELVES.load(data, path, set_aside=True)
    assert not path.exists()
    assert (tmp_path / "shelf.json.damaged-2").read_bytes() == data
