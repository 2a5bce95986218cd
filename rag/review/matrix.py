"""The evidence matrix: what each document says to each question, as its best sentence, or that it does not state it."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from rag.answering.abstention import language_of
from rag.answering.code_spellings import codes_as_written
from rag.answering.composition import compose
from rag.answering.confidence import Calibration
from rag.answering.lookups import look_up
from rag.conversation import Chat
from rag.cores import usable_cores
from rag.errors import MatrixError
from rag.index.builds import Report
from rag.index.contents import Index
from rag.models.word_list import english_words
from rag.reader.scored_sentences import Reader
from rag.reader.similarity_reader import SimilarityReader
from rag.reader.trained_reader import TrainedReader
from rag.records import Answer, Citation, Hit, Strength
from rag.retrieval import Retriever
from rag.review.matrix_calibration import cell_calibration
from rag.review.matrix_readings import KeepingReader, KeptReadings
from rag.text.spelling import corrections, with_corrections

PASSAGES_READ = 4  # of each document: benchmarks/README.md
MOST_QUESTIONS = 1_000
MOST_CELLS = 50_000  # two hours of reading, and some 100 MB of memory
LONGEST_QUESTION = 2_000  # characters: a long paragraph
FILLING = "filling the matrix"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a matrix. `corrected` maps words as typed to the words of the documents that were searched instead."""

    text: str
    query: str
    corrected: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AskedDocument:
    """A document of a matrix; `digest` is that of its file when it was read."""

    id: str
    title: str
    digest: str


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


@dataclass(frozen=True)
class Matrix:
    """`cells` has a row for each question with a cell for each document. `index` is the manifest hash of the index asked."""

    questions: tuple[Asked, ...]
    documents: tuple[AskedDocument, ...]
    cells: tuple[tuple[Cell, ...], ...]
    index: str
    model: str
    reader: str


@dataclass(frozen=True)
class MatrixPlan:
    """A matrix that can be filled: `index` is the build that all of it is read from."""

    chat: Chat
    index: Index
    questions: tuple[Asked, ...]
    documents: tuple[AskedDocument, ...]

    @property
    def size(self) -> int:
        """The number of cells."""
        return len(self.questions) * len(self.documents)

    def matrix(self, cells: Sequence[Cell]) -> Matrix:
        """The matrix of the cells, which are ordered by question, then by document."""
        width = len(self.documents)
        rows = tuple(tuple(cells[start : start + width]) for start in range(0, len(cells), width))
        model, reader = self.chat.embedder.identity.digest, self.chat.reader.identity
        return Matrix(self.questions, self.documents, rows, self.index.digest, model, reader)


def plan_matrix(chat: Chat, questions: Sequence[str], documents: Sequence[str] | None = None) -> MatrixPlan:
    """`documents` are ids, folders ("reports/") or patterns ("*.md"); None means all.

    Raises MatrixError if there is nothing to ask, or if the matrix would be too large; SelectionError for other selections.
    """
    index = chat.index()
    texts = [" ".join(text.encode("utf-8", "replace").decode().split()) for text in questions]
    chosen = sorted(index.entries) if documents is None else index.documents_of(documents)
    if not chosen and documents:
        raise MatrixError(f"no document matches {', '.join(documents)}; `rag status` lists the documents")
    if not chosen:
        raise MatrixError("there are no documents to ask; put some into the corpus folder and run `rag build`")
    _check_questions(texts, len(chosen))
    asked = tuple(_asked(text, index) for text in texts)
    entries = [index.entries[name] for name in chosen]
    return MatrixPlan(chat, index, asked, tuple(AskedDocument(entry.id, entry.title, entry.digest) for entry in entries))


