"""Public question sets to training examples for the reader: `python -m training.prepare --data DIR --out DIR`.

Reads the folders named in training/README.md and training/questions.jsonl (ours); writes first.jsonl and second.jsonl, for
the two rounds of training, and choose.jsonl, one example a line, the same bytes every time. Everything is split by document:
half of each set that is also used for reporting is never seen here (`part`).
"""

import argparse
import json
import random
import re
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rag.index.lexical import LexicalIndex
from rag.text.sentences import split_sentences
from rag.text.terms import terms
from training.examples import Example, example, lines, part, worded

SEED = 5
AGAIN = ("squad2", "clapnq", "covidqa")  # sources of the first round that the second sees once more
OPPOSITES = """
increase/decrease increases/decreases increased/decreased increasing/decreasing higher/lower high/low before/after
first/last largest/smallest more/less most/least fewer/more early/late best/worst with/without north/south east/west
northern/southern eastern/western upper/lower proximal/distal anterior/posterior acute/chronic motor/sensory mild/severe
men/women male/female children/adults older/younger oldest/youngest longest/shortest started/ended start/end win/lose
won/lost allow/prevent allowed/prevented improve/worsen improved/worsened gain/lose gained/lost recommended/discouraged
common/rare left/right above/below inside/outside slower/faster slow/fast safe/dangerous like/dislike liked/disliked
love/hate loved/hated positive/negative buy/sell bought/sold open/closed cause/prevent causes/prevents caused/prevented
support/oppose supported/opposed cheapest/dearest
""".split()
OPPOSITE = {a: b for pair in OPPOSITES for a, b in (pair.split("/"), pair.split("/")[::-1])}


@dataclass
class SpanQuestion:
    source: str
    question: str
    document: str  # of which parts are made
    title: str
    text: str
    answers: list[tuple[str, int]]  # none: unanswerable


def squadshift(data: Path, name: str) -> list[SpanQuestion]:
    return [
        SpanQuestion(
            name, r["question"].strip(), r["context_id"], "", r["context"], [(a["text"], a["start"]) for a in r["answers"]]
        )
        for r in lines(data / "train" / f"{name}.jsonl.gz")
    ]


def question_set(data: Path, name: str, kind: str | None = None) -> list[SpanQuestion]:
    """Of a BEIR folder; documents of the same title are one."""
    corpus = {r["_id"]: r for r in lines(data / name / "corpus.jsonl")}
    texts = {r["_id"]: r["text"].strip() for r in lines(data / name / "queries.jsonl")}
    found = []
    for row in lines(data / name / "answers.jsonl"):
        for document in sorted({a["doc_id"] for a in row["answers"]}):
            answers = [(a["text"], a["start"]) for a in row["answers"] if a["doc_id"] == document and a.get("kind", kind) == kind]
            page = corpus[document]
            if answers and row["query_id"] in texts:
                title = page["title"]
                found.append(SpanQuestion(name, texts[row["query_id"]], title or document, title, page["text"], answers))
    path = data / name / "unanswerable.jsonl"
    for row in lines(path) if path.exists() else ():
        if row.get("doc_id") in corpus and row["query_id"] in texts:
            page = corpus[row["doc_id"]]
            found.append(
                SpanQuestion(name, texts[row["query_id"]], page["title"] or row["doc_id"], page["title"], page["text"], [])
            )
    return found


def phrases_of(question: SpanQuestion) -> list[list[int]]:
    return [[start, start + len(text)] for text, start in question.answers]


def says(text: str, question: SpanQuestion) -> bool:
    """Whether an answer's words stand in a text, so that it can be no negative."""
    folded = " ".join(text.casefold().split())
    return any(" ".join(answer.casefold().split()).strip(" .,'\"") in folded for answer, _ in question.answers)


def answered(questions: list[SpanQuestion], rng: random.Random, kind: str = "span") -> list[Example]:
    found = []
    for one in questions:
        title = one.title if rng.random() < 0.8 else ""
        made = example(one.source, worded(one.question, rng), title, one.text, phrases_of(one), rng, group=one.document)
        if made.gold and made.kind == "span":
            found.append(made if kind == "span" else replace(made, kind=kind, phrases=[]))
        elif not one.answers:
            found.append(made)
    return found


def without_answer(questions: list[SpanQuestion], rng: random.Random) -> list[Example]:
    """The sentence that answers taken out of the text: all is about the subject, and nothing answers."""
    found = []
    for one in questions:
        spans = split_sentences(one.text)
        kept = [s for s in spans if not any(a < s.end and s.start < b for a, b in phrases_of(one))]
        rest = " ".join(s.of(one.text) for s in kept)
        if len(kept) >= 2 and not says(rest, one):
            found.append(
                example(f"{one.source}-removed", worded(one.question, rng), one.title, rest, [], rng, group=one.document)
            )
    return found


