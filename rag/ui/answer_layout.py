"""An answer's sentences arranged for reading: a lead, paragraphs, small tables, and what is shown only on request."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from rag.answering.wording import disagreement_note
from rag.records import Answer, Citation, QuotedSentence, Span
from rag.sources import reference
from rag.text.table_cells import cells

SHOWN = 3  # paragraphs after the lead; the rest is shown on request
LONGEST_UNBROKEN = 30  # characters of a last word that stays on one line with its number; a longer one would overflow a phone
NEXT_SENTENCE = 2  # characters of white space between sentences of one paragraph, at most
MOST_EMPHASISED = 0.5  # of a sentence; a longer answer phrase is nearly the sentence itself


@dataclass(frozen=True)
class Emphasised:
    """A piece of a document, split around the part of it that belongs to the answer phrase."""

    before: str
    phrase: str = ""
    after: str = ""


@dataclass(frozen=True)
class Source:
    """The number of a citation, and the reference that opens it."""

    number: int
    reference: str


@dataclass(frozen=True)
class Quote:
    """A quoted sentence; its last word is kept on one line with its numbers, so that no line begins with a number.

    It has several sources if other citations have the same words. `note` says with which citations it disagrees, if any.
    """

    head: Emphasised
    last_word: Emphasised
    sources: tuple[Source, ...]
    context: bool = False
    note: str = ""
    language: str = ""

    @property
    def text(self) -> str:
        parts = (self.head, self.last_word)
        return "".join(part.before + part.phrase + part.after for part in parts)


@dataclass(frozen=True)
class Cell:
    """The text of a table's cell; `asked` if it is the answer phrase."""

    text: str
    asked: bool = False


@dataclass(frozen=True)
class Row:
    cells: tuple[Cell, ...]
    source: Source


@dataclass
class Paragraph:
    """Quotes that run on, or the rows of a table below its header."""

    quotes: list[Quote] = field(default_factory=list)
    header: tuple[str, ...] = ()
    rows: list[Row] = field(default_factory=list)
    language: str = ""


@dataclass(frozen=True)
class Layout:
    """`lead` is the first sentence with its context; `continued` follows it in its document. `rest` is shown on request."""

    lead: Sequence[Paragraph]
    continued: Sequence[Paragraph]
    more: Sequence[Paragraph]
    rest: Sequence[Paragraph]


def layout_of(answer: Answer) -> Layout:
    citations = {citation.number: citation for citation in answer.citations}
    quoted = [(sentence, citations[sentence.citation]) for sentence in answer.sentences]
    judged = bool(answer.signals or answer.confidence)  # else it reads on from an earlier answer, which needs no lead
    first = next((row for row, (sentence, _) in enumerate(quoted) if not sentence.context), -1) if judged else -1
    extra = [(QuotedSentence(citation.quote, citation.number), citation) for citation in answer.more]
    arranged = _Arranged(_headers(quoted))
    for row, (sentence, citation) in enumerate([*quoted, *extra]):
        arranged.add(sentence, citation, alone=row in (first + 1, len(quoted)), emphasise=row == first)
        if row == first:
            arranged.lead = len(arranged.paragraphs)
        elif row == len(quoted) - 1:
            arranged.quoted = len(arranged.paragraphs)
    paragraphs, lead, last = arranged.paragraphs, arranged.lead, max(arranged.lead, arranged.quoted)
    continued = lead + int(bool(lead) and arranged.continues_lead)
    shown = min(continued + SHOWN, last)
    return Layout(paragraphs[:lead], paragraphs[lead:continued], paragraphs[continued:shown], paragraphs[shown:])


def numbers_of(paragraphs: Sequence[Paragraph]) -> set[int]:
    """The numbers of all citations of the paragraphs."""
    quoted = {source.number for paragraph in paragraphs for quote in paragraph.quotes for source in quote.sources}
    return quoted | {row.source.number for paragraph in paragraphs for row in paragraph.rows}


def numbered_citations(citations: Iterable[Citation]) -> list[Paragraph]:
    """Each citation as a paragraph of its own."""
    return [Paragraph([_quote(QuotedSentence(citation.quote, citation.number), citation)]) for citation in citations]


def running_paragraphs(sentences: Iterable[QuotedSentence], citations: Iterable[Citation]) -> list[Paragraph]:
    """All sentences in order, without a lead: neighbours run on, and rows are below their header."""
    by_number = {citation.number: citation for citation in citations}
    quoted = [(sentence, by_number[sentence.citation]) for sentence in sentences]
    arranged = _Arranged(_headers(quoted))
    for sentence, citation in quoted:
        arranged.add(sentence, citation, alone=False, emphasise=False)
    return arranged.paragraphs


