"""The records that flow from file to screen. All are frozen; every position is a Span of one document's text."""

import hashlib
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

Strength = Literal["strong", "fair", "weak"]
Place = tuple[int, int, int]
"""From which letter of a block on it stands on which page, and the index of the first of these characters on the page."""
FactKind = Literal["key_terms", "defined_terms", "dates", "figures"]
BlockKind = Literal["heading", "paragraph", "item", "table", "code", "question"]
LONGEST_QUESTION = 2_000  # characters: a long paragraph


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """A half-open range [start, end) in code points of one document's text."""

    start: int
    end: int

    def of(self, text: str) -> str:
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Block:
    """A structural unit of a document. A "question" is answered by the blocks after it, as in an FAQ.

    `level` is 1 to 6 for a heading (also for a question that is a heading), 1 for the header row of a table, else 0. A
    table has one block per row. `page` is the page on which the block begins, counted from 1 in the unit of the format
    (page, slide, row of a sheet, record); None if the format has no such unit. `breaks` are the positions in the
    document's text at which each further page begins within the block. `places` say where the block stands on the pages of
    a PDF: see `rag.loading.pdf.places`.
    """

    kind: BlockKind
    span: Span
    level: int = 0
    page: int | None = None
    breaks: tuple[int, ...] = ()
    places: tuple[Place, ...] = ()

    def page_at(self, position: int) -> int | None:
        return None if self.page is None else self.page + bisect_right(self.breaks, position)


