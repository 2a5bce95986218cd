"""How sure it is that an answer is right: signals of a reading, weighed as was learnt from questions with known answers."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from rag.errors import IndexBroken
from rag.index.contents import Index
from rag.numeric import logistic
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Hit
from rag.storage.files import canonical_json, replace_file
from rag.text.terms import terms

DEFAULTS = Path(__file__).parent / "calibrations"
FILE = "calibration.json"  # of an index folder: made by `rag calibrate`
SIGNALS = ("best", "similarity", "coverage", "rank")


@dataclass(frozen=True, slots=True)
class Bin:
    """Of the answered questions whose confidence was at least `lowest`: how many, and the share that was answered wrongly."""

    lowest: float
    questions: int
    wrong: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights of the signals, the threshold below which it abstains, and what that was measured to cost.

    `made_with` says which reader and model the weights are for, `measured` what was asked, of which index, and the rates.
    `bins` are in order of confidence.
    """

    bias: float
    weights: tuple[float, ...]
    threshold: float
    bins: tuple[Bin, ...]
    made_with: dict[str, str]
    measured: dict[str, Any]

    def confidence(self, signals: Mapping[str, float]) -> float:
        """The chance that the answer is right, 0 to 1; 0 where nothing was read."""
        if not signals:
            return 0.0
        logit = self.bias + sum(weight * signals[name] for weight, name in zip(self.weights, SIGNALS, strict=True))
        return round(logistic(logit), 4)

    def wrong_near(self, certainty: float) -> float | None:
        """The measured share of wrong answers among those of like confidence; None where nothing was measured."""
        reached = [one.wrong for one in self.bins if one.lowest <= certainty]
        return reached[-1] if reached else (self.bins[0].wrong if self.bins else None)


def calibration_from(values: dict[str, Any]) -> Calibration:
    """Raises KeyError, TypeError or ValueError where they are not what `save_calibration` writes."""
    weights = tuple(float(weight) for weight in values["weights"])
    if len(weights) != len(SIGNALS):
        raise ValueError(f"{len(weights)} weights for {len(SIGNALS)} signals")
    bins = tuple(Bin(float(b["lowest"]), int(b["questions"]), float(b["wrong"])) for b in values["bins"])
    bias, threshold = float(values["bias"]), float(values["threshold"])
    return Calibration(bias, weights, threshold, bins, dict(values["made_with"]), dict(values["measured"]))


def save_calibration(calibration: Calibration, path: Path) -> None:
    replace_file(path, canonical_json(asdict(calibration)).encode())


@lru_cache(maxsize=4)
def default_calibration(reader: str) -> Calibration:
    """That of a reader by the first word of its identity, made on public question sets: see benchmarks/README.md."""
    path = DEFAULTS / f"{reader.split('-')[0]}.json"
    return calibration_from(json.loads(path.read_text(encoding="utf-8")))


def index_calibration(folder: Path, reader: str, model: str) -> Calibration | None:
    """The one made on the index's own question set; None where there is none, or another reader or model made it.

    Raises IndexBroken where the file cannot be read.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        calibration = calibration_from(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise IndexBroken(f"{path} cannot be read: {error}; remove it, or run `rag calibrate` again") from error
    return calibration if calibration.made_with == {"reader": reader, "model": model} else None


def signals_of(query: str, hits: Sequence[Hit], scored: Sequence[ScoredSentence], index: Index) -> dict[str, float]:
    """What SIGNALS names, of the best sentence: the log odds of its score; the best passage's similarity to the query; the
    share of the query's terms, weighted by rarity, that stand in its passage; log2 of the rank of its passage among those read.

    Empty where nothing was read.
    """
    if not scored:
        return {}
    best = min(scored, key=lambda s: (-s.score, s.passage.document_id, s.sentence.span))
    chance = min(max(best.score, 1e-4), 1 - 1e-4)
    ranks = list(dict.fromkeys(s.passage.id for s in scored))
    values = (
        math.log(chance / (1 - chance)),
        max(hit.similarity for hit in hits),
        _coverage(query, f"{best.passage.context}\n{best.passage.text}", index),
        math.log2(1 + ranks.index(best.passage.id)),
    )
    return {name: round(value, 5) for name, value in zip(SIGNALS, values, strict=True)}


def _coverage(query: str, text: str, index: Index) -> float:
    wanted, held = sorted(set(terms(query))), set(terms(text))
    total = sum(index.lexical.idf(term) for term in wanted)
    return sum(index.lexical.idf(term) for term in wanted if term in held) / total if total else 0.0
