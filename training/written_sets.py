"""Training examples from written questions and families of similar facts, in groups of passages that compete for one question.

Written questions come on sets of six similar passages, with every sentence of all six labelled. Families are kinds of things
with properties; a program makes passages and tables from them in which the right fact stands among its siblings.
"""

import gzip
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.examples import Example, worded

CHOOSE_SETS = (25, 7)  # sets whose number leaves 7 on division by 25 (rows/choose.tsv) are for choosing only
CHOOSE_FAMILIES = (15, 4)  # likewise every 15th family
PER_FAMILY = 26  # passages that are made from one family
LONGEST_PROSE = 9  # sentences
# "near" questions begin with these more often than answered ones: unbalanced, the first words alone would say "none".
_COUNTING = re.compile(
    r"^(?:how (?:many|much|high|often|long)|what (?:percentage|share|dose|proportion)|at what|for how|by how|within how"
    r"|which (?:gene|drug))",
    re.IGNORECASE,
)
KEPT_COUNTING = 0.4  # of unanswered questions with such a beginning

Label = tuple[int, int]  # passage (from 1), sentence (from 0)


def written(folder: Path, rng: random.Random, *, passages: int) -> Iterator[Example]:
    """At most `passages` of each question's six: the answering ones, then those with a partial answer, then any.

    The questions to choose by come with all six. The passages of one question share its `joint` key.
    """
    with gzip.open(folder / "sets.jsonl.gz", "rt", encoding="utf-8") as file:
        sets = {row["set"]: row for row in map(json.loads, file)}
    for path in sorted((folder / "rows").glob("*.tsv")):
        for line in path.read_text(encoding="utf-8").splitlines():
            fields = [field.strip() for field in line.split("\t")]
            if len(fields) != 5:
                continue
            number = int(fields[0])
            to_choose = number % CHOOSE_SETS[0] == CHOOSE_SETS[1]
            yield from _question(sets[number]["passages"], fields, rng, 6 if to_choose else passages, to_choose=to_choose)


def _question(
    pages: list[dict[str, Any]], fields: list[str], rng: random.Random, most: int, *, to_choose: bool
) -> Iterator[Example]:
    number, kind, labels, phrase, question = fields
    gold, partly = (labels_of(part) for part in (labels.partition("/")[0], labels.partition("/")[2]))
    if not gold and not to_choose and _COUNTING.match(question) and rng.random() > KEPT_COUNTING:
        return
    right, near = _by_passage(gold), _by_passage(partly)
    others = [k for k in range(1, len(pages) + 1) if k not in right]
    rng.shuffle(others)
    others.sort(key=lambda k: k not in near)
    kept = [*right, *others][: max(most, len(right))]
    for k in kept:
        page = pages[k - 1]
        spans = page["sentences"]
        if not spans:
            continue
        offset = spans[0][0]
        phrases = []
        if gold and phrase != "-" and k == gold[0][0]:
            first, last = spans[gold[0][1]]
            at = page["text"][first:last].find(phrase)
            phrases = [[first + at - offset, first + at - offset + len(phrase)]] if at >= 0 else []
        yield Example(
            source="written",
            question=question,
            context=page["context"].strip() or page["title"],
            text=page["text"][offset : spans[-1][1]],
            sentences=[[a - offset, b - offset] for a, b in spans],
            gold=sorted(right.get(k, [])),
            phrases=phrases,
            kind="sentences" if k in right else "none",
            group=f"set{number}",
            partly=sorted(near.get(k, [])),
            joint=f"{number}:{kind}:{question}",
            split="choose" if to_choose else "learn",
        )


def labels_of(text: str) -> list[Label]:
    pairs = (label.split(".") for label in text.replace(" ", "").split(",") if label and label != "-")
    return [(int(passage), int(sentence)) for passage, sentence in pairs]


