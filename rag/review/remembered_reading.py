"""A reader that reads no passage twice: reading takes most of an answer's time, and depends on question and passage only."""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from itertools import groupby

from rag.reader.scored_sentences import Reader, ScoredSentence
from rag.reader.similarity_reader import SimilarityReader
from rag.reader.trained_reader import TrainedReader
from rag.records import Passage, Span
from rag.storage.files import sha256_json

KEY = 24  # hex digits of a digest of question and passages
NO_PHRASE = "-"


class RememberedReader:
    """Reads through `reader`, except what `remembered` already holds; gives the same scores.

    The trained reader reads every passage by itself, so each is remembered by itself; the similarity reader weighs words by
    all passages that it is given, so they are remembered together. Text, context and sentences count, not their place:
    a passage that only moved is not read again. What was used is added to `used`, the passages' documents to `documents`.
    """

    def __init__(
        self, reader: Reader, remembered: Mapping[str, str], used: MutableMapping[str, str], documents: set[str]
    ) -> None:
        self.identity = reader.identity
        self._reader = reader
        self._scores_of = f"{reader.identity} {reader.model}" if isinstance(reader, SimilarityReader) else reader.identity
        self._remembered, self._used, self._documents = remembered, used, documents

    def load(self) -> object:
        return self._reader.load()

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        self._documents.update(passage.document_id for passage in passages)
        alone = isinstance(self._reader, TrainedReader)
        groups = [(passage,) for passage in passages] if alone else [tuple(passages)]
        keys = [self._key(query, group) for group in groups]
        used = {key: self._used.get(key) for key in keys}
        known = {key: text or self._remembered.get(key) for key, text in used.items()}
        new = {key: group for key, group in zip(keys, groups, strict=True) if known[key] is None}
        known |= dict(self._read(query, new))
        self._used.update({key: text for key, text in known.items() if text is not None and used[key] is None})
        return [scored for key, group in zip(keys, groups, strict=True) for scored in _decoded(known[key] or "", group)]

    def _read(self, query: str, groups: Mapping[str, Sequence[Passage]]) -> Iterator[tuple[str, str]]:
        """What the reader makes of each group, by key. All are read at once, because pieces are read in parallel."""
        scored = self._reader.read(query, [passage for group in groups.values() for passage in group]) if groups else []
        by_passage = {id: list(sentences) for id, sentences in groupby(scored, key=lambda sentence: sentence.passage.id)}
        for key, group in groups.items():
            yield key, _encoded([(row, s) for row, passage in enumerate(group) for s in by_passage.get(passage.id, ())])

    def _key(self, query: str, passages: Sequence[Passage]) -> str:
        return sha256_json([self._scores_of, query, [_contents(passage) for passage in passages]])[:KEY]


def _contents(passage: Passage) -> list[object]:
    """All of a passage that a reader sees, whatever its document and place."""
    start = passage.span.start
    sentences = [(s.span.start - start, s.span.end - start, s.kind, s.level) for s in passage.sentences]
    return [passage.context, passage.headings, passage.text, sentences]


def _encoded(scored: Sequence[tuple[int, ScoredSentence]]) -> str:
    """Rows of passage, sentence, score and answer phrase, counted from the start of the passage; " " if there are none."""
    rows = []
    for row, sentence in scored:
        phrase, start = sentence.answer_phrase, sentence.passage.span.start
        span = f"{phrase.start - start} {phrase.end - start}" if phrase else NO_PHRASE
        rows.append(f"{row} {sentence.number} {sentence.score!r} {span}")
    return ";".join(rows) or " "


def _decoded(text: str, passages: Sequence[Passage]) -> Iterator[ScoredSentence]:
    for fields in text.strip().split(";"):
        if not fields:
            return
        row, number, score, *phrase = fields.split()
        passage = passages[int(row)]
        start = passage.span.start
        span = None if phrase == [NO_PHRASE] else Span(start + int(phrase[0]), start + int(phrase[1]))
        yield ScoredSentence(passage, int(number), float(score), span)
