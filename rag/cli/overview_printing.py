"""Overviews on the terminal: headings with their sentences, then the lists of facts."""

from rag.answering.overview_answer import listed_facts, sections_of
from rag.answering.wording import place
from rag.cli.output import print_line
from rag.records import Answer


def print_overview(answer: Answer) -> None:
    several = answer.overview is not None and len(answer.overview.documents) > 1
    headers = answer.header_numbers
    print_line(answer.message)
    for section in sections_of(answer):
        heading = " › ".join([*([section.title] if several else []), *section.headings])
        if heading:
            print_line((heading, "bold"))
        for sentence in section.sentences:
            number = () if sentence.citation in headers else (" ", (f"[{sentence.citation}]", "bold"))
            print_line("  ", (sentence.text, "dim" if sentence.context else ""), *number)
    for name, total, facts in listed_facts(answer):
        more = f" ({len(facts)} of {total})" if total > len(facts) else ""
        print_line((f"{name}{more}", "bold"))
        print_line("  ", "; ".join(f"{text} [{citation.number}]" for text, citation in facts))
    for citation in (*answer.citations, *answer.more):
        if citation.number not in headers:
            where = place(citation.document_id, citation.page, citation.headings)
            print_line((f"  {citation.number}  {where} ({citation.span.start}–{citation.span.end})", "dim"))
