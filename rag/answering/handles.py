"""Finds what a question names by number: "clause 3.2", "§ 12", "step 4", "article 5(2)", "error E-1042"."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.answering.table_words import words_of
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Block, Document, Passage
from rag.text.terms import terms

MOST_PASSAGES = 400  # with the number of a handle; reading more would take tens of milliseconds
MOST_DOCUMENTS = 3  # that have the same number; more would need a name
SHORTEST_CLAUSE = 8  # words; a shorter numbered line without a full stop is the title of what follows
_GROUPS = (
    "clause section sec article art paragraph para regulation rule subsection subclause §",
    "step",
    "figure fig",
    "table",
    "chapter ch",
    "part",
    "annex appendix schedule attachment",
    "item point question no number",
    "error fault alarm code warning",
    "order invoice ticket",
)
_LABELS = {label: number for number, group in enumerate(_GROUPS) for label in group.split()}
_UNLABELLED = {0, 1, 4, 6, 7, 8}  # groups whose numbers may stand alone: "3.2 Termination", "4. Open the valve"
_LABEL = r"(?:sub-?)?(?:" + "|".join(sorted((label for label in _LABELS if label != "§"), key=len, reverse=True)) + r")\b\.?"
_NUMBER = r"(?:\d+(?:\.\d+)*[a-z]?(?:\s?\(\w{1,4}\))*|[A-Za-z]{1,5}[-–/ ]?\d[\w-]*|[A-Z](?:\.\d+)*|[IVX]+)"
_ASKED = re.compile(
    rf"(?:\b(?P<label>{_LABEL})|(?P<sign>§{{1,2}}))\s*(?:(?:number|no\.?|code)\s+)?(?P<number>{_NUMBER})(?![\w.]*\w)", re.I
)
_AT_START = re.compile(
    rf"[\s#>*_|(]*(?:(?P<label>{_LABEL}|§{{1,2}})\s*)?(?P<number>{_NUMBER})(?P<after>[.:)\]*_]*)(?=[\s|–—]|\Z)", re.I
)
_PART_MARKER = re.compile(r"\s*(?:[-*•]|\(?[a-z]{1,4}[.)])\s", re.I)
_SAYING = frozenset(
    terms(
        """say state provide contain read content text wording cover mean meaning call quote cite show open give tell deal
        regulate stipulate require describe define explain detail full exact word document file list see look summary title
        named"""
    )
)


@dataclass(frozen=True)
class Handle:
    """A label ("clause", as typed) and a number; `number` without spaces, in lower case."""

    label: str
    group: int
    number: str
    typed: str


@dataclass(frozen=True)
class NumberedText:
    """The text under a number: its own block and those that belong to it."""

    document: Document
    blocks: tuple[Block, ...]
    names: frozenset[str]


def handle_in(query: str) -> Handle | None:
    """The handle that a question names; None if it names none or several."""
    matches = list(_ASKED.finditer(query))
    if len(matches) != 1:
        return None
    (match,) = matches
    label = (match["label"] or "§").rstrip(".")
    group = _LABELS.get(label.lower().removeprefix("sub").lstrip("-"), _LABELS.get(label.lower(), 0))
    return Handle(label.lower(), group, _plain(match["number"]), match.group().strip())


def other_words(query: str, handle: Handle) -> frozenset[str]:
    """The question's terms apart from the handle and words for saying."""
    return frozenset(terms(query.replace(handle.typed, " "))) - _SAYING


def numbered_texts(handle: Handle, index: Index, scope: NDArray[np.int64] | None) -> list[NumberedText] | None:
    """The texts with the handle's number, at most one for each document; None if there are too many passages to look at."""
    passages = _passages_with(handle, index, scope)
    if passages is None:
        return None
    best: dict[str, NumberedText] = {}
    for passage in passages:
        document = index.documents[passage.document_id]
        for number in _blocks_of(passage, document):
            if _is_named(handle, document, document.blocks[number]):
                text = _with_what_follows(handle, document, number, passage)
                before = best.get(document.id)  # perhaps a line of a table of contents, which is shorter than the clause
                if text.blocks and (before is None or _size(text) > _size(before)):
                    best[document.id] = text
    return list(best.values())


def is_mentioned(handle: Handle, index: Index, scope: NDArray[np.int64] | None) -> bool:
    """Whether a text names the handle anywhere, as in "see clause 3.2"."""
    passages = _passages_with(handle, index, scope)
    return passages is None or any(
        _LABELS.get((match["label"] or "§").rstrip(".").lower()) == handle.group and _plain(match["number"]) == handle.number
        for passage in passages
        for match in _ASKED.finditer(passage.text)
    )


