"""What a build records about its rows in an engine: files that are written when the rows are there, next to those of the build.

engine.json        the collection that has the rows, and the hash of every other file; written last
engine_keys.npy    8 bytes per passage: the key of its row
engine_…           statistics of terms: see rag/index/term_statistics.py

A front end needs these and the files of CATALOGUE. Vectors and postings stay in the build folder for the builder alone, who
copies them in the next update, and can fill an engine again.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rag.errors import IndexBroken
from rag.index import term_statistics
from rag.index.build_files import (
    DENSE,
    FILES,
    KEYS,
    SPELLINGS,
    TERMS,
    VECTORS,
)
from rag.index.entries import ENTRIES
from rag.index.manifest import FIX, StoredFile, stored_file
from rag.storage.files import canonical_json, from_json, replace_file, sha256_json

PUBLISHED = "engine.json"
ROW_KEYS = "engine_keys.npy"
PUBLISHED_FILES = (ROW_KEYS, *term_statistics.FILES)
_BUILDER_ONLY = {
    *(VECTORS, DENSE, KEYS),
    *(f"{TERMS}_{column}.npy" for column in ("rows", "counts", "sequence")),
    *(f"{SPELLINGS}_{column}.npy" for column in ("rows", "counts", "lengths", "sequence")),
}
CATALOGUE = (ENTRIES, *(name for name in FILES if name not in _BUILDER_ONLY))  # beyond a million passages, a build has ENTRIES


@dataclass(frozen=True)
class Published:
    """The collection with a build's rows, and the files that say so. `recall` is None if the nearest vectors are exact."""

    collection: str
    recall: float | None
    files: Mapping[str, StoredFile]


def save_published(folder: Path, collection: str, recall: float | None) -> None:
    files = {name: asdict(stored_file(folder / name)) for name in PUBLISHED_FILES}
    values: dict[str, Any] = {"collection": collection, "recall": recall, "files": files}
    replace_file(folder / PUBLISHED, canonical_json(values | {"check": sha256_json(values)}).encode())


def load_published(folder: Path) -> Published | None:
    """None if the build's rows are in no engine. Raises IndexBroken if the file is damaged."""
    try:
        values = from_json((folder / PUBLISHED).read_bytes())
        check = values.pop("check")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError, KeyError) as error:
        raise IndexBroken(f"{folder / PUBLISHED} cannot be read ({error}); {FIX}") from error
    if check != sha256_json(values):
        raise IndexBroken(f"{folder / PUBLISHED} is damaged; {FIX}")
    return Published(values["collection"], values["recall"], {name: StoredFile(**file) for name, file in values["files"].items()})
