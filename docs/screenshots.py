"""Takes the screenshots of the README and the user guide: serves the handbook from a temporary folder to Chromium.

python docs/screenshots.py        (make screenshots)
"""

import os
import shutil
import socket
import tempfile
import threading
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from rag.config import EvaluationSettings, ServerSettings, Settings
from rag.conversation import Chat
from rag.evaluation.experiment import evaluate
from rag.evaluation.question_sets import load_question_set
from rag.evaluation.runs import save_run
from rag.index.updating import Recipe, update_index
from rag.library import Library
from rag.models.embedder import ModelEmbedder
from rag.server.app import create_app

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
MATRIX_QUESTIONS = (
    "How fast do nerves regrow?",
    "How long can a muscle survive without its nerve?",
    "Which nerve is injured most often?",
)
LEAFLETS = {
    "warranty.md": "# Warranty\n\nRefunds are paid within 60 days of the purchase. The motor is covered for 24 months.\n\n"
    "The filter of the pump can be washed in warm water.\n",
    "questions.md": "# Questions and answers\n\nWithin 30 days of the purchase, refunds are paid. "
    "The motor is covered for two years.\n\nThe filter of the pump cannot be washed in warm water.\n",
    "fees-2023.md": "# Fees of the club\n\nValid from 1 January 2023.\n\nThe annual fee of the club is 60 euros for adults.\n",
    "fees-2025.md": "# Fees of the club\n\nValid from 1 January 2025.\n\nThe annual fee of the club is 80 euros for adults.\n",
}
UNANSWERED_QUESTIONS = (
    "What does a nerve conduction study cost?",
    "How much does a nerve conduction study cost?",
    "Where can I park at the clinic?",
    "How much do I have to pay for a nerve conduction study?",
    "Where is parking at the clinic?",
    "Who won the world cup in 2014?",
)
WATCHED = ("How fast do nerves regrow?", "How long can a muscle survive without its nerve?")
EDITS = (("faq.txt", "about 1 mm a day", "about 1 to 3 mm a day"), ("faq.txt", "within about 12 months", "within about 9 months"))
QUESTIONS = 60  # of the handbook's set: enough for meaningful plots
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def served(folder: Path) -> str:
    """Serves a page over a copy of the handbook and returns its address."""
    shutil.copytree(ROOT / "corpus", folder / "corpus")
    settings = Settings(
        corpus=folder / "corpus",
        index=folder / "index",
        server=ServerSettings(conversations=folder / "conversations"),
        evaluation=EvaluationSettings(sets=ROOT / "evaluation", feedback=folder / "feedback", runs=folder / "runs"),
    )
    embedder = ModelEmbedder(settings.embedding)
    update_index(settings.corpus, settings.index, Recipe(embedder, settings.passages))
    chat = Chat(settings, embedder)
    evaluation = evaluate(load_question_set(ROOT / "evaluation" / "denervation"), chat, limit=QUESTIONS)
    run, outcomes = evaluation.run, evaluation.outcomes
    save_run(settings.evaluation.runs, run, outcomes)
    return _address(chat)


def served_leaflets(folder: Path) -> str:
    """Serves a page over a few leaflets that contradict each other and returns its address."""
    settings = Settings(corpus=folder / "leaflets", index=folder / "leaflets-index")
    settings.corpus.mkdir()
    for name, text in LEAFLETS.items():
        (settings.corpus / name).write_text(text, encoding="utf-8")
    embedder = ModelEmbedder(settings.embedding)
    update_index(settings.corpus, settings.index, Recipe(embedder, settings.passages))
    return _address(Chat(settings, embedder))


def _address(chat: Chat) -> str:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(Library(chat.settings, chat=chat)), log_level="warning"))
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


def opened(browser: Browser, address: str, *, width: int = 1280, height: int = 800, dark: bool = False) -> Page:
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        locale="en-US",
        reduced_motion="reduce",
    )
    page.goto(address)
    page.wait_for_selector("#welcome")
    page.wait_for_selector(".state.current", state="attached")
    return page


def ask(page: Page, question: str) -> None:
    turns = page.locator("#turns .turn[data-turn]")
    before = turns.count()
    page.fill("#question textarea", question)
    page.keyboard.press("Enter")
    turns.nth(before).wait_for()
    page.wait_for_selector("#past .open[aria-current]", state="attached")


def save(page: Page, name: str) -> None:
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)
    page.screenshot(path=DOCS / f"{name}.png")
    page.close()


