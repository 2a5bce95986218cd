"""Abbreviations that a sentence explains: "mean time between failures (MTBF)", "MTBF (mean time between failures)".

After Schwartz and Hearst 2003, "A Simple Algorithm for Identifying Abbreviation Definitions in Biomedical Text": the letters of
the short form occur in the long form in order, the first one at the start of a word.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.records import Span

LONGEST_SHORT = 10  # characters, as in the paper
_SHORT = r"[A-Za-z0-9][A-Za-z0-9&/.+-]{1,9}"
_BRACKET = re.compile(r"\(([^()\n]{2,150})\)")
_BEFORE = re.compile(rf"({_SHORT})\s*\Z")
_STANDS_FOR = (
    r"(?:(?:which |that )?(?:stands|is short|is the abbreviation|is an abbreviation|short|an abbreviation)\s+(?:for|of)"
    r"|(?:which )?means|abbreviates)"
)
_CONNECTED = re.compile(
    rf"(?<![\w-])({_SHORT})(?:[\"”'*_]*)(?:\s*[:=|]\s*|\s+[–—-]\s+|,?\s+{_STANDS_FOR}\s+)[\"“'*_]*(?=([^.;,()|\n]{{3,150}}))"
)
_WORD = re.compile(r"\S+")
_SMALL_WORDS = frozenset(("a", "an", "and", "at", "by", "for", "in", "of", "on", "the", "to", "with"))  # often without a letter


@dataclass(frozen=True, slots=True)
class Abbreviation:
    """A short form and the span of its long form in the text that explains it."""

    short: str
    long: Span


def abbreviations_in(text: str) -> list[Abbreviation]:
    """In order of the long forms; each pair once."""
    found: dict[tuple[str, str], Abbreviation] = {}
    for short, span in sorted({*_in_brackets(text), *_connected(text)}, key=lambda pair: (pair[1], pair[0])):
        found.setdefault((short, span.of(text).casefold()), Abbreviation(short, span))
    return list(found.values())


def _in_brackets(text: str) -> Iterator[tuple[str, Span]]:
    for match in _BRACKET.finditer(text):
        inner = re.split(r"[;,]", match[1])[0].strip(" \"“”'*_")
        if _is_short(inner):
            first = _start_of_long(inner, text, _window(inner, text, match.start()), match.start())
            if first is not None:
                yield inner, _stripped(text, first, match.start())
        elif (before := _BEFORE.search(text, max(0, match.start() - LONGEST_SHORT - 2), match.start())) and _is_short(before[1]):
            start = match.start(1)
            end = start + len(re.split(r"[;,]", match[1])[0])
            if not _is_word(before[1]) and _start_of_long(before[1], text, start, end) == start:
                yield before[1], _stripped(text, start, end)


def _connected(text: str) -> Iterator[tuple[str, Span]]:
    """ "MTBF: mean time between failures", "MTBF stands for …".

    The long form is the words whose first letters are the short form, otherwise all up to the next punctuation, otherwise the
    fewest words that have all the letters.
    """
    for match in _CONNECTED.finditer(text):
        short, start = match[1].rstrip(".-/"), match.start(2)
        if not _is_short(short) or _is_word(short):
            continue
        words = list(_WORD.finditer(text, start, match.end(2)))
        most = min(len(short) + 5, 2 * len(short))
        ends = [word.end() for word in words[:most] if _start_of_long(short, text, start, word.end()) == start]
        if ends:
            by_initials = [end for end in ends if _initials(text[start:end]) == short.lower()]
            whole = len(words) <= most and ends[-1] == words[-1].end()
            yield short, _stripped(text, start, by_initials[0] if by_initials else ends[-1] if whole else ends[0])


def _initials(long: str) -> str:
    return "".join(word[0] for word in re.findall(r"[^\W_]+", long.lower()) if word not in _SMALL_WORDS)


def _is_short(text: str) -> bool:
    """Two to ten characters in one or two words, each with a capital letter or a digit."""
    words = text.split()
    marked = all(any(letter.isupper() or letter.isdigit() for letter in word) for word in words)
    return (
        2 <= len(text) <= LONGEST_SHORT and 0 < len(words) <= 2 and marked and text[0].isalnum() and any(map(str.isupper, text))
    )


def _is_word(short: str) -> bool:
    """Whether only its first letter is a capital, as in any word at the start of a sentence."""
    return short[1:] == short[1:].lower() and short.isalpha()


def _window(short: str, text: str, end: int) -> int:
    """Where the words begin that may be the long form before `end`: the paper's limit, within the sentence."""
    most = min(len(short) + 5, 2 * len(short))
    start = max(0, end - 40 * most, *(text.rfind(bracket, 0, end) + 1 for bracket in "()"))
    words = list(_WORD.finditer(text, start, end))[-most:]
    return words[0].start() if words else end


def _start_of_long(short: str, text: str, start: int, end: int) -> int | None:
    """Where the long form in text[start:end] begins that ends there; None if the letters do not match.

    The paper takes the shortest; words whose first letters are the short form come first here, as in "personal protective
    equipment (PPE)", of which the paper's algorithm leaves out the first.
    """
    words = [match.start() for match in _WORD.finditer(text, start, end)]
    if (by_initials := next((at for at in words[::-1] if _initials(text[at:end]) == short.lower()), None)) is not None:
        return by_initials
    at = end - 1
    for number in range(len(short) - 1, -1, -1):
        letter = short[number].lower()
        if not letter.isalnum():
            continue
        while at >= start and (
            text[at].lower() != letter or (number == 0 and at > start and (text[at - 1].isalnum() or text[at - 1] in "'’"))
        ):
            at -= 1
        if at < start:
            return None
        at -= 1
    first = at + 1
    long = text[first:end].split()
    too_many = len(long) > min(len(short) + 5, 2 * len(short))
    return None if too_many or not long or len(text[first:end].strip()) <= len(short) or short in long else first


def _stripped(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    return Span(start, start + len(piece.rstrip(" \t\n\"“”'*_|")))
