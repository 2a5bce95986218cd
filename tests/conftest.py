"""Shared fixtures: the real embedding model, loaded once, and an instant one for laws on random input."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import settings

from rag.config import AnsweringSettings, DenseSettings, EmbeddingSettings, PassageSettings, Settings
from rag.conversation import Chat
from rag.errors import UnreadableFile
from rag.index.build_files import load_index
from rag.index.builds import live_build
from rag.index.changes import Changes
from rag.index.local_index import LocalIndex
from rag.index.updating import Recipe, update_index
from rag.library import Library
from rag.loading.containers.members import LoadedFile
from rag.loading.corpus import Corpus, FolderCorpus
from rag.loading.loader import load_file
from rag.loading.process.safe_open import read_bytes
from rag.loading.reading import READ_ONLY, Reading
from rag.models import bundled
from rag.models.embedder import Embedder, ModelEmbedder
from rag.models.model_identity import ModelIdentity
from rag.numeric import Vectors

ROOT = Path(__file__).parent.parent
SIMILARITY = AnsweringSettings(reader="similarity")  # works with any embedder; instant with WordEmbedder
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before anything imports torch
# No timed assertions. HYPOTHESIS_EXAMPLES=5000 searches longer. In CI every run tries the same examples.
settings.register_profile(
    "rag", deadline=None, max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "100")), derandomize="CI" in os.environ
)
settings.load_profile("rag")


# Slow to import, so only the commands that need them may.
HEAVY = {
    "torch",
    "transformers",
    "sentence_transformers",
    "onnxruntime",
    "gradio",
    "fastapi",
    "uvicorn",
    "scipy",
    "pandas",
    "nupunkt",
    "ray",
    "grpc",
}


def loaded_by(*command: str) -> set[str]:
    """The modules that this `rag` command loads, run in a process of its own in the current folder."""
    code = (
        "import sys; from rag.cli.main import app; app(sys.argv[1:], standalone_mode=False); print(*sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", code, *command], check=True, capture_output=True, text=True)
    return {*ran.stderr.split()}


class WordEmbedder:
    """Embeds a text as its word counts, hashed into 32 buckets: instant and the same on every machine."""

    identity = ModelIdentity("words", "0" * 64)
    dim = 32

    def __init__(self, max_tokens: int = 40) -> None:
        self.max_tokens = max_tokens
        self.embedded: list[str] = []

    def load(self) -> None: ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]

    def tokenizer_json(self) -> None:
        """It counts in this process only."""

    def embed_query(self, query: str) -> Vectors:
        vector: Vectors = self._vectors([query])[0]
        return vector

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.embedded.extend(texts)
        return self._vectors(texts)

    def query_tokens(self, query: str) -> Vectors:
        return self._vectors(re.findall(r"\w+", query))

    def sentence_tokens(self, sentences: Sequence[str], contexts: Sequence[str]) -> list[Vectors]:
        assert len(sentences) == len(contexts)
        return [self.query_tokens(sentence) for sentence in sentences]

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), 32), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row, 0] = 0.01  # so that no vector is zero
            for word in re.findall(r"\w+", text.casefold()):
                vectors[row, zlib.crc32(word.encode("utf-8", "surrogatepass")) % 32] += 1
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


class ReadHere(FolderCorpus):
    """Reads files in this process: starting another takes most of a small build. For tests of later stages."""

    def read(self, names: Sequence[str], reading: Reading = READ_ONLY) -> Iterator[LoadedFile | UnreadableFile]:
        for name in names:
            try:
                yield load_file(name, read_bytes(self.folder, name))
            except UnreadableFile as error:
                yield error


def library_of(chat: Chat) -> Library:
    """The library that asks through this chat."""
    return Library(chat.settings, chat=chat)


def index_of(corpus: Path | Corpus, embedder: Embedder | None = None, settings: PassageSettings | None = None) -> LocalIndex:
    """An index built from scratch and loaded from its files."""
    with tempfile.TemporaryDirectory() as folder:
        return updated(corpus, Path(folder, "index"), embedder, settings)[0]


def updated(
    corpus: Path | Corpus,
    folder: Path,
    embedder: Embedder | None = None,
    settings: PassageSettings | None = None,
    dense: DenseSettings | None = None,
    **named: Any,
) -> tuple[LocalIndex, Changes]:
    """The index after an update, loaded from its files, and what the update changed."""
    read = ReadHere(corpus) if isinstance(corpus, Path) else corpus
    manifest, changes = update_index(
        read, folder, Recipe(embedder or WordEmbedder(), settings or PassageSettings(), dense or DenseSettings()), **named
    )
    index = load_index(live_build(folder))
    assert index.manifest == manifest
    return index, changes


def stop_milvus() -> None:
    """Stops the processes of milvus-lite that this one has started, so that others can open their files."""
    if started := sys.modules.get("milvus_lite.server_manager"):
        from pymilvus import connections  # which are kept by address

        for name, _ in connections.list_connections():
            connections.remove_connection(name)
        started.server_manager_instance.release_all()


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """While it lasts, writing beyond `size` bytes of any file fails, as on a full disk. Skips the test on Windows."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def altered_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights file of a package that stands in for the one with the default model; its contents are wrong."""
    weights = tmp_path / "altered_bundle" / "model" / "model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"something else")
    (tmp_path / "altered_bundle" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "altered_bundle", raising=False)
    altered = replace(bundled.ENGLISH, package="altered_bundle")
    monkeypatch.setitem(bundled.BUNDLED, altered.name, altered)
    return weights


