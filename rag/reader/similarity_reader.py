"""The reader that compares: sentences like the query are taken for its answer. Needs no training, for any embedding model."""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from rag.numeric import Vectors, logistic
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Passage
from rag.text.terms import terms


class Embedder(Protocol):
    """What comparing a query with sentences asks of a model."""

    def query_tokens(self, query: str) -> Vectors: ...
    def sentence_tokens(self, sentences: Sequence[str], contexts: Sequence[str]) -> list[Vectors]: ...


class SimilarityReader:
    """Scores a sentence by how like the query it is: token by token, as a whole, and in the query's terms found there.

    A sentence is read behind its title and headings, so that its words mean what they mean there, but it is compared by
    its own tokens alone. The answer to a question of a FAQ counts half by its question. Terms are weighted by their rarity
    among the sentences that are read: what stands in all of them tells none apart. Weights: benchmarks/README.md.
    """

    TOKENS, WHOLE, TERMS = 0.4, 0.4, 0.2
    identity = "similarity-1"
    EVEN, STEEPNESS = 0.65, 14.0  # the likeness that is as often right as wrong, and how fast chances grow there
    STEP = 0.02  # each further sentence of a FAQ answer says a little less

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def load(self) -> object:
        return self._embedder.query_tokens("")

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        places = [(passage, n) for passage in passages for n, sentence in enumerate(passage.sentences) if sentence.quotable]
        if not places:
            return []
        sentences = [(passage.text_of(passage.sentences[n]), passage.context) for passage, n in places]
        questions = [_question(passage) for passage, _ in places]
        likeness = self._likeness(query, {*sentences, *filter(None, questions)})
        shares = _shares(query, sentences)
        scored = []
        for i, (passage, number) in enumerate(places):
            alike = likeness[sentences[i]]
            if question := questions[i]:
                before = sum(sentence.quotable for sentence in passage.sentences[:number])
                alike = max(alike, (alike + likeness[question] - self.STEP * before) / 2)
            likeness_found = alike + self.TERMS * shares[i]
            scored.append(ScoredSentence(passage, number, round(self._chance(likeness_found), 6)))
        return scored

    def _chance(self, alike: float) -> float:
        """Made a chance, as every reader's scores are, so that what is nearly as alike is nearly as likely."""
        return logistic(self.STEEPNESS * (alike - self.EVEN))

    def _likeness(self, query: str, sentences: set[tuple[str, str]]) -> dict[tuple[str, str], float]:
        """Of each (sentence, context)."""
        ordered = sorted(sentences, key=lambda s: (len(s[0]) + len(s[1]), s))  # alike lengths share a batch: little padding
        asked = self._embedder.query_tokens(query)
        found = self._embedder.sentence_tokens([text for text, _ in ordered], [context for _, context in ordered])
        return {
            sentence: self.TOKENS * late_interaction(asked, tokens) + self.WHOLE * mean_similarity(asked, tokens)
            for sentence, tokens in zip(ordered, found, strict=True)
        }


def late_interaction(query: Vectors, text: Vectors) -> float:
    """Mean over the query's tokens of the best cosine to a token of the text; 0 where either has none.

    Khattab and Zaharia 2020, "ColBERT", with the mean for the sum, so that long queries score no higher.
    """
    if not len(query) or not len(text):
        return 0.0
    return float((_unit(query) @ _unit(text).T).max(axis=1).mean())


def mean_similarity(query: Vectors, text: Vectors) -> float:
    """Cosine of the means of the tokens; 0 where either has none."""
    if not len(query) or not len(text):
        return 0.0
    return float(_unit(query.mean(axis=0)) @ _unit(text.mean(axis=0)))


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = (vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)).astype(np.float32)
    return unit


def _question(passage: Passage) -> tuple[str, str] | None:
    """The question that the passage answers, without context: the innermost of its headings, if that is one."""
    last = passage.headings[-1] if passage.headings else ""
    return (last, "") if last.rstrip().endswith("?") else None


def _shares(query: str, sentences: Sequence[tuple[str, str]]) -> list[float]:
    """For each (sentence, context), the share of the query's terms that either holds, weighted by BM25's idf in sentences."""
    wanted = sorted(set(terms(query)))
    held = [set(terms(sentence)) for sentence, _ in sentences]
    of_context = {context: set(terms(context)) for _, context in set(sentences)}
    counts = {term: sum(term in words for words in held) for term in wanted}
    rarity = {term: math.log(1 + (len(held) - count + 0.5) / (count + 0.5)) for term, count in counts.items()}
    total = sum(rarity.values()) or 1.0
    return [
        sum(rarity[term] for term in wanted if term in words or term in of_context[context]) / total
        for words, (_, context) in zip(held, sentences, strict=True)
    ]