@dataclass(frozen=True, slots=True)
class Document:
    """The content of one file. `id` is its path within the corpus, with forward slashes.

    A file within a file, such as an attachment, is a document too: its id is that of its container, a slash and its name.
    `text` is the coordinate system of all spans. For plain text and Markdown it is the decoded file itself, without a byte
    order mark and with "\\n" as the line end; only tables that Markdown files have in HTML are rewritten as Markdown.
    `blocks` are in order and do not overlap; text outside all blocks (link lists at the end) is not content. `digest` is
    the SHA-256 of the file's bytes, in hex; for a member of a container, of the container's. `notes` are warnings about
    the file, one plain line each: hidden text, parts that could not be read. `language` is the ISO 639-1 code of the language
    that most of it is in, "" if unknown.
    """

    id: str
    title: str
    text: str
    blocks: tuple[Block, ...]
    digest: str
    notes: tuple[str, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, list item, table row or heading within a passage, without its list or table markers.

    `kind` and `level` are those of its block; `page` is the page on which it begins.
    """

    span: Span
    kind: BlockKind
    level: int = 0
    page: int | None = None

    @property
    def quotable(self) -> bool:
        """False for headings, questions and header rows: they introduce an answer but are not one."""
        return self.kind not in ("heading", "question") and not (self.kind == "table" and self.level)


@dataclass(frozen=True)
class Passage:
    """A run of sentences that is embedded, searched and read as a unit.

    `headings` is the path of headings above its first quotable sentence, without the document's title. `context` is
    embedded in front of its text. `cut` is True if it holds part of a sentence that is too long for the embedder's input.
    """

    document_id: str
    span: Span
    text: str
    headings: tuple[str, ...] = ()
    page: int | None = None
    sentences: tuple[Sentence, ...] = ()
    cut: bool = False
    context: str = ""

    @cached_property
    def id(self) -> str:
        """16 hex digits derived from document id, span and text: the same in every build of the same document."""
        name = f"{self.document_id}\0{self.span.start}\0{self.span.end}\0{self.text}"
        return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def text_of(self, sentence: Sentence) -> str:
        """The text of one of its sentences, whose span refers to the document."""
        return self.text[sentence.span.start - self.span.start : sentence.span.end - self.span.start]


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage. Higher scores are better; `rank` counts from 1; ties are broken by passage id.

    `similarity` is the cosine of query and passage; unlike the fused score, it is comparable between queries.
    `relative_similarity` rescales it to 0 for the mean of all passages and 1 for identity, so that it can also be compared
    between models.
    """

    passage: Passage
    score: float
    rank: int
    similarity: float = 0.0
    relative_similarity: float = 0.0


@dataclass(frozen=True, slots=True)
class Location:
    """Where a sentence is: `quote == document.text[span]`. `digest` is that of the document's file when it was read.

    `language` is the document's.
    """

    document_id: str
    title: str
    span: Span
    quote: str
    page: int | None
    headings: tuple[str, ...]
    digest: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """The source of a quoted sentence, with its number in the answer: `quote == document.text[span]`.

    `digest` is that of the document's file when it was read, `language` the document's. `answer_phrase` is a span of the
    same text. `also` lists further locations that say the same in nearly the same words, or give the same answer phrase to
    a question for one fact.
    `differs` lists the numbers of citations that contradict it: the same but for a number, unit, date, name or negation.
    `superseded_by` is the number of a citation from a newer version of its document that says otherwise. Where sources disagree,
    `dated` is from when its document is, in ISO form as far as known.
    """

    number: int
    document_id: str
    title: str
    span: Span
    quote: str
    page: int | None
    headings: tuple[str, ...]
    digest: str
    answer_phrase: Span | None = None
    also: tuple[Location, ...] = ()
    differs: tuple[int, ...] = ()
    language: str = ""
    dated: str = ""
    superseded_by: int | None = None


@dataclass(frozen=True, slots=True)
class CitedSpan:
    """A citation as an earlier turn reports it; `digest` is that of the document's file at the time, None if unknown."""

    document_id: str
    span: Span
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class QuotedSentence:
    """A sentence of an answer. `context` is True if it is shown only to make the next one understandable."""

    text: str
    citation: int
    context: bool = False


@dataclass(frozen=True, slots=True)
class FactList:
    """Facts of one kind: the numbers of the citations in `Answer.more` whose answer phrases they are; `total` is how many the
    documents have.
    """

    kind: FactKind
    citations: tuple[int, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What an answer that gives an overview is an overview of, and how much of it its sentences cover.

    `documents` are ids; with `headings`, only the section under these headings was read. It was read in so many `sentences`
    and `sections`, of which `quoted_sections` are quoted. `coverage` is the share of its terms that is quoted, each weighted by
    the number of sentences that have it.
    """

    documents: tuple[str, ...]
    headings: tuple[str, ...]
    sentences: int
    sections: int
    quoted_sections: int
    coverage: float
    lists: tuple[FactList, ...] = ()


@dataclass(frozen=True)
class Answer:
    """Quoted sentences with one citation each, numbered from 1 in order; or an abstention with its `reason`.

    `query` is what was searched. `confidence` is 0 to 1, computed from `signals`; without signals it is 0 and means nothing.
    `expected_wrong` is the measured share of wrong answers among those of similar confidence, None if unknown;
    `measured_on` names the questions it was measured on. `strength` is the calibrated band of its confidence, None if it
    abstains or the confidence is in no band. `guarantee` is what is known for certain about strong answers, in one line; empty
    if nothing is, or the answer is not strong. `more` are further citations, shown on request; their numbers follow those of
    `citations`. `corrected` maps words as typed to the words of the corpus that were searched instead. `parts` are the answers
    to a question that asked several things; their citations are those of this answer, under the same numbers.

    With an abstention, `closest` are the sentences that come closest, numbered from 1, and `nearest` the best passages.
    `looked_for` are the query's words, `unknown` those that occur in no document. `readings` are whole questions to choose
    from if the question could mean several things. If a requested citation or reading does not exist, `choices` is the
    number that the last answer has. `message` is what the program says in its own voice: instead of an answer, or about one
    ("The list goes on: …"); often empty. `overview` is set if the answer is an overview of documents: its sentences are in the
    order of the documents, and `more` holds the facts that are listed. `index` is the manifest hash of the index that was asked.
    """

    question: str
    query: str
    sentences: tuple[QuotedSentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    more: tuple[Citation, ...] = ()
    closest: tuple[Citation, ...] = ()
    corrected: dict[str, str] = field(default_factory=dict)
    parts: tuple["Answer", ...] = ()
    confidence: float = 0.0
    reason: str | None = None
    nearest: tuple[Hit, ...] = ()
    looked_for: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    readings: tuple[str, ...] = ()
    choices: int = 0
    message: str = ""
    expected_wrong: float | None = None
    measured_on: str = ""
    strength: Strength | None = None
    guarantee: str = ""
    signals: dict[str, float] = field(default_factory=dict)
    overview: Overview | None = None
    index: str = ""
    timings_ms: dict[str, float] = field(default_factory=dict, compare=False)

    @property
    def abstained(self) -> bool:
        return not self.citations

    @property
    def header_numbers(self) -> frozenset[int]:
        """The citations of the header rows of tables, which are shown without their numbers: these come after all others."""
        following = zip(self.sentences, self.sentences[1:], strict=False)
        return frozenset(s.citation for s, after in following if s.context and s.citation > after.citation)

    @property
    def text(self) -> str:
        """The quotes in order, each followed by its citation number in brackets; empty for an abstention."""
        return " ".join(f"{sentence.text} [{sentence.citation}]" for sentence in self.sentences)
