"""Learns whether a question depends on earlier turns.

    python -m training.dependence --dialogues dialogues/*.jsonl --questions rows/*.tsv --rewrites canard_rewrites.jsonl.gz \
        --sets cast ikat mtrag --out rag/followups/dependence.json

There are four sources of examples:

- conversations with a label for each turn: {"turns": [{"question", "answer", "leans", "act"}]}. "leans" is true if the question
  depends; turns with an act, such as thanks, only serve as history.
- questions that stand alone, each after another question, about the same passages and about others: lines of set, kind, labels,
  phrase and question, separated by tabs.
- rewrites that people made of follow-ups: if the rewrite adds terms, the question depends.
- in the same way, the "choose" halves of question sets with rewrites (`benchmarks/followups.py --half report` measures on the
  other halves). A follow-up without a rewrite counts as standing alone.

Two logistic regressions are fitted, with and without the question's embedding. They are measured by cross-validation over the
labelled conversations (FOLDS). The threshold is the lowest that leaves WHOLE of the questions that stand alone unchanged.
"""

import argparse
import gzip
import json
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, hstack
from scipy.special import expit

from rag.config import EmbeddingSettings
from rag.evaluation.question_sets import half_of, load_question_set
from rag.followups.dependence import LONGEST, VECTOR_SCALE, clearly_depends, features
from rag.followups.history import Turn, turns_of
from rag.models.embedder import ModelEmbedder
from rag.storage.files import canonical_json
from rag.text.terms import terms
from training import followup_weights

FOLDS = 8
FEWEST = 3  # examples that a feature must occur in
PULL = 3.0  # strength of the L2 penalty; 1, 3 and 10 were nearly alike on held-out conversations
WHOLE = 0.97  # share of the questions that stand alone that must be left unchanged
REWRITE_WEIGHT = 0.05  # of a rewrite relative to a labelled turn, since nearly all of them depend; .2 recognises 1% fewer
QUESTIONS = 3_000  # sample of the questions that stand alone
QUESTION_WEIGHT = 0.2  # of each of them relative to a labelled turn
SEED = 7
ALWAYS = -1  # the fold of examples that are always used for fitting and never measured


@dataclass(frozen=True)
class Example:
    """A question after `turns`. All examples of a conversation have the same `fold`."""

    question: str
    turns: tuple[Turn, ...]
    depends: bool
    weight: float = 1.0
    fold: int = ALWAYS


def labelled(files: Sequence[Path]) -> Iterator[Example]:
    for line in (line for file in sorted(files) for line in file.read_text(encoding="utf-8").splitlines()):
        conversation = json.loads(line)["turns"]
        fold = int(sha256(conversation[0]["question"].encode()).hexdigest(), 16) % FOLDS
        turns: list[Turn] = []
        for turn in conversation:
            if turn["act"] is None and turns:
                yield Example(turn["question"], tuple(turns), turn["leans"], fold=fold)
            turns += [Turn(by_user=True, text=turn["question"]), Turn(by_user=False, text=turn["answer"])]


def standing_alone(files: Sequence[Path]) -> Iterator[Example]:
    """A sample of the questions, each once after a question of the same set and once after one of any set."""
    rows = [line.split("\t") for file in sorted(files) for line in file.read_text(encoding="utf-8").splitlines()]
    same: dict[str, list[list[str]]] = {}
    for row in rows:
        same.setdefault(row[0], []).append(row)
    draw = random.Random(SEED)
    for row in draw.sample(rows, QUESTIONS):
        for other in (draw.choice(same[row[0]]), draw.choice(rows)):
            if other[4] != row[4]:
                answer = "" if other[1] == "near" else other[3]
                turns = (Turn(by_user=True, text=other[4]), Turn(by_user=False, text=answer))
                yield Example(row[4], turns, depends=False, weight=QUESTION_WEIGHT)


