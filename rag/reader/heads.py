"""The heads of the reading network, in numpy. training/network.py has the same in torch; a test compares the two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.numeric import Vectors
from rag.reader.token_pairs import NO_SENTENCE


@dataclass(frozen=True, slots=True)
class Reading:
    """What the network says about one passage, as logits.

    `none`: nothing here answers. `sentences`: by number, for each sentence that has a token. `starts` and `ends`, for each
    token: the answer phrase begins or ends here. They are meaningful for tokens of sentences, and for [CLS], where they stand
    for no phrase.
    """

    none: float
    sentences: dict[int, float]
    starts: list[float]
    ends: list[float]


class Heads:
    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """`tensors` are the weights and biases of `training.network.ReadingNetwork`."""
        self._of = {
            head: (tensors[f"{head}.weight"].astype(np.float32).T, tensors[f"{head}.bias"].astype(np.float32))
            for head in ("none", "sentence", "evidence", "phrase")
        }

    def read(self, states: Vectors, sentence_of: Sequence[int]) -> Reading:
        """`states` has the shape (tokens, width); `sentence_of` is that of Encoded."""
        evidence = self._apply("evidence", states)[:, 0]
        numbers = np.asarray(sentence_of)
        sentences = {}
        for number in sorted(set(sentence_of) - {NO_SENTENCE}):
            inside = numbers == number
            # A sentence's logit is that of its mean token plus the strongest evidence of any of its tokens.
            mean = states[inside].mean(axis=0, keepdims=True)
            sentences[number] = float(self._apply("sentence", mean)[0, 0] + evidence[inside].max())
        phrase = self._apply("phrase", states)
        return Reading(float(self._apply("none", states[:1])[0, 0]), sentences, phrase[:, 0].tolist(), phrase[:, 1].tolist())

    def _apply(self, head: str, states: Vectors) -> Vectors:
        weights, biases = self._of[head]
        applied: Vectors = states @ weights + biases
        return applied
