"""What users do on the page, from end to end: continue a conversation, add and remove documents, judge, evaluate."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route
from reportlab.pdfgen.canvas import Canvas

from rag.conversation import Chat
from rag.evaluation.question_sets import load_question_set
from tests.browser.conftest import CHROMIUM, HOSTILE, Serve, ask, marked

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install it for the browser tests"),
]
REPOT = "How often should I repot my fern?"
NAME = '<img src=x onerror="window.hacked=1"> ${window.hacked=1} {{x}}'


def go(page: Page, tab: str) -> None:
    page.get_by_role("tab", name=tab, exact=True).click()


def act(answer: Locator, menu: str, label: str) -> None:
    """Chooses from a menu of an answer: "Not right?" or "More"."""
    answer.get_by_role("button", name=menu, exact=True).click()
    answer.get_by_role("button", name=label, exact=True).click()


def choose_of_conversation(page: Page, label: str) -> None:
    """Chooses from the menu of the first conversation in the list."""
    page.locator("#past li").first.hover()
    page.locator("#past .menu-button").first.click()
    page.locator("#past .menu:popover-open").get_by_role("button", name=label, exact=True).click()


def test_the_card_of_a_number_shows_the_quote_between_its_neighbours(page: Page, chat: Chat) -> None:
    answer = ask(page, REPOT)
    answer.locator("button.cite").first.hover()
    page.wait_for_selector("#card:not([hidden])")
    assert page.text_content("#card .sentence") == "Repot a fern every two years."
    assert page.text_content("#card .after") == "Spring is the best season."
    assert "How often should I repot a fern?" in page.inner_text("#card .title") and page.inner_text("#card .place").startswith(
        "faq.txt"
    )
    page.mouse.move(5, 5)
    page.wait_for_selector("#card", state="hidden")
    answer.locator("button.cite").nth(1).focus()
    quote = chat.ask(REPOT).citations[1].quote
    page.wait_for_function("text => document.querySelector('#card .sentence').textContent === text", arg=quote)
    assert answer.locator("button.cite").nth(1).get_attribute("aria-describedby") == "card"
    page.keyboard.press("Escape")
    page.wait_for_selector("#card", state="hidden")


def test_a_conversation_survives_a_restart_with_its_citations(browser: Browser, serve: Serve) -> None:
    address, stop = serve()
    page = browser.new_page(locale="en-US")
    page.goto(address)
    page.wait_for_selector("#welcome")
    ask(page, REPOT)
    page.wait_for_selector("#past .open[aria-current]")
    choose_of_conversation(page, "Rename")
    page.fill("dialog.asking input", NAME)
    page.click("dialog.asking button[value=sure]")
    page.wait_for_function("name => document.querySelector('#past .open').textContent === name", arg=NAME)
    page.close()
    stop()
    address, stop = serve()
    page = browser.new_page(locale="en-US")
    page.goto(address)
    page.fill("#past-words", "onerror")
    page.locator("#past .open", has_text="onerror").first.click()
    page.locator("#conversation button.cite").first.click()
    assert marked(page) == "Repot a fern every two years."
    assert ask(page, "Is spring the best season for a fern?").count() == 1
    assert page.locator("#conversation .answer").count() == 2
    choose_of_conversation(page, "Delete")
    page.wait_for_function("document.querySelectorAll('#conversation .answer').length === 0")
    page.wait_for_function("!document.querySelector('#past').textContent.includes('onerror')")
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function("document.querySelector('#past').textContent.includes('onerror')")
    assert page.evaluate("window.hacked") is None
    page.close()
    stop()


def test_edit_copy_and_save(page: Page, chat: Chat) -> None:
    act(ask(page, REPOT), "More", "Edit the question")
    page.wait_for_function("text => document.querySelector('#question textarea').value === text", arg=REPOT)
    page.fill("#question textarea", "What do bracken roots dye wool?")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#conversation .answer q')?.textContent.startsWith('Bracken')")
    assert page.locator("#conversation .answer").count() == 1
    answer = page.locator("#conversation .answer")
    answer.get_by_role("button", name="Copy").click()
    page.wait_for_selector("#said.shown")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "What do bracken roots dye wool?\n\nBracken roots dye wool yellow. [1]\n\n[1] Long, long.md › Dyes\n"
    with page.expect_download() as kept:
        act(answer, "More", "Save the receipt")
    receipt = json.loads(Path(kept.value.path()).read_text(encoding="utf-8"))
    assert receipt["citations"][0]["quote"] == "Bracken roots dye wool yellow."
    assert receipt["index"] == chat.index().digest
    with page.expect_download() as kept:
        choose_of_conversation(page, "Save as Markdown")
    assert "Bracken roots dye wool yellow." in Path(kept.value.path()).read_text(encoding="utf-8")


def test_an_edited_query_is_searched_and_can_be_undone(page: Page) -> None:
    ask(page, REPOT)
    page.evaluate("""() => {
        const button = Object.assign(document.createElement('button'), {className: 'act', value: 'query:0'});
        document.querySelector('#conversation .answer').append(button);
        button.click();
    }""")
    page.wait_for_selector("#mode:not([hidden])")
    page.fill("#question textarea", "bracken roots dye wool")
    page.keyboard.press("Enter")
    page.wait_for_selector("#conversation .topic")
    assert page.inner_text("#conversation .topic b") == "bracken roots dye wool"
    assert page.locator("#conversation .user").inner_text().strip() == REPOT
    page.click("#conversation .topic button")
    page.wait_for_selector("#conversation .topic", state="detached")
    page.wait_for_selector("#conversation .turn[data-turn] q")
    assert page.locator("#conversation .answer q").first.inner_text().startswith("Repot")


def test_only_the_chosen_documents_are_searched(page: Page) -> None:
    page.fill("#scope-words", "old")
    page.wait_for_function("document.querySelectorAll('#scope-list input').length === 1")
    page.check("#scope-list input")
    assert page.inner_text("#scope-words-said") == "Searching only old.txt"
    answer = ask(page, REPOT)
    assert answer.locator("q").first.text_content() == "Repot a fern every three "
    assert "Searched only in old.txt." in answer.inner_text()
    answer.get_by_role("button", name="Search all documents").click()
    page.wait_for_function(
        "document.querySelector('#conversation .answer:not(.pending) q')?.textContent === 'Repot a fern every two '"
    )
    assert not page.is_visible("#scope") and not page.is_checked("#scope-list input")


def test_choosing_the_right_sentence_adds_a_question_to_the_evaluation(page: Page, chat: Chat) -> None:
    question = "Which season suits repotting best?"
    answer = ask(page, question)
    act(answer, "Not right?", "Show the right sentence")
    page.fill("#source-words", "spring season")
    page.keyboard.press("Enter")
    page.evaluate("document.querySelectorAll('#source-text *').forEach(one => one.dataset.before = 1)")
    page.locator("#source-found button", has_text="Repot a fern every two years").first.click()
    page.wait_for_selector(".piece:not([data-before])")
    sentence = page.locator(".piece", has_text="Spring is the best season.")
    sentence.focus()
    page.keyboard.press("Enter")
    assert sentence.get_attribute("aria-pressed") == "true"
    page.click("#source-keep")
    page.wait_for_selector("#conversation .judged")
    (kept,) = [one for one in load_question_set(chat.settings.evaluation.feedback).questions if one.text == question]
    assert [gold.text for gold in kept.answers] == ["Spring is the best season."]
    go(page, "Evaluation")
    page.wait_for_selector("#set")
    page.select_option("#set", "feedback")
    page.click("#evaluate")
    page.wait_for_selector("#questions button.open")
    assert question in page.inner_text("#questions")
    assert page.locator("#plots svg").count() >= 3


def test_a_run_is_searched_opened_compared_and_saved(page: Page) -> None:
    go(page, "Evaluation")
    page.wait_for_selector("#set")
    page.select_option("#set", "ferns")
    page.click("#evaluate")
    page.wait_for_function("document.querySelector('#questions')?.textContent.includes('football')")
    page.fill("#question-words", "repotted")
    page.wait_for_function("document.querySelectorAll('#questions button.open').length === 1")
    page.locator("#questions button.open").click()
    page.locator(".detail button.cite").first.click()
    page.wait_for_selector("#source-mark")
    page.fill("#question-words", "")
    page.wait_for_function("document.querySelectorAll('#questions button.open').length === 2")
    assert "<b>2018</b>" in page.inner_text("#questions")
    page.select_option("#against", page.input_value("#run"))
    with page.expect_download() as kept:
        page.locator("#shown [data-form=csv]").click()
    assert Path(kept.value.path()).read_text(encoding="utf-8").startswith("id,question,right,outcome,confidence,answer\n")
    page.locator("#share").fill("100")
    page.wait_for_function("document.querySelector('#share-costs').textContent.includes('1 of 1 unanswerable')")


def test_a_late_reply_does_not_replace_a_newer_list(page: Page) -> None:
    go(page, "Documents")
    page.wait_for_selector("#listed tbody tr")
    held: list[Route] = []
    page.route(
        "**/component_server/**",
        lambda route: held.append(route) if '"words":"f"' in (route.request.post_data or "") else route.continue_(),
    )
    page.fill("#file-words", "f")
    page.fill("#file-words", "long")
    page.wait_for_function("document.querySelector('#listed tbody')?.innerText.includes('long.md')")
    page.wait_for_function("document.querySelectorAll('#listed tbody tr').length === 1")
    (late,) = held
    with page.expect_response(lambda response: response.request == late.request):
        late.continue_()
    page.wait_for_timeout(200)
    assert page.locator("#listed tbody tr").count() == 1
    assert "long.md" in page.inner_text("#listed tbody")


def test_a_document_is_added_asked_and_removed(page: Page, tmp_path: Path, chat: Chat) -> None:
    (tmp_path / "zebra.txt").write_text(f"{NAME}\n\nThe zebra drinks lemonade on Tuesdays.\n")
    (tmp_path / "bad.xyz").write_text("x")
    go(page, "Documents")
    page.wait_for_selector("#give:not([hidden])")
    page.set_input_files("#files", [tmp_path / "zebra.txt", tmp_path / "bad.xyz"])
    page.wait_for_selector("ul.added")
    assert "zebra.txt added" in page.inner_text("ul.added")
    assert "bad.xyz not added: format .xyz is not known" in page.inner_text("ul.added")
    page.wait_for_selector(".result >> text=1 added")
    page.fill("#file-words", "zebra")
    page.wait_for_function("document.querySelectorAll('#listed tbody tr').length === 1")
    page.get_by_role("button", name="View zebra.txt").click()
    page.wait_for_function("document.querySelector('#source-text').textContent.includes('lemonade')")
    go(page, "Ask")
    assert "lemonade" in ask(page, "What does the zebra drink?").inner_text()
    go(page, "Documents")
    page.get_by_role("button", name="Remove zebra.txt").click()
    page.get_by_role("button", name="Cancel").click()
    assert (chat.settings.corpus / "zebra.txt").exists()
    page.get_by_role("button", name="Remove zebra.txt").click()
    page.locator("dialog.asking button[value=sure]").click()
    page.wait_for_selector(".result >> text=1 removed")
    assert not (chat.settings.corpus / "zebra.txt").exists()
    go(page, "Ask")
    answer = ask(page, "What does the zebra drink?")
    assert "lemonade" not in answer.inner_text()
    page.reload()
    page.wait_for_selector("#conversation .answer")
    assert "has changed since" in page.locator("#conversation .answer").first.inner_text()


def test_a_document_with_other_content_is_replaced_only_after_confirmation(page: Page, tmp_path: Path, chat: Chat) -> None:
    (tmp_path / "old.txt").write_text("Repot a fern every nine years.\n")
    before = (chat.settings.corpus / "old.txt").read_text()
    go(page, "Documents")
    page.wait_for_selector("#give:not([hidden])")
    page.set_input_files("#files", tmp_path / "old.txt")
    page.wait_for_selector("dialog.asking")
    page.get_by_role("button", name="Cancel").click()
    assert (chat.settings.corpus / "old.txt").read_text() == before
    assert "not added" in page.inner_text("ul.added")


def test_help_counts_no_attempts_to_reach_other_machines(page: Page, chat: Chat) -> None:
    go(page, "Help")
    page.wait_for_selector("#facts dd")
    facts = page.locator("#facts dd").all_inner_texts()
    assert facts[:2] == ["0", chat.index().digest]


def test_by_keyboard_alone(page: Page) -> None:
    page.locator("#question textarea").focus()
    page.keyboard.type(REPOT)
    page.keyboard.press("Enter")
    page.wait_for_selector("#conversation .turn[data-turn]")
    for _ in range(40):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.matches('button.cite')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("#source-mark")
    assert page.evaluate("document.activeElement.id") == "source-title"
    page.keyboard.press("Escape")
    page.wait_for_selector("#source-mark", state="detached")
    assert page.evaluate("document.activeElement.matches('button.cite')")


def test_a_hostile_document_is_listed_and_viewed_as_text(page: Page) -> None:
    go(page, "Documents")
    page.wait_for_selector("#listed table")
    assert "Odd <b>ferns</b> & ${window.hacked=1} {{hacked}}" in page.inner_text("#listed")
    page.get_by_role("button", name="View odd.md").click()
    page.wait_for_function("text => document.querySelector('#source-text').textContent === text", arg=HOSTILE)
    assert page.locator("#listed img, #listed b, #source img, #source b, #source-text a").count() == 0


def test_stop_ends_the_wait_and_saves_nothing(page: Page, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(page, REPOT)
    begun, go_on = threading.Event(), threading.Event()
    read = chat.reader.read

    def slowly(*given: Any, **named: Any) -> Any:
        begun.set()
        go_on.wait(timeout=30)
        return read(*given, **named)

    monkeypatch.setattr(chat.reader, "read", slowly)
    page.fill("#question textarea", "What do bracken roots dye wool?")
    page.keyboard.press("Enter")
    assert begun.wait(timeout=30)
    page.locator("#conversation .stop-button").click()
    page.wait_for_selector("#conversation .pending", state="detached")
    go_on.set()
    monkeypatch.undo()
    assert page.locator("#conversation .answer").count() == 1
    ask(page, "Which documents mention cats?")
    assert page.locator("#conversation .answer").count() == 2


def test_a_long_document_can_be_read_to_both_ends(page: Page, chat: Chat) -> None:
    ask(page, "What do bracken roots dye wool?").locator("button.cite").first.click()
    assert marked(page) == "Bracken roots dye wool yellow."
    while page.locator("#source-text .more").count():
        before = page.evaluate("document.querySelector('#source-text').textContent.length")
        page.locator("#source-text .more").first.click()
        page.wait_for_function("n => document.querySelector('#source-text').textContent.length > n", arg=before)
    assert page.evaluate("document.querySelector('#source-text').textContent") == chat.index().documents["long.md"].text
    assert marked(page) == "Bracken roots dye wool yellow."


def test_a_page_of_a_pdf_is_shown_with_its_sentence_marked(page: Page, tmp_path: Path, chat: Chat) -> None:
    canvas = Canvas(str(tmp_path / "orchids.pdf"))
    for text in ("Orchids need shade.", "The ghost orchid flowers every third summer."):
        canvas.drawString(72, 700, text)
        canvas.showPage()
    canvas.save()
    (tmp_path / "odd.txt").write_text("The trickster orchid\u200b is \u202edeliah\u202c pink.\n", encoding="utf-8")
    go(page, "Documents")
    page.wait_for_selector("#give:not([hidden])")
    page.set_input_files("#files", [tmp_path / "orchids.pdf", tmp_path / "odd.txt"])
    page.wait_for_selector(".result >> text=2 added")
    go(page, "Ask")
    ask(page, "How often does the ghost orchid flower?").locator("button.cite").first.click()
    assert marked(page) == "The ghost orchid flowers every third summer."
    assert page.inner_text("#source-place").startswith("orchids.pdf › page 2 · ")
    page.get_by_role("button", name="Page 2", exact=True).click()
    picture = page.wait_for_selector("#source-text img")
    assert "every third summer" in str(picture and picture.get_attribute("alt"))
    yellow = page.evaluate(
        "async () => { const i = document.querySelector('#source-text img'); await i.decode();"
        " const c = Object.assign(document.createElement('canvas'), {width: i.naturalWidth, height: i.naturalHeight}).getContext('2d');"
        " c.drawImage(i, 0, 0); const d = c.getImageData(0, 0, i.naturalWidth, i.naturalHeight).data; let n = 0;"
        " for (let k = 0; k < d.length; k += 4) n += d[k] > 240 && d[k + 1] > 220 && d[k + 2] < 150; return n }"
    )
    assert yellow > 500
    page.get_by_role("button", name="Text", exact=True).click()
    assert marked(page) == "The ghost orchid flowers every third summer."
    file = page.request.get(page.locator("#source-file").evaluate("link => link.href"))
    assert file.body() == (tmp_path / "orchids.pdf").read_bytes()
    page.click("#source-close")
    ask(page, "What colour is the trickster orchid?").locator("button.cite").first.click()
    assert marked(page) == "The trickster orchid\u200b is \u202edeliah\u202c pink."
    titles = page.locator("#source-text .unseen").evaluate_all("found => found.map(one => one.title.slice(-6))")
    assert titles == ["U+200B", "U+202E", "U+202C"]
