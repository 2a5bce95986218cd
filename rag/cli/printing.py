"""Passages and answers on the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rag.answering.wording import abstention_notes, abstention_text, disagreement_note, in_plain_words, place
from rag.cli.output import Part, print_line, print_text
from rag.cli.overview_printing import print_overview
from rag.records import Answer, Citation, Document, Hit, Location, Passage
from rag.text.spelling import with_corrections

AROUND = 400  # characters of the source shown on either side of a quote


def print_hits(hits: Sequence[Hit]) -> None:
    for hit in hits:
        print_line((str(hit.rank), "bold"), f" {hit.score:.3f}  {_place(hit.passage)}")
        print_text(f"{hit.passage.text.strip()}\n")


def print_answer(answer: Answer) -> None:
    typed = with_corrections(" ".join(answer.question.split()), answer.corrected)
    if typed != answer.query and answer.query and not answer.parts:
        print_line((f"understood as: {answer.query}", "dim"))
    if answer.corrected and not answer.parts:
        meant, typed = ", ".join(answer.corrected.values()), ", ".join(answer.corrected)
        print_line(f"Showing results for {meant}; `rag ask --as-typed` searches for {typed} instead.")
    for part in answer.parts:
        print_line((part.question, "bold"))
        print_answer(replace(part, timings_ms={}))
    if not answer.parts:
        _print_one(answer)
    if answer.readings:
        print_line("This could mean several things. Which one? (“the first one” …)")
        for reading in answer.readings:
            print_line(f"  {reading}")


def _print_one(answer: Answer) -> None:
    if answer.abstained:
        _print_abstention(answer)
    elif answer.overview:
        print_overview(answer)
    else:
        _print_quotes(answer)


def _print_abstention(answer: Answer) -> None:
    print_line((abstention_text(answer), "bold"))
    for line in abstention_notes(answer):
        print_line(f"  {line}")
    if answer.closest:
        print_line("  Closest, not confirmed:")
    for citation in answer.closest:
        print_line(f"  {citation.quote} ", (f"[{citation.number}]", "bold"))
        print_line(f"     {_place(citation)}")
    for hit in answer.nearest if not answer.closest else ():
        print_line(f"  nearest, not an answer: {_place(hit.passage)}")


def _print_quotes(answer: Answer) -> None:
    citations = {citation.number: citation for citation in answer.citations}
    headers = answer.header_numbers
    for sentence in answer.sentences:
        citation = citations[sentence.citation]
        number = () if citation.number in headers else (" ", (f"[{citation.number}]", "bold"))
        print_line(*_emphasised(citation, "dim" if sentence.context else ""), *number)
        if note := disagreement_note(citation):
            print_line(f"  {note}")
    if answer.message:
        print_line(answer.message)
    for citation in answer.citations:
        if citation.number not in headers:
            print_line(f"  {citation.number}  {_place(citation)} ({citation.span.start}–{citation.span.end})")
        for other in citation.also:
            print_line(f"     also in {_place(other)}")
    if answer.more:
        print_line(f"  {len(answer.more)} more with --json")
    spent = f"; {answer.timings_ms['total']:.0f} ms, index {answer.index[:12]}" if answer.timings_ms else ""
    print_line(f"  {in_plain_words(answer)}{spent}")


def _emphasised(citation: Citation, style: str) -> list[Part]:
    """The quote with its answer phrase in bold."""
    phrase, quote, start = citation.answer_phrase, citation.quote, citation.span.start
    if phrase is None:
        return [(quote, style)]
    first, last = phrase.start - start, phrase.end - start
    return [(quote[:first], style), (quote[first:last], f"{style} bold"), (quote[last:], style)]


def _place(source: Citation | Passage | Location) -> str:
    return place(source.document_id, source.page, source.headings)


def print_source(citation: Citation, documents: Mapping[str, Document]) -> None:
    document = documents.get(citation.document_id)
    if document is None or document.digest != citation.digest:
        print_line("the document has changed since this answer; ask again")
        return
    before = document.text[max(0, citation.span.start - AROUND) : citation.span.start]
    after = document.text[citation.span.end : citation.span.end + AROUND]
    print_text(before, (citation.quote, "reverse"), after)
