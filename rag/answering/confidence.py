"""The confidence that an answer is right: signals of its reading, with weights learned from questions with known answers."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from rag.answering.guarantees import Guarantee, guarantee_from
from rag.answering.named_things import held, log_odds
from rag.errors import IndexBroken, QuestionSetError
from rag.index.contents import Index
from rag.numeric import logistic
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Hit, Strength
from rag.storage.files import canonical_json, sha256_json
from rag.storage.locked import update_file
from rag.text.analyses import STOPWORDS
from rag.text.terms import terms

DEFAULTS = Path(__file__).parent / "calibrations"
FILE = "calibration.json"  # in an index folder; written by `rag calibrate`
SIGNALS = ("best", "similarity", "rank", "unnamed")
_DIGIT = re.compile(r"\d")
_CODE = re.compile(r"\b[A-Z]{2,}\b")  # an abbreviation, wherever it stands
_NUMBER_AND_UNIT = re.compile(r"\b(\d[\d.,]*)(?:-[a-z]{2,})+\b")
MOST_UNNAMED = 3  # a first missing name says much, a fourth nothing more
NOT_MEASURED = "no error rate was measured for this reader with this embedding model; run `rag calibrate SET`"


@dataclass(frozen=True, slots=True)
class Band:
    """Answers from confidence `lowest` up to the next band. `right` is the share of right answers among `questions` that were
    held out of the fit; an answer to an unanswerable question counts as wrong.
    """

    strength: Strength
    lowest: float
    questions: int
    right: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights of the signals, the threshold below which to abstain, and the error rates measured at that threshold.

    `bands` are ordered from strong to weak; a band that no answer reached is missing, and without a measurement there are none.
    `made_with` identifies the reader and model that the weights are for; `measured` holds what was asked, and the error rates.
    `guarantee` is about the strong band, None if none was asked for.
    """

    bias: float
    weights: tuple[float, ...]
    threshold: float
    bands: tuple[Band, ...]
    made_with: dict[str, str]
    measured: dict[str, Any]
    guarantee: Guarantee | None = None

    def confidence(self, signals: Mapping[str, float]) -> float:
        """The probability that the answer is right, 0 to 1; 0 if nothing was read."""
        if not signals:
            return 0.0
        logit = self.bias + sum(weight * signals[name] for weight, name in zip(self.weights, SIGNALS, strict=True))
        return round(logistic(logit), 4)

    def claims(self, strength: Strength) -> bool:
        """Whether any answer can have this strength."""
        return any(band.strength == strength for band in self.bands)

    def band(self, confidence: float) -> Band | None:
        """The band of an answer with this confidence; None below all bands."""
        return next((band for band in self.bands if confidence >= band.lowest), None)


def calibration_from(values: dict[str, Any]) -> Calibration:
    """Raises KeyError, TypeError or ValueError unless `save_calibration` wrote the values."""
    weights = tuple(float(weight) for weight in values["weights"])
    if len(weights) != len(SIGNALS):
        raise ValueError(f"{len(weights)} weights for {len(SIGNALS)} signals")
    if "bands" not in values:
        raise ValueError("an earlier version wrote it, without bands")
    bands = tuple(Band(b["strength"], float(b["lowest"]), int(b["questions"]), float(b["right"])) for b in values["bands"])
    bias, threshold = float(values["bias"]), float(values["threshold"])
    made_with, measured, guarantee = dict(values["made_with"]), dict(values["measured"]), guarantee_from(values.get("guarantee"))
    return Calibration(bias, weights, threshold, bands, made_with, measured, guarantee)


def save_calibration(calibration: Calibration, path: Path, *, instead_of: Calibration | None = None) -> None:
    """Raises QuestionSetError, and changes nothing, if another one than `instead_of` has been saved meanwhile."""
    values = asdict(calibration)

    def change(_: bytes | None) -> bytes:
        if instead_of is not None and stored_calibration(path.parent) != instead_of:
            raise QuestionSetError("a new calibration was saved while questions were asked; check again")
        return canonical_json(values | {"digest": sha256_json(values)}).encode()

    update_file(path, change, mode=0o666)


@lru_cache(maxsize=4)
def default_calibration(reader: str, model: str) -> Calibration:
    """The calibration that comes with the reader, made on the question sets named in benchmarks/README.md.

    With another embedding model or version of the reader than it was made with, it claims neither bands nor rates.
    """
    path = DEFAULTS / f"{reader.split('-')[0]}.json"
    calibration = calibration_from(json.loads(path.read_text(encoding="utf-8")))
    if calibration.made_with == {"reader": reader, "model": model}:
        return calibration
    return replace(calibration, bands=(), measured={"asked": NOT_MEASURED})


def index_calibration(folder: Path, reader: str, model: str) -> Calibration | None:
    """The calibration stored with the index; None if there is none, or if it is for another reader or model.

    Raises IndexBroken if the file cannot be read or was changed.
    """
    calibration = stored_calibration(folder)
    return calibration if calibration and calibration.made_with == {"reader": reader, "model": model} else None


def stored_calibration(folder: Path) -> Calibration | None:
    """The calibration in an index folder, whatever it was made with. Raises IndexBroken if it cannot be read or was changed."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        calibration = calibration_from(values)
        if values.pop("digest", "") != sha256_json(values):
            raise ValueError("it was changed after it was written")
    except (OSError, AttributeError, RecursionError, KeyError, TypeError, ValueError) as error:
        raise IndexBroken(f"{path} cannot be used: {error}; remove it, or run `rag calibrate` again") from error
    return calibration


def signals_of(query: str, hits: Sequence[Hit], scored: Sequence[ScoredSentence], index: Index) -> dict[str, float]:
    """The SIGNALS of the best sentence: the log odds of its score; the best passage's similarity to the query; log2 of the rank
    of its passage among those read; how many of the query's names and numbers it does not hold, as `held` defines it.

    Empty if nothing was read.
    """
    if not scored:
        return {}
    best = min(scored, key=lambda s: (-s.score, s.passage.document_id, s.sentence.span))
    names = names_in(query)
    counts = held(best, dict.fromkeys(names, 1.0), index)
    ranks = list(dict.fromkeys(s.passage.id for s in scored))
    values = (
        log_odds(best.score),
        max(hit.similarity for hit in hits),
        math.log2(1 + ranks.index(best.passage.id)),
        min(MOST_UNNAMED, sum(counts.get(name, 0.0) < 1 for name in names)),
    )
    return {name: round(value, 5) for name, value in zip(SIGNALS, values, strict=True)}


def names_in(query: str) -> set[str]:
    """Terms of the names, numbers and codes in a query.

    Those are words with a digit, words of capitals alone, and, after the first word, words with a capital; in a title or a query
    typed in capitals, a capital says nothing. Of a number with its unit, such as "20-year-old", only the number counts.
    """
    words = query.split()
    letters = [word for word in words if word[0].isalpha() and word.lower() not in STOPWORDS]
    titled = len(letters) > 1 and all(word[0].isupper() for word in letters)
    shouted = len(letters) > 1 and all(word.isupper() for word in letters)
    names = [
        _NUMBER_AND_UNIT.sub(r"\1 ", word)
        for n, word in enumerate(words)
        if _DIGIT.search(word) or (word[0].isupper() and n > 0 and not titled) or (_CODE.search(word) and not shouted)
    ]
    return set(terms(" ".join(names)))
