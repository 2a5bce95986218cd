"""Passages and answers on the terminal."""

from collections.abc import Sequence
from typing import Any

from rich.markup import escape

from rag.answering.wording import ABSTENTIONS, abstention_notes, in_plain_words, place
from rag.cli.output import out
from rag.records import Answer, Citation, Hit, Location, Passage


def print_hits(hits: Sequence[Hit]) -> None:
    for hit in hits:
        out.print(f"[bold]{hit.rank}[/] {hit.score:.3f}  {escape(_place(hit.passage))}", soft_wrap=True)
        out.print(escape(hit.passage.text.strip()) + "\n", soft_wrap=True)


def print_answer(answer: Answer) -> None:
    if " ".join(answer.question.split()) != answer.query and answer.query:
        out.print(f"[dim]understood as: {escape(answer.query)}[/]", soft_wrap=True)
    _print_quotes(answer)
    if answer.readings:
        out.print("It could mean several things; which do you mean? (“the first one” …)")
        for reading in answer.readings:
            out.print(f"  {escape(reading)}", soft_wrap=True)


def _print_quotes(answer: Answer) -> None:
    if answer.abstained:
        out.print(f"[bold]{ABSTENTIONS[answer.reason or 'not_in_documents']}[/]")
        for line in abstention_notes(answer):
            out.print(f"  {escape(line)}", soft_wrap=True)
        for hit in answer.nearest:
            out.print(f"  nearest, not an answer: {escape(_place(hit.passage))}", soft_wrap=True)
        return
    for sentence, citation in zip(answer.sentences, answer.citations, strict=True):
        style = "dim" if sentence.context else "default"
        number = escape(f"[{citation.number}]")
        out.print(f"[{style}]{_emphasised(citation)}[/] [bold]{number}[/]", soft_wrap=True)
        if citation.differs:
            others = ", ".join(str(number) for number in citation.differs)
            out.print(f"  sources differ: compare {citation.number} with {others}", soft_wrap=True)
    for citation in answer.citations:
        out.print(f"  {citation.number}  {escape(_place(citation))} ({citation.span.start}–{citation.span.end})", soft_wrap=True)
        for other in citation.also:
            out.print(f"     also in {escape(_place(other))}", soft_wrap=True)
    out.print(f"  {in_plain_words(answer)}; {answer.timings_ms['total']:.0f} ms, index {answer.index[:12]}", soft_wrap=True)


def _emphasised(citation: Citation) -> str:
    """The quote with its answer phrase in bold."""
    phrase, quote, start = citation.answer_phrase, citation.quote, citation.span.start
    if phrase is None:
        return escape(quote)
    before, inside, after = (
        quote[: phrase.start - start],
        quote[phrase.start - start : phrase.end - start],
        quote[phrase.end - start :],
    )
    return f"{escape(before)}[bold]{escape(inside)}[/bold]{escape(after)}"


def _place(found: Citation | Passage | Location) -> str:
    return place(found.document_id, found.page, found.headings)


def print_source(citation: Citation, documents: Any) -> None:
    document = documents.get(citation.document_id)
    if document is None or document.digest != citation.digest:
        out.print("the document has changed since; ask again")
        return
    before = document.text[max(0, citation.span.start - 400) : citation.span.start]
    after = document.text[citation.span.end : citation.span.end + 400]
    out.print(f"{escape(before)}[reverse]{escape(citation.quote)}[/]{escape(after)}", soft_wrap=True)
