"""The documents of a build: listed by manifest.json, or beyond a million passages (here fewer) in an Arrow file next to it."""

import hashlib
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answering.overview_targets import Target, named_document
from rag.config import PassageSettings, Settings
from rag.errors import IndexBroken, IndexMismatch, PackageMissing
from rag.index import manifest as manifest_module
from rag.index.build_files import FILES, load_index, read_documents
from rag.index.builds import live_build, previous_build, roll_back
from rag.index.catalogue import Catalogue
from rag.index.doctor import examine
from rag.index.entries import ENTRIES, Entries, Entry, ListedEntries
from rag.index.live_index import LiveIndex
from rag.index.local_index import LocalIndex
from rag.index.manifest import (
    Contents,
    CorpusFiles,
    Duplicate,
    Failure,
    Nearest,
    StoredFile,
    check_files,
    load_manifest,
    save_manifest,
)
from rag.index.published import CATALOGUE
from rag.index.remote_index import RemoteIndex
from rag.index.stored_entries import StoredEntries, save_entries
from rag.index.updating import rebuild_differs
from rag.models.model_identity import ModelIdentity
from rag.storage.files import sha256_json
from tests.conftest import ReadHere, WordEmbedder, index_of, updated
from tests.sample_files import archive
from tests.test_engines import built, hits, live, milvus  # noqa: F401 - the last is a fixture
from tests.test_index import files_of

HOSTILE = [
    "",
    "a",
    "a/b.md",
    "a/b.md\nc",
    "a.zip/x",
    "a.zip-b",
    "a0",
    "ü/ß",
    "\ud800",
    "\udfff/\U0010ffff",
    "\U0010ffff",
    "*[?",
    "\0",
]
texts = st.sampled_from(HOSTILE) | st.text(st.characters(codec=None, exclude_categories=[]), max_size=12)
entries = st.builds(
    Entry,
    id=texts,
    title=texts,
    digest=texts,
    passages=st.integers(0, 4),
    cut=st.integers(0, 2**40),
    notes=st.lists(texts, max_size=2).map(tuple),
    language=st.sampled_from(["", "en", "de", "zh", "\ud800"]),
)


def contents_of(documents: Sequence[Entry], duplicates: Sequence[Duplicate] = ()) -> Contents:
    passages = sum(document.passages for document in documents)
    corpus = CorpusFiles(ListedEntries(documents), tuple(duplicates), (Failure("c.pdf", "it is empty"),))
    model, digests = ModelIdentity("words", "0" * 64), {"documents.jsonl": "d4"}
    return Contents(PassageSettings(), corpus, passages, model, 32, "Flat", digests)


def saved(documents: Sequence[Entry], folder: Path) -> StoredEntries:
    save_entries(folder / ENTRIES, ListedEntries(documents))
    return StoredEntries(folder / ENTRIES)


@settings(max_examples=150, deadline=None)
@given(st.lists(entries, max_size=12, unique_by=lambda entry: entry.id))
def test_columns_hold_what_the_list_holds(documents: list[Entry]) -> None:
    """Every view of the columns is compared with the list: any text, in any order, and the empty list."""
    with tempfile.TemporaryDirectory() as folder:
        stored = saved(documents, Path(folder))
    assert list(stored) == documents == [stored[number] for number in range(len(documents))]
    assert stored == ListedEntries(documents) and ListedEntries(documents) == stored
    assert stored[1:] == documents[1:] and stored[-2:5] == documents[-2:5]
    with pytest.raises(IndexError):
        stored[len(documents)]
    for view in (stored, ListedEntries(documents)):
        check_views(view, documents)


