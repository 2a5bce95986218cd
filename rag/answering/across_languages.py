"""Documents in another language than the question: the reader helps to rank them, and its scores are lower there."""

from collections.abc import Sequence

from rag.answering.named_things import log_odds
from rag.index.contents import Index
from rag.models.reranker import reordered
from rag.reader.networks import MULTILINGUAL
from rag.reader.scored_sentences import Reader, ScoredSentence, shifted
from rag.records import Hit, Passage
from rag.text.languages import may_be_in

DEPTH = 20  # hits that are ranked with the reader's help
# Chosen on two development sets: docs/languages.md.
READ = 0.2  # weight of the log odds of a passage's best sentence, next to its retrieval score
LEAST = 1e-6  # distance of a score from 0 and 1, whose log odds are infinite: what the reader's scores are rounded to
LOWER = 1.0  # by how much the reader's log odds are lower if question and text are in different languages


def across(query: str, passage: Passage, index: Index) -> bool:
    """Whether a passage's document is in another language than the query; False if either language is uncertain."""
    return not may_be_in(query, index.entries[passage.document_id].language)


def reads_across(reader: Reader) -> bool:
    """Whether the reader understands text in another language than the question."""
    return reader.identity.startswith(f"{MULTILINGUAL.name}-")


def most_to_rank(query: str, index: Index, reader: Reader) -> int:
    """How many hits `ranked_across` needs; 0 if no document is in another language than the query."""
    return DEPTH if reads_across(reader) and not all(may_be_in(query, language) for language in index.languages) else 0


def ranked_across(query: str, hits: Sequence[Hit], index: Index, reader: Reader) -> list[Hit]:
    """The hits; if the best one is in another language than the query, the first DEPTH in the order of retrieval and reading."""
    if not hits or not reads_across(reader) or not across(query, hits[0].passage, index):
        return list(hits)
    best = dict.fromkeys((hit.passage.id for hit in hits[:DEPTH]), 0.0)
    for sentence in reader.read(query, [hit.passage for hit in hits[:DEPTH]]):
        best[sentence.passage.id] = max(best[sentence.passage.id], sentence.score)
    return reordered(hits, [hit.score + READ * log_odds(best[hit.passage.id], LEAST) for hit in hits[:DEPTH]])


def raised_across(query: str, scored: Sequence[ScoredSentence], index: Index, reader: Reader) -> list[ScoredSentence]:
    """The scores, raised by LOWER for sentences in another language than the query."""
    if not reads_across(reader):
        return list(scored)
    return [shifted(s, LOWER) if across(query, s.passage, index) else s for s in scored]
