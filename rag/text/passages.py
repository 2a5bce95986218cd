"""Documents to passages: runs of whole sentences that follow the document's structure and fit the embedder."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from rag.records import Block, Document, Passage, Sentence, Span
from rag.text.headings import heading_text
from rag.text.list_markers import TYPED_MARKER
from rag.text.sentences import split_sentences

TokenCounter = Callable[[Sequence[str]], list[int]]
"""The number of tokens of each text, without the model's special tokens."""

Progress = Callable[[str, int, int], None]
"""Called with what is counted, how much of it is done, and the total."""

Item = TypeVar("Item")

_LEADING = {
    "heading": re.compile(r"\s*(?:#{1,6}[ \t]+)?[*_]*"),
    "question": re.compile(r"\s*(?:#{1,6}[ \t]+)?[*_]*"),
    "item": re.compile(rf"\s*(?:{TYPED_MARKER.pattern})+"),
    # Only an outer bar, as in Markdown: a bar at one end has an empty cell beyond it, and every cell keeps its place.
    "table": re.compile(r"\s*(?:\|\s*(?=.*(?<!\\)\|\s*\Z))?", re.DOTALL),
    "paragraph": re.compile(r"\s*(?:>[> ]*)?"),
}
_TRAILING = {
    "heading": re.compile(r"[*_]*(?:[ \t]+#+)?\s*\Z"),
    "question": re.compile(r"[*_]*(?:[ \t]+#+)?\s*\Z"),
    "table": re.compile(r"[\s|]*\Z"),
}
_WORD = re.compile(r"\S+\s*")
_LINE = re.compile(r"[^\n]*\S[^\n]*\n*")
_REAL_WORD = re.compile(r"\b[^\W\d_]{3,}\b")  # a title made from a file name like "scan_0042" has none
_ANY_TOKENS, _LONGEST_TOKEN = 1024, 64  # characters: longer texts have no tokens that are longer than this on average
_UNITS_AT_ONCE = 4096  # sentences or words looked at together
_PART = 10_000  # characters, some pages: the unit in which progress is reported
_BELOW_HEADINGS = 7  # the level of a question that is not a heading: headings have 1 to 6
_CONTEXT_SHARE = 3  # title and headings take at most a third of the embedder's input, so that the text dominates


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence with the raw text around it: the list marker before it, the dashes below a table's header."""

    sentence: Sentence
    raw: Span
    tokens: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class _Section:
    """Blocks under one heading or question, without a gap between them. `lead` are the headings that begin it."""

    headings: tuple[str, ...]
    lead: tuple[Block, ...]
    body: tuple[Block, ...]


