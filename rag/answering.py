"""Hits to an answer: exact sentences of the documents, cited; or an abstention with its reason."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rag.config import AnsweringSettings
from rag.index import Index
from rag.passages import embedded_text
from rag.reader import Reader, ScoredSentence
from rag.records import Answer, Citation, Hit, Passage, QuotedSentence, Sentence, Span
from rag.terms import terms

# Of the confidence: see benchmarks/README.md for data, fit and what it is worth.
BIAS = -5.95
WEIGHTS = (3.2, 5.3, 1.2)
GOOD_ENOUGH = 0.85  # of the best score: a further sentence below this adds more noise than answer
NEAREST = 3  # passages shown on an abstention
_LEANS = re.compile(
    r"(?:this|these|those|that|it|its|they|their|them|he|she|his|her|such|both|the (?:former|latter|same)|however|moreover"
    r"|furthermore|therefore|thus|hence|consequently|similarly|likewise|instead|nevertheless|then|in (?:addition|contrast)"
    r"|as a result|for (?:example|instance)|but|and|or|so|another|other|one (?:such|of (?:these|them)))\b",
    re.IGNORECASE,
)
_REFERENCES = re.compile(
    r"(?:\d+\.?\s*)?(?:literature|references|(?:selected )?bibliography|further reading|works cited|sources"
    r"|(?:literature|sources) cited)",
    re.IGNORECASE,
)
_LONGEST_CONTEXT = 2  # sentences brought along before one that leans on them


@dataclass(frozen=True, slots=True)
class _Choice:
    """A sentence that will be shown."""

    passage: Passage
    sentence: Sentence
    context: bool = False
    answer_phrase: Span | None = None


def compose(question: str, query: str, hits: Sequence[Hit], reader: Reader, index: Index, settings: AnsweringSettings) -> Answer:
    """The best sentence of the best hits, then those nearly as good, each with its citation.

    Reasons of an abstention: "empty_question", "no_documents", "not_in_documents".
    """
    abstention = Answer(question, query, nearest=tuple(hits[:NEAREST]), index=index.digest)
    if not query.strip():
        return replace(abstention, reason="empty_question", nearest=())
    if not hits:
        return replace(abstention, reason="not_in_documents" if index.passages else "no_documents")
    readable = [hit.passage for hit in hits if not _lists_references(hit.passage)]
    scored = reader.read(query, readable[: settings.read])
    certainty = confidence(query, hits, scored, index)
    if not scored or certainty < settings.min_confidence:
        return replace(abstention, reason="not_in_documents", confidence=certainty)
    chosen = _choose(scored, settings.max_sentences)
    sentences, citations = _cite(_with_context(chosen, index), index)
    return Answer(question, query, sentences, citations, confidence=certainty, index=index.digest)


def _lists_references(passage: Passage) -> bool:
    """The title of a cited paper often says the question's very words, but answers nothing."""
    return bool(passage.headings) and _REFERENCES.fullmatch(passage.headings[-1].strip(" :")) is not None


def confidence(query: str, hits: Sequence[Hit], scored: Sequence[ScoredSentence], index: Index) -> float:
    """How sure it is that the documents answer the query, 0 to 1; 0 where nothing was read.

    A logistic combination of the features, fitted by benchmarks/confidence.py.
    """
    if not scored:
        return 0.0
    logit = BIAS + sum(w * value for w, value in zip(WEIGHTS, features(query, hits, scored, index), strict=True))
    return round(1 / (1 + math.exp(-logit)), 4)


def features(query: str, hits: Sequence[Hit], scored: Sequence[ScoredSentence], index: Index) -> tuple[float, float, float]:
    """The best sentence's score; the best passage's similarity; the share of the query's terms, weighted by rarity, that
    the best sentence's passage holds. `scored` must not be empty."""
    best = max(scored, key=lambda s: s.score)
    return best.score, max(hit.similarity for hit in hits), _coverage(query, best.passage, index)


def _coverage(query: str, passage: Passage, index: Index) -> float:
    rarity = {term: index.lexical.idf(term) for term in set(terms(query))}
    present = rarity.keys() & set(terms(embedded_text(passage)))
    return sum(rarity[term] for term in sorted(present)) / sum(rarity.values()) if rarity else 0.0


def _choose(scored: Sequence[ScoredSentence], most: int) -> list[ScoredSentence]:
    """The best sentence, then those nearly as good, without repetitions: by source, best first, in the document's order."""
    ranked = sorted(scored, key=lambda s: (-s.score, s.passage.document_id, s.sentence.span))
    floor = ranked[0].score * GOOD_ENOUGH
    chosen: list[ScoredSentence] = []
    for candidate in ranked:
        if len(chosen) == most or candidate.score < floor:
            break
        if not any(_repeats(candidate, other) for other in chosen):
            chosen.append(candidate)
    sources = list(dict.fromkeys(s.passage.id for s in chosen))
    return [chosen[0], *sorted(chosen[1:], key=lambda s: (sources.index(s.passage.id), s.sentence.span))]


def _repeats(one: ScoredSentence, other: ScoredSentence) -> bool:
    """Whether two sentences say the same in nearly the same words (Jaccard of their terms)."""
    first, second = set(terms(_quote(one))), set(terms(_quote(other)))
    return len(first & second) >= 0.8 * len(first | second)


def _quote(scored: ScoredSentence) -> str:
    start = scored.passage.span.start
    return scored.passage.text[scored.sentence.span.start - start : scored.sentence.span.end - start]


def _with_context(chosen: Sequence[ScoredSentence], index: Index) -> list[_Choice]:
    """Each sentence that leans on the one before it ("This toxin ...") brings it along, unless it is shown already."""
    shown: list[_Choice] = []
    for _, group in groupby(chosen, key=lambda s: s.passage.id):
        for scored in group:
            before = _leading_context(scored, index)
            taken = {(choice.passage.document_id, choice.sentence.span) for choice in shown}
            shown.extend(choice for choice in before if (choice.passage.document_id, choice.sentence.span) not in taken)
            shown.append(_Choice(scored.passage, scored.sentence, answer_phrase=scored.answer_phrase))
    return shown


def _leading_context(scored: ScoredSentence, index: Index) -> list[_Choice]:
    document = index.documents[scored.passage.document_id]
    context: list[_Choice] = []
    passage, number = scored.passage, scored.number
    while len(context) < _LONGEST_CONTEXT and _LEANS.match(passage.sentences[number].span.of(document.text).lstrip("\"'“‘([")):
        if number == 0:
            previous = index.passage_before(passage)
            if previous is None or previous.headings != passage.headings:
                break
            passage, number = previous, len(previous.sentences)
        number -= 1
        if not passage.sentences[number].quotable:
            break
        context.insert(0, _Choice(passage, passage.sentences[number], context=True))
    return context


def _cite(choices: Sequence[_Choice], index: Index) -> tuple[tuple[QuotedSentence, ...], tuple[Citation, ...]]:
    """One citation for one shown sentence, numbered together, so that number and place cannot part."""
    sentences, citations = [], []
    for number, choice in enumerate(choices, start=1):
        document = index.documents[choice.passage.document_id]
        span = choice.sentence.span
        quote = span.of(document.text)
        sentences.append(QuotedSentence(quote, citation=number, context=choice.context))
        citations.append(
            Citation(
                number,
                document.id,
                document.title,
                span,
                quote,
                choice.passage.page,
                choice.passage.headings,
                document.digest,
                choice.answer_phrase,
            )
        )
    return tuple(sentences), tuple(citations)
