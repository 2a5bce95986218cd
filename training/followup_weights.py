"""Learns which words of earlier turns belong to a follow-up question, from rewrites by people.

    python -m training.followup_weights canard_rewrites.jsonl.gz --dialogues dialogues/*.jsonl --out rag/followups/weights.json

The first file holds lines {"_id": "dialogue#turn", "question", "rewrite", "history": [title, section, question, answer, ...]},
the others conversations {"turns": [{"question", "answer", "leans", "rewrite", "act"}]}, of which only the turns since the last
question that stands alone are seen. A word of an earlier turn is wanted if its term is in the rewrite and not in the question.
Logistic regression; a fifth of the dialogues is left out and measured.
"""

import argparse
import gzip
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from rag.followups.context_terms import candidates, features, recent_turns
from rag.followups.cues import cues_of
from rag.followups.history import Turn
from rag.storage.files import canonical_json
from rag.text.terms import terms

PULL = 3.0  # precision of the prior around 0


def turns_of(history: list[str]) -> list[Turn]:
    """The title and section of the page count as the user's first turn, which got no answer."""
    turns = [Turn(by_user=True, text=". ".join(history[:2]))]
    turns += [Turn(by_user=number % 2 == 0, text=text) for number, text in enumerate(history[2:])]
    return turns if len(turns) > 1 else [*turns, Turn(by_user=False, text="")]


@dataclass(frozen=True)
class Rewrite:
    """A question after `turns`, rewritten by a person. All rewrites of a conversation have the same `name`."""

    name: str
    question: str
    rewrite: str
    turns: tuple[Turn, ...]


def canard(file: Path) -> Iterator[Rewrite]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            name = row["_id"].split("#")[0]
            yield Rewrite(name, row["question"], row["rewrite"], tuple(turns_of(row["history"])))


def written(files: Sequence[Path]) -> Iterator[Rewrite]:
    for line in (line for file in sorted(files) for line in file.read_text(encoding="utf-8").splitlines()):
        conversation = json.loads(line)["turns"]
        turns: list[Turn] = []
        for turn in (turn for turn in conversation if turn["act"] is None):
            if not turn["leans"]:
                turns = []
            elif turns:
                yield Rewrite(conversation[0]["question"], turn["question"], turn["rewrite"], tuple(turns))
            if turn["answer"]:
                turns += [Turn(by_user=True, text=turn["question"]), Turn(by_user=False, text=turn["answer"])]


def examples(rows: Sequence[Rewrite]) -> tuple[list[str], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Names of the features; then, one row per word: its features, whether it is wanted, whether its dialogue is left out."""
    texts = {turn.text for row in rows for turn in row.turns}
    frequency = Counter(term for text in texts for term in set(terms(text)))
    most = math.log1p((len(texts) + 0.5) / 0.5)
    names: list[str] = []
    values, wanted, left_out = [], [], []
    for row in rows:
        cues, rewrite = cues_of(row.question), set(terms(row.rewrite))
        out = int(sha256(row.name.encode()).hexdigest(), 16) % 5 == 0
        for term, places in candidates(row.question, recent_turns(row.turns)).items():
            rarity = math.log1p((len(texts) - frequency[term] + 0.5) / (frequency[term] + 0.5)) / most
            measured = features(places, cues, rarity)
            names = names or sorted(measured)
            values.append([measured[name] for name in names])
            wanted.append(term in rewrite)
            left_out.append(out)
    return names, np.array(values), np.array(wanted), np.array(left_out)


def fit(values: NDArray[Any], wanted: NDArray[Any]) -> NDArray[Any]:
    """The bias, then a weight for each feature."""
    rows = np.hstack([np.ones((len(values), 1)), values])

    def cost(weights: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        logits = rows @ weights
        pulled = np.array([0.0, *weights[1:]])
        loss = np.logaddexp(0, logits).sum() - logits[wanted].sum() + PULL / 2 * (pulled**2).sum()
        return float(loss), rows.T @ (1 / (1 + np.exp(-logits)) - wanted) + PULL * pulled

    weights: NDArray[Any] = minimize(cost, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 400}).x
    return weights


def average_precision(chances: NDArray[Any], wanted: NDArray[Any]) -> float:
    right = wanted[np.argsort(-chances, kind="stable")]
    return float((np.cumsum(right) / np.arange(1, len(right) + 1))[right].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rewrites", type=Path)
    parser.add_argument("--dialogues", nargs="+", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    rows = [*canard(asked.rewrites), *written(asked.dialogues)]
    names, values, wanted, left_out = examples(rows)
    trial = fit(values[~left_out], wanted[~left_out])
    precision = average_precision(trial[0] + values[left_out] @ trial[1:], wanted[left_out])
    weights = fit(values, wanted)
    kept = {
        "learnt_from": f"CANARD (Elgohary et al. 2019; CC BY-SA 4.0) and our dialogues: {len(rows)} questions",
        "average_precision_on_dialogues_left_out": round(precision, 4),
        "weights": dict(zip(["bias", *names], (round(float(weight), 4) for weight in weights), strict=True)),
    }
    asked.out.write_text(canonical_json(kept) + "\n", encoding="utf-8")
    print(f"{len(rows)} questions, {len(wanted)} words; average precision {precision:.3f} on the dialogues left out")


if __name__ == "__main__":
    main()
