"""Whether two sentences say the same of the same thing except for one number, unit, date, name or negation.

Their words are aligned by meaning, not by position, so that clauses may change places. Any other difference in what they are
about means that they are about different things: two models, two years, two groups of patients.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rag.conflicts.parsed_sentence import ParsedSentence, Word, parsed
from rag.conflicts.word_meanings import NEGATING_PREFIXES, OPPOSITES
from rag.records import Span
from rag.text import dates, quantities
from rag.text.dates import Moment
from rag.text.quantities import Quantity

DifferenceKind = Literal["number", "unit", "date", "name", "negation"]
FEWEST_SHARED = 2  # content words; with fewer, two sentences may be about anything
LONG = 8  # shared words for each word that one of the sentences may have in addition
LONGEST_NAME = 4  # words
_OPENING = 12  # characters; a date that begins earlier says when the whole sentence is true: "In 2023, …"
LONG_STATEMENT = 6  # shared words from which even an opening date is more likely an error than another year's statement
_CONDITION = re.compile(r"\b(?:if|unless|whenever|in case|(?<!, )(?:when|who|whose|where|while))\b[^,;:]*$", re.IGNORECASE)
_IF = re.compile(r"\b(?:if|unless|whenever|in case)\b[^,;:]*$", re.IGNORECASE)
_RESTRICTED = re.compile(r"\b(?:for|in|of|on|at|during|among|from|per|by|with|to|and|or)\s+(?:\w+\s+)?$", re.IGNORECASE)
_ONE_PLACE = re.compile(
    r"\b(?:born|founded|held|built|located|situated|based|headquartered|published|released|established|signed|died|buried|opened"
    r"|filmed|set|invented|discovered|arrived|moved|settled|married|created|printed)\s+(?:to|from|at|in|on|near)\s+(?:the\s+)?$",
    re.IGNORECASE,
)  # what happens once happens in one place, whatever numbers the sentence has
_TITLES = r"(?:(?:the|an?|dr|prof|professor|mr|mrs|ms|sir)\.?\s+)?"
_STATED = re.compile(
    r"\b(?:is|was|are|were|be|been|being|by|named|called|became|become|remains|(?<!such )(?<!well )as)" rf"\s+{_TITLES}$",
    re.IGNORECASE,
)
_PLACED = re.compile(
    rf"\b(?:\w+ed|born|held|made|built|found|sent|based|taken|written|grown|kept|moves|lies|lives|works|begins|ends|starts)"
    rf"\s+(?:to|from|at|in|on|near|after)\s+{_TITLES}$",
    re.IGNORECASE,
)
_WITHIN_NAME = re.compile(r"[\s.'’-]+(?:(?:of|de|van|von)\s)?")
# What a sentence says about its own document: it is true of one version only.
_OF_VERSION = re.compile(
    r"\b(?:valid|effective|in force|applicable|applies|as of|version|edition|revision|revised|updated|published|issued"
    r"|approved|supersedes|replaces|copyright|retrieved|accessed|printed|status|date[ds]?)\b|©",
    re.IGNORECASE,
)
LONGEST_OF_VERSION = 5  # content words of such a sentence besides its date


@dataclass(frozen=True, slots=True)
class Difference:
    """`first` and `second` are the differing words in each sentence; none where one only lacks a negation.

    `shared` is the number of content words that both have, `coverage` their share of all content words.
    """

    kind: DifferenceKind
    first: tuple[Span, ...]
    second: tuple[Span, ...]
    shared: int
    coverage: float


@dataclass(frozen=True, slots=True)
class _Found:
    kind: DifferenceKind
    first: tuple[Span, ...]
    second: tuple[Span, ...]


def difference(first_text: str, second_text: str) -> Difference | None:
    """How two sentences contradict each other; None if they agree or are about different things."""
    first, second = parsed(first_text), parsed(second_text)
    if first.is_question or second.is_question or first.contrasts != second.contrasts:
        return None
    aligned = _align(first, second)
    if aligned is None:
        return None
    shared, coverage, replaced = aligned
    numbers, moments = _numbers(first, second), _moments(first, second, shared)
    if numbers is None or moments is None:
        return None
    differences = [*_with_negations(first, second, replaced), *numbers, *moments]
    if len(differences) != 1 or shared < FEWEST_SHARED:
        return None
    kind, spans = differences[0].kind, (differences[0].first, differences[0].second)
    if _conditional(first, spans[0], kind) or _conditional(second, spans[1], kind):
        return None
    return Difference(kind, *spans, shared, coverage)


def _align(first: ParsedSentence, second: ParsedSentence) -> tuple[int, float, list[_Found]] | None:
    """The number and share of words in common and a difference of names or opposites; None for different subjects."""
    only_first, only_second = _only(first.words, second.words), _only(second.words, first.words)
    shared = len(first.words) - len(only_first)
    coverage = 2 * shared / max(1, len(first.words) + len(second.words))
    if not only_first and not only_second:
        return shared, coverage, []
    if not only_first or not only_second:
        owner, extra = (first, only_first) if only_first else (second, only_second)
        return (shared, coverage, []) if _only_adds(owner, extra, shared) else None
    if len(only_first) == len(only_second) == 1 and _opposite(only_first[0], only_second[0]):
        return shared, coverage, [_Found("negation", (only_first[0].span,), (only_second[0].span,))]
    sides = ((first, only_first), (second, only_second))
    if all(_one_name(*side) for side in sides) and any(_predicate(*side) for side in sides):
        spans = [(Span(words[0].span.start, words[-1].span.end),) for words in (only_first, only_second)]
        return shared, coverage, [_Found("name", *spans)]
    return None


def _only(words: Sequence[Word], others: Sequence[Word]) -> list[Word]:
    left = Counter(word.term for word in others)
    only = []
    for word in words:
        if left[word.term]:
            left[word.term] -= 1
        else:
            only.append(word)
    return only


def _only_adds(sentence: ParsedSentence, extra: Sequence[Word], shared: int) -> bool:
    """Whether words that only one sentence has leave what it is about unchanged: adverbs, or a detail in a long sentence."""
    weighty = [word for word in extra if not (word.text.endswith("ly") and len(word.text) > 4)]
    return len(weighty) <= shared // LONG and not any(
        word.is_name or _RESTRICTED.search(sentence.text[: word.span.start]) for word in weighty
    )


def _opposite(first: Word, second: Word) -> bool:
    if frozenset((first.term, second.term)) in OPPOSITES:
        return True
    shorter, longer = sorted((first.text, second.text), key=len)
    return len(shorter) > 3 and any(longer == prefix + shorter for prefix in NEGATING_PREFIXES if len(prefix) > 1)


def _one_name(sentence: ParsedSentence, words: Sequence[Word]) -> bool:
    """Whether the words are one name: neighbours, with only white space, dots or small words between them."""
    gaps = (sentence.text[a.span.end : b.span.start] for a, b in zip(words, words[1:], strict=False))
    return len(words) <= LONGEST_NAME and all(word.is_name for word in words) and all(map(_WITHIN_NAME.fullmatch, gaps))


def _predicate(sentence: ParsedSentence, words: Sequence[Word]) -> bool:
    """Whether a name is what is said, not what it is said of: "is called X", "was founded in X"."""
    before = sentence.text[: words[0].span.start]
    if _STATED.search(before) or _ONE_PLACE.search(before):
        return True
    return not sentence.quantities and bool(_PLACED.search(before))


def _numbers(first: ParsedSentence, second: ParsedSentence) -> list[_Found] | None:
    """At most one number that differs; None if there is more, or what differs cannot be compared."""
    left_first, left_second = _unmatched(first.quantities, second.quantities)
    if not left_first and not left_second:
        return []
    if len(left_first) != 1 or len(left_second) != 1:
        return None
    quantity, counterpart = left_first[0], left_second[0]
    same_digits = bool(set(quantity.digits) & set(counterpart.digits))
    if quantity.dimension != counterpart.dimension and not same_digits and quantity.unit and counterpart.unit:
        return None
    kind: DifferenceKind = "unit" if same_digits and quantity.unit != counterpart.unit else "number"
    return [_Found(kind, (quantity.span,), (counterpart.span,))]


def _unmatched(first: Sequence[Quantity], second: Sequence[Quantity]) -> tuple[list[Quantity], list[Quantity]]:
    """What is left on each side once numbers that agree are paired, equal ones first."""
    left, rest = list(first), list(second)
    for exactly in (True, False):
        for quantity in tuple(left):
            matches = [q for q in rest if quantities.agree(quantity, q) and (not exactly or quantity.readings == q.readings)]
            if matches:
                left.remove(quantity)
                rest.remove(matches[0])
    return left, rest


def _moments(first: ParsedSentence, second: ParsedSentence, shared: int) -> list[_Found] | None:
    """At most one date that differs; None if dates say when something is true rather than what happened when."""
    left, rest = list(first.moments), list(second.moments)
    for moment in tuple(left):
        match = next((candidate for candidate in rest if dates.agree(moment, candidate)), None)
        if match:
            left.remove(moment)
            rest.remove(match)
    if not left and not rest:
        return []
    if len(left) != 1 or len(rest) != 1 or not dates.same_kind(left[0], rest[0]):
        return None
    if any(map(_of_version, (first, second))) or _framing(first, left[0], shared) or _framing(second, rest[0], shared):
        return None
    return [_Found("date", (left[0].span,), (rest[0].span,))]


def _of_version(sentence: ParsedSentence) -> bool:
    return bool(_OF_VERSION.search(sentence.text)) and len(sentence.words) <= LONGEST_OF_VERSION


def _framing(sentence: ParsedSentence, moment: Moment, shared: int) -> bool:
    return moment.span.start < _OPENING and (bool(sentence.quantities) or shared < LONG_STATEMENT)


def _with_negations(first: ParsedSentence, second: ParsedSentence, replaced: list[_Found]) -> list[_Found]:
    """Adds a negation that only one of the sentences has; an opposite cancels it: "not possible", "impossible"."""
    if len(first.negations) % 2 == len(second.negations) % 2:
        return replaced
    if [word.kind for word in replaced] == ["negation"]:
        return []
    return [*replaced, _Found("negation", first.negations, second.negations)]


def _conditional(sentence: ParsedSentence, spans: Sequence[Span], kind: DifferenceKind) -> bool:
    """Whether what differs is a condition, so that both sentences can be true: "If the lamp is not on, …"."""
    condition = _CONDITION if kind == "negation" else _IF
    if kind in ("number", "unit", "date") and len(sentence.quantities) < 2:
        return False
    return any(condition.search(sentence.text[: span.start]) for span in spans)
