"""The evidence matrix on the page: made, stopped, read in its sources, and saved."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page

from rag.conversation import Chat
from rag.receipts import VALID, load_citations, verify
from tests.browser.conftest import CHROMIUM, marked
from tests.browser.test_qualities import faults
from tests.conftest import ReadHere

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install it for the browser tests"),
]
QUESTIONS = "How often should I repot a fern?\nWhich roots dye wool yellow?\nWhat does the spiny fern cost?"


def test_a_matrix_is_made_read_and_saved(page: Page, tmp_path: Path, chat: Chat) -> None:
    page.get_by_role("tab", name="Review", exact=True).click()
    page.fill("#matrix-questions", "# nothing")
    page.click("#matrix-start")
    page.wait_for_selector("#said.failed")
    assert page.inner_text("#said") == "there is no question to ask"
    page.fill("#matrix-questions", QUESTIONS)
    page.click("#matrix-start")
    page.wait_for_selector("table.matrix", timeout=60_000)
    assert page.locator("table.matrix thead th").all_inner_texts() == ["Document", *QUESTIONS.split("\n")]
    cell = page.locator("table.matrix .open-source", has_text="every two years").first
    cell.click()
    assert marked(page) == "Repot a fern every two years."
    page.keyboard.press("Escape")
    assert cell.evaluate("button => document.activeElement === button")
    head = page.locator("table.matrix thead th").first
    top = head.bounding_box()["y"]  # type: ignore[index]
    page.locator(".matrix-scroll").evaluate("box => box.scrollTop = 100")
    assert head.bounding_box()["y"] == top  # type: ignore[index]
    assert faults(page) == []
    with page.expect_download() as downloading:
        page.click("#matrix-made [data-form=json]")
    downloading.value.save_as(tmp_path / "matrix.json")
    checked = verify(load_citations(tmp_path / "matrix.json"), ReadHere(chat.settings.corpus))
    assert checked and {check.state for check in checked} == {VALID}
    assert len(json.loads((tmp_path / "matrix.json").read_text())["documents"]) == page.locator("table.matrix tbody tr").count()
    with page.expect_download() as downloading:
        page.click("#matrix-made [data-form=xlsx]")
    downloading.value.save_as(tmp_path / "matrix.xlsx")
    assert (tmp_path / "matrix.xlsx").read_bytes()[:2] == b"PK"
