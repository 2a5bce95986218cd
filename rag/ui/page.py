"""The page: the layout of its tabs and of the source panel.

What each part can do is in its *_acts module; its elements and script are in static/.
"""

from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

from rag.conversation import Chat
from rag.errors import RagError
from rag.library import Library
from rag.question_queue import QuestionQueue
from rag.ui.answer_acts import ANSWER_ACTS
from rag.ui.asked_question import LONGEST_QUESTION
from rag.ui.asking import Asking, UserOf
from rag.ui.background_builds import BackgroundBuilds
from rag.ui.calls import Acts, Reply, answer_call
from rag.ui.conversation_acts import CONVERSATION_ACTS
from rag.ui.documents_acts import DOCUMENT_ACTS, STATE_ACTS
from rag.ui.evaluation_acts import EVALUATION_ACTS, Evaluating
from rag.ui.help_acts import HELP_ACTS
from rag.ui.source_acts import SOURCE_ACTS
from rag.ui.suggestions import example_questions

STATIC = Path(__file__).parent / "static"
STYLE_SHEET = STATIC / "page.css"
SCRIPT = STATIC / "page.js"
MOST_WAITING = 64  # questions in gradio's queue; further ones are refused
# Not queued: a queued event that ends just as a question is sent closes the stream through which its answer would come
# (gradio 6.31), and the question would wait for ever.
DIRECT = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
QUEUED = {
    "concurrency_limit": None,  # questions wait in the queue that they share with the API
    "show_progress": "hidden",
    "api_visibility": "private",
}

Context = TypeVar("Context")


def build_page(library: Library, questions: QuestionQueue, user_of: UserOf, builds: BackgroundBuilds) -> gr.Blocks:
    """The page over one library; `user_of` gives the user who makes a request.

    The Chatbot is never an input: its value would come from the browser, which could put anything there.
    """
    chat = library.chat
    with gr.Blocks(title="Ask your documents", fill_width=True, analytics_enabled=False) as page:
        with gr.Row(elem_id="heading"):
            _plain("masthead")
            component("chip", "chip", STATE_ACTS, builds, user_of)
        with gr.Row(elem_id="whole"):
            with gr.Column(scale=3, min_width=320, elem_id="left"), gr.Tabs(elem_id="tabs", overflow_behavior="wrap"):
                with gr.Tab("Ask", id="ask"):
                    _ask_tab(questions, user_of)
                with gr.Tab("Documents", id="documents"):
                    component("documents_tab", "documents", DOCUMENT_ACTS, builds, user_of)
                with gr.Tab("Evaluation", id="evaluation"):
                    evaluating = Evaluating(library)
                    component("evaluation_tab", "evaluating", EVALUATION_ACTS, evaluating, user_of)
                with gr.Tab("Help", id="help"):
                    component("help_tab", "helping", HELP_ACTS, chat, user_of)
            with gr.Column(scale=2, min_width=320, elem_id="right"):
                component("source", "panel", SOURCE_ACTS, chat, user_of)
    page.queue(max_size=MOST_WAITING)
    return page


def component(name: str, element: str, acts: Acts[Context], context: Context, user_of: UserOf, value: str = "") -> gr.HTML:
    """A part of the page from static/{name}.html and .js; the script's `call` reaches the acts."""

    def call(payload: Any, request: gr.Request | None = None) -> Reply:
        return answer_call(acts, context, user_of(request), payload)

    return gr.HTML(
        value,
        elem_id=element,
        html_template=_static(f"{name}.html"),
        js_on_load=_static("shared.js") + _static(f"{name}.js"),
        server_functions=[call],
        apply_default_css=False,
    )


def _plain(name: str, element: str = "") -> None:
    """A part without a script of its own."""
    gr.HTML(_static(f"{name}.html"), elem_id=element or name, apply_default_css=False, js_on_load=None)


def _static(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _ask_tab(questions: QuestionQueue, user_of: UserOf) -> None:
    chat, asking = questions.chat, Asking(questions, user_of)
    with gr.Row(elem_id="asking"):
        with gr.Column(scale=1, min_width=0, elem_id="past-column"):
            desk = component("ask_tab", "desk", {**CONVERSATION_ACTS, **ANSWER_ACTS}, chat, user_of, "{}")
        with gr.Column(scale=3, min_width=320, elem_id="talk"):
            conversation = _conversation(_examples(chat))
            _plain("scope", "scope-line")
            question = _question_box()
    outputs = [conversation, question, desk]
    question.submit(asking.ask, [question, desk], outputs, **QUEUED)
    conversation.example_select(asking.ask_example, [desk], outputs, **QUEUED)
    desk.again(asking.ask_again, [desk], outputs, **QUEUED)
    question.stop(asking.stop, None, None, **DIRECT)
    desk.resume(asking.resume, [desk], [conversation, question], **DIRECT)


def _conversation(examples: list[str]) -> gr.Chatbot:
    return gr.Chatbot(
        elem_id="conversation",
        label="Conversation",
        autoscroll=False,  # the script scrolls the question to the top, so that its answer is read from the beginning
        show_label=False,
        placeholder="Ask a question, or start with one of these." if examples else "Ask a question.",
        examples=[{"text": example} for example in examples],
        # It shows our own HTML, from templates that escape what they insert.
        render_markdown=False,
        sanitize_html=True,
        allow_tags=False,
        latex_delimiters=[],
        # Gradio's copy button would copy the HTML, and its feedback would go nowhere.
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
