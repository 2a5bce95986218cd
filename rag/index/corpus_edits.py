"""Adds files to a corpus, removes them, and restores the previous build. A build must follow an edit of the corpus."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from rag.errors import DocumentError, IndexBroken, IndexMismatch, IndexMissing, UnreadableFile
from rag.index.builds import build_lock, live_build, previous_build, roll_back
from rag.index.manifest import Failure, Manifest, check_files, load_manifest
from rag.index.sentence_vectors import SentenceVectors
from rag.loading.containers.members import file_of
from rag.loading.corpus import FolderCorpus, as_folder, corpus_files
from rag.loading.process.pool import read_documents
from rag.storage.file_changes import change_files
from rag.storage.files import same_content


def add_files(corpus: Path | FolderCorpus, sources: Sequence[Path], *, into: str = "", overwrite: bool = False) -> list[Failure]:
    """Copies files, and all files in folders, into the corpus; returns those that cannot be read as documents.

    `into` is a folder within the corpus. A file that is already there with the same bytes is left alone. Raises
    DocumentError, and copies nothing, if a source is missing, if another file or folder is in its place (files may be replaced
    with `overwrite`), or if copying fails.
    """
    corpus = as_folder(corpus)
    planned, folder = _plan(corpus, sources, into), corpus.folder
    copies: dict[str, Path | None] = {}
    failed = []
    resolved = [source.resolve() for source in planned.values()]
    loaded = read_documents([(source.parent, source.name) for source in resolved], corpus.settings)
    try:
        for (name, source), file in zip(planned.items(), loaded, strict=True):
            if isinstance(file, UnreadableFile):
                failed.append(Failure(str(source), str(file)))
            elif not (folder / name).exists():
                copies[name] = source
            elif not same_content(folder / name, source):
                if not overwrite:
                    raise DocumentError(f"{name} is in the corpus with other content; use --replace, or --into another folder")
                copies[name] = source
        folder.mkdir(parents=True, exist_ok=True)
        change_files(folder, copies)
    except OSError as error:
        raise DocumentError(f"the files cannot be copied ({error.strerror}: {error.filename}); nothing was added") from error
    return failed


def _plan(corpus: FolderCorpus, sources: Sequence[Path], into: str) -> dict[str, Path]:
    """The file to be copied for each id. Raises DocumentError if two have the same id, or a file cannot be put there."""
    if corpus.folder.exists() and not corpus.folder.is_dir():
        raise DocumentError(f"{corpus.folder} is not a folder; name another corpus with --corpus")
    target = PurePosixPath(into.replace("\\", "/")) if into else PurePosixPath()
    if target.is_absolute() or any(part.startswith(".") for part in target.parts):
        raise DocumentError(f"{into} is not a folder within the corpus; name one like `reports/2026`")
    planned: dict[str, Path] = {}
    for name, source in _named(sources, target):
        if planned.setdefault(name, source) != source:
            raise DocumentError(f"{planned[name]} and {source} would both be {name}; add one of them with --into another folder")
    for name in planned:
        _check_place(corpus.folder, name, planned)
        for place in (corpus.folder / name, *(corpus.folder / name).parents):
            if what := corpus.own.get(place.resolve()):
                raise DocumentError(f"{name} would be {what} or in it; choose another folder with --into")
    return planned


def _check_place(corpus: Path, name: str, planned: Collection[str]) -> None:
    if (corpus / name).is_dir():
        raise DocumentError(f"{name} is a folder in the corpus; rename the file, or choose another folder with --into")
    for parent in map(str, PurePosixPath(name).parents):
        if parent in planned:
            raise DocumentError(f"{parent} is a file and a folder among the files to add; add one of them with --into")
        if (corpus / parent).exists() and not (corpus / parent).is_dir():
            raise DocumentError(f"{parent} is a file in the corpus, not a folder; choose another with --into")
        if not (corpus / parent).resolve().is_relative_to(corpus.resolve()):
            raise DocumentError(f"{parent} leads out of the corpus; choose another folder with --into")


def _named(sources: Iterable[Path], target: PurePosixPath) -> Iterator[tuple[str, Path]]:
    """Each file with the id it would have in the corpus."""
    for source in sources:
        if source.is_dir():
            for name in corpus_files(source):
                yield str(target / source.resolve().name / name), source / name
        elif not source.is_file():
            raise DocumentError(f"{source} does not exist; nothing was added")
        elif source.name.startswith("."):
            raise DocumentError(f"{source} is hidden, and hidden files are not indexed; give it another name")
        else:
            yield str(target / source.name), source


def remove_documents(corpus: Path | FolderCorpus, names: Sequence[str], index: Path) -> None:
    """Deletes files from the corpus, all or none. A document that is only in the index is not an error.

    A name is a document's id or the path of its file. Raises DocumentError if a name is neither, if it is a member of a
    container, or if a file cannot be deleted.
    """
    corpus = as_folder(corpus)
    folder, present = corpus.folder, set(corpus.names())
    known = present | _indexed(index)
    ids = [name if name in known else _id_of(folder, name) for name in names]
    for name, document_id in zip(names, ids, strict=True):
        if document_id not in known:
            close = get_close_matches(document_id, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "`rag status --files` lists the documents"
            raise DocumentError(f"{name} is not in the corpus {folder}, nothing was removed; {hint}")
        container = file_of(document_id, present.__contains__)
        if container in present and container != document_id:
            raise DocumentError(
                f"{document_id} is part of {container}, nothing was removed; remove {container} with all its documents"
            )
    try:
        change_files(folder, dict.fromkeys(present.intersection(ids)))
    except OSError as error:
        raise DocumentError(f"the files cannot be removed ({error.strerror}: {error.filename}); nothing was removed") from error


def _indexed(index: Path) -> set[str]:
    try:
        return set(load_manifest(live_build(index)).corpus.digests)
    except (IndexMissing, IndexBroken, IndexMismatch):
        return set()  # the build that follows rebuilds the index


def _id_of(corpus: Path, name: str) -> str:
    path = Path(name).absolute()
    return path.relative_to(corpus.absolute()).as_posix() if path.is_relative_to(corpus.absolute()) else name


def restore_previous(folder: Path, *, wait: bool = False) -> Manifest:
    """Makes the previous build live again if it is undamaged, and returns its manifest.

    Raises IndexMissing if none is kept, IndexBroken if it is damaged.
    """
    with build_lock(folder, wait=wait):
        previous = previous_build(folder)
        if previous is None:
            raise IndexMissing(
                f"{folder} keeps no previous build: there was none, or it held a document that has been removed; "
                "put back the files and run `rag build`"
            )
        manifest = load_manifest(previous)
        check_files(previous, manifest)
        roll_back(folder, previous)
        SentenceVectors(folder, manifest).sweep()
        return manifest
