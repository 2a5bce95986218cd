"""Questions that the documents themselves ask and answer, to begin with and to go on with."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.index.contents import Index
from rag.records import Answer
from rag.text.terms import terms

EXAMPLES = 4
FOLLOW_UPS = 3
LOOKED_AT = 400  # questions that are read at most


def example_questions(index: Index, number: int = EXAMPLES) -> list[str]:
    """Spread over the documents; none if they ask none."""
    rows = index.asking[:: max(1, len(index.asking) // LOOKED_AT)]
    questions = list(dict.fromkeys(question for _, question in _questions(index, rows)))
    step = max(1, len(questions) // number)
    return questions[::step][:number]


def follow_ups(index: Index, answer: Answer, asked: Collection[str], number: int = FOLLOW_UPS) -> list[str]:
    """Questions of the cited documents that were not asked yet; then others that share words with the question."""
    cited = {citation.document_id for citation in answer.citations}
    said = {" ".join(question.split()).casefold() for question in asked}
    about = set(terms(answer.query)) if cited else set()
    ranked: dict[str, tuple[int, int]] = {}
    for document, question in _questions(index, _near(index, sorted(about), cited)):
        if question.casefold() in said or any(question in citation.headings for citation in answer.citations):
            continue
        shared = len(about & set(terms(question)))
        if document in cited or shared:
            ranked[question] = max(ranked.get(question, (0, 0)), (shared, int(document in cited)))
    return sorted(ranked, key=lambda question: ranked[question], reverse=True)[:number]


def _near(index: Index, about: Sequence[str], cited: Collection[str]) -> NDArray[np.int32]:
    """Rows under questions: all, or where they are many those of the cited documents and those nearest in words."""
    rows = index.asking
    if len(rows) <= LOOKED_AT:
        return rows
    scores = index.headings.scores(about)[rows]
    nearest = rows[np.argsort(-scores, kind="stable")[: min(LOOKED_AT, np.count_nonzero(scores))]]
    own = [rows[slice(*np.searchsorted(rows, [index.rows[name].start, index.rows[name].stop]))] for name in cited]
    return np.unique(np.concatenate([nearest, *own]))


def _questions(index: Index, rows: NDArray[np.int32]) -> Iterator[tuple[str, str]]:
    for passage in map(index.passages.__getitem__, rows.tolist()):
        yield passage.document_id, passage.headings[-1]
