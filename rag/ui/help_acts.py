"""What the Help tab shows of the running program."""

import sys
from importlib.metadata import version

from rag import __version__
from rag.accounts.users import User
from rag.config import Settings
from rag.conversation import Chat
from rag.errors import RagError
from rag.outbound import outbound_count
from rag.templates import render
from rag.translations import t
from rag.ui.calls import Act, Acts, Reply, Request

COUNTED, INDEX, MODEL, READER = "Attempts to reach other machines since the start", "Index", "Embedding model", "Reader"
FOLDERS = ("Documents folder", "Index folder", "Conversations folder", "Judged questions folder", "Unanswered questions file")
FACTS = (COUNTED, INDEX, MODEL, READER, *FOLDERS)
PACKAGES = ("gradio", "sentence-transformers", "torch", "faiss-cpu", "nupunkt")


class ShowFacts(Request):
    """Versions, folders, and attempts to reach other machines."""


def show_facts(chat: Chat, user: User, _request: ShowFacts) -> Reply:
    try:
        index = chat.index().digest
    except RagError as error:
        index = str(error)
    settings, attempts = chat.settings, outbound_count()
    facts = {
        COUNTED: t("not counted") if attempts is None else str(attempts),
        INDEX: index,
        MODEL: f"{chat.embedder.identity.name} ({chat.embedder.identity.digest[:12]})",
        READER: chat.reader.identity,
        **(_folders(settings) if user.may_curate else {}),
        "Python": sys.version.split()[0],
        "rag": __version__,
        **{name: version(name) for name in PACKAGES},
    }
    return {"html": render("page/facts.html", facts=facts)}


def _folders(settings: Settings) -> dict[str, str]:
    """Where things are on this machine, which is no concern of readers."""
    kept = [settings.corpus, settings.index, settings.server.conversations, settings.evaluation.feedback]
    unanswered = str(settings.unanswered_file) if settings.review.log_unanswered else t("none is kept")
    return dict(zip(FOLDERS, [*(str(folder.resolve()) for folder in kept), unanswered], strict=True))


HELP_ACTS: Acts[Chat] = {"facts": Act(ShowFacts, show_facts)}
