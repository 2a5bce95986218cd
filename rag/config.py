"""Settings: defaults below, then rag.toml, then RAG_… variables, then what the caller names.

A setting inside a section is written `[retrieval] depth = 50` in rag.toml and RAG_RETRIEVAL__DEPTH=50 in the environment,
a list there as JSON: RAG_SERVER__NAMES='["docs.example"]'.
"""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from rag.errors import SettingsError

SETTINGS_FILE = Path("rag.toml")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _listed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


_Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class EmbeddingSettings(_Section):
    """Which model embeds, and how it wants its texts."""

    model: str = Field("all-MiniLM-L6-v2", description="carried by a package; else a local folder, or a name on a hub")
    backend: Literal["auto", "int8", "float32", "torch"] = Field(
        "auto",
        description="what computes vectors: onnxruntime in 8 or 32 bits (BERT models only), or torch (any model; on a GPU if "
        "there is one); auto: int8 for the carried model, float32 for other BERT models, else torch",
    )
    offline: bool = Field(True, description="never ask a network for the model; false lets a name be downloaded once")
    query_prefix: str = Field("", description='put before every query; e5 models need "query: "')
    passage_prefix: str = Field("", description='put before every passage; e5 models need "passage: "')


class LoadingSettings(_Section):
    """How files are read, each in a process of its own with these limits."""

    seconds: float = Field(120, gt=0, description="longest time for one file, while others are read and embedded beside it")
    megabytes: int = Field(2048, ge=256, description="most memory for one file")
    processes: int = Field(0, ge=0, description="files read at once; 0: as many as there are processor cores to use")
    ocr: bool = Field(False, description="read scanned PDFs by the program ocrmypdf, where it is installed")


class PassageSettings(_Section):
    """How documents are split."""

    max_tokens: int | None = Field(
        None, ge=32, description="longest passage in tokens of the model, with title and headings; unset: what it reads"
    )


class DenseSettings(_Section):
    """How the nearest vectors are found. A change takes effect with the next `rag build`, which embeds nothing anew for it."""

    exact_up_to: int = Field(
        200_000, ge=0, description="passages up to which a query is compared with each; beyond, with those in the nearest lists"
    )
    memory_mb: int = Field(2048, ge=1, description="memory for these lists; where they would need more, they are compressed more")


class RetrievalSettings(_Section):
    """How passages are found. One setting for all corpora, chosen on development sets: see benchmarks/README.md."""

    dense_weight: float = Field(0.7, ge=0, le=1, description="share of the dense score in the fused one; BM25 has the rest")
    headings_weight: float = Field(0.2, ge=0, description="what a term in title or headings counts besides, in the lexical score")
    proximity_weight: float = Field(0.1, ge=0, description="what two terms count that stand together as in the query")
    depth: int = Field(100, ge=1, description="candidates taken from each search before fusion")
    k: int = Field(10, ge=1, description="passages returned")
    reranker: str = Field(
        "", description="folder of a sentence-transformers CrossEncoder that reorders the best hits; none if empty"
    )
    rerank_depth: int = Field(20, ge=1, description="hits that it reads")


class AnsweringSettings(_Section):
    """How answers are composed."""

    reader: Literal["trained", "similarity"] = Field(
        "trained", description="what chooses the sentences: a network trained to read English, or likeness to the question"
    )
    read: int = Field(6, ge=1, description="passages whose sentences are read for an answer")
    max_sentences: int = Field(4, ge=1, description="sentences chosen at most; whole lists and marked context come besides")
    min_confidence: float | None = Field(
        None,
        ge=0,
        le=1,
        description="below this it abstains; unset: the threshold that `rag calibrate` chose, or the carried one",
    )


class EvaluationSettings(_Section):
    """Where question sets are, and where evaluations are kept."""

    sets: Path = Field(Path("evaluation"), description="folder of question sets that the page offers")
    feedback: Path = Field(Path("feedback"), description="question set that grows by what is judged on the page")

    runs: Path = Field(Path("runs"), description="folder of kept runs, and of the indexes of question sets with their own corpus")