Quoted = tuple[QuotedSentence, Citation]
Headers = dict[tuple[str, int], tuple[str, tuple[str, ...]]]
"""Header rows by document and number of columns: their text and its cells."""


class _Arranged:
    """Paragraphs to which sentences are added one by one."""

    def __init__(self, headers: Headers) -> None:
        self.paragraphs: list[Paragraph] = []
        self.lead = self.quoted = 0  # paragraphs of the lead, and of the lead and all other quotes
        self.continues_lead = False
        self._headers = headers
        self._by_text: dict[str, tuple[Paragraph, int]] = {}
        self._last: Quoted | None = None

    def add(self, sentence: QuotedSentence, citation: Citation, *, alone: bool, emphasise: bool) -> None:
        """Lets neighbouring sentences run on unless `alone`, merges equal ones, and puts rows of a table below its header."""
        columns = _columns(sentence.text)
        text, header = self._headers.get((citation.document_id, len(columns)), ("", ()))
        if header and text == sentence.text:
            return
        if header:
            row = Row(_row_cells(sentence.text, citation), Source(citation.number, reference(citation)))
            self._add_row(row, header, citation.language)
        elif not self._merge(sentence, citation):
            if alone or not self._runs_on(citation):
                self.continues_lead |= alone and len(self.paragraphs) == self.lead > 0 and self._follows(citation)
                self.paragraphs.append(Paragraph())
            paragraph = self.paragraphs[-1]
            self._by_text[_folded(sentence.text)] = (paragraph, len(paragraph.quotes))
            paragraph.quotes.append(_quote(sentence, citation, emphasise=emphasise))
        self._last = (sentence, citation)

    def _add_row(self, row: Row, header: tuple[str, ...], language: str) -> None:
        if not (self.paragraphs and self.paragraphs[-1].header == header):
            self.paragraphs.append(Paragraph(header=header, language=language))
        self.paragraphs[-1].rows.append(row)

    def _merge(self, sentence: QuotedSentence, citation: Citation) -> bool:
        """Whether the same words are quoted already; then they get one more number."""
        paragraph, place = self._by_text.get(_folded(sentence.text), (None, 0))
        if paragraph is None or citation.differs or citation.superseded_by or sentence.context:
            return False
        quote = paragraph.quotes[place]
        paragraph.quotes[place] = replace(quote, sources=(*quote.sources, Source(citation.number, reference(citation))))
        return True

    def _runs_on(self, citation: Citation) -> bool:
        if self._last is None or not self.paragraphs[-1].quotes:
            return False
        sentence, before = self._last
        return self._follows(citation) or (sentence.context and before.document_id == citation.document_id)

    def _follows(self, citation: Citation) -> bool:
        """Whether it is the next sentence of the same document."""
        before = self._last[1] if self._last else citation
        return before.document_id == citation.document_id and 0 <= citation.span.start - before.span.end <= NEXT_SENTENCE


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _headers(quoted: Sequence[Quoted]) -> Headers:
    """Those of the context whose document has a quoted row with as many cells."""
    shapes = [(citation.document_id, len(_columns(sentence.text)), sentence) for sentence, citation in quoted]
    rows = {(document, number) for document, number, sentence in shapes if number > 1 and not sentence.context}
    return {
        (document, number): (sentence.text, _columns(sentence.text))
        for document, number, sentence in shapes
        if sentence.context and (document, number) in rows
    }


def _columns(text: str) -> tuple[str, ...]:
    return tuple(cell_text(span.of(text)) for span in cells(text))


def cell_text(cell: str) -> str:
    """Without the backslashes that keep a bar from ending the cell."""
    return cell.replace("\\|", "|")


def _row_cells(text: str, citation: Citation) -> tuple[Cell, ...]:
    start, phrase = citation.span.start, citation.answer_phrase
    return tuple(
        Cell(
            cell_text(span.of(text)),
            phrase is not None and start + span.start < phrase.end and phrase.start < start + span.end,
        )
        for span in cells(text)
    )


def _quote(sentence: QuotedSentence, citation: Citation, *, emphasise: bool = False) -> Quote:
    head, last = _last_word(sentence.text)
    start = citation.span.start
    phrase = citation.answer_phrase if emphasise and not sentence.context else None
    if phrase and phrase.end - phrase.start > MOST_EMPHASISED * len(sentence.text):
        phrase = None
    return Quote(
        _emphasised(head, start, phrase),
        _emphasised(last, start + len(head), phrase),
        (Source(citation.number, reference(citation)),),
        sentence.context,
        disagreement_note(citation),
        citation.language,
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