@pytest.fixture
def words() -> WordEmbedder:
    return WordEmbedder()


@pytest.fixture(scope="session")
def embedder() -> ModelEmbedder:
    return ModelEmbedder(EmbeddingSettings())


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keeps rag.toml of the checkout and RAG_… variables away from the tests."""
    for name in list(os.environ):
        if name.startswith("RAG_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def handbook(tmp_path_factory: pytest.TempPathFactory, embedder: ModelEmbedder) -> Settings:
    """Settings of the default corpus with an index, built once for all tests and workers."""
    folder = tmp_path_factory.mktemp("handbook")
    settings = Settings(corpus=folder / "corpus", index=folder / "index")
    shutil.copytree(ROOT / "corpus", settings.corpus)
    if "PYTEST_XDIST_WORKER" not in os.environ:
        update_index(settings.corpus, settings.index, Recipe(embedder, settings.passages))
        return settings
    shared = tmp_path_factory.getbasetemp().parent / "handbook_index"
    with FileLock(shared.with_suffix(".lock")):
        if not shared.exists():  # the first worker builds it
            update_index(settings.corpus, settings.index, Recipe(embedder, settings.passages))
            settings.index.rename(shared)
    shutil.copytree(shared, settings.index)
    return settings


@pytest.fixture
def beds(tmp_path: Path) -> Path:
    """A corpus of 50 documents with one passage each."""
    corpus = tmp_path / "beds"
    corpus.mkdir()
    for bed in range(50):
        (corpus / f"{bed:02}.md").write_text(f"# Bed {bed}\n\nFern {bed} drinks {bed} litres.\n")
    return corpus


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A small corpus: a Markdown guide with a list and a table, and a FAQ as plain text."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "guide.md").write_text(
        "# Guide to ferns\n\n## Water\n\nFerns need damp soil. They wilt within two days without water.\n\n"
        "## Light\n\n- Ferns grow best in shade.\n- Direct sun burns the fronds.\n\n"
        "| Fern | Height |\n|---|---|\n| Bracken | 2 m |\n| Maidenhair | 30 cm |\n",
        encoding="utf-8",
    )
    (folder / "faq.txt").write_text(
        "Questions\n\nHow often should I repot a fern?\nRepot a fern every two years. Spring is the best season.\n\n"
        "Are ferns toxic to cats?\nTrue ferns are safe for cats.\n",
        encoding="utf-8",
    )
    return folder


MAIL = (
    "From: a@b.example\nSubject: Ferns\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n"
    "--x\nContent-Type: text/plain\n\nFerns need water. They wilt.\n"
    '--x\nContent-Type: text/plain\nContent-Disposition: attachment; filename="note.txt"\n\nMoss grows on stones.\n'
    '--x\nContent-Type: application/pdf\nContent-Disposition: attachment; filename="bad.pdf"\n\nnot a PDF\n--x--\n'
)


@pytest.fixture
def mixed(corpus: Path) -> Path:
    """The small corpus with mail that holds a good and a bad attachment, a duplicate, a broken file and one in a folder."""
    (corpus / "mail.eml").write_text(MAIL)
    (corpus / "twin.md").write_bytes((corpus / "guide.md").read_bytes())
    (corpus / "broken.pdf").write_bytes(b"%PDF-1.4 nothing else")
    (corpus / "sub").mkdir()
    (corpus / "sub" / "moss.txt").write_text("Moss grows on stones. It needs no soil.")
    return corpus
