"""Defined terms, dates and figures in sentences: exact slices, found by their form."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag.overview.statements import Placed
from rag.records import Span
from rag.text.dates import moments_in
from rag.text.quantities import quantities_in
from rag.text.short_forms import abbreviations_in

LISTED = 12  # of a kind: two lines on the page
# Months of other languages; those of English are in rag.text.dates.
_MONTHS = (
    "januar februar märz mai juni juli oktober dezember janvier février mars avril juin juillet août septembre octobre novembre "
    "décembre enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre gennaio febbraio aprile "
    "maggio giugno luglio settembre ottobre dicembre"
)
_FOREIGN_DATE = re.compile(
    rf"(?<!\w)(?:\d{{1,2}}(?:\.|er|º)?\s(?:de\s)?)?(?:{'|'.join(_MONTHS.split())})\s(?:de\s)?(?:1[5-9]|20)\d\d(?!\w)",
    re.IGNORECASE,
)
_NAME = r"[\"“*_]*(?P<name>[^\W\d_](?:[^\W_]|[’'-])*(?: (?:[^\W_]|[’'-])+){0,3}?)[\"”*_]*"
_DEFINED = (
    re.compile(
        rf"^(?:The term |An? |The )?{_NAME}(?: \([^)]+\))?,?"
        r" (?:means|refers to|denotes|(?:is|are) (?:defined as|the (?:name|term) (?:of|for)))\b"
    ),
    re.compile(
        rf"^(?:An? |The )?{_NAME}(?: \([^)]+\))? (?:is|are) (?:an?|the|any) [^,;:.]{{2,80}}?"
        r" (?:that|which|who|whose|where|in which|by which)\b"
    ),
    re.compile(rf"^{_NAME}: (?:an? |the )?(?P=name)\b", re.IGNORECASE),
    re.compile(rf"\b(?:called|known as|termed) (?:an? |the )?{_NAME}(?=[,.;:)]| or | and |$)"),
    re.compile(r"^[*_]{2}(?P<name>[^*_:\n]{2,60}?):?[*_]{2}:? "),
)
_DIGIT = re.compile(r"\d")
_NO_NAME = re.compile(
    r"(?:this|that|these|those|it|they|there|he|she|we|you|one|what|which|here|another|each|some|any|other|its|their|such"
    r"|if|when|in|on|at|for|by|with|to|from|as|after|before|because|while)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A slice of a sentence; `span` is that of the document's text."""

    placed: Placed
    span: Span

    @property
    def text(self) -> str:
        start = self.placed.passage.span.start
        return self.placed.passage.text[self.span.start - start : self.span.end - start]


@dataclass(frozen=True)
class Facts:
    """The facts that are listed, in order, and how many there are."""

    listed: Sequence[Fact] = ()
    total: int = 0


def defined_terms(sentences: Iterable[Placed]) -> Facts:
    """Terms where they are explained, and abbreviations with their long forms."""
    return _gathered(sentences, _definitions)


def dates(sentences: Iterable[Placed]) -> Facts:
    """Days, months and years; no weekdays and times."""
    return _gathered(sentences, _dates_in)


def figures(sentences: Iterable[Placed]) -> Facts:
    """Numbers with a unit, a percentage or a currency."""
    return _gathered(sentences, _figures_in)


def _gathered(sentences: Iterable[Placed], spans_in: Callable[[str], Iterable[Span]]) -> Facts:
    """Each different slice at its first place: the LISTED most frequent, in the order of their places."""
    first: dict[str, Fact] = {}
    counts: Counter[str] = Counter()
    for placed in sentences:
        start, text = placed.sentence.span.start, placed.text
        for span in spans_in(text):
            key = " ".join(span.of(text).casefold().split())
            first.setdefault(key, Fact(placed, Span(start + span.start, start + span.end)))
            counts[key] += 1
    order = list(first)
    frequent = sorted(range(len(order)), key=lambda row: (-counts[order[row]], row))[:LISTED]
    return Facts([first[order[row]] for row in sorted(frequent)], len(order))


def _dates_in(text: str) -> list[Span]:
    if not _DIGIT.search(text):
        return []
    foreign = [Span(*match.span()) for match in _FOREIGN_DATE.finditer(text)]
    known = [moment.span for moment in moments_in(text) if {"year", "day", "decade"} & {name for name, _ in moment.readings[0]}]
    return sorted([*foreign, *(span for span in known if not any(span.start < f.end and f.start < span.end for f in foreign))])


def _figures_in(text: str) -> list[Span]:
    return [quantity.span for quantity in quantities_in(text, _dates_in(text)) if quantity.unit] if _DIGIT.search(text) else []


def _definitions(text: str) -> Iterator[Span]:
    spans = [_with_short(text, found.short, found.long) for found in abbreviations_in(text)]
    for pattern in _DEFINED:
        spans += [Span(*match.span("name")) for match in pattern.finditer(text) if not _NO_NAME.match(match["name"])]
    end = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if span.start >= end:
            yield span
            end = span.end


def _with_short(text: str, short: str, long: Span) -> Span:
    """The long form with its abbreviation, if only a bracket or a word or two is between them."""
    after = re.compile(rf"\W{{0,4}}{re.escape(short)}\)?").match(text, long.end)
    if after:
        return Span(long.start, after.end())
    before = text.rfind(short, max(0, long.start - len(short) - 25), long.start)
    closed = long.end + (before >= 0 and text[long.end : long.end + 1] == ")")
    return Span(before, closed) if before >= 0 else long
