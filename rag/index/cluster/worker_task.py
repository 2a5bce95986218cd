"""What happens on a Ray worker: one file is read, split and embedded by the same code as in a build without Ray."""

import json
import platform
from functools import lru_cache

import numpy as np

from rag import __version__
from rag.config import EmbeddingSettings, LoadingSettings, PassageSettings, Settings
from rag.cores import limit_cores
from rag.errors import ClusterError, UnreadableFile
from rag.index.cluster.embedded_files import library_versions, object_bytes
from rag.index.manifest import FORMAT
from rag.loading.process.pool import WorkerProcess
from rag.loading.reading import Splitting
from rag.models.embedder import ModelEmbedder
from rag.models.model_identity import ModelIdentity, model_identity
from rag.numeric import Vectors
from rag.text.passages import embedded_text

EMBEDDED_AT_ONCE = 32  # texts, as in a build without Ray


def task_settings(settings: Settings, model: ModelIdentity) -> str:
    """What workers need to know besides the file, as JSON: settings, and what must be the same as on this machine."""
    parts = {name: getattr(settings, name).model_dump() for name in ("embedding", "passages", "loading")}
    return json.dumps(parts | {"same": _versions(model)}, sort_keys=True)


def make_object(settings_json: str, name: str, data: bytes) -> bytes:
    """The object of the file `name` with the bytes `data`.

    Raises ClusterError if this worker would make another object than the machine that asks, ModelError without the model.
    """
    return _embedder_for(settings_json).make(name, data)


class _FileEmbedder:
    """The model, which stays loaded, and the process that reads files, which a broken or hostile file may take down."""

    def __init__(self, settings_json: str) -> None:
        limit_cores(1)  # a node has a worker for each core
        values = json.loads(settings_json)
        settings = EmbeddingSettings(**values["embedding"])
        _check_same(_versions(model_identity(settings)), values["same"])
        self._embedder = ModelEmbedder(settings)
        longest = self._embedder.max_tokens
        limit = min(PassageSettings(**values["passages"]).max_tokens or longest, longest)
        self._reader = WorkerProcess(LoadingSettings(**values["loading"]), Splitting(self._embedder.tokenizer_json(), limit))

    def make(self, name: str, data: bytes) -> bytes:
        file = self._reader.read_data(name, data)
        if isinstance(file, UnreadableFile):
            return object_bytes(file, self._vectors([]))
        texts = [embedded_text(passage) for passages in file.passages or () for passage in passages]
        return object_bytes(file, self._vectors(texts))

    def _vectors(self, texts: list[str]) -> Vectors:
        """Shape (len(texts), dim). Equal texts are embedded once."""
        rows = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        distinct = list(rows)
        batches = [distinct[start : start + EMBEDDED_AT_ONCE] for start in range(0, len(distinct), EMBEDDED_AT_ONCE)]
        empty: Vectors = np.zeros((0, self._embedder.dim), dtype=np.float32)
        embedded: Vectors = np.concatenate([empty, *(self._embedder.embed_passages(batch) for batch in batches)])
        return embedded[[rows[text] for text in texts]]


@lru_cache(maxsize=1)
def _embedder_for(settings_json: str) -> _FileEmbedder:
    return _FileEmbedder(settings_json)


def _versions(model: ModelIdentity) -> dict[str, str]:
    return {
        "quoted-answers": __version__,
        "the index format": str(FORMAT),
        f"the model {model.name} ({model.backend})": model.digest[:12],
        **library_versions(),
    }


def _check_same(own: dict[str, str], wanted: dict[str, str]) -> None:
    """Raises ClusterError for the first difference."""
    for what, value in wanted.items():
        if own.get(what) != value:
            raise ClusterError(
                f"the Ray worker on {platform.node()} has {what} {own.get(what, 'none')}, this machine has {value}; "
                "install the same on every node"
            )