def split_passages(
    document: Document, *, count_tokens: TokenCounter, limit: int, progress: Progress = lambda unit, done, total: None
) -> list[Passage]:
    """Passages of a document, in order; together they leave out only text outside all blocks.

    `limit` is the length of the longest embedded text in tokens, without special tokens. A heading or question starts a
    passage and is the context of the further passages of its section. Rows and sentences stay whole, except that a sentence
    over the limit is cut at a word; the passages concerned have `cut` set. `progress` is called with the parts of the text
    that are done.
    """
    passages: list[Passage] = []
    count_tokens = _bounded(count_tokens, limit)

    def done(position: int) -> None:
        progress("parts", position // _PART, len(document.text) // _PART)

    for section in _sections(document):
        context = _context(document.title, section.headings, count_tokens=count_tokens, limit=limit // _CONTEXT_SHARE)
        budget = limit - (sum(count_tokens([context])) if context else 0)
        headers = _table_headers(document.text, section.body, count_tokens=count_tokens, limit=budget // _CONTEXT_SHARE)
        budget -= max((tokens for _, _, tokens in headers), default=0)
        # A heading without a body is a passage of its own.
        units = _units(document, section.body or section.lead, count_tokens=count_tokens, budget=budget, done=done)
        lead = [_block_unit(document.text, block) for block in section.lead] if section.body else []
        for group in _pack([*lead, *units], budget):
            group_context = "\n".join(part for part in (context, _header_above(group, headers)) if part)
            passages.append(_passage(document, section.headings, group_context, group))
    return passages


def embedded_text(passage: Passage) -> str:
    """The text that is embedded for a passage: title and headings on one line, then its text without leading headings."""
    body = next((i for i, sentence in enumerate(passage.sentences) if sentence.kind not in ("heading", "question")), 0)
    start = passage.sentences[body].span.start - passage.span.start if body else 0
    text = passage.text[start:]
    return f"{passage.context}\n{text}" if passage.context else text


def _table_headers(
    text: str, body: Sequence[Block], *, count_tokens: TokenCounter, limit: int
) -> list[tuple[Span, str | None, int]]:
    """The header rows of a section's tables, with the text and number of tokens that they add to later rows' passages.

    The text is None for a header over the limit, and for the first block after a table, which ends the header's scope.
    """
    headers: list[tuple[Span, str | None, int]] = []
    for block in body:
        if block.kind == "table" and block.level:
            words = _content(text, block).of(text)
            tokens = sum(count_tokens([words]))
            headers.append((block.span, words, tokens) if tokens <= limit else (block.span, None, 0))
        elif block.kind != "table" and headers and headers[-1][1] is not None:
            headers.append((block.span, None, 0))
    return headers


def _header_above(group: Sequence[_Unit], headers: Sequence[tuple[Span, str | None, int]]) -> str | None:
    """The header row of the table within which a group begins; None if the group contains that row itself."""
    first = group[0]
    if first.sentence.kind != "table" or first.sentence.level:
        return None
    above = [words for span, words, _ in headers if span.start < first.raw.start]
    return above[-1] if above else None


def _sections(document: Document) -> Iterator[_Section]:
    """A section begins at each heading or question, and after text that is not content and must not get into a passage."""
    path: list[tuple[int, str]] = []
    lead: list[Block] = []
    body: list[Block] = []
    end = 0
    for block in document.blocks:
        is_lead = block.kind in ("heading", "question")
        if (is_lead and body) or ((lead or body) and document.text[end : block.span.start].strip()):
            yield _section(document, path, lead, body)
            lead, body = [], []
        if is_lead:
            level = block.level or _BELOW_HEADINGS
            path = [(upper, label) for upper, label in path if upper < level]
            path.append((level, heading_text(block.span.of(document.text))))
        (lead if is_lead else body).append(block)
        end = block.span.end
    if lead or body:
        yield _section(document, path, lead, body)


def _section(document: Document, path: list[tuple[int, str]], lead: list[Block], body: list[Block]) -> _Section:
    headings = tuple(label for _, label in path if label != document.title)
    return _Section(headings, tuple(lead), tuple(body))


def _context(title: str, headings: tuple[str, ...], *, count_tokens: TokenCounter, limit: int) -> str:
    """Title and headings joined, without the outermost ones if they do not fit: the innermost say most."""
    labels = [*([title] if _REAL_WORD.search(title) else []), *headings]
    counts = count_tokens(labels) if labels else []
    while labels and sum(counts) + len(labels) > limit:
        labels, counts = labels[1:], counts[1:]
    return " > ".join(labels)


def _content(text: str, block: Block) -> Span:
    """A block without its marker: `- item` -> `item`, `## Heading ##` -> `Heading`, `| a | b |` -> `a | b`."""
    start, end = block.span.start, block.span.end
    if block.kind in ("heading", "question") or (block.kind == "table" and block.level):
        end = start + len(text[start:end].split("\n")[0])
    leading, trailing = _LEADING.get(block.kind), _TRAILING.get(block.kind)
    if leading and (match := leading.match(text, start, end)) and match.end() < end:
        start = match.end()
    if trailing and (match := trailing.search(text, start, end)) and match.start() > start:
        end = match.start()
    return Span(start, end)


def _block_unit(text: str, block: Block) -> _Unit:
    return _Unit(Sentence(_content(text, block), block.kind, block.level, block.page), block.span, 0)


def _units(
    document: Document, blocks: Sequence[Block], *, count_tokens: TokenCounter, budget: int, done: Callable[[int], None]
) -> list[_Unit]:
    fitting: list[_Unit] = []
    for units in _batched((unit for block in blocks for unit in _sentence_units(document, block)), _UNITS_AT_ONCE):
        done(units[-1].raw.end)
        for unit, count in zip(units, count_tokens([unit.raw.of(document.text) for unit in units]), strict=True):
            if count <= budget:
                fitting.append(replace(unit, tokens=count))
            else:
                fitting.extend(_cut(document.text, unit, count_tokens=count_tokens, budget=budget))
    return fitting


def _sentence_units(document: Document, block: Block) -> Iterator[_Unit]:
    text = document.text
    if block.kind in ("table", "code"):
        yield _block_unit(text, block)
        return
    spans = split_sentences(text, _content(text, block), document.language or None) or [block.span]
    for i, span in enumerate(spans):
        start = block.span.start if i == 0 else span.start
        end = block.span.end if i == len(spans) - 1 else span.end
        yield _Unit(Sentence(span, block.kind, block.level, block.page_at(span.start)), Span(start, end), 0)


def _cut(text: str, unit: _Unit, *, count_tokens: TokenCounter, budget: int) -> Iterator[_Unit]:
    """Cuts a sentence at words and code at line ends; a word that is still over the budget is cut between characters."""
    pattern = _LINE if unit.sentence.kind == "code" else _WORD
    words = (Span(match.start(), match.end()) for match in pattern.finditer(text, unit.raw.start, unit.raw.end))
    pieces: list[tuple[Span, int]] = []
    for batch in _batched(words, _UNITS_AT_ONCE):
        for word, count in zip(batch, count_tokens([word.of(text) for word in batch]), strict=True):
            if pieces and pieces[-1][1] + count <= budget:
                pieces[-1] = (Span(pieces[-1][0].start, word.end), pieces[-1][1] + count)
            else:
                pieces.extend(_cut_word(text, word, count, count_tokens=count_tokens, budget=budget))
    for span, count in pieces:
        trimmed = Span(span.start, span.start + len(span.of(text).rstrip()))
        cut = unit.sentence.kind != "code"  # a program does not lose its meaning at a line end, as a sentence would
        yield replace(unit, sentence=replace(unit.sentence, span=trimmed), raw=trimmed, tokens=count, cut=cut)


def _cut_word(text: str, word: Span, count: int, *, count_tokens: TokenCounter, budget: int) -> Iterator[tuple[Span, int]]:
    if count <= budget or word.end - word.start < 2:
        yield word, count
        return
    middle = (word.start + word.end) // 2
    for half in (Span(word.start, middle), Span(middle, word.end)):
        yield from _cut_word(text, half, sum(count_tokens([half.of(text)])), count_tokens=count_tokens, budget=budget)


def _bounded(count_tokens: TokenCounter, limit: int) -> TokenCounter:
    """Counts in bounded memory: a tokenizer takes some hundred bytes for each token.

    Long texts have a token for every 64 characters at least, so that a word of a megabyte, which may be a single token,
    does not become a passage. Texts that are over the limit for this alone are not counted.
    """

    def counts(texts: Sequence[str]) -> list[int]:
        least = [len(text) // _LONGEST_TOKEN if len(text) > _ANY_TOKENS else 0 for text in texts]
        countable = dict.fromkeys(text for text, tokens in zip(texts, least, strict=True) if tokens <= limit)
        counted: dict[str, int] = {}
        for batch in _batched(countable, _UNITS_AT_ONCE):
            counted |= zip(batch, count_tokens(batch), strict=True)
        return [max(tokens, counted.get(text, 0)) for text, tokens in zip(texts, least, strict=True)]

    return counts


def _batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _pack(units: list[_Unit], budget: int) -> Iterator[list[_Unit]]:
    """Groups of neighbouring units within the budget, of about equal size, so that no section ends with a tiny passage."""
    remaining = sum(unit.tokens for unit in units)
    group: list[_Unit] = []
    size = 0
    for unit in units:
        target = remaining / max(1, -(-remaining // budget)) if budget > 0 else 0
        if size and (size + unit.tokens > budget or size >= target):
            yield group
            remaining -= size
            group, size = [], 0
        group.append(unit)
        size += unit.tokens
    if group:
        yield group


def _passage(document: Document, headings: tuple[str, ...], context: str, units: Sequence[_Unit]) -> Passage:
    span = Span(units[0].raw.start, units[-1].raw.end)
    return Passage(
        document_id=document.id,
        span=span,
        text=span.of(document.text),
        headings=headings,
        page=units[0].sentence.page,
        sentences=tuple(unit.sentence for unit in units),
        cut=any(unit.cut for unit in units),
        context=context,
    )
