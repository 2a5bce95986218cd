"""Reading: a query and passages to scored sentences. The seam between readers and what composes their finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

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
        """Kind and version, "trained-53aa5117…": scores of readers with another identity cannot be compared."""
        ...

    def load(self) -> object:
        """Loads now what takes time to load, so that the first question need not wait."""
        ...

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        """Scores of all quotable sentences, in the order of the passages; none for no passages."""
        ...
