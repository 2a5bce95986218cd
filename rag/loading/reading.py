"""How files are read: whether they are also split into passages, and to whom the progress of a long file is reported."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from rag.text.passages import Progress


def _silent(what: str, done: int, total: int) -> None:
    """Reports no progress."""


@dataclass(frozen=True)
class Splitting:
    """The embedding model's tokenizer as JSON, and the longest embedded text in tokens, without special tokens."""

    tokenizer: str
    limit: int


@dataclass(frozen=True)
class Reading:
    """`progress` is called in the thread that takes the documents, with the name of a file that takes long."""

    splitting: Splitting | None = None
    progress: Progress = _silent


READ_ONLY = Reading()
_progress: ContextVar[Progress] = ContextVar("progress", default=_silent)


@contextmanager
def reporting(progress: Progress) -> Iterator[None]:
    """Within the block, loaders report their progress to this function."""
    token = _progress.set(progress)
    try:
        yield
    finally:
        _progress.reset(token)


def report(unit: str, done: int, total: int) -> None:
    """Called by the loaders of long files, for example with ("pages", 3, 300)."""
    _progress.get()(unit, done, total)
