"""The page: the layout of its tabs and of the source panel.

What each part can do is in its *_acts module; its elements and script are in static/.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr
from anyio import CapacityLimiter, to_thread

from rag.accounts.users import User
from rag.library import Library
from rag.question_queue import QuestionQueue
from rag.translations import LANGUAGES, translated
from rag.ui.answer_acts import ANSWER_ACTS
from rag.ui.asking import ASKING_ACTS
from rag.ui.background_builds import BackgroundBuilds
from rag.ui.calls import Acts, Reply, answer_call
from rag.ui.changes_acts import CHANGES_ACTS, ChangesPart
from rag.ui.conflicts_acts import CONFLICTS_ACTS, ConflictsPart
from rag.ui.conversation_acts import CONVERSATION_ACTS
from rag.ui.documents_acts import ADDING_ACTS, DOCUMENT_ACTS, STATE_ACTS
from rag.ui.evaluation_acts import EVALUATION_ACTS, EvaluationPart
from rag.ui.help_acts import HELP_ACTS
from rag.ui.matrix_acts import MATRIX_ACTS, MatrixPart
from rag.ui.page_files import element_of, script_of
from rag.ui.room import Room
from rag.ui.source_acts import SOURCE_ACTS
from rag.ui.unanswered_acts import UNANSWERED_ACTS, UnansweredPart

TABS = ("Ask", "Documents", "Review", "Evaluation", "Help")
CALLS_AT_ONCE = 40  # to a component, besides questions that wait for their answer; as many as gradio would allow

Context = TypeVar("Context")
UserOf = Callable[[Any], User]
"""Who makes a request: a server function is given the request, or None."""


def build_page(library: Library, questions: QuestionQueue, user_of: UserOf, builds: BackgroundBuilds) -> gr.Blocks:
    """The page over one library; `user_of` gives the user who makes a request.

    It has no events: its scripts call the acts, so that there is no queue and no value that a browser could put anywhere.
    """
    label, chat, server = tab_labels(), library.chat, library.settings.server
    asked = server.workers + server.waiting  # each question that waits holds a thread
    with gr.Blocks(title="Ask your documents", fill_width=True, analytics_enabled=False) as page:
        gr.HTML(element_of("masthead"), elem_id="masthead", apply_default_css=False, js_on_load=script_of("masthead"))
        component("state", "chip", STATE_ACTS, builds, user_of)
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap"):
            with gr.Tab(label("Ask"), id="ask"):
                acts = {**ASKING_ACTS, **CONVERSATION_ACTS, **ANSWER_ACTS}
                component("ask", "room", acts, Room(questions), user_of, threads=asked + CALLS_AT_ONCE)
            with gr.Tab(label("Documents"), id="documents"):
                component("documents", "documents", DOCUMENT_ACTS, builds, user_of)
            with gr.Tab(label("Review"), id="review", elem_id="review"):
                component("changes", "changes", CHANGES_ACTS, ChangesPart(library), user_of)
                component("conflicts", "conflicts", CONFLICTS_ACTS, ConflictsPart(library), user_of)
                component("matrix", "matrix", MATRIX_ACTS, MatrixPart(library), user_of)
                component("unanswered", "unanswered", UNANSWERED_ACTS, UnansweredPart(library), user_of)
            with gr.Tab(label("Evaluation"), id="evaluation"):
                component("evaluation", "evaluating", EVALUATION_ACTS, EvaluationPart(library), user_of)
            with gr.Tab(label("Help"), id="help"):
                component("help", "helping", HELP_ACTS, chat, user_of)
        component("source", "panel", SOURCE_ACTS, chat, user_of)
        component("adding", "adding", ADDING_ACTS, builds, user_of)
    return page


def tab_labels() -> gr.I18n:
    """Gradio shows them in the browser's language."""
    return gr.I18n(**{language: {name: translated(name, language) for name in TABS} for language in LANGUAGES})


def component(
    name: str, element: str, acts: Acts[Context], context: Context, user_of: UserOf, *, threads: int = CALLS_AT_ONCE
) -> gr.HTML:
    """A part of the page from static/{name}.html and .js; the script's calls reach the acts, so many of them at once."""
    limit = CapacityLimiter(threads)

    async def call(payload: Any, request: gr.Request | None = None) -> Reply:
        return await to_thread.run_sync(answer_call, acts, context, user_of(request), payload, limiter=limit)

    return gr.HTML(
        "",
        elem_id=element,
        html_template=element_of(name),
        js_on_load=script_of(name),
        server_functions=[call],
        apply_default_css=False,
    )
