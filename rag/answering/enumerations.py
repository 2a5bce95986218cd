"""Enumerations: a sentence that announces several things, and the list, rows, sentences or sections that it announces."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

from rag.answering.surroundings import Place, items, lead_in_of, place_of, rows, walk
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Passage
from rag.text.headings import is_back_matter
from rag.text.leaning import leans_on_previous
from rag.text.numerals import NUMBER_WORDS

FEWEST, MOST_TOLD = 2, 12  # members of an enumeration in running text
FARTHEST = 15  # sentences between a member and the sentence that announces it
LONGEST_UNNUMBERED = 5  # sentences that "several duties" announces without numbering them; more is ordinary text
_NUMBERS = NUMBER_WORDS[FEWEST - 1 : MOST_TOLD]
_VAGUE = "several|various|different|many|the following|some|a number of|these"
_ANNOUNCED = re.compile(
    rf"\b(?P<count>{'|'.join(_NUMBERS)}|1[0-2]|[2-9]|{_VAGUE})(?:\s+[\w–-]+){{0,3}}?\s+(?P<noun>[a-z]+s|criteria|phenomena)\b",
    re.IGNORECASE,
)
_KINDS_OF_THING = re.compile(
    r"(?:type|kind|form|sort|stage|phase|step|cause|reason|way|grade|degree|group|class|categor(?:y|ie)|part|dut(?:y|ie)|task"
    r"|method|sign|symptom|factor|mechanism|change|action|option|rule|condition|level|item|point|feature|element|principle|role"
    r"|measure|effect|component|requirement|criteri|function|use|advantage|disadvantage|benefit|risk|thing|goal|aim|test|law)"
    r"(?:s|es|a|on)",
    re.IGNORECASE,
)
_FOLLOWING = re.compile(r"\b(?:as follows|the following)\b|\bfollowing (?:\w+\s+){0,2}\w+s\b", re.IGNORECASE)
_ORDINALS = (
    r"first(?:ly)?|one|1st",
    r"second(?:ly)?|next|another|the other|2nd|then",
    *(rf"{word}(?:ly)?" for word in ("third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh")),
    "twelfth",
)
_LAST = r"last(?:ly)?|final(?:ly)?|the other"
_NUMBERED = "step|stage|phase|part|type|grade|class|level|option|method|reason|rule|point|case"
_NUMBER_ASKED = re.compile(rf"\b(?:{_NUMBERED})\s+(?P<number>\d\d?)\b(?![.\d])", re.IGNORECASE)
_LABEL = re.compile(r"\s*(?:\*\*|__)\S")
_BEFORE_ORDINAL = r"^(?:\W*(?:in|at|on|during|with|for|the|a|an|its|their|and|after)\b)*\W*"  # "In the first stage"


@dataclass(frozen=True)
class Enumeration:
    """The members in document order. `announcement` is the sentence that leads in, None for a list without one."""

    announcement: ScoredSentence | None
    members: tuple[ScoredSentence, ...]

    @property
    def sentences(self) -> tuple[ScoredSentence, ...]:
        return (self.announcement, *self.members) if self.announcement else self.members

    @property
    def places(self) -> frozenset[Place]:
        return frozenset(place_of(sentence) for sentence in self.sentences)


def number_asked(query: str) -> int | None:
    """The number of the one member that a question asks for, as in "stage 2"."""
    match = _NUMBER_ASKED.search(query)
    return int(match["number"]) if match else None


def announced_by(sentence: ScoredSentence, index: Index) -> Enumeration | None:
    """What a sentence announces, whole and in order; None if it announces nothing that follows it.

    That is a list or table right after it, sentences numbered in words ("First", "The second", "Finally"), the sections
    below its own, or as many sentences as it tells to the end of its paragraph.
    """
    count = _count_told(sentence.text)
    following = bool(_FOLLOWING.search(sentence.text)) or sentence.text.rstrip(" *_").endswith(":")
    if count is None and not following:
        return None
    if members := _list_after(sentence, index) or _table(sentence, index):
        return Enumeration(sentence, members) if following or _is_told(count, members, index) else None
    finders: tuple[Callable[[ScoredSentence, Index, int], tuple[ScoredSentence, ...]], ...] = (
        _numbered_sentences,
        _sections_below,
        _labelled_paragraphs,
        _rest_of_paragraph,
    )
    for finder in finders:
        if members := finder(sentence, index, count or 0):
            return Enumeration(sentence, members)
    return None


def enumeration_with(sentence: ScoredSentence, index: Index) -> Enumeration | None:
    """The enumeration that a sentence announces or is a member of; None if there is none."""
    if sentence.sentence.kind == "item":
        members = (*list(items(sentence, index, -1))[::-1], sentence, *items(sentence, index, 1))
        return Enumeration(lead_in_of(sentence, index) or _telling(members, index), members) if len(members) > 1 else None
    if announced := announced_by(sentence, index):
        return announced
    if sentence.sentence.kind != "paragraph" or not any(ordinal_at(sentence.text, n) for n in range(1, MOST_TOLD + 1)):
        return None
    for near in islice(walk(sentence, index, -1), FARTHEST):
        if near.sentence.kind != "paragraph":
            return None
        announced = announced_by(near, index)
        if announced and place_of(sentence) in announced.places:
            return announced
    return None


def _telling(members: Sequence[ScoredSentence], index: Index) -> ScoredSentence | None:
    """The sentence before a list that tells the number of its items: "The panel has four buttons."."""
    before = next(walk(members[0], index, -1), None)
    if before and leans_on_previous(before.text):  # "They are listed here in order."
        before = next(walk(before, index, -1), None)
    if before is None or before.sentence.kind != "paragraph":
        return None
    return before if _is_told(_count_told(before.text), members, index) or _FOLLOWING.search(before.text) else None


def _count_told(text: str) -> int | None:
    """The number of things that a sentence announces; 0 for "several"; None if it announces none."""
    for match in _ANNOUNCED.finditer(text):
        count = match["count"].lower()
        if count in _NUMBERS:
            return _NUMBERS.index(count) + FEWEST
        if count.isdigit():
            return int(count)
        if _KINDS_OF_THING.fullmatch(match["noun"]):
            return 0
    return None


def _fits(count: int | None, members: int) -> bool:
    return count is not None and members >= FEWEST and count in (0, members)


def _is_told(count: int | None, members: Sequence[ScoredSentence], index: Index) -> bool:
    """Whether a list has as many items as told; a list in which others are nested has more."""
    return count is not None and max(count, FEWEST) <= _blocks(members, index) and len(members) >= FEWEST


def _list_after(sentence: ScoredSentence, index: Index) -> tuple[ScoredSentence, ...]:
    """The items after a sentence, or after the next one if that refers to it."""
    after = next(walk(sentence, index, 1), None)
    refers = after and after.sentence.kind == "paragraph" and leans_on_previous(after.text)
    return tuple(items(after if after and refers else sentence, index, 1))


def _blocks(members: Sequence[ScoredSentence], index: Index) -> int:
    """The number of items or rows, each of which may be several sentences."""
    start, end = members[0].sentence.span.start, members[-1].sentence.span.end
    blocks = index.documents[members[0].passage.document_id].blocks
    return sum(block.span.start < end and start < block.span.end for block in blocks)


def _table(sentence: ScoredSentence, index: Index) -> tuple[ScoredSentence, ...]:
    """The rows of the table right after a sentence, without its header."""
    header = next(walk(sentence, index, 1), None)
    if header is None or header.sentence.kind != "table":
        return ()
    return tuple(rows(header, index, 1)) if header.sentence.level else (header, *rows(header, index, 1))


def _numbered_sentences(sentence: ScoredSentence, index: Index, count: int) -> tuple[ScoredSentence, ...]:
    """From "First" to the last number, with the sentences between them."""
    members: list[ScoredSentence] = []
    number, end = 0, 0
    for near in islice(walk(sentence, index, 1), FARTHEST):
        if near.sentence.kind != "paragraph" or (count and number == count):
            break
        members.append(near)
        if ordinal_at(near.text, number + 1) or (number and _last_at(near.text)):
            number, end = number + 1, len(members)
            if _last_at(near.text) and not count:
                break
        elif not number:
            break
    complete = number >= FEWEST and count in (0, number)
    return tuple(members[:end]) if complete else ()


def ordinal_at(text: str, number: int) -> bool:
    """Whether a sentence begins with this ordinal, as in "First," or "In the first stage"."""
    return number <= len(_ORDINALS) and bool(_beginning(rf"{_ORDINALS[number - 1]}|(?:{_NUMBERED})\s+{number}").match(text))


def _last_at(text: str) -> bool:
    return bool(_beginning(_LAST).match(text))


def _beginning(words: str) -> re.Pattern[str]:
    return re.compile(rf"{_BEFORE_ORDINAL}(?:{words})\b", re.IGNORECASE)  # `re` keeps compiled patterns


def _sections_below(sentence: ScoredSentence, index: Index, count: int) -> tuple[ScoredSentence, ...]:
    """The first sentence of each section right below the sentence's own, if they are as many as told."""
    if next((near for near in walk(sentence, index, 1) if near.sentence.quotable), None):
        return ()  # not the end of its section
    headings = sentence.passage.headings
    firsts: dict[str, ScoredSentence] = {}
    for passage in _passages_after(sentence.passage, index):
        if passage.headings[: len(headings)] != headings or is_back_matter(passage.headings):
            break
        first = next((n for n, near in enumerate(passage.sentences) if near.quotable), None)
        if len(passage.headings) > len(headings) and first is not None:
            firsts.setdefault(passage.headings[len(headings)], ScoredSentence(passage, first, 0.0))
        if len(firsts) > MOST_TOLD:
            return ()
    return tuple(firsts.values()) if (headings or count) and _fits(count, len(firsts)) else ()


