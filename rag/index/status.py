"""What an index holds, and what a build would change."""

from dataclasses import dataclass

from rag.config import Settings
from rag.index.builds import Builder, builder_of, live_build, previous_build
from rag.index.changes import Changes, corpus_changes, load_changes
from rag.index.manifest import HASHED, Manifest, check_files, check_manifest, load_manifest
from rag.loading.corpus import corpus_of
from rag.loading.folder_listing import Skipped
from rag.models.known_languages import note_on_models
from rag.models.model_identity import ModelIdentity, model_identity


@dataclass(frozen=True)
class Status:
    """`changes` are what a build would change, `skipped` the parts of the corpus folder that are not looked at.

    `built` is an ISO time. `previous` is the name of the build to roll back to, None if none is kept; `building` is the
    process that is building the index now, None if there is none. `advice` says what to type if the models do not know the
    languages of the documents.
    """

    manifest: Manifest
    built: str
    changes: Changes
    skipped: list[Skipped]
    previous: str | None
    building: Builder | None
    advice: str = ""


def index_status(settings: Settings, *, model: ModelIdentity | None = None, check: bool = True) -> Status:
    """Loads neither the model nor vectors. Raises IndexMissing or IndexBroken.

    With `check`, every file is checked, and IndexMismatch is raised if the build does not fit the settings. `model` replaces
    the model that the settings name.
    """
    folder = live_build(settings.index)
    manifest = load_manifest(folder)
    if check:
        check_manifest(manifest, model=model or model_identity(settings.embedding), settings=settings.passages)
        check_files(folder, manifest, hashed=HASHED)
    corpus = corpus_of(settings)
    changes, skipped = corpus_changes(corpus, manifest.corpus), corpus.listing().skipped
    previous, builder = previous_build(settings.index), builder_of(settings.index)
    advice = note_on_models(settings, manifest.corpus.languages)
    return Status(manifest, load_changes(folder).built, changes, skipped, previous.name if previous else None, builder, advice)