def check_views(view: Entries, documents: list[Entry]) -> None:
    assert view.passages == sum(document.passages for document in documents)
    assert dict(view.by_id) == {document.id: document for document in documents} and list(view.by_id) == [d.id for d in documents]
    end = 0
    for number, document in enumerate(documents):
        assert view.number_of(document.id) == number and document.id in view.rows
        assert view.rows[document.id] == range(end, end := end + document.passages)
        assert [view.number_at(row) for row in view.rows[document.id]] == [number] * document.passages
    assert view.number_of("no such name") is None and "no such name" not in view.rows
    for prefix in HOSTILE:
        assert list(view.ids_starting_with(prefix)) == sorted(d.id for d in documents if d.id.startswith(prefix))
    for language in ("", "de", "fr"):
        assert view.ids_in(language) == [d.id for d in documents if d.language == language]
    counts = Counter(document.language for document in documents)
    assert list(view.documents_by_language.items()) == sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    each = [document.language for document in documents for _ in range(document.passages)]
    most = [language for language, _ in sorted(Counter(each).items(), key=lambda item: (-item[1], item[0]))]
    assert view.languages == (("en",) if set(each) <= {"en", ""} else tuple(most))
    assert view.row_languages.dtype == np.uint8
    if set(each) <= {"en", ""}:
        assert not view.row_languages.any() and len(view.row_languages) == len(each)
    else:
        assert [view.languages[place] for place in view.row_languages] == each


def test_different_documents_are_not_equal(tmp_path: Path) -> None:
    documents = [Entry("a", "A", "1", 1, 0), Entry("b", "B", "2", 1, 0)]
    stored = saved(documents, tmp_path)
    assert stored != ListedEntries(documents[:1])
    assert stored != ListedEntries([documents[0], replace(documents[1], notes=("cut",))])
    assert stored != documents


LISTED = [
    Entry("a.zip/ferns.md", "Ferns, «\ud800»", "a1", 2, 1, ("1 page left out", "x\ny"), "en"),
    Entry("a.zip-b.md", "", "b2", 0, 0),
    Entry("farne.txt", "Farne\nund Moose", "c3", 3, 0, (), "de"),
]


