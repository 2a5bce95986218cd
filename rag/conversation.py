"""A conversation with the documents: puts index, model, retrieval, reader and answering together."""

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from rag.answering.abstention import SMALL_TALK, reason_for
from rag.answering.composition import compose
from rag.answering.confidence import Calibration, default_calibration, index_calibration
from rag.answering.continuation import Cited, read_on, surrounded
from rag.config import Settings, load_settings
from rag.errors import IndexBroken, IndexMismatch
from rag.followups.acts import Act, LastAnswer, act_of, last_answer
from rag.followups.readings import readings_of
from rag.followups.rewriting import Understood, understood
from rag.index.build_files import load_index
from rag.index.builds import live_build
from rag.index.contents import Index
from rag.index.manifest import check_manifest, load_manifest
from rag.models.embedder import Embedder, ModelEmbedder
from rag.models.reranker import CrossEncoderReranker
from rag.reader.scored_sentences import Reader
from rag.reader.similarity_reader import SimilarityReader
from rag.reader.trained_reader import TrainedReader
from rag.records import Answer, Hit
from rag.retrieval import Searched, retrieve_together

History = Sequence[Mapping[str, Any]]
"""Earlier turns, oldest first: {"speaker": "user" | "agent", "text": ...}; an agent's may carry "citations" and "readings"."""
ACTED_ON = 12  # turns within which an answer can be acted on


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
        self._refused: Path | None = None
        self.trouble = ""
        """Why it stays on an index that is not the newest; empty while it does not."""

    @classmethod
    def open(
        cls,
        corpus: str | Path | None = None,
        index: str | Path | None = None,
        *,
        settings: Settings | None = None,
        embedder: Embedder | None = None,
        reading: bool = True,
    ) -> "Chat":
        """Loads model, reader and index, side by side; builds nothing. Folders not named are those of the settings.

        Without `reading`, which only asking needs, the reader is loaded at the first question.

        Raises IndexMissing, IndexMismatch or IndexBroken where there is no index that fits the settings.
        """
        settings = settings or load_settings(corpus=corpus, index=index)
        embedder = embedder or ModelEmbedder(settings.embedding)
        check_manifest(load_manifest(live_build(settings.index)), model=embedder.identity, settings=settings.passages)
        chat = cls(settings, embedder)
        with ThreadPoolExecutor(2) as beside:
            parts: list[Future[object]] = [beside.submit(embedder.load), *([beside.submit(chat.reader.load)] if reading else [])]
            chat.index()
        for part in parts:
            part.result()
        return chat

    def index(self) -> Index:
        """The live build, read again only when another has become live; while that one cannot be used, the one before."""
        with self._lock:
            try:
                folder = live_build(self.settings.index)
                if self._index is None or folder not in (self._folder, self._refused):
                    self._refused = folder
                    self._index, self._refused = self._load(), None
                if folder == self._folder:
                    self.trouble = ""
            except (IndexBroken, IndexMismatch) as error:
                if self._index is None:
                    raise
                self.trouble = str(error)
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

    def understand(self, question: str, history: History = ()) -> Understood:
        """The query that a question stands for after earlier turns; the question itself where nothing was asked before."""
        return self._understood(self.index(), question, history)

    def _understood(self, index: Index, question: str, history: History) -> Understood:
        typed = _clean(question)
        if not typed or reason_for(typed, (), index) in SMALL_TALK:
            return Understood(typed, typed)
        most = index.lexical.idf("")  # that of a term in no passage
        found = understood(typed, history, lambda term: index.lexical.idf(term) / most)
        return replace(found, query=_clean(found.query))

    def search(
        self, query: str, *, k: int | None = None, documents: Sequence[str] | None = None, history: History = ()
    ) -> list[Hit]:
        """The best passages for a query as it stands, or as a follow-up to `history`; none for an empty one."""
        index = self.index()
        asked = self._understood(index, query, history)
        return self._retrieve(index, asked, k, documents) if asked.query else []

    def _retrieve(self, index: Index, asked: Understood, k: int | None, documents: Sequence[str] | None) -> list[Hit]:
        settings = self.settings.retrieval
        wanted = settings.k if k is None else k
        found = max(wanted, settings.rerank_depth) if self.reranker else wanted
        searched = [Searched(asked.query, self.embedder.embed_query(asked.query))]
        if asked.weight:
            searched.append(Searched(asked.typed, self.embedder.embed_query(asked.typed), asked.weight))
        hits = retrieve_together(index, searched, settings, k=found, documents=documents)
        return self.reranker.rerank(asked.query, hits, depth=settings.rerank_depth)[:wanted] if self.reranker else hits

    def ask(
        self,
        question: str,
        *,
        history: History = (),
        documents: Sequence[str] | None = None,
        query: str | None = None,
    ) -> Answer:
        """An answer in quoted sentences, or an abstention; `documents` are those to be asked, all if None:
        ids, folders ("reports/") or patterns ("*.md").

        A question that leans on `history` is searched as a query that stands alone (`answer.query`), and as typed; one that
        asks for more of the last answer, or for its source, quotes on. With `query`, exactly that is searched instead. Nothing
        of a conversation is kept.
        """
        started = time.perf_counter()
        if query is None and (act := act_of(_clean(question))) and (last := last_answer(history, ACTED_ON)):
            return self._timed(self._act(act, question, last, history, documents), started, time.perf_counter())
        index = self.index()
        exact = _clean(query or "")
        asked = self._understood(index, question, history) if query is None else Understood(exact, exact)
        hits = self._retrieve(index, asked, None, documents) if asked.query and index.passages else []
        retrieved = time.perf_counter()
        answer = compose(question, asked.query, hits, self.reader, index, self.settings.answering, self.calibration())
        if query is None and asked.query == asked.typed and answer.reason not in SMALL_TALK:
            titles = {hit.passage.document_id: index.entries[hit.passage.document_id].title for hit in hits}
            answer = replace(answer, readings=readings_of(asked.query, hits, titles))
        return self._timed(answer, started, retrieved)

    def _timed(self, answer: Answer, started: float, retrieved: float) -> Answer:
        ended = time.perf_counter()
        timings = {"retrieve": retrieved - started, "read": ended - retrieved, "total": ended - started}
        return replace(answer, timings_ms={name: round(1000 * seconds, 1) for name, seconds in timings.items()})

    def _act(self, act: Act, question: str, last: LastAnswer, history: History, documents: Sequence[str] | None) -> Answer:
        """What a reply asks to be done with the last answer, which is given again where the history does not hold it."""
        number = 1 if act.kind == "yes" else act.number
        if act.kind in ("yes", "one") and last.readings:
            chosen = last.readings[min(number, len(last.readings)) - 1 if number > 0 else -1]
            return replace(self.ask(chosen, documents=documents, query=chosen), question=question)
        index = self.index()
        query, cited = _clean(last.query), _still_there(last, index, documents)
        if not cited or not query:
            again = self.ask(str(history[last.question]["text"]), history=history[: last.question], documents=documents)
            query, cited = again.query, cited or [(c.document_id, c.span.start, c.span.end) for c in again.citations]
            if not cited:
                return replace(again, question=question)
        if act.kind == "next":
            return self._next_best(question, query, cited, index, documents)
        if act.kind == "source":
            return surrounded(question, query, cited, index)
        if act.kind == "one":
            document, position, _ = cited[min(number, len(cited)) - 1 if number > 0 else -1]
        else:
            document = cited[0][0]
            position = max(end for name, _, end in cited if name == document)
        return read_on(question, query, document, position, index)

    def _next_best(
        self, question: str, query: str, cited: Sequence[Cited], index: Index, documents: Sequence[str] | None
    ) -> Answer:
        """What the last question's answer would be without the passages that it quoted."""
        hits = [
            hit
            for hit in self._retrieve(index, Understood(query, query), None, documents)
            if not any(
                hit.passage.document_id == document and hit.passage.span.start < end and start < hit.passage.span.end
                for document, start, end in cited
            )
        ]
        return compose(question, query, hits, self.reader, index, self.settings.answering, self.calibration())


def _still_there(last: LastAnswer, index: Index, documents: Sequence[str] | None) -> list[Cited]:
    """The citations that stand in the documents asked, which have not changed since where the history says what they were."""
    asked = index.documents if documents is None else index.documents_of(documents)
    return [one[:3] for one in last.citations if one[0] in asked and one[3] in (None, index.entries[one[0]].digest)]


def _reader(settings: Settings, embedder: Embedder) -> Reader:
    return TrainedReader() if settings.answering.reader == "trained" else SimilarityReader(embedder)


def _clean(text: str) -> str:
    """White space folded; half surrogate pairs, which no tokenizer takes, replaced."""
    return " ".join(text.encode("utf-8", "replace").decode().split())
