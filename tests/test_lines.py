import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import IndexBroken
from rag.index import build_files, stored_records
from rag.index.build_files import DOCUMENTS, PASSAGES, load_index
from rag.index.builds import live_build
from rag.index.line_table import Lines, LineWriter, table_of
from tests.conftest import updated

some_lines = st.lists(st.binary(max_size=9).map(lambda line: line.replace(b"\n", b" ") + b"\n"), max_size=12)


@given(some_lines, some_lines, st.integers(0, 12), st.integers(0, 12))
def test_lines_are_read_as_they_were_written_or_copied(old: list[bytes], new: list[bytes], first: int, last: int) -> None:
    """Equal lines give equal files, whether they were written or copied."""
    with tempfile.TemporaryDirectory() as folder:
        first, last = sorted((min(first, len(old)), min(last, len(old))))
        with LineWriter(Path(folder, "old.jsonl")) as writer:
            writer.write(old)
        with LineWriter(Path(folder, "copied.jsonl")) as writer:
            writer.write(new)
            writer.copy(Lines(Path(folder, "old.jsonl")), first, last)
        with LineWriter(Path(folder, "written.jsonl")) as writer:
            for line in [*new, *old[first:last]]:
                writer.write([line])
        lines = Lines(Path(folder, "copied.jsonl"))
        assert [lines[number] for number in range(len(lines))] == [*new, *old[first:last]]
        for name in ("{}.jsonl", table_of("{}.jsonl")):
            assert Path(folder, name.format("copied")).read_bytes() == Path(folder, name.format("written")).read_bytes()


class CountedBytes(bytes):
    """Bytes that fail after 50 searches."""

    left = 50

    def find(self, *arguments: Any) -> int:
        self.left -= 1
        assert self.left, "the search does not end"
        return super().find(*arguments)


@given(some_lines, st.binary(min_size=1, max_size=2).filter(lambda pattern: b"\n" not in pattern), st.lists(st.integers(0, 120)))
def test_lines_that_contain_a_pattern_are_found_and_a_damaged_table_ends_the_search(
    lines: list[bytes], pattern: bytes, starts: list[int]
) -> None:
    """The reference is a loop over all lines. Wrong offsets raise IndexBroken or give wrong numbers, never an endless search."""
    with tempfile.TemporaryDirectory() as folder:
        with LineWriter(Path(folder, "lines.jsonl")) as writer:
            writer.write(lines)
        stored = Lines(Path(folder, "lines.jsonl"))
        assert stored.numbers_containing(pattern) == [number for number, line in enumerate(lines) if pattern in line]
        damaged = np.array(stored._table)
        damaged["start"][: len(starts)] = starts[: len(damaged)]
        stored._table, stored._data = damaged, CountedBytes(b"".join(lines))
        with suppress(IndexBroken):
            assert all(0 <= number < len(lines) for number in stored.numbers_containing(pattern))


@pytest.mark.parametrize("name", [DOCUMENTS, PASSAGES, table_of(DOCUMENTS), table_of(PASSAGES)])
def test_damage_in_a_large_file_is_found_on_reading(
    name: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files too large to be hashed when the index is loaded: a flipped bit in any byte of the last line is found."""
    updated(corpus, tmp_path / "index")
    monkeypatch.setattr(build_files, "HASHED", 0)
    path = live_build(tmp_path / "index") / name
    whole = path.read_bytes()
    for place in range(len(whole) - 16, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        index = load_index(live_build(tmp_path / "index"))
        with pytest.raises(IndexBroken, match=f"{name.split('_')[0].split('.')[0]}.jsonl is damaged in line"):
            [*index.documents.values(), *index.passages]
    path.write_bytes(whole[:-1])
    with pytest.raises(IndexBroken, match=f"{name} is damaged"):
        load_index(live_build(tmp_path / "index"))


def test_an_open_index_remains_readable_after_its_files_are_removed(corpus: Path, tmp_path: Path) -> None:
    index, _ = updated(corpus, tmp_path / "index")
    for path in live_build(tmp_path / "index").iterdir():
        path.unlink()
    assert [passage.text for passage in index.passages if "Repot" in passage.text]


def test_the_cache_drops_the_records_read_longest_ago(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_records, "PASSAGES_KEPT", 1)
    index, _ = updated(corpus, tmp_path / "index")
    first = index.passages[0]
    assert index.passages[0] is first
    assert index.passages[1] != first
    assert index.passages[0] is not first
    assert index.passages[0] == first
