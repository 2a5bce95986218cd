"""Texts to unit vectors, by a sentence-transformers model on this machine."""

import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rag.carried import CARRIED_MODEL, carried_folder, file_digest
from rag.config import EmbeddingSettings
from rag.errors import ModelError
from rag.storage import canonical_json, sha256_bytes

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What two indexes must share for their vectors to be comparable. `digest` covers weights, tokenizer and prefixes."""

    name: str
    digest: str


class Embedder(Protocol):
    """What the rest asks of a model. Vectors are float32, shape (n, dim), of length 1; (0, dim) for no texts.

    A text's vector depends on that text alone, not on the texts it is embedded with.
    """

    @property
    def identity(self) -> ModelIdentity: ...

    @property
    def dim(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """Longest text that is read whole, special tokens not counted."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]: ...

    def embed_query(self, query: str) -> Vectors:
        """Shape (dim,)."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors: ...

    def query_tokens(self, query: str) -> Vectors:
        """One vector for each token, shape (number of tokens, dim), special ones left out."""
        ...

    def sentence_tokens(self, sentences: Sequence[str], contexts: Sequence[str]) -> list[Vectors]:
        """The same for each sentence, read behind its context (title and headings), whose own tokens are left out.

        Unlike passages, whose vectors are kept, sentences may be embedded in batches.
        """
        ...


class SentenceTransformerEmbedder:
    """The Embedder over sentence-transformers. Raises ModelError when the model cannot be had or is not what it should be.

    The model is loaded when it is first needed, which takes seconds, or by `load`; its identity is known before.
    """

    def __init__(self, settings: EmbeddingSettings) -> None:
        self._settings = settings
        self._folder = _model_folder(settings)
        self.identity = model_identity(settings)
        self._loading = threading.Lock()
        self._parts: _Parts | None = None

    def load(self) -> "_Parts":
        """Loads the model; nothing is done the second time."""
        with self._loading:
            if self._parts is None:
                self._parts = _load_parts(self._settings, self._folder)
            return self._parts

    @property
    def dim(self) -> int:
        return int(self.load().model.get_embedding_dimension() or 0)

    @property
    def max_tokens(self) -> int:
        prefix = sum(self.count_tokens([self._settings.passage_prefix]))
        return int(self.load().model.max_seq_length or 512) - self.load().special - prefix

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(encoding) for encoding in self.load().counter.encode_batch_fast(list(texts), add_special_tokens=False)]

    def embed_query(self, query: str) -> Vectors:
        vector: Vectors = self._encode([self._settings.query_prefix + query], batch_size=1)[0]
        return vector

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        # One at a time: in a batch the padding and the order of additions change the last bits of a vector, and an
        # updated index would no longer equal a rebuilt one. On two cores a passage fills the machine by itself.
        return self._encode([self._settings.passage_prefix + text for text in texts], batch_size=1)

    def query_tokens(self, query: str) -> Vectors:
        return self._encode_tokens([self._settings.query_prefix + query], [0])[0]

    def sentence_tokens(self, sentences: Sequence[str], contexts: Sequence[str]) -> list[Vectors]:
        before = [f"{self._settings.passage_prefix}{context}\n" for context in contexts]
        texts = [context + sentence for context, sentence in zip(before, sentences, strict=True)]
        return self._encode_tokens(texts, self.count_tokens(before))

    def _encode(self, texts: list[str], *, batch_size: int) -> Vectors:
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        vectors = self.load().model.encode(texts, batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False)
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def _encode_tokens(self, texts: list[str], skipped: Sequence[int]) -> list[Vectors]:
        """Vectors of the tokens behind the first `skipped` of each text; of all, where none would be left."""
        if not texts:
            return []
        outputs = self.load().model.encode(texts, batch_size=16, output_value=None, show_progress_bar=False)
        found = []
        for output, skip in zip(outputs, skipped, strict=True):
            tokens = output["token_embeddings"][output["attention_mask"].bool()].float().numpy()
            inner = tokens[1:-1] if self.load().special == 2 else tokens  # special tokens stand at both ends, or there are none
            found.append(np.ascontiguousarray(inner[skip:] if len(inner) > skip else inner))
        return found


def _model_folder(settings: EmbeddingSettings) -> Path | None:
    """Where the model's files are; None for a name that sentence-transformers is to find or download. Raises ModelError."""
    if settings.model == CARRIED_MODEL:
        return carried_folder()
    folder = Path(settings.model).expanduser()
    if folder.is_dir():
        return folder
    if settings.offline:
        raise ModelError(
            f"embedding.model = {settings.model!r} is no folder on this machine and embedding.offline is true; "
            "name a local folder, or set embedding.offline = false to let it be downloaded"
        )
    return None


@dataclass(frozen=True, slots=True)
class _Parts:
    model: "SentenceTransformer"
    counter: Any
    """A tokenizer that does not truncate; the model's own does and would never count more than it reads."""
    special: int
    """Special tokens that are put around a text."""


def _load_parts(settings: EmbeddingSettings, folder: Path | None) -> _Parts:
    model = _load(settings, folder)
    counter = model.tokenizer.backend_tokenizer.__class__.from_str(model.tokenizer.backend_tokenizer.to_str())
    counter.no_truncation()
    counter.no_padding()
    return _Parts(model, counter, int(model.tokenizer.num_special_tokens_to_add()))


def _load(settings: EmbeddingSettings, folder: Path | None) -> "SentenceTransformer":
    # Spinning OpenMP threads made everything several times slower on a busy machine; read once, when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if settings.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    import transformers
    from sentence_transformers import SentenceTransformer

    transformers.utils.logging.disable_progress_bar()
    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
    try:
        return SentenceTransformer(
            str(folder or settings.model),
            device=None if folder is None else "cpu",
            local_files_only=settings.offline,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},  # never weights in pickle
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"embedding.model = {settings.model!r} cannot be loaded: {reason}") from error


def model_identity(settings: EmbeddingSettings) -> ModelIdentity:
    """Told from the model's files, without loading it: weights, tokenizer, configuration, prefixes. Raises ModelError."""
    folder = _model_folder(settings)
    names = sorted(folder.rglob("*.json")) + sorted(folder.rglob("*.safetensors")) if folder else []
    parts = {path.relative_to(folder).as_posix(): file_digest(path) for path in names} if folder else {"name": settings.model}
    digest = sha256_bytes(canonical_json([parts, settings.query_prefix, settings.passage_prefix]).encode())
    return ModelIdentity(settings.model, digest)
