"""A served page over a small corpus, a browser, and helpers for the tests."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from rag.config import EvaluationSettings, ServerSettings, Settings
from rag.conversation import Chat
from rag.evaluation.labelling import add_question
from rag.evaluation.question_sets import GoldSpan
from rag.index.updating import Recipe, update_index
from rag.models.embedder import ModelEmbedder
from rag.outbound import watch_outbound
from rag.records import Span
from rag.server.app import create_app
from tests.conftest import library_of

PATIENCE = 60_000  # milliseconds: on a busy machine, a build or an answer takes many times as long as alone
expect.set_options(timeout=PATIENCE)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

HOSTILE = (
    "# Odd <b>ferns</b> & ${window.hacked=1} {{hacked}}\n\n"
    'The spiny fern costs 5 < 6 & "says" <img src=x onerror="window.hacked=1"> **not bold** $x^2$ [link](javascript:hacked=1) 😀 e\u0301 İß.\n\n'
    "A second spiny fern sentence stands after the odd one 😀.\n"
)


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory, embedder: ModelEmbedder) -> Chat:
    folder = tmp_path_factory.mktemp("served")
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "faq.txt").write_text(
        "How often should I repot a fern?\nRepot a fern every two years. Spring is the best season.\n"
    )
    (corpus / "old.txt").write_text("Repot a fern every three years.\n")
    (corpus / "odd.md").write_text(HOSTILE, encoding="utf-8")
    settings = Settings(
        corpus=corpus,
        index=folder / "index",
        server=ServerSettings(conversations=folder / "conversations"),
        evaluation=EvaluationSettings(sets=folder / "evaluation", feedback=folder / "feedback", runs=folder / "runs"),
    )
    add_question(
        folder / "evaluation" / "ferns",
        "When is a fern repotted?",
        [GoldSpan("faq.txt", Span(38, 67), "Repot a fern every two years.")],
    )
    add_question(folder / "evaluation" / "ferns", "Who won the football world cup in <b>2018</b>?", [])
    (corpus / "long.md").write_text(
        "# Long\n\n" + "Filler about moss and stones.\n\n" * 600 + "## Dyes\n\nBracken roots dye wool yellow.\n"
    )
    update_index(corpus, settings.index, Recipe(embedder, settings.passages))
    return Chat(settings, embedder)


Serve = Callable[[], tuple[str, Callable[[], None]]]


@pytest.fixture(scope="module")
def serve(chat: Chat) -> Iterator[Serve]:
    """Starts a server; returns its address and a function that stops it."""
    stops: list[Callable[[], None]] = []

    watch_outbound()

    def start() -> tuple[str, Callable[[], None]]:
        listener = socket.create_server(("127.0.0.1", 0))
        application = create_app(library_of(Chat(chat.settings, chat.embedder, chat.reader)))
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()

        def stop() -> None:
            server.should_exit = True
            thread.join(timeout=10)

        stops.append(stop)
        return f"http://127.0.0.1:{listener.getsockname()[1]}/", stop

    yield start
    for stop in stops:
        stop()


@pytest.fixture(scope="module")
def address(serve: Serve) -> str:
    return serve()[0]


@pytest.fixture(scope="package")  # while it is there, an event loop runs in this thread, which other tests need for their own
def browser() -> Iterator[Browser]:
    arguments = [
        "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
        "--disable-quic",
    ]  # fmt: skip
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 1280, "height": 860}, locale="en-US", permissions=["clipboard-read", "clipboard-write"]
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    outside: list[str] = []
    problems: list[str] = []
    page.on("request", lambda r: None if r.url.startswith((address, "data:", "blob:")) else outside.append(r.url))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    page.goto(address)
    page.wait_for_selector("#welcome")
    yield page
    assert page.evaluate("window.hacked") is None
    assert (outside, problems) == ([], [])
    context.close()


def ask(page: Page, question: str) -> Locator:
    """The answer, once it is there."""
    turns = page.locator("#turns .turn[data-turn]")
    before = turns.count()
    page.fill("#question textarea", question)
    page.keyboard.press("Enter")
    page.wait_for_function("n => document.querySelectorAll('#turns .turn[data-turn]').length > n", arg=before)
    return turns.nth(before).locator(".answer")


def marked(page: Page) -> str:
    page.wait_for_selector("#source-mark")
    return str(page.evaluate("document.querySelector('#source-mark').textContent"))
