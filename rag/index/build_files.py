"""The files of a build and how they are loaded.

manifest.json      format, model, settings, documents, failures, the hash of the contents, and the hash of every other file
entries.arrow      beyond a million passages: the documents of the manifest, in columns
documents.jsonl    one line per document, ordered by id: text and blocks
passages.jsonl     one line per passage: its span in the document's text, its sentences
…_lines.npy        the offset and a checksum of each line of these files
ids.npy            8 bytes per passage: its id
asking.npy         rows of the passages whose innermost heading is a question
tabular.npy        rows of the passages with rows of a table
abbreviations.jsonl  one line per document: the abbreviations that it explains
phrases.jsonl      one line per document: the phrases that it repeats, by their initials
vectors.npy        one float32 row per passage
keys.npy           16 bytes per passage: the digest of its embedded text
dense.faiss        FAISS's index of the vectors; empty if a query is compared with all of them
moments.npy        mean and covariance of the vectors
terms…, headings…  term counts for BM25, in columns
spellings…         the words of each passage as they are spelt, for typing errors
changes.json       what this build changed, when, and how long it took

Loading an index compares the hash of every file up to `HASHED` bytes, and of entries.arrow. For larger files it compares the size
only; each line of documents and passages is checked when it is read, so that nothing damaged is ever quoted. `rag doctor`, and
every update that reuses the build, hash the larger files too.
"""

from collections.abc import Iterator
from pathlib import Path

from rag.config import PassageSettings
from rag.errors import IndexBroken
from rag.index.abbreviations import Abbreviations
from rag.index.catalogue import Catalogue
from rag.index.changes import CHANGES
from rag.index.dense import DenseIndex
from rag.index.lexical import LexicalIndex, TermDictionary, file_names
from rag.index.line_table import Lines, table_of
from rag.index.local_index import LocalIndex
from rag.index.manifest import FIX, HASHED, Manifest, StoredFile, check_files, check_manifest, load_manifest, stored_file
from rag.index.phrases import RepeatedPhrases
from rag.index.stored_records import StoredPassages, stored_documents
from rag.models.model_identity import ModelIdentity
from rag.records import Document, Passage
from rag.storage.arrays import map_array
from rag.storage.document_records import document_from_json, passage_from_json
from rag.storage.files import from_json

DOCUMENTS = "documents.jsonl"
PASSAGES = "passages.jsonl"
IDS = "ids.npy"
ASKING = "asking.npy"
TABULAR = "tabular.npy"
ABBREVIATIONS = "abbreviations.jsonl"
PHRASES = "phrases.jsonl"
VECTORS = "vectors.npy"
KEYS = "keys.npy"
DENSE = "dense.faiss"
MOMENTS = "moments.npy"
TERMS = "terms"
HEADINGS = "headings"
SPELLINGS = "spellings"
FIELDS = (TERMS, HEADINGS, SPELLINGS)
FILES = (
    *(DOCUMENTS, table_of(DOCUMENTS), PASSAGES, table_of(PASSAGES), IDS, ASKING, TABULAR, VECTORS, KEYS, DENSE, MOMENTS),
    *(ABBREVIATIONS, table_of(ABBREVIATIONS), PHRASES, table_of(PHRASES)),
    *(name for field in FIELDS for name in file_names(field)),
    CHANGES,
)
CONTENTS = (DOCUMENTS, PASSAGES, VECTORS)  # all other files follow from these or do not affect answers


def stored_files(folder: Path) -> dict[str, StoredFile]:
    """Size and digest of every file of a build except those of its manifest."""
    return {name: stored_file(folder / name) for name in FILES}


def read_documents(folder: Path) -> Iterator[tuple[Document, list[Passage]]]:
    """Yields the documents of a build with their passages, in order. Raises IndexBroken."""
    start, documents, passages = 0, Lines(folder / DOCUMENTS), Lines(folder / PASSAGES)
    for number, entry in enumerate(load_manifest(folder).corpus.documents):
        document = document_from_json(from_json(documents[number]))
        yield document, [passage_from_json(from_json(passages[row]), document) for row in range(start, start + entry.passages)]
        start += entry.passages


def load_index(
    folder: Path, *, model: ModelIdentity | None = None, dim: int | None = None, settings: PassageSettings | None = None
) -> LocalIndex:
    """Opens a build. Its large files stay on disk and remain readable after the build has been removed.

    Raises IndexMismatch if the build has another format, model, dimension or settings (those that are given), and IndexBroken
    if a file is missing or damaged; what is checked now, and what later, is described at the top of this module.
    """
    manifest = load_manifest(folder)
    check_manifest(manifest, model=model, dim=dim, settings=settings)
    check_files(folder, manifest, hashed=HASHED)
    try:
        catalogue = load_catalogue(folder, manifest, LexicalIndex)
        dense = DenseIndex.load(folder / VECTORS, folder / MOMENTS, folder / DENSE, manifest.nearest)
        return LocalIndex(**vars(catalogue), dense=dense)
    except (OSError, ValueError, RuntimeError) as error:  # removed in the meantime, or a large file with a damaged header
        raise IndexBroken(f"{getattr(error, 'filename', None) or folder} cannot be read ({error}); {FIX}") from error


def load_catalogue(folder: Path, manifest: Manifest, terms: type[TermDictionary]) -> Catalogue:
    """`terms` says whether the postings of `lexical` and `spellings` are loaded as well. Raises OSError or ValueError."""
    entries = manifest.corpus.documents
    documents = stored_documents(entries, Lines(folder / DOCUMENTS))
    return Catalogue(
        documents=documents,
        passages=StoredPassages(entries, documents, Lines(folder / PASSAGES)),
        ids=map_array(folder / IDS),
        asking=map_array(folder / ASKING),
        tabular=map_array(folder / TABULAR),
        abbreviations=Abbreviations(Lines(folder / ABBREVIATIONS)),
        phrases=RepeatedPhrases(Lines(folder / PHRASES)),
        lexical=terms.load(folder, TERMS),
        headings=LexicalIndex.load(folder, HEADINGS),
        spellings=terms.load(folder, SPELLINGS),
        manifest=manifest,
    )
