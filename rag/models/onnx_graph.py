"""Builds the ONNX graph of a BERT encoder from its weights.

The graph is built whenever a model is loaded, so there is no exported file that could disagree with the weights.
Two measures keep 8-bit results close to 32-bit ones (figures: benchmarks/README.md):

- The first token, [CLS], is a separate stream. Its values are up to ten times larger than the others, which would
  otherwise have to share its quantisation scale.
- Weights are scaled so that no two neighbours together exceed 8 bits. Processors without VNNI add pairs of products in
  16 bits, where larger weights would saturate; the usual remedy, 7-bit weights, loses precision everywhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rag.numeric import Vectors

Precision = Literal["int8", "float32"]

MICROSOFT = "com.microsoft"  # the domain of onnxruntime's own operators
LARGEST = 127  # largest signed byte
END = 2**31 - 1  # larger than any length: ONNX then slices to the end
OPSET, MICROSOFT_OPSET, IR = 17, 1, 8  # the oldest versions that have LayerNormalization and MultiHeadAttention
SCALE = ".scale"  # added to the name of a matrix in 8 bits: one scale per row, as `in_8_bits` makes them
ATTENTION = ("query", "key", "value")


def encoder_graph(tensors: Mapping[str, NDArray[Any]], *, heads: int, epsilon: float, precision: Precision) -> bytes:
    """A serialized ONNX model. Input `embedded`: sums of word, position and type vectors; output `states`; both (tokens, width).

    `tensors` are named as in transformers. All encoder layers are used; other tensors are ignored. Matrices may be in 8 bits
    already: then their integers come with `SCALE`.
    """
    graph = _Graph(tensors, heads, epsilon, precision)
    layers = 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith("encoder.layer."))
    streams = graph.split(graph.normalised("embedded", "embeddings.LayerNorm"))
    for number in range(layers):
        streams = graph.layer(streams, f"encoder.layer.{number}.")
    return graph.serialized(graph.joined(streams))


class _Graph:
    """Collects nodes and constants. A stream is the name of a value of shape (tokens, width)."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], heads: int, epsilon: float, precision: Precision) -> None:
        self._tensors = tensors
        self._heads, self._epsilon, self._int8 = heads, epsilon, precision == "int8"
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def layer(self, streams: Sequence[str], name: str) -> list[str]:
        attention = [f"{name}attention.self.{part}" for part in ATTENTION]
        parts = self._node("Split", self.joined(self._linear(streams, f"{name}attention.self", attention)), outputs=3, axis=1)
        first = self._constant("first", np.array([0]))
        batch = [self._node("Unsqueeze", part, first) for part in parts.split()]
        attended = self._node("MultiHeadAttention", *batch, domain=MICROSOFT, num_heads=self._heads)
        projected = self._dense(self.split(self._node("Squeeze", attended, first)), f"{name}attention.output.dense")
        streams = self._residual(projected, streams, f"{name}attention.output.LayerNorm")
        inner = [self._node("Gelu", stream, domain=MICROSOFT) for stream in self._dense(streams, f"{name}intermediate.dense")]
        return self._residual(self._dense(inner, f"{name}output.dense"), streams, f"{name}output.LayerNorm")

    def split(self, value: str) -> list[str]:
        """[CLS] and the rest as two streams for int8, everything as one for float32."""
        if not self._int8:
            return [value]
        ends = [self._constant(name, np.array([at])) for name, at in (("first", 0), ("second", 1), ("end", END))]
        return [self._node("Slice", value, ends[0], ends[1], ends[0]), self._node("Slice", value, ends[1], ends[2], ends[0])]

    def joined(self, streams: Sequence[str]) -> str:
        return streams[0] if len(streams) == 1 else self._node("Concat", *streams, axis=0)

    def normalised(self, value: str, name: str) -> str:
        return self._node("LayerNormalization", value, *self._scale(name), epsilon=self._epsilon, axis=-1)

    def _residual(self, streams: Sequence[str], inputs: Sequence[str], name: str) -> list[str]:
        # Not SkipLayerNormalization: it does both in one step but takes three times as long.
        pairs = zip(streams, inputs, strict=True)
        return [self.normalised(self._node("Add", stream, skipped), name) for stream, skipped in pairs]

    def _scale(self, name: str) -> list[str]:
        return [self._constant(f"{name}.{part}", self._tensor(f"{name}.{part}")) for part in ("weight", "bias")]

    def _dense(self, streams: Sequence[str], name: str) -> list[str]:
        return self._linear(streams, name, [name])

    def _linear(self, streams: Sequence[str], name: str, parts: Sequence[str]) -> list[str]:
        """Each stream times the weights of the parts, of shape (out, in) each, plus their biases; outputs side by side."""
        bias = self._constant(f"{name}.bias", np.concatenate([self._tensor(f"{part}.bias") for part in parts]))
        if not self._int8:
            weights = np.concatenate([self._tensor(f"{part}.weight") for part in parts])
            matrix = self._constant(f"{name}.weight", weights.T)
            return [self._node("Gemm", stream, matrix, bias) for stream in streams]
        integers, scales = map(np.concatenate, zip(*(self._integers(f"{part}.weight") for part in parts), strict=True))
        matrix = self._constant(f"{name}.weight", integers.T)
        scale, zero = self._constant(f"{name}.scale", scales), self._constant(f"{name}.zero", np.zeros(len(scales), np.int8))
        return [self._node("DynamicQuantizeMatMul", stream, matrix, scale, zero, bias, domain=MICROSOFT) for stream in streams]

    def _tensor(self, name: str) -> Vectors:
        tensor = self._tensors[name].astype(np.float32)
        return tensor * self._tensors[name + SCALE][:, None] if name + SCALE in self._tensors else tensor

    def _integers(self, name: str) -> tuple[NDArray[np.int8], Vectors]:
        if name + SCALE in self._tensors:
            return self._tensors[name], self._tensors[name + SCALE]
        return in_8_bits(self._tensor(name))

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def _node(self, operator: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> str:
        """Adds a node; returns the names of its outputs, separated by spaces."""
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
        versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, MICROSOFT_OPSET)]
        model: bytes = helper.make_model(graph, opset_imports=versions, ir_version=IR).SerializeToString()
        return model


def in_8_bits(weights: Vectors) -> tuple[NDArray[np.int8], Vectors]:
    """Integers and one scale per row: `integers * scales[:, None]` approximates the weights. A row of zeros has scale 1.

    Within a row, the magnitudes of neighbours 2k and 2k + 1 add up to at most LARGEST + 1, so that their products with
    unsigned bytes fit 16 bits: 255 * 128 < 2 ** 15.
    """
    sizes = np.abs(weights)
    neighbours = sizes[:, 0::2] + sizes[:, 1::2]
    scales = np.maximum(sizes.max(axis=1) / LARGEST, neighbours.max(axis=1) / LARGEST)
    scales = np.where(scales > 0, scales, 1).astype(np.float32)
    return np.round(weights / scales[:, None]).astype(np.int8), scales
