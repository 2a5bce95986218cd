"""Compares readers: `python benchmarks/answers.py SET... [--given] [--limit N]`.

Prints a row per set and reader. With --given, each question is asked of its gold document alone, which measures reading apart
from retrieval.
"""

import argparse
from pathlib import Path

from rag.config import load_settings
from rag.evaluation.question_sets import load_question_set
from rag.library import Library
from rag.models.embedder import ModelEmbedder

MEASURES = ("hit", "first_hit", "sentence_f1", "phrase_f1", "sentences_shown", "auroc", "false_answers", "false_abstentions")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--given", action="store_true")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--readers", nargs="+", default=["similarity", "trained"])
    parser.add_argument("--always", action="store_true", help="answer at any confidence")
    arguments = parser.parse_args()
    settings = load_settings()
    embedder = ModelEmbedder(settings.embedding)
    print("| set | reader | questions | " + " | ".join(MEASURES) + " | ms |")
    print("|" + "---|" * (len(MEASURES) + 4))
    for folder in arguments.sets:
        questions = load_question_set(folder)
        for reader in arguments.readers:
            answering = settings.answering.model_copy(update={"reader": reader})
            if arguments.always:
                answering = answering.model_copy(update={"min_confidence": 0.0})
            reader_settings = settings.model_copy(update={"answering": answering})
            library = Library(reader_settings, embedder=embedder)
            summary = library.evaluate(questions, given=arguments.given, limit=arguments.limit).run.summary
            measures = {**(summary["answers"] or {}), **(summary["abstention"] or {})}
            cells = ["–" if measures.get(name) is None else f"{measures[name]:.3f}".lstrip("0") for name in MEASURES]
            row = [questions.name, reader, str(summary["questions"]), *cells, f"{summary['timings_ms']['p50']:.0f}"]
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
