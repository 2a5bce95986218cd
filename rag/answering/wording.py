"""Answers, abstentions and places in words that people read."""

from rag.loading.formats import page_unit
from rag.records import Answer

# Why there is no answer, in plain words.
ABSTENTIONS = {
    "empty_question": "Please type a question.",
    "no_documents": "There are no documents to ask: put some into the corpus folder and run `rag build`.",
    "not_in_documents": "The documents do not answer this: it is not what they are about.",
    "near_miss": "The documents are about this, but do not say it.",
    "greeting": "Hello. Ask a question, and the sentences of your documents that answer it are shown with their sources.",
    "nothing_more": "There is nothing more to quote there.",
    "gibberish": "This does not read like a question.",
    "other_language": "This seems to be in another language than the documents; ask in theirs.",
}


def abstention_notes(answer: Answer) -> list[str]:
    """What helps on: what was looked for, and which of it stands in no document. Nothing for small talk."""
    if answer.reason not in ("not_in_documents", "near_miss", "other_language") or not answer.looked_for:
        return []
    lines = [f"Looked for: {', '.join(answer.looked_for)}."]
    if answer.unknown:
        lines.append(f"In no document: {', '.join(answer.unknown)}.")
    return lines


def in_plain_words(answer: Answer) -> str:
    """How far an answer can be trusted, by what was measured."""
    if answer.expected_wrong is None:
        return f"confidence {answer.confidence:.2f}"
    wrong = round(100 * answer.expected_wrong)
    where = f" ({answer.measured_on})" if answer.measured_on else ""
    return f"confidence {answer.confidence:.2f}: of answers like this, about {wrong} in 100 were wrong{where}"


def place(document_id: str, page: int | None, headings: tuple[str, ...]) -> str:
    """Where something stands, for people: `book.pdf › page 3 › Part › Chapter`."""
    return " › ".join([document_id, *([f"{page_unit(document_id)} {page}"] if page else []), *headings])
