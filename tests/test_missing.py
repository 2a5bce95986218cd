import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rag.config import PassageSettings
from rag.errors import ModelError, UnreadableFile
from rag.index.build_writer import key_of
from rag.index.missing_vectors import AT_ONCE, MissingVectors
from rag.index.updating import Recipe, update_index
from rag.loading.containers.members import LoadedFile
from rag.loading.corpus import FolderCorpus
from rag.loading.reading import READ_ONLY, Reading
from rag.numeric import Vectors
from tests.conftest import WordEmbedder

TEXTS = [f"fern {n} drinks {n * n} litres" for n in range(3 * AT_ONCE + 5)]


class Slow(WordEmbedder):
    """Signals that it has started, and takes some time for each batch."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.started = threading.Event()
        self.seconds = seconds

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.started.set()
        time.sleep(self.seconds)
        return super().embed_passages(texts)


def missing(folder: Path, embedder: WordEmbedder) -> MissingVectors:
    return MissingVectors(embedder, folder / "journal", folder / "waiting")


def test_every_text_gets_its_vector_and_the_progress_is_complete(tmp_path: Path) -> None:
    embedder = WordEmbedder()
    reports: list[tuple[str, int, int]] = []
    with missing(tmp_path, embedder) as vectors:
        for text in TEXTS:
            vectors.add(key_of(text), text)
        vectors.finish(lambda *state: reports.append(state))
        expected = WordEmbedder().embed_passages(TEXTS)
        for text, vector in zip(TEXTS, expected, strict=True):
            assert (vectors.vector(key_of(text)) == vector).all()
    assert embedder.embedded == TEXTS
    assert vectors.embedded == vectors.given == len(TEXTS)
    assert reports[-1] == ("embedding", len(TEXTS), len(TEXTS))
    assert [done for _, done, _ in reports] == sorted(done for _, done, _ in reports)


def test_embedding_starts_before_the_last_text_is_added(tmp_path: Path) -> None:
    embedder = Slow()
    with missing(tmp_path, embedder) as vectors:
        for text in TEXTS[:AT_ONCE]:
            vectors.add(key_of(text), text)
        assert embedder.started.wait(30)
        vectors.add(key_of("last"), "last")
        vectors.finish(lambda what, done, total: None)
    assert embedder.embedded == [*TEXTS[:AT_ONCE], "last"]


def test_a_build_embeds_while_it_reads(tmp_path: Path) -> None:
    embedder = Slow()

    class SlowCorpus(FolderCorpus):
        def read(self, names: Sequence[str], reading: Reading = READ_ONLY) -> Iterator[LoadedFile | UnreadableFile]:
            *most, last = names
            yield from super().read(most, reading)
            assert embedder.started.wait(30)
            yield from super().read([last], reading)

    (tmp_path / "corpus").mkdir()
    for n in range(AT_ONCE + 1):
        (tmp_path / "corpus" / f"{n:02}.txt").write_text(f"{TEXTS[n].capitalize()}.\n")
    _, changes = update_index(SlowCorpus(tmp_path / "corpus"), tmp_path / "index", Recipe(embedder, PassageSettings()))
    assert changes.embedded == AT_ONCE + 1


def test_an_error_is_raised_when_the_next_text_is_added(tmp_path: Path) -> None:
    class Broken(Slow):
        def embed_passages(self, texts: Sequence[str]) -> Vectors:
            raise ModelError("the model is gone")

    given = 0
    with pytest.raises(ModelError, match="the model is gone"), missing(tmp_path, Broken()) as vectors:
        for n in range(10_000):
            vectors.add(key_of(str(n)), str(n))
            given = n
            time.sleep(0.001)
    assert AT_ONCE - 1 <= given < 9_999


def test_leaving_early_discards_the_remaining_texts(tmp_path: Path) -> None:
    embedder = Slow(seconds=0.02)
    with pytest.raises(KeyboardInterrupt), missing(tmp_path, embedder) as vectors:
        for n in range(500 * AT_ONCE):
            vectors.add(key_of(str(n)), str(n))
        assert embedder.started.wait(30)
        raise KeyboardInterrupt
    assert 0 < len(embedder.embedded) < 500 * AT_ONCE
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("embedding")]
    again = WordEmbedder()
    with missing(tmp_path, again) as vectors:
        for n in range(500 * AT_ONCE):
            vectors.add(key_of(str(n)), str(n))
        vectors.finish(lambda what, done, total: None)
    kept = 500 * AT_ONCE - len(again.embedded)
    assert len(embedder.embedded) - AT_ONCE <= kept <= len(embedder.embedded)  # the present batch is discarded


def test_without_texts_the_model_is_not_loaded(tmp_path: Path) -> None:
    class Unloadable(WordEmbedder):
        @property
        def dim(self) -> int:  # type: ignore[override]
            raise AssertionError

    with missing(tmp_path, Unloadable()) as vectors:
        vectors.finish(lambda what, done, total: None)
        with pytest.raises(KeyError):
            vectors.vector(key_of("fern"))
    assert not (tmp_path / "journal").exists()
