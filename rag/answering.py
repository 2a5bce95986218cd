"""Hits to an answer: exact sentences of the documents, cited; or an abstention with its reason."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.config import AnsweringSettings
from rag.index.contents import Index
from rag.reader import Reader, ScoredSentence
from rag.records import Answer, Citation, Hit, Passage, QuotedSentence, Sentence, Span
from rag.terms import terms

# Of the confidence: see benchmarks/README.md for data, fit and what it is worth.
BIAS = -7.14
WEIGHTS = (7.36, 4.21)
GOOD_ENOUGH = 0.85  # of the best score: a further sentence below this adds more noise than answer
NEAREST = 3  # passages shown on an abstention
_LEANS = re.compile(
    r"(?:this|these|those|that|it|its|they|their|them|he|she|his|her|such|both|the (?:former|latter|same)|however|moreover"
    r"|furthermore|therefore|thus|hence|consequently|similarly|likewise|instead|nevertheless|then|in (?:addition|contrast)"
    r"|as a result|for (?:example|instance)|but|and|or|so|another|other|one (?:such|of (?:these|them)))\b",
    re.IGNORECASE,
)
_APPARATUS = re.compile(
    r"(?:\d+\.?\s*)?(?:literature|references|(?:selected )?bibliography|further reading|works cited|sources"
    r"|(?:literature|sources) cited|disclaimer)",
    re.IGNORECASE,
)
_TELLING = re.compile(r"\d|^(?:not?|nor|never|neither|none|without|cannot|.*n't)$")
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
    readable = [hit.passage for hit in hits if not _is_apparatus(hit.passage)]
    scored = reader.read(query, readable[: settings.read])
    certainty = confidence(hits, scored)
    if not scored or certainty < settings.min_confidence:
        return replace(abstention, reason="not_in_documents", confidence=certainty)
    chosen = _choose(scored, settings.max_sentences)
    sentences, citations = _cite(_with_context(chosen, index), index)
    return Answer(question, query, sentences, citations, confidence=certainty, index=index.digest)


def _is_apparatus(passage: Passage) -> bool:
    """References and disclaimers: the title of a cited paper often says the question's very words, but answers nothing."""
    return bool(passage.headings) and _APPARATUS.fullmatch(passage.headings[-1].strip(" :")) is not None


def confidence(hits: Sequence[Hit], scored: Sequence[ScoredSentence]) -> float:
    """How sure it is that the documents answer the query, 0 to 1; 0 where nothing was read.

    A logistic combination of the features, fitted by benchmarks/confidence.py.
    """
    if not scored:
        return 0.0
    logit = BIAS + sum(weight * value for weight, value in zip(WEIGHTS, features(hits, scored), strict=True))
    return round(1 / (1 + math.exp(-logit)), 4)


def features(hits: Sequence[Hit], scored: Sequence[ScoredSentence]) -> tuple[float, float]:
    """The best sentence's score and the best passage's similarity; neither sequence may be empty."""
    return max(sentence.score for sentence in scored), max(hit.similarity for hit in hits)


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
    """Whether two sentences say the same in nearly the same words (Jaccard of their terms).

    Never where they differ by a number or a negation: 5 mg is not 50 mg, and "did" not "did not".
    """
    first, second = set(terms(one.text)), set(terms(other.text))
    if any(_TELLING.search(term) for term in first ^ second):
        return False
    return len(first & second) >= 0.8 * len(first | second) if first and second else one.text == other.text


def _with_context(chosen: Sequence[ScoredSentence], index: Index) -> list[_Choice]:
    """Each sentence that leans on the one before it ("This toxin ...") brings it along; nothing is shown twice."""
    shown: dict[tuple[str, Span], _Choice] = {}
    for scored in chosen:
        itself = _Choice(scored.passage, scored.sentence, answer_phrase=scored.answer_phrase)
        for choice in [*_leading_context(scored, index), itself]:
            place = (choice.passage.document_id, choice.sentence.span)
            if place not in shown or not choice.context:
                shown[place] = choice  # keeps its place where it was shown as context before
    return list(shown.values())


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
