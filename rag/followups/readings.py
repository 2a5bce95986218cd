"""Questions that could mean several things in this corpus, and the readings to choose from."""

from collections.abc import Mapping, Sequence

from rag.records import Hit
from rag.text.passages import embedded_text
from rag.text.terms import terms

MOST_TERMS = 2  # a question with more terms names its subject
CLOSE = 2.0  # standard deviations below the best score
FEWEST_DOCUMENTS = 3  # with two, the answer can quote both
OFFERED = 4  # readings, which fit on one screen of a phone


def readings_of(question: str, hits: Sequence[Hit], titles: Mapping[str, str]) -> tuple[str, ...]:
    """Whole questions, one per document with a high-scoring passage that has all the question's terms.

    Empty if the question is clear: it has more than MOST_TERMS terms, or fewer than FEWEST_DOCUMENTS such documents exist.
    """
    wanted = set(terms(question))
    if not 1 <= len(wanted) <= MOST_TERMS or not question.rstrip().endswith("?"):
        return ()
    close = [hit.passage for hit in hits if hit.score >= hits[0].score - CLOSE]
    document_ids = [passage.document_id for passage in close if wanted <= set(terms(embedded_text(passage)))]
    subjects = list(dict.fromkeys(titles[document_id] or document_id for document_id in document_ids))
    if len(subjects) < FEWEST_DOCUMENTS:
        return ()
    return tuple(f"{question.rstrip(' ?')} ({subject})?" for subject in subjects[:OFFERED])
