"""The list of conversations and the choice of documents as HTML; an answer as plain text to copy."""

from collections.abc import Collection, Sequence

from markupsafe import Markup

from rag.accounts.conversations import SavedConversation
from rag.answering.wording import ABSTENTIONS, place
from rag.records import Answer
from rag.templates import render

LISTED = 50  # conversations, or documents to choose from, that are shown at once; more are found by searching


def conversations_html(conversations: Sequence[SavedConversation], current: str) -> Markup:
    """`current` is the id of the open conversation, "" if none is."""
    more = max(0, len(conversations) - LISTED)
    return render("page/conversations.html", conversations=conversations[:LISTED], current=current, more=more)


def document_choice_html(names: Sequence[str], chosen: Collection[str], words: str) -> Markup:
    """Documents whose name contains `words`, ignoring case; chosen ones first."""
    matching = [name for name in names if words.casefold() in name.casefold()]
    ordered = sorted(matching, key=lambda name: (name not in chosen, name))
    more = max(0, len(ordered) - LISTED)
    return render("page/document_choice.html", names=ordered[:LISTED], chosen=chosen, more=more)


def copied_text(answer: Answer) -> str:
    """The answer with its sources."""
    if answer.abstained:
        return f"{answer.question}\n\n{ABSTENTIONS[answer.reason or 'not_in_documents']}\n"
    sources = "\n".join(f"[{c.number}] {place(c.document_id, c.page, c.headings)}" for c in answer.citations)
    return f"{answer.question}\n\n{answer.text}\n\n{sources}\n"
