"""Any sentence-transformers model, run by torch, on a GPU if torch finds one."""

import logging
import os
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from rag.numeric import Vectors

USUAL_LIMIT = 512  # tokens; BERT's positions, for models that name no limit of their own
BATCH = 16  # sentences of similar length, sorted by the caller; bounds the memory for padded states


class SentenceTransformerModel:
    """A TextModel; see `rag.models.embedder`. Raises OSError, ValueError, KeyError or RuntimeError if it cannot be loaded."""

    def __init__(self, model: str, *, offline: bool) -> None:
        """`model` is a folder, or a name for sentence-transformers to resolve and download."""
        # Spinning OpenMP threads made everything several times slower on a busy machine. Read once, when torch is imported.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        if offline:
            os.environ["HF_HUB_OFFLINE"] = "1"
        import transformers
        from sentence_transformers import SentenceTransformer

        transformers.utils.logging.disable_progress_bar()
        logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
        safe = {"use_safetensors": True}  # never pickled weights
        self._model = SentenceTransformer(model, local_files_only=offline, trust_remote_code=False, model_kwargs=safe)
        self._special_tokens = int(self._model.tokenizer.num_special_tokens_to_add())
        self.dim = int(self._model.get_embedding_dimension() or 0)
        self.max_tokens = int(self._model.max_seq_length or USUAL_LIMIT) - self._special_tokens

    @cached_property
    def _counter(self) -> Any:
        """A tokenizer without truncation; the model's own truncates and so never counts beyond its limit."""
        own = self._model.tokenizer.backend_tokenizer
        counter = own.__class__.from_str(own.to_str())
        counter.no_truncation()
        counter.no_padding()
        return counter

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(encoding) for encoding in self._counter.encode_batch_fast(list(texts), add_special_tokens=False)]

    def tokenizer_json(self) -> str:
        return str(self._counter.to_str())

    def vectors(self, texts: Sequence[str]) -> Vectors:
        # One at a time: in a batch, padding and the order of additions change a vector's last bits, and an updated index
        # would no longer equal a rebuilt one.
        vectors = self._model.encode(list(texts), batch_size=1, normalize_embeddings=True, show_progress_bar=False)
        return np.ascontiguousarray(vectors, dtype=np.float32).reshape(len(texts), self.dim)

    def token_vectors(self, texts: Sequence[str]) -> list[Vectors]:
        if not texts:
            return []
        outputs = self._model.encode(list(texts), batch_size=BATCH, output_value=None, show_progress_bar=False)
        return [self._without_special(output) for output in outputs]

    def _without_special(self, output: Any) -> Vectors:
        states = output["token_embeddings"][output["attention_mask"].bool()].float().cpu().numpy()
        both_ends = self._special_tokens == 2  # otherwise the tokenizer adds none
        vectors: Vectors = np.ascontiguousarray(states[1:-1] if both_ends else states)
        return vectors
