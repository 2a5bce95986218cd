"""A conversation with the documents: puts index, model, retrieval, reader and answering together."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rag.answering.composing import compose
from rag.answering.confidence import Calibration, default_calibration, index_calibration
from rag.builds import live_build
from rag.config import Settings, load_settings
from rag.embedding import Embedder, SentenceTransformerEmbedder
from rag.errors import IndexBroken
from rag.index.contents import Index
from rag.index.files import check_manifest, load_index, read_manifest
from rag.reader.scores import Reader
from rag.reader.similarity import SimilarityReader
from rag.reader.trained import TrainedReader
from rag.records import Answer, Hit
from rag.reranking import CrossEncoderReranker
from rag.retrieval import retrieve

History = Sequence[Mapping[str, str]]
"""Earlier turns, oldest first: {"speaker": "user" | "agent", "text": ...}."""


class Chat:
    """Asks a built index. Safe to share between threads; moves to a new build by itself."""

    def __init__(self, settings: Settings, embedder: Embedder, reader: Reader | None = None) -> None:
        self.settings = settings
        self.embedder = embedder
        self.reader = reader or _reader(settings, embedder)
        self.reranker = CrossEncoderReranker(settings.retrieval.reranker) if settings.retrieval.reranker else None
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._index: Index | None = None

    @classmethod
    def open(
        cls, corpus: str | Path | None = None, index: str | Path | None = None, *, settings: Settings | None = None
    ) -> "Chat":
        """Loads model and index; builds nothing. Folders not named are those of the settings.

        Raises IndexMissing, IndexMismatch or IndexBroken where there is no index that fits the settings.
        """
        settings = settings or load_settings(corpus=corpus, index=index)
        embedder = SentenceTransformerEmbedder(settings.embedding)
        check_manifest(read_manifest(live_build(settings.index)), model=embedder.identity, settings=settings.passages)
        chat = cls(settings, embedder)
        chat.index()
        return chat

    def index(self) -> Index:
        """The live build, read again only when another has become live."""
        folder = live_build(self.settings.index)
        with self._lock:
            if self._index is None or folder != self._folder:
                self._index = self._load()
            return self._index

    def calibration(self) -> Calibration:
        """That of the index where it has one for this reader and model, else the one that comes with the reader."""
        own = index_calibration(self.settings.index, self.reader.identity, self.embedder.identity.digest)
        return own or default_calibration(self.reader.identity)

    @property
    def threshold(self) -> float:
        """The confidence below which it abstains."""
        wanted = self.settings.answering.min_confidence
        return self.calibration().threshold if wanted is None else wanted

    def _load(self) -> Index:
        while True:
            folder = live_build(self.settings.index)
            try:
                index = load_index(folder, model=self.embedder.identity, dim=self.embedder.dim, settings=self.settings.passages)
            except IndexBroken:
                if live_build(self.settings.index) == folder:
                    raise
                continue  # it was replaced and swept while it was being read
            self._folder = folder
            return index

    def search(self, query: str, *, k: int | None = None, documents: Sequence[str] | None = None) -> list[Hit]:
        """The best passages for a query as it stands; none for an empty one."""
        query = _clean(query)
        if not query:
            return []
        return self._retrieve(self.index(), query, k, documents)

    def _retrieve(self, index: Index, query: str, k: int | None, documents: Sequence[str] | None) -> list[Hit]:
        settings = self.settings.retrieval
        wanted = settings.k if k is None else k
        found = max(wanted, settings.rerank_depth) if self.reranker else wanted
        hits = retrieve(index, query, self.embedder.embed_query(query), settings, k=found, documents=documents)
        return self.reranker.rerank(query, hits, depth=settings.rerank_depth)[:wanted] if self.reranker else hits

    def ask(
        self,
        question: str,
        *,
        history: History = (),
        documents: Sequence[str] | None = None,
        query: str | None = None,
    ) -> Answer:
        """An answer in quoted sentences, or an abstention; `documents` are those to be asked, all if None:
        ids, folders ("reports/") or patterns ("*.md"). A `query` that is given is searched exactly so.

        Questions are searched as typed: `history` is accepted for follow-up questions, which are not resolved yet.
        """
        started = time.perf_counter()
        index = self.index()
        query = _clean(question if query is None else query)
        hits: list[Hit] = []
        if query and index.passages:
            hits = self._retrieve(index, query, None, documents)
        retrieved = time.perf_counter()
        answer = compose(question, query, hits, self.reader, index, self.settings.answering, self.calibration())
        ended = time.perf_counter()
        timings = {"retrieve": retrieved - started, "read": ended - retrieved, "total": ended - started}
        return replace(answer, timings_ms={name: round(1000 * seconds, 1) for name, seconds in timings.items()})


def _reader(settings: Settings, embedder: Embedder) -> Reader:
    return TrainedReader() if settings.answering.reader == "trained" else SimilarityReader(embedder)


def _clean(text: str) -> str:
    """White space folded; half surrogate pairs, which no tokenizer takes, replaced."""
    return " ".join(text.encode("utf-8", "replace").decode().split())