def sentences_of(text: NumberedText, index: Index) -> list[ScoredSentence]:
    """The quotable sentences of a numbered text, in order."""
    start, end = text.blocks[0].span.start, text.blocks[-1].span.end
    return [
        ScoredSentence(passage, n, 1.0)
        for passage in index.passages_of(text.document.id)
        if passage.span.start < end and start < passage.span.end
        for n, sentence in enumerate(passage.sentences)
        if sentence.quotable and start <= sentence.span.start and sentence.span.end <= end
    ]


def _plain(number: str) -> str:
    """ "E 1042" and "E-1042" -> "e1042"; "5 (2)" -> "5(2)"; "3.2" stays."""
    return re.sub(r"[\s–/-]", "", number).lower().rstrip(".")


def _passages_with(handle: Handle, index: Index, scope: NDArray[np.int64] | None) -> list[Passage] | None:
    match = re.fullmatch(r"([a-z]{1,5})(\d.*)", handle.number)
    base = handle.number.split("(")[0]
    forms = {base, f"{match[1]}-{match[2]}", match[2]} if match else {base}
    if scope is None and max(map(index.document_frequency, forms)) > MOST_PASSAGES:
        return None
    rows: set[int] = set()
    for form in sorted(forms):
        rows.update(index.postings(form)[0].tolist())
    if scope is not None:
        rows &= set(scope.tolist())
    return [index.passages[row] for row in sorted(rows)] if len(rows) <= MOST_PASSAGES else None


def _blocks_of(passage: Passage, document: Document) -> Iterator[int]:
    number = max(0, bisect_right(document.blocks, passage.span.start, key=lambda block: block.span.start) - 1)
    while number < len(document.blocks) and document.blocks[number].span.start < passage.span.end:
        if document.blocks[number].span.start >= passage.span.start and document.blocks[number].kind not in ("table", "code"):
            yield number
        number += 1


def _is_named(handle: Handle, document: Document, block: Block) -> bool:
    match = _AT_START.match(block.span.of(document.text)[:80])
    if not match or _plain(match["number"]) != handle.number.split("(")[0] and _plain(match["number"]) != handle.number:
        return False
    if match["label"]:
        return _LABELS.get(match["label"].rstrip(".").lower()) == handle.group
    numbered = block.kind in ("heading", "question", "item") or "." in handle.number or bool(match["after"]) or handle.group == 8
    return handle.group in _UNLABELLED and numbered


def _with_what_follows(handle: Handle, document: Document, number: int, passage: Passage) -> NumberedText:
    blocks = document.blocks
    first = blocks[number]
    own = first.span.of(document.text)
    is_title = first.kind in ("heading", "question") or (len(own.split()) < SHORTEST_CLAUSE and not own.rstrip().endswith("."))
    end = number + 1
    while end < len(blocks) and _belongs(handle, document, first, blocks[end], is_title=is_title):
        end += 1
    names = words_of("\n".join((document.title, document.id, *passage.headings)))
    part = re.search(r"\(\w+\)$", handle.number)
    if part and _plain(own).find(handle.number) < 0:
        number, end = _part(part.group(), document, number + 1, end)
    return NumberedText(document, tuple(blocks[number:end]), names)


def _belongs(handle: Handle, document: Document, first: Block, block: Block, *, is_title: bool) -> bool:
    if block.kind == "heading" and (first.kind != "heading" or block.level <= first.level):
        return False
    text = block.span.of(document.text)[:80]
    match = _AT_START.match(text)
    if match and (match["after"] or match["label"] or "." in match["number"]) and _comes_later(handle, match["number"]):
        return False
    is_below = match is not None and _plain(match["number"]).startswith(f"{handle.number}.")
    return is_title or is_below or bool(_PART_MARKER.match(text))


def _comes_later(handle: Handle, number: str) -> bool:
    """Whether a number ends the text of the handle's: "3.3" and "4" after "3.2", but not "1." in a list within it."""
    if not re.fullmatch(r"[\d.]+", handle.number) or not re.fullmatch(r"[\d.]+", _plain(number)):
        return False
    own, other = ([int(part) for part in text.split(".") if part] for text in (handle.number, _plain(number)))
    level = len(other) - 1
    if level >= len(own) or other[:level] != own[:level]:
        return False
    return other[level] > own[level] if level == len(own) - 1 > 0 else other[level] == own[level] + 1


def _part(marker: str, document: Document, start: int, end: int) -> tuple[int, int]:
    """The blocks of "(2)" within those of a numbered text; none if there is no such part."""
    plain = marker.strip("()")
    starts = re.compile(rf"\s*\(?{re.escape(plain)}[.)]\s", re.I)
    for number in range(start, end):
        if starts.match(document.blocks[number].span.of(document.text)[:20]):
            return number, number + 1
    return start, start


def _size(text: NumberedText) -> int:
    return sum(block.span.end - block.span.start for block in text.blocks)
