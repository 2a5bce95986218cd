"""Law 6 under power loss: whatever had reached the disk, the old or the new build is live, whole and nothing else.

A model of the disk records every flush and every change of a name while an index is updated. After each of them three disks are
made that a power loss could leave, and the index on each must load.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rag.config import PassageSettings
from rag.index.build_files import load_index
from rag.index.builds import live_build
from rag.index.corpus_edits import restore_previous
from rag.index.updating import Recipe, update_index
from tests.conftest import ReadHere, WordEmbedder, index_of, updated

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the model finds the path of a descriptor in /proc"),
]
NAMES_CHANGE = ("replace", "rename", "mkdir", "unlink", "rmdir")


class Disk:
    """What of a folder has reached the disk: the content of each file when it was last flushed, and the names in each folder
    when that was last flushed. Files and folders are known by their inode, so that a rename loses nothing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.contents: dict[int, bytes] = {}
        self.names: dict[int, dict[str, int]] = {}
        self.folders: set[int] = set()
        for folder, _, files in _walk(root):
            self.flush(folder)
            for name in files:
                self.flush(folder / name)

    def flush(self, path: Path) -> None:
        inode = path.stat().st_ino
        if path.is_dir():
            self.folders.add(inode)
            self.names[inode] = {child.name: child.lstat().st_ino for child in path.iterdir()}
            self.folders |= {child.lstat().st_ino for child in path.iterdir() if child.is_dir()}
        else:
            self.contents[inode] = path.read_bytes()

    def as_written(self, target: Path) -> None:
        """Everything has reached the disk."""
        shutil.copytree(self.root, target)

    def with_empty_files(self, target: Path) -> None:
        """All names have reached the disk, but of the files only what was flushed."""
        shutil.copytree(self.root, target, copy_function=self._copy_flushed)

    def as_flushed(self, target: Path) -> None:
        """Nothing has reached the disk but what was flushed."""
        self._restore(self.root.stat().st_ino, target)

    def _copy_flushed(self, source: str, target: str) -> str:
        Path(target).write_bytes(self.contents.get(Path(source).stat().st_ino, b""))
        return target

    def _restore(self, inode: int, target: Path) -> None:
        target.mkdir()
        for name, child in self.names.get(inode, {}).items():
            if child in self.folders:
                self._restore(child, target / name)
            else:
                (target / name).write_bytes(self.contents.get(child, b""))


def _walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """`Path.walk`, which Python 3.11 lacks."""
    for folder, folders, files in os.walk(root):
        yield Path(folder), folders, files


@contextmanager
def recorded(root: Path, after_each: Callable[[Disk], None]) -> Iterator[None]:
    """Calls `after_each` after every flush, and after every change of a name, that anything makes below `root`."""
    disk = Disk(root)

    def fsync(descriptor: int, real: Callable[[int], None] = os.fsync) -> None:
        real(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path == root or root in path.parents:
            disk.flush(path)
            after_each(disk)

    def changing(real: Callable[..., Any]) -> Callable[..., Any]:
        def change(*arguments: Any, **named: Any) -> Any:
            result = real(*arguments, **named)
            if "dir_fd" in named or any(
                root in Path(os.fspath(path)).parents for path in arguments[:2] if isinstance(path, str | Path)
            ):
                after_each(disk)
            return result

        return change

    with pytest.MonkeyPatch.context() as patch:
        for name in NAMES_CHANGE:
            patch.setattr(os, name, changing(getattr(os, name)))
        patch.setattr(os, "fsync", fsync)
        yield


class Losses:
    """Loads the index from each disk that a power loss could leave; `seen` are the digests of the builds that were live."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[str] = []
        self._looking = False

    def check(self, disk: Disk) -> None:
        if self._looking:  # the check's own files
            return
        self._looking = True
        for left in (disk.as_written, disk.with_empty_files, disk.as_flushed):
            target = self.folder / f"{left.__name__}-{len(self.seen)}"
            left(target)
            self.seen.append(load_index(live_build(target)).digest)
            shutil.rmtree(target)
        self._looking = False


@pytest.fixture
def losses(tmp_path: Path) -> Losses:
    (tmp_path / "disks").mkdir()
    return Losses(tmp_path / "disks")


def test_every_prefix_of_an_update_leaves_the_old_or_the_new_build(corpus: Path, tmp_path: Path, losses: Losses) -> None:
    index, here = tmp_path / "index", ReadHere(corpus)
    for number in range(2):  # the next update also deletes the first build
        before = updated(here, index)[0].digest
        (corpus / f"new{number}.txt").write_text(f"Moss number {number} grows on stones.")
    after = index_of(here).digest
    with recorded(index, losses.check):
        update_index(here, index, Recipe(WordEmbedder(), PassageSettings()))
    assert len(losses.seen) > 60 and set(losses.seen) == {before, after}
    assert losses.seen[-3:] == [after] * 3  # what was reported as done survives


def test_every_prefix_of_a_rollback_leaves_one_of_the_two_builds(corpus: Path, tmp_path: Path, losses: Losses) -> None:
    index, here = tmp_path / "index", ReadHere(corpus)
    old = updated(here, index)[0].digest
    (corpus / "new.txt").write_text("Moss grows on stones.")
    new = updated(here, index)[0].digest
    with recorded(index, losses.check):
        restore_previous(index)
    assert set(losses.seen) == {old, new} and losses.seen[-3:] == [old] * 3


def test_the_model_notices_a_file_that_was_not_flushed(corpus: Path, tmp_path: Path, losses: Losses) -> None:
    index, here = tmp_path / "index", ReadHere(corpus)
    updated(here, index)
    (corpus / "new.txt").write_text("Moss grows on stones.")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rag.index.builds.sync_file", lambda path: None)  # noqa: ARG005
        with recorded(index, losses.check), pytest.raises(Exception, match=r"manifest|damaged|cannot be read|changed"):
            update_index(here, index, Recipe(WordEmbedder(), PassageSettings()))
