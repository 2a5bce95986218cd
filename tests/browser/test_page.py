"""The page in a real browser: ask, click a citation, and what is highlighted is the exact slice of the file."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from rag.conversation import Chat
from tests.browser.conftest import CHROMIUM, HOSTILE, ask, marked

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install it for the browser tests"),
]


def test_a_citation_opens_at_the_exact_slice(page: Page, chat: Chat) -> None:
    ask(page, "How often should I repot my fern?").locator("button.cite").first.click()
    citation = chat.ask("How often should I repot my fern?").citations[0]
    text = (chat.settings.corpus / "faq.txt").read_text()
    assert marked(page) == text[citation.span.start : citation.span.end] == "Repot a fern every two years."
    assert page.evaluate("document.querySelector('#source-text').textContent") == text
    assert str(page.text_content("#source-place")).startswith("faq.txt › How often should I repot a fern? · ")


def test_next_previous_escape_and_keyboard(page: Page, chat: Chat) -> None:
    answer, citations = ask(page, "How often should I repot my fern?"), chat.ask("How often should I repot my fern?").citations
    differing = next(citation.number for citation in citations if citation.quote == "Repot a fern every three years.")
    assert f"Sources differ: compare {differing} with 1." in answer.inner_text()
    answer.locator("button.cite").first.focus()
    page.keyboard.press("Enter")
    assert marked(page) == "Repot a fern every two years."
    page.click("#source-next")
    page.wait_for_function("text => document.querySelector('#source-mark')?.textContent === text", arg=citations[1].quote)
    assert page.text_content("#source-count") == f"Citation 2 of {len(citations)}"
    page.keyboard.press("Escape")
    page.wait_for_selector("#source-mark", state="detached")
    assert page.evaluate("document.activeElement.textContent") == "Show source 2"


def test_hostile_text_is_shown_exactly_and_inertly(page: Page, chat: Chat) -> None:
    question = "What does the spiny fern cost & say <b>?</b> ${window.hacked=1}"
    answer = ask(page, question)
    citations = chat.ask(question).citations
    shown = answer.locator(".quote").evaluate_all(
        "ps => ps.map(p => [...p.querySelectorAll('q')].map(q => q.textContent).join(''))"
    )
    assert shown == [citation.quote for citation in citations]
    for number, citation in enumerate(citations):
        answer.locator("button.cite").nth(number).click()
        page.wait_for_function("text => document.querySelector('#source-mark')?.textContent === text", arg=citation.quote)
        assert citation.quote == HOSTILE[citation.span.start : citation.span.end]
    assert (
        page.locator(
            "#conversation img, #source img, #conversation .answer .quote b, #source b, #source a:not(#source-file)"
        ).count()
        == 0
    )
    assert page.locator("#conversation .user").first.inner_text().strip() == question


def test_the_sentence_is_in_view_in_a_long_document(page: Page) -> None:
    ask(page, "What do bracken roots dye wool?").locator("button.cite").first.click()
    assert marked(page) == "Bracken roots dye wool yellow."
    assert page.locator("#source-mark").evaluate(
        "m => { const a = m.getBoundingClientRect(), b = document.querySelector('#source-text').getBoundingClientRect();"
        " return a.top >= b.top && a.bottom <= b.bottom }"
    )


def test_an_answer_and_its_strength_are_announced(page: Page) -> None:
    answer = ask(page, "How often should I repot my fern?")
    assert page.get_attribute("#announced", "aria-live") == "polite"
    announced = str(page.text_content("#announced"))
    assert announced.startswith("Answer.") and "Repot a fern every two" in announced
    assert answer.locator(".strength").first.inner_text() in announced


def test_off_subject_it_abstains(page: Page) -> None:
    answer = ask(page, "Who won the football world cup in 2018?")
    assert answer.locator(".reason").count() == 1 and answer.locator(".lead").count() == 0


def test_example_questions_and_the_state_of_the_index(page: Page, chat: Chat) -> None:
    page.wait_for_selector(".state.current")
    assert "4 documents" in page.inner_text(".state")
    page.locator("#welcome .example", has_text="How often should I repot a fern?").click()
    page.wait_for_selector("#conversation button.cite")
    extra: Path = chat.settings.corpus / "new.txt"
    extra.write_text("Moss grows.")
    try:
        ask(page, "Anything new?")
        page.wait_for_selector(".state.stale")
    finally:
        extra.unlink()


def test_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    assert not page.locator("#source").is_visible()
    ask(page, "How often should I repot my fern?").locator("button.cite").first.click()
    assert marked(page) == "Repot a fern every two years."
    assert page.locator("#source").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.click("#source-close")
    page.wait_for_selector("#source", state="hidden")
