"""The abbreviations that the documents explain, found when the index is built."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rag.index.line_table import Lines
from rag.records import Passage, Span
from rag.storage.files import from_json, json_line
from rag.text.short_forms import abbreviations_in
from rag.text.terms import terms


@dataclass(frozen=True, slots=True)
class Definition:
    """A sentence that explains an abbreviation: the number of its document and, within that, of the passage; the sentence's
    number in the passage; and the long form's span in the document's text.
    """

    short: str
    long: str
    document: int
    passage: int
    sentence: int
    span: Span


class Abbreviations:
    """All definitions, in the order of documents and positions; read at the first use."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    @cached_property
    def definitions(self) -> list[Definition]:
        return [
            Definition(short, long, document, passage, sentence, Span(start, end))
            for document in self._explaining()
            for short, long, passage, sentence, start, end in from_json(self._lines[document])
        ]

    def _explaining(self) -> list[int]:
        """The numbers of the documents that explain an abbreviation. Most explain none, and their lines need not be read."""
        lengths = np.diff(self._lines.starts(0, len(self._lines)))
        return np.flatnonzero(lengths > len(json_line([]))).tolist()

    @cached_property
    def _by_short(self) -> dict[str, list[Definition]]:
        by_short: dict[str, list[Definition]] = {}
        for definition in self.definitions:
            by_short.setdefault(_key(definition.short), []).append(definition)
        return by_short

    @cached_property
    def _by_long(self) -> dict[tuple[str, ...], list[Definition]]:
        by_long: dict[tuple[str, ...], list[Definition]] = {}
        for definition in self.definitions:
            by_long.setdefault(tuple(terms(definition.long)), []).append(definition)
        return by_long

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._by_long), default=0)

    def of(self, short: str) -> list[Definition]:
        """The definitions of a short form, in upper or lower case, singular or plural."""
        key = _key(short)
        return self._by_short.get(key) or self._by_short.get(key.removesuffix("s"), [])

    def of_long(self, words: Sequence[str]) -> list[Definition]:
        """The definitions whose long form has these terms."""
        return self._by_long.get(tuple(words), [])

    def other_forms(self, query: str) -> list[str]:
        """The long forms of the abbreviations in a query, and the abbreviations of the long forms in it, where there is only one.

        In the order of the query. A short form of two letters counts only in capitals.
        """
        others: dict[str, None] = {}
        for word in query.split():
            word = word.strip("?!.,;:()[]\"'“”‘’")
            meanings = {tuple(terms(d.long)): d.long for d in self.of(word) if len(word) > 2 or word == d.short}
            if len(meanings) == 1:
                others.update(dict.fromkeys(meanings.values()))
        words = terms(query)
        for start in range(len(words)):
            for end in range(start + 1, min(start + self._longest, len(words)) + 1):
                shorts = {definition.short for definition in self.of_long(words[start:end])}
                if len({_key(short) for short in shorts}) == 1:
                    others[min(shorts)] = None
        return list(others)


def abbreviations_line(passages: Sequence[Passage]) -> bytes:
    """The line of a document: its first sentence for each pair of forms."""
    first: dict[tuple[str, str], list[object]] = {}
    for row, passage in enumerate(passages):
        for number, sentence in enumerate(passage.sentences):
            text = passage.text_of(sentence)
            for found in abbreviations_in(text):
                long, start = " ".join(found.long.of(text).split()), sentence.span.start
                place = [found.short, long, row, number, start + found.long.start, start + found.long.end]
                first.setdefault((_key(found.short), long.casefold()), place)
    return json_line(list(first.values()))


def _key(short: str) -> str:
    return short.casefold().replace(".", "")
