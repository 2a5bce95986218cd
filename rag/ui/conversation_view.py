"""Conversations as messages of the Chatbot, and as a list; the choice of documents; an answer as plain text to copy."""

from collections.abc import Collection, Sequence

from markupsafe import Markup

from rag.accounts.conversations import SavedConversation
from rag.answering.wording import abstention_text, place
from rag.index.contents import Index
from rag.records import Answer
from rag.sources import stale_citations
from rag.templates import render
from rag.ui.answer_actions import Shown
from rag.ui.answer_view import answer_html, failed_answer_html, pending_answer_html, question_html
from rag.ui.suggestions import follow_ups

LISTED = 50  # conversations, or documents to choose from, that are shown at once; more are found by searching

Message = dict[str, str]
Messages = list[Message]
"""{"role": "user" | "assistant", "content": HTML}, oldest first."""


def question_message(question: str) -> Message:
    return {"role": "user", "content": str(question_html(question))}


def answer_message(answer: Answer, shown: Shown | None = None) -> Message:
    return _assistant(answer_html(answer, shown))


def failed_message(error: Exception) -> Message:
    return _assistant(failed_answer_html(str(error)))


def pending_message() -> Message:
    return _assistant(pending_answer_html())


def _assistant(html: Markup) -> Message:
    return {"role": "assistant", "content": str(html)}  # Gradio works on strings, whose methods Markup overrides


def conversation_messages(conversation: SavedConversation, index: Index | None, *, latest: bool = True) -> Messages:
    """Each turn as two messages. `latest` says that no question follows, so that the last answer gets its actions.

    Without an index nothing is suggested, and no changed source is noticed.
    """
    messages: Messages = []
    questions = [turn.question for turn in conversation.turns]
    last = len(questions) - 1 if latest else None
    for number, turn in enumerate(conversation.turns):
        suggestions = follow_ups(index, turn.answer, questions) if index and number == last else []
        stale = stale_citations(index, turn.answer) if index else ()
        shown = Shown(number, number == last, turn.documents, stale, turn.judged, suggestions)
        messages += [question_message(turn.question), answer_message(turn.answer, shown)]
    return messages


def conversations_html(conversations: Sequence[SavedConversation], current: str, problems: Sequence[str] = ()) -> Markup:
    """`current` is the id of the open conversation, "" if none is; `problems` say which files cannot be read."""
    more = max(0, len(conversations) - LISTED)
    return render("page/conversations.html", conversations=conversations[:LISTED], current=current, problems=problems, more=more)


def document_choice_html(names: Sequence[str], chosen: Collection[str], words: str) -> Markup:
    """Documents whose name contains `words`, ignoring case; chosen ones first."""
    matching = [name for name in names if words.casefold() in name.casefold()]
    ordered = sorted(matching, key=lambda name: (name not in chosen, name))
    more = max(0, len(ordered) - LISTED)
    return render("page/document_choice.html", names=ordered[:LISTED], chosen=chosen, more=more)


def copied_text(answer: Answer) -> str:
    """The answer with its sources."""
    if answer.abstained:
        return f"{answer.question}\n\n{abstention_text(answer)}\n"
    sources = "\n".join(f"[{c.number}] {place(c.document_id, c.page, c.headings)}" for c in answer.citations)
    return f"{answer.question}\n\n{answer.text}\n\n{sources}\n"
