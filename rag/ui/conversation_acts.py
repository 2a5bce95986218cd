"""What the Ask tab can do with saved conversations, and the documents that a question can be limited to."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from rag.accounts.users import User
from rag.ui.asked_question import MOST_DOCUMENTS, DocumentId
from rag.ui.calls import LONGEST_SEARCH, Act, Acts, Reply, Request
from rag.ui.conversation_view import conversations_html, document_choice_html, empty_page_html, similar_html, turns_html
from rag.ui.room import Room
from rag.ui.suggestions import example_questions

MOST_PINNED = 100
LONGEST_PASTE = 20_000  # characters of a text to which similar passages are searched
SIMILAR = 8  # such passages

ConversationId = Annotated[str, Field(max_length=64)]


class ListConversations(Request):
    """Those that contain all `words`, the `pinned` ones first; `conversation` is the id of the open one."""

    words: str = Field("", max_length=LONGEST_SEARCH)
    conversation: str = ""
    pinned: list[ConversationId] = Field([], max_length=MOST_PINNED)


class OpenConversation(Request):
    """All turns of a conversation; the empty page if `id` is ""."""

    id: str = ""


class RenameConversation(Request):
    id: str
    title: str = Field(max_length=1_000)  # characters; what is kept of it is shorter


class DeleteConversation(Request):
    id: str


class ListDocumentChoices(Request):
    """Documents with `words` in their names or titles; `documents` are chosen."""

    words: str = Field("", max_length=LONGEST_SEARCH)
    documents: list[DocumentId] = Field([], max_length=MOST_DOCUMENTS)


class FindSimilar(Request):
    """Passages similar to a text that is too long for a question."""

    text: str = Field(max_length=LONGEST_PASTE)


def list_conversations(room: Room, user: User, request: ListConversations) -> Reply:
    listing = room.conversations(user).find(request.words)
    html = conversations_html(
        listing.conversations,
        request.conversation,
        listing.problems,
        pinned=request.pinned,
        words=request.words,
        today=datetime.now().astimezone().date(),
    )
    return {"html": html}


def open_conversation(room: Room, user: User, request: OpenConversation) -> Reply:
    if request.id:
        conversation = room.conversations(user).load(request.id)
        return {"html": turns_html(conversation, room.index()), "title": conversation.title}
    index = room.index()
    examples = example_questions(index) if index else []
    return {"html": empty_page_html(len(index.documents) if index else 0, examples), "title": ""}


def rename_conversation(room: Room, user: User, request: RenameConversation) -> Reply:
    room.conversations(user).rename(request.id, request.title)
    return {}


def delete_conversation(room: Room, user: User, request: DeleteConversation) -> Reply:
    room.delete(user, request.id)
    return {}


def bring_back_conversation(room: Room, user: User, request: DeleteConversation) -> Reply:
    room.bring_back(user, request.id)
    return {}


def list_document_choices(room: Room, _: User, request: ListDocumentChoices) -> Reply:
    entries = room.chat.index().manifest.corpus.documents
    return {"html": document_choice_html(entries, set(request.documents), request.words), "documents": len(entries)}


def find_similar(room: Room, _: User, request: FindSimilar) -> Reply:
    hits = room.chat.search(request.text, k=SIMILAR)
    return {"html": similar_html(hits, room.chat.index())}


CONVERSATION_ACTS: Acts[Room] = {
    "list": Act(ListConversations, list_conversations),
    "open": Act(OpenConversation, open_conversation),
    "rename": Act(RenameConversation, rename_conversation),
    "delete": Act(DeleteConversation, delete_conversation),
    "bring back": Act(DeleteConversation, bring_back_conversation),
    "choice": Act(ListDocumentChoices, list_document_choices),
    "similar": Act(FindSimilar, find_similar),
}