def test_a_small_manifest_has_the_bytes_of_format_9(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apart from its number, format 10 changes nothing in a manifest that lists its documents."""
    monkeypatch.setattr(manifest_module, "FORMAT", 9)
    contents = contents_of(LISTED, [Duplicate("b.md", "a.zip-b.md")])
    manifest = save_manifest(tmp_path, contents, Nearest("Flat"), {"documents.jsonl": StoredFile(1, "d4")})
    data = (tmp_path / "manifest.json").read_bytes()
    assert len(data) == 956
    assert hashlib.sha256(data).hexdigest() == "e6f965d7bd705d9fba00ad0628c312b0c8d49df025d2d312f4d6171ec2814624"
    assert manifest.hash == "44bb9881e891b09a36434a712b58ddeb7ec78fcd4d4adfdaefa58d9717c86db2"
    assert load_manifest(tmp_path) == manifest and not (tmp_path / ENTRIES).exists()


@settings(max_examples=60, deadline=None)
@given(st.lists(entries, max_size=6, unique_by=lambda entry: entry.id))
def test_the_hash_is_that_of_the_values_wherever_the_documents_are(documents: list[Entry]) -> None:
    contents = contents_of(documents)
    assert contents.hash == sha256_json(contents.values())
    for limit in (10**6, -1):
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setattr(manifest_module, "LISTED", limit)
            saved = save_manifest(Path(folder), contents, Nearest("Flat"), {})
            loaded = load_manifest(Path(folder))
            assert Path(folder, ENTRIES).exists() == (limit < 0)
            check_files(Path(folder), loaded)
        assert loaded == saved and loaded.hash == loaded.contents.hash == contents.hash
        assert loaded.contents.values() == contents.values()


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every build with a passage counts as large."""
    monkeypatch.setattr(manifest_module, "LISTED", 0)


def all_files(index: Path) -> dict[str, bytes]:
    build = live_build(index)
    return files_of(index) | {ENTRIES: (build / ENTRIES).read_bytes() if (build / ENTRIES).exists() else b""}


def test_an_update_across_the_limit_equals_a_build_from_scratch(
    mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In both directions, and above it. The hash does not depend on where the documents are stored."""
    (mixed / "a.zip").write_bytes(archive({"z.md": "# Zinnias\n\nThey like sun.", "m.txt": "Moss."}))
    (mixed / "a.zip-b.md").write_text("# Asters\n\nThey flower in autumn.")  # sorted between the archive and its members
    limit = index_of(mixed).manifest.passages
    monkeypatch.setattr(manifest_module, "LISTED", limit)
    index = tmp_path / "index"
    updated(mixed, index)
    assert not all_files(index)[ENTRIES]
    steps = [("new.txt", "Lichen grows on bark.", True), ("guide.md", None, False), ("two.txt", "Ivy.\n\nIvy climbs.", True)]
    for number, (name, text, stored) in enumerate(steps):
        (mixed / name).unlink() if text is None else (mixed / name).write_text(text)
        if name == "guide.md":
            (mixed / "twin.md").unlink()
        monkeypatch.setattr(manifest_module, "LISTED", limit if name != "two.txt" else 3)
        update, _ = updated(mixed, index)
        scratch, _ = updated(mixed, tmp_path / f"scratch-{number}")
        assert bool(all_files(index)[ENTRIES]) == stored
        assert all_files(index) == all_files(tmp_path / f"scratch-{number}")
        assert update.manifest.files.keys() == scratch.manifest.files.keys()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(manifest_module, "LISTED", 10**6)
            assert index_of(mixed).digest == update.digest
        assert [entry.id for entry in update.manifest.corpus.documents] == list(update.documents)
        assert rebuild_differs(ReadHere(mixed), index, recipe(), progress=lambda *_: None) == []
        again, changes = updated(mixed, index)
        assert not changes.any and again.digest == update.digest and changes.embedded == 0


def recipe() -> Any:
    from rag.index.updating import Recipe

    return Recipe(WordEmbedder(), PassageSettings())


def test_a_large_index_answers_like_a_small_one(mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (mixed / "farne.txt").write_text(
        "Farne brauchen feuchte Erde und wachsen im Schatten. Sie welken ohne Wasser nach zwei Tagen."
    )
    small = index_of(mixed)
    monkeypatch.setattr(manifest_module, "LISTED", 0)
    large, _ = updated(mixed, tmp_path / "index")
    assert isinstance(large.manifest.corpus.documents, StoredEntries)
    assert len(large.languages) > 1
    assert views_of(large) == views_of(small)
    names = [document.id for document, _ in read_documents(live_build(tmp_path / "index"))]
    assert names == list(small.documents)


def views_of(index: LocalIndex) -> list[object]:
    names = [*index.entries, "twin.md", "nothing"]
    selections = [["sub/"], ["*.md"], ["m*"], ["language:de"], ["twin.md"], ["nothing"], ["t?in.md", "sub/moss.txt"]]
    return [
        *[index.entry_for(name) for name in names],
        *[index.passages_of(name) for name in names],
        *[index.documents_of(selection) for selection in selections],
        *[index.rows_of(selection).tolist() for selection in selections],
        *[(index.passage_before(passage), index.passage_after(passage)) for passage in index.passages],
        *[document.text for document in index.documents.values()],
        index.languages,
        index.row_languages.tolist(),
        index.manifest.corpus.languages,
        index.manifest.corpus.digests,
    ]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(entries, max_size=8, unique_by=lambda entry: entry.id),
    st.lists(st.tuples(texts, st.integers(0, 7)), max_size=3),
    st.lists(texts | texts.map("{}/".format) | texts.map("{}*".format), max_size=4),
)
def test_selections_match_every_name_in_turn(documents: list[Entry], copies: list[tuple[str, int]], selection: list[str]) -> None:
    """The reference is a loop over all names, with those of duplicates, which differ from those of documents."""
    ids = {document.id for document in documents}
    same = {name: documents[n % len(documents)].id for name, n in copies if documents and name not in ids}
    contents = contents_of(documents, [Duplicate(*pair) for pair in same.items()])
    manifest = manifest_module.Manifest(contents, Nearest("Flat"), {}, "")
    unused = dict.fromkeys(field.name for field in fields(Catalogue))
    catalogue = Catalogue(**unused | {"manifest": manifest})  # type: ignore[arg-type]
    names = {name: name for name in ids} | same
    expected = set()
    for chosen in selection:
        if chosen in names:
            expected.add(names[chosen])
        elif chosen.endswith("/"):
            expected |= {id for name, id in names.items() if name.startswith(chosen)}
        elif any(sign in chosen for sign in "*?["):
            expected |= {id for name, id in names.items() if fnmatchcase(name, chosen)}
    assert catalogue.documents_of(selection) == sorted(expected)


@pytest.mark.usefixtures("large")
def test_a_damaged_file_of_documents_is_refused_and_repaired(corpus: Path, tmp_path: Path) -> None:
    index, _ = updated(corpus, tmp_path / "index")
    build = live_build(tmp_path / "index")
    whole, places = (build / ENTRIES).read_bytes(), random.Random(3)
    damages: list[bytes | None] = [None, b"", b"ARROW1", whole[: len(whole) // 2], whole[:-1], whole + b"x", bytes(len(whole))]
    for _ in range(300):
        data = bytearray(whole)
        data[places.randrange(len(data))] ^= 1 << places.randrange(8)
        damages.append(bytes(data))
    for damage in damages:
        (build / ENTRIES).unlink(missing_ok=True)
        if damage is not None:
            (build / ENTRIES).write_bytes(damage)
        with pytest.raises(IndexBroken, match=f"{ENTRIES} is damaged; run `rag build`") as raised:
            load_index(build)
        assert "\n" not in str(raised.value)
    for damage in damages[:10]:
        build = live_build(tmp_path / "index")
        (build / ENTRIES).write_bytes(damage or b"")
        repaired, _ = updated(corpus, tmp_path / "index")
        assert repaired.digest == index.digest and all_files(tmp_path / "index")[ENTRIES] == whole


@pytest.mark.usefixtures("large")
def test_the_file_of_documents_is_hashed_whatever_its_size(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When an index is opened, other large files are checked by size. This one is part of the manifest, which is always hashed."""
    updated(corpus, tmp_path / "index")
    build = live_build(tmp_path / "index")
    for module in ("manifest", "build_files"):
        monkeypatch.setattr(f"rag.index.{module}.HASHED", 10)
    (build / ENTRIES).write_bytes((build / ENTRIES).read_bytes().replace(b"guide.md", b"guide.mx"))
    for read in (load_index, load_manifest):
        with pytest.raises(IndexBroken, match="entries.arrow is damaged; run `rag build`"):
            read(build)
    checks = examine(Settings(corpus=corpus, index=tmp_path / "index"), model=identity())
    assert (f"{build / ENTRIES} is damaged", "run `rag build` to rebuild the index") in checks[0].faults


def identity() -> ModelIdentity:
    return WordEmbedder().identity


@pytest.mark.usefixtures("large")
def test_the_file_of_documents_belongs_to_its_build_alone(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`rag doctor` accepts it only in a build whose manifest names it; `rag rollback` returns to a build without it."""
    index, where = tmp_path / "index", Settings(corpus=corpus, index=tmp_path / "index")
    monkeypatch.setattr(manifest_module, "LISTED", 5)
    before, _ = updated(corpus, index)
    (corpus / "new.txt").write_text("Moss grows on stones.")
    after, _ = updated(corpus, index)
    assert (live_build(index) / ENTRIES).exists()
    assert [(check.name, check.faults) for check in examine(where, model=identity()) if check.faults] == []
    previous = previous_build(index)
    assert previous is not None
    roll_back(index, previous)
    assert load_index(live_build(index)).digest == before.digest
    (live_build(index) / ENTRIES).write_bytes(b"x")
    faults = [fault for check in examine(where, model=identity()) for fault in check.faults if ENTRIES in fault[0]]
    assert faults == [(f"{live_build(index) / ENTRIES} does not belong to the build", f"run `rm {live_build(index) / ENTRIES}`")]
    (live_build(index) / ENTRIES).unlink()
    assert updated(corpus, index)[0].digest == after.digest


def test_without_pyarrow_a_build_stops_at_the_limit_and_the_previous_one_answers(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_module, "LISTED", 5)
    before, _ = updated(corpus, tmp_path / "index")
    live = LiveIndex(tmp_path / "index", PassageSettings(), WordEmbedder())
    assert live.current().digest == before.digest
    (corpus / "new.txt").write_text("Moss grows on stones.")
    words = WordEmbedder()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(PackageMissing, match=r'not installed; run `pip install "quoted-answers\[arrow\]"`') as raised:
            updated(corpus, tmp_path / "index", words)
        assert "\n" not in str(raised.value)
        assert load_index(live_build(tmp_path / "index")).digest == before.digest
    after, _ = updated(corpus, tmp_path / "index")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pyarrow", None)
        assert live.current().digest == before.digest and "quoted-answers[arrow]" in live.trouble
        with pytest.raises(PackageMissing):
            load_index(live_build(tmp_path / "index"))
    fresh = LiveIndex(tmp_path / "index", PassageSettings(), WordEmbedder())
    assert fresh.current().digest == after.digest


@pytest.mark.usefixtures("large")
def test_a_document_is_found_by_its_title_without_looking_up_all_others(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lookup takes ten times as long as reading an entry in its turn."""
    index, _ = updated(corpus, tmp_path / "index")
    ids, lookups = list(index.entries), Counter[str]()
    titles = [entry.title for entry in index.manifest.corpus.documents]
    look_up = StoredEntries.number_of
    monkeypatch.setattr(StoredEntries, "number_of", lambda entries, id: (lookups.update([id]), look_up(entries, id))[1])
    for id, title in zip(ids, titles, strict=True):
        assert named_document(title, index, ids, ()) == Target(title, (id,))
        assert not lookups
    assert named_document(titles[0], index, ids[1:], ()) is None and sorted(lookups) == sorted(ids[1:])


@pytest.mark.usefixtures("large")
def test_older_versions_refuse_a_manifest_without_documents(corpus: Path, tmp_path: Path) -> None:
    """They compare the format before they read anything else, and refuse every number but their own."""
    updated(corpus, tmp_path / "index")
    values = json.loads((live_build(tmp_path / "index") / "manifest.json").read_text())
    assert "documents" not in values and values["format"] == manifest_module.STORED_FORMAT != manifest_module.FORMAT
    (live_build(tmp_path / "index") / "manifest.json").write_text(json.dumps(values | {"format": 999}))
    with pytest.raises(IndexMismatch, match=f"format 999, now {manifest_module.FORMAT}"):
        load_manifest(live_build(tmp_path / "index"))


@pytest.mark.usefixtures("large")
def test_a_front_end_of_an_engine_reads_documents_from_their_file(
    mixed: Path,
    tmp_path: Path,
    milvus: str,  # noqa: F811 - the fixture
) -> None:
    """It needs only the files of CATALOGUE, which include this one, and its hits are those of a small index."""
    stored = built(mixed, tmp_path / "stored", milvus)
    for name in set(FILES) - set(CATALOGUE):
        (live_build(tmp_path / "stored") / name).unlink()
    front_end = live(tmp_path / "stored", milvus).current()
    assert isinstance(front_end, RemoteIndex) and isinstance(front_end.manifest.corpus.documents, StoredEntries)
    expected = {query: hits(index_of(mixed), query) for query in ("repot a fern", "moss on stones")}
    assert {query: hits(front_end, query) for query in expected} == {query: hits(stored, query) for query in expected} == expected
    (live_build(tmp_path / "stored") / ENTRIES).write_bytes(b"x")
    with pytest.raises(IndexBroken, match=f"{ENTRIES} is damaged; run `rag build`"):
        live(tmp_path / "stored", milvus).current()
