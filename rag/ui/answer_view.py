"""An answer as HTML: its quoted sentences, sources and actions; or an abstention with the closest sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from rag.answering.abstention import SMALL_TALK
from rag.answering.wording import abstention_notes, abstention_text, in_plain_words, language_for, place
from rag.receipts import ranges
from rag.records import Answer, Citation, Location
from rag.sources import reference
from rag.templates import render
from rag.text.terms import content_words, terms
from rag.translations import t, translated
from rag.ui.answer_actions import Shown, actions_of
from rag.ui.answer_layout import Layout, Paragraph, layout_of, numbered_citations, numbers_of
from rag.ui.overview_view import shown_overview

STRENGTHS = {
    "strong": "Strong match",
    "fair": "Fair match – check the source",
    "weak": "Weak match – this may not answer your question",
}
JUDGED = {
    "helpful": "Marked as helpful",
    "wrong": "Marked: a sentence is wrong",
    "nothing": "Marked: the documents do not say",
    "chosen": "Correct sentence saved",
}
NOT_THERE = "Not in any document: {words}."
LONGEST_TOPIC = 40  # characters of what a follow-up is understood to be about


def failed_answer_html(message: str) -> Markup:
    return render("page/failed_answer.html", message=message)


@dataclass(frozen=True)
class Card:
    """A place that is quoted: the numbers of the sentences from there ("1–3, 5"), and the reference of the first."""

    numbers: str
    reference: str
    title: str
    headings: tuple[str, ...]
    file: str
    language: str


@dataclass(frozen=True)
class Part:
    """One of several answers to a question, or the only one."""

    answer: Answer
    question: str
    layout: Layout
    rest_cards: Sequence[Card]
    strength: str
    reason: str
    notes: Sequence[str]
    closest: Sequence[Paragraph]


def answer_html(answer: Answer, shown: Shown | None = None) -> Markup:
    """`shown` adds the actions and notes that an answer has within a conversation."""
    overview = shown_overview(answer)
    parts = [] if overview else [_part(part, part.question) for part in answer.parts] or [_part(answer, "")]
    citations = [c for c in (*answer.citations, *answer.more) if c.number not in answer.header_numbers]
    hidden = {number for part in parts for number in numbers_of(part.layout.rest)}
    asked = shown is not None and bool(answer.query)
    return render(
        "page/answer.html",
        answer=answer,
        parts=parts,
        overview=overview,
        shown=shown,
        topic=topic_of(answer) if asked else "",
        searched=answer.query if asked and answer.query.split() != answer.question.split() else "",
        actions=actions_of(answer, shown) if shown else None,
        judged=t(JUDGED[shown.judged]) if shown and shown.judged in JUDGED else "",
        own_voice=answer.message.split("\n") if answer.abstained and answer.message else [],
        cards=[] if overview else _cards([citation for citation in citations if citation.number not in hidden]),
        closest_cards=_cards(answer.closest),
        also=_also(answer.citations),
        confidence=in_plain_words(answer),
        said_in=language_for(answer.question),
        is_judged=bool(answer.signals or answer.confidence),
    )


def _part(answer: Answer, question: str) -> Part:
    layout = layout_of(answer)
    rest = numbers_of(layout.rest)
    refused = answer.abstained and answer.reason not in SMALL_TALK and not answer.message
    return Part(
        answer,
        question,
        layout,
        _cards([citation for citation in (*answer.citations, *answer.more) if citation.number in rest]),
        t(STRENGTHS[answer.strength]) if answer.strength in STRENGTHS else "",
        abstention_text(answer) if refused else "",
        _notes(answer) if refused else [],
        numbered_citations(answer.closest) if refused else [],
    )


def _notes(answer: Answer) -> list[str]:
    """Which words no document has, if others are there; and what can be chosen if something else was asked for."""
    if not answer.looked_for:
        return abstention_notes(answer)
    some = answer.unknown and answer.unknown != answer.looked_for
    if not some:
        return []
    return [translated(NOT_THERE, language_for(answer.question), words=", ".join(answer.unknown))]


def topic_of(answer: Answer) -> str:
    """What earlier turns added to the question: the content words of the query that the question lacks, "" if none."""
    known = {*terms(answer.question), *terms(" ".join(answer.corrected.values()))}
    added = [word for word, stems in content_words(answer.query).items() if not known & set(stems)]
    topic = " ".join(added)
    return topic if len(topic) <= LONGEST_TOPIC else f"{topic[:LONGEST_TOPIC].rsplit(' ', 1)[0]} …"


def _cards(citations: Sequence[Citation]) -> list[Card]:
    """Each place once, in the order of its first number."""
    numbers: dict[tuple[str, str], list[Citation]] = {}
    for citation in citations:
        numbers.setdefault((citation.document_id, _place(citation)), []).append(citation)
    return [
        Card(
            ranges([citation.number for citation in cited]),
            reference(cited[0]),
            cited[0].title,
            cited[0].headings,
            place(cited[0].document_id, cited[0].page, ()),
            cited[0].language,
        )
        for cited in numbers.values()
    ]


@dataclass(frozen=True)
class Also:
    """Another place that says the same; `verbatim` if in the same words, else only the answer is the same."""

    reference: str
    place: str
    numbers: tuple[int, ...]
    verbatim: bool


def _also(citations: Sequence[Citation]) -> list[tuple[bool, list[Also]]]:
    """The other places, first those with the same words."""
    agreeing: dict[str, Also] = {}
    for citation in citations:
        for location in citation.also:
            name = reference(location)
            numbers = agreeing[name].numbers if name in agreeing else ()
            verbatim = _words(location.quote) == _words(citation.quote)
            agreeing[name] = Also(name, _titled_place(location), (*numbers, citation.number), verbatim)
    groups = [(verbatim, [also for also in agreeing.values() if also.verbatim == verbatim]) for verbatim in (True, False)]
    return [(verbatim, places) for verbatim, places in groups if places]


def _words(text: str) -> list[str]:
    return [word.strip(".,;:!?()“”\"'").casefold() for word in text.split()]


def _titled_place(location: Location) -> str:
    return " › ".join([location.title, *location.headings[-1:]])


def _place(location: Citation | Location) -> str:
    return place(location.document_id, location.page, location.headings)
