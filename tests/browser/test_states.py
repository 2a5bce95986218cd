"""States of the page that once were faults: addresses, drafts, a server that is gone, long texts, menus, scrolling."""

import re
import threading
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from reportlab.pdfgen.canvas import Canvas

from rag.conversation import Chat
from tests.browser.conftest import CHROMIUM, ask

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install it for the browser tests"),
]
REPOT, DYE, SPRING = (
    "How often should I repot my fern?",
    "What do bracken roots dye wool?",
    "Is spring the best season for a fern?",
)


def in_view(page: Page, selector: str, box: str) -> bool:
    script = """([selector, box]) => {
        const a = [...document.querySelectorAll(selector)].pop().getBoundingClientRect();
        const b = document.querySelector(box).getBoundingClientRect();
        return a.top >= b.top - 1 && a.top < b.bottom && a.left >= b.left - 1 && a.right <= b.right + 1;
    }"""
    return bool(page.evaluate(script, [selector, box]))


def questions(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("#turns .user").all_inner_texts()]


def test_each_new_answer_is_scrolled_to_its_question(page: Page) -> None:
    for question in (REPOT, DYE, SPRING):
        ask(page, question)
        assert page.evaluate("""() => {
            const box = document.querySelector('#conversation').getBoundingClientRect();
            return Math.abs([...document.querySelectorAll('.turn')].pop().getBoundingClientRect().top - box.top) < 40;
        }""")


def test_a_conversation_has_an_address_for_reload_back_and_bookmark(page: Page, address: str) -> None:
    ask(page, REPOT)
    ask(page, DYE)
    first = page.url
    assert re.search(r"\?c=[0-9a-f]{16}$", first) and page.title().startswith(REPOT)
    page.reload()
    page.wait_for_selector(".turn[data-turn='1']")
    assert questions(page) == [REPOT, DYE]
    page.click("#fresh")
    page.wait_for_selector("#welcome")
    assert page.url == address
    ask(page, SPRING)
    page.go_back()
    page.wait_for_selector("#welcome")
    page.go_back()
    page.wait_for_selector(".turn[data-turn='1']")
    assert (page.url, questions(page)) == (first, [REPOT, DYE])
    page.go_forward()
    page.go_forward()
    page.wait_for_function("document.querySelectorAll('.turn').length === 1")
    assert questions(page) == [SPRING]
    page.goto(first)
    page.wait_for_selector(".turn[data-turn='1']")
    expect(page.locator("#past .open[aria-current=page]")).to_have_text(REPOT)


def test_an_address_without_a_conversation_says_so_and_shows_the_empty_page(page: Page, address: str) -> None:
    page.goto(f"{address}?c=0123456789abcdef")
    page.wait_for_selector("#welcome")
    expect(page.locator("#said")).to_contain_text("no longer exists")
    assert page.url == address


def test_two_tabs_keep_their_conversations_and_share_one(page: Page, address: str) -> None:
    ask(page, REPOT)
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector(".turn[data-turn='0']")
    ask(other, DYE)
    ask(page, SPRING)
    assert questions(page) == [REPOT, DYE, SPRING]
    other.close()


def test_a_draft_survives_a_reload_and_belongs_to_its_conversation(page: Page) -> None:
    page.fill("#question textarea", "Half a ques")
    page.reload()
    page.wait_for_selector("#welcome")
    assert page.input_value("#question textarea") == "Half a ques"
    ask(page, REPOT)
    assert page.input_value("#question textarea") == ""
    page.fill("#question textarea", "A follow-up")
    page.click("#fresh")
    page.wait_for_selector("#welcome")
    assert page.input_value("#question textarea") == ""
    page.go_back()
    page.wait_for_selector(".turn[data-turn]")
    assert page.input_value("#question textarea") == "A follow-up"


def test_two_quick_questions_are_both_answered_in_one_conversation(page: Page) -> None:
    for question in (REPOT, DYE):
        page.fill("#question textarea", question)
        page.keyboard.press("Enter")
    page.wait_for_selector(".turn[data-turn='1']")
    assert questions(page) == [REPOT, DYE] and page.locator(".waiting").count() == 0