def _by_passage(labels: list[Label]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for passage, sentence in labels:
        found[passage].append(sentence)
    return dict(found)


def read_families(folder: Path) -> list[dict[str, Any]]:
    paths = sorted((folder / "families").glob("*[12].jsonl"))
    return [json.loads(line) for path in paths for line in path.open(encoding="utf-8") if line.strip()]


def families(folder: Path, rng: random.Random) -> Iterator[Example]:
    """PER_FAMILY passages (or pairs of them) of each family, each with two questions: which thing is meant, and is it told?"""
    for number, family in enumerate(read_families(folder)):
        split = "choose" if number % CHOOSE_FAMILIES[0] == CHOOSE_FAMILIES[1] else "learn"
        for turn in range(PER_FAMILY):
            yield from _family_passages(family, f"family{number}", turn, split, rng)


def _family_passages(family: dict[str, Any], group: str, turn: int, split: str, rng: random.Random) -> Iterator[Example]:
    form = rng.choice(["prose", "prose", "rows", "named", "named"])
    things = list(range(len(family["things"])))
    shown = rng.sample(things, rng.randint(3, len(things)))
    if form == "prose":
        told = rng.sample(family["properties"], rng.randint(1, min(3, len(family["properties"]))))
    else:
        told = rng.sample(family["properties"], rng.randint(2, len(family["properties"])))
    lines = _lines(family, shown, told, form, rng)
    halves = [lines]
    if len(lines) >= 6 and rng.random() < 0.4:  # retrieval often brings a table or section in two passages
        middle = len(lines) // 2
        halves = [lines[:middle], lines[middle:]]
        rng.shuffle(halves)
    context = family["title"] if rng.random() < 0.8 else ""
    present = sorted({thing for _, thing, _ in lines if thing is not None})
    for n in range(2 if present else 0):
        question, wanted, value = _asked(family, lines, present, told, rng)
        asked = worded(question, rng)
        for half in halves:
            yield _family_example(family, half, form, told, wanted, value, asked, context, group, f"{group}:{turn}:{n}", split)


Line = tuple[str, int | None, frozenset[str]]  # text, the thing it is about, the columns that it tells


def _lines(family: dict[str, Any], shown: list[int], told: list[dict[str, Any]], form: str, rng: random.Random) -> list[Line]:
    if form != "prose":
        columns = frozenset(p["column"] for p in told)
        return [(_row(family, thing, told, form), thing, columns) for thing in shown]
    lines: list[Line] = [
        (
            rng.choice(p["sentences"]).replace("{t}", family["things"][thing]).replace("{v}", p["values"][thing]),
            thing,
            frozenset([p["column"]]),
        )
        for thing in shown
        for p in told
    ]
    if len(lines) > LONGEST_PROSE:
        lines = rng.sample(lines, LONGEST_PROSE)
    lines += [(text, None, frozenset()) for text in rng.sample(family["other"], rng.randint(0, 2))]
    if rng.random() < 0.5:
        rng.shuffle(lines)
    return lines


def _row(family: dict[str, Any], thing: int, told: list[dict[str, Any]], form: str) -> str:
    if form == "rows":
        return " | ".join([family["things"][thing], *(p["values"][thing] for p in told)])
    return "; ".join([f"{family['key']}: {family['things'][thing]}", *(f"{p['column']}: {p['values'][thing]}" for p in told)])


def _asked(
    family: dict[str, Any], lines: list[Line], present: list[int], told: list[dict[str, Any]], rng: random.Random
) -> tuple[str, set[tuple[int, str]], str | None]:
    """A question, the (thing, column) pairs that answer it, and the value that is the answer phrase, if there is one."""
    chance, p = rng.random(), rng.choice(told)
    column = p["column"]
    if chance < 0.5:
        thing = rng.choice(present)
        return rng.choice(p["questions"]).replace("{t}", family["things"][thing]), {(thing, column)}, p["values"][thing]
    if chance < 0.6 and p["reverse"]:
        value = p["values"][rng.choice(present)]
        same = {(thing, column) for thing in range(len(family["things"])) if p["values"][thing] == value}
        return rng.choice(p["reverse"]).replace("{v}", value), same, None
    if chance < 0.8:
        absent = [t for i, t in enumerate(family["things"]) if i not in present] + family["absent"]
        return rng.choice(p["questions"]).replace("{t}", rng.choice(absent)), set(), None
    untold = [q for q in family["properties"] if q not in told]
    questions = rng.choice(untold)["questions"] if untold and rng.random() < 0.5 else family["not_told"]
    return rng.choice(questions).replace("{t}", family["things"][rng.choice(present)]), set(), None


def family_text(
    family: dict[str, Any], form: str, most: int, rng: random.Random
) -> tuple[str, list[tuple[str, list[tuple[int, int]]]]]:
    """A text about all but one of the things, and at most `most` questions, each with the spans that answer it."""
    shown = sorted(rng.sample(range(len(family["things"])), max(3, len(family["things"]) - 1)))
    told = family["properties"][:-1] if len(family["properties"]) > 2 else family["properties"]
    lines = _lines(family, shown, told, form, rng)
    text, spans = _joined(family, lines, told, form)
    present = sorted({thing for _, thing, _ in lines if thing is not None})
    asked: dict[str, list[tuple[int, int]]] = {}
    for _ in range(4 * most):  # some are drawn twice
        question, wanted, _ = _asked(family, lines, present, told, rng)
        if len(asked) < most:
            asked[question] = [(spans[n][0], spans[n][1]) for n in _gold(lines, wanted)]
    return text, list(asked.items())


def _joined(family: dict[str, Any], lines: list[Line], told: list[dict[str, Any]], form: str) -> tuple[str, list[list[int]]]:
    """The text with the span of each line."""
    text = " | ".join([family["key"], *(p["column"] for p in told)]) if form == "rows" else ""
    spans = []
    for line, _, _ in lines:
        text += ("" if not text else " " if form == "prose" else "\n") + line
        spans.append([len(text) - len(line), len(text)])
    return text, spans


def _gold(lines: list[Line], wanted: set[tuple[int, str]]) -> list[int]:
    return [n for n, (_, thing, columns) in enumerate(lines) if thing is not None and any((thing, c) in wanted for c in columns)]


def _family_example(
    family: dict[str, Any],
    lines: list[Line],
    form: str,
    told: list[dict[str, Any]],
    wanted: set[tuple[int, str]],
    value: str | None,
    question: str,
    context: str,
    group: str,
    joint: str,
    split: str,
) -> Example:
    text, spans = _joined(family, lines, told, form)
    gold = _gold(lines, wanted)
    phrases = []
    if gold and value:
        start, end = spans[gold[0]]
        if text[start:end].count(value) == 1:
            at = start + text[start:end].index(value)
            phrases = [[at, at + len(value)]]
    kind = "sentences" if gold else "none"
    return Example("families", question, context, text, spans, gold, phrases, kind, group, joint=joint, split=split)
