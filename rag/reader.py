"""Reading: a query and passages to scored sentences. The seam where a trained reader can take the place of similarity."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.terms import terms
from rag.records import Passage, Sentence, Span


@dataclass(frozen=True, slots=True)
class ScoredSentence:
    """How far one quotable sentence of a passage answers the query; higher is better, 1 is the most.

    `number` is its place in `passage.sentences`. `answer_phrase` is the part that is the answer, where the reader tells one.
    """

    passage: Passage
    number: int
    score: float
    answer_phrase: Span | None = None

    @property
    def sentence(self) -> Sentence:
        return self.passage.sentences[self.number]


class Reader(Protocol):
    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        """Scores of all quotable sentences, in the order of the passages; none for no passages."""
        ...


class SentenceEmbedder(Protocol):
    def embed_query(self, query: str) -> NDArray[np.float32]: ...
    def embed_sentences(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


class SimilarityReader:
    """Scores a sentence by its cosine to the query, alone and under its headings, and by the query's terms found there.

    The answer to a question of a FAQ is scored as its question is. Terms are weighted by their rarity among the
    sentences that are read: what stands in all of them tells none apart. Weights: benchmarks/README.md.
    """

    ALONE, UNDER_HEADINGS, TERMS = 0.25, 0.45, 0.3
    STEP = 0.02  # each further sentence of a FAQ answer says a little less

    def __init__(self, embedder: SentenceEmbedder) -> None:
        self._embedder = embedder

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        places = [(passage, n) for passage in passages for n, sentence in enumerate(passage.sentences) if sentence.quotable]
        if not places:
            return []
        alone = [_text(passage, passage.sentences[n]) for passage, n in places]
        under = [f"{passage.context}\n{text}" for (passage, _), text in zip(places, alone, strict=True)]
        questions = [_question(passage) for passage, _ in places]
        cosines = self._cosines(query, {*alone, *under, *filter(None, questions)})
        shares = _shares(query, alone, [passage.context for passage, _ in places])
        scored = []
        for i, (passage, number) in enumerate(places):
            similarity = self.ALONE * cosines[alone[i]] + self.UNDER_HEADINGS * cosines[under[i]]
            if question := questions[i]:
                before = sum(sentence.quotable for sentence in passage.sentences[:number])
                asked = (self.ALONE + self.UNDER_HEADINGS) * cosines[question] - self.STEP * before
                similarity = max(similarity, asked)
            scored.append(ScoredSentence(passage, number, round(similarity + self.TERMS * shares[i], 5)))
        return scored

    def _cosines(self, query: str, texts: set[str]) -> dict[str, float]:
        ordered = sorted(texts, key=lambda text: (len(text), text))  # alike lengths share a batch, so little is padded
        vectors = self._embedder.embed_sentences(ordered)
        return dict(zip(ordered, (vectors @ self._embedder.embed_query(query)).tolist(), strict=True))


def _shares(query: str, sentences: Sequence[str], contexts: Sequence[str]) -> list[float]:
    """For each sentence, the share of the query's terms that it or its headings hold, weighted by BM25's idf among them."""
    wanted = sorted(set(terms(query)))
    held = [set(terms(sentence)) for sentence in sentences]
    of_context = {context: set(terms(context)) for context in set(contexts)}
    counts = {term: sum(term in words for words in held) for term in wanted}
    rarity = {term: math.log(1 + (len(held) - count + 0.5) / (count + 0.5)) for term, count in counts.items()}
    total = sum(rarity.values()) or 1.0
    return [
        sum(rarity[term] for term in wanted if term in words or term in of_context[context]) / total
        for words, context in zip(held, contexts, strict=True)
    ]


def _text(passage: Passage, sentence: Sentence) -> str:
    return passage.text[sentence.span.start - passage.span.start : sentence.span.end - passage.span.start]


def _question(passage: Passage) -> str | None:
    """The question that the passage answers: the innermost of its headings, if that is one."""
    return passage.headings[-1] if passage.headings and passage.headings[-1].rstrip().endswith("?") else None
