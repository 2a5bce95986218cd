"""Which objects the builds of an index need; the others are removed, so that of a removed document nothing is left."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from rag.config import Settings
from rag.errors import IndexBroken, IndexMismatch, IndexMissing, ObjectsError
from rag.index.builds import live_build, previous_build
from rag.index.cluster.made_files import made_file, object_name
from rag.index.cluster.object_store import ObjectStore, object_store
from rag.index.manifest import Manifest, load_manifest


def sweep_objects(settings: Settings) -> None:
    """Removes the objects that neither the live nor the previous build needs. Raises ObjectsError."""
    store = _existing_store(settings)
    if store is not None:
        for name in store.names() - _needed(settings.index):
            store.remove(name)


def object_faults(settings: Settings) -> Iterator[str]:
    """What is wrong with the objects: those that no build needs, and damaged ones. Raises ObjectsError."""
    store = _existing_store(settings)
    names = set() if store is None else store.names()
    needed = _needed(settings.index)
    for name in sorted(names):
        if name not in needed:
            yield f"the object {name[:12]} in {settings.objects} is needed by no build"
            continue
        data = store.read(name) if store else None
        if data is not None:
            try:
                made_file(data)
            except ObjectsError:
                yield f"the object {name[:12]} in {settings.objects} is damaged"


def _existing_store(settings: Settings) -> ObjectStore | None:
    """None without objects: a folder of objects appears with the first build by Ray."""
    location = settings.objects
    return object_store(location) if "://" in location or Path(location).is_dir() else None


def _needed(index: Path) -> set[str]:
    needed: set[str] = set()
    for which in (live_build, previous_build):
        with suppress(
            IndexMissing, IndexBroken, IndexMismatch
        ):  # then that build needs nothing: the next one starts from scratch
            build = which(index)
            needed |= set() if build is None else _objects_of(load_manifest(build))
    return needed


def _objects_of(manifest: Manifest) -> set[str]:
    """The names of the objects that a build was made of, if it was made of objects."""
    contents = manifest.contents
    read = [(document.id, document.digest) for document in manifest.corpus.documents]
    read += [(failure.path, failure.digest) for failure in manifest.corpus.failed]
    files = {(file, digest) for name, digest in read for file in _possible_files(name)}
    return {object_name(file, digest, contents.model, contents.settings) for file, digest in files}


def _possible_files(document_id: str) -> Iterator[str]:
    """The file that holds a document is the document itself or, for a member of a container, the beginning of its id."""
    while document_id:
        yield document_id
        document_id = document_id.rpartition("/")[0]
