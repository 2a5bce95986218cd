"""An overview as it is shown: headings with their sentences, and lists of facts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.answering.overview_answer import listed_facts, sections_of
from rag.records import Answer, Citation
from rag.sources import reference
from rag.ui.answer_layout import Paragraph, Source, running_paragraphs


@dataclass(frozen=True)
class ShownSection:
    """`path` are its headings, below the document's title if there are several documents; empty before the first heading."""

    path: tuple[str, ...]
    paragraphs: Sequence[Paragraph]


@dataclass(frozen=True)
class ShownFacts:
    """A list of facts, each with the source that opens it; there are `total` of them."""

    name: str
    total: int
    facts: Sequence[tuple[str, Source]]


@dataclass(frozen=True)
class ShownOverview:
    sections: Sequence[ShownSection]
    lists: Sequence[ShownFacts]


def shown_overview(answer: Answer) -> ShownOverview | None:
    """None if the answer is no overview."""
    if answer.overview is None:
        return None
    several = len(answer.overview.documents) > 1
    sections = [
        ShownSection(
            (*([section.title] if several else []), *section.headings),
            running_paragraphs(section.sentences, answer.citations),
        )
        for section in sections_of(answer)
    ]
    lists = [
        ShownFacts(name, total, [(text, Source(citation.number, _fact_reference(citation))) for text, citation in facts])
        for name, total, facts in listed_facts(answer)
    ]
    return ShownOverview(sections, lists)


def _fact_reference(citation: Citation) -> str:
    """Opens the source with the fact itself marked, not its whole sentence."""
    return reference(replace(citation, span=citation.answer_phrase or citation.span))
