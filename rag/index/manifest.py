"""The manifest of a build: what it was made of, and the hash of every file; reading it and holding the files to it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.config import PassageSettings
from rag.errors import IndexBroken, IndexMismatch
from rag.storage.files import canonical_json, from_json, sha256_file, sha256_json

if TYPE_CHECKING:
    from rag.models.model_identity import ModelIdentity

# Raised whenever the same files would give other documents, passages, terms or another layout of the build's files.
FORMAT = 5
HASHED = 2**26  # bytes: larger files are told by their size when an index is loaded
MEND = "run `rag build` to make the index anew"
CHANGES = "changes.json"


@dataclass(frozen=True)
class Failure:
    """A file of the corpus that could not be read, and why; the digest is empty where not even its bytes could be had."""

    path: str
    reason: str
    digest: str = ""


@dataclass(frozen=True)
class Duplicate:
    """A file with the same bytes as a document, which is read in its stead."""

    path: str
    same_as: str


def failures_in(manifest: dict[str, Any]) -> list[Failure]:
    return [Failure(**failure) for failure in manifest["failed"]]


def duplicates_in(manifest: dict[str, Any]) -> list[Duplicate]:
    return [Duplicate(**duplicate) for duplicate in manifest["duplicates"]]


def digests_in(manifest: dict[str, Any]) -> dict[str, str]:
    """The digest of every file that was read, duplicates among them."""
    digests: dict[str, str] = {document["id"]: document["digest"] for document in manifest["documents"]}
    return digests | {duplicate.path: digests[duplicate.same_as] for duplicate in duplicates_in(manifest)}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest as it was written. Raises IndexBroken where it is not, IndexMismatch for another format."""
    path = folder / "manifest.json"
    try:
        manifest = from_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise IndexBroken(f"{path} cannot be read ({error}); {MEND}") from error
    if not isinstance(manifest, dict):
        raise IndexBroken(f"{path} is damaged; {MEND}")
    check = manifest.pop("check", None)
    if isinstance(manifest.get("format"), int) and manifest["format"] != FORMAT:
        raise IndexMismatch("format", in_index=manifest["format"], wanted=FORMAT)
    if check != sha256_json(manifest):
        raise IndexBroken(f"{path} is damaged; {MEND}")
    return manifest


def check_manifest(
    manifest: dict[str, Any],
    *,
    model: "ModelIdentity | None" = None,
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


def damaged_files(folder: Path, manifest: dict[str, Any], *, hashed: int | None = None) -> Iterator[str]:
    """Names of the files that are missing or not what was written; those over `hashed` bytes are only told by their size."""
    for name, wanted in manifest["files"].items():
        try:
            size = (folder / name).stat().st_size
            whole = size == wanted["bytes"] and (
                (hashed is not None and size > hashed) or sha256_file(folder / name) == wanted["sha256"]
            )
        except OSError:
            whole = False
        if not whole:
            yield name


def check_files(folder: Path, manifest: dict[str, Any], *, hashed: int | None = None) -> None:
    """Raises IndexBroken naming the first file that is missing or not what was written: see `damaged_files`."""
    for name in damaged_files(folder, manifest, hashed=hashed):
        raise IndexBroken(f"{folder / name} is damaged; {MEND}")


def read_changes(folder: Path) -> dict[str, Any]:
    """What a build changed: see `rag.index.updating.Changes`, with "built" (ISO time) and "seconds"."""
    changes: dict[str, Any] = json.loads((folder / CHANGES).read_text(encoding="utf-8"))
    return changes
