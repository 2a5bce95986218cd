"""What the reader made of passages, kept on disk, so that a cell of an evidence matrix is read only once."""

import sqlite3
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from threading import Lock
from typing import Any

from rag.errors import ReadingsError

FILE = "readings.sqlite"  # in an index folder
MOST_KEPT = 500_000  # readings, of some hundred bytes each; the oldest make room for new ones
_TABLE = "CREATE TABLE IF NOT EXISTS readings (key TEXT PRIMARY KEY, scores TEXT NOT NULL)"


class KeptReadings(MutableMapping[str, str]):
    """What a `RememberedReader` remembers: scores by digests, without any text of documents or questions.

    Safe to share between threads and processes. What was set survives a kill of the process. Raises ReadingsError if the file
    cannot be read or written, for example because the disk is full.
    """

    def __init__(self, folder: Path, *, model: str) -> None:
        """Opens or creates the file in an index folder. `model` is the digest of the embedding model, with which some read."""
        self._path, self._model = folder / FILE, model
        self._lock = Lock()
        try:
            self._connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", _TABLE):
            self._run(statement)
        self._count = len(self)

    def __getitem__(self, key: str) -> str:
        rows = self._run("SELECT scores FROM readings WHERE key = ?", self._model + key)
        if not rows:
            raise KeyError(key)
        return str(rows[0][0])

    def __setitem__(self, key: str, scores: str) -> None:
        """Keeps what is there: equal keys have equal scores."""
        self._run("INSERT OR IGNORE INTO readings VALUES (?, ?)", self._model + key, scores)
        self._count += 1
        if self._count > MOST_KEPT:
            oldest = "SELECT rowid FROM readings ORDER BY rowid LIMIT max(0, (SELECT count(*) FROM readings) - ?)"
            self._run(f"DELETE FROM readings WHERE rowid IN ({oldest})", MOST_KEPT * 9 // 10)  # noqa: S608 - a constant
            self._count = len(self)

    def __delitem__(self, key: str) -> None:
        self._run("DELETE FROM readings WHERE key = ?", self._model + key)

    def __iter__(self) -> Iterator[str]:
        rows = self._run("SELECT key FROM readings")
        return (str(key).removeprefix(self._model) for (key,) in rows if str(key).startswith(self._model))

    def __len__(self) -> int:
        return int(self._run("SELECT count(*) FROM readings")[0][0])

    def close(self) -> None:
        self._connection.close()

    def _run(self, statement: str, *values: str | int) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> ReadingsError:
        return ReadingsError(f"{self._path} cannot be used ({error}); free space, or delete the file and try again")
