"""The live build of an index folder, kept in memory and reloaded when another build becomes live."""

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rag.config import LOCAL, PassageSettings
from rag.errors import EngineError, IndexBroken, IndexMismatch, PackageMissing
from rag.index.build_files import load_index
from rag.index.builds import live_build
from rag.index.contents import Index
from rag.index.engines.protocol import Engine
from rag.index.manifest import check_manifest, load_manifest
from rag.models.embedder import Embedder
from rag.models.model_identity import ModelIdentity

RETRY_SECONDS = 5.0  # until a build that an engine has refused is tried again; the engine may be restarting


class LiveIndex:
    """Safe to share between threads. A damaged build is not loaded again; the previous one stays in use."""

    def __init__(
        self,
        folder: Path,
        settings: PassageSettings,
        embedder: Embedder,
        loaded: Callable[[], None] = lambda: None,
        *,
        engine: str = LOCAL,
    ) -> None:
        """`loaded` is called whenever another build is in use; `engine` as in the setting `index.engine`."""
        self._root = folder
        self._setting = engine
        self._engine: Engine | None = None
        self._settings = settings
        self._embedder = embedder
        self._on_load = loaded
        self._lock = threading.Lock()
        self._index: Index | None = None
        self._loaded: Path | None = None
        self._refused: Path | None = None
        self._again = math.inf
        self.trouble = ""
        """Why the newest build is not in use; empty if it is."""

    def current(self) -> Index:
        """The live build, or the last usable one if the live build is broken or does not fit the settings.

        Raises IndexMissing, and IndexBroken, IndexMismatch, PackageMissing or EngineError if no build has been usable so far.
        """
        with self._lock:
            try:
                build = live_build(self._root)
                if self._index is None or build not in (self._loaded, self._refused) or time.monotonic() > self._again:
                    self._refused, self._again = build, math.inf
                    self._index, self._refused = self._load(), None
                    self._on_load()
                if build == self._loaded:
                    self.trouble = ""
            except (IndexBroken, IndexMismatch, PackageMissing, EngineError) as error:
                if self._index is None:
                    raise
                self.trouble = str(error)
                if isinstance(error, EngineError):
                    self._again = time.monotonic() + RETRY_SECONDS
            return self._index

    def _load(self) -> Index:
        while True:
            build = live_build(self._root)
            try:
                model = self._embedder.identity
                check_manifest(load_manifest(build), model=model, settings=self._settings)  # before the model is loaded
                dim = self._embedder.dim
                index = self._opened(build, model, dim)
            except IndexBroken:
                if live_build(self._root) == build:
                    raise
                continue  # replaced and deleted while being loaded
            self._loaded = build
            return index

    def _opened(self, build: Path, model: ModelIdentity, dim: int) -> Index:
        if self._setting == LOCAL:
            return load_index(build, model=model, dim=dim, settings=self._settings)
        from rag.index.engines.milvus import MilvusEngine
        from rag.index.remote_index import load_remote

        self._engine = self._engine or MilvusEngine(self._setting)
        return load_remote(build, self._engine, model=model, dim=dim, settings=self._settings)
