"""The watched questions: which file holds them."""

from pathlib import Path

from rag.config import Settings


def watch_file(settings: Settings) -> Path:
    """By default next to the index folder, which may be deleted and built again without losing the list."""
    index = settings.index.resolve()
    return settings.review.watched or index.with_name(f"{index.name}.watched.json")
