"""The graph that onnxruntime computes for a BERT encoder, made from its weights.

It is made when a model is loaded, so that there is no exported file which could be another model than the weights say.
Two things keep 8 bits close to 32 (benchmarks/README.md has the figures beside those of the usual quantisation):

- The first token, [CLS], is a stream of its own. Its values are up to ten times those of the others, which would
  otherwise have to share its scale.
- Weights are scaled so that two neighbours together never exceed 8 bits. Processors without VNNI add products in pairs into
  16 bits: larger weights would clip there, and the usual remedy, weights of 7 bits, loses one throughout.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Precision = Literal["int8", "float32"]

MICROSOFT = "com.microsoft"  # operators that onnxruntime has beside the standard ones
LARGEST = 127  # of a signed byte
END = 2**31 - 1
ATTENTION = ("query", "key", "value")


def encoder_graph(tensors: Mapping[str, NDArray[Any]], *, heads: int, epsilon: float, precision: Precision) -> bytes:
    """An ONNX model from `embedded`, the sums of word, position and type vectors, to `states`; both (tokens, width).

    `tensors` have the names that transformers gives them. Their layers are counted; what is no part of a layer is passed over.
    """
    graph = _Graph(tensors, heads, epsilon, precision)
    layers = 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith("encoder.layer."))
    streams = graph.apart(graph.normalised("embedded", "embeddings.LayerNorm"))
    for number in range(layers):
        streams = graph.layer(streams, f"encoder.layer.{number}.")
    return graph.serialized(graph.together(streams))


class _Graph:
    """Nodes and constants while they are put together. A stream is the name of a value of shape (tokens, width)."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], heads: int, epsilon: float, precision: Precision) -> None:
        self._tensors = tensors
        self._heads, self._epsilon, self._int8 = heads, epsilon, precision == "int8"
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def layer(self, streams: Sequence[str], name: str) -> list[str]:
        weights = np.concatenate([self._tensor(f"{name}attention.self.{part}.weight") for part in ATTENTION])
        biases = np.concatenate([self._tensor(f"{name}attention.self.{part}.bias") for part in ATTENTION])
        parts = self._node(
            "Split", self.together(self._linear(streams, f"{name}attention.self", weights, biases)), outputs=3, axis=1
        )
        first = self._constant("first", np.array([0]))
        batch = [self._node("Unsqueeze", part, first) for part in parts.split()]
        seen = self._node("MultiHeadAttention", *batch, domain=MICROSOFT, num_heads=self._heads)
        told = self._dense(self.apart(self._node("Squeeze", seen, first)), f"{name}attention.output.dense")
        streams = self._added(told, streams, f"{name}attention.output.LayerNorm")
        inner = [self._node("Gelu", one, domain=MICROSOFT) for one in self._dense(streams, f"{name}intermediate.dense")]
        return self._added(self._dense(inner, f"{name}output.dense"), streams, f"{name}output.LayerNorm")

    def apart(self, value: str) -> list[str]:
        """[CLS] and the rest where bits are few, else all as one."""
        if not self._int8:
            return [value]
        ends = [self._constant(name, np.array([at])) for name, at in (("first", 0), ("second", 1), ("end", END))]
        return [self._node("Slice", value, ends[0], ends[1], ends[0]), self._node("Slice", value, ends[1], ends[2], ends[0])]

    def together(self, streams: Sequence[str]) -> str:
        return streams[0] if len(streams) == 1 else self._node("Concat", *streams, axis=0)

    def normalised(self, value: str, name: str) -> str:
        return self._node("LayerNormalization", value, *self._scale(name), epsilon=self._epsilon, axis=-1)

    def _added(self, streams: Sequence[str], before: Sequence[str], name: str) -> list[str]:
        # Not SkipLayerNormalization, which does both at once and takes three times as long.
        return [self.normalised(self._node("Add", one, old), name) for one, old in zip(streams, before, strict=True)]

    def _scale(self, name: str) -> list[str]:
        return [self._constant(f"{name}.{part}", self._tensor(f"{name}.{part}")) for part in ("weight", "bias")]

    def _dense(self, streams: Sequence[str], name: str) -> list[str]:
        return self._linear(streams, name, self._tensor(f"{name}.weight"), self._tensor(f"{name}.bias"))

    def _linear(self, streams: Sequence[str], name: str, weights: Array, biases: Array) -> list[str]:
        """Each stream times the weights, of shape (out, in), plus the biases."""
        bias = self._constant(f"{name}.bias", biases)
        if not self._int8:
            matrix = self._constant(f"{name}.weight", weights.T)
            return [self._node("Gemm", one, matrix, bias) for one in streams]
        whole, scales = in_8_bits(weights)
        matrix = self._constant(f"{name}.weight", whole.T)
        scale, zero = self._constant(f"{name}.scale", scales), self._constant(f"{name}.zero", np.zeros(len(scales), np.int8))
        return [self._node("DynamicQuantizeMatMul", one, matrix, scale, zero, bias, domain=MICROSOFT) for one in streams]

    def _tensor(self, name: str) -> Array:
        return self._tensors[name].astype(np.float32)

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def _node(self, operator: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> str:
        """Names of its outputs, with blanks between them."""
        from onnx import helper

        names = [f"{operator}-{len(self._nodes)}-{number}" for number in range(outputs)]
        self._nodes.append(helper.make_node(operator, inputs, names, domain=domain, **attributes))
        return " ".join(names)

    def serialized(self, states: str) -> bytes:
        from onnx import TensorProto, helper

        self._nodes.append(helper.make_node("Identity", [states], ["states"]))
        shape: tuple[str | int, ...] = ("tokens", len(self._tensors["embeddings.LayerNorm.bias"]))
        first, last = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("embedded", "states"))
        graph = helper.make_graph(self._nodes, "encoder", [first], [last], list(self._constants.values()))
        versions = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
        model: bytes = helper.make_model(graph, opset_imports=versions, ir_version=8).SerializeToString()
        return model


def in_8_bits(weights: Array) -> tuple[NDArray[np.int8], Array]:
    """Whole numbers and their scales, one for each row of the weights: `whole * scales[:, None]` are nearly the weights.

    Of any two neighbours in a row, 2k and 2k + 1, the sizes add up to LARGEST + 1 at most: products with two unsigned bytes
    then fit 16 bits, 255 * 128 < 2 ** 15. A row of zeros has the scale 1.
    """
    sizes = np.abs(weights)
    neighbours = sizes[:, 0::2] + sizes[:, 1::2]
    scales = np.maximum(sizes.max(axis=1) / LARGEST, neighbours.max(axis=1) / LARGEST)
    scales = np.where(scales > 0, scales, 1).astype(np.float32)
    return np.round(weights / scales[:, None]).astype(np.int8), scales
