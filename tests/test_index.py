import json
import os
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.config import DenseSettings, PassageSettings, RetrievalSettings
from rag.errors import CorpusError, IndexBroken, IndexMismatch, IndexMissing, UnreadableFile
from rag.index.build_files import FILES, load_index
from rag.index.builds import live_build, previous_build
from rag.index.changes import CHANGES, corpus_changes, load_changes
from rag.index.manifest import FORMAT, Duplicate, Nearest
from rag.index.updating import Recipe, rebuild_differs
from rag.loading.containers.members import LoadedFile
from rag.loading.reading import READ_ONLY, Reading
from rag.retrieval import retrieve
from tests.conftest import ReadHere, WordEmbedder, index_of, updated
from tests.sample_files import archive

SETTINGS = PassageSettings()


def files_of(folder: Path) -> dict[str, bytes]:
    """All files of the live build except the one that records when it was made."""
    build = live_build(folder)
    return {name: (build / name).read_bytes() for name in FILES if name != CHANGES}


def test_a_loaded_index_is_what_was_saved(corpus: Path, tmp_path: Path) -> None:
    index, _ = updated(corpus, tmp_path / "index")
    assert [document.id for document in index.documents.values()] == ["faq.txt", "guide.md"]
    for passage in index.passages:
        assert passage.text == (corpus / passage.document_id).read_text()[passage.span.start : passage.span.end]
    row = next(row for row, passage in enumerate(index.passages) if "Repot" in passage.text)
    query = WordEmbedder().embed_query("repot a fern every two years spring best season")
    assert index.dense.search(query, 1)[0].tolist() == [row]
    assert int(index.lexical.scores(["repot"]).argmax()) == row


