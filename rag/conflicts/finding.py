"""All sentences of an index that contradict each other, and the documents that are versions of one another."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from rag.conflicts.comparing import Difference, DifferenceKind, difference
from rag.conflicts.stated_sentences import Stated, similar_pairs, stated_in, with_vectors
from rag.conflicts.subjects import about_the_same
from rag.conflicts.versions import Date, VersionOrder, date_of, version_order
from rag.index.builds import Report, build_lock, live_build
from rag.index.contents import Index
from rag.index.entries import Entry
from rag.index.manifest import load_manifest
from rag.index.sentence_vectors import SentenceVectors
from rag.models.embedder import Embedder
from rag.records import Location, Span

MOST_PLACES = 10  # of one sentence that occurs in many documents; compared place by place
HALF_CERTAIN = 4  # shared content words at which half of the score is reached: a longer sentence is about the same more surely
WITHIN_ONE = 0.8  # weight of conflicts within one document, where two statements are more often about two things


@dataclass(frozen=True, slots=True)
class Side:
    """One of two contradicting sentences: its places, of which the first is quoted, and the differing spans of the quote."""

    places: tuple[Location, ...]
    marks: tuple[Span, ...]
    date: Date

    @property
    def quote(self) -> str:
        return self.places[0].quote

    @property
    def pieces(self) -> list[tuple[str, bool]]:
        """The quote in pieces, each with whether it differs."""
        pieces, position = [], 0
        for span in self.marks:
            pieces += [(self.quote[position : span.start], False), (span.of(self.quote), True)]
            position = span.end
        return [*pieces, (self.quote[position:], False)]

    @property
    def differing(self) -> str:
        """The words that differ; "–" if the sentence only lacks a negation."""
        return " … ".join(span.of(self.quote) for span in self.marks) or "–"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two sides that cannot both be true, the newer first if their documents say from when they are. `score` is 0 to 1."""

    kind: DifferenceKind
    first: Side
    second: Side
    score: float

    @property
    def newer(self) -> bool:
        """Whether the first side is known to be the newer."""
        return bool(self.first.date and self.second.date and self.first.date > self.second.date)

    @property
    def summary(self) -> str:
        return f"{self.kind}: {self.first.differing} / {self.second.differing}"


