"""Which sentences of some documents an overview quotes, and how much of their terms these cover."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from rag.overview.facts import Facts, dates, defined_terms, figures
from rag.overview.greedy_cover import Unit, choose
from rag.overview.key_terms import key_terms
from rag.overview.statements import Placed, ReadDocument

SENTENCES = 12  # of an overview: a page to read
FREQUENCY_EXPONENT = 1.5  # of the number of sentences that have a concept: see benchmarks/README.md
PRECISION = 100  # weights are whole numbers, so that sums do not depend on their order
OPENING = 1.0  # of the weight of a section's first statement, added to it: that statement introduces the others


@dataclass(frozen=True)
class Covered:
    """The quoted sentences in order, each with whether it is only context for the next.

    `sentences` of the documents were read, in so many `sections` (of several documents, these are the sections). `coverage` is
    the share of their terms that is quoted, each weighted by the number of sentences that have it. `leaves_out` says that rows
    of tables were not read, `tabular` that nothing else was. `lists` are facts by kind.
    """

    quoted: Sequence[tuple[Placed, bool]] = ()
    sentences: int = 0
    sections: int = 0
    quoted_sections: int = 0
    coverage: float = 0.0
    leaves_out: bool = False
    tabular: bool = False
    lists: dict[str, Facts] = field(default_factory=dict)


def cover(read_documents: Sequence[ReadDocument], budget: int = SENTENCES) -> Covered:
    """An overview of documents in at most `budget` sentences."""
    sentences = [placed for document in read_documents for placed in document.sentences]
    statements = list(_statements(read_documents))
    counted = list(_counted(read_documents))
    words = {row: sentences[row].terms for row in counted}
    weights = _Weights(list(words.values()))
    sections = _sections([sentences[rows[-1]] for rows in statements], budget)
    texts = {row: sentences[row].text for rows in statements for row in rows}
    concepts = {row: weights.concepts(words[row] if row in words else sentences[row].terms) for row in texts}
    units = [
        Unit(rows, frozenset(concept for row in rows for concept in concepts[row]), section)
        for rows, section in zip(statements, sections, strict=True)
    ]
    lengths = {row: len(text.split()) for row, text in texts.items()}
    chosen = choose(*_with_openings(units, weights.of_concepts), lengths, budget)
    own = {statements[number][-1] for number in chosen}
    shown = sorted({row for number in chosen for row in statements[number]})
    return Covered(
        [(sentences[row], row not in own) for row in shown],
        len(counted),
        len(set(sections)),
        len({sections[number] for number in chosen}),
        weights.share(word for row in shown for word in sentences[row].terms),
        any(document.leaves_out for document in read_documents),
        all(document.tabular for document in read_documents),
        _lists(sentences, [sentences[row] for row in counted]),
    )


def _with_openings(units: Sequence[Unit], weights: Sequence[int]) -> tuple[list[Unit], list[int]]:
    """The units and weights with one more concept for each section, which only its first unit has."""
    weights, opened, with_openings = list(weights), set(), []
    for unit in units:
        if unit.group not in opened:
            opened.add(unit.group)
            weights.append(round(OPENING * sum(weights[concept] for concept in unit.concepts)))
            unit = replace(unit, concepts=unit.concepts | {len(weights) - 1})
        with_openings.append(unit)
    return with_openings, weights


def _lists(sentences: Sequence[Placed], counted: Sequence[Placed]) -> dict[str, Facts]:
    quotable = [placed for placed in sentences if placed.sentence.quotable]
    key = key_terms(counted)
    lists = {
        "key_terms": Facts(key, len(key)),
        "defined_terms": defined_terms(quotable),
        "dates": dates(quotable),
        "figures": figures(quotable),
    }
    return {kind: facts for kind, facts in lists.items() if facts.listed}


def _statements(documents: Sequence[ReadDocument]) -> Iterator[tuple[int, ...]]:
    """The rows of each statement among the sentences of all documents."""
    first = 0
    for document in documents:
        yield from (tuple(first + row for row in statement.rows) for statement in document.statements)
        first += len(document.sentences)


def _counted(documents: Sequence[ReadDocument]) -> Iterator[int]:
    first = 0
    for document in documents:
        yield from (first + row for row in document.counted)
        first += len(document.sentences)


class _Weights:
    """Concepts are terms and pairs of neighbouring terms, weighted by a power of the number of sentences that have them.

    The reported share counts single terms, weighted by the number of sentences that have them.
    """

    def __init__(self, sentences: Sequence[Sequence[str]]) -> None:
        self._terms = Counter(term for words in sentences for term in set(words))
        counts: Counter[tuple[str, ...]] = Counter(concept for words in sentences for concept in _concepts(words))
        order = sorted(counts)
        self._numbers = {concept: number for number, concept in enumerate(order)}
        self.of_concepts = [round(PRECISION * counts[concept] ** FREQUENCY_EXPONENT) for concept in order]

    def concepts(self, words: Sequence[str]) -> set[int]:
        return {self._numbers[concept] for concept in _concepts(words) if concept in self._numbers}

    def share(self, words: Iterable[str]) -> float:
        """The share of the terms' weight that these words have; 0 if there are no terms."""
        total = sum(self._terms.values())
        return sum(self._terms[word] for word in set(words)) / total if total else 0.0


def _concepts(words: Sequence[str]) -> set[tuple[str, ...]]:
    return {(word,) for word in words} | set(pairwise(words))


def _sections(statements: Sequence[Placed], budget: int) -> list[int]:
    """The number of each statement's section.

    Of several documents, each is a section. In one, sections are divided by its headings, as deep as leaves no more sections
    than sentences, but at least at the first level that divides it.
    """
    if len({placed.passage.document_id for placed in statements}) > 1:
        return _numbered([(placed.passage.document_id,) for placed in statements])
    deepest = max((len(placed.passage.headings) for placed in statements), default=0)
    sections = [0] * len(statements)
    for depth in range(1, deepest + 1):
        deeper = _numbered([placed.passage.headings[:depth] for placed in statements])
        if max(deeper) >= budget and max(sections) > 0:
            break
        sections = deeper
    return sections


def _numbered(names: Sequence[tuple[str, ...]]) -> list[int]:
    """The same number for the same name, from 0 in order of appearance."""
    numbers: dict[tuple[str, ...], int] = {}
    return [numbers.setdefault(name, len(numbers)) for name in names]
