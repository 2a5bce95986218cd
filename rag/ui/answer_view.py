"""Records to HTML. Pure functions; every text of a document, a file name or a question is escaped here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape

from rag.answering.abstention import SMALL_TALK
from rag.answering.wording import ABSTENTIONS, abstention_notes, in_plain_words, place
from rag.records import Answer, Citation, Hit, Location, QuotedSentence, Span
from rag.sources import reference

SNIPPET = 160  # characters of a nearest passage
FORMS = (("md", "Markdown"), ("html", "Web page"), ("json", "Receipt, for rag verify"))
JUDGED = {
    "helpful": "Marked as helpful",
    "wrong": "Marked: a sentence is wrong",
    "nothing": "Marked: the documents do not answer this",
    "chosen": "Marked with the right sentence",
}


def question_html(question: str) -> str:
    return escape(question)


@dataclass(frozen=True)
class Shown:
    """What stands around an answer in a conversation: it is turn `number`, from 0, and what was asked of these `documents`, all
    if empty. `stale` are numbers of citations whose source has changed since; `judged` is what the user said of the answer.
    Only the `latest` can be asked again, and has `suggestions`.
    """

    number: int
    latest: bool = False
    documents: Sequence[str] = ()
    stale: Collection[int] = ()
    judged: str = ""
    suggestions: Sequence[str] = ()


def answer_html(answer: Answer, shown: Shown | None = None) -> str:
    """Quoted sentences with their citation buttons, then the list of sources; or an abstention with the nearest passages."""
    before, after = (_understood(answer, shown), _around(answer, shown)) if shown else ("", "")
    if answer.abstained:
        return _abstention(answer, before, after)
    citations = {citation.number: citation for citation in answer.citations}
    sentences = "".join(_sentence(sentence, citations[sentence.citation]) for sentence in answer.sentences)
    stale = _stale(shown.stale) if shown and shown.stale else ""
    sources = _sources(answer.citations)
    return f'<div class="answer">{before}{sentences}{stale}{sources}{_facts(answer)}{after}</div>'


def _understood(answer: Answer, shown: Shown) -> str:
    """How a follow-up was searched, where that is not how it was typed."""
    if " ".join(answer.query.split()) == " ".join(answer.question.split()) or not answer.query:
        return ""
    offered = _act(f"query:{shown.number}", "Change") + _act(f"written:{shown.number}", "Ask as written") if shown.latest else ""
    return f'<p class="understood">Understood as: <q>{escape(answer.query)}</q>{offered}</p>'


def _stale(numbers: Collection[int]) -> str:
    listed = ", ".join(str(number) for number in sorted(numbers))
    return f'<p class="facts stale">The source of {listed} has changed since this was answered: ask again.</p>'


def _around(answer: Answer, shown: Shown) -> str:
    number = shown.number
    readings = "".join(_act(f"ask:{reading}", reading, "reading") for reading in answer.readings if shown.latest)
    asked = f'<p class="facts">Did you mean</p><div class="readings">{readings}</div>' if readings else ""
    suggested = "".join(_act(f"ask:{question}", question, "reading") for question in shown.suggestions)
    next_ones = f'<p class="facts">Go on with</p><div class="readings">{suggested}</div>' if suggested else ""
    scope = f'<p class="facts">Asked of {escape(", ".join(shown.documents))}.</p>' if shown.documents else ""
    saved = "".join(_act(f"save:{number}:{form}", label) for form, label in FORMS)
    again = _act(f"again:{number}", "Ask again") + _act(f"edit:{number}", "Edit question") if shown.latest else ""
    if answer.reason in SMALL_TALK or answer.reason == "empty_question":
        return f'{asked}{next_ones}<div class="actions">{again}</div>'
    return (
        f'{scope}{asked}{next_ones}<div class="actions">{_act(f"copy:{number}", "Copy")}'
        f'<details class="menu"><summary>Save</summary><div>{saved}</div></details>'
        f"{again}{_judging(answer, shown)}</div>"
    )


def _judging(answer: Answer, shown: Shown) -> str:
    """What can be said of an answer; it becomes a judged question."""
    number, said = shown.number, JUDGED.get(shown.judged, "")
    choose = _act(f"choose:{number}", "Choose the right sentence")
    if answer.abstained:
        offered = choose + _act(f"judge:{number}:nothing", "Rightly refused")
    else:
        offered = (
            choose
            + _act(f"judge:{number}:wrong", "A sentence is wrong")
            + _act(f"judge:{number}:nothing", "Should have said nothing")
        )
    helpful = "" if answer.abstained else _act(f"judge:{number}:helpful", "Helpful")
    told = f'<span class="judged">{escape(said)}</span>' if said else ""
    label = "Is it there?" if answer.abstained else "Not right?"
    return f'{helpful}<details class="menu"><summary>{label}</summary><div>{offered}</div></details>{told}'


def _act(value: str, label: str, kind: str = "") -> str:
    name = f"act {kind}".strip()
    return f'<button type="button" class="{name}" value="{escape(value, quote=True)}">{escape(label)}</button>'


def error_html(message: str) -> str:
    return f'<div class="answer failed"><p>{escape(message)}</p></div>'


def pending_html() -> str:
    return '<div class="answer pending"><p>Reading the documents …</p></div>'


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


def _button(citation: Citation | Location, label: str) -> str:
    value, named = escape(reference(citation), quote=True), '<span class="hidden-label">Open source </span>'
    return f'<button type="button" class="cite" value="{value}">{named}{escape(label)}</button>'


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
    others: dict[str, tuple[Location, list[str]]] = {}
    for citation in citations:
        for other in citation.also:
            others.setdefault(reference(other), (other, []))[1].append(str(citation.number))
    also = "".join(
        f'<li><span class="numbers">{", ".join(cited)}</span> also in {_button(other, _where(other))}</li>'
        for other, cited in others.values()
    )
    return f'<ul class="sources">{rows}{also}</ul>'


def _facts(answer: Answer) -> str:
    milliseconds = answer.timings_ms.get("total", 0.0)
    trust = escape(in_plain_words(answer))
    return f'<p class="facts">{trust} · {milliseconds:.0f} ms · index {escape(answer.index[:12])}</p>'


def _abstention(answer: Answer, before: str, after: str) -> str:
    reason = ABSTENTIONS[answer.reason or "not_in_documents"]
    nearest = "".join(_nearest_row(hit) for hit in answer.nearest)
    listed = f'<p class="facts">Nearest passages, which are no answer:</p><ul class="sources">{nearest}</ul>' if nearest else ""
    notes = "".join(f'<p class="facts">{escape(line)}</p>' for line in abstention_notes(answer))
    shown = listed if answer.reason not in SMALL_TALK else ""
    return f'<div class="answer abstained">{before}<p class="reason">{escape(reason)}</p>{notes}{shown}{after}</div>'


def _where(found: Citation | Location) -> str:
    return place(found.document_id, found.page, found.headings)


def _nearest_row(hit: Hit) -> str:
    where = place(hit.passage.document_id, hit.passage.page, hit.passage.headings)
    text = " ".join(line for line in hit.passage.text.split("\n") if not line.startswith("#"))
    return f'<li><span class="place">{escape(where)}</span> <span class="snippet">{escape(text[:SNIPPET])} …</span></li>'
