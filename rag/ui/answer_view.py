"""An answer as HTML: its quoted sentences, sources and actions; or an abstention with the closest passages."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from rag.answering.abstention import SMALL_TALK
from rag.answering.wording import abstention_notes, abstention_text, in_plain_words, place
from rag.records import Answer, Citation, Hit, Location, QuotedSentence, Span
from rag.sources import reference
from rag.templates import render
from rag.ui.answer_actions import Shown, actions_of

SNIPPET = 160  # characters of a closest passage: about two lines of the page
LONGEST_UNBROKEN = 30  # characters of a last word that stays on one line with its number; a longer one would overflow a phone
JUDGED = {
    "helpful": "Marked as helpful",
    "wrong": "Marked: a sentence is wrong",
    "nothing": "Marked: the documents do not say",
    "chosen": "Correct sentence saved",
}


def question_html(question: str) -> Markup:
    return escape(question)


def failed_answer_html(message: str) -> Markup:
    return render("page/failed_answer.html", message=message)


def pending_answer_html() -> Markup:
    return render("page/pending_answer.html")


@dataclass(frozen=True)
class Emphasised:
    """A piece of a document, split around the part of it that belongs to the answer phrase."""

    before: str
    phrase: str = ""
    after: str = ""


@dataclass(frozen=True)
class ShownSentence:
    """A quoted sentence; its last word is kept on one line with its number, so that no line begins with a number."""

    head: Emphasised
    last_word: Emphasised
    number: int
    reference: str
    context: bool
    differs: tuple[int, ...]
    """This citation's number and those of the citations that contradict it; empty if none does."""


def answer_html(answer: Answer, shown: Shown | None = None) -> Markup:
    """`shown` adds the actions and notes that an answer has within a conversation."""
    citations = {citation.number: citation for citation in answer.citations}
    return render(
        "page/answer.html",
        answer=answer,
        shown=shown,
        rewritten=shown is not None and bool(answer.query) and answer.query.split() != answer.question.split(),
        actions=actions_of(answer, shown) if shown else None,
        judged=JUDGED.get(shown.judged, "") if shown else "",
        sentences=[_shown_sentence(sentence, citations[sentence.citation]) for sentence in answer.sentences],
        places=_places(answer.citations),
        also=_also(answer.citations),
        confidence=in_plain_words(answer),
        reason=abstention_text(answer) if answer.abstained else "",
        notes=abstention_notes(answer),
        nearest=[] if answer.reason in SMALL_TALK else [_snippet(hit) for hit in answer.nearest],
    )


def _shown_sentence(sentence: QuotedSentence, citation: Citation) -> ShownSentence:
    head, last = _last_word(sentence.text)
    start, phrase = citation.span.start, citation.answer_phrase
    return ShownSentence(
        _emphasised(head, start, phrase),
        _emphasised(last, start + len(head), phrase),
        citation.number,
        reference(citation),
        sentence.context,
        (citation.number, *citation.differs) if citation.differs else (),
    )


def _last_word(text: str) -> tuple[str, str]:
    """Both parts joined are the text; a word that is too long for one line is not separated."""
    cut = max(text.rfind(" "), text.rfind("\n"), text.rfind("\u00a0")) + 1
    return (text[:cut], text[cut:]) if len(text) - cut <= LONGEST_UNBROKEN else (text, "")


def _emphasised(text: str, start: int, phrase: Span | None) -> Emphasised:
    """`text` begins at `start` of its document, where the phrase's span counts from."""
    if phrase is None:
        return Emphasised(text)
    first, last = (min(max(0, position - start), len(text)) for position in (phrase.start, phrase.end))
    return Emphasised(text[:first], text[first:last], text[last:]) if first < last else Emphasised(text)


def _places(citations: Sequence[Citation]) -> list[tuple[tuple[str, str], list[int]]]:
    """Each title and place once, with the numbers of the sentences quoted from there."""
    numbers: dict[tuple[str, str], list[int]] = {}
    for citation in citations:
        numbers.setdefault((citation.title, _place(citation)), []).append(citation.number)
    return list(numbers.items())


def _also(citations: Sequence[Citation]) -> list[tuple[str, str, list[int]]]:
    """Other places that say the same: reference, place and the numbers of the citations they agree with."""
    agreeing: dict[str, tuple[str, list[int]]] = {}
    for citation in citations:
        for location in citation.also:
            agreeing.setdefault(reference(location), (_place(location), []))[1].append(citation.number)
    return [(name, where, numbers) for name, (where, numbers) in agreeing.items()]


def _place(location: Citation | Location) -> str:
    return place(location.document_id, location.page, location.headings)


def _snippet(hit: Hit) -> tuple[str, str]:
    """The place of a passage and the beginning of its text."""
    passage = hit.passage
    text = " ".join(line for line in passage.text.split("\n") if not line.startswith("#"))
    return place(passage.document_id, passage.page, passage.headings), text[:SNIPPET]
