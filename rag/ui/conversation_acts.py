"""What the Ask tab can do with saved conversations, and the choice of documents to search."""

from pydantic import Field

from rag.accounts.conversations import Conversations
from rag.accounts.users import User
from rag.conversation import Chat
from rag.ui.asked_question import MOST_DOCUMENTS, DocumentId
from rag.ui.calls import LONGEST_SEARCH, Act, Acts, Reply, Request
from rag.ui.conversation_view import conversations_html, document_choice_html


class ListConversations(Request):
    """Those that contain all `words`; `conversation` is the id of the open one."""

    words: str = Field("", max_length=LONGEST_SEARCH)
    conversation: str = ""


class RenameConversation(Request):
    id: str
    title: str = Field(max_length=1_000)  # characters; what is kept of it is shorter


class DeleteConversation(Request):
    id: str


class ListDocumentChoices(Request):
    """Documents with `words` in their names; `documents` are chosen."""

    words: str = Field("", max_length=LONGEST_SEARCH)
    documents: list[DocumentId] = Field([], max_length=MOST_DOCUMENTS)


def conversations_of(chat: Chat, user: User) -> Conversations:
    return Conversations(chat.settings.server.conversations, user)


def list_conversations(chat: Chat, user: User, request: ListConversations) -> Reply:
    listing = conversations_of(chat, user).find(request.words)
    html = conversations_html(listing.conversations, request.conversation, listing.problems)
    return {"html": html, "documents": len(chat.index().documents)}


def rename_conversation(chat: Chat, user: User, request: RenameConversation) -> Reply:
    conversations_of(chat, user).rename(request.id, request.title)
    return {}


def delete_conversation(chat: Chat, user: User, request: DeleteConversation) -> Reply:
    conversations_of(chat, user).delete(request.id)
    return {}


def list_document_choices(chat: Chat, _: User, request: ListDocumentChoices) -> Reply:
    return {"html": document_choice_html(sorted(chat.index().documents), set(request.documents), request.words)}


CONVERSATION_ACTS: Acts[Chat] = {
    "list": Act(ListConversations, list_conversations),
    "rename": Act(RenameConversation, rename_conversation),
    "delete": Act(DeleteConversation, delete_conversation),
    "choice": Act(ListDocumentChoices, list_document_choices),
}
