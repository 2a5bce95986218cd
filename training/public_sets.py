"""Examples from public question sets.

Half of the documents of each set that is also used for reporting never appear here; see `training.examples.part`.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rag.text.sentences import split_sentences
from training.derived_examples import answered, changed, retrieved, without_answer
from training.examples import Example, example, lines, part, window, worded
from training.span_questions import SpanQuestion, question_set, squadshift

SEED = 5
PIECE, STEP = 10, 8  # sentences of a long article in one piece, and from one piece to the next
# Sets with labelled sentences, and how many examples of each are taken: some have few wordings, boolq only weak labels.
LABELLED: dict[str, int | None] = {
    "squad2_dev_rest": None,
    "tydiqa_en": None,
    "contractnli": 1200,
    "cuad": 1500,
    "fairytaleqa": 2500,
    "selqa": None,
    "boolq": 2500,
    "pubmedqa": None,
    "sleepqa": None,
}


def public_examples(data: Path) -> list[Example]:
    """Of all sets, those to choose by included; always in the same order."""
    rng = random.Random(SEED)
    spans = [*squadshift(data, "squadshift_reddit"), *squadshift(data, "squadshift_amazon")]
    spans = rng.sample(spans, 9000)
    shared = [item for name in ("squadshift_newwiki", "squad2", "covidqa") for item in question_set(data, name)]
    seen = [item for item in shared if part(item.source, item.document) != "report"]
    hard = [item for item in seen if not item.answers]
    seen = [item for item in seen if item.answers]
    long_answers = [item for item in question_set(data, "clapnq", "sentence") if part(item.source, item.document) != "report"]
    claims = question_set(data, "scifact")
    pool = {item.text: (item.title, item.document) for item in [*spans, *seen] if len(item.text) < 4000}
    articles = _articles(seen)
    everything = [
        *answered([*spans, *seen, *hard], rng),
        *answered([item for item in seen if item.source == "covidqa"], rng),
        *answered(hard, rng),
        *answered(long_answers * 2, rng, kind="sentences"),
        *answered(claims, rng, kind="sentences"),
        *without_answer(rng.sample([*spans, *seen], 4500), rng),
        *changed(rng.sample([*spans, *seen], 9000), rng),
        *retrieved([*spans, *seen], pool, 3000, rng),
        *retrieved(claims, {r["text"]: (r["title"], r["_id"]) for r in lines(data / "scifact" / "corpus.jsonl")}, 400, rng),
        *retrieved([item for item in seen if item.source == "covidqa"], articles, 600, rng),
        *medquad(data, 2500, rng),
    ]
    return [item for item in everything if item.sentences]


def labelled_examples(data: Path, rng: random.Random) -> Iterator[Example]:
    """Of the sets in LABELLED, cut to the size of a passage."""
    for name, most in LABELLED.items():
        rows = list(lines(data / "train" / f"{name}.jsonl.gz"))
        rng.shuffle(rows)
        for row in rows[:most]:
            cut = _labelled(name, row, rng)
            if cut is not None:
                yield cut


def _labelled(name: str, row: dict[str, Any], rng: random.Random) -> Example | None:
    spans, answers, weak = row["sentences"], row["answers"], row["kind"] == "weak"
    gold = [n for n, (first, last) in enumerate(spans) if any(start < last and first < end for start, end in answers)]
    sizes = [len(row["text"][first:last].split()) for first, last in spans]
    first, last = window(sizes, [] if weak else gold, rng)
    kept = spans[first:last]
    shown = [n - first for n in gold if first <= n < last]
    if not kept or (gold and not shown):
        return None
    offset, end = kept[0][0], kept[-1][1]
    inside = [[a - offset, b - offset] for a, b in answers if offset <= a and b <= end] if row["kind"] == "span" else []
    return Example(
        source=name,
        question=worded(row["question"], rng),
        context=row["title"] if rng.random() < 0.8 else "",
        text=row["text"][offset:end],
        sentences=[[a - offset, b - offset] for a, b in kept],
        gold=shown,
        phrases=inside,
        kind=row["kind"] if shown else "none",
        group=row["split_key"],
    )


def medquad(data: Path, wanted: int, rng: random.Random) -> list[Example]:
    """Questions by kind on one disease: its answer holds an answer; the answer to another kind, or of another disease, none."""
    of_focus: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in lines(data / "train" / "retrieval_pairs.jsonl.gz"):
        if row["source"] == "medquad-nonneuro" and len(row["positive"].split()) > 40:
            of_focus[row["title"]].append(row)
    rows = [row for title in sorted(of_focus) for row in of_focus[title] if not row["query"].startswith("What is (are)")]
    examples = []
    for row in rng.sample(rows, min(wanted, len(rows))):
        question = re.sub(r"\s+\?", "?", row["query"])
        text = " ".join(row["positive"].split())
        answer = example("medquad", worded(question, rng), row["title"], text, [], rng, group=row["title"])
        if answer.sentences:
            examples.append(replace(answer, gold=list(range(len(answer.sentences))), kind="weak"))
        others = [r for r in of_focus[row["title"]] if r["query"][:12] != row["query"][:12] and "(are)" not in r["query"]]
        if others and rng.random() < 0.7:
            other = rng.choice(others)
        else:
            other = rng.choice(rows)
            if other["title"] == row["title"]:
                continue
        rest = " ".join(other["positive"].split())
        examples.append(example("medquad-other", worded(question, rng), other["title"], rest, [], rng, group=row["title"]))
    return [item for item in examples if item.sentences]


def _articles(seen: list[SpanQuestion]) -> dict[str, tuple[str, str]]:
    """The long articles of covidqa in overlapping pieces."""
    pieces = {}
    for document, text in sorted({(item.document, item.text) for item in seen if item.source == "covidqa"}):
        spans = split_sentences(text)
        for i in range(0, len(spans), STEP):
            pieces[text[spans[i].start : spans[min(i + PIECE, len(spans)) - 1].end]] = ("", document)
    return pieces
