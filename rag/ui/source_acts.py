"""What the source panel shows: a cited sentence in its document, a page of a PDF, and passages found by words."""

import base64

from pydantic import Field

from rag.accounts.users import User
from rag.conversation import Chat
from rag.errors import UnreadableFile
from rag.loading.process.page_drawing import draw_page
from rag.sources import document_reference, file_link, resolve, source_view, where
from rag.ui.answer_acts import Reference
from rag.ui.asked_question import LONGEST_QUESTION, DocumentId
from rag.ui.calls import Act, Acts, Reply, Request

MATCHES = 8  # passages offered when the right sentence is looked for
EXCERPT = 160  # characters of such a passage: about two lines
LONGEST_MARK = 20_000  # characters of a sentence that is marked on its page
WINDOWS = 256  # of text around a sentence: four times as many at each click on "Show more", up to 1,280,000 characters


class OpenSource(Request):
    """So many `windows` of text on each side; with `choose`, its sentences one by one."""

    reference: Reference
    windows: int = Field(1, ge=1, le=WINDOWS)
    choose: bool = False


class DrawPage(Request):
    reference: Reference


class OpenDocument(Request):
    id: DocumentId


class FindPassages(Request):
    words: str = Field(max_length=LONGEST_QUESTION)


def open_source(chat: Chat, _: User, request: OpenSource) -> Reply:
    view = source_view(chat.index(), request.reference, windows=request.windows, choose=request.choose)
    link = {"file": file_link(view["document_id"], chat.settings.server.prefix)} if "document_id" in view else {}
    return view | link


def draw_source_page(chat: Chat, _: User, request: DrawPage) -> Reply:
    """The page of a PDF with the sentence marked, as a picture in a data URL."""
    index, settings = chat.index(), chat.settings
    document, span = resolve(index, request.reference)
    page, _headings = where(index, document, span)
    if page is None or span.end - span.start > LONGEST_MARK:
        return {"error": "There is no picture of this page."}
    try:
        picture = draw_page(settings.corpus, document, page, span, settings.loading)
    except UnreadableFile as error:
        return {"error": f"The page cannot be shown: {error}."}
    return {"picture": f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}"}


def open_document(chat: Chat, _: User, request: OpenDocument) -> Reply:
    """A reference to the whole document."""
    index = chat.index()
    entry = index.entry_for(request.id)
    return (
        {"error": "This document is not in the index yet."}
        if entry is None
        else {"reference": document_reference(index.documents[entry.id])}
    )


def find_passages(chat: Chat, _: User, request: FindPassages) -> Reply:
    """Passages that may contain the right sentence."""
    index, matches = chat.index(), []
    for hit in chat.search(request.words, k=MATCHES):
        passage, entry = hit.passage, index.entries[hit.passage.document_id]
        reference = f"{entry.digest}:{passage.span.start}:{passage.span.end}:{entry.id}"
        matches.append({"reference": reference, "title": entry.title, "text": " ".join(passage.text.split())[:EXCERPT]})
    return {"matches": matches}


SOURCE_ACTS: Acts[Chat] = {
    "source": Act(OpenSource, open_source),
    "page": Act(DrawPage, draw_source_page),
    "view": Act(OpenDocument, open_document),
    "find": Act(FindPassages, find_passages),
}