_NAME = re.compile(r"(?<![.?!\"] )(?<!^)\b[A-Z][\w'’-]+(?: (?:of |the )?[A-Z][\w'’-]+)*")
_NUMBER = re.compile(r"\b\d[\d,.]*\b")


def changed(questions: list[SpanQuestion], rng: random.Random) -> list[Example]:
    """A name, number or opposite of the question changed, so that its text no longer answers it."""
    found = []
    for one in questions:
        asked = _other_name(one, rng) or _other_number(one, rng) or _opposite(one)
        if asked:
            found.append(example(f"{one.source}-changed", asked, one.title, one.text, [], rng, group=one.document))
    return found


def _other_name(one: SpanQuestion, rng: random.Random) -> str | None:
    wanted = [m.group() for m in _NAME.finditer(one.question) if m.group() in one.text]
    answers = " ".join(text for text, _ in one.answers)
    others = sorted({m.group() for m in _NAME.finditer(one.text)} - set(wanted))
    others = [other for other in others if other not in one.question and other not in answers and len(other) > 3]
    if not wanted or not others:
        return None
    return one.question.replace(rng.choice(wanted), rng.choice(others), 1)


def _other_number(one: SpanQuestion, rng: random.Random) -> str | None:
    numbers = [m for m in _NUMBER.finditer(one.question) if m.group() in one.text]
    if not numbers:
        return None
    match = rng.choice(numbers)
    digits = list(match.group())
    places = [i for i, digit in enumerate(digits) if digit.isdigit()]
    place = rng.choice(places[len(places) // 2 :])
    digits[place] = rng.choice([d for d in "123456789" if d != digits[place]])
    changed_number = "".join(digits)
    return None if changed_number in one.text else one.question[: match.start()] + changed_number + one.question[match.end() :]


def _opposite(one: SpanQuestion) -> str | None:
    words = one.question.split()
    for i, word in enumerate(words[1:], start=1):
        bare = word.strip("?,.").casefold()
        if bare in OPPOSITE:
            return " ".join([*words[:i], word.replace(word.strip("?,."), OPPOSITE[bare]), *words[i + 1 :]])
    return None


def retrieved(questions: list[SpanQuestion], pool: dict[str, tuple[str, str]], wanted: int, rng: random.Random) -> list[Example]:
    """Each question with a text that BM25 finds for it and that does not hold its answer. pool: text -> (title, document)."""
    texts = sorted(pool)
    index = LexicalIndex.build([terms(text) for text in texts])
    found = []
    for one in rng.sample(questions, min(wanted, len(questions))):
        scores = index.scores(terms(f"{one.question} {one.title}"))
        for row in np.argsort(-scores, kind="stable")[: rng.choice([3, 10])]:
            text = texts[row]
            if text != one.text and not says(text, one):
                title = pool[text][0]
                found.append(
                    example(f"{one.source}-retrieved", worded(one.question, rng), title, text, [], rng, group=one.document)
                )
                break
    return found


def medquad(data: Path, wanted: int, rng: random.Random) -> list[Example]:
    """Questions by kind on one disease: its answer holds an answer; the answer to another kind, or of another disease, none."""
    of_focus: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in lines(data / "train" / "retrieval_pairs.jsonl.gz"):
        if row["source"] == "medquad-nonneuro" and len(row["positive"].split()) > 40:
            of_focus[row["title"]].append(row)
    rows = [row for title in sorted(of_focus) for row in of_focus[title] if not row["query"].startswith("What is (are)")]
    found = []
    for row in rng.sample(rows, min(wanted, len(rows))):
        question = re.sub(r"\s+\?", "?", row["query"])
        text = " ".join(row["positive"].split())
        made = example("medquad", worded(question, rng), row["title"], text, [], rng, group=row["title"])
        if made.sentences:
            found.append(replace(made, gold=list(range(len(made.sentences))), kind="weak"))
        others = [r for r in of_focus[row["title"]] if r["query"][:12] != row["query"][:12] and "(are)" not in r["query"]]
        if others and rng.random() < 0.7:
            other = rng.choice(others)
        else:
            other = rng.choice(rows)
            if other["title"] == row["title"]:
                continue
        rest = " ".join(other["positive"].split())
        found.append(example("medquad-other", worded(question, rng), other["title"], rest, [], rng, group=row["title"]))
    return [one for one in found if one.sentences]


def written(data: Path, path: Path) -> list[Example]:
    """Our own questions; training/questions.jsonl says of which source, document and sentences, and holds no text of it."""
    texts = _source_texts(data)
    found = []
    for row in lines(path):
        title, text = texts[row["source"], row["document"]]
        spans = split_sentences(text)[row["first"] : row["first"] + row["count"]]
        offset = spans[0].start
        sentences = [[s.start - offset, s.end - offset] for s in spans]
        phrases = []
        if row["phrase"]:
            start = text.index(row["phrase"], spans[row["sentences"][0]].start) - offset
            phrases = [[start, start + len(row["phrase"])]]
        found.append(
            Example(
                "ours",
                row["question"],
                title,
                text[offset : spans[-1].end],
                sentences,
                sorted(row["sentences"]),
                phrases,
                "sentences" if row["sentences"] else "none",
                row["document"],
            )
        )
    return found


def _source_texts(data: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """(source, document) -> (title, text with its white space folded)."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for row in lines(data / "train" / "retrieval_pairs.jsonl.gz"):
        name = {"medquad-nonneuro": "medquad", "openstax-nonnerve-term": "openstax"}.get(row["source"])
        if name:
            document = row["group"] + (f"#{row['query']}" if name == "openstax" else "")
            for key in ((name, document), (name, f"{row['group']}#{row['query']}")):
                found.setdefault(key, (row["title"], " ".join(row["positive"].split())))
    for name in ("scifact", "covidqa", "feedbackqa", "squadshift_newwiki", "clapnq"):
        for page in lines(data / name / "corpus.jsonl"):
            found[name, page["_id"]] = (page["title"], " ".join(page["text"].split()))
    return found


def prepare(data: Path, ours: Path) -> dict[str, list[Example]]:
    rng = random.Random(SEED)
    spans = [*squadshift(data, "squadshift_reddit"), *squadshift(data, "squadshift_amazon")]
    spans = rng.sample(spans, 9000)
    shared = [one for name in ("squadshift_newwiki", "squad2", "covidqa") for one in question_set(data, name)]
    seen = [one for one in shared if part(one.source, one.document) != "report"]
    hard = [one for one in seen if not one.answers]
    seen = [one for one in seen if one.answers]
    long_answers = [one for one in question_set(data, "clapnq", "sentence") if part(one.source, one.document) != "report"]
    claims = question_set(data, "scifact")
    pool = {one.text: (one.title, one.document) for one in [*spans, *seen] if len(one.text) < 4000}
    articles = _articles(seen)
    everything = [
        *answered([*spans, *seen, *hard], rng),
        *answered([one for one in seen if one.source == "covidqa"], rng),
        *answered(hard, rng),
        *answered(long_answers * 2, rng, kind="sentences"),
        *answered(claims, rng, kind="sentences"),
        *without_answer(rng.sample([*spans, *seen], 4500), rng),
        *changed(rng.sample([*spans, *seen], 9000), rng),
        *retrieved([*spans, *seen], pool, 3000, rng),
        *retrieved(claims, {r["text"]: (r["title"], r["_id"]) for r in lines(data / "scifact" / "corpus.jsonl")}, 400, rng),
        *retrieved([one for one in seen if one.source == "covidqa"], articles, 600, rng),
        *medquad(data, 2500, rng),
    ]
    everything = [one for one in everything if one.sentences]
    parts = {
        "first": [one for one in everything if not _is_to_choose(one)],
        "choose": [one for one in everything if _is_to_choose(one)],
    }
    for rows in parts.values():
        rng.shuffle(rows)
    our_own = written(data, ours)
    again = [one for one in parts["first"] if one.source.split("-")[0] in AGAIN]
    parts["second"] = [*(one for one in our_own if not _is_to_choose(one)), *again]
    parts["choose"] += [one for one in our_own if _is_to_choose(one)]
    return parts


def _is_to_choose(one: Example) -> bool:
    return part(one.source.split("-")[0], one.group) == "choose"


def _articles(seen: list[SpanQuestion]) -> dict[str, tuple[str, str]]:
    """The long articles of covidqa in pieces of ten sentences."""
    pieces = {}
    for document, text in sorted({(one.document, one.text) for one in seen if one.source == "covidqa"}):
        spans = split_sentences(text)
        for i in range(0, len(spans), 8):
            pieces[text[spans[i].start : spans[min(i + 8, len(spans)) - 1].end]] = ("", document)
    return pieces


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, rows in prepare(arguments.data, Path(__file__).parent / "questions.jsonl").items():
        with (arguments.out / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
        counts: dict[str, int] = defaultdict(int)
        for row in rows:
            counts[f"{row.source} {row.kind}"] += 1
        print(name, len(rows), json.dumps(counts, indent=1, sort_keys=True))


if __name__ == "__main__":
    main()
