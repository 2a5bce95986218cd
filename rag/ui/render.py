"""Records to HTML. Pure functions; every text of a document, a file name or a question is escaped here."""

from html import escape

from rag.records import Answer, Citation, Hit, QuotedSentence
from rag.ui.source import reference

ABSTENTIONS = {
    "empty_question": "Please type a question.",
    "no_documents": "There are no documents to ask yet. Put some into the corpus folder and run rag build.",
    "not_in_documents": "The documents do not answer this.",
}


def question_html(question: str) -> str:
    return escape(question)


def answer_html(answer: Answer) -> str:
    """Quoted sentences with their citation buttons, then the list of sources; or an abstention with the nearest passages."""
    if answer.abstained:
        return _abstention(answer)
    citations = {citation.number: citation for citation in answer.citations}
    sentences = "".join(_sentence(sentence, citations[sentence.citation]) for sentence in answer.sentences)
    sources = "".join(_source_row(citation) for citation in answer.citations)
    return f'<div class="answer">{sentences}<ol class="sources">{sources}</ol>{_facts(answer)}</div>'


def error_html(message: str) -> str:
    return f'<div class="answer failed"><p>{escape(message)}</p></div>'


def pending_html() -> str:
    return '<div class="answer pending"><p>Reading the documents …</p></div>'


def state_html(*, documents: int, passages: int, digest: str, changed: int) -> str:
    """What the index holds, and whether the corpus has moved on since."""
    state, words = ("stale", f"{changed} files changed since: run rag build") if changed else ("current", "up to date")
    held = f"{documents} documents · {passages} passages"
    return f'<p class="state {state}" title="index {escape(digest, quote=True)}">{held} · {words} · index {escape(digest[:12])}</p>'


def no_index_html(message: str) -> str:
    return f'<p class="state stale">{escape(message)}</p>'


def _sentence(sentence: QuotedSentence, citation: Citation) -> str:
    """The last word and the number stay together, so that no line begins with a number."""
    head, last = _last_word(sentence.text)
    kind = ' class="context" title="shown so that the next sentence can be understood"' if sentence.context else ""
    return f'<p{kind}><q>{escape(head)}</q><span class="together"><q>{escape(last)}</q>{_button(citation)}</span></p>'


def _last_word(text: str) -> tuple[str, str]:
    """Both parts joined are the text; a last word too long for a line is not held together."""
    cut = max(text.rfind(" "), text.rfind("\n"), text.rfind("\u00a0")) + 1
    return (text[:cut], text[cut:]) if len(text) - cut <= 30 else (text, "")


def _button(citation: Citation) -> str:
    place = _place(citation.document_id, citation.page, citation.headings)
    return (
        f'<button type="button" class="cite" value="{escape(reference(citation), quote=True)}" title="{escape(place, quote=True)}">'
        f'<span class="hidden-label">Open source </span>{citation.number}</button>'
    )


def _source_row(citation: Citation) -> str:
    place = _place(citation.document_id, citation.page, citation.headings)
    return f'<li><span class="title">{escape(citation.title)}</span> <span class="place">{escape(place)}</span></li>'


def _place(document_id: str, page: int | None, headings: tuple[str, ...]) -> str:
    return " › ".join([document_id, *([f"page {page}"] if page else []), *headings])


def _facts(answer: Answer) -> str:
    milliseconds = answer.timings_ms.get("total", 0.0)
    return f'<p class="facts">confidence {answer.confidence:.2f} · {milliseconds:.0f} ms · index {escape(answer.index[:12])}</p>'


def _abstention(answer: Answer) -> str:
    reason = ABSTENTIONS[answer.reason or "not_in_documents"]
    nearest = "".join(_nearest_row(hit) for hit in answer.nearest)
    listed = f'<p class="facts">Nearest passages, which are no answer:</p><ul class="sources">{nearest}</ul>' if nearest else ""
    return f'<div class="answer abstained"><p>{escape(reason)}</p>{listed}</div>'


def _nearest_row(hit: Hit) -> str:
    return f'<li><span class="place">{escape(_place(hit.passage.document_id, hit.passage.page, hit.passage.headings))}</span></li>'
