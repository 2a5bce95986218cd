"""Measures the evidence matrix on question sets, and makes the calibration of its cells.

    python benchmarks/matrix.py SET... [--index DIR] [--questions 60...] [--hard 3...] [--random 4...] [--merge] [--json]
    python benchmarks/matrix.py SET... --merge --fit rag/review/cells.json
    python benchmarks/matrix.py --time 20 50 --index DIR --corpus DIR

Each SET is a folder with a question set; one without a corpus of its own asks the documents of --corpus and --index. A question
is put to the documents that are judged to state its answer, to the document that an unanswerable question was written for, to the
--hard other documents with the best passages, and to --random ones of the rest. Cells of the last two count as "not stated",
although nobody judged all of them. With --merge, records of one title are one document, as an article is one file. With --fit,
only the choosing half of a set about the current corpus is used.

What is printed, for all sets together and for each one:

    hit            of the stated cells, the share whose best sentence is a right one, whatever its strength
    filled         of the stated cells, the share that is shown by default, right or wrong
    right          of the stated cells shown (strong, fair, weak), the share that is right
    false fills    of the cells not stated, the share that is filled: near misses, hard ones, random ones, and all of a whole
                   matrix, for which each random document stands for as many as were not drawn
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rag.answering.confidence import SIGNALS, Calibration, save_calibration
from rag.config import Settings, load_settings
from rag.conversation import Chat
from rag.evaluation.calibration import Asked as Observation
from rag.evaluation.calibration import calibrate
from rag.evaluation.experiment import chat_for
from rag.evaluation.measures import meets
from rag.evaluation.question_sets import GoldSpan, Question, QuestionSet, RecordCorpus, half_of, load_question_set
from rag.index.updating import Recipe
from rag.models.embedder import ModelEmbedder
from rag.records import Hit, Span, Strength
from rag.retrieval import Retriever
from rag.review.matrix import make_matrix, plan_matrix
from rag.review.matrix_cells import CellReader
from rag.review.matrix_readings import KeptReadings

STRENGTHS: tuple[Strength, ...] = ("strong", "fair", "weak")
KINDS = ("near miss", "hard", "random")
SEPARATOR = "\n\n"
FALSE_FILLS = 0.05  # share of cells not stated that may get a sentence of any strength; it sets the lowest confidence


@dataclass(frozen=True)
class Sizes:
    """How many questions of a set are asked, and in how many hard and random documents each."""

    questions: int
    hard: int
    random: int


@dataclass(frozen=True)
class Row:
    """A cell: `kind` is "stated" or one of KINDS, and it stands for `weight` cells of the whole matrix."""

    question: str
    document: str
    kind: str
    weight: float
    right: bool
    strength: Strength | None
    signals: tuple[float, ...] | None


def merged(questions: QuestionSet) -> QuestionSet:
    """The set with the records of each title joined to one document."""
    if questions.corpus is None:
        return questions
    places: dict[str, tuple[str, int]] = {}
    texts: dict[str, str] = {}
    for name, (title, text) in questions.corpus.records.items():
        key = title or name
        before = f"{texts[key]}{SEPARATOR}" if key in texts else ""
        places[name], texts[key] = (key, len(before)), before + text
    moved = [_moved(question, places) for question in questions.questions]
    return replace(questions, questions=tuple(moved), corpus=RecordCorpus({key: (key, text) for key, text in texts.items()}))


def _moved(question: Question, places: dict[str, tuple[str, int]]) -> Question:
    answers = []
    for gold in question.answers:
        name, start = places[gold.document_id]
        answers.append(GoldSpan(name, Span(gold.span.start + start, gold.span.end + start), gold.text, gold.kind))
    document = places[question.document_id][0] if question.document_id else None
    return replace(question, answers=tuple(answers), document_id=document, relevance={})


def rows_of(questions: QuestionSet, chat: Chat, sizes: Sizes, seed: int) -> Iterator[Row]:
    index, generator = chat.index(), random.Random(seed)
    retriever = Retriever(chat.settings.retrieval, chat.embedder)
    kept = KeptReadings(chat.settings.index, model=chat.embedder.identity.digest)
    usable = [q for q in questions.questions if (q.answers or q.unanswerable) and (q.rewrite or not q.history)]
    names = sorted(index.entries)
    for question in generator.sample(usable, min(sizes.questions, len(usable))):
        asked = plan_matrix(chat, [question.rewrite or question.text], names[:1]).questions[0]
        reader = CellReader.of(chat, index, asked, kept)
        doubtful = replace(reader, calibration=replace(reader.calibration, threshold=0.0))
        chosen = _chosen(question, names, retriever.hits(index, [(asked.query, 1.0)], k=100), sizes, generator)
        hits = retriever.hits_of_each(index, asked.query, list(chosen))
        for name, (kind, weight) in chosen.items():
            cell, shown = doubtful.cell(name, hits[name]), reader.cell(name, hits[name])
            signals = doubtful.answer(name, hits[name]).signals
            quoted = cell.citation
            right = quoted is not None and any(meets(gold, quoted.document_id, quoted.span) for gold in question.answers)
            values = tuple(signals[signal] for signal in SIGNALS) if signals else None
            yield Row(question.id, name, kind, weight, right, shown.strength, values)


def _chosen(
    question: Question, names: Sequence[str], hits: Sequence[Hit], sizes: Sizes, generator: random.Random
) -> dict[str, tuple[str, float]]:
    """The documents that a question is put to, each with its kind and weight."""
    chosen = {gold.document_id: ("stated", 1.0) for gold in question.answers if gold.document_id in names}
    if question.document_id and question.document_id in names:
        chosen.setdefault(question.document_id, ("near miss", 1.0))
    ranked = dict.fromkeys(hit.passage.document_id for hit in hits)
    for name in [name for name in ranked if name not in chosen][: sizes.hard]:
        chosen[name] = ("hard", 1.0)
    rest = [name for name in names if name not in chosen]
    drawn = generator.sample(rest, min(sizes.random, len(rest)))
    return chosen | {name: ("random", len(rest) / len(drawn)) for name in drawn}


def measures(rows: Sequence[Row]) -> dict[str, object]:
    stated = [row for row in rows if row.kind == "stated"]
    empty = [row for row in rows if row.kind != "stated"]
    values: dict[str, object] = {"stated": len(stated), "not stated": len(empty), "hit": _share(row.right for row in stated)}
    values["filled"] = _share(row.strength in ("strong", "fair") for row in stated)
    for strength in STRENGTHS:
        own = [row for row in stated if row.strength == strength]
        weights = [row.weight for row in empty if row.strength == strength]
        total = sum(row.weight for row in empty)
        values[strength] = {
            "of stated": _share(row.strength == strength for row in stated),
            "right": _share(row.right for row in own),
            "false fills": round(sum(weights) / total, 4) if total else None,
            **{kind: _share(row.strength == strength for row in empty if row.kind == kind) for kind in KINDS},
        }
    return values


def _share(flags: Iterator[bool]) -> float | None:
    values = list(flags)
    return round(float(np.mean(values)), 4) if values else None


def fit(rows: Sequence[Row], chat: Chat, path: Path, names: Sequence[str]) -> None:
    """Writes the calibration of cells; its bands are measured by cross-validation over questions."""
    read = [row for row in rows if row.signals is not None]
    observations = [Observation(row.question, row.signals or (), row.kind == "stated", row.right) for row in read]
    made_with = {"reader": chat.reader.identity, "model": chat.embedder.identity.digest}
    start = Calibration(0.0, (0.0,) * len(SIGNALS), 0.5, (), {}, {})
    about = {"asked": "single documents of test sets, of which one in five or fewer states the answer", "sets": list(names)}
    fitted = calibrate(observations, start, false_answers=FALSE_FILLS, made_with=made_with, about=about)
    save_calibration(fitted, path)
    print(fitted)


def time_matrix(chat: Chat, questions: Sequence[str], documents: int) -> None:
    """The time of a matrix that was not read before, and of the same one again."""
    names = sorted(chat.index().entries)[:documents]
    with tempfile.TemporaryDirectory() as folder:
        settings = chat.settings.model_copy(update={"index": Path(folder)})
        plan = plan_matrix(chat, questions, names)
        elsewhere = replace(plan, chat=_keeping_in(chat, settings))
        for what in ("read", "again"):
            started, cpu = time.perf_counter(), time.process_time()
            make_matrix(elsewhere)
            seconds, spent = time.perf_counter() - started, time.process_time() - cpu
            print(
                f"{what}: {len(questions)} × {len(names)} = {plan.size} cells in {seconds:.1f} s, {spent:.1f} s of processor time"
            )


def _keeping_in(chat: Chat, settings: Settings) -> Chat:
    """The chat, which keeps its readings in another folder."""
    return Chat(settings, chat.embedder, chat.reader)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", type=Path)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--runs", type=Path, help="folder of the sets' indexes")
    parser.add_argument(
        "--questions", type=int, nargs="+", default=[60], help="as the next two: a number for each set, or one for all"
    )
    parser.add_argument("--hard", type=int, nargs="+", default=[3])
    parser.add_argument("--random", type=int, nargs="+", default=[4])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--merge", action="store_true")
    parser.add_argument("--fit", type=Path)
    parser.add_argument("--time", type=int, nargs=2, metavar=("QUESTIONS", "DOCUMENTS"))
    options = parser.parse_args()
    settings = load_settings(
        corpus=options.corpus, index=options.index, evaluation={"runs": options.runs} if options.runs else None
    )
    embedder = ModelEmbedder(settings.embedding)
    rows: list[Row] = []
    fitting: list[Row] = []
    given = [of * len(options.sets) if len(of) == 1 else of for of in (options.questions, options.hard, options.random)]
    for folder, *sizes in zip(options.sets, *given, strict=True):
        questions = load_question_set(folder)
        questions = merged(questions) if options.merge else questions
        if options.merge:
            questions = replace(questions, name=f"{questions.name}-merged")
        chat = chat_for(questions, settings, Recipe(embedder, settings.passages), lambda what, done, total: None)
        own = list(rows_of(questions, chat, Sizes(*sizes), options.seed))
        rows += own
        if questions.corpus is not None:
            fitting += own
        else:  # the other half is for reporting
            fitting += [row for row in own if half_of(row.question) == "choose"]
        print(questions.name, json.dumps(measures(own)), flush=True)
    if len(options.sets) > 1:
        print("all", json.dumps(measures(rows)))
    if options.fit:
        fit(fitting, chat, options.fit, [folder.name for folder in options.sets])
    if options.time:
        chat = Chat(settings, embedder)
        asked = [q.text for q in load_question_set(Path("evaluation/denervation")).questions if not q.history]
        time_matrix(chat, asked[: options.time[0]], options.time[1])


if __name__ == "__main__":
    main()