def test_an_answer_goes_to_its_conversation_though_another_was_opened(
    page: Page, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(page, SPRING)
    first = page.url
    begun, release, read = threading.Event(), threading.Event(), chat.reader.read

    def slowly(*given: Any, **named: Any) -> Any:
        begun.set()
        release.wait(timeout=30)
        return read(*given, **named)

    monkeypatch.setattr(chat.reader, "read", slowly)
    page.fill("#question textarea", "Which wool do roots dye?")
    page.keyboard.press("Enter")
    assert begun.wait(timeout=30)
    page.click("#fresh")
    page.wait_for_selector("#welcome")
    release.set()
    monkeypatch.undo()
    page.wait_for_timeout(500)
    assert page.locator(".turn").count() == 0
    page.goto(first)
    page.wait_for_selector(".turn[data-turn='1']")


def test_a_question_asked_while_the_server_is_gone_is_kept_and_answered_when_it_is_back(browser: Browser, address: str) -> None:
    page = browser.new_page(locale="en-US")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    page.wait_for_selector("#welcome")
    ask(page, REPOT)
    page.context.set_offline(True)
    page.fill("#question textarea", DYE)
    page.keyboard.press("Enter")
    expect(page.locator(".waiting")).to_contain_text("Not running – your question is kept")
    expect(page.locator(".state.gone")).to_be_visible()
    page.locator("button.cite").first.click()
    expect(page.locator("#source-text")).to_contain_text("not running")
    page.context.set_offline(False)
    page.wait_for_selector(".turn[data-turn='1']")
    assert questions(page) == [REPOT, DYE]
    expect(page.locator(".state.current")).to_be_visible()
    page.close()
    assert errors == []


def test_a_long_text_is_counted_and_offers_another_search(page: Page) -> None:
    page.fill("#question textarea", "word " * 170)
    assert page.inner_text("#counter") == "850 of 1,000" and not page.is_visible("#too-long")
    page.fill("#question textarea", "Bracken roots dye wool. " * 240)
    assert page.is_visible("#too-long") and page.is_disabled("#send")
    height = page.locator("#question textarea").evaluate(
        "area => area.clientHeight / parseFloat(getComputedStyle(area).lineHeight)"
    )
    assert height < 6.6 and in_view(page, "#send", "body")
    page.keyboard.press("Enter")
    assert page.locator(".turn").count() == 0
    page.click("#similar")
    page.locator(".similar .card").first.click()
    page.wait_for_selector("#source-mark")
    assert page.input_value("#question textarea") == ""


@pytest.mark.parametrize("width", [390, 1280])
def test_menus_are_whole_and_esc_closes_them(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    answer = ask(page, REPOT)
    for name in ("Not right?", "More"):
        button = answer.get_by_role("button", name=name, exact=True)
        button.click()
        box = page.locator(".menu:popover-open").bounding_box()
        assert box and box["x"] >= 0 and box["y"] >= 0 and box["x"] + box["width"] <= width and box["y"] + box["height"] <= 800
        page.keyboard.press("Escape")
        expect(page.locator(".menu:popover-open")).to_have_count(0)


def test_a_ticked_document_is_seen_to_be_ticked(page: Page) -> None:
    box = page.locator("#scope-list input").first
    colour = "box => getComputedStyle(box).backgroundColor"
    before = box.evaluate(colour)
    box.check()
    after = box.evaluate(colour)
    assert before != after and box.evaluate("box => getComputedStyle(box).borderTopWidth") != "0px"
    page.keyboard.press("Tab")


def test_the_sources_of_an_answer_are_counted_once(page: Page, chat: Chat) -> None:
    answer = ask(page, REPOT)
    numbers = {button.get_attribute("data-number") for button in answer.locator("button.cite").all()}
    answer.locator("button.card").first.click()
    page.wait_for_selector("#source-mark")
    assert page.inner_text("#source-count").endswith(f" of {len(numbers)}")


def test_all_sentences_that_the_answer_quotes_are_marked_and_lead_to_each_other(page: Page) -> None:
    answer = ask(page, "How often should a fern be repotted, and in which season?")
    answer.locator("button.cite").first.click()
    page.wait_for_selector("#source-mark")
    other = page.locator("mark.other[data-number]").first
    if other.count():
        text = other.text_content()
        other.click()
        page.wait_for_function("text => document.querySelector('#source-mark')?.textContent === text", arg=text)


def test_a_found_passage_is_opened_at_the_passage(page: Page) -> None:
    answer = ask(page, REPOT)
    answer.get_by_role("button", name="Not right?", exact=True).click()
    answer.get_by_role("button", name="Show the right sentence").click()
    page.fill("#source-words", "bracken dye wool")
    page.keyboard.press("Enter")
    page.locator("#source-found button", has_text="Bracken").first.click()
    expect(page.locator(".piece.near")).to_have_text("Bracken roots dye wool yellow.")
    assert in_view(page, ".piece.near", "#source-text")
    page.keyboard.press("Escape")


def test_finding_in_the_document_steps_through_all_places(page: Page) -> None:
    ask(page, DYE).locator("button.cite").first.click()
    page.wait_for_selector("#source-mark")
    page.fill("#find-words", "about MOSS and")
    expect(page.locator("#find-count")).to_have_text("1 of 500")
    page.keyboard.press("Enter")
    expect(page.locator("#find-count")).to_have_text("2 of 500")
    expect(page.locator("#source-mark")).to_have_text("about moss and")
    assert in_view(page, "#source-mark", "#source-text")
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    expect(page.locator("#find-count")).to_have_text("500 of 500")
    page.fill("#find-words", "zebra")
    expect(page.locator("#find-count")).to_have_text("none")


def test_the_outline_leads_to_a_heading_and_only_this_document_is_asked(page: Page) -> None:
    ask(page, REPOT).locator("button.cite[value$='faq.txt']").first.click()
    page.wait_for_selector("#source-mark")
    page.click("#source-contents")
    page.locator("#outline .heading-link").first.click()
    page.wait_for_function("document.querySelector('#source-mark')?.textContent === 'How often should I repot a fern?'")
    page.click("#source-only")
    assert page.inner_text("#scope-words-said") == "Searching only faq.txt"
    assert "Searched only in faq.txt" in ask(page, SPRING).inner_text()


def test_an_overview_is_asked_from_the_list_of_documents_and_from_a_source(page: Page) -> None:
    page.get_by_role("tab", name="Documents").click()
    page.get_by_role("button", name="Overview of faq.txt").click()
    answer = page.locator("#conversation .turn[data-turn] .answer").first
    answer.wait_for()
    assert answer.locator(".overview-note").inner_text().startswith("Overview of ")
    assert answer.locator("h3.spine").count() > 0 and answer.locator(".quote").count() > 0
    answer.locator("button.cite").first.click()
    page.wait_for_selector("#source-mark")
    assert (
        page.locator("#source-mark").text_content()
        == (answer.locator(".quote").first.text_content() or "").rsplit("Show source", 1)[0]
    )
    page.click("#source-overview")
    page.wait_for_function("document.querySelectorAll('#conversation .turn[data-turn]').length === 2")
    assert page.locator("#conversation .user").last.inner_text().strip() == "Overview of faq.txt"


def test_markdown_reads_as_it_should_and_can_be_seen_as_text(page: Page) -> None:
    ask(page, DYE).locator("button.cite").first.click()
    page.wait_for_selector("#source-mark")
    heading = page.locator("#source-text [role=heading]", has_text="Dyes")
    assert heading.inner_text() == "Dyes" and heading.text_content() == "## Dyes"
    page.click("#source-plain")
    assert heading.inner_text() == "## Dyes"
    page.click("#source-plain")


def test_a_page_of_a_pdf_is_scrolled_to_its_mark_and_can_be_zoomed_and_turned(page: Page, tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "lilies.pdf"))
    for text, height in (("Lilies like light.", 700), ("The tiger lily flowers in August.", 60)):
        canvas.drawString(72, height, text)
        canvas.showPage()
    canvas.save()
    page.get_by_role("tab", name="Documents", exact=True).click()
    page.wait_for_selector("#give:not([hidden])")
    page.set_input_files("#files", [tmp_path / "lilies.pdf"])
    page.wait_for_selector(".result >> text=1 added")
    page.get_by_role("tab", name="Ask", exact=True).click()
    ask(page, "When does the tiger lily flower?").locator("button.cite").first.click()
    page.wait_for_selector("#source-mark")
    page.click("#source-page")
    page.wait_for_selector("#source-text img")
    page.wait_for_function("document.querySelector('#source-text').scrollTop > 20")
    width = page.locator("#source-text img").evaluate("image => image.clientWidth")
    page.click("#zoom-in")
    assert page.locator("#source-text img").evaluate("image => image.clientWidth") > 1.4 * width
    page.click("#page-previous")
    expect(page.locator("#page-number")).to_have_text("Page 1 of 2")
    page.wait_for_function("document.querySelector('#source-text img').alt === 'Page 1 of Lilies'")
    assert page.is_disabled("#page-previous")
    page.click("#source-page")


def test_keys(page: Page) -> None:
    ask(page, REPOT)
    page.locator("#conversation").focus()
    page.keyboard.press("2")
    page.wait_for_function("document.querySelector('#source-count').textContent.startsWith('Citation 2')")
    page.keyboard.press("[")
    page.wait_for_function("document.querySelector('#source-count').textContent.startsWith('Citation 1')")
    page.keyboard.press("Escape")
    page.wait_for_selector("#source", state="hidden")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "asked"
    page.keyboard.press("ArrowUp")
    assert page.input_value("#question textarea") == REPOT
    page.locator("#conversation").focus()
    page.keyboard.press("?")
    page.wait_for_selector("#facts dd")


def test_escape_stops_a_source_that_is_being_opened(page: Page) -> None:
    held: list[Route] = []
    page.route(
        "**/component_server/**",
        lambda route: held.append(route) if '"do":"source"' in (route.request.post_data or "") else route.continue_(),
    )
    ask(page, REPOT)
    page.locator("#conversation").focus()
    page.keyboard.press("2")
    page.wait_for_function("document.querySelector('#source-count').textContent.startsWith('Citation 2')")
    while not held:
        page.wait_for_timeout(10)
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    with page.expect_response(lambda response: response.request == held[0].request):
        held[0].continue_()
    page.wait_for_timeout(100)
    assert page.is_hidden("#source")
    assert page.evaluate("document.activeElement.id") == "asked"


def test_on_a_phone_the_question_box_and_the_marked_sentence_are_in_view(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 700})
    assert in_view(page, "#send", "body")
    ask(page, DYE).locator("button.cite").first.click()
    page.wait_for_selector("#source-mark")
    assert in_view(page, "#source-mark", "#source-text")
    page.click("#source-close")
    page.click("#desk-open")
    assert page.is_visible("#scope-list") and page.is_visible("#past")
    page.keyboard.press("Escape")
    page.wait_for_selector("#desk-pane", state="hidden")


