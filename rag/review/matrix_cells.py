"""A cell of the evidence matrix: the best sentence of the answer that a document gives by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rag.answering.composition import compose
from rag.answering.confidence import Calibration
from rag.answering.lookups import look_up
from rag.conversation import Chat, reader_for
from rag.index.contents import Index
from rag.reader.scored_sentences import Reader
from rag.records import Answer, Citation, Hit, Strength
from rag.review.matrix_calibration import cell_calibration
from rag.review.matrix_readings import KeptReadings
from rag.review.remembered_reading import RememberedReader

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
        """Whether there is a sentence that counts as an answer; a weak one does not."""
        return self.citation is not None and self.strength != "weak"


@dataclass(frozen=True)
class CellReader:
    """Reads one question in one document after another. Safe to share between threads."""

    chat: Chat
    index: Index
    asked: Asked
    reader: Reader
    calibration: Calibration

    @classmethod
    def of(cls, chat: Chat, index: Index, asked: Asked, kept: KeptReadings) -> "CellReader":
        reader, model = reader_for(chat, asked.query)[0], chat.embedder.identity.digest
        calibration = cell_calibration(reader.identity, model)
        return cls(chat, index, asked, RememberedReader(reader, {}, kept, set()), calibration)

    def answer(self, document_id: str, hits: Sequence[Hit]) -> Answer:
        """The answer that the document by itself gives; `hits` are its best passages."""
        query, index, reader = self.asked.query, self.index, self.reader
        settings = self.chat.settings.answering.model_copy(update={"read": PASSAGES_READ})
        lookup = look_up(query, index, [document_id], reader)
        return compose(self.asked.text, query, hits, reader, index, settings, self.calibration, lookup)

    def cell(self, document_id: str, hits: Sequence[Hit]) -> Cell:
        """The answer's first sentence that is not context, after its context."""
        answer = self.answer(document_id, hits)
        row = next((row for row, sentence in enumerate(answer.sentences) if not sentence.context), None)
        if row is None:
            return Cell(confidence=answer.confidence)
        citations = {citation.number: replace(citation, also=(), differs=()) for citation in answer.citations}
        *context, citation = (citations[sentence.citation] for sentence in answer.sentences[: row + 1])
        return Cell(citation, tuple(context), answer.confidence, answer.strength)
