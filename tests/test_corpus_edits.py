import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.errors import DocumentError
from rag.index.corpus_edits import add_files, remove_documents
from rag.storage.file_changes import finish_interrupted
from tests.conftest import ROOT, index_of, updated


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


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names(folder)}


def test_files_and_folders_are_copied_byte_for_byte(corpus: Path, source: Path) -> None:
    failed = add_files(corpus, [source / "moss.txt", source / "deep"], into="new/plants")
    assert failed == []
    assert names(corpus) == ["faq.txt", "guide.md", "new/plants/deep/reed.md", "new/plants/moss.txt"]
    assert (corpus / "new/plants/moss.txt").read_bytes() == (source / "moss.txt").read_bytes()
    assert "new/plants/moss.txt" in index_of(corpus).documents


def test_unreadable_files_are_listed_and_not_copied(corpus: Path, source: Path) -> None:
    (failure,) = add_files(corpus, [source])
    assert failure.path == str(source / "photo.xyz")
    assert "format .xyz is not known" in failure.reason
    assert names(corpus) == ["faq.txt", "guide.md", "source/deep/reed.md", "source/moss.txt"]


def test_other_content_is_replaced_only_on_request(corpus: Path, source: Path) -> None:
    (source / "faq.txt").write_text("Is it?\nYes.")
    before = contents(corpus)
    with pytest.raises(DocumentError, match="faq.txt is in the corpus with other content; use --replace"):
        add_files(corpus, [source / "moss.txt", source / "faq.txt"])
    assert contents(corpus) == before
    add_files(corpus, [source / "faq.txt"], overwrite=True)
    assert (corpus / "faq.txt").read_text() == "Is it?\nYes."
    add_files(corpus, [source / "faq.txt"])  # adding the same content again is not an error


@pytest.mark.parametrize(
    ("sources", "into", "message"),
    [
        (["nowhere.txt"], "", "does not exist"),
        (["moss.txt"], "../out", "not a folder within the corpus"),
        (["moss.txt"], "/etc", "not a folder within the corpus"),
        (["moss.txt"], "a/../../b", "not a folder within the corpus"),
        (["moss.txt"], "..\\out", "not a folder within the corpus"),
        (["moss.txt"], "link", "link leads out of the corpus; choose another folder"),
        (["deep/.hidden.txt"], "", "is hidden"),
        (["moss.txt", "deep/../../source2/moss.txt"], "", "would both be moss.txt"),
        (["moss.txt", "folder.txt"], "", "folder.txt is a folder in the corpus; rename the file"),
        (["moss.txt"], "faq.txt", "faq.txt is a file in the corpus, not a folder; choose another with --into"),
        (["moss.txt"], "faq.txt/deeper", "faq.txt is a file in the corpus, not a folder; choose another with --into"),
        (["deep", "deep/../../source2/deep"], "", "deep is a file and a folder among the files to add"),
    ],
)
def test_refused(sources: list[str], into: str, message: str, corpus: Path, source: Path) -> None:
    """One plain line, and nothing is changed."""
    (source.parent / "source2").mkdir()
    (source.parent / "source2" / "moss.txt").write_text("Moss is red.")
    (source.parent / "source2" / "deep").write_text("Not a folder.")
    (source / "folder.txt").write_text("Not a folder.")
    (corpus / "folder.txt").mkdir()
    (corpus / "link").symlink_to(source.parent / "source2")
    with pytest.raises(DocumentError, match=message) as refused:
        add_files(corpus, [source / name for name in sources], into=into)
    assert "\n" not in str(refused.value)
    assert sorted(path.name for path in corpus.iterdir()) == ["faq.txt", "folder.txt", "guide.md", "link"]
    assert names(source.parent / "source2") == ["deep", "moss.txt"]


def test_a_corpus_that_is_a_file_is_refused(corpus: Path, source: Path) -> None:
    with pytest.raises(DocumentError, match=r"faq.txt is not a folder; name another corpus with --corpus"):
        add_files(corpus / "faq.txt", [source / "moss.txt"])


def test_adding_does_not_hold_the_files_in_memory(corpus: Path, source: Path) -> None:
    for number in range(8):
        (source / "deep" / f"{number}.html").write_text(f"<!-- {'x' * 2**21} --><p>Reed {number} is tall.</p>")
    tracemalloc.start()
    try:
        add_files(corpus, [source / "deep"])
        add_files(corpus, [source / "deep"])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert contents(corpus / "deep") == {k: v for k, v in contents(source / "deep").items() if not k.startswith(".")}
    assert peak < 2**21