@dataclass(frozen=True, slots=True)
class Versions:
    """Two versions of one document, the newer first, with what they say differently; `known` is False if either may be newer."""

    newer: Entry
    older: Entry
    known: bool
    why: str
    changes: tuple[Conflict, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """Conflicts by score, best first; versions by document id. `embedded` sentences were new."""

    conflicts: tuple[Conflict, ...]
    versions: tuple[Versions, ...]
    documents: int
    sentences: int
    embedded: int


def find_conflicts(
    index: Index, embedder: Embedder, folder: Path, *, only: Sequence[str] | None = None, progress: Report = lambda *_: None
) -> Findings:
    """Compares all sentences of the documents, or of those that `only` selects.

    Vectors are kept in the index `folder`, so that the next time only new sentences are embedded and compared.
    """
    chosen = set(index.documents_of(only)) if only else index.entries.keys()
    entries = [index.entries[id] for id in sorted(index.entries)]
    documents = []
    for done, entry in enumerate(entries):
        progress("reading", done, len(entries))
        documents.append((entry, stated_in(index, entry)))
    store = SentenceVectors(folder, index.manifest)
    _sweep(folder)  # what is stored may be of a build that was rolled back
    try:
        rows, vectors, embedded = with_vectors(documents, store, embedder, progress)
        compared = similar_pairs(rows, vectors, store.compared(), progress)
        store.save_compared(compared)
    finally:
        _sweep(folder)
    places = _places(sentence for entry, sentences in documents if entry.id in chosen for sentence in sentences)
    pairs = [pair for pair in compared.pairs if pair[0] in places and pair[1] in places]
    conflicts, versions = _judged(index, pairs, places, progress)
    return Findings(conflicts, versions, len(chosen), sum(map(len, places.values())), embedded)


def _sweep(folder: Path) -> None:
    """Under the builder's lock: a build may have removed documents in the meantime."""
    with build_lock(folder, wait=True):
        SentenceVectors(folder, load_manifest(live_build(folder))).sweep()


def _places(sentences: Iterator[Stated]) -> dict[bytes, list[Stated]]:
    places: dict[bytes, list[Stated]] = defaultdict(list)
    for sentence in sentences:
        places[sentence.key].append(sentence)
    return dict(places)


def _judged(
    index: Index, pairs: Sequence[tuple[bytes, bytes]], places: Mapping[bytes, Sequence[Stated]], progress: Report
) -> tuple[tuple[Conflict, ...], tuple[Versions, ...]]:
    conflicts: list[Conflict] = []
    changes: dict[tuple[str, str], list[Conflict]] = defaultdict(list)
    orders: dict[tuple[str, str], VersionOrder | None] = {}
    for done, (key, other_key) in enumerate(pairs):
        if done % 1000 == 0:
            progress("judging", done, len(pairs))
        first, second = places[key][:MOST_PLACES], places[other_key][:MOST_PLACES]
        mismatch = difference(first[0].location.quote, second[0].location.quote)
        if mismatch is None:
            continue
        contradicting = []
        for pair in product(first, second):
            ids = (pair[0].location.document_id, pair[1].location.document_id)
            order = _order(index, ids, orders)
            if order:
                changes[min(ids), max(ids)].append(_conflict(index, [pair], mismatch))
            elif about_the_same(pair[0].standing, pair[1].standing, mismatch):
                contradicting.append(pair)
        if contradicting:
            conflicts.append(_conflict(index, contradicting, mismatch))
    versions = [_versions(index, ids, orders[ids], changes.get(ids, [])) for ids in sorted(orders)]
    return _ranked(conflicts), tuple(version for version in versions if version)


def _order(index: Index, ids: tuple[str, str], orders: dict[tuple[str, str], VersionOrder | None]) -> VersionOrder | None:
    ids = (min(ids), max(ids))
    if ids[0] == ids[1]:
        return None
    if ids not in orders:
        orders[ids] = version_order(index.documents[ids[0]], index.documents[ids[1]])
    return orders[ids]


def _versions(index: Index, ids: tuple[str, str], order: VersionOrder | None, changes: Sequence[Conflict]) -> Versions | None:
    if order is None:
        return None
    newer, older = (ids[1], ids[0]) if order.newer == 1 else ids
    sided = tuple(_first_from(newer, change) for change in _ranked(changes))
    return Versions(index.entries[newer], index.entries[older], order.newer is not None, order.why, sided)


def _first_from(document_id: str, change: Conflict) -> Conflict:
    if change.first.places[0].document_id == document_id:
        return change
    return Conflict(change.kind, change.second, change.first, change.score)


def _conflict(index: Index, pairs: Sequence[tuple[Stated, Stated]], mismatch: Difference) -> Conflict:
    sides = []
    for number, marks in enumerate((mismatch.first, mismatch.second)):
        places = tuple(dict.fromkeys(pair[number].location for pair in pairs))
        sides.append(Side(places, marks, date_of(index.documents[places[0].document_id])))
    first, second = sorted(sides, key=lambda side: (side.places[0].document_id, side.places[0].span))
    if first.date and second.date > first.date:
        first, second = second, first
    within = first.places[0].document_id == second.places[0].document_id
    certainty = 1 - 2 ** (-mismatch.shared / HALF_CERTAIN)
    score = mismatch.coverage * certainty * (WITHIN_ONE if within else 1.0)
    return Conflict(mismatch.kind, first, second, round(score, 4))


def _ranked(conflicts: Sequence[Conflict]) -> tuple[Conflict, ...]:
    def order(conflict: Conflict) -> tuple[object, ...]:
        return (
            -conflict.score,
            *((side.places[0].document_id, side.places[0].span) for side in (conflict.first, conflict.second)),
        )

    return tuple(sorted(conflicts, key=order))
