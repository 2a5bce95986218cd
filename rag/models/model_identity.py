"""Which model embeds, told from its files without loading it, or numpy."""

from dataclasses import dataclass
from pathlib import Path

from rag.config import EmbeddingSettings
from rag.errors import ModelError
from rag.models.bundled import CARRIED_MODEL, CARRIED_SHA256, CARRIED_WEIGHTS, carried_folder, carried_weights, file_digest
from rag.storage.files import sha256_json


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What two indexes must share for their vectors to be comparable.

    `backend` is what computes them, and with how many bits: its vectors differ from another's, if little. `digest` covers
    weights, tokenizer, prefixes and backend.
    """

    name: str
    digest: str
    backend: str = "torch"


def model_identity(settings: EmbeddingSettings) -> ModelIdentity:
    """Told from the model's files, without loading it. Raises ModelError.

    The carried model's weights are not read for it: they are the published ones, or `check_weights` refuses them before
    they are loaded.
    """
    folder = model_folder(settings)
    known = {CARRIED_WEIGHTS: CARRIED_SHA256} if settings.model == CARRIED_MODEL else {}
    parts = _digests(folder, known) if folder else {"name": settings.model}
    backend = backend_of(settings)
    digest = sha256_json([parts, backend, settings.query_prefix, settings.passage_prefix])
    return ModelIdentity(settings.model, digest, backend)


def _digests(folder: Path, known: dict[str, str]) -> dict[str, str]:
    """Of every file that makes the model what it is; those that are known are not read."""
    names = {path.relative_to(folder).as_posix() for kind in ("*.json", "*.safetensors") for path in folder.rglob(kind)}
    return {name: file_digest(folder / name) for name in names - known.keys()} | known


def check_weights(settings: EmbeddingSettings) -> None:
    """Raises ModelError where the carried model's weights are not those that its identity names; others' were read for it."""
    if settings.model == CARRIED_MODEL:
        carried_weights()


def backend_of(settings: EmbeddingSettings) -> str:
    """What computes the vectors: as set, or what is fastest and was measured to be as good. Raises ModelError.

    8 bits are chosen by themselves only for the model they were measured with; other BERT models are computed in 32.
    """
    if settings.backend != "auto":
        return settings.backend
    if settings.model == CARRIED_MODEL:
        return "int8"
    from rag.models.bert import is_bert

    folder = model_folder(settings)
    return "float32" if folder is not None and is_bert(folder) else "torch"


def model_folder(settings: EmbeddingSettings) -> Path | None:
    """Where the model's files are; None for a name that sentence-transformers is to find or download. Raises ModelError."""
    if settings.model == CARRIED_MODEL:
        return carried_folder()
    folder = Path(settings.model).expanduser()
    if folder.is_dir():
        return folder
    if settings.offline:
        raise ModelError(
            f"embedding.model = {settings.model!r} is no folder on this machine and embedding.offline is true; "
            "name a local folder, or set embedding.offline = false to let it be downloaded"
        )
    return None
