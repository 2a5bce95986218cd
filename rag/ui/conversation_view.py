"""Conversations turn by turn and as a list, the empty page, the choice of documents, and an answer as plain text to copy."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from heapq import nsmallest

from markupsafe import Markup

from rag.accounts.conversations import SavedConversation
from rag.answering.wording import abstention_text, place
from rag.index.catalogue import LANGUAGE
from rag.index.contents import Index
from rag.index.entries import Entry
from rag.records import Answer, Hit
from rag.sources import stale_citations
from rag.templates import render
from rag.text.question_language import foreign_language
from rag.translations import t
from rag.ui.answer_actions import FORMATS, Shown
from rag.ui.answer_view import answer_html, failed_answer_html
from rag.ui.suggestions import follow_ups

LISTED = 50  # conversations, or documents to choose from, that are shown at once; more are found by searching
GROUPS = ("Pinned", "Today", "Yesterday", "Earlier")
LANGUAGE_CODES = {
    "German": "de", "French": "fr", "Spanish": "es", "Italian": "it", "Portuguese": "pt", "Dutch": "nl", "Cjk": "zh",
    "Hiragana": "ja", "Katakana": "ja", "Hangul": "ko", "Arabic": "ar", "Hebrew": "he", "Greek": "el", "Thai": "th",
}  # fmt: skip
EXCERPT = 240  # characters of a similar passage: about three lines


def turn_html(conversation: SavedConversation, number: int, index: Index | None) -> Markup:
    """A question with its answer. Without an index nothing is suggested, and no changed source is noticed.

    Only the last answer of a conversation has suggestions.
    """
    turn = conversation.turns[number]
    last = number == len(conversation.turns) - 1
    questions = [turn.question for turn in conversation.turns]
    suggestions = follow_ups(index, turn.answer, questions) if index and last else []
    stale = stale_citations(index, turn.answer) if index else ()
    answer = answer_html(turn.answer, Shown(number, turn.documents, stale, turn.judged, suggestions))
    return _turn(number, turn.question, answer, language=language_of_question(turn.question, turn.answer))


def turns_html(conversation: SavedConversation, index: Index | None) -> Markup:
    """All turns, oldest first."""
    return Markup("").join(turn_html(conversation, number, index) for number in range(len(conversation.turns)))


def unsaved_turn_html(question: str, answer: Answer, problem: str) -> Markup:
    """A turn whose conversation could not be saved."""
    return _turn(0, question, answer_html(answer), failed_answer_html(problem), language_of_question(question, answer))


def _turn(number: int, question: str, answer: Markup, problem: Markup | str = "", language: str = "") -> Markup:
    return render("page/turn.html", number=number, question=question, answer=answer, problem=problem, language=language)


def language_of_question(question: str, answer: Answer) -> str:
    """Its ISO 639-1 code, for browsers and screen readers: that of what was quoted if the words do not tell; "" if unknown."""
    known = LANGUAGE_CODES.get(foreign_language(question) or "")
    return known or next((citation.language for citation in answer.citations), "")


def empty_page_html(documents: int, examples: Sequence[str]) -> Markup:
    """What is shown before the first question."""
    return render("page/empty_page.html", count=documents, examples=examples)


@dataclass(frozen=True)
class SimilarPassage:
    reference: str
    title: str
    headings: tuple[str, ...]
    excerpt: str


def similar_html(hits: Sequence[Hit], index: Index) -> Markup:
    """Passages as cards that open them."""
    places = []
    for hit in hits:
        passage, entry = hit.passage, index.entries[hit.passage.document_id]
        reference = f"{entry.digest}:{passage.span.start}:{passage.span.end}:{entry.id}"
        words = " ".join(passage.text_of(sentence) for sentence in passage.sentences if sentence.quotable)
        places.append(SimilarPassage(reference, entry.title, passage.headings, shortened(words)))
    return render("page/similar.html", places=places)


def shortened(text: str) -> str:
    """At most EXCERPT characters, cut between words."""
    text = " ".join(text.split())
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT].rsplit(' ', 1)[0]} …"


def conversations_html(
    conversations: Sequence[SavedConversation],
    current: str,
    problems: Sequence[str] = (),
    *,
    pinned: Collection[str] = (),
    words: str = "",
    today: date,
) -> Markup:
    """Conversations by day, pinned ones first; `current` is the id of the open one, "" if none is.

    `problems` say which files cannot be read; `words` were searched.
    """
    groups: dict[str, list[SavedConversation]] = {name: [] for name in GROUPS}
    for conversation in conversations[:LISTED]:
        groups["Pinned" if conversation.id in pinned else _day(conversation.changed, today)].append(conversation)
    return render(
        "page/conversations.html",
        groups=[(t(name), listed) for name, listed in groups.items() if listed],
        current=current,
        problems=problems,
        more=max(0, len(conversations) - LISTED),
        pinned=pinned,
        words=words,
        forms=FORMATS,
    )


def _day(changed: str, today: date) -> str:
    try:
        day = datetime.fromisoformat(changed).astimezone().date()
    except ValueError:
        return "Earlier"
    return "Today" if day >= today else "Yesterday" if day == today - timedelta(days=1) else "Earlier"


def document_choice_html(entries: Iterable[Entry], chosen: Collection[str], words: str) -> Markup:
    """Documents whose name, title or language contains `words`, ignoring case, by title, chosen ones first.

    Above them are their folders and, if there are several, their languages ("language:de").
    """
    folded = words.casefold()
    folders, languages, matching = set[str](), set[str](), 0

    def matches() -> Iterator[Entry]:
        nonlocal matching
        for entry in entries:  # in one pass, because reading the entries of a large index takes seconds
            if "/" in entry.id:
                folders.add(f"{entry.id.rpartition('/')[0]}/")
            if entry.language:
                languages.add(f"{LANGUAGE}{entry.language}")
            if folded in f"{entry.id}\n{entry.title}\n{LANGUAGE}{entry.language}".casefold():
                matching += 1
                yield entry

    ordered = nsmallest(LISTED, matches(), key=lambda entry: (entry.id not in chosen, entry.title.casefold(), entry.id))
    groups = [*sorted(folders), *(sorted(languages) if len(languages) > 1 else [])]
    return render(
        "page/document_choice.html",
        entries=ordered,
        folders=[group for group in groups if folded in group.casefold()][:LISTED],
        chosen=chosen,
        more=matching - len(ordered),
    )


def copied_text(answer: Answer) -> str:
    """The answer with its sources."""
    if answer.abstained:
        return f"{answer.question}\n\n{abstention_text(answer)}\n"
    sources = "\n".join(f"[{c.number}] {c.title}, {place(c.document_id, c.page, c.headings)}" for c in answer.citations)
    return f"{answer.question}\n\n{answer.text}\n\n{sources}\n"
