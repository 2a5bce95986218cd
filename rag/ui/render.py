"""Records to HTML. Pure functions; every text of a document, a file name or a question is escaped here."""

from collections.abc import Sequence
from html import escape

from rag.exchange import ABSTENTIONS, place
from rag.records import Answer, Citation, Hit, QuotedSentence
from rag.ui.source import reference


def question_html(question: str) -> str:
    return escape(question)


def answer_html(answer: Answer) -> str:
    """Quoted sentences with their citation buttons, then the list of sources; or an abstention with the nearest passages."""
    if answer.abstained:
        return _abstention(answer)
    citations = {citation.number: citation for citation in answer.citations}
    sentences = "".join(_sentence(sentence, citations[sentence.citation]) for sentence in answer.sentences)
    return f'<div class="answer">{sentences}{_sources(answer.citations)}{_facts(answer)}</div>'


def error_html(message: str) -> str:
    return f'<div class="answer failed"><p>{escape(message)}</p></div>'


def pending_html() -> str:
    return '<div class="answer pending"><p>Reading the documents …</p></div>'


def state_html(*, documents: int, passages: int, digest: str, changed: int, building: str | None = None) -> str:
    """What the index holds, and whether the corpus has moved on since; `building` says how far a running build is."""
    state, words = ("stale", f"{changed} files changed since: run rag build") if changed else ("current", "up to date")
    if building is not None:
        state, words = "stale", f"being rebuilt{escape(building)}"
    held = f"{documents} documents · {passages} passages"
    return (
        f'<p class="state {state}" title="index {escape(digest, quote=True)}">{held} · {words} · index {escape(digest[:12])}</p>'
    )


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
    where = place(citation.document_id, citation.page, citation.headings)
    attributes = f'value="{escape(reference(citation), quote=True)}" title="{escape(where, quote=True)}"'
    return (
        f'<button type="button" class="cite" {attributes}>'
        f'<span class="hidden-label">Open source </span>{citation.number}</button>'
    )


def _sources(citations: Sequence[Citation]) -> str:
    """One row for each place, with the numbers of the sentences that stand there."""
    numbers: dict[tuple[str, str], list[str]] = {}
    for citation in citations:
        where = place(citation.document_id, citation.page, citation.headings)
        numbers.setdefault((citation.title, where), []).append(str(citation.number))
    rows = "".join(
        f'<li><span class="numbers">{", ".join(cited)}</span> <span class="title">{escape(title)}</span> '
        f'<span class="place">{escape(where)}</span></li>'
        for (title, where), cited in numbers.items()
    )
    return f'<ul class="sources">{rows}</ul>'


def _facts(answer: Answer) -> str:
    milliseconds = answer.timings_ms.get("total", 0.0)
    return f'<p class="facts">confidence {answer.confidence:.2f} · {milliseconds:.0f} ms · index {escape(answer.index[:12])}</p>'


def _abstention(answer: Answer) -> str:
    reason = ABSTENTIONS[answer.reason or "not_in_documents"]
    nearest = "".join(_nearest_row(hit) for hit in answer.nearest)
    listed = f'<p class="facts">Nearest passages, which are no answer:</p><ul class="sources">{nearest}</ul>' if nearest else ""
    return f'<div class="answer abstained"><p>{escape(reason)}</p>{listed}</div>'


def _nearest_row(hit: Hit) -> str:
    return f'<li><span class="place">{escape(place(hit.passage.document_id, hit.passage.page, hit.passage.headings))}</span></li>'
