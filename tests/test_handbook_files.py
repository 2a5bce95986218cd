"""The handbook's PDF file and Word document are those that `docs/handbook_files.py` makes from `docs/handbook/`."""

import sys
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pypdfium2
import pytest

from rag.loading.loader import load_document
from tests.conftest import ROOT

GUIDE, PLAN = "electrodiagnosis-pocket-guide", "rehabilitation-plan-after-nerve-repair"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    monkeypatch.delitem(sys.modules, "handbook_files", raising=False)
    import handbook_files

    monkeypatch.setattr(handbook_files, "CORPUS", tmp_path)
    handbook_files.main()
    return tmp_path


@pytest.mark.parametrize("name", [f"{GUIDE}.pdf", f"{PLAN}.docx"])
def test_the_files_in_the_corpus_are_up_to_date(made: Path, name: str) -> None:
    """Compares the documents, not the bytes: other versions of zlib or reportlab may write them differently."""
    new, current = ((folder / name).read_bytes() for folder in (made, ROOT / "corpus"))
    assert load_document(name, new).text == load_document(name, current).text


def test_the_same_text_gives_the_same_bytes(made: Path) -> None:
    import handbook_files

    first = {path.name: path.read_bytes() for path in made.iterdir()}
    handbook_files.main()
    assert {path.name: path.read_bytes() for path in made.iterdir()} == first
    assert len({member.date_time for member in ZipFile(BytesIO(first[f"{PLAN}.docx"])).infolist()}) == 1


def test_the_guide_has_pages_bookmarks_and_a_title() -> None:
    with pypdfium2.PdfDocument(ROOT / "corpus" / f"{GUIDE}.pdf") as guide:
        assert len(guide) == 4
        assert guide.get_metadata_value("Title") == "When and what to test: electrodiagnosis after nerve injury"
        bookmarks = [(mark.level, mark.get_title(), mark.get_dest().get_index()) for mark in guide.get_toc()]
    assert (0, "Pitfalls", 1) in bookmarks
    assert (1, "Weak shoulder", 2) in bookmarks


def test_the_guide_is_read_column_by_column_with_its_table_whole() -> None:
    document = load_document(f"{GUIDE}.pdf", (ROOT / "corpus" / f"{GUIDE}.pdf").read_bytes())
    blocks = [(block.kind, block.page, block.span.of(document.text)) for block in document.blocks]
    rows = [(page, text.split(" | ")) for kind, page, text in blocks if kind == "table"]
    assert rows[0] == (2, ["Time", "Motor response", "Sensory response", "Needle at rest", "Voluntary units"])
    assert len(rows) == 8 and all(page == 2 and len(cells) == 5 for page, cells in rows)
    headings = [text for kind, _, text in blocks if kind == "heading"]
    assert headings[1:4] == ["One question before the first shock", "When to test", "What the findings mean"]
    assert not any("Open Handbook" in text or text.strip().isdigit() for _, _, text in blocks)
    assert "where is the lesion, are the axons lost or only blocked" in " ".join(
        document.text.split()
    )  # the page divides "ax-ons" at a line end