def take_screenshots(browser: Browser, address: str) -> None:
    page = opened(browser, address)
    ask(page, "What is Wallerian degeneration?")
    ask(page, "What are the stages of denervation?")
    page.locator("#turns .turn").last.locator("button.cite").first.click()
    page.wait_for_selector("#source-mark")
    save(page, "page")
    page = opened(browser, address)
    ask(page, "What do the little electric shocks of the nerve test feel like?")
    page.locator("#turns button.cite[value$='.pdf']").first.click()
    page.wait_for_selector("#source-mark")
    page.click("#source-page")
    page.wait_for_selector("#source-text img")
    save(page, "pdf")
    page = opened(browser, address)
    page.get_by_role("tab", name="Documents").click()
    page.wait_for_selector("#listed table")
    save(page, "documents")
    page = opened(browser, address, height=1000)
    ask(page, "What is in nerve-repair-and-grafting.md in seven sentences?")
    page.locator("#turns .facts button.cite").nth(3).click()
    page.wait_for_selector("#source-mark")
    save(page, "overview")
    page = opened(browser, address)
    page.get_by_role("tab", name="Evaluation").click()
    page.wait_for_selector("#plots svg")
    save(page, "evaluation")
    page = opened(browser, address, dark=True)
    ask(page, "How long can a muscle survive without its nerve?")
    page.get_by_role("button", name="Not right?", exact=True).click()
    page.get_by_role("button", name="Show the right sentence").click()
    page.locator(".piece.near").click()
    save(page, "choosing")
    page = opened(browser, address, width=390, height=800)
    ask(page, "How fast do nerves regrow?")
    page.locator("#turns button.cite").first.click()
    page.wait_for_selector("#source-mark")
    save(page, "phone")


def take_matrix(browser: Browser, address: str) -> None:
    page = opened(browser, address)
    page.get_by_role("tab", name="Review").click()
    page.fill("#matrix-questions", "\n".join(MATRIX_QUESTIONS))
    page.fill("#matrix-documents", "*nerv*.md, *re*.md")
    page.click("#matrix-start")
    page.wait_for_selector("table.matrix", timeout=10 * 60_000)
    page.evaluate("document.querySelector('#matrix-made').scrollIntoView()")
    save(page, "matrix")


def take_conflicts(browser: Browser, address: str) -> None:
    page = opened(browser, address)
    page.get_by_role("tab", name="Review").click()
    page.click("#conflicts-find")
    page.wait_for_selector("#conflicts-found .change", timeout=60_000)
    page.evaluate("document.querySelector('#conflicts').scrollIntoView()")
    save(page, "conflicts")


def take_unanswered(browser: Browser, address: str) -> None:
    page = opened(browser, address)
    for question in UNANSWERED_QUESTIONS:
        ask(page, question)
    page.get_by_role("tab", name="Review").click()
    page.wait_for_selector(".unanswered-group")
    page.evaluate("document.querySelector('#unanswered').scrollIntoView()")
    save(page, "unanswered")


def take_changes(browser: Browser, address: str, corpus: Path) -> None:
    page = opened(browser, address)
    for number, question in enumerate(WATCHED):
        ask(page, question)
        page.get_by_role("button", name="More", exact=True).last.click()
        page.get_by_role("button", name="Watch this answer", exact=True).last.click()
        page.wait_for_function("n => document.querySelectorAll('#turns .turn[data-turn]').length === n", arg=number + 1)
        page.wait_for_selector("#said.shown")
    for name, before, now in EDITS:
        file = corpus / name
        file.write_text(file.read_text(encoding="utf-8").replace(before, now), encoding="utf-8")
    page.get_by_role("tab", name="Documents").click()
    page.click("#build")
    page.wait_for_selector("#job .result", timeout=60_000)
    page.get_by_role("tab", name="Review").click()
    page.wait_for_selector("#changes-shown .change")
    page.wait_for_selector("#said:not(.shown)", state="attached")
    save(page, "changes")


def main() -> None:
    if CHROMIUM is None:
        raise SystemExit("no Chromium on this machine; on Debian: apt-get install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, sync_playwright() as started:
        os.environ["GRADIO_TEMP_DIR"] = str(Path(folder, "gradio"))
        address = served(Path(folder))
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        take_screenshots(browser, address)
        take_matrix(browser, address)
        take_conflicts(browser, served_leaflets(Path(folder)))
        take_unanswered(browser, address)
        take_changes(browser, address, Path(folder) / "corpus")  # last, because it edits the documents
        browser.close()


if __name__ == "__main__":
    main()
