"""A BERT encoder on onnxruntime: tokens to states, without torch.

Texts are never batched: nothing is padded, each core computes its own text, and a text's states do not depend on the texts
computed alongside it.
"""

import ctypes
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from rag.cores import usable_cores
from rag.models.onnx_graph import Precision, encoder_graph
from rag.numeric import Vectors

Item = TypeVar("Item")
Result = TypeVar("Result")

WORD_VECTORS = "embeddings.word_embeddings.weight"
ONLY_ERRORS = 3  # onnxruntime's severity levels: 0 verbose, 1 info, 2 warning, 3 error


class WordVectors(Protocol):
    """One vector per token id. An array is one; so is anything else that gives the rows of some ids."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, ids: NDArray[Any], /) -> NDArray[Any]: ...


class Encoder:
    """An encoder with the weights `tensors`, named as in transformers. `width` is the size of a state.

    `words` are the word vectors, if they are not among the tensors.
    """

    def __init__(
        self,
        tensors: Mapping[str, NDArray[Any]],
        *,
        heads: int,
        epsilon: float,
        precision: Precision,
        words: WordVectors | None = None,
    ) -> None:
        import onnxruntime

        self._words: WordVectors = tensors[WORD_VECTORS] if words is None else words
        self._positions = tensors["embeddings.position_embeddings.weight"].astype(np.float32)
        self._kinds = tensors["embeddings.token_type_embeddings.weight"].astype(np.float32)
        self.width = int(self._words.shape[1])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = ONLY_ERRORS
        graph = encoder_graph(tensors, heads=heads, epsilon=epsilon, precision=precision)
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def states(self, ids: Sequence[int], kinds: Sequence[int] | None = None) -> Vectors:
        """Shape (tokens, width). `ids` start with [CLS]; `kinds` are their token types, by default all 0."""
        embedded = self._words[np.asarray(ids)].astype(np.float32) + self._positions[: len(ids)]
        embedded += self._kinds[0] if kinds is None else self._kinds[np.asarray(kinds)]
        states: Vectors = self._session.run(None, {"embedded": embedded})[0]
        return states


def return_freed_memory() -> None:
    """Gives back to the system what loading a model has freed, some 100 MB, which glibc would keep."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library than glibc
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def load_tokenizer(folder: Path) -> Any:
    """A model's tokenizer, with truncation and padding switched off."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def in_parallel(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Applies the function to each item on all usable cores; results are in the order of the items."""
    return [function(item) for item in items] if len(items) < 2 else list(_pool().map(function, items))


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(usable_cores(), thread_name_prefix="encoder")
