"""What an abbreviation stands for, as the documents explain it."""

import re

import numpy as np
from numpy.typing import NDArray

from rag.index.abbreviations import Definition
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Span
from rag.text.terms import terms

MOST_MEANINGS = 4  # shown together
_SHORT = r"(?:the )?(?:abbreviation |acronym |initialism |letters |term )?[\"“'‘]?(?P<short>[A-Za-z0-9][\w&/.+-]{0,9}?)[\"”'’]?"
_ASKS_LONG = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\bwhat (?:does|do|did) {_SHORT} (?:stand for|abbreviate)\b",
        rf"\b(?:what|tell me what|know what) {_SHORT} stands? for\b",
        rf"^{_SHORT} stands for(?: what)?\W*$",
        rf"\bwhat (?:is|are) {_SHORT} (?:short for|an? (?:abbreviation|acronym) (?:of|for))\b",
        rf"\b(?:full|long) (?:form|name) of {_SHORT}\W*$",
        rf"\b(?:meaning|expansion) of (?:the )?(?:abbreviation|acronym) {_SHORT}\W*$",
        rf"\bwhat does (?:the )?(?:abbreviation|acronym) {_SHORT} mean\b",
        rf"\b(?:spell out|expand|write out) {_SHORT}\W*$",
    )
)
_ASKS_SHORT = re.compile(
    r"\b(?:abbreviation|acronym|short form) (?:of|for) (?P<long>.+?)\W*$|\bhow is (?P<other>.+?) abbreviated\W*$", re.IGNORECASE
)


def explained(query: str, index: Index, scope: NDArray[np.int64] | None) -> list[ScoredSentence]:
    """The first sentence for each meaning of the abbreviation that is asked for, with the long form as its answer phrase.

    Asked the other way round ("the abbreviation of …"), the short form is the phrase. Empty if neither is asked or explained.
    """
    asked = next((match for pattern in _ASKS_LONG if (match := pattern.search(query))), None)
    if asked:
        meanings = _quotable(index.abbreviations.of(asked["short"]), index, scope)
        first = {tuple(terms(definition.long)): (definition, sentence) for definition, sentence in reversed(meanings)}
        marked = [_with_phrase(sentence, definition.span) for definition, sentence in reversed(first.values())]
        return marked if len(marked) <= MOST_MEANINGS else []
    if match := _ASKS_SHORT.search(query):
        long = tuple(terms(match["long"] or match["other"]))
        meanings = _quotable(index.abbreviations.of_long(long), index, scope)
        return [_with_phrase(sentence, _short_in(sentence, definition.short)) for definition, sentence in meanings[:1]]
    return []


def _quotable(
    definitions: list[Definition], index: Index, scope: NDArray[np.int64] | None
) -> list[tuple[Definition, ScoredSentence]]:
    documents = index.manifest.corpus.documents
    placed = [(definition, documents.rows_of(definition.document)[definition.passage]) for definition in definitions]
    allowed = None if scope is None else set(scope.tolist())
    sentences = [
        (d, ScoredSentence(index.passages[row], d.sentence, 1.0)) for d, row in placed if allowed is None or row in allowed
    ]
    return [(definition, sentence) for definition, sentence in sentences if sentence.sentence.quotable]


def _with_phrase(sentence: ScoredSentence, phrase: Span | None) -> ScoredSentence:
    return ScoredSentence(sentence.passage, sentence.number, sentence.score, phrase)


def _short_in(sentence: ScoredSentence, short: str) -> Span | None:
    match = re.search(rf"(?<!\w){re.escape(short)}(?!\w)", sentence.text)
    start = sentence.sentence.span.start
    return Span(start + match.start(), start + match.end()) if match else None
