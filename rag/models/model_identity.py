"""The identity of the embedding model, computed from its files without loading the model or numpy."""

from dataclasses import dataclass
from pathlib import Path

from rag.config import EmbeddingSettings
from rag.errors import ModelError
from rag.models.bundled import BUNDLED, file_digest
from rag.storage.files import sha256_json


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What two indexes must share for their vectors to be comparable.

    `backend` says what computes the vectors, and at which precision: backends differ slightly. `digest` covers weights,
    tokenizer, prefixes and backend.
    """

    name: str
    digest: str
    backend: str = "torch"


def model_identity(settings: EmbeddingSettings) -> ModelIdentity:
    """The identity of the settings' model, computed without loading it. Raises ModelError.

    A bundled model's weights are not hashed here: their digest is known, and `check_weights` rejects others at loading.
    """
    folder = model_folder(settings)
    bundled = BUNDLED.get(settings.model)
    known = {bundled.weights: bundled.sha256} if bundled else {}
    parts = _digests(folder, known) if folder else {"name": settings.model}
    backend = backend_of(settings)
    digest = sha256_json([parts, backend, settings.query_prefix, settings.passage_prefix])
    return ModelIdentity(settings.model, digest, backend)


def _digests(folder: Path, known: dict[str, str]) -> dict[str, str]:
    """Digests of all files that define the model; files in `known` are not read."""
    names = {path.relative_to(folder).as_posix() for kind in ("*.json", "*.safetensors") for path in folder.rglob(kind)}
    return {name: file_digest(folder / name) for name in names - known.keys()} | known


def check_weights(settings: EmbeddingSettings) -> None:
    """Raises ModelError if a bundled model's weights are not the published ones.

    Nothing to check for other models: their identity was computed from the weights themselves.
    """
    if bundled := BUNDLED.get(settings.model):
        bundled.verified()


def backend_of(settings: EmbeddingSettings) -> str:
    """What computes the vectors: the setting, or for "auto" the fastest backend of measured quality. Raises ModelError.

    int8 is the default only for the bundled models, which it was measured with; other BERT models default to float32.
    """
    if settings.backend != "auto":
        return settings.backend
    if settings.model in BUNDLED:
        return "int8"
    from rag.models.bert import is_bert

    folder = model_folder(settings)
    return "float32" if folder is not None and is_bert(folder) else "torch"


def model_folder(settings: EmbeddingSettings) -> Path | None:
    """The folder of the model's files; None for a name that sentence-transformers must resolve. Raises ModelError."""
    if bundled := BUNDLED.get(settings.model):
        return bundled.path()
    folder = Path(settings.model).expanduser()
    if folder.is_dir():
        return folder
    if settings.offline:
        raise ModelError(
            f"embedding.model = {settings.model!r} is not a folder on this machine and embedding.offline is true; "
            "name a local folder, or set embedding.offline = false to download the model"
        )
    return None
