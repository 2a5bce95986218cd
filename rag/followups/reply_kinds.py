"""What kind of reply a text is: an act on the last answer, small talk, a question about the program, or an ordinary question.

Multinomial logistic regression over word n-grams, fitted by `training/acts.py` to the written examples in `training/acts.tsv`.
Words that occur in no example of a kind become UNKNOWN, so that "tell me more about botulism" stays an ordinary question.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rag.followups.foreign_replies import foreign_reply
from rag.text.numerals import NUMBER_WORDS

WEIGHTS = Path(__file__).parent / "reply_kinds.json"
QUESTION = "question"  # the kind of everything else
ACTS = ("again", "more", "source", "choose", "yes")
SMALL_TALK = ("greeting", "wellbeing", "thanks", "goodbye", "acknowledgement", "praise", "complaint", "identity")
ABOUT_PROGRAM = ("abilities", "documents", "count", "updated", "workings", "privacy")
LONGEST_REPLY = 100  # characters; anything longer is an ordinary question
UNKNOWN = "X"
SHORTEST_CORRECTED = 5  # letters; one edit turns too many shorter words into another ("snow", "now")
LONGEST_COUNTED = 5  # words; and UNKNOWN_COUNTED for unknown words
UNKNOWN_COUNTED = 3
KEPT = 200  # replies whose kind is remembered: the user's turns of a few conversations
_TOKEN = re.compile(r"\d+(?:st|nd|rd|th)\b|\d+|[^\W\d_]+(?:'[^\W\d_]+)?|[:;]-?[()d]|[^\w\s.,!\"]")
_SPELLINGS = {
    **dict.fromkeys(["u", "ya"], "you"), **dict.fromkeys(["pls", "plz"], "please"),
    **dict.fromkeys(["wat", "wut", "wot"], "what"),
    **dict.fromkeys(["thx", "thanx", "tnx", "ty"], "thanks"), **dict.fromkeys(["yeah", "yea", "yep", "yup"], "yes"),
    "r": "are", "ur": "your", "gimme": "give me", "okay": "ok", "dont": "don't", "doesnt": "doesn't", "didnt": "didn't",
    "cant": "can't", "whats": "what's", "wheres": "where's", "hows": "how's", "thats": "that's", "whos": "who's", "lets": "let's",
    "im": "i'm", "id": "i'd", "ill": "i'll", "doc": "document", "docs": "documents",
}  # fmt: skip
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
NUMBERS = NUMBER_WORDS[:10]
# Words that mean the same in a reply: documents and their parts, ordinals, numbers.
_CLASSES = {
    **dict.fromkeys(
        """document file page section chapter clause leaflet recommendation declaration handout brochure booklet paper report
        article guide manual handbook policy rule regulation law contract letter appendix annex memo pamphlet factsheet guideline
        protocol treaty slide sheet paragraph pdf book lesson lecture study statute schedule footnote poster notice statement
        passage line row column tab""".split(),
        "DOCUMENT",
    ),
    **dict.fromkeys([*ORDINALS, "last", "frist", "secnd", "thrid"], "ORDINAL"),
    **dict.fromkeys(NUMBERS[1:], "NUMBER"),  # "one" is mostly a pronoun
}


@dataclass(frozen=True, slots=True)
class Weights:
    """Of a logistic regression: `features` maps a name to one weight per kind. A reply is of a kind from `threshold` on."""

    kinds: tuple[str, ...]
    bias: tuple[float, ...]
    features: Mapping[str, Mapping[str, float]]
    words: frozenset[str]
    corrections: Mapping[str, str]
    threshold: float


@lru_cache(maxsize=KEPT)
def kind_of(reply: str) -> str:
    """One of ACTS, SMALL_TALK and ABOUT_PROGRAM, or QUESTION. Whether there is an answer to act on is for the caller to check."""
    if len(reply) > LONGEST_REPLY or not reply.strip():
        return QUESTION
    if foreign := foreign_reply(reply):
        return "more" if foreign.kind == "next" else foreign.kind
    weights = load_weights()
    scores = probabilities(reply, weights)
    if 1 - scores[QUESTION] < weights.threshold:
        return QUESTION
    return max((kind for kind in weights.kinds if kind != QUESTION), key=lambda kind: (scores[kind], kind))


def probabilities(reply: str, weights: Weights) -> dict[str, float]:
    logits = dict(zip(weights.kinds, weights.bias, strict=True))
    for name, value in features(reply, weights.words, weights.corrections).items():
        for kind, weight in weights.features.get(name, {}).items():
            logits[kind] += value * weight
    highest = max(logits.values())
    odds = {kind: math.exp(logit - highest) for kind, logit in logits.items()}
    total = sum(odds.values())
    return {kind: value / total for kind, value in odds.items()}


@lru_cache(maxsize=1)
def load_weights() -> Weights:
    stored = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    words = frozenset(stored["words"])
    kinds = tuple(stored["kinds"])
    named = {name: {kinds[row]: weight for row, weight in values} for name, values in stored["features"].items()}
    return Weights(kinds, tuple(stored["bias"]), named, words, corrections(stored["corrected"]), stored["threshold"])


def words_of(text: str) -> list[str]:
    """Folded words, with common short forms spelled out, contractions split, and classes of words as one word each."""
    words: list[str] = []
    for piece in _TOKEN.findall(text.casefold().replace("’", "'")):
        if piece.isdigit():
            words.append("NUMBER" if len(piece) <= 2 else "YEAR")
        elif piece[0].isdigit():
            words.append("ORDINAL")
        elif piece != "?":
            words += [part for word in _SPELLINGS.get(piece, piece).split() for part in _parts(word)]
    return [_class_of(word) for word in words]


def _parts(word: str) -> list[str]:
    if word.endswith("n't"):
        return ["can" if word == "can't" else word[:-3], "not"]
    head, apostrophe, tail = word.partition("'")
    return [head, apostrophe + tail] if apostrophe and head else [word]


def _class_of(word: str) -> str:
    if word.endswith("s") and _CLASSES.get(word[:-1]) == "DOCUMENT":
        return "DOCUMENTS"
    return _CLASSES.get(word, word)


def features(text: str, words: frozenset[str], corrected: Mapping[str, str]) -> dict[str, float]:
    """Word n-grams of 1 to 3 words, lengths, and the number of unknown words, by name."""
    known = [_known(word, words, corrected) for word in words_of(text)]
    sequence = ["^", *known, "$"]
    values = {" ".join(sequence[i : i + n]): 1.0 for n in (1, 2, 3) for i in range(len(sequence) - n + 1)}
    unknown = min(known.count(UNKNOWN), UNKNOWN_COUNTED)
    length = min(len(known), LONGEST_COUNTED)
    values |= {f"length {length} unknown {unknown}": 1.0, "words": math.log1p(len(known))}
    values |= {f"unknown > {number}": 1.0 for number in range(unknown)}
    if "?" in text:
        values |= {"asks": 1.0, f"asks length {length} unknown {unknown}": 1.0}
    return values


def _known(word: str, words: frozenset[str], corrected: Mapping[str, str]) -> str:
    """The word, or the one it is a misspelling of: by one letter left out, added or replaced, or two letters swapped."""
    if word in words:
        return word
    if len(word) >= SHORTEST_CORRECTED:
        for form in (word, *edits(word)):
            right = corrected.get(form)
            if right and right[0] == word[0] and word != f"{right}s" and abs(len(right) - len(word)) <= 1:
                return right
    return UNKNOWN


def edits(word: str) -> Iterator[str]:
    """The word with one letter left out, or two neighbouring letters swapped."""
    for i in range(len(word)):
        yield word[:i] + word[i + 1 :]
        if i + 1 < len(word):
            yield word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def corrections(frequent: list[str]) -> dict[str, str]:
    """From each word and each of its edits to the word; the first word wins, so the most frequent words come first."""
    found: dict[str, str] = {}
    for word in frequent:
        for form in (word, *edits(word)):
            found.setdefault(form, word)
    return found
