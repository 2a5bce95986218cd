"""How well judges agree about a question set: Cohen's kappa over the sentences of its pool.

    python benchmarks/judgements.py evaluation/denervation

Each line of SET/pool.jsonl has a question's pool: {"query_id", "sentences": [[document id, start, end, right, right again?]]}.
`right` is 1 if the sentence answers the question by itself; a second judgement follows for a sample of the questions.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from rag.evaluation.measures import meets
from rag.evaluation.question_sets import Question, load_question_set
from rag.records import Span


def kappa(first: Sequence[bool], second: Sequence[bool]) -> float:
    """Agreement beyond chance (Cohen 1960), 1 at best; 1 if both judges always say the same one thing."""
    n = len(first)
    agreed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    yes = sum(first) * sum(second) / n**2
    chance = yes + (n - sum(first)) * (n - sum(second)) / n**2
    return 1.0 if chance == 1 else (agreed - chance) / (1 - chance)


def is_gold(question: Question, document_id: str, span: Span) -> bool:
    return any(meets(gold, document_id, span) for gold in question.answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--before", type=Path, help="the set before its pool was judged, to compare its gold with the judgements")
    arguments = parser.parse_args()
    pools = [json.loads(line) for line in (arguments.set / "pool.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [row for pool in pools for row in pool["sentences"]]
    twice = [row for row in rows if len(row) == 5]
    print(f"{len(pools)} questions, {len(rows)} sentences, {sum(row[3] for row in rows)} right")
    agreement = kappa([bool(row[3]) for row in twice], [bool(row[4]) for row in twice])
    print(f"judged twice: {len(twice)} sentences, kappa {agreement:.3f}")
    if arguments.before:
        before = {question.id: question for question in load_question_set(arguments.before).questions if question.answers}
        pairs = [
            (is_gold(before[pool["query_id"]], row[0], Span(row[1], row[2])), bool(row[3]))
            for pool in pools
            if pool["query_id"] in before
            for row in pool["sentences"]
        ]
        agreement = kappa([gold for gold, _ in pairs], [right for _, right in pairs])
        print(f"gold before against judgements: {len(pairs)} sentences, kappa {agreement:.3f}")


if __name__ == "__main__":
    main()
