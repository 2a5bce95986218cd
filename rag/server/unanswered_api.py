"""Unanswered questions over HTTP: curators see and delete all of them, other users their own."""

from typing import Any

from fastapi import APIRouter, Request

from rag.accounts.users import Accounts, User
from rag.conversation import Chat
from rag.errors import UnansweredError
from rag.library import Library
from rag.review.unanswered import Likeness, log_values
from rag.review.unanswered_log import UnansweredFile, digest_of, forget, load_log


def add_unanswered(router: APIRouter, library: Library) -> None:
    """Adds GET and DELETE /unanswered."""
    likeness = Likeness()

    @router.get("/unanswered")
    def unanswered(request: Request) -> dict[str, Any]:
        """Questions that got no answer or a weak one, grouped by likeness: how many asked them, not who."""
        user: User = request.scope["state"]["user"]
        log = load_log(library.settings)
        if not user.may_curate:
            log = UnansweredFile(tuple(question for question in log.questions if question.user == digest_of(user.name)))
        return unanswered_values(library.chat, likeness, log)

    @router.delete("/unanswered")
    def delete(request: Request) -> dict[str, int]:
        """Deletes the questions: a curator all, other users their own."""
        user: User = request.scope["state"]["user"]
        return {"deleted": forget(library.settings, lambda asked: user.may_curate or asked.user == digest_of(user.name))}


def unanswered_values(chat: Chat, likeness: Likeness, log: UnansweredFile) -> dict[str, Any]:
    chat = chat.current()
    index = chat.index()
    return log_values(
        log, likeness.groups(log.questions, index, chat.embedder), index, logged=chat.settings.review.log_unanswered
    )


def unanswered_for_assistants(chat: Chat) -> dict[str, Any]:
    """All questions; none are shown if there are users, because assistants are not told apart from one another."""
    if Accounts(chat.settings.server.users).all():
        raise UnansweredError("this server has users; curators see unanswered questions on the Review tab and at /api/unanswered")
    return unanswered_values(chat, Likeness(), load_log(chat.settings))
