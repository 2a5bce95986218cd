"""Which documents are versions of one document, which of them is the newer, and from when a document is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

from rag.records import Document
from rag.text.dates import moments_in
from rag.text.terms import terms

HEAD = 1_500  # characters in which a document says from when it is
VERSIONS_REMEMBERED = 64  # documents, whose texts stay in memory until another build is in use
SHARED_LINES = 0.5  # share of the shorter document's sentences from which two documents are versions of one
FEWEST_LINES = 4  # of a document, to be compared by its sentences
SHORTEST_LINE = 25  # characters
_NUMBERED = re.compile(
    r"\b(?:version|edition|issue|revision|release|rev\.?|ver\.?)\s*(\d+(?:\.\d+)*)\b|\b(?:v|r)(\d+(?:\.\d+)*)\b"
    r"|\b(\d+)(?:st|nd|rd|th) edition\b",
    re.IGNORECASE,
)
_DATED = re.compile(
    r"\b(?:valid (?:from|since|as of)|effective(?: from| date| as of)?|in force (?:from|since)|as of|applies from|dated?"
    r"|(?:last )?(?:updated|revised|modified|changed)|published|issued|status|stand|version of|approved)(?: on| in)?\b[:\s]*",
    re.IGNORECASE,
)
_REPLACES = re.compile(r"\b(?:supersedes?|superseding|replaces?|replacing|takes? the place of)\s+([^.;\n]{3,120})", re.IGNORECASE)
_YEAR = re.compile(r"(?<!\d)(?:19[5-9]\d|20\d\d)(?!\d)")
_DATE_IN_NAME = re.compile(r"(?<!\d)((?:19[5-9]\d|20\d\d))[-_. ]?(\d{2})(?:[-_. ]?(\d{2}))?(?!\d)")
_STATE = re.compile(r"\b(?:draft|final|old|new|copy|latest|current|archived?|obsolete|updated|revised|signed)\b", re.IGNORECASE)
_OBSOLETE = re.compile(r"\b(?:old|archived?|obsolete|superseded|draft)\b", re.IGNORECASE)

Date = tuple[int, ...]
"""Year, month and day, as far as known."""


@dataclass(frozen=True, slots=True)
class Edition:
    """What a document says about its own version. `names` are its title and file name without what marks a version, as terms."""

    names: frozenset[tuple[str, ...]]
    number: tuple[int, ...]
    date: Date
    replaces: frozenset[str]
    obsolete: bool
    lines: frozenset[int]

    @property
    def marked(self) -> bool:
        return bool(self.number or self.date or self.obsolete)


@dataclass(frozen=True, slots=True)
class VersionOrder:
    """That two documents are versions of one: `newer` is 0 or 1, None if unknown; `why` says so in a few words."""

    newer: int | None
    why: str


def version_order(first: Document, second: Document) -> VersionOrder | None:
    """How two documents are versions of one document; None if they are different documents."""
    first_edition, second_edition = edition_of(first), edition_of(second)
    for number, (edition, replaced) in enumerate(((first_edition, second), (second_edition, first))):
        words = frozenset(terms(_without_marks(replaced.title)))
        stem = PurePosixPath(replaced.id).stem.casefold()
        if edition.replaces and ((words and words <= edition.replaces) or stem in edition.replaces):
            return VersionOrder(number, "says that it replaces the other")
    same_name = bool(first_edition.names & second_edition.names) and (first_edition.marked or second_edition.marked)
    if not same_name and not _mostly_equal(first_edition, second_edition):
        return None
    for what, mine, theirs in (
        ("version", first_edition.number, second_edition.number),
        ("date", first_edition.date, second_edition.date),
    ):
        if mine and theirs and mine != theirs:
            newer = 0 if mine > theirs else 1
            values = (mine, theirs) if newer == 0 else (theirs, mine)
            return VersionOrder(newer, f"{what} {_written(values[0], what)} after {_written(values[1], what)}")
    if first_edition.obsolete != second_edition.obsolete:
        return VersionOrder(0 if second_edition.obsolete else 1, "the other is called old or a draft")
    return VersionOrder(None, "most sentences are the same, but neither says which is newer")


def written_date(date: Date) -> str:
    """A date in ISO form, as far as it is known: "2024", "2024-03", "2024-03-05"."""
    return "-".join(f"{part:02d}" for part in date)


def _written(value: tuple[int, ...], what: str) -> str:
    return written_date(value) if what == "date" else ".".join(map(str, value))


def _mostly_equal(first: Edition, second: Edition) -> bool:
    fewer = min(len(first.lines), len(second.lines))
    return fewer >= FEWEST_LINES and len(first.lines & second.lines) >= SHARED_LINES * fewer


@lru_cache(maxsize=VERSIONS_REMEMBERED)
def _edition(id: str, title: str, head: str, text: str) -> Edition:
    name = PurePosixPath(id).stem
    spaced = re.sub(r"[_-]+", " ", name)
    numbers = [match for source in (spaced, title, head) for match in _NUMBERED.finditer(source)]
    number = tuple(int(part) for part in next(group for group in numbers[0].groups() if group).split(".")) if numbers else ()
    replaces = frozenset(term for match in _REPLACES.finditer(head) for term in terms(match[1]))
    names = frozenset(words for words in (tuple(terms(_without_marks(source))) for source in (spaced, title)) if words)
    lines = frozenset(hash(line) for line in _lines(text))
    return Edition(names, number, _date(name, title, head), replaces, bool(_OBSOLETE.search(f"{spaced}\n{title}")), lines)


def edition_of(document: Document) -> Edition:
    """Remembered until `forget_editions`."""
    return _edition(document.id, document.title, document.text[:HEAD], document.text)


def forget_editions() -> None:
    _edition.cache_clear()


def date_of(document: Document) -> Date:
    """From when a document is, by what it says at its beginning, or by its title or name; empty if unknown."""
    return edition_of(document).date


def _date(name: str, title: str, head: str) -> Date:
    stated = [date for match in _DATED.finditer(head) for date in [_date_at(head, match.end())] if date]
    if stated:
        return max(stated)
    for source in (title, name):
        if match := _DATE_IN_NAME.search(source):
            parts = tuple(int(part) for part in match.groups() if part)
            if all(1 <= part <= limit for part, limit in zip(parts[1:], (12, 31), strict=False)):
                return parts
        if years := _YEAR.findall(source):
            return (int(max(years)),)
    return ()


def _date_at(text: str, position: int) -> Date:
    """The date that stands at a position, with or without a day."""
    for moment in moments_in(text[position : position + 40]):
        known = dict(moment.readings[-1])
        if moment.span.start <= 1 and "year" in known:
            return tuple(known[field] for field in ("year", "month", "day") if field in known)
    match = _YEAR.match(text, position)
    return (int(match[0]),) if match else ()


def _without_marks(name: str) -> str:
    """A name without versions, dates and states."""
    for pattern in (_NUMBERED, _DATE_IN_NAME, _YEAR, _STATE):
        name = pattern.sub(" ", name)
    return name


def _lines(text: str) -> Iterator[str]:
    for line in re.split(r"\n|(?<=[.!?]) ", text):
        words = " ".join(line.split())
        if len(words) >= SHORTEST_LINE:
            yield words
