"""The result of a Ray worker for one file, stored as one object: documents with passages and vectors, or why it cannot be read.

line 1   SHA-256 in hex of everything after this line, checked at every read
line 2   JSON: why the file cannot be read; or how many passages each document has, and which members cannot be read
lines    a line per document, each followed by those of its passages, as in documents.jsonl and passages.jsonl of a build
rest     the vectors of all passages as .npy: float32, shape (passages, dim)
"""

import hashlib
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO

import numpy as np

from rag.config import PassageSettings
from rag.errors import ObjectsError, UnreadableFile
from rag.index.manifest import FORMAT
from rag.index.stored_records import document_line, passage_line
from rag.loading.containers.members import LoadedFile, UnreadableMember
from rag.models.model_identity import ModelIdentity
from rag.numeric import Vectors
from rag.storage.document_records import document_from_json, passage_from_json
from rag.storage.files import from_json, json_line, sha256_bytes, sha256_json

OBJECT_FORMAT = 1  # raise it whenever the layout above changes
# Packages whose versions decide where passages begin and end, and the last bits of vectors.
_DECIDING = ("onnxruntime", "tokenizers", "nupunkt", "py3langid")


@dataclass(frozen=True)
class EmbeddedFile(LoadedFile):
    """A file with its passages and, for each document, their vectors: float32, shape (passages, dim).

    `reused` says that an earlier build had it made.
    """

    vectors: tuple[Vectors, ...] = ()
    reused: bool = False


def object_name(file: str, digest: str, model: ModelIdentity, settings: PassageSettings) -> str:
    """The digest of all that decides what is made of a file: its name and bytes, the formats, libraries, model and settings."""
    return sha256_json([OBJECT_FORMAT, FORMAT, library_versions(), file, digest, asdict(model), settings.model_dump()])


@cache
def library_versions() -> dict[str, str]:
    """The versions of the libraries that decide passages and vectors, by package; "none" if it is not installed."""
    return {package: _version(package) for package in _DECIDING}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def object_bytes(file: LoadedFile | UnreadableFile, vectors: Vectors) -> bytes:
    """The object of a file that was split; `vectors` are those of all its passages, in order."""
    body = BytesIO()
    if isinstance(file, UnreadableFile):
        body.write(json_line({"reason": str(file)}))
    else:
        passages = file.passages or ()
        failed = [[member.id, member.reason] for member in file.failed]
        body.write(json_line({"passages": [len(rows) for rows in passages], "failed": failed}))
        for document, rows in zip(file.documents, passages, strict=True):
            body.write(document_line(document))
            body.writelines(map(passage_line, rows))
        np.save(body, vectors)
    contents = body.getvalue()
    return f"{sha256_bytes(contents)}\n".encode() + contents


def file_from_object(data: bytes) -> EmbeddedFile | UnreadableFile:
    """The inverse of `object_bytes`. Raises ObjectsError if the object is damaged."""
    digest, _, _ = data[:65].partition(b"\n")
    contents = memoryview(data)[65:]
    if hashlib.sha256(contents).hexdigest().encode() != digest:
        raise ObjectsError("it is damaged")
    body = BytesIO(contents)
    header = from_json(body.readline())
    if "reason" in header:
        return UnreadableFile(header["reason"])
    documents, passages = [], []
    for count in header["passages"]:
        document = document_from_json(from_json(body.readline()))
        documents.append(document)
        passages.append(tuple(passage_from_json(from_json(body.readline()), document) for _ in range(count)))
    vectors: Vectors = np.load(body)
    failed = tuple(UnreadableMember(*member) for member in header["failed"])
    ends = np.cumsum(header["passages"])[:-1]
    return EmbeddedFile(tuple(documents), failed, tuple(passages), tuple(np.split(vectors, ends)) if documents else ())
