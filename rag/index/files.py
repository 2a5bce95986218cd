"""A build's files: what is in each, and reading them back, every one checked.

manifest.json      format, model, settings, documents, failures, the hash of all contents, and that of every other file
documents.jsonl    a line a document, ordered by id: text, blocks, passages
vectors.npy        a float32 row a passage
keys.npy           16 bytes a passage: the digest of what was embedded
dense.faiss        the vectors as FAISS searches them
terms…             what BM25 counts, in columns
changes.json       what this build changed, when, and how long it took
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rag.config import PassageSettings
from rag.dense import DenseIndex
from rag.embedding.identity import ModelIdentity
from rag.errors import IndexBroken, IndexMismatch
from rag.index.contents import FORMAT, Index, document_from, manifest_hash
from rag.lexical import LexicalIndex, file_names
from rag.records import Document, Passage
from rag.storage import canonical_json, read_json_lines, sha256_bytes, sha256_file

MEND = "run `rag build` to make the index anew"

DOCUMENTS = "documents.jsonl"
VECTORS = "vectors.npy"
KEYS = "keys.npy"
DENSE = "dense.faiss"
CHANGES = "changes.json"
TERMS = "terms"
HEADINGS = "headings"
FILES = (DOCUMENTS, VECTORS, KEYS, DENSE, *file_names(TERMS), *file_names(HEADINGS), CHANGES)
CONTENTS = (DOCUMENTS, VECTORS)  # the rest follows from these, or is of no account to what is answered


def write_manifest(folder: Path, contents: dict[str, Any]) -> dict[str, Any]:
    """Writes the last file of a build, with the hash of every other and one of its own; gives back the manifest.

    `contents` says what the build was made of: equal contents, equal `hash`.
    """
    files = {name: sha256_file(folder / name) for name in FILES}
    contents = contents | {"contents": {name: files[name] for name in CONTENTS}}
    manifest = contents | {"hash": manifest_hash(contents), "files": files}
    check = {"check": _check(manifest)}
    (folder / "manifest.json").write_bytes(canonical_json(manifest | check).encode("utf-8", "surrogatepass"))
    return manifest


def _check(manifest: dict[str, Any]) -> str:
    return sha256_bytes(canonical_json(manifest).encode("utf-8", "surrogatepass"))


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest as it was written. Raises IndexBroken where it is not, IndexMismatch for another format."""
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))
    except (OSError, ValueError) as error:
        raise IndexBroken(f"{path} cannot be read ({error}); {MEND}") from error
    if not isinstance(manifest, dict):
        raise IndexBroken(f"{path} is damaged; {MEND}")
    check = manifest.pop("check", None)
    if isinstance(manifest.get("format"), int) and manifest["format"] != FORMAT:
        raise IndexMismatch("format", in_index=manifest["format"], wanted=FORMAT)
    if check != _check(manifest):
        raise IndexBroken(f"{path} is damaged; {MEND}")
    return manifest


def check_manifest(
    manifest: dict[str, Any],
    *,
    model: ModelIdentity | None = None,
    dim: int | None = None,
    settings: PassageSettings | None = None,
) -> None:
    """Raises IndexMismatch for the first thing in which the build is not what is wanted; None asks for nothing."""
    wanted: dict[str, object] = {} if model is None else {"name": model.name, "backend": model.backend, "digest": model.digest}
    wanted |= {} if dim is None else {"dim": dim}
    for name, value in wanted.items():
        if manifest["model"].get(name) != value:
            raise IndexMismatch(f"model {name}", in_index=manifest["model"].get(name), wanted=value)
    if settings is not None and manifest["settings"] != settings.model_dump():
        raise IndexMismatch(
            "passage settings",
            in_index=canonical_json(manifest["settings"]),
            wanted=canonical_json(settings.model_dump()),
        )


def damaged_files(folder: Path, manifest: dict[str, Any]) -> Iterator[str]:
    """Names of the files that are missing or not what was written."""
    for name in FILES:
        try:
            whole = sha256_file(folder / name) == manifest["files"].get(name)
        except OSError:
            whole = False
        if not whole:
            yield name


def check_files(folder: Path, manifest: dict[str, Any]) -> None:
    """Raises IndexBroken naming the first file that is missing or not what was written."""
    for name in damaged_files(folder, manifest):
        raise IndexBroken(f"{folder / name} is damaged; {MEND}")


def read_documents(folder: Path) -> Iterator[tuple[Document, list[Passage]]]:
    """The documents of a build with their passages, one at a time, in order."""
    return map(document_from, read_json_lines(folder / DOCUMENTS))


def load_index(
    folder: Path, *, model: ModelIdentity | None = None, dim: int | None = None, settings: PassageSettings | None = None
) -> Index:
    """Reads a build back, every file checked against its hash.

    Raises IndexMismatch where the build was not made with this format, model and settings (those that are given),
    IndexBroken where a file is missing or not what was written.
    """
    manifest = read_manifest(folder)
    check_manifest(manifest, model=model, dim=dim, settings=settings)
    check_files(folder, manifest)
    documents: dict[str, Document] = {}
    passages: list[Passage] = []
    try:
        for document, its_passages in read_documents(folder):
            documents[document.id] = document
            passages += its_passages
        dense = DenseIndex.load(folder / DENSE)
        lexical, headings = (LexicalIndex.load(folder, field) for field in (TERMS, HEADINGS))
        return Index(documents, passages, dense, lexical, headings, manifest)
    except OSError as error:  # a file that was swept while it was being read
        raise IndexBroken(f"{error.filename or folder} cannot be read ({error.strerror}); {MEND}") from error


def read_changes(folder: Path) -> dict[str, Any]:
    """What a build changed: see `rag.index.building.Changes`, with "built" (ISO time) and "seconds"."""
    changes: dict[str, Any] = json.loads((folder / CHANGES).read_text(encoding="utf-8"))
    return changes


def model_values(model: ModelIdentity, dim: int) -> dict[str, Any]:
    return asdict(model) | {"dim": dim}
