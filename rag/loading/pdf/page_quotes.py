"""The part of a cited span that is on one page of a PDF, with the text around it."""

from dataclasses import dataclass

from rag.records import Document, Span


@dataclass(frozen=True, slots=True)
class PageQuote:
    """A quote with the document's text before and after it on its page, which tell equal sentences apart."""

    before: str
    text: str
    after: str


def page_quote(document: Document, page: int, span: Span) -> PageQuote:
    """The part of `span` on the page; with empty text if the span is not on it."""
    on_page = _page_span(document, page)
    start = min(max(span.start, on_page.start), on_page.end)
    end = max(start, min(span.end, on_page.end))
    text = document.text
    return PageQuote(text[on_page.start : start], text[start:end], text[end : on_page.end])


def _page_span(document: Document, page: int) -> Span:
    """From the first to the last character that the document has on a page; empty if it has none."""
    spans = []
    for block in document.blocks:
        if block.page is not None and block.page <= page <= block.page + len(block.breaks):
            bounds = (block.span.start, *block.breaks, block.span.end)
            spans.append(Span(bounds[page - block.page], bounds[page - block.page + 1]))
    return Span(min(span.start for span in spans), max(span.end for span in spans)) if spans else Span(0, 0)
