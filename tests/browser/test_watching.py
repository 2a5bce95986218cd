"""A watched answer on the page: it changes with its document, is shown beside the new one, and is accepted."""

import pytest
from playwright.sync_api import Page

from rag.conversation import Chat
from tests.browser.conftest import CHROMIUM, ask, marked
from tests.browser.test_flows import act, go
from tests.browser.test_qualities import faults

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install it for the browser tests"),
]


def test_a_watched_answer_changes_with_its_document(page: Page, chat: Chat) -> None:
    answer = ask(page, "How often should I repot a fern?")
    act(answer, "More", "Watch this answer")
    page.wait_for_selector("#said.shown")
    assert "Watched from now on" in page.inner_text("#said")
    faq = chat.settings.corpus / "faq.txt"
    faq.write_text(faq.read_text().replace("every two years", "every nine years"))
    go(page, "Documents")
    page.click("#build")
    page.wait_for_selector("#job .result")
    assert "1 of 1 watched answers changed" in page.inner_text("#job .result")
    go(page, "Review")
    change = page.locator("#changes-shown .change")
    change.wait_for()
    assert change.locator("h3").inner_text() == "How often should I repot a fern?"
    assert "faq.txt changed" in change.inner_text()
    before, now = change.locator(".side").all()
    assert (before.locator("mark").first.inner_text(), now.locator("mark").first.inner_text()) == (" two", " nine")
    assert faults(page) == []
    assert before.locator("button.open-source[value*=':faq.txt']").count() == 0, "what has changed cannot be opened"
    now.locator("button.open-source").first.click()
    assert marked(page) == "Repot a fern every nine years."
    page.click("#source-close")
    change.get_by_role("button", name="Accept the new answer").click()
    page.wait_for_function("!document.querySelector('#changes-shown .change')")
    assert "0 of 1 watched answers changed" in page.inner_text("#changes-shown")
    page.locator("#changes-list summary").click()
    page.locator("#changes-listed").get_by_role("button", name="Remove").click()
    page.wait_for_function("document.querySelector('#changes-list').hidden")
    page.fill("#changes-question", "Are ferns tall?")
    page.keyboard.press("Enter")
    page.wait_for_selector("#changes-list:not([hidden])")
    assert faults(page) == []
