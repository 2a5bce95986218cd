"""A BERT encoder on onnxruntime: tokens to states. Torch is not needed.

A text is never put into a batch with others: nothing is padded, each core computes a text of its own, and a text's states
do not depend on the texts beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rag.cores import usable_cores
from rag.models.onnx_graph import Precision, encoder_graph

Item = TypeVar("Item")
Result = TypeVar("Result")

WORD_VECTORS = "embeddings.word_embeddings.weight"


class Encoder:
    """The encoder whose weights are `tensors`, under the names that transformers gives them. `width` is that of a state."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], *, heads: int, epsilon: float, precision: Precision) -> None:
        import onnxruntime

        self._words = tensors[WORD_VECTORS]
        self._positions = tensors["embeddings.position_embeddings.weight"].astype(np.float32)
        self._kinds = tensors["embeddings.token_type_embeddings.weight"].astype(np.float32)
        self.width = int(self._words.shape[1])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        graph = encoder_graph(tensors, heads=heads, epsilon=epsilon, precision=precision)
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def states(self, ids: Sequence[int], kinds: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Shape (tokens, width). `ids` begin with [CLS]; `kinds` are their token types, all 0 where not given."""
        embedded = self._words[np.asarray(ids)].astype(np.float32) + self._positions[: len(ids)]
        embedded += self._kinds[0] if kinds is None else self._kinds[np.asarray(kinds)]
        states: NDArray[np.float32] = self._session.run(None, {"embedded": embedded})[0]
        return states


def load_tokenizer(folder: Path) -> Any:
    """A model's tokenizer, which neither cuts texts nor pads them."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def in_parallel(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """The function of each item, in their order, on all cores that this process may use."""
    return [function(item) for item in items] if len(items) < 2 else list(_cores().map(function, items))


@lru_cache(maxsize=1)
def _cores() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(usable_cores(), thread_name_prefix="encoder")
