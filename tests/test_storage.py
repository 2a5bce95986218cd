import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from rag.storage.arrays import GrowingArray, map_array, save_array
from rag.storage.files import canonical_json


@pytest.mark.parametrize("dtype", ["V16", "<f4", "<i4"])
@pytest.mark.parametrize("parts", [[], [0], [3], [1, 0, 70_000]])
def test_a_growing_array_is_the_file_that_numpy_saves(dtype: str, parts: list[int], tmp_path: Path) -> None:
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


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="this system limits no file sizes")
@pytest.mark.parametrize("missing", [1, 500, 5000])
def test_a_full_disk_is_an_error_also_for_the_last_bytes(missing: int, tmp_path: Path) -> None:
    array = np.arange(1056, dtype=np.float64).reshape(33, 32)
    save_array(tmp_path / "a.npy", array)
    assert np.array_equal(map_array(tmp_path / "a.npy"), array)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "a.npy").stat().st_size - missing, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            save_array(tmp_path / "b.npy", array)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_canonical_json() -> None:
    assert canonical_json({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))
