"""Examples of TyDi QA in other languages than English: `python -m training.other_languages --data DIR --out FILE`.

Reads train/tydiqa_other.jsonl.gz below --data: `text, question, answers, title, language` a line. Each question is asked of some
sentences around its answer, and in part of another part of the same text, which does not answer it. The same data gives the same
bytes.
"""

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rag.records import Span
from rag.text.sentences import split_sentences
from training.examples import Example, lines

SEED = 7
SIZES = (350, 600, 800)  # characters of a text at most: some 80 to 230 tokens
TITLED = 0.7  # share of the examples whose text has a title
UNANSWERED = 0.6  # share of the questions that are also asked of a part that does not answer
FEWEST = 3  # sentences of such a part


def other_languages(data: Path) -> Iterator[Example]:
    rng = random.Random(SEED)
    for row in lines(data / "train" / "tydiqa_other.jsonl.gz"):
        sentences = split_sentences(row["text"])
        gold = [n for n, s in enumerate(sentences) if any(start < s.end and s.start < end for start, end in row["answers"])]
        if not gold:
            continue
        title = row["title"] if rng.random() < TITLED else ""
        yield _cut(row, title, sentences, gold, _around(sentences, rng.choice(gold), rng))
        apart = _apart(sentences, gold)
        if len(apart) >= FEWEST and rng.random() < UNANSWERED and not _repeats(row, sentences, apart):
            yield _cut(row, title, sentences, [], apart)


def _around(sentences: list[Span], row: int, rng: random.Random) -> range:
    """Rows of sentences around one, grown to both sides at random up to one of SIZES."""
    first, last = row, row + 1
    limit = rng.choice(SIZES)
    while True:
        sides = [side for side, there in (("left", first > 0), ("right", last < len(sentences))) if there]
        if not sides:
            return range(first, last)
        grown = (first - 1, last) if rng.choice(sides) == "left" else (first, last + 1)
        if sentences[grown[1] - 1].end - sentences[grown[0]].start > limit:
            return range(first, last)
        first, last = grown


def _apart(sentences: list[Span], gold: list[int]) -> range:
    """Rows of the first FEWEST sentences or more in a row that do not answer, up to the middle one of SIZES; empty if none do."""
    first = 0
    for row in range(len(sentences) + 1):
        ends = row == len(sentences) or row in gold
        full = row > first and sentences[row - 1].end - sentences[first].start > SIZES[1]
        if row - first >= FEWEST and (ends or full):
            return range(first, row)
        if ends:
            first = row + 1
    return range(0)


def _repeats(row: dict[str, Any], sentences: list[Span], part: range) -> bool:
    """Whether the part holds an answer after all."""
    text = row["text"][sentences[part[0]].start : sentences[part[-1]].end]
    return any(row["text"][start:end] in text for start, end in row["answers"])


def _cut(row: dict[str, Any], title: str, sentences: list[Span], gold: list[int], part: range) -> Example:
    start, end = sentences[part[0]].start, sentences[part[-1]].end
    return Example(
        source=f"tydiqa_{row['language']}",
        question=row["question"],
        context=title,
        text=row["text"][start:end],
        sentences=[[sentences[n].start - start, sentences[n].end - start] for n in part],
        gold=[n - part[0] for n in gold if n in part],
        phrases=[[a - start, b - start] for a, b in row["answers"] if gold and start <= a and b <= end],
        kind="span" if gold else "none",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    with arguments.out.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(example), ensure_ascii=False) + "\n" for example in other_languages(arguments.data))


if __name__ == "__main__":
    main()
