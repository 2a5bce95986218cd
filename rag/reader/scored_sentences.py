"""Scored sentences: what a reader makes of a query and passages, and what answers are composed from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rag.records import Passage, Sentence, Span


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
