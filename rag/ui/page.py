"""The page's layout and its handlers, which only hand on: answers come from Chat, HTML from render."""

import os
from collections.abc import Callable, Iterator
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

from rag.builds import builder_of, describe_builder  # noqa: E402
from rag.conversation import Chat  # noqa: E402
from rag.errors import RagError  # noqa: E402
from rag.index.building import corpus_changes  # noqa: E402
from rag.index.contents import Index  # noqa: E402
from rag.ui.render import answer_html, error_html, no_index_html, pending_html, question_html, state_html  # noqa: E402
from rag.ui.source import source_view  # noqa: E402
from rag.users import LOCAL, User  # noqa: E402

HERE = Path(__file__).parent
STYLE_SHEET = HERE / "page.css"
LABELS = HERE / "labels.js"
LONGEST_QUESTION = 1_000  # characters
EXAMPLES = 4
HEADING = '<div id="masthead"><h1>Ask your documents</h1><p>Answers in exact sentences, each with its source.</p></div>'

Turns = list[dict[str, str]]
"""The conversation as it is shown: {"question", "answer"}, both HTML. It lives on the server."""


def build_page(chat: Chat, user_of: Callable[[gr.Request | None], User] = lambda request: LOCAL) -> gr.Blocks:  # noqa: ARG005
    """The page over one Chat; `user_of` tells who makes a request.

    The Chatbot is never an input: what it would hand in comes from the browser, which could put anything there.
    """

    def ask(question: str, turns: Turns) -> Iterator[tuple[list[dict[str, str]], Turns, Any]]:
        question = str(question).strip()[:LONGEST_QUESTION]
        if not question:
            yield _messages(turns), turns, gr.skip()
            return
        shown = question_html(question)
        yield _messages([*turns, {"question": shown, "answer": pending_html()}]), turns, ""
        try:
            answered = answer_html(chat.ask(question))
        except RagError as error:
            answered = error_html(str(error))
        turns = [*turns, {"question": shown, "answer": answered}]
        yield _messages(turns), turns, gr.skip()

    def ask_example(turns: Turns, event: gr.SelectData) -> Iterator[tuple[list[dict[str, str]], Turns, Any]]:
        value = event.value
        yield from ask(str(value.get("text", "")) if isinstance(value, dict) else "", turns)

    def get_source(asked: Any, request: gr.Request | None = None) -> dict[str, Any]:  # noqa: ARG001 - gradio passes it
        try:
            return source_view(chat.index(), asked)
        except RagError as error:
            return {"error": str(error)}

    with gr.Blocks(title="Ask your documents", fill_width=True, analytics_enabled=False) as page:
        turns = gr.State([])
        gr.HTML(HEADING, elem_id="heading")
        state = gr.HTML(elem_id="state")
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                conversation = _conversation(_examples(chat))
                question = _question_box()
            with gr.Column(scale=2, min_width=320):
                _source_panel(get_source)
        outputs = [conversation, turns, question]
        queue = {"concurrency_limit": 2, "concurrency_id": "answers", "show_progress": "hidden", "api_visibility": "private"}
        asked = question.submit(ask, [question, turns], outputs, **queue)
        chosen = conversation.example_select(ask_example, [turns], outputs, **queue)
        # Not queued: a queued event that ends just as a question is sent closes the stream that its answer would come by
        # (gradio 6.31), and the question would wait for ever.
        direct = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        cleared = conversation.clear(list, None, [turns], **direct)
        for event in (page.load, asked.then, chosen.then, cleared.then):
            event(lambda: index_state(chat), None, [state], **direct)
    page.queue(max_size=64)
    return page


def _conversation(examples: list[str]) -> gr.Chatbot:
    return gr.Chatbot(
        elem_id="conversation",
        label="Conversation",
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


def _source_panel(get_source: Callable[..., dict[str, Any]]) -> gr.HTML:
    return gr.HTML(
        elem_id="panel",
        html_template=(HERE / "source.html").read_text(encoding="utf-8"),
        js_on_load=(HERE / "source.js").read_text(encoding="utf-8"),
        server_functions=[get_source],
        apply_default_css=False,
    )


def index_state(chat: Chat) -> str:
    try:
        index = chat.index()
        changes = corpus_changes(chat.settings.corpus, index.manifest)
        builder = builder_of(chat.settings.index)
    except RagError as error:
        return no_index_html(str(error))
    changed = len(changes.added) + len(changes.changed) + len(changes.removed)
    return state_html(
        documents=len(index.documents),
        passages=len(index.passages),
        digest=index.digest,
        changed=changed,
        building=None if builder is None else describe_builder(builder),
    )


def example_questions(index: Index, number: int = EXAMPLES) -> list[str]:
    """Questions that the documents themselves ask and answer, spread over them; none if there are none."""
    questions = list(dict.fromkeys(p.headings[-1] for p in index.passages if p.headings and p.headings[-1].endswith("?")))
    step = max(1, len(questions) // number)
    return questions[::step][:number]


def _examples(chat: Chat) -> list[str]:
    try:
        return example_questions(chat.index())
    except RagError:
        return []


def _messages(turns: Turns) -> list[dict[str, str]]:
    return [
        {"role": role, "content": turn[part]} for turn in turns for role, part in (("user", "question"), ("assistant", "answer"))
    ]
