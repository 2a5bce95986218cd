"""An index to files and back, every file checked."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rag.config import PassageSettings
from rag.dense import DenseIndex
from rag.embedding import ModelIdentity
from rag.errors import IndexBroken, IndexMismatch
from rag.index.contents import (
    FORMAT,
    Index,
    document_from,
    document_record,
    manifest_hash,
    passage_from,
    passage_record,
)
from rag.lexical import LexicalIndex
from rag.storage import canonical_json, json_lines, read_json_lines, sha256_file

MEND = "run `rag build` to make the index anew"

_FILES = ("documents.jsonl", "passages.jsonl", "vectors.npy", "dense.faiss", "terms.json") + tuple(
    f"terms_{name}.npy" for name in ("offsets", "rows", "counts", "lengths")
)


def save_index(index: Index, folder: Path) -> None:
    """Writes a build into an empty folder; the manifest comes last and holds the hash of every other file."""
    (folder / "documents.jsonl").write_bytes(json_lines(document_record(document) for document in index.documents.values()))
    (folder / "passages.jsonl").write_bytes(json_lines(passage_record(passage) for passage in index.passages))
    np.save(folder / "vectors.npy", index.vectors, allow_pickle=False)
    index.dense.save(folder / "dense.faiss")
    index.lexical.save(folder)
    files = {name: sha256_file(folder / name) for name in _FILES}
    (folder / "manifest.json").write_bytes(canonical_json(index.manifest | {"files": files}).encode("utf-8", "surrogatepass"))


def load_index(folder: Path, *, model: ModelIdentity | None = None, settings: PassageSettings | None = None) -> Index:
    """Reads a build back, every file checked against its hash.

    Raises IndexMismatch where the build was not made with this format, model and settings (those that are given),
    IndexBroken where a file is missing or not what was written.
    """
    manifest = read_manifest(folder)
    check_manifest(manifest, model=model, settings=settings)
    try:
        return _read_build(folder, manifest)
    except OSError as error:  # among them a file that was swept while it was being read
        raise IndexBroken(f"{error.filename or folder} cannot be read ({error.strerror}); {MEND}") from error


def _read_build(folder: Path, manifest: dict[str, Any]) -> Index:
    for name in _FILES:
        if sha256_file(folder / name) != manifest["files"].get(name):
            raise IndexBroken(f"{folder / name} is damaged; {MEND}")
    documents = {record["id"]: document_from(record) for record in read_json_lines(folder / "documents.jsonl")}
    return Index(
        documents=documents,
        passages=[passage_from(record, documents) for record in read_json_lines(folder / "passages.jsonl")],
        vectors=np.load(folder / "vectors.npy", allow_pickle=False),
        dense=DenseIndex.load(folder / "dense.faiss"),
        lexical=LexicalIndex.load(folder),
        manifest={name: value for name, value in manifest.items() if name != "files"},
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest as it was written. Raises IndexBroken where it is not: its own hash covers all but the files' hashes."""
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        contents = {name: value for name, value in manifest.items() if name not in ("hash", "files")}
        whole = manifest["hash"] == manifest_hash(contents) and isinstance(manifest["files"], dict)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise IndexBroken(f"{path} cannot be read ({error}); {MEND}") from error
    if not whole:
        raise IndexBroken(f"{path} is damaged; {MEND}")
    return contents | {"hash": manifest["hash"], "files": manifest["files"]}


def check_manifest(manifest: dict[str, Any], *, model: ModelIdentity | None, settings: PassageSettings | None) -> None:
    """Raises IndexMismatch for the first thing in which the build is not what is wanted."""
    if manifest["format"] != FORMAT:
        raise IndexMismatch("format", in_index=manifest["format"], wanted=FORMAT)
    if model is not None and manifest["model"] != asdict(model):
        for name, wanted in asdict(model).items():
            if manifest["model"].get(name) != wanted:
                raise IndexMismatch(f"model {name}", in_index=manifest["model"].get(name), wanted=wanted)
    if settings is not None and manifest["settings"] != settings.model_dump():
        raise IndexMismatch(
            "passage settings",
            in_index=canonical_json(manifest["settings"]),
            wanted=canonical_json(settings.model_dump()),
        )
