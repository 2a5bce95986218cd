"""Which objects the builds of an index need; the others are removed, so that of a removed document nothing is left."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from rag.config import Settings
from rag.errors import BuildLocked, IndexBroken, IndexMismatch, IndexMissing, ObjectsError
from rag.index.builds import build_lock, live_build, previous_build
from rag.index.cluster.embedded_files import file_from_object, object_name
from rag.index.cluster.object_store import OWNER, ObjectStore, object_store, path_in_store, without_password
from rag.index.manifest import Manifest, load_manifest


def sweep_objects(settings: Settings) -> None:
    """Removes the objects that neither the live nor the previous build needs, and what killed builders left.

    Does nothing while another process builds, which sweeps when it has finished. Raises ObjectsError.
    """
    store = own_store(settings)
    if store is None:
        return
    with suppress(BuildLocked), build_lock(settings.index):
        store.remove_unfinished()
        for name in store.names() - _needed(settings.index):
            store.remove(name)


def object_faults(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is wrong with the objects, each with its fix: those that no build needs, and damaged ones. Raises ObjectsError."""
    store, location = own_store(settings), without_password(settings.objects)
    names = set() if store is None else store.names()
    needed = _needed(settings.index)
    for name in sorted(names):
        if name not in needed:
            yield f"no build needs the object {name[:12]} in {location}", "run `rag build`"
            continue
        data = store.read(name) if store else None
        if data is not None:
            try:
                file_from_object(data)
            except ObjectsError:
                fix = f"delete {location}/{path_in_store(name)}: a build that needs it makes it anew"
                yield f"the object {name[:12]} in {location} is damaged", fix


def own_store(settings: Settings, *, claim: bool = False) -> ObjectStore | None:
    """The store of the objects of this index; None if it has none, unless `claim`, which marks the store as this index's.

    Raises ObjectsError if the store belongs to another index, whose objects a sweep would remove.
    """
    location = settings.objects
    if not claim and "://" not in location and not Path(location).is_dir():
        return None
    store = object_store(location)
    own, mark = str(settings.index.resolve()), store.read(OWNER)
    owner = None if mark is None else mark.decode(errors="replace").strip()
    if owner is not None and owner != own:
        raise ObjectsError(
            f"the objects in {without_password(location)} belong to the index {owner}; set index.objects to another place, "
            f"or delete {OWNER} there if that index is gone or has moved here"
        )
    if owner is None and claim:
        store.write(OWNER, f"{own}\n".encode())
        return store
    # Earlier versions wrote no mark; without one, only the default folder is certain to be this index's.
    return store if owner is not None or settings.scale.objects is None else None


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
