"""The page: its tabs and the panel for sources, put together. What each tab does is in its own module."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Read when gradio is imported: it would ask its maker's server for news, and keep every run in the visitor's browser.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_RUN_HISTORY", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# After every event gradio sums up all events for a page that is off; this puts it off for good.
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000")

import gradio as gr  # noqa: E402 - after the variables above

from rag.accounts.users import LOCAL  # noqa: E402
from rag.conversation import Chat  # noqa: E402
from rag.errors import RagError  # noqa: E402
from rag.library import Library  # noqa: E402
from rag.ui.ask_tab import ANSWERS_AT_ONCE, LONGEST_QUESTION, Asking, UserOf  # noqa: E402
from rag.ui.documents_tab import Documents  # noqa: E402
from rag.ui.evaluation_tab import Evaluating  # noqa: E402
from rag.ui.help_tab import help_call  # noqa: E402
from rag.ui.outbound import watch_outbound  # noqa: E402
from rag.ui.suggestions import example_questions  # noqa: E402

STATIC = Path(__file__).parent / "static"
STYLE_SHEET = STATIC / "page.css"
SCRIPT = STATIC / "page.js"
# Not queued: a queued event that ends just as a question is sent closes the stream that its answer would come by
# (gradio 6.31), and the question would wait for ever.
DIRECT = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
QUEUED = {
    "concurrency_limit": ANSWERS_AT_ONCE,
    "concurrency_id": "answers",
    "show_progress": "hidden",
    "api_visibility": "private",
}


def build_page(library: Library, user_of: UserOf = lambda request: LOCAL) -> gr.Blocks:
    """The page over one library; `user_of` tells who a request comes from.

    The Chatbot is never an input: what it would hand in comes from the browser, which could put anything there.
    """
    watch_outbound()
    asking, documents, evaluating = Asking(library.chat, user_of), Documents(library, user_of), Evaluating(library, user_of)
    if library.settings.server.watch:
        threading.Thread(target=documents.follow_corpus, args=(threading.Event(),), daemon=True).start()
    with gr.Blocks(title="Ask your documents", fill_width=True, analytics_enabled=False) as page:
        with gr.Row(elem_id="heading"):
            gr.HTML(_static("masthead.html"), apply_default_css=False, js_on_load=None, elem_id="masthead")
            component("chip", "chip", documents.call)
        with gr.Row(elem_id="whole"):
            with gr.Column(scale=3, min_width=320, elem_id="left"), gr.Tabs(elem_id="tabs", overflow_behavior="wrap"):
                with gr.Tab("Ask", id="ask"):
                    _ask_tab(asking)
                with gr.Tab("Documents", id="documents"):
                    component("documents_tab", "documents", documents.call)
                with gr.Tab("Evaluation", id="evaluation"):
                    component("evaluation_tab", "evaluating", evaluating.call)
                with gr.Tab("Help", id="help"):
                    component("help_tab", "helping", help_call(library.chat))
            with gr.Column(scale=2, min_width=320, elem_id="right"):
                component("source", "panel", asking.call)
    page.queue(max_size=64)
    return page


def component(name: str, element: str, answer: Callable[[Any, gr.Request | None], dict[str, Any]], value: str = "") -> gr.HTML:
    """Our own HTML and script, in the files of that name; `answer` is what the script's `call` reaches."""

    def call(told: Any, request: gr.Request | None = None) -> dict[str, Any]:
        return answer(told, request)

    shared = _static("shared.js")
    return gr.HTML(
        value,
        elem_id=element,
        html_template=_static(f"{name}.html"),
        js_on_load=shared + _static(f"{name}.js"),
        server_functions=[call],
        apply_default_css=False,
    )


def _static(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _ask_tab(asking: Asking) -> None:
    with gr.Row(elem_id="asking"):
        with gr.Column(scale=1, min_width=0, elem_id="past-column"):
            desk = component("ask_tab", "desk", asking.call, "{}")
        with gr.Column(scale=3, min_width=320, elem_id="talk"):
            conversation = _conversation(_examples(asking.chat))
            gr.HTML(_static("scope.html"), elem_id="scope-line", apply_default_css=False, js_on_load=None)
            question = _question_box()
    outputs = [conversation, question, desk]
    question.submit(asking.ask, [question, desk], outputs, **QUEUED)
    conversation.example_select(asking.ask_example, [desk], outputs, **QUEUED)
    desk.again(asking.again, [desk], outputs, **QUEUED)
    question.stop(asking.stop, None, None, **DIRECT)
    desk.resume(asking.resume, [desk], [conversation, question], **DIRECT)


def _conversation(examples: list[str]) -> gr.Chatbot:
    return gr.Chatbot(
        elem_id="conversation",
        label="Conversation",
        autoscroll=False,  # the script brings the question to the top, so that its answer is read from the beginning
        show_label=False,
        placeholder="Ask a question, or begin with one of these." if examples else "Ask a question.",
        examples=[{"text": example} for example in examples],
        # What it shows is HTML of our own, in which every foreign text is escaped.
        render_markdown=False,
        sanitize_html=True,
        allow_tags=False,
        latex_delimiters=[],
        # Gradio's copy button would copy the HTML; what is liked would go nowhere.
        buttons=[],
        feedback_options=None,
    )


def _question_box() -> gr.Textbox:
    return gr.Textbox(
        elem_id="question",
        label="Your question",
        show_label=False,
        placeholder="Ask a question about your documents",
        max_length=LONGEST_QUESTION,
        submit_btn="Ask",
        autofocus=True,
    )


def _examples(chat: Chat) -> list[str]:
    try:
        return example_questions(chat.index())
    except RagError:
        return []
