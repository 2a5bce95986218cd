"""What the source panel shows: a cited sentence in its document, a page of a PDF, an outline, and passages found by words."""

import base64
import re
from bisect import bisect_left
from datetime import datetime
from itertools import islice

from pydantic import Field

from rag.accounts.users import User
from rag.conversation import Chat
from rag.errors import DocumentError, UnreadableFile
from rag.index.contents import Index
from rag.loading.process.page_drawing import draw_page
from rag.loading.process.safe_open import holding_file
from rag.records import Document, Span
from rag.sources import WINDOW, document_reference, file_link, resolve, source_view, where
from rag.templates import render
from rag.ui.answer_acts import Reference
from rag.ui.answer_layout import NEXT_SENTENCE
from rag.ui.asked_question import LONGEST_QUESTION, DocumentId
from rag.ui.calls import LONGEST_SEARCH, Act, Acts, Reply, Request
from rag.ui.rendered_source import Mark, rendered, without_overlaps

MATCHES = 8  # passages offered when the right sentence is looked for
EXCERPT = 160  # characters of such a passage: about two lines
LONGEST_MARK = 20_000  # characters of a sentence that is marked on its page
WINDOWS = 256  # of text around a sentence: four times as many at each click on "Show more", up to 1,280,000 characters
MOST_OTHERS = 100  # further citations of the same answer
MOST_FOUND = 500  # places in a document that have the words
MOST_HEADINGS = 1_000  # of an outline
NEIGHBOUR = 160  # characters of the sentences before and after a quote in its card


class OpenSource(Request):
    """So many `windows` of text on each side; with `choose`, its sentences one by one.

    `others` are the citations of the answer with their numbers, of which those in the same document are marked too.
    """

    reference: Reference
    windows: int = Field(1, ge=1, le=WINDOWS)
    choose: bool = False
    others: dict[Reference, int] = Field({}, max_length=MOST_OTHERS)


class ShowCard(Request):
    reference: Reference


class DrawPage(Request):
    """The page that the reference is on, or page `page`."""

    reference: Reference
    page: int | None = Field(None, ge=1, le=100_000)


class OpenDocument(Request):
    id: DocumentId


class FindInDocument(Request):
    id: DocumentId
    words: str = Field(max_length=LONGEST_SEARCH)


class FindPassages(Request):
    words: str = Field(max_length=LONGEST_QUESTION)


def open_source(chat: Chat, _: User, request: OpenSource) -> Reply:
    index = chat.index()
    view = source_view(index, request.reference, windows=request.windows)
    if "error" in view:
        return view
    document, span = resolve(index, request.reference)
    window = WINDOW * request.windows
    part = Span(max(0, span.start - window), min(len(document.text), span.end + window))
    if request.choose:
        marks = [mark for mark in _sentences(index, document) if part.start <= mark.span.start and mark.span.end <= part.end]
    else:
        active = Mark(span, "active", request.reference) if span.start < span.end else None
        marks = without_overlaps(active, _others(index, document, request))
    file = chat.settings.corpus / holding_file(chat.settings.corpus, document.id)
    return {
        **{name: view[name] for name in ("reference", "title", "document_id", "page", "place", "drawn", "clipped", "sentence")},
        "html": rendered(document, part, marks),
        "file": file_link(document.id, chat.settings.server.prefix),
        "modified": _date(file.stat().st_mtime) if file.is_file() else "",
        "pages": _pages(document),
        "notes": list(document.notes),
        "language": document.language,
    }


def _others(index: Index, document: Document, request: OpenSource) -> list[Mark]:
    marks = []
    for reference, number in request.others.items():
        try:
            other, span = resolve(index, reference)
        except DocumentError:  # its document has changed
            continue
        if other.id == document.id and reference != request.reference:
            marks.append(Mark(span, "other", reference, number))
    return marks


def _sentences(index: Index, document: Document) -> list[Mark]:
    """The quotable sentences, in order."""
    marks: list[Mark] = []
    for passage in index.passages_of(document.id):
        for sentence in passage.sentences:
            span = sentence.span
            if sentence.quotable and (not marks or marks[-1].span.end <= span.start):
                marks.append(Mark(span, "piece", f"{document.digest}:{span.start}:{span.end}:{document.id}"))
    return marks