def test_nothing_scrolls_sideways_at_twice_the_size(page: Page) -> None:
    page.set_viewport_size({"width": 640, "height": 430})  # 1280 x 860 at 200%
    ask(page, REPOT).locator("button.cite").first.click()
    page.wait_for_selector("#source-mark")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.click("#source-close")


def test_title_description_and_icon_are_our_own(page: Page, address: str) -> None:
    assert page.title() == "Ask your documents"
    assert "exact quotes" in str(page.locator("meta[name=description]").get_attribute("content"))
    icon = page.locator("link[rel=icon]").last.evaluate("link => link.href")
    assert page.request.get(icon).headers["content-type"].startswith("image/svg")
    assert "Gradio" not in page.title() and page.locator("footer:visible").count() == 0


def test_files_can_be_dropped_anywhere(page: Page, chat: Chat) -> None:
    page.evaluate("""() => {
        const data = new DataTransfer();
        data.items.add(new File(['The yak eats moss.\\n'], 'yak.txt', {type: 'text/plain'}));
        document.querySelector('#turns').dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
    }""")
    expect(page.locator("#said")).to_contain_text("yak.txt")
    expect(page.locator("#scope-list")).to_contain_text("yak", ignore_case=True)
    assert "moss" in ask(page, "What does the yak eat?").inner_text()
    (chat.settings.corpus / "yak.txt").unlink()
