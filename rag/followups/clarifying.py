"""Questions that could mean several things in this corpus, and the readings to choose from."""

from collections.abc import Sequence

from rag.followups.leaning import cues_of
from rag.records import Hit
from rag.terms import terms

FEW = 2  # terms: with more, a question says what it is about
CLOSE = 0.5  # standard deviations below the best score
DISTINCT = 3  # documents from which on a question could mean several things
OFFERED = 4


def readings_of(question: str, hits: Sequence[Hit], titles: dict[str, str]) -> tuple[str, ...]:
    """Whole questions, one for each document whose passage fits about as well as the best; none where the question is clear.

    It is clear where it has more than FEW terms, or one of them stands in the title of a document found.
    """
    asked = set(terms(question))
    if not 1 <= len(asked) <= FEW or not question.rstrip().endswith("?") or cues_of(question).words == 0:
        return ()
    close = [hit.passage.document_id for hit in hits if hit.score >= hits[0].score - CLOSE]
    documents = list(dict.fromkeys(close))
    if len(documents) < DISTINCT or any(asked & set(terms(titles.get(name, ""))) for name in documents):
        return ()
    subjects = dict.fromkeys(titles.get(name) or name for name in documents)
    return tuple(f"{question.rstrip(' ?')} ({subject})?" for subject in subjects)[:OFFERED]
