from pathlib import Path

import pytest

from rag.errors import DocumentError
from rag.index.corpus_edits import add_files, remove_documents
from tests.conftest import index_of, updated


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "deep").mkdir(parents=True)
    (folder / "moss.txt").write_text("Moss is green.")
    (folder / "deep" / "reed.md").write_text("# Reed\n\nReed is tall.\n")
    (folder / "deep" / ".hidden.txt").write_text("Nobody sees this.")
    (folder / "photo.xyz").write_bytes(b"x")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_files_and_folders_are_copied_as_they_are(corpus: Path, source: Path) -> None:
    failed = add_files(corpus, [source / "moss.txt", source / "deep"], into="new/plants")
    assert failed == []
    assert names(corpus) == ["faq.txt", "guide.md", "new/plants/deep/reed.md", "new/plants/moss.txt"]
    assert (corpus / "new/plants/moss.txt").read_bytes() == (source / "moss.txt").read_bytes()
    assert "new/plants/moss.txt" in index_of(corpus).documents


def test_what_cannot_be_read_is_listed_and_not_copied(corpus: Path, source: Path) -> None:
    (failure,) = add_files(corpus, [source])
    assert failure.path == str(source / "photo.xyz")
    assert "format .xyz is not known" in failure.reason
    assert names(corpus) == ["faq.txt", "guide.md", "source/deep/reed.md", "source/moss.txt"]


def test_other_content_is_not_overwritten_unless_told(corpus: Path, source: Path) -> None:
    (source / "faq.txt").write_text("Is it?\nYes.")
    before = (corpus / "faq.txt").read_bytes()
    with pytest.raises(DocumentError, match="faq.txt is in the corpus with other content; say --replace"):
        add_files(corpus, [source / "moss.txt", source / "faq.txt"])
    assert (corpus / "faq.txt").read_bytes() == before
    assert names(corpus) == ["faq.txt", "guide.md"]
    add_files(corpus, [source / "faq.txt"], overwrite=True)
    assert (corpus / "faq.txt").read_text() == "Is it?\nYes."
    add_files(corpus, [source / "faq.txt"])  # the same again is nothing to complain of


@pytest.mark.parametrize(
    ("sources", "into", "message"),
    [
        (["nowhere.txt"], "", "does not exist"),
        (["moss.txt"], "../out", "no folder within the corpus"),
        (["moss.txt"], "/etc", "no folder within the corpus"),
        (["moss.txt"], "a/../../b", "no folder within the corpus"),
        (["moss.txt"], "..\\out", "no folder within the corpus"),
        (["deep/.hidden.txt"], "", "is hidden"),
        (["moss.txt", "deep/../../source2/moss.txt"], "", "would both be moss.txt"),
    ],
)
def test_refused(sources: list[str], into: str, message: str, corpus: Path, source: Path) -> None:
    (source.parent / "source2").mkdir()
    (source.parent / "source2" / "moss.txt").write_text("Moss is red.")
    with pytest.raises(DocumentError, match=message):
        add_files(corpus, [source / name for name in sources], into=into)
    assert names(corpus) == ["faq.txt", "guide.md"]


def test_remove_takes_ids_and_paths_all_or_none(corpus: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    updated(corpus, index)
    with pytest.raises(DocumentError, match=r"gide.md is not in the corpus.*nothing was removed; did you mean guide.md\?"):
        remove_documents(corpus, ["faq.txt", "gide.md"], index)
    assert names(corpus) == ["faq.txt", "guide.md"]
    remove_documents(corpus, [str(corpus / "faq.txt"), "guide.md"], index)
    assert names(corpus) == []
    remove_documents(corpus, ["faq.txt"], index)  # it is still in the index, and the build takes it out


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "", "."])
def test_nothing_outside_the_corpus_can_be_removed(name: str, corpus: Path) -> None:
    (corpus.parent / "secret.txt").write_text("x")
    with pytest.raises(DocumentError):
        remove_documents(corpus, [name], corpus.parent / "index")
    assert (corpus.parent / "secret.txt").exists()


def test_removing_a_link_leaves_what_it_points_to(corpus: Path) -> None:
    (corpus / "link.md").symlink_to(corpus / "guide.md")
    remove_documents(corpus, ["link.md"], corpus.parent / "index")
    assert names(corpus) == ["faq.txt", "guide.md"]
