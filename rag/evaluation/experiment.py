"""Evaluation: asks the questions of a set and measures the outcomes."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rag import __version__
from rag.config import Settings
from rag.conversation import Chat
from rag.evaluation.measures import RETRIEVAL, meets, per_question, summarise
from rag.evaluation.question_sets import Question, QuestionSet
from rag.evaluation.runs import Outcome, Run
from rag.index.builds import Report
from rag.index.contents import Index
from rag.index.manifest import model_values
from rag.index.updating import Recipe, update_index
from rag.models.model_identity import backend_of
from rag.records import Answer, Hit, Span

DEPTH = 1000  # passages by which documents are ranked: trec_eval's customary depth
RANKED = 100  # documents in a ranking: the depth of R@100, the deepest measure
SHOWN = 5  # hits stored with each question, for reports
SAMPLE_SEED = 7  # fixed, so that a limit always draws the same questions
PACKAGES = ("faiss-cpu", "numpy", "onnxruntime", "sentence-transformers", "torch", "nupunkt", "PyStemmer")


@dataclass(frozen=True)
class Evaluation:
    """A run with its questions, their outcomes in the order asked, and the chat that answered."""

    questions: QuestionSet
    chat: Chat
    run: Run
    outcomes: list[Outcome]

    @property
    def outcome_of(self) -> dict[str, Outcome]:
        """The outcomes by question id."""
        return {outcome.question_id: outcome for outcome in self.outcomes}


def chat_for(questions: QuestionSet, settings: Settings, recipe: Recipe, progress: Report) -> Chat:
    """The chat to ask a set's questions: on the current index, or on an index of the set's own corpus, which is updated first."""
    if questions.corpus is None:
        return Chat(settings, recipe.embedder)
    folder = settings.evaluation.runs / "indexes" / _index_name(questions, settings)
    update_index(questions.corpus, folder, recipe, forget=True, progress=progress)
    return Chat(settings.model_copy(update={"index": folder}), recipe.embedder)


def _index_name(questions: QuestionSet, settings: Settings) -> str:
    """One index for each model, backend and passage size, so that comparing them does not rebuild."""
    model = Path(settings.embedding.model).name
    return f"{questions.name}-{model}-{backend_of(settings.embedding)}-{settings.passages.max_tokens or 'whole'}"


def evaluate(
    questions: QuestionSet,
    chat: Chat,
    *,
    given: bool = False,
    answers: bool = True,
    limit: int | None = None,
    progress: Report = lambda what, done, total: None,
) -> Evaluation:
    """Asks all questions, or a fixed sample of `limit`, and measures the outcomes.

    With `given`, each question is asked of its own gold documents, and retrieval is not measured. Without `answers`, or if
    the set has neither gold spans nor unanswerable questions, only retrieval is measured.
    """
    asked = _sample(questions.questions, limit)
    answers = answers and any(question.answers or question.unanswerable for question in asked)
    always_answers = Chat(_without_threshold(chat.settings), chat.embedder, chat.reader)
    index = always_answers.index()  # loaded now, so that loading does not count as the first question's time
    if answers:
        always_answers.reader.load()
    signature = _signature(questions, chat, index, given=given, asked=len(asked))  # before asking: files may change meanwhile
    outcomes = {}
    for done, question in enumerate(asked):
        progress("asking", done, len(asked))
        outcomes[question.id] = _ask(always_answers, question, chat.threshold, given=given, answers=answers)
    progress("asking", len(asked), len(asked))
    sentences = _sentences(index, {gold.document_id for question in asked for gold in question.answers})
    values = per_question(asked, outcomes, sentences)
    if not answers:
        values = {name: by_question for name, by_question in values.items() if name in RETRIEVAL}
    summary = summarise(questions.name, signature, asked, outcomes, values)
    if not answers:
        summary["answers"] = summary["abstention"] = None
    time_stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")[:-3]
    run = Run(f"{questions.name}-{time_stamp}", signature, summary, values)
    return Evaluation(questions, chat, run, list(outcomes.values()))


def _sample(questions: Sequence[Question], limit: int | None) -> list[Question]:
    """All questions in order, or always the same `limit` of them, by id."""
    if limit is None or limit >= len(questions):
        return list(questions)
    sample = random.Random(SAMPLE_SEED).sample(questions, limit)  # noqa: S311 - not for security
    return sorted(sample, key=lambda question: question.id)


def _without_threshold(settings: Settings) -> Settings:
    return settings.model_copy(update={"answering": settings.answering.model_copy(update={"min_confidence": 0.0})})


def _ask(chat: Chat, question: Question, threshold: float, *, given: bool, answers: bool) -> Outcome:
    documents = question.given if given else None
    started = time.perf_counter()
    answer = Answer(question.text, question.text)
    if answers:
        answer = chat.ask(question.text, history=question.history, documents=documents)
    hits = [] if given else chat.search(question.text, k=DEPTH, history=question.history)
    outcome = Outcome(
        question_id=question.id,
        answer=answer,
        abstained=answer.abstained or answer.confidence < threshold,
        confidence=answer.confidence,
        ranking=None if given else rank_documents(hits),
        timings_ms=answer.timings_ms or {"total": round(1000 * (time.perf_counter() - started), 1)},
        hits=tuple(hits[:SHOWN]),
    )
    right = any(meets(gold, *quote) for gold in question.answers for quote in outcome.quoted)
    return replace(outcome, right=right)


def rank_documents(hits: Sequence[Hit]) -> tuple[str, ...]:
    """Document ids, ordered by their best passage."""
    return tuple(dict.fromkeys(hit.passage.document_id for hit in hits))[:RANKED]


def _sentences(index: Index, documents: set[str]) -> dict[str, list[Span]]:
    return {
        name: [sentence.span for passage in index.passages_of(name) for sentence in passage.sentences]
        for name in sorted(documents & index.rows.keys())
    }


def _signature(questions: QuestionSet, chat: Chat, index: Index, *, given: bool, asked: int) -> dict[str, Any]:
    """Everything that could change a figure."""
    return {
        "dataset": questions.name,
        "dataset_digest": questions.digest,
        "questions": asked,
        "given": given,
        "index": index.digest,
        "model": model_values(index.manifest.contents.model, index.manifest.contents.dim),
        "reader": chat.reader.identity,
        "calibration": {"threshold": chat.threshold, **chat.calibration().made_with},
        "passages": chat.settings.passages.model_dump(),
        "retrieval": chat.settings.retrieval.model_dump(),
        "answering": chat.settings.answering.model_dump(),
        "versions": {name: version(name) for name in PACKAGES} | {"rag": __version__},
    }
