"""The manifest of a build: its contents and the hash of every file; loading it, and checking files against it.

Up to LISTED passages, manifest.json lists all documents. Larger lists would take gigabytes of memory and minutes to load, so they
are in an Arrow file next to it (stored_entries.py). The hash of the contents is the same either way.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rag.config import PassageSettings
from rag.errors import IndexBroken, IndexMismatch
from rag.index.entries import ENTRIES, Entries, Entry, ListedEntries
from rag.models.model_identity import ModelIdentity
from rag.storage.files import canonical_json, from_json, json_bytes, sha256_file, sha256_json

# Increase it whenever the same files would give other documents, passages or terms, or the layout of a build's files changes.
FORMAT = 10
STORED_FORMAT = FORMAT + 100  # of a manifest with documents in ENTRIES, so that older versions refuse it; FORMAT stays below
LISTED = 1_000_000  # passages; one machine serves about as many
HASHED = 2**26  # bytes: larger files are checked by size alone when an index is loaded
FIX = "run `rag build` to rebuild the index"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Failure:
    """A file of the corpus that could not be read, and why; the digest is empty if not even its bytes could be read."""

    path: str
    reason: str
    digest: str = ""


@dataclass(frozen=True)
class Duplicate:
    """A file with the same bytes as a document, which is indexed in its place."""

    path: str
    same_as: str


@dataclass(frozen=True)
class CorpusFiles:
    """Every file of a corpus: the documents read from them, the duplicates of those, and the files that could not be read."""

    documents: Entries
    duplicates: tuple[Duplicate, ...]
    failed: tuple[Failure, ...]

    @property
    def languages(self) -> dict[str, int]:
        """The number of documents in each language ("" if unknown), most first, ties by code."""
        return self.documents.documents_by_language

    @cached_property
    def digests(self) -> dict[str, str]:
        """The digest of every file that was read, including duplicates."""
        digests = {document.id: document.digest for document in self.documents}
        return digests | {duplicate.path: digests[duplicate.same_as] for duplicate in self.duplicates}


@dataclass(frozen=True)
class Nearest:
    """How a build finds the nearest vectors.

    `factory` is FAISS's factory string ("Flat" compares all vectors), `nprobe` the number of lists probed, and `recall` the
    share of the ten nearest vectors that a search finds.
    """

    factory: str
    nprobe: int = 0
    recall: float = 1.0


@dataclass(frozen=True)
class StoredFile:
    """Size and SHA-256 of a file of the build."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Contents:
    """What a build was made of. Equal contents give equal hashes.

    `dense` is FAISS's factory string; `digests` are the SHA-256 of the files from which all others follow.
    """

    settings: PassageSettings
    corpus: CorpusFiles
    passages: int
    model: ModelIdentity
    dim: int
    dense: str
    digests: Mapping[str, str]

    def values(self) -> dict[str, Any]:
        """As JSON values."""
        return self.values_without_documents() | {"documents": list(map(vars, self.corpus.documents))}

    def values_without_documents(self) -> dict[str, Any]:
        """`values` without the documents, which can be millions."""
        return {
            "format": FORMAT,
            "settings": self.settings.model_dump(),
            "duplicates": [asdict(duplicate) for duplicate in self.corpus.duplicates],
            "failed": [asdict(failure) for failure in self.corpus.failed],
            "passages": self.passages,
            "model": model_values(self.model, self.dim),
            "dense": self.dense,
            "contents": dict(self.digests),
        }

    @cached_property
    def hash(self) -> str:
        """The SHA-256 of `values` as canonical JSON, of which only one document at a time is in memory."""
        start, end = json_bytes(self.values_without_documents() | {"documents": []}).split(b'"documents":[]')
        digest = hashlib.sha256(start + b'"documents":[')
        for number, document in enumerate(self.corpus.documents):
            digest.update((b"," if number else b"") + json_bytes(vars(document)))
        digest.update(b"]" + end)
        return digest.hexdigest()


@dataclass(frozen=True)
class Manifest:
    """`hash` names the contents; `nearest` was measured during the build and is not part of the hash."""

    contents: Contents
    nearest: Nearest
    files: Mapping[str, StoredFile]
    hash: str

    @property
    def corpus(self) -> CorpusFiles:
        return self.contents.corpus

    @property
    def passages(self) -> int:
        return self.contents.passages


def model_values(model: ModelIdentity, dim: int) -> dict[str, Any]:
    return asdict(model) | {"dim": dim}


def is_listed(passages: int) -> bool:
    """Whether manifest.json lists the documents of a build with so many passages."""
    return passages <= LISTED


def save_manifest(folder: Path, contents: Contents, nearest: Nearest, files: Mapping[str, StoredFile]) -> Manifest:
    """Writes the last files of a build and returns the manifest. Raises OSError, or PackageMissing beyond LISTED passages."""
    if not is_listed(contents.passages):
        from rag.index.stored_entries import save_entries

        save_entries(folder / ENTRIES, contents.corpus.documents)
        files = {**files, ENTRIES: stored_file(folder / ENTRIES)}
        values = contents.values_without_documents() | {"format": STORED_FORMAT}
    else:
        values = contents.values()
    manifest = Manifest(contents, nearest, files, contents.hash)
    values |= {
        "nearest": asdict(nearest),
        "hash": manifest.hash,
        "files": {name: asdict(file) for name, file in files.items()},
    }
    check = {"check": sha256_json(values)}
    (folder / MANIFEST).write_bytes(json_bytes(values | check))
    return manifest


