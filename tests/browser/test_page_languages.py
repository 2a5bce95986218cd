"""The page in the language of the browser or of the address, and texts that are read from right to left."""

import pytest
from playwright.sync_api import Browser, expect

from rag.translations import translated
from tests.browser.conftest import CHROMIUM, PATIENCE, ask

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install it for the browser tests"),
]

TABS = {
    "de": ["Fragen", "Dokumente", "Prüfung", "Auswertung", "Hilfe"],
    "fr": ["Demander", "Documents", "Revue", "Évaluation", "Aide"],
    "zh": ["提问", "文档", "审核", "评估", "帮助"],
    "en": ["Ask", "Documents", "Review", "Evaluation", "Help"],
}


@pytest.mark.parametrize(
    ("locale", "query", "language"),
    [("de-AT", "", "de"), ("zh-CN", "", "zh"), ("ar-EG", "", "en"), ("en-US", "?lang=fr", "fr"), ("de-DE", "?lang=en", "en")],
)
def test_the_page_is_in_the_language_of_browser_or_address(
    browser: Browser, address: str, locale: str, query: str, language: str
) -> None:
    page = browser.new_context(locale=locale).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{address}{query}")
    page.wait_for_selector("#welcome")
    expect(page.locator("#tabs [role=tab]")).to_have_text(TABS[language])
    assert page.evaluate("document.documentElement.lang") == language
    ask(page, "danke")
    assert "Gern geschehen." in page.locator("#turns .own-voice").inner_text()  # in the language of the question
    assert (f"lang={language}" in page.url) == bool(query)
    page.locator("#tabs [role=tab]").last.click()
    expect(page.locator("#help h2").first).to_have_text(translated("How an answer is made", language))
    page.context.close()


def test_a_question_from_right_to_left_is_shown_so(browser: Browser, address: str) -> None:
    page = browser.new_context(locale="en-US").new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.wait_for_selector("#welcome")
    ask(page, "كم ينمو العصب في اليوم؟")
    question = page.locator("#turns .user").last
    assert question.evaluate("element => [getComputedStyle(element).direction, element.lang]") == ["rtl", "ar"]
    page.context.close()
