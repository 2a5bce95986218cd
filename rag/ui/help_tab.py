"""The tab that explains: what is told live of the program, beside a text that stays."""

import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import gradio as gr

from rag import __version__
from rag.conversation import Chat
from rag.errors import RagError
from rag.templates import render
from rag.ui.outbound import outbound_count

PACKAGES = ("gradio", "sentence-transformers", "torch", "faiss-cpu", "nupunkt")


def help_call(chat: Chat) -> Callable[[Any, gr.Request | None], dict[str, Any]]:
    """What the tab's script asks: attempts to reach other machines since the start, versions, the index."""

    def call(told: Any, request: gr.Request | None) -> dict[str, Any]:  # noqa: ARG001 - the same for all
        try:
            index = chat.index().digest
        except RagError as error:
            index = str(error)
        settings = chat.settings
        facts = {
            "Attempts to reach another machine since the start": str(outbound_count()),
            "Index": index,
            "Embedding model": f"{chat.embedder.identity.name} ({chat.embedder.identity.digest[:12]})",
            "Reader": chat.reader.identity,
            "Documents in": str(settings.corpus.resolve()),
            "Index in": str(settings.index.resolve()),
            "Conversations in": str(settings.server.conversations.resolve()),
            "Judged questions in": str(settings.evaluation.feedback.resolve()),
            "Python": sys.version.split()[0],
            "rag": __version__,
            **{name: version(name) for name in PACKAGES},
        }
        return {"html": render("page/facts.html", facts=facts)}

    return call
