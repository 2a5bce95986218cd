"""Answers, abstentions and places in words for people."""

from collections.abc import Sequence

from rag.loading.formats import page_unit
from rag.records import Answer, Citation
from rag.text.question_language import foreign_language
from rag.translations import ENGLISH, t, translated

ABSTENTIONS = {
    "empty_question": "Please type a question.",
    "no_documents": "There are no documents to ask: put some into the corpus folder and run `rag build`.",
    "not_in_documents": "There is nothing about this in the documents: none of its words occurs there.",
    "near_miss": "I found nothing that clearly answers this.",
    "greeting": "Hello. Ask a question, and the sentences of your documents that answer it are shown with their sources.",
    "small_talk": "That is small talk, which the documents are not asked about.",
    "about_program": "That is a question about the program, which the documents are not asked about.",
    "nothing_more": "There is nothing more to quote there.",
    "no_such_citation": "The last answer has no such citation.",
    "no_such_reading": "The last answer did not offer that reading.",
    "citation_gone": "That citation cannot be quoted: its document has changed, was removed, or is not among those asked.",
    "gibberish": "This does not read like a question.",
    "other_language": "This seems to be in another language than the documents; please ask in theirs.",
}
"""By reason, why there is no answer."""
_CITATIONS, _READINGS = "It has {count}.", "It offered {count}."
_DIFFER = "Sources differ: compare {number} with {others}."
_OLDER = "{number} is from an older version; the newer one is {newer}."
_LOOKED_FOR, _IN_NONE = "Looked for: {words}.", "In no document: {words}."
NOUNS = ("document", "passage", "citation", "reading")
TEXTS = (
    *ABSTENTIONS.values(), _CITATIONS, _READINGS, _LOOKED_FOR, _IN_NONE, _DIFFER, _OLDER,
    *(f"{{count}} {noun}{plural}" for noun in NOUNS for plural in ("", "s")),
)  # fmt: skip
"""What is said in other languages as well."""
_SPOKEN = {"German": "de", "French": "fr", "Spanish": "es", "Cjk": "zh"}


def language_for(question: str) -> str:
    """The language to answer a question in: its own if there is a catalogue for it, otherwise English."""
    return _SPOKEN.get(foreign_language(question) or "", ENGLISH)


def note_on_language(language: str) -> str:
    """What is said of an answer to a question in a language that the reader does not know."""
    return (
        f"The question seems to be in another language ({language}) than the reader knows, so these are the sentences most "
        "similar to it; how often such answers are right was not measured."
    )


def note_on(missing: Sequence[str], cut: tuple[int, int] | None) -> str:
    """What an answer does not show: a thing to be compared, and the rest of a list; empty if nothing is missing."""
    notes = [f"I found nothing about {name} to compare." for name in missing]
    if cut:
        notes.append(f"The list goes on: {cut[0]} of its {cut[1]} items are quoted here.")
    return " ".join(notes)


def abstention_text(answer: Answer) -> str:
    """What is said instead of an answer, in the question's language: the program's own words, or why there is no answer."""
    return answer.message or translated(ABSTENTIONS[answer.reason or "not_in_documents"], language_for(answer.question))


def abstention_notes(answer: Answer) -> list[str]:
    """Facts that help to ask again: what can be chosen, or what was looked for and which of it no document has."""
    language = language_for(answer.question)
    if answer.reason == "no_such_citation":
        return [translated(_CITATIONS, language, count=counted(answer.choices, "citation", language))]
    if answer.reason == "no_such_reading":
        return [translated(_READINGS, language, count=counted(answer.choices, "reading", language))]
    if answer.reason not in ("not_in_documents", "near_miss", "other_language") or not answer.looked_for:
        return []
    lines = [translated(_LOOKED_FOR, language, words=", ".join(answer.looked_for))]
    if answer.unknown:
        lines.append(translated(_IN_NONE, language, words=", ".join(answer.unknown)))
    return lines


def counted(count: int, noun: str, language: str = ENGLISH) -> str:
    """A count with its noun; NOUNS are translated."""
    return translated(f"{{count}} {noun}{'' if count == 1 else 's'}", language, count=f"{count:,}")


def in_plain_words(answer: Answer) -> str:
    """How far an answer can be trusted, according to what was measured."""
    if answer.citations and not answer.signals and not answer.confidence:
        return "quoted as you asked, without judging whether it answers a question"
    where = f" ({answer.measured_on})" if answer.measured_on else ""
    if answer.expected_wrong is None:
        return f"confidence {answer.confidence:.2f}{where}"
    evidence = f"{answer.strength} evidence, " if answer.strength else ""
    wrong = round(100 * answer.expected_wrong)
    guarantee = f"; {answer.guarantee}" if answer.guarantee else ""
    return (
        f"{evidence}confidence {answer.confidence:.2f}: of answers like this, about {wrong} in 100 were wrong{where}{guarantee}"
    )


def disagreement_note(citation: Citation) -> str:
    """What to compare a citation with, and from when its document is; empty if no other citation disagrees."""
    dated = f" ({citation.dated})" if citation.dated else ""
    notes = []
    if citation.differs:
        notes.append(t(_DIFFER, number=f"{citation.number}{dated}", others=", ".join(map(str, citation.differs))))
    if citation.superseded_by:
        notes.append(t(_OLDER, number=f"{citation.number}{dated}", newer=citation.superseded_by))
    return " ".join(notes)


def place(document_id: str, page: int | None, headings: tuple[str, ...]) -> str:
    """Where a quote is, for people: `book.pdf › page 3 › Part › Chapter`."""
    return " › ".join([document_id, *([f"{page_unit(document_id)} {page}"] if page else []), *headings])
