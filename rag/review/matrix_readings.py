"""What the reader made of passages, kept on disk, so that a cell of an evidence matrix is read only once."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from rag.errors import MatrixError
from rag.reader.scored_sentences import Reader, ScoredSentence
from rag.records import Passage, Span
from rag.storage.files import canonical_json, from_json, sha256_json

FILE = "readings.sqlite"  # in an index folder
MOST_KEPT = 500_000  # readings, of about a kilobyte each; the oldest make room for new ones
_TABLE = "CREATE TABLE IF NOT EXISTS readings (key TEXT PRIMARY KEY, scores TEXT NOT NULL)"


class KeptReadings:
    """Scores by the digest of what they depend on: reader, model, query, and the passages that were read together.

    Holds no text, neither of documents nor of questions. Safe to share between threads and processes; each reading is on disk
    when `add` returns, unless the machine loses power.
    """

    def __init__(self, folder: Path) -> None:
        """Opens or creates the file in an index folder. Raises MatrixError if it cannot be opened."""
        self._path = folder / FILE
        self._lock = Lock()
        try:
            self._connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(_TABLE)
            (self._count,) = self._connection.execute("SELECT count(*) FROM readings").fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def get(self, key: str) -> str | None:
        try:
            with self._lock:
                row = self._connection.execute("SELECT scores FROM readings WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        return None if row is None else str(row[0])

    def add(self, key: str, scores: str) -> None:
        """Raises MatrixError, for example if the disk is full."""
        try:
            with self._lock:
                self._connection.execute("INSERT OR REPLACE INTO readings VALUES (?, ?)", (key, scores))
                self._count += 1
                if self._count > MOST_KEPT:
                    oldest = "SELECT rowid FROM readings ORDER BY rowid LIMIT ?"
                    self._connection.execute(f"DELETE FROM readings WHERE rowid IN ({oldest})", (MOST_KEPT // 10,))  # noqa: S608
                    (self._count,) = self._connection.execute("SELECT count(*) FROM readings").fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        self._connection.close()

    def _unusable(self, error: Exception) -> MatrixError:
        return MatrixError(f"{self._path} cannot be used ({error}); free space, or remove the file and start again")


class KeepingReader:
    """A reader that looks up what it has read before; otherwise exactly like the reader that it wraps."""

    def __init__(self, reader: Reader, kept: KeptReadings, *, model: str) -> None:
        """`model` is the digest of the embedding model, which the similarity reader reads with."""
        self._reader, self._kept, self._model = reader, kept, model
        self.identity = reader.identity
        self.read_anew = 0  # calls whose result was not kept yet

    def load(self) -> object:
        return self._reader.load()

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        key = sha256_json([self.identity, self._model, query, [_content(passage) for passage in passages]])
        kept = self._kept.get(key)
        if kept is not None:
            return _from_json(kept, passages)
        scored = self._reader.read(query, passages)
        self._kept.add(key, _to_json(scored, passages))
        self.read_anew += 1
        return scored


def _content(passage: Passage) -> list[object]:
    """All of a passage that a reader sees, wherever in whichever document it stands."""
    start = passage.span.start
    sentences = [(s.span.start - start, s.span.end - start, s.kind, s.level) for s in passage.sentences]
    return [passage.context, passage.headings, passage.text, sentences]


def _to_json(scored: Sequence[ScoredSentence], passages: Sequence[Passage]) -> str:
    """Per sentence: the row of its passage, its number, its score, and its answer phrase within the passage."""
    rows = {passage.id: row for row, passage in enumerate(passages)}
    values = []
    for sentence in scored:
        phrase, start = sentence.answer_phrase, sentence.passage.span.start
        place = [phrase.start - start, phrase.end - start] if phrase else []
        values.append([rows[sentence.passage.id], sentence.number, sentence.score, *place])
    return canonical_json(values)


def _from_json(text: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
    scored = []
    for row, number, score, *place in from_json(text.encode()):
        passage = passages[row]
        phrase = Span(passage.span.start + place[0], passage.span.start + place[1]) if place else None
        scored.append(ScoredSentence(passage, number, score, phrase))
    return scored
