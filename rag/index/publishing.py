"""Copies the rows of a build to an engine before the build becomes live, and deletes those of builds that are gone.

Rows are never changed: a changed passage is another row with another key, so that the rows of the live build, of the previous one
and of the next lie side by side. What a killed build inserted is found because the count differs, and deleted.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.config import LOCAL, DenseSettings
from rag.errors import EngineError, IndexBroken, IndexMissing
from rag.index.build_files import HEADINGS, IDS, KEYS, TERMS, VECTORS
from rag.index.builds import Report, live_build, previous_build
from rag.index.dense import OVERSAMPLING, sampled_queries
from rag.index.engines.protocol import ROW_FORMAT, Collection, Engine, Keys, PassageTerms, Row
from rag.index.lexical import LexicalIndex
from rag.index.manifest import FORMAT, Manifest, damaged_among, load_manifest, model_values
from rag.index.published import ROW_KEYS, Published, load_published, save_published
from rag.index.term_statistics import save_term_statistics
from rag.storage.arrays import map_array, save_array
from rag.storage.files import replace_file, sha256_json

PREFIX_FILE = "ENGINE"  # the file of the index folder that holds the beginning of its collections' names
INSERTED_AT_ONCE = 500  # rows; 2 MB
WORDS_KEPT = 2**16  # decoded terms, which recur


@dataclass(frozen=True)
class Publisher:
    """Publishes the builds of an index folder. Every method raises EngineError if the engine fails.

    Beyond `exact_up_to` passages, the nearest vectors are approximate.
    """

    root: Path
    engine: Engine
    exact_up_to: int = DenseSettings().exact_up_to

    def publish(self, build: Path, manifest: Manifest, progress: Report) -> None:
        """Makes sure that all rows of a build, and of those that are kept, are in the engine, and records that in its folder."""
        name = self._collection(manifest)
        exact = manifest.passages <= self.exact_up_to
        collection = self.engine.create(name, manifest.contents.dim, exact=exact)
        kept = {folder: keys for folder, (used, keys) in self._published_builds().items() if used == name}
        published = [(_BuildRows(folder, load_manifest(folder)), keys) for folder, keys in kept.items()]
        rows = _BuildRows(build, manifest)
        keys = rows.keys(published)
        builds = [*published, (rows, keys)]
        present = _union(kept.values())
        if collection.count() != len(present):  # a build was killed, or rows are lost
            present = _delete_others(collection, np.union1d(present, keys))
        present = _insert_lacking(collection, builds, present, progress)
        if collection.count() > len(present):  # keys are not unique there: an insertion that was tried again added a row twice
            collection.delete(present)
            present = _insert_lacking(collection, builds, _union([]), progress)
        _check_count(self.engine, collection, len(present))
        if build not in kept:
            save_array(build / ROW_KEYS, keys)
            save_term_statistics(build, manifest.corpus.documents.row_languages, map_array(build / IDS))
            save_published(build, name, None if exact else _recall(collection, map_array(build / VECTORS), keys))

    def sweep(self, *, scan: bool = False) -> None:
        """Deletes the rows that belong neither to the live build nor to the previous one.

        Keys are compared only if the number of rows differs, or with `scan`, which tolerates lacking rows.
        """
        kept = self._published_keys()
        for name in self._collections():
            if name not in kept:
                self.engine.drop(name)
            elif (collection := self.engine.open(name)).count() != len(kept[name]) or scan:
                _delete_others(collection, kept[name])
                if not scan:
                    _check_count(self.engine, collection, len(kept[name]))

    def delete_damaged(self, build: Path, published: Published) -> int:
        """Deletes the rows of a published build whose contents do not fit their key; returns how many. Fetches every row."""
        collection, columns = self.engine.open(published.collection), _BuildRows(build, load_manifest(build))
        keys: Keys = map_array(build / ROW_KEYS)
        damaged = []
        for start in range(0, len(keys), INSERTED_AT_ONCE):
            stored = collection.fetch(keys[start : start + INSERTED_AT_ONCE])
            for number, key in enumerate(keys[start : start + INSERTED_AT_ONCE].tolist(), start):
                if key in stored and not columns.row(number).holds(*stored[key]):
                    damaged.append(key)
        collection.delete(np.array(damaged, dtype=np.int64))
        return len(damaged)

    def recall(self, build: Path, published: Published) -> float:
        """The share of the ten nearest vectors that a search finds now. It changes as the server indexes new rows."""
        collection = self.engine.open(published.collection)
        collection.count()  # from now on, searches wait for the counted rows only
        return _recall(collection, map_array(build / VECTORS), map_array(build / ROW_KEYS))

    def lacking_and_surplus(self) -> tuple[int, int]:
        """How many rows of the live and the previous build the engine lacks, and how many it has besides."""
        kept, names = self._published_keys(), self._collections()
        lacking, surplus = 0, 0
        for name in sorted(kept.keys() | set(names)):
            keys = kept.get(name, _union([]))
            stored = _scanned(self.engine.open(name)) if name in names else _union([])
            lacking += len(np.setdiff1d(keys, stored))
            surplus += len(np.setdiff1d(stored, keys))
        return lacking, surplus

    def _published_keys(self) -> dict[str, Keys]:
        """The keys of the live build and of the previous one, by collection."""
        kept = list(self._published_builds().values())
        return {name: _union(keys for used, keys in kept if used == name) for name, _ in kept}

    def _published_builds(self) -> dict[Path, tuple[str, Keys]]:
        """The collection and the keys of the live build and of the previous one, as far as they are published and undamaged."""
        kept = {}
        for which in (live_build, previous_build):
            try:
                folder = which(self.root)
                published = load_published(folder) if folder else None
                if folder and published and not any(damaged_among(folder, published.files)):
                    kept[folder] = published.collection, map_array(folder / ROW_KEYS)
            except (IndexMissing, IndexBroken, OSError, ValueError):  # the build that follows fixes each of these
                continue
        return kept

    def _collections(self) -> list[str]:
        """The collections of this index."""
        return [name for name in self.engine.names() if name.startswith(f"{self._prefix()}_")]

    def _collection(self, manifest: Manifest) -> str:
        """Rows of one format and model have a collection of their own, because vectors of others cannot be compared."""
        exact = manifest.passages <= self.exact_up_to
        recipe = [FORMAT, ROW_FORMAT, exact, model_values(manifest.contents.model, manifest.contents.dim)]
        return f"{self._prefix()}_{sha256_json(recipe)[:12]}"

    def _prefix(self) -> str:
        """Different for each index, so that several can share a server."""
        path = self.root / PREFIX_FILE
        if not path.exists():
            replace_file(path, f"rag_{secrets.token_hex(6)}\n".encode())
        return path.read_text(encoding="utf-8").strip()


def publisher_of(root: Path, setting: str, dense: DenseSettings) -> Publisher | None:
    """None if the engine is this machine. Raises EngineError if it cannot be used."""
    if setting == LOCAL:
        return None
    from rag.index.engines.milvus import MilvusEngine

    return Publisher(root, MilvusEngine(setting), dense.exact_up_to)


class _BuildRows:
    """The rows of a build, made from its vectors and terms."""

    def __init__(self, build: Path, manifest: Manifest) -> None:
        self._build = build
        self._entries = manifest.corpus.documents
        self._ids: NDArray[np.uint64] = map_array(build / IDS)
        self._vectors: NDArray[np.float32] = map_array(build / VECTORS)
        self._terms = [LexicalIndex.load(build, field) for field in (TERMS, HEADINGS)]
        self._words = [lru_cache(WORDS_KEPT)(terms.word) for terms in self._terms]

    def row(self, number: int) -> Row:
        entry = self._entries[self._entries.number_at(number)]
        text, headings = (
            tuple(map(word, terms.sequence[terms.starts[number] : terms.starts[number + 1]].tolist()))
            for terms, word in zip(self._terms, self._words, strict=True)
        )
        return Row(int(self._ids[number]), entry.id, entry.language, self._vectors[number], PassageTerms(text, headings))

    def keys(self, published: "Sequence[tuple[_BuildRows, Keys]]") -> Keys:
        """The key of each row. Those of passages that are in a published build of the same collection are copied from it."""
        keys = np.zeros(len(self._ids), dtype=np.int64)
        known = np.zeros(len(keys), dtype=np.bool_)
        for rows, copied in published:
            _, here, there = np.intersect1d(self._signatures, rows._signatures, return_indices=True)
            keys[here], known[here] = copied[there], True
        for number in np.flatnonzero(~known).tolist():
            keys[number] = self.row(number).key
        if len(np.unique(keys)) < len(keys):
            raise EngineError("two passages have the same row key; please report this as a bug")
        return keys

    @cached_property
    def _signatures(self) -> NDArray[Any]:
        """What determines a row in its collection: the passage's id, the digest of its embedded text, and its language."""
        signatures = np.zeros(len(self._ids), dtype="V28")
        view = signatures.view([("id", "<u8"), ("text", "V16"), ("language", "S4")])
        codes, numbers = self._entries.coded_languages
        languages = np.array([code.encode() for code in codes], dtype="S4")
        view["id"], view["text"] = self._ids, map_array(self._build / KEYS)
        view["language"] = np.repeat(languages[numbers], np.diff(self._entries.ends, prepend=0))
        return signatures


