"""Sentences that an overview may quote, each with the sentences that it cannot be understood without."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rag.records import Passage, Sentence
from rag.text.headings import is_back_matter
from rag.text.leaning import is_label, is_lead_in, leans_on_previous
from rag.text.terms import ENGLISH, terms

LONGEST_CONTEXT = 2  # sentences before a leaning one; with more it would no longer be an overview
FEWEST_WORDS, FEWEST_TERMS = 4, 3  # of a statement; "Keep it dry." says little by itself
SURELY_LONG = 15  # words, among which there are always so many terms
FEWEST_STATEMENTS = 0.25  # of the sentences of running text; below that a document consists of lines, such as a receipt
PROSE = ("paragraph", "item")
_MARKUP = re.compile(r"/>|</\w|\w=\"")  # what is left of HTML in other formats
# In addition to those of rag.text.leaning: in an overview, what a sentence continues is nearly always missing.
_CONTINUES = re.compile(
    r"(?:also|besides|meanwhile|conversely|otherwise|nonetheless|accordingly|similarly|(?:as|the) (?:above|before)\b"
    r"|as (?:mentioned|noted|described|shown|discussed|we saw)|in (?:this|that|such|each) (?:way|case|sense|example)"
    r"|for (?:this|that) reason|in other words|on the other hand|by contrast|if (?:so|not)\b"
    r"|(?:after|before|once|when|to do|to achieve) (?:this|that|these|it)\b"
    r"|(?:first|second|third|finally|lastly|next|now|again|still|yet|here|there|secondly|thirdly),)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Placed:
    """A sentence in its passage; `number` is its row in `passage.sentences`, `language` that of the document."""

    passage: Passage
    number: int
    language: str = ENGLISH

    @property
    def sentence(self) -> Sentence:
        return self.passage.sentences[self.number]

    @property
    def text(self) -> str:
        return self.passage.text_of(self.sentence)

    @property
    def terms(self) -> list[str]:
        return terms(self.text, self.language)


@dataclass(frozen=True, slots=True)
class Statement:
    """The rows of a sentence's context and of the sentence itself, which is the last; rows refer to `ReadDocument.sentences`."""

    rows: tuple[int, ...]

    @property
    def row(self) -> int:
        return self.rows[-1]


@dataclass(frozen=True)
class ReadDocument:
    """What an overview reads of one document: all sentences in order, and which of them it may quote.

    `counted` are the rows whose terms an overview is to cover; they are rows of tables if it is `tabular`. `leaves_out` says
    that there are rows of tables besides.
    """

    sentences: Sequence[Placed] = ()
    statements: Sequence[Statement] = ()
    counted: Sequence[int] = ()
    leaves_out: bool = False
    tabular: bool = False


def read(passages: Sequence[Passage], language: str = ENGLISH) -> ReadDocument:
    """Reads a document's passages; references and disclaimers are left out.

    Statements are sentences of running text and list items. A document with few of them is read by the rows of its tables if
    these are more, else line by line.
    """
    sentences = [
        Placed(passage, number, language)
        for passage in passages
        if not is_back_matter(passage.headings)
        for number in range(len(passage.sentences))
    ]
    quotable = [row for row, placed in enumerate(sentences) if placed.sentence.quotable]
    prose = list(_prose(sentences))
    table_rows = [row for row in quotable if sentences[row].sentence.kind == "table"]
    counted = [row for row in quotable if sentences[row].sentence.kind in PROSE]
    if prose and len(prose) >= FEWEST_STATEMENTS * len(counted):
        return ReadDocument(sentences, prose, counted, bool(table_rows))
    if len(table_rows) > len(counted):
        return ReadDocument(sentences, list(_table_rows(sentences)), table_rows, tabular=True)
    lines = counted or quotable
    return ReadDocument(sentences, [Statement((row,)) for row in lines], lines, bool(table_rows))


@dataclass
class _Before:
    """What stands before a sentence under the same headings: the chain of sentences, and what introduces a list."""

    headings: tuple[str, ...] = ()
    rows: list[int] = field(default_factory=list)
    lead_in: int | None = None


def _prose(sentences: Sequence[Placed]) -> Iterator[Statement]:
    before = _Before()
    for row, placed in enumerate(sentences):
        if placed.passage.headings != before.headings:
            before = _Before(placed.passage.headings)
        sentence = placed.sentence
        if not sentence.quotable or sentence.kind not in PROSE:
            before = _Before(before.headings)
            continue
        text = placed.text
        if sentence.kind == "paragraph":
            before.lead_in = row if is_lead_in(text, sentence.kind) else None
        context = _context(sentences, row, before)
        before.rows = [*before.rows[-LONGEST_CONTEXT:], row]
        if context is not None and is_statement(placed):
            yield Statement((*context, row))


def _leans(text: str) -> bool:
    return leans_on_previous(text) or bool(_CONTINUES.match(text.lstrip("([\"'“‘*_")))


def is_statement(placed: Placed) -> bool:
    """Whether a sentence says something by itself: no question, no introduction, nothing cut or too short."""
    text, words = placed.text, len(placed.text.split())
    short = words < FEWEST_WORDS or (words < SURELY_LONG and len(placed.terms) < FEWEST_TERMS)
    asks = text.rstrip(" \"'”’)").endswith("?")
    return not (placed.passage.cut or asks or short or _MARKUP.search(text) or is_lead_in(text, placed.sentence.kind))


def _context(sentences: Sequence[Placed], row: int, before: _Before) -> tuple[int, ...] | None:
    """The rows that a sentence needs before it; None if it leans on a sentence that is not there or too far away."""
    placed = sentences[row]
    leans = _leans(placed.text)
    if placed.sentence.kind == "item":
        return None if leans else (before.lead_in,) if before.lead_in is not None else ()
    if not before.rows:
        return None if leans else ()
    previous = sentences[before.rows[-1]]
    if not leans:
        return (before.rows[-1],) if is_label(previous.text) and previous.sentence.kind == "paragraph" else ()
    needed: list[int] = []
    for earlier in reversed(before.rows[-LONGEST_CONTEXT:]):
        needed.insert(0, earlier)
        if sentences[earlier].sentence.kind != "paragraph" or is_lead_in(sentences[earlier].text, "paragraph"):
            return None
        if not _leans(sentences[earlier].text):
            return tuple(needed)
    return None


def _table_rows(sentences: Sequence[Placed]) -> Iterator[Statement]:
    """Rows of tables, each with the header of its table."""
    header: int | None = None
    for row, placed in enumerate(sentences):
        sentence = placed.sentence
        if sentence.kind != "table":
            header = None
        elif sentence.level:
            header = row
        else:
            yield Statement((row,) if header is None else (header, row))
