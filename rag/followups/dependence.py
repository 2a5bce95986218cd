"""Whether a question depends on the earlier turns of its conversation: a probability learnt from labelled conversations.

The features are the question's shape (its function words in order, with a class in place of each content word) and, with the
bundled embedding model, its embedding. `training/dependence.py` fits the weights and measures them on held-out conversations.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from rag.config import EmbeddingSettings
from rag.followups.cues import cues_of, ends_pointing_back
from rag.followups.history import Turn
from rag.models.bundled import BUNDLED_MODEL
from rag.models.embedder import Embedder
from rag.models.model_identity import ModelIdentity, model_identity
from rag.numeric import logistic
from rag.text.terms import terms

Dependence = Literal["none", "possible", "clear"]
WEIGHTS = Path(__file__).parent / "dependence.json"
VECTOR_SCALE = 2.0  # of a unit vector next to features of 0 and 1; 2, 3 and 4 were alike on held-out conversations
POSSIBLE = 0.1  # probability from which earlier turns are searched as well; of .03, .1 and .2 the best on half of the sets
LONGEST = 1_200  # characters of the question and of each turn that are considered; bounds the cost of long texts
RECENT = 24  # last turns that are considered (twelve exchanges); no conversation learned from is longer
_TOKEN = re.compile(r"[^\W_]+(?:['’.-](?=\w)[^\W_]+)*|\?")
# Words that refer, compare or continue without being stop words: they stay in a question's shape.
_SHAPE_WORDS = frozenset(
    "else more another same one ones other others second first third last next too instead even still anymore again long many"
    " often far soon much old big ok okay yes no not thanks really only both either".split()
)


@dataclass(frozen=True, slots=True)
class Weights:
    """Of one logistic regression. `vector` is empty if it does not use the embedding.

    A question with a probability of at least `threshold` clearly depends.
    """

    bias: float
    features: dict[str, float]
    vector: tuple[float, ...]
    threshold: float


def dependence(question: str, turns: Sequence[Turn], embedder: Embedder) -> Dependence:
    """Whether a question must be understood from earlier turns; "none" if none of the RECENT last ones is the user's.

    The question is embedded only if the embedder is the one that the weights were learned with.
    """
    turns = turns[-RECENT:]
    if not any(turn.by_user for turn in turns):
        return "none"
    with_vector = _embeds_as_in_training(embedder.identity)
    weights = _weights()["vector" if with_vector else "shape"]
    logit = weights.bias + sum(weights.features.get(name, 0.0) * value for name, value in features(question, turns).items())
    if with_vector:
        vector = embedder.embed_query(question)
        logit += VECTOR_SCALE * float(np.dot(vector, np.asarray(weights.vector, dtype=np.float32)))
    probability = logistic(logit)
    if probability >= (POSSIBLE if ends_pointing_back(question) else weights.threshold):
        return "clear"
    return "possible" if probability >= POSSIBLE else "none"


@lru_cache(maxsize=4)  # a process has one or two embedders
def _embeds_as_in_training(identity: ModelIdentity) -> bool:
    """Whether this is the bundled model without prefixes, which would change the vectors; its backends differ only slightly."""
    if identity.name != BUNDLED_MODEL:
        return False
    return identity == model_identity(EmbeddingSettings.model_validate({"backend": identity.backend}))


@lru_cache(maxsize=1)
def _weights() -> dict[str, Weights]:
    stored = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return {
        name: Weights(values["bias"], values["features"], tuple(values["vector"]), values["threshold"])
        for name, values in stored.items()
    }


def features(question: str, turns: Sequence[Turn]) -> dict[str, float]:
    """Features by name, without those that are 0: the question's shape, and how many terms it shares with the turns.

    `turns` are in order, oldest first; the last two and the up to RECENT - 2 before them are considered.
    """
    question = question[:LONGEST]
    last = {term for turn in turns[-2:] for term in terms(turn.text[:LONGEST])}
    earlier = {term for turn in turns[-RECENT:-2] for term in terms(turn.text[:LONGEST])}
    shape = ["^", *_shape(question, last | earlier), "$"]
    values = {f"n:{' '.join(shape[i : i + n])}": 1.0 for n in (1, 2, 3) for i in range(len(shape) - n + 1)}
    own = set(terms(question))
    counts = {
        "terms": math.log1p(len(own)),
        "new": math.log1p(len(own - last - earlier)),
        "of the last turns": math.log1p(len(own & last)),
        "of earlier turns": math.log1p(len(own & earlier)),
        "words": math.log1p(len(shape) - 2),
        "one term": float(len(own) <= 1),
        "two terms": float(len(own) == 2),
        "many terms": float(len(own) >= 5),
        "nothing answered": float(not turns or not turns[-1].text.strip()),
    }
    cues = cues_of(question)
    for name in ("pointing", "beginning", "comparing", "elliptic"):
        if getattr(cues, name):
            counts |= {name: 1.0, f"{name} terms": counts["terms"], f"{name} new": counts["new"]}
    counts["new subject"] = float(cues.new_subject)
    return values | {name: value for name, value in counts.items() if value}


def _shape(question: str, known: set[str]) -> list[str]:
    """Function words as they are; for each content word P if an earlier turn has it, otherwise N if it begins with a digit,
    C if it is capitalised within the question, X if it is none of these.
    """
    shape: list[str] = []
    for match in _TOKEN.finditer(question):
        word = match.group().lower().replace("’", "'")
        stems = terms(word)
        if not stems or word in _SHAPE_WORDS:
            shape.append(word)
        elif any(stem in known for stem in stems):
            shape.append("P")
        elif word[0].isdigit():
            shape.append("N")
        else:
            shape.append("C" if match.group()[0].isupper() and shape else "X")
    return shape
