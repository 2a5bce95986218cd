"""Archives: their members are documents, within limits; listed, updated and removed with the archive."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from rag.errors import DocumentError, UnreadableFile
from rag.index.builds import live_build
from rag.index.changes import corpus_changes
from rag.index.corpus_edits import remove_documents
from rag.index.file_listing import list_files
from rag.index.manifest import Manifest, load_manifest
from rag.loading.containers import members
from rag.loading.containers.members import LoadedFile, file_of
from rag.loading.loader import load_document, load_file, member_bytes
from rag.loading.process.safe_open import checked_path
from rag.loading.reading import READ_ONLY, Reading
from tests.conftest import ReadHere, updated
from tests.sample_files import SAMPLES, archive

FERNS = "# Ferns\n\nFerns need damp soil.\n"
MOSS = "# Moss\n\nMoss needs no soil at all.\n"


def ids(file: LoadedFile) -> list[str]:
    return [document.id for document in file.documents]


def reasons(file: LoadedFile) -> dict[str, str]:
    return {member.id: member.reason for member in file.failed}


def test_each_file_in_an_archive_is_a_document() -> None:
    data = archive({"ferns.md": FERNS, "deep/moss.md": MOSS, "deep/note.docx": SAMPLES["nerve.docx"](), "empty/": ""})
    file = load_file("a/plants.zip", data)
    assert ids(file) == ["a/plants.zip/ferns.md", "a/plants.zip/deep/moss.md", "a/plants.zip/deep/note.docx"]
    assert reasons(file) == {}
    assert file.documents[0].text == FERNS and file.documents[0].title == "Ferns"
    assert {document.digest for document in file.documents} == {load_file("b.zip", data).documents[0].digest}


def test_hidden_files_in_an_archive_are_not_documents() -> None:
    data = archive({"ferns.md": FERNS, "__MACOSX/._ferns.md": "x", ".git/config": "x", "a/.DS_Store": "x"})
    assert ids(load_file("a.zip", data)) == ["a.zip/ferns.md"]


def test_a_member_that_cannot_be_read_is_reported_and_the_others_are_read() -> None:
    file = load_file("a.zip", archive({"a.md": FERNS, "b.docx": "PK\x03\x04 no more", "c.xyz": "x", "d.json": "{", "e.txt": ""}))
    assert ids(file) == ["a.zip/a.md"]
    assert list(reasons(file)) == ["a.zip/b.docx", "a.zip/c.xyz", "a.zip/d.json", "a.zip/e.txt"]
    assert "damaged" in reasons(file)["a.zip/b.docx"] and "not known" in reasons(file)["a.zip/c.xyz"]


def test_archives_within_archives_are_read_to_a_depth() -> None:
    data = archive({"moss.md": MOSS})
    for level in range(members.DEEPEST + 1):
        data = archive({f"{level}.md": FERNS, "inner.zip": data})
    file = load_file("a.zip", data)
    assert len(file.documents) == members.DEEPEST and "a.zip/inner.zip/7.md" in ids(file)
    assert list(reasons(file).values()) == ["its parts are nested too deeply"] * 2


def test_names_lead_nowhere_and_are_unique() -> None:
    data = BytesIO()
    with ZipFile(data, "w") as opened, pytest.warns(UserWarning, match="Duplicate name"):
        for name in ("../../etc/x.md", "/abs.md", "back\\slash.md", "same.md", "same.md", "a\nb.md"):
            opened.writestr(name, FERNS)
    assert ids(load_file("a.zip", data.getvalue())) == [
        f"a.zip/{name}" for name in ("etc/x.md", "abs.md", "back/slash.md", "same.md", "same (5).md", "a b.md")
    ]


def test_archives_made_to_do_harm_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = BytesIO()
    with ZipFile(bomb, "w", ZIP_DEFLATED) as opened:
        opened.writestr("zeros.txt", b"\0" * 60 * 2**20)
    with pytest.raises(UnreadableFile, match="made to do harm"):
        load_file("a.zip", bomb.getvalue())
    assert (
        "made to do harm" in reasons(load_file("b.zip", archive({"a.md": FERNS, "bomb.zip": bomb.getvalue()})))["b.zip/bomb.zip"]
    )
    assert (members.MOST_MEMBERS, members.MOST_BYTES) == (10_000, 2**30)
    monkeypatch.setattr(members, "MOST_MEMBERS", 5)
    pair = archive({"a.md": FERNS, "b.md": MOSS})
    with pytest.raises(UnreadableFile, match="more than 5 files"):
        load_file("a.zip", archive({"1.zip": pair, "2.zip": pair}))
    monkeypatch.setattr(members, "MOST_BYTES", 100)
    with pytest.raises(UnreadableFile, match="holds more than"):
        load_file("a.zip", archive({"a.txt": "word " * 30}))


def test_encrypted_members_are_reported() -> None:
    data = bytearray(archive({"open.md": FERNS, "secret.md": MOSS}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # where the flags are, in the ZIP specification
        data[data.rindex(signature) + offset] |= 1
    file = load_file("a.zip", bytes(data))
    assert ids(file) == ["a.zip/open.md"] and "encrypted" in reasons(file)["a.zip/secret.md"]


@pytest.mark.parametrize("content", [archive({}), archive({"folder/": ""}), b"PK\x03\x04 cut off"])
def test_an_archive_without_files_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableFile):
        load_file("a.zip", content)


def test_a_container_has_no_document_of_its_own() -> None:
    with pytest.raises(UnreadableFile, match="no text"):
        load_document("a.zip", archive({"a.md": FERNS}))


def test_the_bytes_of_a_member_are_found_by_its_id() -> None:
    data = archive({"x.zip": archive({"deep/a.md": FERNS}), "b.md": MOSS})
    assert member_bytes("a.zip", data, "a.zip/x.zip/deep/a.md").decode() == FERNS
    assert member_bytes("a.md", b"x", "a.md") == b"x"
    with pytest.raises(UnreadableFile, match="not in a.zip"):
        member_bytes("a.zip", data, "a.zip/c.md")


def test_the_file_of_a_document() -> None:
    files = {"a/b.zip", "a/c.md"}
    assert file_of("a/b.zip/x/y.md", files.__contains__) == "a/b.zip"
    assert file_of("a/c.md", files.__contains__) == "a/c.md"
    assert file_of("a/gone.md", files.__contains__) == "a/gone.md"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "plants.zip").write_bytes(archive({"ferns.md": FERNS, "bad.json": "{", "deep/moss.md": MOSS}))
    (corpus / "copy.zip").write_bytes((corpus / "plants.zip").read_bytes())
    (corpus / "plain.md").write_text("# Plain\n\nPlain text is simple.\n")
    return corpus


def built(folder: Path) -> Manifest:
    return load_manifest(live_build(folder))


def test_members_are_indexed_and_a_copy_of_their_archive_is_not(corpus: Path, tmp_path: Path) -> None:
    updated(ReadHere(corpus), tmp_path / "index")
    state = built(tmp_path / "index").corpus
    assert [entry.id for entry in state.documents] == ["copy.zip/ferns.md", "copy.zip/deep/moss.md", "plain.md"]
    assert [(duplicate.path, duplicate.same_as) for duplicate in state.duplicates] == [
        ("plants.zip/ferns.md", "copy.zip/ferns.md"),
        ("plants.zip/deep/moss.md", "copy.zip/deep/moss.md"),
    ]
    assert [failure.path for failure in state.failed] == ["copy.zip/bad.json", "plants.zip/bad.json"]
    changes = corpus_changes(corpus, state)
    assert not changes.any and len(changes.unchanged) == 5 and len(changes.failed) == 2
    listed = {file.id: file for file in list_files(corpus, built(tmp_path / "index"), changes)}
    size = (corpus / "plants.zip").stat().st_size
    assert (listed["copy.zip/ferns.md"].size, listed["copy.zip/ferns.md"].state) == (size, "")
    assert listed["plants.zip/ferns.md"].state == "same as" and listed["plants.zip/bad.json"].state == "not read"


def test_an_update_of_an_archive_equals_a_build_from_scratch(corpus: Path, tmp_path: Path) -> None:
    updated(ReadHere(corpus), tmp_path / "index")
    (corpus / "copy.zip").unlink()
    (corpus / "plants.zip").write_bytes(archive({"ferns.md": FERNS, "reed.md": "# Reed\n\nReed stands in water.\n"}))
    (corpus / "new.zip").write_bytes(archive({"a.md": "# New\n\nA new one.\n"}))
    predicted = corpus_changes(corpus, built(tmp_path / "index").corpus)
    assert predicted.added == ["new.zip"] and predicted.changed == ["plants.zip/deep/moss.md", "plants.zip/ferns.md"]
    _, changes = updated(ReadHere(corpus), tmp_path / "index")
    assert changes.added == ["new.zip/a.md", "plants.zip/reed.md"] and changes.changed == ["plants.zip/ferns.md"]
    assert changes.removed == ["copy.zip/deep/moss.md", "copy.zip/ferns.md", "plants.zip/deep/moss.md"]
    updated(ReadHere(corpus), tmp_path / "scratch")
    assert built(tmp_path / "index").hash == built(tmp_path / "scratch").hash


def test_an_unchanged_archive_is_not_read_again(corpus: Path, tmp_path: Path) -> None:
    (corpus / "plants.zip").write_bytes(archive({"ferns.md": FERNS, "moss.md": MOSS}))
    updated(ReadHere(corpus), tmp_path / "index")
    (corpus / "plain.md").unlink()

    class Unread(ReadHere):
        def read(self, names: Sequence[str], reading: Reading = READ_ONLY) -> Iterator[LoadedFile | UnreadableFile]:
            assert "plants.zip" not in names
            return super().read(names, reading)

    index, _ = updated(Unread(corpus), tmp_path / "index")
    assert "plants.zip/moss.md" in index.manifest.corpus.digests


def test_members_are_removed_with_their_archive_only(corpus: Path, tmp_path: Path) -> None:
    (corpus / "copy.zip").unlink()
    updated(ReadHere(corpus), tmp_path / "index")
    with pytest.raises(DocumentError, match="part of plants.zip, nothing was removed; remove plants.zip"):
        remove_documents(corpus, ["plants.zip/ferns.md"], tmp_path / "index")
    assert checked_path(corpus, "plants.zip/ferns.md") == corpus / "plants.zip"
    remove_documents(corpus, ["plants.zip"], tmp_path / "index")
    _, changes = updated(ReadHere(corpus), tmp_path / "index")
    assert changes.removed == ["plants.zip/deep/moss.md", "plants.zip/ferns.md"]
    assert not [path for path in (tmp_path / "index").rglob("*") if path.is_file() and b"no soil" in path.read_bytes()]
