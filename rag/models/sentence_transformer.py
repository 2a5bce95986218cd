"""Any sentence-transformers model, run by torch, on a GPU where torch finds one."""

import logging
import os
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class SentenceTransformerModel:
    """A TextModel; see `rag.models.embedder`. Raises OSError, ValueError, KeyError or RuntimeError for what is no model."""

    def __init__(self, model: str, *, offline: bool) -> None:
        """`model` is a folder, or a name that sentence-transformers is to find or download."""
        # Spinning OpenMP threads made everything several times slower on a busy machine; read once, when torch is imported.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        if offline:
            os.environ["HF_HUB_OFFLINE"] = "1"
        import transformers
        from sentence_transformers import SentenceTransformer

        transformers.utils.logging.disable_progress_bar()
        logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
        safe = {"use_safetensors": True}  # never weights in pickle
        self._model = SentenceTransformer(model, local_files_only=offline, trust_remote_code=False, model_kwargs=safe)
        self._special = int(self._model.tokenizer.num_special_tokens_to_add())
        self.dim = int(self._model.get_embedding_dimension() or 0)
        self.max_tokens = int(self._model.max_seq_length or 512) - self._special

    @cached_property
    def _counter(self) -> Any:
        """A tokenizer that does not truncate; the model's own does and would never count more than it reads."""
        own = self._model.tokenizer.backend_tokenizer
        counter = own.__class__.from_str(own.to_str())
        counter.no_truncation()
        counter.no_padding()
        return counter

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(encoding) for encoding in self._counter.encode_batch_fast(list(texts), add_special_tokens=False)]

    def vectors(self, texts: Sequence[str]) -> Vectors:
        # One at a time: in a batch the padding and the order of additions change the last bits of a vector, and an
        # updated index would no longer equal a rebuilt one.
        vectors = self._model.encode(list(texts), batch_size=1, normalize_embeddings=True, show_progress_bar=False)
        return np.ascontiguousarray(vectors, dtype=np.float32).reshape(len(texts), self.dim)

    def token_vectors(self, texts: Sequence[str]) -> list[Vectors]:
        found = []
        for output in self._model.encode(list(texts), batch_size=16, output_value=None, show_progress_bar=False) if texts else ():
            tokens = output["token_embeddings"][output["attention_mask"].bool()].float().cpu().numpy()
            inner = tokens[1:-1] if self._special == 2 else tokens  # special tokens stand at both ends, or there are none
            found.append(np.ascontiguousarray(inner))
        return found
