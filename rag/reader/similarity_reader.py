"""The similarity reader: the sentence most similar to the query answers it. Needs no training; for any embedding model."""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from rag.models.model_identity import ModelIdentity
from rag.numeric import Vectors, logistic
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Passage
from rag.text.terms import terms


class Embedder(Protocol):
    """What the reader needs of an embedding model."""

    @property
    def identity(self) -> ModelIdentity: ...
    def query_tokens(self, query: str) -> Vectors: ...
    def sentence_tokens(self, sentences: Sequence[str], contexts: Sequence[str]) -> list[Vectors]: ...


class SimilarityReader:
    """Scores a sentence by its similarity to the query: token by token, as a whole, and by the query's terms that it has.

    A sentence is embedded after its title and headings, for their context, but compared by its own tokens alone. For the
    answer to a FAQ question, half of the similarity is that of the question. Terms are weighted by their rarity among the
    sentences read: one that occurs in all of them distinguishes none. Weights: benchmarks/README.md.
    """

    TOKENS, WHOLE, TERMS = 0.4, 0.4, 0.2
    identity = "similarity-1"
    EVEN, STEEPNESS = 0.65, 14.0  # the similarity that is right as often as wrong, and the slope there
    STEP = 0.02  # a small penalty for each further sentence of a FAQ answer

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def model(self) -> str:
        """The digest of the embedding model, on which the scores depend."""
        return self._embedder.identity.digest

    def load(self) -> object:
        return self._embedder.query_tokens("")

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        rows = [(passage, n) for passage in passages for n, sentence in enumerate(passage.sentences) if sentence.quotable]
        if not rows:
            return []
        sentences = [(passage.text_of(passage.sentences[n]), passage.context) for passage, n in rows]
        questions = [_question(passage) for passage, _ in rows]
        similarities = self._similarities(query, {*sentences, *filter(None, questions)})
        shares = _shares(query, sentences)
        scored = []
        for i, (passage, number) in enumerate(rows):
            similarity = similarities[sentences[i]]
            if question := questions[i]:
                before = sum(sentence.quotable for sentence in passage.sentences[:number])
                similarity = max(similarity, (similarity + similarities[question] - self.STEP * before) / 2)
            chance = self._chance(similarity + self.TERMS * shares[i])
            scored.append(ScoredSentence(passage, number, round(chance, 6)))
        return scored

    def _chance(self, similarity: float) -> float:
        """A probability, like the scores of every reader."""
        return logistic(self.STEEPNESS * (similarity - self.EVEN))

    def _similarities(self, query: str, sentences: set[tuple[str, str]]) -> dict[tuple[str, str], float]:
        """Of each (sentence, context)."""
        ordered = sorted(sentences, key=lambda s: (len(s[0]) + len(s[1]), s))  # similar lengths share a batch: little padding
        query_tokens = self._embedder.query_tokens(query)
        token_vectors = self._embedder.sentence_tokens([text for text, _ in ordered], [context for _, context in ordered])
        return {
            sentence: self.TOKENS * late_interaction(query_tokens, tokens) + self.WHOLE * mean_similarity(query_tokens, tokens)
            for sentence, tokens in zip(ordered, token_vectors, strict=True)
        }


def late_interaction(query: Vectors, text: Vectors) -> float:
    """Mean over the query's tokens of the best cosine with a token of the text; 0 if either has none.

    Khattab and Zaharia 2020, "ColBERT", with the mean instead of the sum, so that long queries score no higher.
    """
    if not len(query) or not len(text):
        return 0.0
    return float((_unit(query) @ _unit(text).T).max(axis=1).mean())


def mean_similarity(query: Vectors, text: Vectors) -> float:
    """Cosine of the mean tokens; 0 if either has none."""
    if not len(query) or not len(text):
        return 0.0
    return float(_unit(query.mean(axis=0)) @ _unit(text.mean(axis=0)))


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = (vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)).astype(np.float32)
    return unit


def _question(passage: Passage) -> tuple[str, str] | None:
    """The question that the passage answers, without context: its innermost heading, if that is a question."""
    last = passage.headings[-1] if passage.headings else ""
    return (last, "") if last.rstrip().endswith("?") else None


def _shares(query: str, sentences: Sequence[tuple[str, str]]) -> list[float]:
    """For each (sentence, context), the share of the query's terms that either has, weighted by idf among the sentences."""
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
