"""A cell of the evidence matrix: a document is asked by itself, and the best sentence of its answer is judged."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rag.answering.abstention import SMALL_TALK, reason_for
from rag.answering.composition import compose
from rag.answering.confidence import default_calibration
from rag.answering.lookups import look_up
from rag.conversation import Chat, reader_for
from rag.index.contents import Index
from rag.reader.scored_sentences import Reader
from rag.records import Answer, Citation, Hit, Strength
from rag.retrieval import Retriever
from rag.review.matrix_calibration import cell_calibration, cell_signals
from rag.review.matrix_readings import KeepingReader, KeptReadings

PASSAGES_READ = 4  # of each document: benchmarks/README.md


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a matrix. `corrected` maps words as typed to the words of the documents that were searched instead."""

    text: str
    query: str
    corrected: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cell:
    """What a document says to a question: its best sentence, None if it does not state an answer.

    `context` are the sentences, or the header of the table, without which the sentence cannot be understood. `strength` is
    the calibrated band of `confidence`, None without a sentence, or if no error rates were measured for the model in use.
    """

    citation: Citation | None = None
    context: tuple[Citation, ...] = ()
    confidence: float = 0.0
    strength: Strength | None = None

    @property
    def stated(self) -> bool:
        """Whether the sentence counts as an answer: it is not a weak one."""
        return self.citation is not None and self.strength != "weak"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a document says, however doubtful: `quotes` are the context and, last, the best sentence; empty if it says nothing.

    `signals` are those of `cell_signals`, empty if the answer was looked up instead of read.
    """

    answer: Answer
    quotes: tuple[Citation, ...]
    signals: dict[str, float]


@dataclass(frozen=True)
class CellReader:
    """Reads one question in one document after another. Safe to share between threads.

    `best` is the retrieval score of the best passage of all documents of the index. A question in a language that the reader
    does not know is not `rated`.
    """

    chat: Chat
    index: Index
    asked: Asked
    reader: Reader
    best: float
    rated: bool

    @classmethod
    def of(cls, chat: Chat, index: Index, asked: Asked, retriever: Retriever, kept: KeptReadings) -> "CellReader":
        reader, unknown_language = reader_for(chat, asked.query)
        keeping = KeepingReader(reader, kept, model=chat.embedder.identity.digest)
        best = max((hit.score for hit in retriever.hits(index, [(asked.query, 1.0)], k=1)), default=0.0)
        return cls(chat, index, asked, keeping, best, rated=unknown_language is None)

    def cell(self, document_id: str, hits: Sequence[Hit]) -> Cell:
        """`hits` are the document's best passages."""
        if reason_for(self.asked.query, self.index) in SMALL_TALK:
            return Cell()
        evidence = self.evidence(document_id, hits)
        quotes, signals = evidence.quotes, evidence.signals
        if not quotes:
            return Cell()
        if not signals:
            return Cell(quotes[-1], quotes[:-1], evidence.answer.confidence, evidence.answer.strength)
        calibration = cell_calibration(self.reader.identity, self.chat.embedder.identity.digest)
        confidence = calibration.confidence(signals)
        if confidence < max(calibration.lowest, self.chat.settings.answering.min_confidence or 0.0):
            return Cell(confidence=confidence)
        band = calibration.band(confidence) if self.rated else None
        return Cell(quotes[-1], quotes[:-1], confidence, band.strength if band else None)

    def evidence(self, document_id: str, hits: Sequence[Hit]) -> Evidence:
        """The answer that the document by itself would give, whatever its confidence: that of answers does not hold for it."""
        query, index, reader = self.asked.query, self.index, self.reader
        settings = self.chat.settings.answering.model_copy(update={"read": PASSAGES_READ, "min_confidence": 0.0})
        lookup = look_up(query, index, [document_id], reader)
        calibration = default_calibration(reader.identity, self.chat.embedder.identity.digest)
        answer = compose(self.asked.text, query, hits, reader, index, settings, calibration, lookup)
        quotes = _lead(answer)
        return Evidence(answer, quotes, cell_signals(answer.signals, query, quotes, hits, self.best, index))


def _lead(answer: Answer) -> tuple[Citation, ...]:
    """The first sentence that is not context, after its context; empty if the answer has none."""
    row = next((row for row, sentence in enumerate(answer.sentences) if not sentence.context), -1)
    citations = {citation.number: replace(citation, also=(), differs=()) for citation in answer.citations}
    return tuple(citations[sentence.citation] for sentence in answer.sentences[: row + 1])
