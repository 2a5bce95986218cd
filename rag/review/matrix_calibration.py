"""The confidence of cells: how sure it is that a document states what its best sentence seems to say.

It differs from that of answers: a document asked by itself always has a best passage, however far that is behind those of other
documents and whatever the question names, so the same signals mean less. `benchmarks/matrix.py --fit` measures it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from rag.answering.confidence import SIGNALS, Band, default_calibration
from rag.answering.named_things import named_things
from rag.index.contents import Index
from rag.numeric import logistic
from rag.records import Citation, Hit
from rag.text.terms import terms

CELLS = Path(__file__).parent / "cells.json"
CELL_SIGNALS = (*SIGNALS, "behind", "held")
MOST_BEHIND = 5.0  # standard deviations; beyond them every passage is about something else


@dataclass(frozen=True, slots=True)
class CellCalibration:
    """Weights of CELL_SIGNALS, and bands from strong to weak; a cell below all bands is not stated.

    Without a measurement there are no `bands`; then `lowest` is the confidence from which a cell is stated.
    """

    bias: float
    weights: tuple[float, ...]
    bands: tuple[Band, ...]
    lowest: float
    made_with: dict[str, str]

    def confidence(self, signals: Mapping[str, float]) -> float:
        """The probability that the document states the answer in this sentence, 0 to 1; 0 if nothing was read."""
        if not signals:
            return 0.0
        logit = self.bias + sum(weight * signals[name] for weight, name in zip(self.weights, CELL_SIGNALS, strict=True))
        return round(logistic(logit), 4)

    def band(self, confidence: float) -> Band | None:
        return next((band for band in self.bands if confidence >= band.lowest), None)


def cell_calibration_from(values: dict[str, Any]) -> CellCalibration:
    bands = tuple(Band(b["strength"], b["lowest"], b["questions"], b["right"]) for b in values["bands"])
    return CellCalibration(values["bias"], tuple(values["weights"]), bands, values["lowest"], values["made_with"])


@lru_cache(maxsize=4)
def cell_calibration(reader: str, model: str) -> CellCalibration:
    """For a reader and an embedding model by their identities; without bands if they were not measured together."""
    calibration = cell_calibration_from(json.loads(CELLS.read_text(encoding="utf-8")))
    if calibration.made_with == {"reader": reader, "model": model}:
        return calibration
    if calibration.made_with["reader"].split("-")[0] == reader.split("-")[0]:
        return replace(calibration, bands=())
    answers = default_calibration(reader, model)
    return CellCalibration(answers.bias, (*answers.weights, 0.0, 0.0), (), answers.threshold, answers.made_with)


def cell_signals(
    signals: Mapping[str, float], query: str, sentences: Sequence[Citation], hits: Sequence[Hit], best: float, index: Index
) -> dict[str, float]:
    """The signals of an answer from one document, with two of the cell; empty if nothing was read.

    `behind` is how many standard deviations the document's best passage is behind the best of all documents, whose score is
    `best`. `held` is the weight of the query's terms that the quoted `sentences`, their headings or their title hold, as a
    share of all.
    """
    if not signals or not sentences:
        return {}
    named = named_things(query, index)
    held = set(terms("\n".join(text for c in sentences for text in (c.title, *c.headings, c.quote))))
    total = sum(named.values())
    share = sum(weight for term, weight in named.items() if term in held) / total if total else 1.0
    behind = min(MOST_BEHIND, max(0.0, best - max(hit.score for hit in hits)))
    return {**signals, "behind": round(behind, 5), "held": round(share, 5)}
