"""Reading in worker processes: limits, order, special files, broken files, and drawing pages."""

import os
import random
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from rag.config import LoadingSettings
from rag.errors import UnreadableFile
from rag.loading.containers.members import LoadedFile
from rag.loading.corpus import FolderCorpus
from rag.loading.process.pool import read_documents
from rag.loading.reading import Reading, Splitting
from rag.models.embedder import ModelEmbedder
from rag.records import Document
from rag.text.passages import split_passages
from tests.sample_files import SAMPLES
from tests.sample_pdfs import columns, numbered

SETTINGS = LoadingSettings(seconds=30, processes=2)


def read(folder: Path, *names: str, settings: LoadingSettings = SETTINGS) -> list[Document | UnreadableFile]:
    files = read_documents([(folder, name) for name in names], settings)
    return [file if isinstance(file, UnreadableFile) else file.documents[0] for file in files]


def reason(outcome: Document | UnreadableFile) -> str:
    assert isinstance(outcome, UnreadableFile)
    assert str(outcome) and "\n" not in str(outcome)
    return str(outcome)


def check_laws(document: Document) -> None:
    """Blocks are in order, do not overlap, lie within the text and are not empty; page breaks are in order."""
    assert document.text == document.text.encode().decode()
    for block in document.blocks:
        assert 0 <= block.span.start < block.span.end <= len(document.text) and block.span.of(document.text).strip()
        assert list(block.breaks) == sorted(block.breaks) and all(block.span.start <= b <= block.span.end for b in block.breaks)
    for before, after in pairwise(document.blocks):
        assert before.span.end <= after.span.start


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, made in SAMPLES.items():
        (tmp_path / name).write_bytes(made())
    return tmp_path


def test_every_format_obeys_the_laws_and_documents_keep_the_order_of_the_names(folder: Path) -> None:
    names = sorted(SAMPLES) * 3
    documents = read(folder, *names)
    assert [document.id for document in documents if isinstance(document, Document)] == names
    for document in documents:
        assert isinstance(document, Document)
        check_laws(document)


def test_a_file_that_takes_too_long_is_abandoned_and_the_next_is_read(folder: Path) -> None:
    # The Markdown parser takes quadratic time for nested emphasis.
    (folder / "slow.md").write_text("*a_ " * 400_000)
    slow, after = read(folder, "slow.md", "nerve.md", settings=LoadingSettings(seconds=2, processes=1))
    assert reason(slow) == "it was not read within 2 seconds"
    assert isinstance(after, Document)


def test_a_file_that_takes_too_much_memory_is_abandoned_and_the_next_is_read(folder: Path) -> None:
    (folder / "large.txt").write_bytes(b"word " * 30_000_000)
    large, after = read(folder, "large.txt", "nerve.txt", settings=LoadingSettings(megabytes=256, processes=1))
    assert "256 MB" in reason(large)
    assert isinstance(after, Document)


def test_special_files_and_links_that_lead_outside_are_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.txt"
    outside.write_text("canary")
    (folder / "link.txt").symlink_to(outside)
    (folder / "inside.txt").symlink_to(folder / "nerve.txt")
    (folder / "circle.txt").symlink_to(folder / "circle.txt")
    os.mkfifo(folder / "pipe.txt")
    (folder / "folder.txt").mkdir()
    with (folder / "huge.txt").open("wb") as huge:
        huge.truncate(201 * 2**20)
    assert "leads out" in reason(read(folder, "link.txt")[0])
    assert "leads out" in reason(read(folder, "../" + outside.parent.name + "/secret.txt")[0])
    assert isinstance(read(folder, "inside.txt")[0], Document)
    assert "cannot be opened" in reason(read(folder, "circle.txt")[0])
    assert "not a regular file" in reason(read(folder, "pipe.txt")[0])
    assert "not a regular file" in reason(read(folder, "folder.txt")[0])
    assert "larger than 200 MB" in reason(read(folder, "huge.txt")[0])
    assert "No such file" in reason(read(folder, "gone.txt")[0])
    names = FolderCorpus(folder).names()
    assert "inside.txt" in names and not {"link.txt", "pipe.txt", "circle.txt"}.intersection(names)


@pytest.mark.slow
def test_deep_nesting_is_read_or_refused(folder: Path) -> None:
    (folder / "deep.json").write_text("[" * 100_000 + "]" * 100_000)
    (folder / "deep.html").write_text("<div>" * 60_000 + "<p>Deep text.</p>")
    (folder / "deep.md").write_text(">" * 20_000 + " Deep text.")
    deep, page, quoted = read(folder, "deep.json", "deep.html", "deep.md")
    assert "nested" in reason(deep)
    assert isinstance(page, Document) and page.text == "Deep text."
    assert isinstance(quoted, Document | UnreadableFile)


def test_closing_the_iterator_stops_the_reading(folder: Path) -> None:
    before = set(threading.enumerate())
    reading = read_documents([(folder, "nerve.txt")] * 50, SETTINGS)
    assert not isinstance(next(reading), UnreadableFile)
    reading.close()  # type: ignore[attr-defined]
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=10)
        assert not thread.is_alive()
    assert read_documents([], SETTINGS) is not None and list(read_documents([], SETTINGS)) == []


