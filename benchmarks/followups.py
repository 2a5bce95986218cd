"""Retrieval for follow-ups as typed, with all earlier turns appended, as rewritten by rag, and as rewritten by people.

    python benchmarks/followups.py SET... [--index INDEX] [--runs runs] [--half report] [--answers] [--show]

Sets as for `rag eval`; those without a corpus of their own are asked of --index. --half restricts the dialogues to one half
("choose" or "report", by the hash of their name); settings were chosen on "choose". First turns are reported separately.
--answers adds the share of questions whose gold sentence is quoted, at any confidence.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import ir_measures
import numpy as np

from rag.config import load_settings
from rag.conversation import Chat
from rag.evaluation.experiment import chat_for, rank_documents
from rag.evaluation.measures import meets
from rag.evaluation.question_sets import Question, half_of, load_question_set
from rag.index.updating import Recipe
from rag.models.embedder import ModelEmbedder
from rag.records import Answer, Hit

DEPTH = 1000  # passages from which documents are ranked
Way = tuple[str, Callable[[Chat, Question], list[Hit]], Callable[[Chat, Question], Answer]]


def appended(question: Question) -> str:
    return " ".join([*(turn["text"] for turn in question.history), question.text])


def as_query(
    query: Callable[[Question], str],
) -> tuple[Callable[[Chat, Question], list[Hit]], Callable[[Chat, Question], Answer]]:
    return (
        lambda chat, question: chat.search(query(question), k=DEPTH),
        lambda chat, question: chat.ask(query(question), query=query(question)),
    )


WAYS: tuple[Way, ...] = (
    ("as typed", *as_query(lambda question: question.text)),
    ("all turns appended", *as_query(appended)),
    (
        "as understood",
        lambda chat, question: chat.search(question.text, k=DEPTH, history=question.history),
        lambda chat, question: chat.ask(question.text, history=question.history),
    ),
    ("people's rewrites", *as_query(lambda question: question.rewrite or question.text)),
)


def hit(answer: Answer, question: Question) -> bool:
    quoted = [c for c, sentence in zip(answer.citations, answer.sentences, strict=True) if not sentence.context]
    return any(meets(gold, citation.document_id, citation.span) for gold in question.answers for citation in quoted)


def measured(chat: Chat, questions: Sequence[Question], way: Way, *, answers: bool) -> str:
    _, search, ask = way
    run = {
        question.id: {name: -float(rank) for rank, name in enumerate(rank_documents(search(chat, question)))}
        for question in questions
    }
    qrels = {question.id: question.relevance for question in questions}
    measures = ir_measures.calc_aggregate([ir_measures.nDCG @ 10, ir_measures.Success @ 5], qrels, run)
    line = "  ".join(f"{measure} {value:.4f}" for measure, value in measures.items())
    answerable = [question for question in questions if question.answers]
    if answers and answerable:
        line += f"  hit {np.mean([hit(ask(chat, question), question) for question in answerable]):.4f}"
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--half", choices=("choose", "report"))
    parser.add_argument("--answers", action="store_true")
    parser.add_argument("--show", action="store_true", help="print how each follow-up was rewritten")
    arguments = parser.parse_args()
    settings = load_settings(index=arguments.index, evaluation={"runs": arguments.runs}, answering={"min_confidence": 0.0})
    embedder = ModelEmbedder(settings.embedding)
    for folder in arguments.sets:
        questions = load_question_set(folder)
        chat = chat_for(questions, settings, Recipe(embedder, settings.passages), lambda what, done, total: None)
        judged = [q for q in questions.questions if any(grade > 0 for grade in q.relevance.values())]
        if arguments.half:
            judged = [question for question in judged if half_of(question.id) == arguments.half]
        if arguments.show:
            for question in judged:
                if question.history:
                    query = chat.understand(question.text, question.history).query
                    print(f"{question.text}\n  by rag:    {query}\n  by people: {question.rewrite}")
        for name, ways in (("follow-ups", WAYS), ("first turns", [WAYS[0], WAYS[2]])):
            part = [question for question in judged if bool(question.history) == (name == "follow-ups")]
            for way in ways if part else ():
                line = measured(chat, part, way, answers=arguments.answers and name == "follow-ups")
                print(f"{questions.name:12} {name} {len(part):4}  {way[0]:19} {line}", flush=True)


if __name__ == "__main__":
    main()
