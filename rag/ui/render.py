"""Records to HTML. Pure functions; every text of a document, a file name or a question is escaped here."""

from collections.abc import Sequence
from html import escape

from rag.exchange import ABSTENTIONS, abstention_notes, in_plain_words, place
from rag.records import Answer, Citation, Hit, Place, QuotedSentence, Span
from rag.ui.source import reference

SMALL_TALK = ("greeting", "gibberish")  # nothing was meant to be looked up


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
    start, phrase = citation.span.start, citation.answer_phrase
    quoted = _emphasised(head, start, phrase), _emphasised(last, start + len(head), phrase)
    button = _button(citation, str(citation.number))
    differing = f'<p class="facts differ">Sources differ: compare {_listed(citation)}.</p>' if citation.differs else ""
    return f'<p{kind}><q>{quoted[0]}</q><span class="together"><q>{quoted[1]}</q>{button}</span></p>{differing}'


def _emphasised(text: str, start: int, phrase: Span | None) -> str:
    """A piece of the document that begins at `start`, with what of the phrase lies in it."""
    if phrase is None:
        return escape(text)
    first, last = (min(max(0, place - start), len(text)) for place in (phrase.start, phrase.end))
    inside = f"<strong>{escape(text[first:last])}</strong>" if first < last else ""
    return f"{escape(text[:first])}{inside}{escape(text[last:])}"


def _listed(citation: Citation) -> str:
    return " with ".join(str(number) for number in (citation.number, *citation.differs))


def _last_word(text: str) -> tuple[str, str]:
    """Both parts joined are the text; a last word too long for a line is not held together."""
    cut = max(text.rfind(" "), text.rfind("\n"), text.rfind("\u00a0")) + 1
    return (text[:cut], text[cut:]) if len(text) - cut <= 30 else (text, "")


def _button(citation: Citation | Place, label: str) -> str:
    attributes = f'value="{escape(reference(citation), quote=True)}" title="{escape(_where(citation), quote=True)}"'
    return (
        f'<button type="button" class="cite" {attributes}><span class="hidden-label">Open source </span>{escape(label)}</button>'
    )


def _sources(citations: Sequence[Citation]) -> str:
    """One row for each place, with the numbers of the sentences that stand there."""
    numbers: dict[tuple[str, str], list[str]] = {}
    for citation in citations:
        numbers.setdefault((citation.title, _where(citation)), []).append(str(citation.number))
    rows = "".join(
        f'<li><span class="numbers">{", ".join(cited)}</span> <span class="title">{escape(title)}</span> '
        f'<span class="place">{escape(where)}</span></li>'
        for (title, where), cited in numbers.items()
    )
    also = "".join(
        f'<li><span class="numbers">{citation.number}</span> also in {_button(other, _where(other))}</li>'
        for citation in citations
        for other in citation.also
    )
    return f'<ul class="sources">{rows}{also}</ul>'


def _facts(answer: Answer) -> str:
    milliseconds = answer.timings_ms.get("total", 0.0)
    trust = escape(in_plain_words(answer))
    return f'<p class="facts">{trust} · {milliseconds:.0f} ms · index {escape(answer.index[:12])}</p>'


def _abstention(answer: Answer) -> str:
    reason = ABSTENTIONS[answer.reason or "not_in_documents"]
    nearest = "".join(_nearest_row(hit) for hit in answer.nearest)
    listed = f'<p class="facts">Nearest passages, which are no answer:</p><ul class="sources">{nearest}</ul>' if nearest else ""
    notes = "".join(f'<p class="facts">{escape(line)}</p>' for line in abstention_notes(answer))
    return (
        f'<div class="answer abstained"><p>{escape(reason)}</p>{notes}{listed if answer.reason not in SMALL_TALK else ""}</div>'
    )


def _where(found: Citation | Place) -> str:
    return place(found.document_id, found.page, found.headings)


def _nearest_row(hit: Hit) -> str:
    return f'<li><span class="place">{escape(place(hit.passage.document_id, hit.passage.page, hit.passage.headings))}</span></li>'
