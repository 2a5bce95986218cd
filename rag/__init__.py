"""Question answering over your own documents, in exact sentences with citations.

Importing the package loads nothing heavy: each public name is imported from its module on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag.config import Settings, load_settings
    from rag.conversation import Chat
    from rag.errors import IndexMismatch, IndexMissing, RagError
    from rag.library import Library
    from rag.records import Answer, Citation, Document, Hit, Passage, Span

__version__ = "0.6.0"  # the only place that states it

_HOMES = {
    "Answer": "rag.records",
    "Chat": "rag.conversation",
    "Citation": "rag.records",
    "Document": "rag.records",
    "Hit": "rag.records",
    "IndexMismatch": "rag.errors",
    "IndexMissing": "rag.errors",
    "Library": "rag.library",
    "Passage": "rag.records",
    "RagError": "rag.errors",
    "Settings": "rag.config",
    "Span": "rag.records",
    "load_settings": "rag.config",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'rag' has no attribute {name!r}")