def stored_file(path: Path) -> StoredFile:
    """Reads the file. Raises OSError."""
    return StoredFile(path.stat().st_size, sha256_file(path))


def load_manifest(folder: Path) -> Manifest:
    """The manifest of a build. The hash of ENTRIES is checked as well, if the build has it; its documents are read on access.

    Raises IndexBroken if one of the two is missing or damaged, IndexMismatch if the format is another, and PackageMissing if
    ENTRIES needs pyarrow and it is not installed.
    """
    path = folder / MANIFEST
    try:
        values = from_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise IndexBroken(f"{path} cannot be read ({error}); {FIX}") from error
    if not isinstance(values, dict):
        raise IndexBroken(f"{path} is damaged; {FIX}")
    check = values.pop("check", None)
    if isinstance(values.get("format"), int) and values["format"] not in (FORMAT, STORED_FORMAT):
        raise IndexMismatch("format", in_index=values["format"], wanted=FORMAT)
    if check != sha256_json(values):
        raise IndexBroken(f"{path} is damaged; {FIX}")
    return _manifest_from(folder, values)


def _manifest_from(folder: Path, values: Mapping[str, Any]) -> Manifest:
    files = {name: StoredFile(**file) for name, file in values["files"].items()}
    corpus = CorpusFiles(
        _stored_entries(folder, files) if values["format"] == STORED_FORMAT else _listed_entries(values),
        tuple(Duplicate(**duplicate) for duplicate in values["duplicates"]),
        tuple(Failure(**failure) for failure in values["failed"]),
    )
    model = dict(values["model"])
    dim = model.pop("dim")
    contents = Contents(
        settings=PassageSettings(**values["settings"]),
        corpus=corpus,
        passages=values["passages"],
        model=ModelIdentity(**model),
        dim=dim,
        dense=values["dense"],
        digests=values["contents"],
    )
    return Manifest(contents, Nearest(**values["nearest"]), files, values["hash"])


def _listed_entries(values: Mapping[str, Any]) -> Entries:
    return ListedEntries([Entry(**(document | {"notes": tuple(document["notes"])})) for document in values["documents"]])


def _stored_entries(folder: Path, files: Mapping[str, StoredFile]) -> Entries:
    for name in damaged_among(folder, {ENTRIES: files[ENTRIES]}):
        raise IndexBroken(f"{folder / name} is damaged; {FIX}")  # Arrow must not read it, because it trusts every offset
    from rag.index.stored_entries import StoredEntries

    try:
        return StoredEntries(folder / ENTRIES)
    except OSError as error:  # removed after it was checked
        raise IndexBroken(f"{folder / ENTRIES} cannot be read ({error}); {FIX}") from error


def check_manifest(
    manifest: Manifest,
    *,
    model: ModelIdentity | None = None,
    dim: int | None = None,
    settings: PassageSettings | None = None,
) -> None:
    """Raises IndexMismatch for the first difference between the build and the arguments; None accepts anything."""
    contents = manifest.contents
    if model is not None:
        for name in ("name", "backend", "digest"):
            if getattr(contents.model, name) != getattr(model, name):
                raise IndexMismatch(f"model {name}", in_index=getattr(contents.model, name), wanted=getattr(model, name))
    if dim is not None and contents.dim != dim:
        raise IndexMismatch("model dim", in_index=contents.dim, wanted=dim)
    if settings is not None and contents.settings != settings:
        in_index, wanted = (canonical_json(values.model_dump()) for values in (contents.settings, settings))
        raise IndexMismatch("passage settings", in_index=in_index, wanted=wanted)


def damaged_files(folder: Path, manifest: Manifest, *, hashed: int | None = None) -> Iterator[str]:
    """Names of files that are missing or differ from what was written; files over `hashed` bytes are checked by size alone."""
    return damaged_among(folder, manifest.files, hashed=hashed)


def damaged_among(folder: Path, files: Mapping[str, StoredFile], *, hashed: int | None = None) -> Iterator[str]:
    """Like `damaged_files`, for these files."""
    for name, stored in files.items():
        try:
            size = (folder / name).stat().st_size
            intact = size == stored.bytes and (
                (hashed is not None and size > hashed) or sha256_file(folder / name) == stored.sha256
            )
        except OSError:
            intact = False
        if not intact:
            yield name


def check_files(folder: Path, manifest: Manifest, *, hashed: int | None = None) -> None:
    """Raises IndexBroken naming the first damaged file: see `damaged_files`."""
    for name in damaged_files(folder, manifest, hashed=hashed):
        raise IndexBroken(f"{folder / name} is damaged; {FIX}")
