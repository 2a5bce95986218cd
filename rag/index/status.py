"""What an index holds, and what a build would change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rag.config import Settings
from rag.index.builds import builder_of, live_build, previous_build
from rag.index.changes import Changes, corpus_changes, load_changes
from rag.index.manifest import HASHED, Manifest, check_files, check_manifest, load_manifest
from rag.models.model_identity import model_identity


@dataclass(frozen=True)
class Status:
    """`changes` are those a build would make; `previous` names the build to roll back to, if one is kept.

    `building` describes a build that is running, None if none is.
    """

    manifest: Manifest
    built: str
    changes: Changes
    previous: str | None
    building: Mapping[str, Any] | None


def index_status(settings: Settings, *, check: bool = True) -> Status:
    """Loads no model and no vectors. Raises IndexMissing, or IndexBroken.

    With `check`, every file of the build is checked, and IndexMismatch is raised if it does not fit the settings.
    """
    folder = live_build(settings.index)
    manifest = load_manifest(folder)
    if check:
        check_manifest(manifest, model=model_identity(settings.embedding), settings=settings.passages)
        check_files(folder, manifest, hashed=HASHED)
    changes = corpus_changes(settings.corpus, manifest.corpus)
    previous = previous_build(settings.index)
    return Status(manifest, load_changes(folder).built, changes, previous.name if previous else None, builder_of(settings.index))
