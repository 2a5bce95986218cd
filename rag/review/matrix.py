"""The evidence matrix: what each document says to each question, as its best sentence, or that it does not state it."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rag.answering.code_spellings import codes_as_written
from rag.conversation import Chat
from rag.cores import usable_cores
from rag.errors import MatrixError
from rag.followups.corrected_words import corrected_words
from rag.index.builds import Report
from rag.index.contents import Index
from rag.records import LONGEST_QUESTION
from rag.retrieval import Retriever
from rag.review.matrix_cells import Asked, Cell, CellReader
from rag.review.matrix_readings import KeptReadings
from rag.text.spelling import with_corrections

MOST_QUESTIONS = 1_000
MOST_CELLS = 50_000  # over an hour of reading on two cores, and some 100 MB of memory
FILLING = "filling the matrix"


@dataclass(frozen=True, slots=True)
class AskedDocument:
    """A document of a matrix; `digest` is that of its file when it was read."""

    id: str
    title: str
    digest: str


@dataclass(frozen=True)
class Matrix:
    """`cells` has a row for each question with a cell for each document. `index` is the manifest hash of the index asked."""

    questions: tuple[Asked, ...]
    documents: tuple[AskedDocument, ...]
    cells: tuple[tuple[Cell, ...], ...]
    index: str
    model: str
    reader: str

    @property
    def size(self) -> int:
        """The number of cells."""
        return len(self.questions) * len(self.documents)

    @property
    def stated(self) -> int:
        return sum(cell.stated for row in self.cells for cell in row)

    @property
    def weak(self) -> int:
        return sum(cell.strength == "weak" for row in self.cells for cell in row)


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
    chat = chat.current()  # whose models the whole matrix is read with
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
    corrected = corrected_words(text, index)
    query = with_corrections(text, corrected)
    written = codes_as_written(query, index)
    for typed, code in written.items():
        query = query.replace(typed, code)
    return Asked(text, query, corrected | written)


def fill(plan: MatrixPlan, kept: KeptReadings, report: Report) -> Iterator[Cell]:
    """The cells by question, then by document. Readings are kept as they are made, so a matrix that is stopped goes on later.

    A cell depends on the index and not on what was kept before: kept readings only save time.
    """
    retriever = Retriever(plan.chat.settings.retrieval, plan.chat.embedder)
    names = [document.id for document in plan.documents]
    done = 0
    with ThreadPoolExecutor(usable_cores()) as threads:  # a single cell leaves cores idle between two readings
        for asked in plan.questions:
            hits = retriever.hits_of_each(plan.index, asked.query, names)
            reader = CellReader.of(plan.chat, plan.index, asked, kept)
            cells = [threads.submit(reader.cell, name, hits[name]) for name in names]
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
    kept = KeptReadings(plan.chat.settings.index, model=plan.chat.embedder.identity.digest)
    try:
        return plan.matrix(list(fill(plan, kept, report)))
    finally:
        kept.close()
