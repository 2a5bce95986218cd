"""Learns to tell replies that act on an answer, and small talk, from ordinary questions.

    python -m training.acts canard_rewrites.jsonl.gz --out rag/followups/reply_kinds.json

Examples: training/acts.tsv (kind, tab, text), of kind "none" for ordinary questions that look similar; the first SINGLE
questions of training/questions.jsonl; and the follow-ups of CANARD (see training/followup_weights.py) without the words in
_AMBIGUOUS, since CANARD does not say which of its turns are acts.
"""

import argparse
import gzip
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from rag.followups.reply_kinds import (
    ABOUT_PROGRAM,
    ACTS,
    LONGEST_REPLY,
    QUESTION,
    SHORTEST_CORRECTED,
    SMALL_TALK,
    corrections,
    features,
    words_of,
)
from rag.storage.files import canonical_json

EXAMPLES = Path(__file__).parent / "acts.tsv"
QUESTIONS = Path(__file__).parent / "questions.jsonl"
SINGLE = 1_500
FEWEST = 2  # examples in which a feature or a word occurs
OFTEN = 4  # occurrences from which misspellings of a word are corrected
PULL = 1.0  # inverse strength of the L2 penalty
SMALLEST = 0.05  # smaller weights are left out
THRESHOLD = 0.9  # probability that it is not an ordinary question
SHORT = 2  # words; all words of such a reply are known
_AMBIGUOUS = re.compile(r"else|more|other|interest|again|state|say|source|elabor|explain|detail|happen|thank", re.IGNORECASE)
_FUNCTION_WORDS = """a an the of in on at for to with by from and or but is are was were be been do does did can could will would
    should must may have has had not it they he she him her his its their them this that these those there what which who where
    when why how if than then so as about""".split()


def examples(canard: Path) -> list[tuple[str, str]]:
    """(kind, text)"""
    lines = EXAMPLES.read_text(encoding="utf-8").splitlines()
    rows = [(QUESTION if kind == "none" else kind, text) for kind, text in (line.split("\t") for line in lines)]
    unknown = {kind for kind, _ in rows} - {*ACTS, *SMALL_TALK, *ABOUT_PROGRAM, QUESTION}
    if unknown:
        raise ValueError(f"{EXAMPLES} has unknown kinds: {', '.join(sorted(unknown))}")
    with QUESTIONS.open(encoding="utf-8") as questions:
        single = [json.loads(line)["question"] for line, _ in zip(questions, range(SINGLE), strict=False)]
    with gzip.open(canard, "rt", encoding="utf-8") as turns:
        follow_ups = [json.loads(line)["question"] for line in turns]
    ordinary = [*single, *(text for text in follow_ups if not _AMBIGUOUS.search(text))]
    return rows + [(QUESTION, text) for text in ordinary if len(text) <= LONGEST_REPLY]


def learn(rows: list[tuple[str, str]]) -> dict[str, Any]:
    of_a_kind = [words_of(text) for kind, text in rows if kind != QUESTION]
    frequency = Counter(word for words in of_a_kind for word in set(words))
    short = {word for words in of_a_kind if len(words) <= SHORT for word in words}
    words = {word for word, count in frequency.items() if count >= FEWEST} | short | {*_FUNCTION_WORDS}
    frequent = [word for word in words if frequency[word] >= OFTEN and len(word) >= SHORTEST_CORRECTED]
    corrected = sorted(frequent, key=lambda word: (-frequency[word], word))
    vectorizer = DictVectorizer()
    values = vectorizer.fit_transform([features(text, frozenset(words), corrections(corrected)) for _, text in rows])
    kept = np.flatnonzero(np.asarray((values > 0).sum(axis=0)).ravel() >= FEWEST)
    model = LogisticRegression(C=PULL, max_iter=150).fit(values[:, kept], [kind for kind, _ in rows])
    weights = {
        str(vectorizer.feature_names_[column]): [
            [row, round(float(weight), 2)] for row, weight in enumerate(model.coef_[:, number]) if abs(weight) >= SMALLEST
        ]
        for number, column in enumerate(kept)
    }
    return {
        "kinds": [str(kind) for kind in model.classes_],
        "bias": [round(float(bias), 4) for bias in model.intercept_],
        "features": {name: values for name, values in weights.items() if values},
        "words": sorted(words),
        "corrected": corrected,
        "threshold": THRESHOLD,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("canard", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rows = examples(arguments.canard)
    learnt = learn(rows)
    arguments.out.write_text(canonical_json(learnt) + "\n", encoding="utf-8")
    print(f"{len(rows)} examples, {len(learnt['features'])} features, {arguments.out.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
