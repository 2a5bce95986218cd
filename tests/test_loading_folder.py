"""Which files of a folder are a corpus: the program's own are not, links are followed only if asked, and all that is skipped is said."""

from pathlib import Path

import pytest

from rag.config import EvaluationSettings, LoadingSettings, ServerSettings, Settings
from rag.errors import DocumentError, SettingsError
from rag.index.corpus_edits import add_files, remove_documents
from rag.loading.corpus import corpus_of
from rag.loading.folder_listing import Listing, Skipped, list_folder
from tests.conftest import ReadHere, updated


def settings_in(folder: Path, **named: object) -> Settings:
    """Every file and folder of the program within the corpus."""
    server = ServerSettings(users=folder / "users.json", conversations=folder / "talks")
    evaluation = EvaluationSettings(sets=folder / "sets", feedback=folder / "judged", runs=folder / "measured")
    return Settings(corpus=folder, index=folder / "index", server=server, evaluation=evaluation, **named)


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"Text of {name}.\n")


OWN = (
    "users.json",
    "users.json.lock",
    "talks/a.json",
    "sets/mine/questions.jsonl",
    "judged/q.jsonl",
    "measured/run.json",
    "index/CURRENT",
)


def test_the_programs_own_files_are_skipped_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, *OWN, "rag.toml", "notes.md", "deep/users.json", "deep/rag.toml")
    listing = corpus_of(settings_in(tmp_path)).listing()
    assert listing.files == ["deep/rag.toml", "deep/users.json", "notes.md"]
    assert {part.path: part.reason for part in listing.skipped} == {
        "index": "it is the index",
        "judged": "it is the folder of feedback",
        "measured": "it is the folder of evaluation runs",
        "rag.toml": "it is the settings file",
        "sets": "it is the folder of question sets",
        "talks": "it is the folder of saved conversations",
        "users.json": "it is the file of user accounts",
        "users.json.lock": "it is the file of user accounts",
    }


@pytest.mark.parametrize("own", ["index", "talks", "judged", "measured", "sets"])
def test_a_folder_of_the_program_is_refused_as_corpus(own: str, tmp_path: Path) -> None:
    settings = settings_in(tmp_path).model_copy(update={"corpus": tmp_path / "x" / ".." / own})
    with pytest.raises(SettingsError, match=r"the corpus folder .* is the .*; name another folder with --corpus"):
        corpus_of(settings)


def test_another_index_in_the_corpus_is_skipped(tmp_path: Path) -> None:
    put(tmp_path, "notes.md")
    updated(ReadHere(tmp_path), tmp_path / "old" / "index")
    assert list_folder(tmp_path) == Listing(["notes.md"], [Skipped("old/index", "it is an index")])


def test_the_index_does_not_feed_on_itself(tmp_path: Path) -> None:
    put(tmp_path, "notes.md")
    corpus = corpus_of(settings_in(tmp_path))
    first, _ = updated(corpus, tmp_path / "index")
    second, update = updated(corpus, tmp_path / "index")
    assert len(first.passages) == len(second.passages) == 1 and not update.any


@pytest.mark.parametrize("name", ["users.json", "conversation.json", "questions.jsonl"])
def test_nothing_is_added_to_the_programs_own_folders(name: str, tmp_path: Path) -> None:
    corpus, source = tmp_path / "corpus", tmp_path / "source"
    put(corpus, *OWN)
    put(source, name)
    into = {"users.json": "", "conversation.json": "talks", "questions.jsonl": "sets/mine"}[name]
    before = (corpus / "users.json").read_text()
    with pytest.raises(DocumentError, match=f"{name} would be the .* or in it; choose another folder"):
        add_files(corpus_of(settings_in(corpus)), [source / name], into=into, overwrite=True)
    assert (corpus / "users.json").read_text() == before and not (corpus / "talks" / name).exists()
    with pytest.raises(DocumentError, match="is not in the corpus"):
        remove_documents(corpus_of(settings_in(corpus)), ["users.json"], corpus / "index")


def linked(folder: Path) -> Path:
    put(folder, "policies/a.md", ".store/b.md")
    (folder / "alias").symlink_to(folder / "policies")
    (folder / "shown").symlink_to(".store")
    (folder / "policies" / "up").symlink_to(folder)
    (folder / "out").symlink_to(folder.parent)
    (folder / "secret.txt").symlink_to(folder.parent / "secret.txt")
    (folder.parent / "secret.txt").write_text("A secret.")
    (folder / "gone").symlink_to("nowhere")
    (folder / "circle").symlink_to("circle")
    return folder


OUT = "it is a link that leads out of the corpus"
NOWHERE = "it is a link that leads nowhere"


def test_links_to_folders_are_reported(tmp_path: Path) -> None:
    listing = list_folder(linked(tmp_path / "corpus"))
    assert listing.files == ["policies/a.md"]
    hint = "it is a link to a folder; set loading.follow_links = true to follow it"
    assert {part.path: part.reason for part in listing.skipped} == {
        "alias": hint, "shown": hint, "policies/up": hint, "out": OUT, "secret.txt": OUT, "gone": NOWHERE, "circle": NOWHERE
    }  # fmt: skip


def test_links_to_folders_are_followed_within_the_corpus_and_never_in_circles(tmp_path: Path) -> None:
    folder = linked(tmp_path / "corpus")
    listing = list_folder(folder, follow_links=True)
    assert listing.files == ["alias/a.md", "policies/a.md", "shown/b.md"]
    reasons = {part.path: part.reason for part in listing.skipped}
    assert reasons["policies/up"] == "it is a link to a folder that holds it"
    assert reasons["out"] == reasons["secret.txt"] == OUT
    corpus = corpus_of(settings_in(folder, loading=LoadingSettings(follow_links=True, processes=1)))
    index, _ = updated(corpus, tmp_path / "elsewhere")
    assert sorted(index.documents) == ["alias/a.md", "shown/b.md"]  # policies/a.md is a duplicate


def test_links_that_multiply_are_followed_once(tmp_path: Path) -> None:
    for depth in range(20):
        put(tmp_path, f".{depth}/text.md")
        for link in ("left", "right"):
            (tmp_path / f".{depth}" / link).symlink_to(f"../.{depth + 1}")
    (tmp_path / "start").symlink_to(".0")
    listing = list_folder(tmp_path, follow_links=True)
    assert len(listing.files) == 20
    assert "it is a link to a folder that another link leads to" in {part.reason for part in listing.skipped}


def test_a_link_to_the_programs_own_files_is_skipped(tmp_path: Path) -> None:
    put(tmp_path, "notes.md", "talks/a.json")
    (tmp_path / "more").symlink_to("talks")
    (tmp_path / "one.json").symlink_to("users.json")
    put(tmp_path, "users.json")
    skipped = {part.path for part in corpus_of(settings_in(tmp_path)).listing().skipped}
    assert skipped == {"talks", "more", "one.json", "users.json"}