def test_modules_in_the_current_folder_are_not_imported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "docx.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(folder)
    assert isinstance(read(folder, "nerve.docx")[0], Document)


@pytest.mark.slow
def test_mutated_files_give_documents_or_reasons(folder: Path) -> None:
    """Bytes changed, removed, duplicated or cut off: every file gives a valid document or a plain reason, and none hangs."""
    chance = random.Random(6)
    names = []
    for name in sorted(SAMPLES):
        original = (folder / name).read_bytes()
        for number in range(25):
            data = bytearray(original)
            for _ in range(chance.choice((1, 3, 20))):
                position = chance.randrange(len(data))
                kind = chance.randrange(4)
                if kind == 0:
                    data[position] = chance.randrange(256)
                elif kind == 1:
                    del data[position : position + chance.randrange(1, 50)]
                elif kind == 2:
                    data[position:position] = data[position : position + chance.randrange(1, 200)]
                else:
                    data = data[: max(1, position)]
                if not data:
                    data = bytearray(b"\0")
            names.append(f"{number}-{name}")
            (folder / names[-1]).write_bytes(data)
    refused = 0
    for outcome in read(folder, *names, settings=LoadingSettings(seconds=20)):
        if isinstance(outcome, Document):
            check_laws(outcome)
        else:
            refused += 1
            assert "crashed" not in reason(outcome) and "was not read within" not in str(outcome)
    assert 50 < refused < len(names) - 50


@pytest.mark.parametrize("missing", ["refuses", "has no"])
def test_files_are_read_on_systems_that_cannot_limit_memory(
    missing: str, folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS raises ValueError when the address space is limited; other systems lack the constant."""
    modules = tmp_path_factory.mktemp("modules")
    (modules / "sitecustomize.py").write_text(
        "import resource\n"
        "def refuse(*limits):\n    raise ValueError('current limit exceeds maximum limit')\n"
        + ("resource.setrlimit = refuse\n" if missing == "refuses" else "del resource.RLIMIT_AS\n")
    )
    monkeypatch.setenv("PYTHONPATH", str(modules), prepend=os.pathsep)
    document = read(folder, "nerve.txt", settings=LoadingSettings(megabytes=256, processes=1))[0]
    assert isinstance(document, Document), reason(document)


def splitting(embedder: ModelEmbedder) -> Reading:
    return Reading(Splitting(embedder.tokenizer_json(), embedder.max_tokens))


@pytest.mark.slow
def test_passages_from_a_worker_are_those_of_this_process(folder: Path, embedder: ModelEmbedder) -> None:
    names = sorted(SAMPLES)
    loaded = read_documents([(folder, name) for name in names], SETTINGS, splitting(embedder))
    for file in loaded:
        assert isinstance(file, LoadedFile) and file.passages is not None
        for document, passages in zip(file.documents, file.passages, strict=True):
            here = split_passages(document, count_tokens=embedder.count_tokens, limit=embedder.max_tokens)
            assert list(passages) == here and here


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["word " * 800_000, "x" * 4_000_000, "A sentence of some words. " * 150_000], ids=["words", "one word", "sentences"]
)
def test_a_long_line_is_split_in_little_memory(text: str, folder: Path, embedder: ModelEmbedder) -> None:
    (folder / "line.txt").write_text(text)
    stages: set[str] = set()
    reading = Reading(splitting(embedder).splitting, lambda what, done, total: stages.add(what))
    (file,) = read_documents([(folder, "line.txt")], LoadingSettings(megabytes=1024), reading)
    assert isinstance(file, LoadedFile) and file.passages is not None
    (document,), (passages,) = file.documents, file.passages
    assert max(len(passage.text) for passage in passages) < 20_000
    assert "".join(passage.text for passage in passages).replace(" ", "") == document.text.replace(" ", "")
    assert stages <= {"reading line.txt", "reading line.txt: parts"}


@pytest.mark.slow
def test_a_long_file_shows_its_progress(folder: Path) -> None:
    (folder / "long.pdf").write_bytes(columns([numbered(150, start=150 * i) for i in range(500)], number=1))
    seen: list[tuple[str, int, int]] = []
    (file,) = read_documents([(folder, "long.pdf")], SETTINGS, Reading(progress=lambda *stage: seen.append(stage)))
    assert isinstance(file, LoadedFile)
    pages = [(done, total) for what, done, total in seen if what == "reading long.pdf: pages"]
    assert pages and pages == sorted(pages) and len({total for _, total in pages}) == 1


def test_reading_stops_if_the_progress_says_so(folder: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(what: str, done: int, total: int) -> None:
        raise Stopped(what)

    (folder / "slow.md").write_text("*a_ " * 400_000)  # takes quadratic time
    with pytest.raises(Stopped, match="reading slow.md"):
        list(read_documents([(folder, "slow.md")], SETTINGS, Reading(progress=stop)))
