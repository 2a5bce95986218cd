"""Files into a corpus and out of it; the build that follows makes the index agree."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from rag.config import LoadingSettings
from rag.errors import DocumentError, IndexBroken, IndexMismatch, IndexMissing, UnreadableFile
from rag.index.builds import build_lock, live_build, previous_build, roll_back
from rag.index.manifest import Failure, Manifest, check_files, load_manifest
from rag.loading.corpus import corpus_files
from rag.loading.process.pool import read_documents
from rag.storage.files import replace_file


def add_files(
    corpus: Path,
    sources: Sequence[Path],
    *,
    into: str = "",
    overwrite: bool = False,
    settings: LoadingSettings = LoadingSettings(),  # noqa: B008 - frozen
) -> list[Failure]:
    """Copies files, and all files below folders, into the corpus; gives back those that no document can be read from.

    `into` is a folder within the corpus. A file that is there with the same bytes is left alone. Nothing is copied if
    a source is missing, or if another document has its name and may not be overwritten: DocumentError.
    """
    target = PurePosixPath(into.replace("\\", "/")) if into else PurePosixPath()
    if target.is_absolute() or any(part.startswith(".") for part in target.parts):
        raise DocumentError(f"{into} is no folder within the corpus; name one like `reports/2026`")
    planned: dict[str, Path] = {}
    for name, source in _named(sources, target):
        if planned.setdefault(name, source) != source:
            raise DocumentError(f"{planned[name]} and {source} would both be {name}; add one of them with --into another folder")
    contents: dict[str, bytes] = {}
    failed = []
    real = [source.resolve() for source in planned.values()]
    read = read_documents([(source.parent, source.name) for source in real], settings)
    for (name, source), document in zip(planned.items(), read, strict=True):
        if isinstance(document, UnreadableFile):
            failed.append(Failure(str(source), str(document)))
            continue
        try:
            data = source.read_bytes()
        except OSError as error:
            raise DocumentError(f"{source} cannot be read ({error.strerror}); nothing was added") from error
        there = corpus / name
        if not there.exists() or (there.read_bytes() != data and overwrite):
            contents[name] = data
        elif there.read_bytes() != data:
            raise DocumentError(f"{name} is in the corpus with other content; say --replace, or --into another folder")
    for name, data in contents.items():
        (corpus / name).parent.mkdir(parents=True, exist_ok=True)
        replace_file(corpus / name, data)
    return failed


def _named(sources: Iterable[Path], target: PurePosixPath) -> Iterator[tuple[str, Path]]:
    for source in sources:
        if source.is_dir():
            for name in corpus_files(source):
                yield str(target / source.resolve().name / name), source / name
        elif not source.is_file():
            raise DocumentError(f"{source} does not exist; nothing was added")
        elif source.name.startswith("."):
            raise DocumentError(f"{source} is hidden, and hidden files are passed over; give it another name")
        else:
            yield str(target / source.name), source


def remove_documents(corpus: Path, names: Sequence[str], index: Path) -> None:
    """Deletes files from the corpus, all or none; a document that is only left in the index is no error.

    A name is a document's id, or the path of its file. Raises DocumentError for a name that is neither.
    """
    present = set(corpus_files(corpus))
    known = present | _indexed(index)
    ids = [name if name in known else _id_of(corpus, name) for name in names]
    for name, document_id in zip(names, ids, strict=True):
        if document_id not in known:
            close = get_close_matches(document_id, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "`rag status --files` lists what is there"
            raise DocumentError(f"{name} is not in the corpus {corpus}, nothing was removed; {hint}")
    for document_id in ids:
        if document_id in present:
            (corpus / document_id).unlink()


def _indexed(index: Path) -> set[str]:
    try:
        return set(load_manifest(live_build(index)).corpus.digests)
    except (IndexMissing, IndexBroken, IndexMismatch):
        return set()  # the build that follows makes the index anew


def _id_of(corpus: Path, name: str) -> str:
    path = Path(name).absolute()
    return path.relative_to(corpus.absolute()).as_posix() if path.is_relative_to(corpus.absolute()) else name


def restore_previous(folder: Path, *, wait: bool = False) -> Manifest:
    """Makes the former build live again, if it is whole; gives back its manifest. Raises IndexMissing where none is kept."""
    with build_lock(folder, wait=wait):
        previous = previous_build(folder)
        if previous is None:
            raise IndexMissing(
                f"{folder} keeps no former build: there was none, or it held a document that is gone; "
                "put back the files and run `rag build`"
            )
        manifest = load_manifest(previous)
        check_files(previous, manifest)
        roll_back(folder, previous)
        return manifest
