"""Where objects are kept: in a folder, or in an object store that fsspec reaches. They are written whole or not at all."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from rag.errors import ObjectsError
from rag.storage.files import replace_file

OWNER = "quoted-answers.owner"  # read and written like an object, never listed: the index that the store belongs to
_ENDING = ".object"
_NAME = re.compile(r"[0-9a-f]{64}")
# The packages that fsspec needs for the most common object stores.
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}


class ObjectStore(Protocol):
    """Objects by name, 64 hex digits. Only files with such a name are ever listed or removed. Methods raise ObjectsError."""

    def names(self) -> set[str]: ...

    def read(self, name: str) -> bytes | None:
        """None if there is no such object."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """In one step: readers see nothing or the whole. Replaces an object of that name."""
        ...

    def remove(self, name: str) -> None:
        """Idempotent."""
        ...

    def remove_unfinished(self) -> None:
        """Removes what a killed `write` left behind. Nobody may be writing."""
        ...


def object_store(location: str) -> ObjectStore:
    """The store at a folder or an address such as s3://bucket/folder. Nothing is created or read yet. Raises ObjectsError."""
    return RemoteStore(location) if "://" in location else FolderStore(Path(location))


def without_password(text: str) -> str:
    """The text with *** for the user and password of an address."""
    return re.sub(r"://[^/\s]*@", "://***@", text)


def path_in_store(name: str) -> str:
    """In one of 256 folders, because a folder of millions of files is slow to list."""
    return OWNER if name == OWNER else f"{name[:2]}/{name}{_ENDING}"


def _names(paths: list[str]) -> set[str]:
    stems = {path.replace("\\", "/").rpartition("/")[2].removesuffix(_ENDING) for path in paths if path.endswith(_ENDING)}
    return {stem for stem in stems if _NAME.fullmatch(stem)}


class FolderStore:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> set[str]:
        return _names([str(path) for path in self.folder.glob(f"??/*{_ENDING}")])

    def read(self, name: str) -> bytes | None:
        with self._faults():
            try:
                return (self.folder / path_in_store(name)).read_bytes()
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes) -> None:
        path = self.folder / path_in_store(name)
        with self._faults():
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, data)

    def remove(self, name: str) -> None:
        with self._faults():
            (self.folder / path_in_store(name)).unlink(missing_ok=True)

    def remove_unfinished(self) -> None:
        with self._faults():
            for path in self.folder.glob(f"??/.*{_ENDING}.*.tmp"):  # as `replace_file` names them
                path.unlink(missing_ok=True)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"the folder of objects {self.folder} cannot be used ({error.strerror or error})"
            raise ObjectsError(f"{what}; fix that, and build again") from error


class RemoteStore:
    """Object stores keep nothing of an interrupted write; other file systems may keep a part, which its digest gives away."""

    def __init__(self, location: str) -> None:
        self.location = location.rstrip("/")

    def names(self) -> set[str]:
        with self._faults():
            try:
                return _names(self._files.find(self._root))
            except FileNotFoundError:
                return set()

    def read(self, name: str) -> bytes | None:
        with self._faults():
            try:
                data: bytes = self._files.cat_file(f"{self._root}/{path_in_store(name)}")
            except FileNotFoundError:
                return None
            return data

    def write(self, name: str, data: bytes) -> None:
        with self._faults():
            path = f"{self._root}/{path_in_store(name)}"
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(path, data)

    def remove(self, name: str) -> None:
        with self._faults(), suppress(FileNotFoundError):
            self._files.rm_file(f"{self._root}/{path_in_store(name)}")

    def remove_unfinished(self) -> None:
        """Nothing: what is written in part has the name of an object."""

    @property
    def _files(self) -> Any:
        return self._opened[0]

    @property
    def _root(self) -> str:
        return self._opened[1]

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        """fsspec's file system without its cache of listings, and the folder in it."""
        import fsspec

        scheme = self.location.partition("://")[0]
        try:
            files, root = fsspec.url_to_fs(self.location, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            package = _PACKAGES.get(scheme)
            fix = f"run `pip install {package}`" if package else "name a folder, or a kind of store that fsspec knows"
            what = without_password(f"index.objects = {self.location!r} cannot be opened ({error})")
            raise ObjectsError(f"{what}; {fix}") from error
        return files, str(root).rstrip("/")

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except ObjectsError:
            raise
        except Exception as error:  # each kind of store raises exceptions of its own
            reason = next(iter(str(error).splitlines()), "") or type(error).__name__
            what = without_password(f"the store of objects {self.location} cannot be used ({reason})")
            raise ObjectsError(f"{what}; fix that, and build again") from error