def rewritten(file: Path) -> Iterator[Example]:
    """CANARD's follow-ups. The first turn of a history, which holds title and section of the page, is left out."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            turns = followup_weights.turns_of(row["history"])[1:]
            if any(turn.by_user for turn in turns):  # the first question of a dialogue has nothing to depend on
                yield Example(row["question"], tuple(turns), _adds(row["rewrite"], row["question"]), REWRITE_WEIGHT)


def of_set(folder: Path) -> Iterator[Example]:
    for question in load_question_set(folder).questions:
        if question.history and half_of(question.id) == "choose":
            turns = tuple(turns_of(question.history))
            yield Example(question.text, turns, _adds(question.rewrite or question.text, question.text))


def _adds(rewrite: str, question: str) -> bool:
    """Whether the rewrite has terms that the question lacks."""
    return bool(set(terms(rewrite)) - set(terms(question)))


def fit(rows: csr_matrix, examples: Sequence[Example]) -> NDArray[np.float64]:
    """The bias, then a weight for each column."""
    wanted = np.array([example.depends for example in examples], dtype=np.float64)
    importance = np.array([example.weight for example in examples])

    def cost(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = rows @ weights[1:] + weights[0]
        loss = (importance * (np.logaddexp(0, logits) - logits * wanted)).sum() + PULL / 2 * (weights[1:] ** 2).sum()
        residual = importance * (expit(logits) - wanted)
        return float(loss), np.concatenate([[residual.sum()], rows.T @ residual + PULL * weights[1:]])

    start = np.zeros(rows.shape[1] + 1)
    result: NDArray[np.float64] = minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    return result


def columns_of(values: Sequence[dict[str, float]]) -> list[str]:
    frequency = Counter(name for row in values for name in row)
    return sorted(name for name, count in frequency.items() if count >= FEWEST)


def matrix(values: Sequence[dict[str, float]], columns: Sequence[str], vectors: NDArray[np.float32] | None) -> csr_matrix:
    """One row per example; the columns are the named features, then the embedding if `vectors` are given."""
    column_of = {name: column for column, name in enumerate(columns)}
    cells = [
        (row, column_of[name], value) for row, named in enumerate(values) for name, value in named.items() if name in column_of
    ]
    cell_rows, cell_columns, cell_values = zip(*cells, strict=True)
    shape = csr_matrix((cell_values, (cell_rows, cell_columns)), shape=(len(values), len(columns)))
    return shape if vectors is None else csr_matrix(hstack([shape, csr_matrix(vectors * VECTOR_SCALE)]))


def learn(
    examples: Sequence[Example], vectors: NDArray[np.float32] | None, similarities: Sequence[float] | None
) -> dict[str, Any]:
    """Weights fitted to all examples, and the shares measured on held-out conversations. `similarities` are to the last turn."""
    values = [
        features(example.question, example.turns, None if similarities is None else similarities[row])
        for row, example in enumerate(examples)
    ]
    folds = np.array([example.fold for example in examples])
    probability = np.zeros(len(examples))

    def part(rows: Sequence[int], columns: Sequence[str]) -> csr_matrix:
        return matrix([values[row] for row in rows], columns, None if vectors is None else vectors[list(rows)])

    for fold in range(FOLDS):
        rest, left_out = np.flatnonzero(folds != fold).tolist(), np.flatnonzero(folds == fold).tolist()
        columns = columns_of([values[row] for row in rest])
        weights = fit(part(rest, columns), [examples[row] for row in rest])
        probability[left_out] = expit(part(left_out, columns) @ weights[1:] + weights[0])
    measured, wanted = folds != ALWAYS, np.array([example.depends for example in examples])
    threshold = _threshold([(examples[row].question, probability[row]) for row in np.flatnonzero(measured & ~wanted).tolist()])
    clear = np.array(
        [clearly_depends(example.question, chance, threshold) for example, chance in zip(examples, probability, strict=True)]
    )
    columns = columns_of(values)
    bias, *weights_of_all = fit(part(range(len(examples)), columns), examples).tolist()
    return {
        "bias": round(bias, 4),
        "features": {name: round(w, 4) for name, w in zip(columns, weights_of_all, strict=False) if abs(w) >= 0.0001},
        "vector": [round(w, 4) for w in weights_of_all[len(columns) :]],
        "threshold": threshold,
        "left alone": round(float(1 - clear[measured & ~wanted].mean()), 4),
        "recognised": round(float(clear[measured & wanted].mean()), 4),
    }


def _threshold(whole: Sequence[tuple[str, float]]) -> float:
    """The lowest that leaves at least WHOLE of these questions, given with their probabilities, unchanged."""
    candidates = sorted(math.ceil(10_000 * chance + 1) / 10_000 for _, chance in whole)
    return next(
        threshold
        for threshold in candidates
        if sum(not clearly_depends(question, chance, threshold) for question, chance in whole) >= WHOLE * len(whole)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dialogues", nargs="+", type=Path, required=True)
    parser.add_argument("--questions", nargs="+", type=Path, required=True)
    parser.add_argument("--rewrites", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    examples = [*labelled(arguments.dialogues), *standing_alone(arguments.questions), *rewritten(arguments.rewrites)]
    examples += [example for folder in arguments.sets for example in of_set(folder)]
    embedder = ModelEmbedder(EmbeddingSettings())
    last = [next((turn.text[:LONGEST] for turn in reversed(example.turns) if turn.by_user), "") for example in examples]
    vector_of = {text: embedder.embed_query(text) for text in sorted({*last, *(example.question for example in examples)})}
    vectors = np.stack([vector_of[example.question] for example in examples])
    similarities = [float(vector @ vector_of[text]) for vector, text in zip(vectors, last, strict=True)]
    learned = {"vector": learn(examples, vectors, similarities), "shape": learn(examples, None, None)}
    for name, values in learned.items():
        print(
            f"{name}: {len(values['features'])} features; at threshold {values['threshold']}, {values['left alone']} of the "
            f"questions that stand alone are left alone and {values['recognised']} of the dependent ones recognised"
        )
    arguments.out.write_text(canonical_json(learned) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