class ServerSettings(_Section):
    """Where the page is served, to whom, and how much of it."""

    host: str = Field("127.0.0.1", description="loopback: this machine only; any other address needs users")
    port: int = Field(7860, ge=0, le=65535, description="0 takes any free port")
    names: _Names = Field((), description="further host names it is reached by, such as docs.clinic.example")
    prefix: str = Field(
        "", pattern=r"^(/[A-Za-z0-9_.-]+)*$", description='path below which a reverse proxy shows it, such as "/ask"'
    )
    trusted_proxies: _Names = Field((), description="addresses whose X-Forwarded-For and -Proto are believed")
    users: Path = Field(Path("users.json"), description="who may come in; made by `rag users`. Without it there is no login")
    session_idle_minutes: float = Field(60, gt=0, description="a session ends when it was not used for so long")
    session_hours: float = Field(12, gt=0, description="and so long after the login in any case")
    workers: int = Field(2, ge=1, description="questions and searches of the API that are answered at once")
    waiting: int = Field(64, ge=0, description="further ones that may wait; more are sent away and told when to come again")
    answer_seconds: float = Field(60, gt=0, description="after so long a caller is told that it takes too long")
    requests_a_minute: int = Field(600, ge=0, description="of one user, where there are users; 0: any number")
    connections: int = Field(512, ge=1, description="open at once; more are refused")
    shutdown_seconds: int = Field(5, ge=0, description="given to running answers when it is stopped")
    uploads: bool = Field(True, description="the page may take files, from curators where there are users")
    largest_file: int = Field(200 * 2**20, ge=1, description="bytes of one uploaded file")
    largest_upload: int = Field(210 * 2**20, ge=1, description="bytes of one request that uploads files")
    uploads_an_hour: int = Field(2_000_000_000, ge=1, description="bytes that one user may upload in an hour")
    uploads_kept: int = Field(4_000_000_000, ge=1, description="bytes of uploads waiting on disk; no more are taken beyond")
    mcp: bool = Field(False, description="tools for assistants at /mcp; needs the extra quoted-answers[mcp]")
    log_requests: bool = Field(False, description="one line for each request on standard error, without questions")
    log_questions: bool = Field(False, description="with the questions of the API")
    conversations: Path = Field(Path("conversations"), description="folder of saved conversations, one file each")
    watch: bool = Field(False, description="bring the index up to date by itself when files of the corpus change")


class Settings(_Section):
    """All settings, checked and frozen. An unknown name is an error, so a misspelt one cannot be passed over."""

    corpus: Path = Field(Path("corpus"), description="folder of the documents")
    index: Path = Field(Path("index"), description="folder of the built index")
    embedding: EmbeddingSettings = EmbeddingSettings()
    loading: LoadingSettings = LoadingSettings()
    passages: PassageSettings = PassageSettings()
    dense: DenseSettings = DenseSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    answering: AnsweringSettings = AnsweringSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    server: ServerSettings = ServerSettings()


def load_settings(**named: Any) -> Settings:
    """Settings from all sources; values named here win, None leaves a setting to the others.

    Raises SettingsError with one line for the first setting that cannot be used.
    """
    values = _from_file()
    for source in (_from_environment(), {name: value for name, value in named.items() if value is not None}):
        for name, value in source.items():
            below = values.get(name)
            values[name] = below | value if isinstance(value, dict) and isinstance(below, dict) else value
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"setting {name} = {first['input']!r}: {first['msg'].lower()}; look in {SETTINGS_FILE}, "
            f"in RAG_{name.replace('.', '__').upper()} and at the command line"
        ) from None


def _from_file() -> dict[str, Any]:
    if not SETTINGS_FILE.is_file():
        return {}
    import tomllib

    try:
        return tomllib.loads(SETTINGS_FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{SETTINGS_FILE} cannot be read: {error}; mend or remove it") from error


def _from_environment() -> dict[str, Any]:
    """Raises SettingsError for a RAG_ variable that names no setting: a misspelt one would change nothing and say nothing."""
    whole: dict[str, Any] = {}
    sections: dict[str, dict[str, str]] = {}
    for variable, text in sorted(os.environ.items()):
        if not variable.upper().startswith("RAG_"):
            continue
        name, _, part = variable[len("RAG_") :].lower().partition("__")
        if name not in Settings.model_fields:
            known = ", ".join(f"RAG_{name.upper()}" for name in sorted(Settings.model_fields))
            raise SettingsError(f"the variable {variable} names no setting; known are {known}")
        if part:
            sections.setdefault(name, {})[part] = text
        else:
            whole[name] = text
    return sections | whole