FILES_OF_LAW = {
    "one.md": ["# One\n\nFerns like soil.\n", "# One\n\nFerns like soil. Cats do not.\n", "# Uno\n\nNothing here.\n"],
    "two.txt": ["How long?\nTwo years.\n", "How long?\nThree years.\nWhy?\nBecause.\n"],
    "farne.md": [
        "# Farne\n\nDie Farne mögen z. B. nasse Erde, und das ist gut für alle.\n",
        "# 蕨类\n\n蕨类喜欢湿润的土壤。猫不喜欢。\n",
    ],
    "sub/three.html": ["<p>Ferns like soil.</p>", "<h1>T</h1><p>A cat.</p>"],
    "copy.md": ["# One\n\nFerns like soil.\n", "# Uno\n\nNothing here.\n"],
    "zopy.md": ["# One\n\nFerns like soil.\n"],
    "broken.txt": ["\0\1\2\3", ""],
    "same-broken.txt": ["\0\1\2\3"],
}
writes = st.sampled_from([(name, text) for name, texts in FILES_OF_LAW.items() for text in [*texts, None]])
renames = st.tuples(st.sampled_from(sorted(FILES_OF_LAW)), st.sampled_from([Path(name) for name in sorted(FILES_OF_LAW)]))
limits = st.sampled_from([PassageSettings(), PassageSettings(max_tokens=32)])


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(st.tuples(limits, st.lists(writes | renames, min_size=1, max_size=4)), min_size=2, max_size=5))
def test_an_update_equals_a_build_from_scratch(steps: list[Any]) -> None:
    """Law 5, byte for byte, for any sequence of additions, changes, renames, duplicates, removals and changed settings."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        corpus, index = Path(folder, "corpus"), Path(folder, "index")
        (corpus / "sub").mkdir(parents=True)
        for number, (limit, edits) in enumerate(steps):
            for name, edit in edits:
                path = corpus / name
                if edit is None:
                    path.unlink(missing_ok=True)
                elif isinstance(edit, str):
                    path.write_text(edit)
                elif path.exists():
                    path.replace(corpus / edit)
            update, _ = updated(ReadHere(corpus), index, settings=limit)
            scratch, _ = updated(ReadHere(corpus), Path(folder, f"scratch-{number}"), settings=limit)
            assert update.manifest.hash == scratch.manifest.hash
            assert files_of(index) == files_of(Path(folder, f"scratch-{number}"))
            changes = corpus_changes(corpus, update.manifest.corpus)
            assert (changes.added, changes.changed, changes.removed) == ([], [], [])


def test_only_new_texts_are_embedded(corpus: Path, tmp_path: Path) -> None:
    updated(corpus, tmp_path / "index")
    (corpus / "guide.md").rename(corpus / "moved.md")
    (corpus / "new.txt").write_text("Moss grows on stones.")
    words = WordEmbedder()
    _, changes = updated(corpus, tmp_path / "index", words)
    assert words.embedded == ["New\nMoss grows on stones."]
    assert (changes.added, changes.removed, changes.unchanged, changes.embedded) == (
        ["moved.md", "new.txt"],
        ["guide.md"],
        ["faq.txt"],
        1,
    )


def test_only_changed_files_are_read(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    updated(corpus, tmp_path / "index")
    (corpus / "faq.txt").write_text("Is it?\nYes.")
    (corpus / "copy.txt").write_text("Is it?\nYes.")
    read: list[str] = []

    class Watched(ReadHere):
        def read(self, names: Sequence[str], reading: Reading = READ_ONLY) -> Iterator[LoadedFile | UnreadableFile]:
            read.extend(names)
            return super().read(names, reading)

    updated(Watched(corpus), tmp_path / "index")
    assert read == ["copy.txt"]


def test_an_update_without_changes_writes_nothing_and_loads_no_model(corpus: Path, tmp_path: Path) -> None:
    class Unloaded(WordEmbedder):
        @property
        def dim(self) -> int:  # type: ignore[override]
            raise AssertionError("the model was loaded")

    updated(corpus, tmp_path / "index")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "index" / "builds").rglob("*") if path.is_file()}
    updated(corpus, tmp_path / "index", Unloaded())
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "index" / "builds").rglob("*") if path.is_file()} == before
    (corpus / "faq.txt").unlink()
    updated(corpus, tmp_path / "index", Unloaded())


def test_a_full_build_has_the_same_contents_and_embeds_everything(corpus: Path, tmp_path: Path) -> None:
    index, _ = updated(corpus, tmp_path / "index")
    again, changes = updated(corpus, tmp_path / "index", full=True)
    assert again.digest == index.digest
    assert changes.embedded == len(index.passages)
    assert changes.unchanged == ["faq.txt", "guide.md"]


def test_changed_settings_rebuild_everything(corpus: Path, tmp_path: Path) -> None:
    updated(corpus, tmp_path / "index")
    smaller = PassageSettings(max_tokens=32)
    with pytest.raises(IndexMismatch, match='"max_tokens":null.*"max_tokens":32.*rag build'):
        load_index(live_build(tmp_path / "index"), settings=smaller)
    updated(corpus, tmp_path / "index", settings=smaller)
    load_index(live_build(tmp_path / "index"), settings=smaller)


def test_another_model_dimension_or_format_is_refused_with_both_values(corpus: Path, tmp_path: Path) -> None:
    updated(corpus, tmp_path / "index")
    live = live_build(tmp_path / "index")
    identity = WordEmbedder.identity
    with pytest.raises(IndexMismatch, match="model name words, the settings ask for all-MiniLM.*rag build"):
        load_index(live, model=type(identity)("all-MiniLM", "1"))
    with pytest.raises(IndexMismatch, match="model digest 0000.*, the settings ask for 1; run `rag build`"):
        load_index(live, model=type(identity)("words", "1"))
    with pytest.raises(IndexMismatch, match="model dim 32, the settings ask for 384"):
        load_index(live, model=identity, dim=384)
    manifest = json.loads((live / "manifest.json").read_text())
    (live / "manifest.json").write_text(json.dumps(manifest | {"format": 1}))
    with pytest.raises(IndexMismatch, match=rf"another version \(format 1, now {FORMAT}\); run `rag build`"):
        load_index(live)


def test_unreadable_files_are_listed_and_the_others_are_indexed(corpus: Path, tmp_path: Path) -> None:
    (corpus / "broken.txt").write_bytes(b"\0\1\2\3")
    (corpus / "empty.md").write_text("")
    (corpus / "photo.xyz").write_bytes(b"x")
    index, changes = updated(corpus, tmp_path / "index")
    assert [failure.path for failure in changes.failed] == ["broken.txt", "empty.md", "photo.xyz"]
    assert set(index.documents) == {"faq.txt", "guide.md"}
    assert corpus_changes(corpus, index.manifest.corpus).added == []
    (corpus / "broken.txt").write_text("Repaired.")
    assert corpus_changes(corpus, index.manifest.corpus).added == ["broken.txt"]


def test_an_index_of_another_version_is_rebuilt_and_the_reason_said(corpus: Path, tmp_path: Path) -> None:
    first, changes = updated(corpus, tmp_path / "index")
    assert changes.rebuilt == ""
    path = live_build(tmp_path / "index") / "manifest.json"
    values = json.loads(path.read_bytes()) | {"format": 1}
    del values["check"]
    path.write_text(json.dumps(values))
    second, changes = updated(corpus, tmp_path / "index")
    assert changes.rebuilt == f"the index was built by another version (format 1, now {FORMAT})"
    assert [passage.id for passage in second.passages] == [passage.id for passage in first.passages]
    assert updated(corpus, tmp_path / "index")[1].rebuilt == ""


def test_unreadable_files_are_read_again_only_if_they_have_changed_or_on_request(corpus: Path, tmp_path: Path) -> None:
    (corpus / "broken.txt").write_bytes(b"\0\1\2\3")
    (corpus / "mixed.zip").write_bytes(archive({"good.md": "# Good\n\nIt is.\n", "bad.txt": "\0\1"}))
    read: list[str] = []

    class Watched(ReadHere):
        def read(self, names: Sequence[str], reading: Reading = READ_ONLY) -> Iterator[LoadedFile | UnreadableFile]:
            read.extend(names)
            return super().read(names, reading)

    first, changes = updated(Watched(corpus), tmp_path / "index")
    failed = [failure.path for failure in changes.failed]
    assert failed == ["broken.txt", "mixed.zip/bad.txt"] and set(read) == {"broken.txt", "faq.txt", "guide.md", "mixed.zip"}
    read.clear()
    second, changes = updated(Watched(corpus), tmp_path / "index")
    assert read == [] and [failure.path for failure in changes.failed] == failed and second.digest == first.digest
    third, _ = updated(Watched(corpus), tmp_path / "index", retry=True)
    assert read == ["broken.txt", "mixed.zip"] and third.digest == first.digest
    read.clear()
    (corpus / "broken.txt").write_text("Repaired.")
    index, changes = updated(Watched(corpus), tmp_path / "index")
    assert read == ["broken.txt"] and changes.added == ["broken.txt"] and "mixed.zip/good.md" in index.documents


def test_identical_files_are_indexed_once_and_can_be_named_by_either_name(corpus: Path, tmp_path: Path) -> None:
    (corpus / "copy.txt").write_bytes((corpus / "faq.txt").read_bytes())
    (corpus / "copy.md").write_bytes((corpus / "faq.txt").read_bytes())  # the same bytes in another format are another document
    index, changes = updated(corpus, tmp_path / "index")
    assert changes.duplicates == [Duplicate("faq.txt", "copy.txt")]
    assert changes.added == ["copy.md", "copy.txt", "faq.txt", "guide.md"]
    assert set(index.documents) == {"copy.md", "copy.txt", "guide.md"}
    assert index.rows_of(["faq.txt"]).tolist() == index.rows_of(["copy.txt"]).tolist() != []
    (corpus / "copy.txt").unlink()
    index, changes = updated(corpus, tmp_path / "index")
    assert (changes.duplicates, changes.removed, changes.embedded) == ([], ["copy.txt"], 0)


def test_duplicates_of_an_unreadable_file_fail_with_it(corpus: Path, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (corpus / name).write_bytes(b"\0\1\2\3")
    index, changes = updated(corpus, tmp_path / "index")
    assert [(failure.path, failure.reason) for failure in changes.failed] == [
        ("a.txt", changes.failed[0].reason),
        ("b.txt", changes.failed[0].reason),
    ]
    (corpus / "c.txt").write_bytes(b"\0\1\2\3")
    assert corpus_changes(corpus, index.manifest.corpus).added == []


def test_changes_of_the_corpus_since_the_build(corpus: Path) -> None:
    index = index_of(corpus)
    (corpus / "faq.txt").write_text("Is it?\nYes.")
    (corpus / "guide.md").rename(corpus / "z.md")
    changes = corpus_changes(corpus, index.manifest.corpus)
    assert (changes.added, changes.changed, changes.removed) == (["z.md"], ["faq.txt"], ["guide.md"])


def test_the_changes_are_stored_with_the_build(corpus: Path, tmp_path: Path) -> None:
    (corpus / "photo.xyz").write_bytes(b"x")
    _, changes = updated(corpus, tmp_path / "index")
    report = load_changes(live_build(tmp_path / "index"))
    assert report.changes == changes
    assert changes.added == ["faq.txt", "guide.md"] and changes.embedded > 0
    assert report.built.startswith("20") and report.seconds >= 0


def test_an_empty_corpus_gives_an_empty_index(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    index, _ = updated(tmp_path / "empty", tmp_path / "index")
    assert (list(index.passages), index.dense.size, index.dense.dim) == ([], 0, 32)
    with pytest.raises(CorpusError, match="does not exist"):
        updated(tmp_path / "none", tmp_path / "index")


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_damaged_file_is_refused_and_repaired(name: str, corpus: Path, tmp_path: Path) -> None:
    """One flipped bit anywhere: loading names the file, and the next build replaces it."""
    index, _ = updated(corpus, tmp_path / "index")
    whole = files_of(tmp_path / "index")
    places = random.Random(name)
    for _ in range(5):
        path = live_build(tmp_path / "index") / name
        data = bytearray(path.read_bytes())
        data[places.randrange(len(data))] ^= 1 << places.randrange(8)
        path.write_bytes(data)
        with pytest.raises(
            (IndexBroken, IndexMismatch),
            match="format" if b'"format":%d' % FORMAT not in data and name == "manifest.json" else name,
        ):
            load_index(live_build(tmp_path / "index"))
        repaired, _ = updated(corpus, tmp_path / "index")
        assert repaired.digest == index.digest
        assert files_of(tmp_path / "index") == whole


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match="run `rag build`"):
        live_build(tmp_path)
    (tmp_path / "CURRENT").write_text("../../elsewhere\n")
    with pytest.raises(IndexBroken):
        live_build(tmp_path)


def test_the_manifest_records_what_the_build_was_made_of(corpus: Path, tmp_path: Path) -> None:
    updated(corpus, tmp_path / "index")
    manifest = json.loads((live_build(tmp_path / "index") / "manifest.json").read_text())
    assert manifest["model"] == {"name": "words", "digest": "0" * 64, "backend": "torch", "dim": 32}
    assert manifest["format"] == FORMAT
    assert [(d["id"], d["passages"]) for d in manifest["documents"]] == [("faq.txt", 2), ("guide.md", 3)]
    assert set(manifest["files"]) == {path.name for path in live_build(tmp_path / "index").iterdir()} - {"manifest.json"}


def test_a_build_from_scratch_is_compared_with_the_live_one(corpus: Path, tmp_path: Path) -> None:
    updated(corpus, tmp_path / "index")
    before = sorted(tmp_path.joinpath("index").rglob("*"))

    def compare() -> list[str]:
        return rebuild_differs(corpus, tmp_path / "index", Recipe(WordEmbedder(), SETTINGS), progress=lambda *_: None)

    assert compare() == []
    assert sorted(tmp_path.joinpath("index").rglob("*")) == before
    (corpus / "faq.txt").write_text("Is it?\nYes.")
    assert compare() == ["contents", "documents", "passages"]


def grep(folder: Path, *texts: bytes) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and any(text in p.read_bytes().lower() for text in texts)]


def test_a_removed_document_leaves_no_trace(corpus: Path, tmp_path: Path) -> None:
    """Law 10, including the previous build and earlier versions of the document."""
    secret = corpus / "secret.txt"
    secret.write_text("The password was KANARI98.")
    updated(corpus, tmp_path / "index")
    secret.write_text("The password is CANARY99.")
    updated(corpus, tmp_path / "index")
    vector = WordEmbedder().embed_passages(["Secret\nThe password is CANARY99."]).tobytes()
    canaries = (b"canary99", b"kanari98", vector.lower())
    assert len(grep(tmp_path / "index", *canaries)) >= 4
    secret.unlink()
    index, _ = updated(corpus, tmp_path / "index")
    assert grep(tmp_path / "index", *canaries) == []
    assert previous_build(tmp_path / "index") is None
    assert "secret.txt" not in index.documents


def test_a_document_removed_after_a_rollback_leaves_no_trace(corpus: Path, tmp_path: Path) -> None:
    from rag.index.builds import roll_back

    updated(corpus, tmp_path / "index")
    (corpus / "secret.txt").write_text("The password is CANARY99.")
    updated(corpus, tmp_path / "index")
    previous = previous_build(tmp_path / "index")
    assert previous is not None
    roll_back(tmp_path / "index", previous)
    assert grep(tmp_path / "index", b"canary99")
    (corpus / "secret.txt").unlink()
    updated(corpus, tmp_path / "index")
    assert grep(tmp_path / "index", b"canary99") == []


def test_the_previous_build_is_kept_and_can_be_restored(corpus: Path, tmp_path: Path) -> None:
    from rag.index.builds import roll_back

    folder = tmp_path / "index"
    digests = []
    for text in ("Moss is green.", "Moss is grey.", "Moss is red."):
        (corpus / "moss.txt").write_text(text)
        digests.append(updated(corpus, folder)[0].digest)
    updated(corpus, folder)  # an update without changes keeps the previous build
    for expected in (digests[1], digests[2], digests[1]):
        previous = previous_build(folder)
        assert previous is not None
        roll_back(folder, previous)
        assert load_index(live_build(folder)).digest == expected
    assert len(list((folder / "builds").iterdir())) == 2
    (corpus / "moss.txt").rename(corpus / "renamed.txt")
    updated(corpus, folder)
    assert previous_build(folder) is None  # it held "grey", which is no longer in the corpus under any name


def test_earlier_versions_can_be_forgotten(corpus: Path, tmp_path: Path) -> None:
    (corpus / "note.txt").write_text("The password is CANARY99.")
    updated(corpus, tmp_path / "index")
    (corpus / "note.txt").write_text("The password is elsewhere.")
    updated(corpus, tmp_path / "index")
    assert grep(tmp_path / "index", b"canary99")
    updated(corpus, tmp_path / "index", forget=True)
    assert grep(tmp_path / "index", b"canary99") == []


def test_a_renamed_document_does_not_count_as_removed(corpus: Path, tmp_path: Path) -> None:
    updated(corpus, tmp_path / "index")
    (corpus / "faq.txt").rename(corpus / "questions.txt")
    updated(corpus, tmp_path / "index")
    assert previous_build(tmp_path / "index") is not None


def test_an_edited_manifest_is_refused(corpus: Path, tmp_path: Path) -> None:
    updated(corpus, tmp_path / "index")
    path = live_build(tmp_path / "index") / "manifest.json"
    whole = json.loads(path.read_text())
    manifests: list[Any] = [whole | {"documents": []}, whole | {"hash": "f" * 64}, {"format": 1}, [], "text"]
    for broken in manifests:
        path.write_text(json.dumps(broken))
        with pytest.raises((IndexBroken, IndexMismatch), match=r"manifest.json|format 1"):
            load_index(live_build(tmp_path / "index"))
        updated(corpus, tmp_path / "index")
        path = live_build(tmp_path / "index") / "manifest.json"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_file_name_that_is_not_utf8_fails_only_that_file(corpus: Path, tmp_path: Path) -> None:
    (corpus / os.fsdecode(b"caf\xe9.txt")).write_text("text")
    _, changes = updated(corpus, tmp_path / "index")
    assert [(failure.path, failure.reason) for failure in changes.failed] == [("caf?.txt", "its name is not UTF-8; rename it")]


def test_a_stray_file_among_the_builds_is_ignored(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "index" / "builds").mkdir(parents=True)
    (tmp_path / "index" / "builds" / ".DS_Store").write_text("x")
    updated(corpus, tmp_path / "index")
    load_index(live_build(tmp_path / "index"))


def test_an_approximate_index_is_updated_and_searched_like_an_exact_one(beds: Path, tmp_path: Path) -> None:
    """Law 5 for FAISS's lists, which every update trains again; changing the setting embeds nothing."""
    lists = DenseSettings(exact_up_to=39)
    exact, _ = updated(beds, tmp_path / "exact")
    update, changes = updated(beds, tmp_path / "exact", dense=lists)
    assert (exact.manifest.contents.dense, update.manifest.contents.dense, changes.embedded) == ("Flat", "IVF1,SQfp16", 0)
    assert update.digest != exact.digest
    for bed in (7, 13, 49):
        (beds / f"{bed:02}.md").write_text(f"# Bed {bed}\n\nMoss of bed {bed} drinks nothing.\n")
    (beds / "20.md").unlink()
    update, _ = updated(beds, tmp_path / "exact", dense=lists)
    scratch, _ = updated(beds, tmp_path / "scratch", dense=lists)
    assert update.digest == scratch.digest
    assert files_of(tmp_path / "exact") == files_of(tmp_path / "scratch")
    assert update.manifest.nearest == Nearest("IVF1,SQfp16", nprobe=1, recall=1.0)
    flat, _ = updated(beds, tmp_path / "flat")
    query = "moss of bed 13"
    vector, wanted = WordEmbedder().embed_query(query), RetrievalSettings(depth=5)
    for documents in (None, ["1*.md"]):
        hits = retrieve(update, query, vector, wanted, documents=documents)
        assert hits == retrieve(flat, query, vector, wanted, documents=documents) != []
