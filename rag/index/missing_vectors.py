"""Embeds the texts that the previous build does not have, while documents are still being read."""

import threading
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from rag.index.builds import Report
from rag.index.embedding_journal import EmbeddingJournal
from rag.models.embedder import Embedder
from rag.storage.files import from_json, json_line

AT_ONCE = 32  # texts embedded before their vectors are saved: a killed build loses at most this many
REPORT_EVERY = 0.2  # seconds


class MissingVectors:
    """Embeds texts in a background thread, in the order in which they are added.

    Texts wait in a file, so that memory does not grow with them. Vectors go to the journal; texts that it already holds from an
    interrupted build are not embedded again. The model is loaded with the first text. Use as a context manager: leaving it early
    waits only for the current batch, which is discarded.
    """

    def __init__(self, embedder: Embedder, journal: Path, waiting: Path) -> None:
        self.given = self.embedded = self._done = 0
        self._embedder, self._path, self._waiting = embedder, journal, waiting
        self._texts = waiting.open("wb")
        self._readable: SimpleQueue[int] = SimpleQueue()  # numbers of further texts in the file; 0 at the end
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._journal: EmbeddingJournal | None = None
        self._ended = False

    def add(self, key: bytes, text: str) -> None:
        """Raises the error of an earlier text, if there was one."""
        if self._thread is None:
            # A daemon, so that the program's exit does not wait for it.
            self._thread = threading.Thread(target=self._run, name="embedding", daemon=True)
            self._thread.start()
        if self._failure is not None:
            raise self._failure
        self._texts.write(json_line([key.hex(), text]))
        self.given += 1
        if self.given % AT_ONCE == 0:
            self._release(AT_ONCE)

    def finish(self, progress: Report) -> None:
        """Waits until every text has its vector. Raises the error of any text."""
        if self._thread is None:
            return
        self._release(self.given % AT_ONCE)
        self._readable.put(0)
        progress("embedding", self._done, self.given)
        while self._thread.is_alive():
            self._thread.join(REPORT_EVERY)
            progress("embedding", self._done, self.given)
        if self._failure is not None:
            raise self._failure

    def vector(self, key: bytes) -> NDArray[np.float32]:
        """The vector of a text that was added, after `finish`. Raises KeyError for other texts."""
        if self._journal is None:
            raise KeyError(key)
        return self._journal.vector(key)

    def _release(self, number: int) -> None:
        self._texts.flush()
        self._readable.put(number)

    def _run(self) -> None:
        try:
            self._embed()
        except BaseException as failure:  # noqa: BLE001 - raised again in the thread that adds texts
            self._failure = failure

    def _embed(self) -> None:
        self._journal = journal = EmbeddingJournal(self._path, model=self._embedder.identity.digest, dim=self._embedder.dim)
        with self._waiting.open("rb") as texts:
            while (number := self._readable.get()) and not self._ended:
                batch = [(bytes.fromhex(key), text) for key, text in map(from_json, islice(texts, number))]
                new = [(key, text) for key, text in batch if key not in journal]
                if new:
                    vectors = self._embedder.embed_passages([text for _, text in new])
                    if self._ended:  # the journal may belong to another builder by now
                        return
                    journal.add([key for key, _ in new], vectors)
                self.embedded += len(new)
                self._done += number

    def __enter__(self) -> "MissingVectors":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._ended = True
        self._readable.put(0)
        if self._thread is not None:
            self._thread.join()
        if self._journal is not None:
            self._journal.close()
        self._texts.close()
