"""Scored sentences: what a reader makes of a query and passages, and what answers are composed from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rag.records import Passage, Sentence, Span

DECIMALS = 6  # of a score


@dataclass(frozen=True, slots=True)
class ScoredSentence:
    """How well a quotable sentence answers the query, 0 to 1.

    `number` is its row in `passage.sentences`. `answer_phrase` is the part that is the answer, if the reader names one.
    """

    passage: Passage
    number: int
    score: float
    answer_phrase: Span | None = None

    @property
    def sentence(self) -> Sentence:
        return self.passage.sentences[self.number]

    @property
    def text(self) -> str:
        return self.passage.text_of(self.sentence)

    @property
    def phrase(self) -> str | None:
        """The words of the answer phrase."""
        if self.answer_phrase is None:
            return None
        start = self.passage.span.start
        return self.passage.text[self.answer_phrase.start - start : self.answer_phrase.end - start]


def shifted(sentence: ScoredSentence, gain: float) -> ScoredSentence:
    """The sentence with `gain` added to the log odds of its score, rounded to DECIMALS so that equal sentences tie."""
    factor = math.exp(gain)
    score = sentence.score * factor / (1 - sentence.score + sentence.score * factor)
    return replace(sentence, score=round(score, DECIMALS))


class Reader(Protocol):
    @property
    def identity(self) -> str:
        """Kind and version, such as "trained-53aa5117…". Scores of readers with different identities cannot be compared."""
        ...

    def load(self) -> object:
        """Loads what takes time to load, so that the first question need not wait."""
        ...

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        """Scores all quotable sentences, in the order of the passages; empty if there are none."""
        ...
