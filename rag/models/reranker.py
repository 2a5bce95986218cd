"""Reorders the best hits by a cross-encoder, which reads query and passage together. Off unless the settings name a model."""

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

DECIMALS = 6  # of a score: fewer than float32 resolves, so that ties do not depend on rounding


class CrossEncoderReranker:
    """Any sentence-transformers CrossEncoder in a local folder; loaded on first use."""

    def __init__(self, folder: str) -> None:
        """Raises ModelError if the folder does not exist."""
        self._folder = Path(folder).expanduser()
        if not self._folder.is_dir():
            raise ModelError(
                f"retrieval.reranker = {folder!r} is not a folder; name one that holds a CrossEncoder, or leave the setting empty"
            )
        self._loading = Lock()
        self._model: Any = None

    def rerank(self, query: str, hits: Sequence[Hit], *, depth: int) -> list[Hit]:
        """The first `depth` hits by the model's scores; see `reordered`."""
        if not hits:
            return []
        pairs = [(query, embedded_text(hit.passage)) for hit in hits[:depth]]
        return reordered(hits, [float(score) for score in self._load().predict(pairs, show_progress_bar=False)])

    def _load(self) -> Any:
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # see SentenceTransformerModel
        with self._loading:
            if self._model is None:
                from sentence_transformers import CrossEncoder

                logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
                try:
                    safe = {"use_safetensors": True}  # never pickled weights
                    self._model = CrossEncoder(
                        str(self._folder), device="cpu", local_files_only=True, trust_remote_code=False, model_kwargs=safe
                    )
                except (OSError, ValueError, KeyError, RuntimeError) as error:
                    reason = str(error).strip().split("\n")[0]
                    raise ModelError(f"retrieval.reranker = {str(self._folder)!r} cannot be loaded: {reason}") from error
            return self._model


def reordered(hits: Sequence[Hit], scores: Sequence[float]) -> list[Hit]:
    """The first hits by these new scores, descending, ties by passage id; the hits without one follow in their original order.

    The scores of these others are shifted below the new ones, with the same distances. There must be at least one new score.
    """
    rounded = [round(score, DECIMALS) for score in scores]
    best, rest = hits[: len(scores)], hits[len(scores) :]
    rescored = [replace(hit, score=score) for hit, score in zip(best, rounded, strict=True)]
    rescored.sort(key=lambda hit: (-hit.score, hit.passage.id))
    shift = min(rounded) - best[-1].score
    rescored += [replace(hit, score=hit.score + shift) for hit in rest]
    return [replace(hit, rank=rank) for rank, hit in enumerate(rescored, start=1)]
