"""Questions that the documents themselves ask and answer, to begin with and to go on with."""

from collections.abc import Collection, Sequence

from rag.index.contents import Index
from rag.records import Answer
from rag.terms import terms

EXAMPLES = 4
FOLLOW_UPS = 3


def example_questions(index: Index, number: int = EXAMPLES) -> list[str]:
    """Spread over the documents; none if they ask none."""
    questions = list(dict.fromkeys(question for _, question in _questions(index)))
    step = max(1, len(questions) // number)
    return questions[::step][:number]


def follow_ups(index: Index, answer: Answer, asked: Collection[str], number: int = FOLLOW_UPS) -> list[str]:
    """Questions of the cited documents that were not asked yet; then others that share words with the question."""
    cited = {citation.document_id for citation in answer.citations}
    said = {" ".join(question.split()).casefold() for question in asked}
    about = set(terms(answer.query)) if cited else set()
    ranked: dict[str, tuple[int, int]] = {}
    for document, question in _questions(index):
        if question.casefold() in said or any(question in citation.headings for citation in answer.citations):
            continue
        shared = len(about & set(terms(question)))
        if document in cited or shared:
            ranked[question] = max(ranked.get(question, (0, 0)), (shared, int(document in cited)))
    return sorted(ranked, key=lambda question: ranked[question], reverse=True)[:number]


def _questions(index: Index) -> Sequence[tuple[str, str]]:
    return [(p.document_id, p.headings[-1]) for p in index.passages if p.headings and p.headings[-1].endswith("?")]
