"""One training example of the reader, and what all sources share: split by document, cutting of texts, wording of questions."""

import gzip
import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.text.analyses import STOPWORDS
from rag.text.sentences import split_sentences

MOST_WORDS = 170  # of a text: some 230 tokens, as the passages of an index have


@dataclass(frozen=True)
class Example:
    """A question and a passage. `gold` are the numbers of the sentences that answer, `phrases` the spans of answers in the text.

    kind: "span" (phrases are known), "sentences" (all answering sentences are gold), "weak" (some of the gold ones answer),
    "none". Sentences in `partly` help without answering by themselves: they count neither as right nor as wrong. Examples with
    the same non-empty `joint` ask one question of several passages.
    """

    source: str
    question: str
    context: str
    text: str
    sentences: list[list[int]]
    gold: list[int]
    phrases: list[list[int]]
    kind: str
    group: str = ""
    partly: list[int] = field(default_factory=list)
    joint: str = ""
    split: str = "learn"


def part(source: str, document: str) -> str:
    """learn, choose or report: the part of a set that a document belongs to, determined by its name alone."""
    number = int(hashlib.sha256(f"{source}/{document}".encode()).hexdigest()[:8], 16) % 100
    return "report" if number < 50 else "choose" if number < 57 else "learn"


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def example(
    source: str, question: str, context: str, text: str, phrases: list[list[int]], rng: random.Random, **given: Any
) -> Example:
    """The text is cut to MOST_WORDS around the phrases, at ends of sentences."""
    spans = split_sentences(text)
    gold = sorted({n for n, s in enumerate(spans) for start, end in phrases if start < s.end and s.start < end})
    first, last = window([len(s.of(text).split()) for s in spans], gold, rng)
    kept = spans[first:last]
    if not kept:
        return Example(source, question, context, "", [], [], [], "none", **given)
    offset, end = kept[0].start, kept[-1].end
    inside = [[a - offset, b - offset] for a, b in phrases if offset <= a and b <= end]
    return Example(
        source,
        question,
        context,
        text[offset:end],
        [[s.start - offset, s.end - offset] for s in kept],
        [n - first for n in gold if first <= n < last],
        inside,
        "span" if inside else "none",
        **given,
    )


def window(sizes: list[int], gold: list[int], rng: random.Random) -> tuple[int, int]:
    """Sentences [first, last) with the gold ones, grown to both sides at random until MOST_WORDS are reached."""
    if not sizes:
        return 0, 0
    first = gold[0] if gold else rng.randrange(len(sizes))
    last = first + 1
    while last < len(sizes) and gold and last <= gold[-1] and sum(sizes[first : last + 1]) <= MOST_WORDS:
        last += 1
    while True:
        left = first > 0 and sum(sizes[first - 1 : last]) <= MOST_WORDS
        right = last < len(sizes) and sum(sizes[first : last + 1]) <= MOST_WORDS
        if not left and not right:
            return first, last
        if left and (not right or rng.random() < 0.5):
            first -= 1
        else:
            last += 1


def worded(question: str, rng: random.Random) -> str:
    """Sometimes as people type: no question mark, only the words that count, a slip of the finger."""
    if rng.random() < 0.3:
        question = question.rstrip("? ")
    if rng.random() < 0.08:
        words = [word for word in question.split() if word.casefold().strip("?,.") not in STOPWORDS]
        question = " ".join(words) if len(words) > 2 else question
    if rng.random() < 0.06 and len(question) > 12:
        place = rng.randrange(1, len(question) - 2)
        question = question[:place] + question[place + 1] + question[place] + question[place + 2 :]
    return question
