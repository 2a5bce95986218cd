"""A sentence taken apart: its numbers, dates, negations and content words, each with its place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rag.conflicts.word_meanings import CONTRASTS, IRREGULAR, LIGHT, NEGATIONS, SAME_AS
from rag.records import Span
from rag.text.analyses import STOPWORDS
from rag.text.dates import Moment, moments_in
from rag.text.quantities import Quantity, quantities_in
from rag.text.terms import terms

SENTENCES_REMEMBERED = 2**15  # as many sentences as a corpus of 1,000 pages has; some 50 MB
_WORD = re.compile(r"[^\W_]+(?:[-.][^\W_]*\d[^\W_]*|['’][^\W\d_]+)*")
_FRAME = re.compile(
    r"\s*(?:according to [^,;]{2,60},|as (?:noted|described|mentioned|stated|shown|explained|reported)\b[^,;]{0,40},"
    r"|it (?:is|has been|should be|was) (?:\w+ly )?(?:known|noted|important to note|worth noting|reported|stated|shown|said) that"
    r"|(?:please )?note that|(?:studies|reports|experts|we|they) (?:have )?(?:show|report|say|found|know|believe)n?s? that"
    r"|in (?:general|practice|fact|short|summary|conclusion|other words|addition|principle),?|as a (?:rule|result),?"
    r"|(?:on the whole|to (?:sum up|conclude|summarise|begin with)|for the record|at present|overall|of course),?"
    r"|for (?:example|instance),?|remember that|the fact is that)",
    re.IGNORECASE,
)
_SINCE_WHEN = re.compile(r"\s+(?:\d|[A-Z]|then|the (?:beginning|start|end)|his|her|their|its)")  # else it says why
_COUNTED = re.compile(r"\ba (?:large |great |small )?number of\b", re.IGNORECASE)  # as light as "several"
_NO_NEGATION = re.compile(
    r"\bnot (?:only|just|merely|necessarily)\b|\bwhether or not\b|\bno (?:longer than|matter|doubt)\b", re.IGNORECASE
)
# Nouns before a number that names one of several things: stage 3, figure 2, week 4.
_LABELS = frozenset(
    """
    figure fig figs table tab chapter section sec step stage phase grade type class category level part page pages line
    item question no nr room building floor version volume issue article clause paragraph appendix annex
    rule group model series unit week day month year scenario case trial study experiment exercise example lesson module
    task gate platform track route bus flight form note equation eq ref reference option variant batch lot score rank team
    zone region district ward bed house flat channel port slot row column cell block layer lines point patient subject
    player season episode war
    """.split()
)


@dataclass(frozen=True, slots=True)
class Word:
    """A content word. Equal terms mean the same: stems, with general synonyms replaced by one of them."""

    term: str
    text: str
    span: Span
    is_name: bool


@dataclass(frozen=True, slots=True)
class ParsedSentence:
    """`contrasts` are words like "before" and "only"; `negations` the places of "not" and its kin."""

    text: str
    quantities: tuple[Quantity, ...]
    moments: tuple[Moment, ...]
    words: tuple[Word, ...]
    contrasts: frozenset[str]
    negations: tuple[Span, ...]

    @property
    def is_question(self) -> bool:
        return self.text.rstrip(" *_\"'”’").endswith("?")


@lru_cache(maxsize=SENTENCES_REMEMBERED)
def parsed(text: str) -> ParsedSentence:
    moments = moments_in(text)
    measured, labels = _without_labels(text, quantities_in(text, [moment.span for moment in moments]))
    taken = [moment.span for moment in moments] + [quantity.span for quantity in (*measured, *labels)]
    frame = _FRAME.match(text)
    start = frame.end() if frame else 0
    skipped = [Span(*match.span()) for match in _NO_NEGATION.finditer(text)]
    taken += [Span(*match.span()) for match in _COUNTED.finditer(text)]
    words = [Word(f"{_label_before(text, label)} {label.digits}", "", label.span, False) for label in labels]
    negations, contrasts = [], set()
    for span in _word_spans(text, start, taken):
        word = span.of(text).casefold().replace("’", "'")
        if word in NEGATIONS or word.endswith("n't"):
            if not any(other.start <= span.start < other.end for other in skipped):
                negations.append(span)
        elif word in CONTRASTS:
            if word != "since" or _SINCE_WHEN.match(text, span.end):
                contrasts.add(word)
        elif word not in STOPWORDS and word not in LIGHT and (term := _term(word)):
            words.append(Word(term, word, span, _is_name(text, span, start)))
    return ParsedSentence(text, tuple(measured), tuple(moments), tuple(words), frozenset(contrasts), tuple(negations))


def forget_parsed() -> None:
    """Called when another build is in use, so that no text of removed documents stays in memory."""
    parsed.cache_clear()
    _term.cache_clear()


def _word_spans(text: str, start: int, taken: list[Span]) -> Iterator[Span]:
    for match in _WORD.finditer(text, start):
        if not any(span.start < match.end() and match.start() < span.end for span in taken):
            yield Span(*match.span())


@lru_cache(maxsize=SENTENCES_REMEMBERED)
def _term(word: str) -> str:
    """The stem of a word's representative; empty for a word without a letter."""
    if not any(map(str.isalpha, word)):
        return word
    stems = terms(word)
    stem = stems[0] if stems else word
    stem = IRREGULAR.get(stem, stem)
    return SAME_AS.get(stem, stem)


def _is_name(text: str, span: Span, start: int) -> bool:
    """Whether a word is a code, or has a capital letter though it does not begin the sentence."""
    word = span.of(text)
    first = not any(map(str.isalnum, text[start : span.start])) or text[: span.start].rstrip()[-1:] in (".", ":", "?", "!")
    return any(map(str.isdigit, word)) or (len(word) > 1 and word[1:] != word[1:].lower()) or (word[0].isupper() and not first)


def _without_labels(text: str, quantities: list[Quantity]) -> tuple[list[Quantity], list[Quantity]]:
    """The numbers that measure or count, and those that name a thing: "stage 3", "Brisa 300"."""
    labels = [quantity for quantity in quantities if not quantity.unit and _label_before(text, quantity)]
    return [quantity for quantity in quantities if quantity not in labels], labels


def _label_before(text: str, quantity: Quantity) -> str:
    """The noun that a number belongs to as a name; empty if the number is none."""
    match = re.search(r"([^\W\d_]+)[.]?[ -]$", text[: quantity.span.start])
    if match is None or not text[quantity.span.start].isdigit():
        return ""
    word = match[1].casefold()
    named = word in STOPWORDS or word in CONTRASTS or word.endswith("ly") or not match[1][0].isupper() or len(word) < 3
    return "" if named and word.removesuffix("s") not in _LABELS and word not in _LABELS else _term(word)
