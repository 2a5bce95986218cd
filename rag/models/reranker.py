"""A second look at the best hits, by a cross-encoder that reads query and passage together. Off unless a model is named."""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

from rag.errors import ModelError
from rag.records import Hit
from rag.text.passages import embedded_text


class CrossEncoderReranker:
    """Any sentence-transformers CrossEncoder in a folder on this machine; it is loaded when it is first needed."""

    def __init__(self, folder: str) -> None:
        """Raises ModelError where there is no such folder."""
        self._folder = Path(folder).expanduser()
        if not self._folder.is_dir():
            raise ModelError(
                f"retrieval.reranker = {folder!r} is no folder; name one that holds a CrossEncoder, or leave it empty"
            )
        self._loading = Lock()
        self._model: Any = None

    def rerank(self, query: str, hits: Sequence[Hit], *, depth: int) -> list[Hit]:
        """The first `depth` hits in the order of the model's scores, ties by passage id; the others follow as they were.

        A reranked hit's score is the model's; what follows is scored below it, at the same distances as before.
        """
        read, rest = hits[:depth], hits[depth:]
        if not read:
            return []
        pairs = [(query, embedded_text(hit.passage)) for hit in read]
        scores = [round(float(score), 6) for score in self._load().predict(pairs, show_progress_bar=False)]
        rescored = [replace(hit, score=score) for hit, score in zip(read, scores, strict=True)]
        rescored.sort(key=lambda hit: (-hit.score, hit.passage.id))
        lowest = min(scores) - read[-1].score
        rescored += [replace(hit, score=hit.score + lowest) for hit in rest]
        return [replace(hit, rank=rank) for rank, hit in enumerate(rescored, start=1)]

    def _load(self) -> Any:
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        with self._loading:
            if self._model is None:
                from sentence_transformers import CrossEncoder

                logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
                try:
                    safe = {"use_safetensors": True}
                    self._model = CrossEncoder(
                        str(self._folder), device="cpu", local_files_only=True, trust_remote_code=False, model_kwargs=safe
                    )
                except (OSError, ValueError, KeyError, RuntimeError) as error:
                    reason = str(error).strip().split("\n")[0]
                    raise ModelError(f"retrieval.reranker = {str(self._folder)!r} cannot be loaded: {reason}") from error
            return self._model