def fail_at(number: int, real: Callable[..., object]) -> Callable[..., object]:
    """`real`, but its n-th call fails as on a broken disk."""
    calls = 0

    def fails(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls == number:
            raise OSError(5, "Input/output error")
        return real(*arguments, **named)

    return fails


@pytest.mark.parametrize("operation", ["rename", "replace", "unlink", "open", "mkdir", "fsync"])
def test_a_failing_edit_changes_nothing(operation: str, corpus: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file operation in turn fails, while two documents are replaced and one is added, and while two are removed."""
    (source / "faq.txt").write_text("Is it?\nYes.")
    (source / "guide.md").write_text("# Another guide\n\nIt is short.\n")
    new = [source / "faq.txt", source / "guide.md", source / "moss.txt"]
    before = contents(corpus)
    edits: dict[str, tuple[Callable[[], object], dict[str, bytes]]] = {
        "add": (lambda: add_files(corpus, new, overwrite=True), {path.name: path.read_bytes() for path in new}),
        "remove": (lambda: remove_documents(corpus, ["faq.txt", "guide.md"], corpus.parent / "index"), {}),
    }
    refusals = 0
    for edit, after in edits.values():
        for number in range(1, 60):
            with monkeypatch.context() as patch:
                patch.setattr(os, operation, fail_at(number, getattr(os, operation)))
                done = False
                try:
                    edit()
                    done = True
                except DocumentError as error:
                    refusals += 1
                    assert "nothing was" in str(error)
            finish_interrupted(corpus)
            assert contents(corpus) == (after if done else before)
            if done:
                break
        for name in names(corpus):
            (corpus / name).unlink()
        for name, data in before.items():
            (corpus / name).write_bytes(data)
    assert refusals >= {"rename": 7, "mkdir": 1, "fsync": 5}.get(operation, 0)


def test_remove_takes_ids_and_paths_all_or_none(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index"
    updated(corpus, index)
    with pytest.raises(DocumentError, match=r"gide.md is not in the corpus.*nothing was removed; did you mean guide.md\?"):
        remove_documents(corpus, ["faq.txt", "gide.md"], index)
    assert names(corpus) == ["faq.txt", "guide.md"]
    remove_documents(corpus, [str(corpus / "faq.txt"), "guide.md", "faq.txt"], index)
    assert names(corpus) == []
    monkeypatch.setattr(os, "mkdir", fail_at(1, os.mkdir))  # nothing is written
    remove_documents(corpus, ["faq.txt"], index)  # it is still in the index; the build takes it out


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs permissions that apply")
def test_one_document_that_cannot_be_deleted_keeps_the_others(corpus: Path) -> None:
    locked = corpus / "locked"
    locked.mkdir()
    (locked / "moss.txt").write_text("Moss is green.")
    locked.chmod(0o555)
    try:
        with pytest.raises(
            DocumentError, match=r"cannot be removed \(Permission denied: .*locked/moss.txt\); nothing was removed"
        ):
            remove_documents(corpus, ["faq.txt", "locked/moss.txt"], corpus.parent / "index")
    finally:
        locked.chmod(0o755)
    assert names(corpus) == ["faq.txt", "guide.md", "locked/moss.txt"]


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "", ".", "link.txt"])
def test_nothing_outside_the_corpus_can_be_removed(name: str, corpus: Path) -> None:
    (corpus.parent / "secret.txt").write_text("x")
    (corpus / "link.txt").symlink_to(corpus.parent / "secret.txt")
    with pytest.raises(DocumentError):
        remove_documents(corpus, ["faq.txt", name], corpus.parent / "index")
    assert (corpus.parent / "secret.txt").exists()
    assert (corpus / "faq.txt").exists()


def test_removing_a_link_leaves_its_target(corpus: Path) -> None:
    (corpus / "link.md").symlink_to(corpus / "guide.md")
    remove_documents(corpus, ["link.md"], corpus.parent / "index")
    assert names(corpus) == ["faq.txt", "guide.md"]


KILLED = """
import os, signal, sys
from pathlib import Path
from rag.storage.file_changes import change_files
corpus, source, deadly = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
count = 0
def hook(event, arguments):
    global count
    if event in {"os.rename", "os.remove", "os.rmdir", "os.mkdir"} and str(corpus) in str(arguments[0]):
        count += 1
        if count == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
change_files(corpus, {"new/reed.md": source / "deep" / "reed.md", "faq.txt": source / "moss.txt", "guide.md": None})
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_a_killed_edit_is_undone_or_finished_later(corpus: Path, source: Path) -> None:
    """Whatever was there before is there again, or the edit is complete; a new file may stay. No hidden copy is left."""
    before = contents(corpus)
    added = {"new/reed.md": (source / "deep" / "reed.md").read_bytes()}
    after = {"faq.txt": b"Moss is green."} | added
    states, kills = set(), 0
    for deadly in range(1, 40):
        code = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", KILLED, str(corpus), str(source), str(deadly)], cwd=ROOT, check=False
        )
        finish_interrupted(corpus)
        state = contents(corpus)
        assert state in (before, before | added, after)
        states.add(tuple(sorted(state)))
        assert not [path for path in corpus.iterdir() if path.name.startswith(".")]
        for name in state:
            (corpus / name).unlink()
        for name, data in before.items():
            (corpus / name).write_bytes(data)
        if code.returncode == 0:
            break
        kills += 1
    assert code.returncode == 0 and kills > 6 and len(states) == 3
