"""Questions that could mean several things in this corpus, and the readings to choose from."""

from collections.abc import Mapping, Sequence

from rag.records import Hit
from rag.text.passages import embedded_text
from rag.text.terms import terms

FEW = 2  # terms: with more, a question says what it is about
CLOSE = 2.0  # standard deviations below the best score
DISTINCT = 3  # documents from which on a question could mean several things
OFFERED = 4


def readings_of(question: str, hits: Sequence[Hit], titles: Mapping[str, str]) -> tuple[str, ...]:
    """Whole questions, one for each document that has all the question's terms in a passage scored nearly as high as the best.

    None where the question is clear: it has more than FEW terms, or there are fewer than DISTINCT such documents.
    """
    asked = set(terms(question))
    if not 1 <= len(asked) <= FEW or not question.rstrip().endswith("?"):
        return ()
    close = [hit.passage for hit in hits if hit.score >= hits[0].score - CLOSE]
    fitting = [passage.document_id for passage in close if asked <= set(terms(embedded_text(passage)))]
    subjects = list(dict.fromkeys(titles[name] or name for name in fitting))
    if len(subjects) < DISTINCT:
        return ()
    return tuple(f"{question.rstrip(' ?')} ({subject})?" for subject in subjects[:OFFERED])
