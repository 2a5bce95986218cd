"""Whether a question depends on the earlier turns of its conversation: a probability learnt from labelled conversations.

The features are the question's shape (its function words in order, with a class in place of each content word) and, with the
bundled embedding model, its embedding and its similarity to the user's last turn. `training/dependence.py` fits the weights and
measures them on held-out conversations.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from rag.config import EmbeddingSettings
from rag.followups.cues import cues_of, is_fragment, needs_its_antecedent, points_back
from rag.followups.expletives import expletives
from rag.followups.history import Turn
from rag.models.bundled import ENGLISH
from rag.models.embedder import Embedder
from rag.models.model_identity import ModelIdentity, model_identity
from rag.numeric import Vectors, logistic
from rag.text.terms import terms

Dependence = Literal["none", "possible", "clear"]
WEIGHTS = Path(__file__).parent / "dependence.json"
VECTOR_SCALE = 2.0  # of a unit vector next to features of 0 and 1; 2, 3 and 4 were alike on held-out conversations
POSSIBLE = 0.1  # probability from which earlier turns are searched as well; of .03, .1 and .2 the best on half of the sets
WHOLE = 0.15  # probability below which an earlier question began a topic of its own
EMBEDDED = 64  # texts whose vectors are remembered: the user's turns of a few conversations
LONGEST = 1_200  # characters of the question and of each turn that are considered; bounds the cost of long texts
RECENT = 24  # last turns that are considered (twelve exchanges); no conversation learned from is longer
UNLIKE, ALIKE = 0.15, 0.5  # cosines below and above which two questions count as unlike and alike
CLASSES = ("P", "N", "C", "X")  # of content words in a shape
LONG_SHAPE, MUCH_CONTENT = 6, 3  # words, and content words, beyond which a shape is just long
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
    if not any(turn.by_user for turn in turns[-RECENT:]):
        return "none"
    probability, threshold = _probability(question, turns, embedder)
    if clearly_depends(question, probability, threshold):
        return "clear"
    return "possible" if probability >= POSSIBLE else "none"


def clearly_depends(question: str, probability: float, threshold: float) -> bool:
    if expletives(question) and not points_back(question) and cues_of(question).words > 1:  # "Does it matter how old one is?"
        return False
    return is_fragment(question) or probability >= (POSSIBLE if needs_its_antecedent(question) else threshold)


def current_topic(turns: Sequence[Turn], embedder: Embedder) -> Sequence[Turn]:
    """The turns from the user's last question that certainly stands alone; all of the last RECENT if none does.

    Later questions that may stand alone are marked as `opening`. A question that was searched in other words leans.
    """
    opening: set[int] = set()
    begins = max(0, len(turns) - RECENT)
    for row in range(len(turns) - 1, begins, -1):
        turn = turns[row]
        query = turns[row + 1].query if row + 1 < len(turns) else ""
        if turn.by_user and query in ("", turn.text) and not is_fragment(turn.text) and not points_back(turn.text):
            probability, threshold = _probability(turn.text, turns[:row], embedder)
            if probability < threshold:
                opening.add(row)
            if probability < WHOLE:
                begins = row
                break

    return [replace(turns[row], opening=row in opening) for row in range(begins, len(turns))]


def _probability(question: str, turns: Sequence[Turn], embedder: Embedder) -> tuple[float, float]:
    """That the question depends on the turns, and the threshold from which it clearly does."""
    turns = turns[-RECENT:]
    vector = similarity = None
    if _embeds_as_in_training(embedder.identity):
        last = next((turn.text for turn in reversed(turns) if turn.by_user), "")
        vector = _embedded(embedder, question[:LONGEST])  # type: ignore[arg-type]  # embedders are hashable
        similarity = float(np.dot(vector, _embedded(embedder, last[:LONGEST])))  # type: ignore[arg-type]
    weights = _weights()["shape" if vector is None else "vector"]
    values = features(question, turns, similarity)
    logit = weights.bias + sum(weights.features.get(name, 0.0) * value for name, value in values.items())
    if vector is not None:
        logit += VECTOR_SCALE * float(np.dot(vector, np.asarray(weights.vector, dtype=np.float32)))
    return logistic(logit), weights.threshold


@lru_cache(maxsize=EMBEDDED)
def _embedded(embedder: Embedder, text: str) -> Vectors:
    return embedder.embed_query(text)


@lru_cache(maxsize=4)  # a process has one or two embedders
def _embeds_as_in_training(identity: ModelIdentity) -> bool:
    """Whether this is the English model without prefixes, which would change the vectors; its backends differ only slightly."""
    if identity.name != ENGLISH.name:
        return False
    return identity == model_identity(EmbeddingSettings.model_validate({"backend": identity.backend}))


@lru_cache(maxsize=1)
def _weights() -> dict[str, Weights]:
    stored = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return {
        name: Weights(values["bias"], values["features"], tuple(values["vector"]), values["threshold"])
        for name, values in stored.items()
    }


def features(question: str, turns: Sequence[Turn], similarity: float | None = None) -> dict[str, float]:
    """Features by name, without those that are 0: the question's shape, and how much it shares with the turns.

    `turns` are in order, oldest first; the last two and the up to RECENT - 2 before them are considered. `similarity` is that
    to the user's last turn, None if unknown.
    """
    question = question[:LONGEST]
    last = {term for turn in turns[-2:] for term in terms(turn.text[:LONGEST])}
    earlier = {term for turn in turns[-RECENT:-2] for term in terms(turn.text[:LONGEST])}
    own = set(terms(question))
    shape = ["^", *_shape(question, last | earlier), "$"]
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
    if similarity is not None:
        counts |= {"similar": similarity, "unlike": float(similarity < UNLIKE), "alike": float(similarity > ALIKE)}
        counts |= {f"similar {name}": similarity * counts[name] for name in ("terms", "new", "of the last turns")}
    return _patterns(shape) | {name: value for name, value in counts.items() if value}


def _patterns(shape: Sequence[str]) -> dict[str, float]:
    """Runs of one to three words of a shape, pairs with a gap, and how it begins and how long it is."""
    values = {f"n:{' '.join(shape[i : i + n])}": 1.0 for n in (1, 2, 3) for i in range(len(shape) - n + 1)}
    values |= {f"s:{shape[i]} _ {shape[i + 2]}": 1.0 for i in range(len(shape) - 2)}
    content = sum(word in CLASSES for word in shape)
    values |= {f"f:{shape[1]} {min(len(shape) - 2, LONG_SHAPE)}": 1.0, f"f:{shape[1]} x{min(content, MUCH_CONTENT)}": 1.0}
    return values | {f"ends {shape[-2]}": 1.0}


def _shape(question: str, known: set[str]) -> list[str]:
    """Function words as they are; for each content word P if an earlier turn has it, otherwise N if it begins with a digit,
    C if it is capitalised within the question, X if it is none of these.
    """
    shape: list[str] = []
    expletive = expletives(question)
    for match in _TOKEN.finditer(question):
        word = match.group().lower().replace("’", "'")
        stems = terms(word)
        if match.start() in expletive:
            shape.append("expletive")
        elif not stems or word in _SHAPE_WORDS:
            shape.append(word)
        elif any(stem in known for stem in stems):
            shape.append("P")
        elif word[0].isdigit():
            shape.append("N")
        else:
            shape.append("C" if match.group()[0].isupper() and shape else "X")
    return shape
