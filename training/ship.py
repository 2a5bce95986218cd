"""Makes what is shipped of trained weights: `python -m training.ship TRAINED.safetensors OUT.safetensors`.

The matrices of the layers are stored in 8 bits, as the reader computes with them, so nothing is lost; the rest in half precision.
Word vectors are left out: the reader takes them from the package of the embedding model. Prints the SHA-256 for
rag/reader/networks.py.
"""

import argparse
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from rag.models.encoder import WORD_VECTORS
from rag.models.onnx_graph import SCALE, in_8_bits
from rag.storage.files import sha256_file

MATRIX = re.compile(r"encoder\.encoder\.layer\.\d+\.(?!.*LayerNorm).*\.weight")


def shipped(trained: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    tensors: dict[str, NDArray[Any]] = {}
    for name, tensor in trained.items():
        if MATRIX.fullmatch(name):
            tensors[name], tensors[name + SCALE] = in_8_bits(tensor.astype(np.float32))
        elif name != f"encoder.{WORD_VECTORS}":
            tensors[name] = tensor.astype(np.float16)
    return tensors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    save_file(shipped(load_file(arguments.trained)), arguments.out)
    print(arguments.out, arguments.out.stat().st_size, sha256_file(arguments.out))


if __name__ == "__main__":
    main()
