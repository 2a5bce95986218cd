"""The live build of an index folder, kept in memory and reloaded when another build becomes live."""

import threading
from collections.abc import Callable
from pathlib import Path

from rag.config import PassageSettings
from rag.errors import IndexBroken, IndexMismatch
from rag.index.build_files import load_index
from rag.index.builds import live_build
from rag.index.contents import Index
from rag.index.manifest import check_manifest, load_manifest
from rag.models.embedder import Embedder


class LiveIndex:
    """Safe to share between threads. A build that cannot be used is not loaded again; the previous one stays in use."""

    def __init__(
        self, folder: Path, settings: PassageSettings, embedder: Embedder, loaded: Callable[[], None] = lambda: None
    ) -> None:
        """`loaded` is called whenever another build is in use."""
        self._root = folder
        self._settings = settings
        self._embedder = embedder
        self._on_load = loaded
        self._lock = threading.Lock()
        self._index: Index | None = None
        self._loaded: Path | None = None
        self._refused: Path | None = None
        self.trouble = ""
        """Why the newest build is not in use; empty if it is."""

    def current(self) -> Index:
        """The live build, or the last usable one if the live build is broken or does not fit the settings.

        Raises IndexMissing, and IndexBroken or IndexMismatch if no build has been usable so far.
        """
        with self._lock:
            try:
                build = live_build(self._root)
                if self._index is None or build not in (self._loaded, self._refused):
                    self._refused = build
                    self._index, self._refused = self._load(), None
                    self._on_load()
                if build == self._loaded:
                    self.trouble = ""
            except (IndexBroken, IndexMismatch) as error:
                if self._index is None:
                    raise
                self.trouble = str(error)
            return self._index

    def _load(self) -> Index:
        while True:
            build = live_build(self._root)
            try:
                model = self._embedder.identity
                check_manifest(load_manifest(build), model=model, settings=self._settings)  # before the model is loaded
                dim = self._embedder.dim
                index = load_index(build, model=model, dim=dim, settings=self._settings)
            except IndexBroken:
                if live_build(self._root) == build:
                    raise
                continue  # replaced and deleted while being loaded
            self._loaded = build
            return index
