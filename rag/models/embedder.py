"""Texts to unit vectors, by a model on this machine."""

import threading
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.config import EmbeddingSettings
from rag.errors import ModelError
from rag.models.bert import BertModel, is_bert
from rag.models.model_identity import ModelIdentity, backend_of, check_weights, model_folder, model_identity
from rag.models.sentence_transformer import SentenceTransformerModel

Vectors = NDArray[np.float32]


class TextModel(Protocol):
    """A loaded model. Texts have no prefixes any more; vectors are float32 and do not depend on the other texts."""

    dim: int
    max_tokens: int
    """Longest text that is read whole, special tokens not counted."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]: ...

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Of length 1, shape (n, dim)."""
        ...

    def token_vectors(self, texts: Sequence[str]) -> list[Vectors]:
        """Of each text, one for each token, special ones left out."""
        ...


class Embedder(Protocol):
    """What the rest asks of a model. Vectors are float32, shape (n, dim), of length 1; (0, dim) for no texts.

    A text's vector depends on that text alone, not on the texts it is embedded with.
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


class ModelEmbedder:
    """The Embedder of the settings' model. Raises ModelError when it cannot be had or is not what it should be.

    The model is loaded when it is first needed, or by `load`; its identity is known before.
    """

    def __init__(self, settings: EmbeddingSettings) -> None:
        self._settings = settings
        self.identity = model_identity(settings)
        self._loading = threading.Lock()
        self._model: TextModel | None = None

    def load(self) -> TextModel:
        """Loads the model; nothing is done the second time."""
        with self._loading:
            if self._model is None:
                self._model = _load(self._settings)
            return self._model

    @property
    def dim(self) -> int:
        return self.load().dim

    @property
    def max_tokens(self) -> int:
        return self.load().max_tokens - sum(self.count_tokens([self._settings.passage_prefix]))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self.load().count_tokens(texts)

    def embed_query(self, query: str) -> Vectors:
        vector: Vectors = self.load().vectors([self._settings.query_prefix + query])[0]
        return vector

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self.load().vectors([self._settings.passage_prefix + text for text in texts])

    def query_tokens(self, query: str) -> Vectors:
        return self.load().token_vectors([self._settings.query_prefix + query])[0]

    def sentence_tokens(self, sentences: Sequence[str], contexts: Sequence[str]) -> list[Vectors]:
        before = [f"{self._settings.passage_prefix}{context}\n" for context in contexts]
        texts = [context + sentence for context, sentence in zip(before, sentences, strict=True)]
        tokens = zip(self.load().token_vectors(texts), self.count_tokens(before), strict=True)
        return [np.ascontiguousarray(found[skip:] if len(found) > skip else found) for found, skip in tokens]


def _load(settings: EmbeddingSettings) -> TextModel:
    folder, backend = model_folder(settings), backend_of(settings)
    check_weights(settings)
    try:
        if backend == "torch":
            return SentenceTransformerModel(str(folder or settings.model), offline=settings.offline)
        if folder is None or not is_bert(folder):
            raise ModelError(
                f"embedding.backend = {backend!r} is for BERT models in a local folder, and {settings.model!r} is none; "
                'set embedding.backend = "torch" or leave it at "auto"'
            )
        return BertModel(folder, "int8" if backend == "int8" else "float32")
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"embedding.model = {settings.model!r} cannot be loaded: {reason}") from error