def _date(seconds: float) -> str:
    """For the page, which writes it as its reader does."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%dT%H:%M:%S")  # noqa: DTZ006 - local time


def _pages(document: Document) -> int:
    """The number of the last page; 0 if the format has none."""
    return max((block.page_at(block.span.end) or 0 for block in document.blocks), default=0)


def show_card(chat: Chat, _: User, request: ShowCard) -> Reply:
    """A quote between its neighbours, for the card over its number."""
    index = chat.index()
    view = source_view(index, request.reference)
    if "error" in view:
        return view
    before, after = _neighbours(index, *resolve(index, request.reference))
    return {
        "title": " › ".join([view["title"], *view["headings"]]),
        "place": view["place"],
        "sentence": view["sentence"],
        "before": before if len(before) <= NEIGHBOUR else f"… {before[-NEIGHBOUR:].split(' ', 1)[-1]}",
        "language": index.documents[view["document_id"]].language,
        "after": after if len(after) <= NEIGHBOUR else f"{after[:NEIGHBOUR].rsplit(' ', 1)[0]} …",
    }


def _neighbours(index: Index, document: Document, span: Span) -> tuple[str, str]:
    """The sentences next to a span, "" where it begins or ends a paragraph."""
    rows = index.rows[document.id]
    row = bisect_left(rows, span.end, key=lambda row: index.passages[row].span.end)
    near = [index.passages[rows[r]] for r in range(max(0, row - 1), min(len(rows), row + 2))]
    spans = [sentence.span for passage in near for sentence in passage.sentences if sentence.quotable]
    before = [other for other in spans if 0 <= span.start - other.end <= NEXT_SENTENCE]
    after = [other for other in spans if 0 <= other.start - span.end <= NEXT_SENTENCE]
    first, last = (found[0].of(document.text) if found else "" for found in (before[-1:], after[:1]))
    return " ".join(first.split()), " ".join(last.split())


def draw_source_page(chat: Chat, _: User, request: DrawPage) -> Reply:
    """The page of a PDF with the sentence marked, as a picture in a data URL."""
    index, settings = chat.index(), chat.settings
    document, span = resolve(index, request.reference)
    page = request.page or where(index, document, span)[0]
    if page is None or span.end - span.start > LONGEST_MARK:
        return {"error": "There is no picture of this page."}
    try:
        picture = draw_page(settings.corpus, document, page, span, settings.loading)
    except UnreadableFile as error:
        return {"error": f"The page cannot be shown: {error}."}
    return {"picture": f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}", "page": page}


def open_document(chat: Chat, _: User, request: OpenDocument) -> Reply:
    """A reference to the whole document."""
    index = chat.index()
    entry = index.entry_for(request.id)
    return (
        {"error": "This document is not in the index yet."}
        if entry is None
        else {"reference": document_reference(index.documents[entry.id])}
    )


def show_outline(chat: Chat, _: User, request: OpenDocument) -> Reply:
    """The headings of a document, each with its reference, and the questions that it answers."""
    document = _document(chat.index(), request.id)
    headings = [block for block in document.blocks if block.kind in ("heading", "question")][:MOST_HEADINGS]
    rows = [
        (block.level or 3, _heading_text(block.span.of(document.text)), _reference(document, block.span), block.kind)
        for block in headings
    ]
    return {"html": render("page/outline.html", rows=rows)}


def _heading_text(text: str) -> str:
    return re.sub(r"\A#+\s*|\s*#*\Z|\n[=-]+\Z", "", text).strip()


def find_in_document(chat: Chat, _: User, request: FindInDocument) -> Reply:
    """References of all places in a document that have the words, next to each other, ignoring case."""
    document = _document(chat.index(), request.id)
    words = request.words.split()
    pattern = re.compile(r"\s+".join(map(re.escape, words)), re.IGNORECASE)
    matches = islice(pattern.finditer(document.text), MOST_FOUND) if words else ()
    return {"places": [_reference(document, Span(match.start(), match.end())) for match in matches]}


def _document(index: Index, id: str) -> Document:
    entry = index.entry_for(id)
    if entry is None:
        raise DocumentError("This document is not in the index yet.")
    return index.documents[entry.id]


def _reference(document: Document, span: Span) -> str:
    return f"{document.digest}:{span.start}:{span.end}:{document.id}"


def find_passages(chat: Chat, _: User, request: FindPassages) -> Reply:
    """Passages that may contain the right sentence, each with the reference of its first sentence."""
    index, matches = chat.index(), []
    for hit in chat.search(request.words, k=MATCHES):
        passage, entry = hit.passage, index.entries[hit.passage.document_id]
        span = next((sentence.span for sentence in passage.sentences if sentence.quotable), passage.span)
        reference = f"{entry.digest}:{span.start}:{span.end}:{entry.id}"
        matches.append({"reference": reference, "title": entry.title, "text": " ".join(passage.text.split())[:EXCERPT]})
    return {"matches": matches}


SOURCE_ACTS: Acts[Chat] = {
    "source": Act(OpenSource, open_source),
    "card": Act(ShowCard, show_card),
    "page": Act(DrawPage, draw_source_page),
    "view": Act(OpenDocument, open_document),
    "outline": Act(OpenDocument, show_outline),
    "find in": Act(FindInDocument, find_in_document),
    "find": Act(FindPassages, find_passages),
}
