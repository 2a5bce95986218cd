"""Reading: a query and passages to scored sentences. The seam where a trained reader can take the place of similarity."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.lexical import terms
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
    """Scores a sentence by its cosine to the query, alone and under its headings, and by the query's terms in it.

    The answer to a question of a FAQ is as good as the question is like the query. Weights: docs/how-it-works.md.
    """

    ALONE, UNDER_HEADINGS, TERMS = 0.4, 0.4, 0.2
    STEP = 0.02  # each further sentence of a FAQ answer says a little less

    def __init__(self, embedder: SentenceEmbedder) -> None:
        self._embedder = embedder

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        places = [(passage, n) for passage in passages for n, sentence in enumerate(passage.sentences) if sentence.quotable]
        if not places:
            return []
        texts = [_text(passage, passage.sentences[n]) for passage, n in places]
        under = [f"{passage.context}\n{text}" for (passage, _), text in zip(places, texts, strict=True)]
        questions = {passage.id: question for passage in passages if (question := _question(passage))}
        cosines = self._cosines(query, [*texts, *under, *questions.values()])
        question_cosines = dict(zip(questions, cosines[2 * len(texts) :], strict=True))
        wanted = set(terms(query))
        scored = []
        for i, (passage, number) in enumerate(places):
            share = len(wanted.intersection(terms(texts[i]))) / max(1, len(wanted))
            score = self.ALONE * cosines[i] + self.UNDER_HEADINGS * cosines[len(texts) + i] + self.TERMS * share
            if passage.id in question_cosines:
                position = sum(sentence.quotable for sentence in passage.sentences[:number])
                score = max(score, question_cosines[passage.id] - self.STEP * position)
            scored.append(ScoredSentence(passage, number, round(float(score), 5)))
        return scored

    def _cosines(self, query: str, texts: list[str]) -> list[float]:
        unique = sorted(set(texts), key=lambda text: (len(text), text))  # alike lengths share a batch, so little is padded
        vectors = self._embedder.embed_sentences(unique)
        by_text = dict(zip(unique, (vectors @ self._embedder.embed_query(query)).tolist(), strict=True))
        return [by_text[text] for text in texts]


def _text(passage: Passage, sentence: Sentence) -> str:
    return passage.text[sentence.span.start - passage.span.start : sentence.span.end - passage.span.start]


def _question(passage: Passage) -> str | None:
    """The question that the passage answers: the innermost of its headings, if that is one."""
    return passage.headings[-1] if passage.headings and passage.headings[-1].rstrip().endswith("?") else None