def _check_questions(texts: Sequence[str], documents: int) -> None:
    if not all(texts) or not texts:
        raise MatrixError("there is no question to ask" if not texts else "one of the questions is empty; remove it")
    longest = max(texts, key=len)
    if len(longest) > LONGEST_QUESTION:
        raise MatrixError(f"the question {longest[:40]!r}… has {len(longest):,} characters, more than {LONGEST_QUESTION:,}")
    if len(texts) > MOST_QUESTIONS:
        raise MatrixError(f"{len(texts):,} questions are too many for one matrix; divide them into parts of {MOST_QUESTIONS:,}")
    if len(texts) * documents > MOST_CELLS:
        size = f"{len(texts):,} questions × {documents:,} documents are {len(texts) * documents:,} cells"
        raise MatrixError(f"{size}, and a matrix may have {MOST_CELLS:,}; ask fewer questions or choose fewer documents")


def _asked(text: str, index: Index) -> Asked:
    """The question as it is searched: misspelt words and codes as the documents write them."""
    corrected = {} if language_of(text) else corrections(text, index.vocabulary, english_words().__contains__)
    query = with_corrections(text, corrected)
    written = codes_as_written(query, index)
    for typed, code in written.items():
        query = query.replace(typed, code)
    return Asked(text, query, corrected | written)


def fill(plan: MatrixPlan, kept: KeptReadings, report: Report) -> Iterator[Cell]:
    """The cells by question, then by document. Readings are kept as they are made, so a matrix that is stopped goes on later.

    A cell depends on the index and not on what was kept before: kept readings only save time.
    """
    chat = plan.chat
    retriever = Retriever(chat.settings.retrieval, chat.embedder)
    names = [document.id for document in plan.documents]
    done = 0
    with ThreadPoolExecutor(usable_cores()) as threads:  # a cell alone leaves cores idle between two readings
        for asked in plan.questions:
            hits = retriever.hits_of_each(plan.index, asked.query, names)
            read_in = partial(_cell, _Reading.of(plan, asked, kept))
            cells = [threads.submit(read_in, name, hits[name]) for name in names]
            try:
                for cell in cells:
                    report(FILLING, done, plan.size)
                    yield cell.result()
                    done += 1
            finally:
                for cell in cells:
                    cell.cancel()
    report(FILLING, done, plan.size)


def make_matrix(plan: MatrixPlan, report: Report = lambda what, done, total: None) -> Matrix:
    """Fills the plan; what was read before is not read again."""
    kept = KeptReadings(plan.chat.settings.index)
    try:
        return plan.matrix(list(fill(plan, kept, report)))
    finally:
        kept.close()


@dataclass(frozen=True)
class _Reading:
    """How a question is read in each document."""

    plan: MatrixPlan
    asked: Asked
    reader: Reader
    calibration: Calibration
    rated: bool

    @classmethod
    def of(cls, plan: MatrixPlan, asked: Asked, kept: KeptReadings) -> "_Reading":
        """A question in another language is read by similarity, without a claim of strength: the network knows English only."""
        chat = plan.chat
        foreign = isinstance(chat.reader, TrainedReader) and language_of(asked.query) is not None
        reader = SimilarityReader(chat.embedder) if foreign else chat.reader
        model = chat.embedder.identity.digest
        return cls(plan, asked, KeepingReader(reader, kept, model=model), cell_calibration(reader.identity, model), not foreign)


def _cell(reading: _Reading, document_id: str, hits: Sequence[Hit]) -> Cell:
    """The lead of the answer that the document alone would give."""
    asked, index, reader = reading.asked, reading.plan.index, reading.reader
    settings = reading.plan.chat.settings.answering.model_copy(update={"read": PASSAGES_READ})
    lookup = look_up(asked.query, index, [document_id], reader)
    answer = compose(asked.text, asked.query, hits, reader, index, settings, reading.calibration, lookup)
    return _lead(answer if reading.rated else replace(answer, strength=None))


def _lead(answer: Answer) -> Cell:
    lead = next((row for row, sentence in enumerate(answer.sentences) if not sentence.context), None)
    if lead is None:
        return Cell(confidence=answer.confidence)
    citations = {citation.number: replace(citation, also=(), differs=()) for citation in answer.citations}
    *context, citation = (citations[sentence.citation] for sentence in answer.sentences[: lead + 1])
    return Cell(citation, tuple(context), answer.confidence, answer.strength)