def _passages_after(passage: Passage, index: Index) -> Iterator[Passage]:
    following = index.passage_after(passage)
    while following is not None:
        yield following
        following = index.passage_after(following)


def _labelled_paragraphs(sentence: ScoredSentence, index: Index, count: int) -> tuple[ScoredSentence, ...]:
    """The paragraphs after a sentence that begin with a label in bold, if they are as many as told."""
    document = index.documents[sentence.passage.document_id]
    after = [block for block in document.blocks if block.span.start >= sentence.sentence.span.end]
    labelled = list(takewhile(lambda b: b.kind == "paragraph" and _LABEL.match(b.span.of(document.text)), after[: MOST_TOLD + 1]))
    if not _fits(count, len(labelled)):
        return ()
    return tuple(takewhile(lambda near: near.sentence.span.end <= labelled[-1].span.end, walk(sentence, index, 1)))


def _rest_of_paragraph(sentence: ScoredSentence, index: Index, count: int) -> tuple[ScoredSentence, ...]:
    """The sentences to the end of the paragraph, if they are as many as told and begin with the same word."""
    blocks = index.documents[sentence.passage.document_id].blocks
    end = next((block.span.end for block in blocks if block.span.end >= sentence.sentence.span.end), 0)
    near = islice(walk(sentence, index, 1), MOST_TOLD + 1)
    members = tuple(other for other in near if other.sentence.span.end <= end)
    alike = len({other.text.split(None, 1)[0].casefold() for other in members}) == 1
    return members if alike and _fits(count, len(members)) and len(members) <= LONGEST_UNNUMBERED else ()
