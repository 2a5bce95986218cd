"""Citations of chosen sentences, numbered; each quote is sliced from its document again and compared with what was read."""

from collections.abc import Mapping, Sequence

from rag.answering.arrangement import Choice
from rag.answering.surroundings import Place
from rag.errors import IndexBroken
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Citation, Location, QuotedSentence


def cite(choices: Sequence[Choice], index: Index, first: int = 1) -> tuple[tuple[QuotedSentence, ...], tuple[Citation, ...]]:
    """The chosen sentences, in order, and one citation each, ordered by number.

    Numbers count from `first` in order, those of header rows after all others: a header is shown without its number.
    """
    numbered = sorted(choices, key=lambda choice: choice.is_header)  # stable
    numbers = {choice.place: number for number, choice in enumerate(numbered, start=first)}
    places = {choice.place: _place(choice.scored, index) for choice in choices}
    citations = tuple(_citation(choice, numbers[choice.place], places[choice.place], numbers, index) for choice in numbered)
    sentences = (QuotedSentence(places[c.place].quote, numbers[c.place], c.context) for c in choices)
    return tuple(sentences), citations


def _citation(choice: Choice, number: int, place: Location, numbers: Mapping[Place, int], index: Index) -> Citation:
    return Citation(
        number,
        place.document_id,
        place.title,
        place.span,
        place.quote,
        place.page,
        place.headings,
        place.digest,
        choice.scored.answer_phrase if choice.emphasised else None,
        tuple(_place(other, index) for other in choice.also),
        tuple(sorted(numbers[other] for other in choice.differs if other in numbers)),
        place.language,
        choice.dated,
        numbers.get(choice.newer) if choice.newer else None,
    )


def _place(scored: ScoredSentence, index: Index) -> Location:
    passage = scored.passage
    document = index.documents[passage.document_id]
    span = scored.sentence.span
    quote = span.of(document.text)
    phrase = scored.answer_phrase
    if quote != scored.text or not quote or (phrase and not span.start <= phrase.start < phrase.end <= span.end):
        raise IndexBroken(f"a sentence of {document.id} in the index is not what the document says; run `rag build --full`")
    page, headings = scored.sentence.page, passage.headings
    return Location(document.id, document.title, span, quote, page, headings, document.digest, document.language)
