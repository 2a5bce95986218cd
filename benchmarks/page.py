"""Waiting times on the page: first paint, an answer, the sentence of a citation, the list of documents.

python benchmarks/page.py --documents 10000
"""

import argparse
import json
import shutil
import socket
import statistics
import tempfile
import threading
import time
from pathlib import Path

import uvicorn
from playwright.sync_api import Page, sync_playwright

from rag.config import EvaluationSettings, ServerSettings, Settings
from rag.index.updating import Recipe, update_index
from rag.library import Library
from rag.models.embedder import ModelEmbedder
from rag.server.app import create_app

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = ("How fast do nerves regrow?", "What is Wallerian degeneration?", "What is reinnervation?", "What is a nerve graft?")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def corpus(folder: Path, number: int) -> None:
    """The handbook, filled up to `number` documents with small ones."""
    shutil.copytree(ROOT / "corpus", folder)
    for n in range(number - len(list(folder.iterdir()))):
        store = folder / f"store-{n % 100:02}"
        store.mkdir(exist_ok=True)
        (store / f"item-{n:05}.txt").write_text(
            f"Item {n}\n\nItem {n} lies on shelf {n % 37} of room {n % 11}.\n", encoding="utf-8"
        )


def measured(page: Page, address: str) -> dict[str, float]:
    """Median times in milliseconds."""
    paints, answers, marks, lists = [], [], [], []
    for _ in range(5):
        page.goto(address)
        page.wait_for_selector("#welcome")
        paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        paints.append(page.evaluate(paint))
    for question in (QUESTIONS[0], *QUESTIONS):  # the first warms up
        before = page.locator("#turns .turn[data-turn]").count()
        page.fill("#question textarea", question)
        started = time.perf_counter()
        page.keyboard.press("Enter")
        page.locator("#turns .turn[data-turn]").nth(before).wait_for()
        answers.append(1000 * (time.perf_counter() - started))
        button = page.locator("#turns .turn").last.locator("button.cite").first
        marks.append(
            button.evaluate(
                """button => new Promise(resolve => {
                    const started = performance.now(), text = document.querySelector('#source-text');
                    const seen = new MutationObserver(() => {
                        if (!text.querySelector('#source-mark')) return;
                        seen.disconnect();
                        requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - started)));
                    });
                    seen.observe(text, {childList: true, subtree: true});
                    button.click();
                })"""
            )
        )
        page.click("#source-close")
    page.get_by_role("tab", name="Documents").click()
    page.wait_for_selector("#listed tbody tr")
    for words in ("nerve", "", "injury"):
        old = page.inner_text("#listed")
        started = time.perf_counter()
        page.fill("#file-words", words)
        page.wait_for_function("old => document.querySelector('#listed').innerText !== old", arg=old)
        lists.append(1000 * (time.perf_counter() - started))
    times = {"first_paint": paints, "answer": answers[1:], "citation_to_highlight": marks[1:], "list_documents": lists}
    return {name: round(statistics.median(values), 1) for name, values in times.items()}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--documents", type=int, default=40)
    number = arguments.parse_args().documents
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, sync_playwright() as playwright:
        folder = Path(name)
        corpus(folder / "corpus", number)
        settings = Settings(
            corpus=folder / "corpus",
            index=folder / "index",
            server=ServerSettings(conversations=folder / "conversations"),
            evaluation=EvaluationSettings(feedback=folder / "feedback", runs=folder / "runs"),
        )
        embedder = ModelEmbedder(settings.embedding)
        update_index(settings.corpus, settings.index, Recipe(embedder, settings.passages))
        listener = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(Library(settings, embedder=embedder)), log_level="warning"))
        threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        milliseconds = measured(browser.new_page(locale="en-US"), f"http://127.0.0.1:{listener.getsockname()[1]}/")
        browser.close()
        print(json.dumps({"documents": number, "milliseconds": milliseconds}))


if __name__ == "__main__":
    main()
