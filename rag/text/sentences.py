"""Text to sentence spans: English by nupunkt, other languages by the rules of Unicode, each with corrections.

The splitter gets one block of a document at a time (a paragraph or a list item), so it need not know about headings or
lists; line breaks within a block are white space.
"""

import re

from rag.records import Span
from rag.text.foreign_sentence_ends import further_ends, goes_on, is_german
from rag.text.unicode_sentences import unicode_boundaries

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
_CJK_STOP = re.compile(r"[。｡！？][」』”’）】》〉〕]*\s*$")  # needs no capital after it
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_LONGEST_ABBREVIATION = 20  # characters; more than any abbreviation above with the bracket or quote before it


def split_sentences(text: str, span: Span | None = None, language: str | None = None) -> list[Span]:
    """Sentence spans of `text[span]` in order, in coordinates of `text`.

    `language` is the text's, "" if unknown; if None, only German is told from English.

    They do not overlap, leave out only white space, and are never empty; a piece without a letter or digit is joined to
    its neighbour. White space alone gives an empty list.
    """
    span = span or Span(0, len(text))
    source = span.of(text)
    if not source.strip():
        return []
    if language is None:
        language = "de" if is_german(text) else ""
    pieces = _english_pieces(source) if language in ("", "en") else unicode_boundaries(source, language)
    spans = [_trim(source, start, end) for start, end in _join(source, pieces, language)]
    return [Span(span.start + start, span.start + end) for start, end in spans]


def _english_pieces(source: str) -> list[tuple[int, int]]:
    from nupunkt import sent_spans  # loads its model, so only when there is text to split

    split = []
    for start, end in sent_spans(source):
        ends = {match.end() for pattern in (_UNIT_END, _WORD_END) for match in pattern.finditer(source, start, end)}
        ends.update(further_ends(source, start, end))
        for middle in sorted(ends):
            split.append((start, middle))
            start = middle
        split.append((start, end))
    return split


def _join(source: str, pieces: list[tuple[int, int]], language: str) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in pieces:
        if joined and _belongs_together(source, *joined[-1], end, language):
            joined[-1] = (joined[-1][0], end)
        elif source[start:end].strip():
            joined.append((start, end))
    return joined


def _belongs_together(source: str, start: int, middle: int, end: int, language: str) -> bool:
    """Whether source[start:middle] and source[middle:end] are one sentence."""
    if not _LETTER_OR_DIGIT.search(source, middle, end) or not _LETTER_OR_DIGIT.search(source, start, middle):
        return True
    before = source[max(start, middle - _LONGEST_ABBREVIATION) : middle]
    first_before = _first_character(source, start)
    first_after = _first_character(source, middle)
    # In text with capitals at the start of sentences, a small letter continues one: `"Why?" she asked.`
    if first_after.islower() and not first_before.islower() and not _CJK_STOP.search(before):
        return True
    if language in ("", "en") and (_LEADS_ON.search(before) or (first_after.isdigit() and _LEADS_TO_NUMBER.search(before))):
        return True
    return goes_on(before, source[middle : middle + _LONGEST_ABBREVIATION], language)


def _first_character(source: str, start: int) -> str:
    match = _LETTER_OR_DIGIT.search(source, start)
    return match.group() if match else ""


def _trim(source: str, start: int, end: int) -> tuple[int, int]:
    piece = source[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())
