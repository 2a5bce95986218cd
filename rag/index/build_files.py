"""A build's files: what is in each, and reading them back, every one checked.

manifest.json      format, model, settings, documents, failures, the hash of all contents, and that of every other file
documents.jsonl    a line a document, ordered by id: text, blocks
passages.jsonl     a line a passage: its place in the document's text, its sentences
…_lines.npy        where each line of these two begins, and a check of it
ids.npy            8 bytes a passage: its id
asking.npy         rows of the passages that stand under a question
vectors.npy        a float32 row a passage
keys.npy           16 bytes a passage: the digest of what was embedded
dense.faiss        FAISS's index of the vectors, empty where they are all compared
moments.npy        their mean and covariance
terms…             what BM25 counts, in columns
changes.json       what this build changed, when, and how long it took

Loading an index reads the manifest and every file up to `HASHED` bytes whole, and compares their hashes. Of larger files it
compares the size, and the lines of documents and passages each when it is read, so that nothing damaged is ever quoted;
`rag doctor`, and every build that takes something from them, read those whole too.
"""

from collections.abc import Iterator
from pathlib import Path

from rag.config import PassageSettings
from rag.errors import IndexBroken
from rag.index.changes import CHANGES
from rag.index.contents import Index
from rag.index.dense import DenseIndex
from rag.index.lexical import LexicalIndex, file_names
from rag.index.line_table import Lines, table_of
from rag.index.manifest import FIX, HASHED, StoredFile, check_files, check_manifest, load_manifest
from rag.index.stored_records import StoredDocuments, StoredPassages, passage_of
from rag.models.model_identity import ModelIdentity
from rag.records import Document, Passage
from rag.storage.arrays import map_array
from rag.storage.document_records import document_from_json
from rag.storage.files import from_json, sha256_file

DOCUMENTS = "documents.jsonl"
PASSAGES = "passages.jsonl"
IDS = "ids.npy"
ASKING = "asking.npy"
VECTORS = "vectors.npy"
KEYS = "keys.npy"
DENSE = "dense.faiss"
MOMENTS = "moments.npy"
TERMS = "terms"
HEADINGS = "headings"
FILES = (
    *(DOCUMENTS, table_of(DOCUMENTS), PASSAGES, table_of(PASSAGES), IDS, ASKING, VECTORS, KEYS, DENSE, MOMENTS),
    *file_names(TERMS),
    *file_names(HEADINGS),
    CHANGES,
)
CONTENTS = (DOCUMENTS, PASSAGES, VECTORS)  # the rest follows from these, or is of no account to what is answered


def stored_files(folder: Path) -> dict[str, StoredFile]:
    """Size and digest of every file of a build but its manifest."""
    return {name: StoredFile((folder / name).stat().st_size, sha256_file(folder / name)) for name in FILES}


def read_documents(folder: Path) -> Iterator[tuple[Document, list[Passage]]]:
    """The documents of a build with their passages, one at a time, in order. Raises IndexBroken."""
    row, documents, passages = 0, Lines(folder / DOCUMENTS), Lines(folder / PASSAGES)
    for number, entry in enumerate(load_manifest(folder).corpus.documents):
        document = document_from_json(from_json(documents[number]))
        yield document, [passage_of(from_json(passages[one]), document) for one in range(row, row + entry.passages)]
        row += entry.passages


def load_index(
    folder: Path, *, model: ModelIdentity | None = None, dim: int | None = None, settings: PassageSettings | None = None
) -> Index:
    """Opens a build; what is large in it stays on disk, and can be read on when the build has been swept.

    Raises IndexMismatch where the build was not made with this format, model and settings (those that are given),
    IndexBroken where a file is missing or not what was written, as far as that is looked at now: see the module's docstring.
    """
    manifest = load_manifest(folder)
    check_manifest(manifest, model=model, dim=dim, settings=settings)
    check_files(folder, manifest, hashed=HASHED)
    entries = manifest.corpus.documents
    try:
        documents = StoredDocuments([entry.id for entry in entries], Lines(folder / DOCUMENTS))
        return Index(
            documents,
            StoredPassages(documents, [entry.passages for entry in entries], Lines(folder / PASSAGES)),
            map_array(folder / IDS),
            map_array(folder / ASKING),
            DenseIndex.load(folder / VECTORS, folder / MOMENTS, folder / DENSE, manifest.nearest),
            LexicalIndex.load(folder, TERMS),
            LexicalIndex.load(folder, HEADINGS),
            manifest,
        )
    except (OSError, ValueError, RuntimeError) as error:  # swept meanwhile, or a large file with a damaged head
        raise IndexBroken(f"{getattr(error, 'filename', None) or folder} cannot be read ({error}); {FIX}") from error
