"""Reading in processes of their own: limits, order, files that are no files, and what broken files do to the rest."""

import os
import random
import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from rag.config import LoadingSettings
from rag.errors import UnreadableFile
from rag.loading.corpus import FolderCorpus
from rag.loading.process.pool import page_picture, read_documents
from rag.records import Document
from tests.sample_files import MADE

SETTINGS = LoadingSettings(seconds=30, processes=2)


def read(folder: Path, *names: str, settings: LoadingSettings = SETTINGS) -> list[Document | UnreadableFile]:
    return list(read_documents([(folder, name) for name in names], settings))


def reason(found: Document | UnreadableFile) -> str:
    assert isinstance(found, UnreadableFile)
    assert str(found) and "\n" not in str(found)
    return str(found)


def lawful(document: Document) -> None:
    """Blocks are in order, apart, inside the text and not empty; pages rise with their breaks."""
    assert document.text == document.text.encode().decode()
    for block in document.blocks:
        assert 0 <= block.span.start < block.span.end <= len(document.text) and block.span.of(document.text).strip()
        assert list(block.breaks) == sorted(block.breaks) and all(block.span.start <= b <= block.span.end for b in block.breaks)
    for before, after in pairwise(document.blocks):
        assert before.span.end <= after.span.start


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, made in MADE.items():
        (tmp_path / name).write_bytes(made())
    return tmp_path


def test_every_format_obeys_the_laws_and_comes_in_the_order_of_the_names(folder: Path) -> None:
    names = sorted(MADE) * 3
    found = read(folder, *names)
    assert [document.id for document in found if isinstance(document, Document)] == names
    for document in found:
        assert isinstance(document, Document)
        lawful(document)


def test_a_file_that_takes_too_long_is_given_up_and_the_next_is_read(folder: Path) -> None:
    # Nested emphasis makes the Markdown parser's time grow with the square of its length.
    (folder / "slow.md").write_text("*a_ " * 400_000)
    slow, after = read(folder, "slow.md", "nerve.md", settings=LoadingSettings(seconds=2, processes=1))
    assert reason(slow) == "it was not read within 2 seconds"
    assert isinstance(after, Document)


def test_a_file_that_takes_too_much_memory_is_given_up_and_the_next_is_read(folder: Path) -> None:
    (folder / "large.txt").write_bytes(b"word " * 30_000_000)
    large, after = read(folder, "large.txt", "nerve.txt", settings=LoadingSettings(megabytes=256, processes=1))
    assert "256 MB" in reason(large)
    assert isinstance(after, Document)


def test_files_that_are_no_files(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
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
    assert "no file" in reason(read(folder, "pipe.txt")[0])
    assert "no file" in reason(read(folder, "folder.txt")[0])
    assert "larger than 200 MB" in reason(read(folder, "huge.txt")[0])
    assert "No such file" in reason(read(folder, "gone.txt")[0])
    names = FolderCorpus(folder).names()
    assert "inside.txt" in names and not {"link.txt", "pipe.txt", "circle.txt"}.intersection(names)


def test_deep_nesting(folder: Path) -> None:
    (folder / "deep.json").write_text("[" * 100_000 + "]" * 100_000)
    (folder / "deep.html").write_text("<div>" * 60_000 + "<p>Deep text.</p>")
    (folder / "deep.md").write_text(">" * 20_000 + " Deep text.")
    deep, page, quoted = read(folder, "deep.json", "deep.html", "deep.md")
    assert "nested" in reason(deep)
    assert isinstance(page, Document) and page.text == "Deep text."
    assert isinstance(quoted, Document | UnreadableFile)


def test_whoever_stops_listening_stops_the_reading(folder: Path) -> None:
    before = set(threading.enumerate())
    reading = read_documents([(folder, "nerve.txt")] * 50, SETTINGS)
    assert isinstance(next(reading), Document)
    reading.close()  # type: ignore[attr-defined]
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=10)
        assert not thread.is_alive()
    assert read_documents([], SETTINGS) is not None and list(read_documents([], SETTINGS)) == []


def test_a_module_in_the_working_folder_takes_no_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "docx.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(folder)
    assert isinstance(read(folder, "nerve.docx")[0], Document)


@pytest.mark.slow
def test_mutated_files_give_documents_or_reasons(folder: Path) -> None:
    """Bytes changed, cut out, doubled or moved: nothing but lawful documents and plain reasons, and nobody hangs."""
    chance = random.Random(6)
    names = []
    for name in sorted(MADE):
        original = (folder / name).read_bytes()
        for number in range(25):
            data = bytearray(original)
            for _ in range(chance.choice((1, 3, 20))):
                place = chance.randrange(len(data))
                kind = chance.randrange(4)
                if kind == 0:
                    data[place] = chance.randrange(256)
                elif kind == 1:
                    del data[place : place + chance.randrange(1, 50)]
                elif kind == 2:
                    data[place:place] = data[place : place + chance.randrange(1, 200)]
                else:
                    data = data[: max(1, place)]
                if not data:
                    data = bytearray(b"\0")
            names.append(f"{number}-{name}")
            (folder / names[-1]).write_bytes(data)
    refused = 0
    for found in read(folder, *names, settings=LoadingSettings(seconds=20)):
        if isinstance(found, Document):
            lawful(found)
        else:
            refused += 1
            assert "crashed" not in reason(found) and "was not read within" not in str(found)
    assert 50 < refused < len(names) - 50


def test_a_page_is_drawn_by_a_process_of_its_own(folder: Path) -> None:
    canvas = Canvas(str(folder / "two.pdf"))
    for text in ("First page.", "Second page."):
        canvas.drawString(72, 700, text)
        canvas.showPage()
    canvas.save()
    (document,) = read(folder, "two.pdf")
    assert isinstance(document, Document)
    picture = page_picture(folder, document, 2, "Second page.", SETTINGS)
    assert picture.startswith(b"\x89PNG") and picture != page_picture(folder, document, 2, "Nothing of it.", SETTINGS)
    with pytest.raises(UnreadableFile, match="no page 3"):
        page_picture(folder, document, 3, "x", SETTINGS)
    with pytest.raises(UnreadableFile, match="leads out"):
        page_picture(folder / "..", replace(document, id="../" * 20 + "etc/passwd"), 1, "x", SETTINGS)
    (folder / "two.pdf").write_bytes((folder / "two.pdf").read_bytes() + b"\n")
    with pytest.raises(UnreadableFile, match="has changed since"):
        page_picture(folder, document, 2, "Second page.", SETTINGS)
