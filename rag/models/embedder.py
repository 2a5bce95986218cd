"""Texts to unit vectors, by a model on this machine."""

import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from rag.config import EmbeddingSettings
from rag.errors import ModelError
from rag.models.bert import bert_model, is_bert
from rag.models.bundled import MULTILINGUAL
from rag.models.encoder import return_freed_memory
from rag.models.model_identity import ModelIdentity, backend_of, check_weights, model_folder, model_identity
from rag.models.multilingual import multilingual_model, write_sentence_transformer
from rag.models.onnx_graph import Precision
from rag.models.sentence_transformer import SentenceTransformerModel
from rag.numeric import Vectors


class TextModel(Protocol):
    """A loaded model. Texts arrive with their prefixes; vectors are float32, and each depends on its own text alone."""

    dim: int
    max_tokens: int
    """Length of the longest text that is not truncated, without special tokens."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]: ...

    def tokenizer_json(self) -> str:
        """The tokenizer that counts, for other processes."""
        ...

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (n, dim)."""
        ...

    def token_vectors(self, texts: Sequence[str]) -> list[Vectors]:
        """For each text one vector per token, without special tokens."""
        ...


class Embedder(Protocol):
    """A model with its prefixes. Vectors are float32 of length 1 and shape (n, dim); (0, dim) for no texts.

    A text's vector depends on that text alone, not on the texts embedded alongside it.
    """

    @property
    def identity(self) -> ModelIdentity: ...

    @property
    def dim(self) -> int: ...

    def load(self) -> object:
        """Loads the weights now rather than at first use."""
        ...

    @property
    def max_tokens(self) -> int:
        """Length of the longest passage that is not truncated, without prefix and special tokens."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]: ...

    def tokenizer_json(self) -> str | None:
        """The tokenizer as JSON, so that other processes count the same; None if only this one can count."""
        ...

    def embed_query(self, query: str) -> Vectors:
        """Shape (dim,)."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors: ...

    def query_tokens(self, query: str) -> Vectors:
        """One vector per token, shape (tokens, dim), without special tokens."""
        ...

    def sentence_tokens(self, sentences: Sequence[str], contexts: Sequence[str]) -> list[Vectors]:
        """For each sentence one vector per token. The sentence is read after its context, whose tokens are left out.

        These vectors are not stored, so unlike passages, sentences may be embedded in batches.
        """
        ...


class ModelEmbedder:
    """The Embedder of the settings' model. Raises ModelError if the model is missing or altered.

    The model loads on first use, or by `load`; its identity is known without loading.
    """

    def __init__(self, settings: EmbeddingSettings) -> None:
        self._settings = settings
        self.identity = model_identity(settings)
        self._loading = threading.Lock()
        self._model: TextModel | None = None

    def load(self) -> TextModel:
        """The model, loaded once."""
        with self._loading:
            if self._model is None:
                self._model = _load(self._settings)
                return_freed_memory()
            return self._model

    @property
    def dim(self) -> int:
        return self.load().dim

    @property
    def max_tokens(self) -> int:
        return self.load().max_tokens - sum(self.count_tokens([self._settings.passage_prefix]))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self.load().count_tokens(texts)

    def tokenizer_json(self) -> str:
        return self.load().tokenizer_json()

    def embed_query(self, query: str) -> Vectors:
        vector: Vectors = self.load().vectors([self._settings.query_prefix + query])[0]
        return vector

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self.load().vectors([self._settings.passage_prefix + text for text in texts])

    def query_tokens(self, query: str) -> Vectors:
        return self.load().token_vectors([self._settings.query_prefix + query])[0]

    def sentence_tokens(self, sentences: Sequence[str], contexts: Sequence[str]) -> list[Vectors]:
        heads = [f"{self._settings.passage_prefix}{context}\n" for context in contexts]
        texts = [head + sentence for head, sentence in zip(heads, sentences, strict=True)]
        tokens = zip(self.load().token_vectors(texts), self.count_tokens(heads), strict=True)
        # A context that fills the whole input leaves no token of the sentence; then the context's tokens stand in.
        return [np.ascontiguousarray(vectors[skip:] if len(vectors) > skip else vectors) for vectors, skip in tokens]


def _load(settings: EmbeddingSettings) -> TextModel:
    folder, backend = model_folder(settings), backend_of(settings)
    check_weights(settings)
    precision: Precision = "int8" if backend == "int8" else "float32"
    try:
        if settings.model == MULTILINGUAL.name:
            return _multilingual_by_torch() if backend == "torch" else multilingual_model(precision)
        if backend == "torch":
            return SentenceTransformerModel(str(folder or settings.model), offline=settings.offline)
        if folder is None or not is_bert(folder):
            raise ModelError(
                f"embedding.backend = {backend!r} is for BERT models in a local folder, which {settings.model!r} is not; "
                'set embedding.backend = "torch" or leave it at "auto"'
            )
        return bert_model(folder, precision)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"embedding.model = {settings.model!r} cannot be loaded: {reason}") from error


def _multilingual_by_torch() -> SentenceTransformerModel:
    """sentence-transformers loads from a folder only; what it has loaded no longer needs the folder."""
    with tempfile.TemporaryDirectory() as folder:
        write_sentence_transformer(Path(folder))
        return SentenceTransformerModel(folder, offline=True)
