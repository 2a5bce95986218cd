"""What typing errors cost: each question with a typing error is asked as typed and as corrected.

    python benchmarks/typos.py evaluation/denervation

The corrected wording is the question's `corrected` in the metadata of queries.jsonl.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rag.config import load_settings
from rag.evaluation.experiment import chat_for, evaluate
from rag.evaluation.question_sets import Question, load_question_set
from rag.index.updating import Recipe
from rag.models.embedder import ModelEmbedder

MEASURES = ("Success@5", "hit", "first_hit", "answered")


def twins(questions: Sequence[Question]) -> list[tuple[Question, Question]]:
    """Each mistyped question, and the same with its corrected wording."""
    typed = [question for question in questions if "corrected" in question.metadata]
    return [(question, replace(question, text=str(question.metadata["corrected"]))) for question in typed]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    questions = load_question_set(parser.parse_args().set)
    settings = load_settings()
    chat = chat_for(
        questions, settings, Recipe(ModelEmbedder(settings.embedding), settings.passages), lambda what, done, total: None
    )
    pairs = twins(questions.questions)
    print(f"{len(pairs)} questions | " + " | ".join(MEASURES))
    for name, asked in zip(("as typed", "as corrected"), zip(*pairs, strict=True), strict=True):
        values = evaluate(replace(questions, questions=asked), chat).run.values
        print(name, *(f"{np.mean(list(values[measure].values())):.3f}" for measure in MEASURES), sep=" | ")


if __name__ == "__main__":
    main()
