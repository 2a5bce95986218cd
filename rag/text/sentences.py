"""Text to sentence spans: nupunkt, with a few rules for boundaries that its statistics get wrong.

The splitter gets one block of a document at a time (a paragraph or a list item), so it need not know about headings or
lists; line breaks within a block are white space.
"""

import re

from rag.records import Span
from rag.text.other_languages import further_ends, goes_on, is_german

# Abbreviations that never end a sentence, and abbreviations that do not end one before a digit. nupunkt misses some.
_LEADS_ON = re.compile(r"(?:^|[\s(\[“\"'])(?:e\.g|i\.e|cf|viz|approx|ca)\.\s*$")
_LEADS_TO_NUMBER = re.compile(r"(?:^|[\s(\[“\"'])(?:chr|nos?|figs?|tabs?|eqs?|refs?|vols?|pp?)\.\s*$", re.IGNORECASE)
# A unit after a number may end a sentence ("2.5 h. Clearance fell."), but nupunkt takes "h." for an abbreviation.
_UNIT_END = re.compile(r"\d\s?(?:h|hr|hrs|min|s|ms|mg|µg|g|kg|mm|cm|m|km|ml|l|Hz|mV|°C|%)\.(?=\s+[A-Z][a-z])")
# nupunkt also takes some whole words ("month.", "hand.", "CMT.") for abbreviations. Capitalised words are left as they are.
_WORD_END = re.compile(
    r"(?<![\w.-])(?!(?:approx|incl|resp|dept|univ|assoc|figs|refs|vols|subsp|spec|cont|misc|orig|appr)\.)(?:[a-z]{4,}|[A-Z]{3,})\."
    r"(?=\s+[A-Z](?:[a-z]|\s))"
)
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_LONGEST_ABBREVIATION = 20  # characters; more than any abbreviation above with the bracket or quote before it


def split_sentences(text: str, span: Span | None = None) -> list[Span]:
    """Sentence spans of `text[span]` in order, in coordinates of `text`.

    They do not overlap, leave out only white space, and are never empty; a piece without a letter or digit is joined to
    its neighbour. White space alone gives an empty list.
    """
    span = span or Span(0, len(text))
    source = span.of(text)
    if not source.strip():
        return []
    german = is_german(text)
    pieces = _split_where_missed(source, _boundaries(source), german=german)
    spans = [_trim(source, start, end) for start, end in _join(source, pieces, german=german)]
    return [Span(span.start + start, span.start + end) for start, end in spans]


def _boundaries(source: str) -> list[tuple[int, int]]:
    from nupunkt import sent_spans  # loads its model, so only when there is text to split

    return list(sent_spans(source))


def _split_where_missed(source: str, pieces: list[tuple[int, int]], *, german: bool) -> list[tuple[int, int]]:
    split = []
    for start, end in pieces:
        ends = {match.end() for pattern in (_UNIT_END, _WORD_END) for match in pattern.finditer(source, start, end)}
        ends.update(further_ends(source, start, end, german=german))
        for middle in sorted(ends):
            split.append((start, middle))
            start = middle
        split.append((start, end))
    return split


def _join(source: str, pieces: list[tuple[int, int]], *, german: bool) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in pieces:
        if joined and _belongs_together(source, *joined[-1], end, german=german):
            joined[-1] = (joined[-1][0], end)
        elif source[start:end].strip():
            joined.append((start, end))
    return joined


def _belongs_together(source: str, start: int, middle: int, end: int, *, german: bool) -> bool:
    """Whether source[start:middle] and source[middle:end] are one sentence."""
    if not _LETTER_OR_DIGIT.search(source, middle, end) or not _LETTER_OR_DIGIT.search(source, start, middle):
        return True
    before = source[max(start, middle - _LONGEST_ABBREVIATION) : middle]
    first_before = _first_character(source, start)
    first_after = _first_character(source, middle)
    # In text with capitals at the start of sentences, a small letter continues one: `"Why?" she asked.`
    if first_after.islower() and not first_before.islower():
        return True
    if first_after.isdigit() and _LEADS_TO_NUMBER.search(before):
        return True
    return bool(_LEADS_ON.search(before)) or goes_on(before, source[middle : middle + _LONGEST_ABBREVIATION], german=german)


def _first_character(source: str, start: int) -> str:
    match = _LETTER_OR_DIGIT.search(source, start)
    return match.group() if match else ""


def _trim(source: str, start: int, end: int) -> tuple[int, int]:
    piece = source[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())