def _union(keys: Iterable[Keys]) -> Keys:
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *keys]))


def _scanned(collection: Collection) -> Keys:
    return np.concatenate([np.zeros(0, dtype=np.int64), *collection.scan()])


def _delete_others(collection: Collection, wanted: Keys) -> Keys:
    """Deletes all rows but the wanted ones, and returns the keys of those that are there."""
    stored = _scanned(collection)
    collection.delete(np.setdiff1d(stored, wanted))
    return np.intersect1d(stored, wanted)


def _insert_lacking(collection: Collection, builds: Sequence[tuple[_BuildRows, Keys]], present: Keys, progress: Report) -> Keys:
    """Inserts the rows of the builds whose keys are not present; returns the keys that are now."""
    for rows, keys in builds:
        numbers = np.flatnonzero(~np.isin(keys, present)).tolist()
        for start in range(0, len(numbers), INSERTED_AT_ONCE):
            progress("publishing", start, len(numbers))
            collection.insert([rows.row(number) for number in numbers[start : start + INSERTED_AT_ONCE]])
        progress("publishing", len(numbers), len(numbers))
        present = np.union1d(present, keys)
    return present


def _recall(collection: Collection, vectors: NDArray[np.float32], keys: Keys) -> float:
    """The share of the ten nearest vectors that a search finds, measured as on this machine."""
    queries, tenth = sampled_queries(vectors)
    hits = 0
    for query, least in zip(queries, tenth, strict=True):
        near, cosines = collection.dense(query, 10 * OVERSAMPLING)
        hits += min(10, int(np.count_nonzero(cosines[np.isin(near, keys)] >= least - 1e-5)))
    return round(hits / max(1, min(10, len(vectors)) * len(queries)), 4)


def _check_count(engine: Engine, collection: Collection, expected: int) -> None:
    if (count := collection.count()) != expected:
        raise EngineError(f"the engine at {engine.address} has {count} rows instead of {expected}; run `rag build` again")
