"""Whether two sentences that differ are about the same thing, judged by where they stand."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.conflicts.comparing import Difference
from rag.conflicts.parsed_sentence import parsed
from rag.records import BlockKind
from rag.text.leaning import leans_on_previous

STANDS_ALONE = 3  # content words in common from which sentences of different documents need no common heading
STANDS_ALONE_WITHIN = 5  # the same for two sections of one document, where similar things are told apart by their headings
_GENERIC = re.compile(
    r"(?:the|your|our|an?|each|every|all)\s+(?:device|product|unit|appliance|machine|system|tool|model|kit|item|set|course|trip|tour"
    r"|event|programme|program|project|study|trial|report|company|organisation|organization|contract|agreement|policy|plan|fee|price|cost|dose"
    r"|warranty|guarantee|tank|battery|cable|filter|motor|engine|version|package|room|building|house|book|film|song|album|team|game"
    r"|author|authors|patient|user|customer|member|sample|test|result|results)\b(?!\s+of\b)",
    re.IGNORECASE,
)

_EXAMPLE = re.compile(r"an?\s", re.IGNORECASE)  # in one document, "a service charges $100" and "… $130" are two examples


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides whether two sentences are about the same thing: a sentence, its kind, title and headings."""

    text: str
    kind: BlockKind
    document_id: str
    title: str
    headings: tuple[str, ...]


def about_the_same(first: Standing, second: Standing, difference: Difference, *, enough: int = STANDS_ALONE) -> bool:
    """False for entries of one list, for sections about sibling things, and for sentences that lean on different subjects.

    `enough` content words in common need no common heading in different documents.
    """
    alone = not any(map(_leans, (first.text, second.text)))
    if first.document_id == second.document_id:
        if all(map(_EXAMPLE.match, (first.text, second.text))):
            return False
        if first.headings == second.headings:
            return alone and first.kind == second.kind == "paragraph" and difference.kind != "name"
        return alone and difference.shared >= STANDS_ALONE_WITHIN and not _siblings(first.headings, second.headings)
    if _siblings((first.title,), (second.title,)) or _siblings(first.headings[-1:], second.headings[-1:]):
        return False
    return (alone and difference.shared >= enough) or bool(_labels(first) & _labels(second))


def _leans(text: str) -> bool:
    return leans_on_previous(text) or bool(_GENERIC.match(text))


def _labels(sentence: Standing) -> frozenset[str]:
    """The content words of its title and headings."""
    return frozenset(word.term for label in (sentence.title, *sentence.headings) for word in parsed(label).words)


def _siblings(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether two titles or headings name two of a kind: "P20 manual" and "P35 manual", "Care of ferns" and "Care of roses"."""
    for label, other_label in zip(first, second, strict=False):
        codes, other_codes = _codes(label), _codes(other_label)
        if codes and other_codes and not codes & other_codes:
            return True
        (head, complement), (other_head, other_complement) = _parts(label), _parts(other_label)
        if head == other_head and complement and other_complement and not set(complement) & set(other_complement):
            return True
        same_noun = bool(head and other_head) and head[-1] == other_head[-1] and complement == other_complement
        if same_noun and set(head) - set(other_head) and set(other_head) - set(head):
            return True
    return False


def _parts(label: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The terms before and after the first preposition: what a heading is about, and of what."""
    head, _, complement = re.sub(r"\s(?:of|about|for|in|to|with|on|and)\s", "\n", label, count=1).partition("\n")
    return _terms(head), _terms(complement)


def _terms(text: str) -> tuple[str, ...]:
    return tuple(word.term for word in parsed(text).words)


def _codes(label: str) -> frozenset[str]:
    return frozenset(term for term in _terms(label) if any(map(str.isdigit, term)))
