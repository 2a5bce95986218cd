"""Questions that the documents themselves ask and answer, suggested to start with and after an answer."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.index.contents import Index
from rag.records import Answer
from rag.text.terms import terms

EXAMPLES = 4  # two rows of two
FOLLOW_UPS = 3  # one or two lines below an answer
MOST_READ = 400  # questions; reading a passage takes some 10 µs, so all of a large index would take noticeably long


def example_questions(index: Index, number: int = EXAMPLES) -> list[str]:
    """Questions spread over the documents; none if the documents ask none."""
    rows = index.asking[:: max(1, len(index.asking) // MOST_READ)]
    questions = list(dict.fromkeys(question for _, question in _questions(index, rows)))
    step = max(1, len(questions) // number)
    return questions[::step][:number]


def follow_ups(index: Index, answer: Answer, asked: Collection[str], number: int = FOLLOW_UPS) -> list[str]:
    """Questions of the cited documents that have not been asked yet, and others that share terms with the query.

    Those that share most terms come first, then those of cited documents.
    """
    cited = {citation.document_id for citation in answer.citations}
    already = {" ".join(question.split()).casefold() for question in asked}
    about = set(terms(answer.query)) if cited else set()
    ranked: dict[str, tuple[int, int]] = {}
    for document, question in _questions(index, _near(index, sorted(about), cited)):
        if question.casefold() in already or any(question in citation.headings for citation in answer.citations):
            continue
        shared = len(about & set(terms(question)))
        if document in cited or shared:
            ranked[question] = max(ranked.get(question, (0, 0)), (shared, int(document in cited)))
    return sorted(ranked, key=lambda question: ranked[question], reverse=True)[:number]


def _near(index: Index, about: Sequence[str], cited: Collection[str]) -> NDArray[np.int32]:
    """Rows of passages below questions: all of them; if too many, those of the cited documents and the closest by terms."""
    rows = index.asking
    if len(rows) <= MOST_READ:
        return rows
    scores = index.headings.scores(about)[rows]
    nearest = rows[np.argsort(-scores, kind="stable")[: min(MOST_READ, np.count_nonzero(scores))]]
    own = [rows[slice(*np.searchsorted(rows, [index.rows[name].start, index.rows[name].stop]))] for name in cited]
    return np.unique(np.concatenate([nearest, *own]))


def _questions(index: Index, rows: NDArray[np.int32]) -> Iterator[tuple[str, str]]:
    for passage in map(index.passages.__getitem__, rows.tolist()):
        yield passage.document_id, passage.headings[-1]
