"""Adding questions to a set: a person names the sentences that answer a question."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from rag.answering.wording import place
from rag.conversation import Chat
from rag.errors import QuestionSetError
from rag.evaluation.feedback import LOCK
from rag.evaluation.question_sets import (
    ANSWERS,
    QRELS,
    QRELS_HEAD,
    QUERIES,
    UNANSWERABLE,
    GoldSpan,
    QuestionSet,
    gold_values,
    load_question_set,
)
from rag.storage.files import json_line, replace_file

OFFERED = 12  # sentences: what fits on a screen with the prompts
READ = 6  # passages from which the sentences come: the default of answering.read


def label(chat: Chat, folder: Path, *, ask: Callable[[str], str], show: Callable[[str], None]) -> None:
    """Prompts for questions until an empty line, shows sentences for each, and stores the chosen ones.

    `ask` returns what is typed after a prompt; end of input counts as an empty line.
    """
    while question := _typed(ask, "question (an empty line ends): "):
        hits = chat.search(question, k=READ)
        scored = chat.reader.read(question, [hit.passage for hit in hits])
        best = sorted(scored, key=lambda sentence: (-sentence.score, sentence.passage.id, sentence.number))[:OFFERED]
        for number, sentence in enumerate(best, start=1):
            show(f"{number:2}  {sentence.text}   ({place(sentence.passage.document_id, sentence.passage.page, ())})")
        chosen = _typed(ask, "numbers of all sentences that answer it, n if the documents do not answer it, or Enter to skip: ")
        numbers = [int(word) for word in chosen.split() if word.isdecimal()]
        if chosen == "n":
            add_question(folder, question, [])
        elif numbers and all(1 <= number <= len(best) for number in numbers):
            gold = [best[number - 1] for number in dict.fromkeys(numbers)]
            spans = [GoldSpan(s.passage.document_id, s.sentence.span, s.text) for s in gold]
            add_question(folder, question, spans)
        else:
            show("skipped")
            continue
        show(f"stored in {folder}")


def _typed(ask: Callable[[str], str], prompt: str) -> str:
    try:
        return ask(prompt).strip()
    except EOFError:
        return ""


def add_question(folder: Path, text: str, gold: Sequence[GoldSpan]) -> str:
    """Adds a labelled question to a set, without gold spans as unanswerable, and returns its id, which depends on its text.

    Raises QuestionSetError if the set already has the question, or has a corpus of its own.
    """
    id = "q-" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    with FileLock(folder / LOCK, mode=0o600):
        if (folder / QUERIES).exists():
            present = load_question_set(folder)
            if present.corpus is not None:
                raise QuestionSetError(f"{folder} has a corpus of its own; name a set about the current corpus")
            if any(question.id == id for question in present.questions):
                raise QuestionSetError(f"{folder} already has the question {text!r}")
        if gold:
            _append(folder / ANSWERS, json_line({"query_id": id, "answers": [gold_values(span) for span in gold]}))
            documents = sorted({span.document_id for span in gold})
            _append(
                folder / QRELS, "".join(f"{id}\t{document}\t1\n" for document in documents).encode(), head=QRELS_HEAD.encode()
            )
        else:
            _append(folder / UNANSWERABLE, json_line({"query_id": id}))
        _append(folder / QUERIES, json_line({"_id": id, "text": text}))  # last: lines about other ids are ignored
    return id


def _append(path: Path, data: bytes, *, head: bytes = b"") -> None:
    replace_file(path, (path.read_bytes() if path.exists() else head) + data)


def outdated_questions(questions: QuestionSet, texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Documents in which a gold span no longer has its text, each with the ids of the affected questions.

    `texts` are those of the current corpus; a missing document affects all its questions.
    """
    outdated: dict[str, list[str]] = {}
    for question in questions.questions:
        for gold in question.answers:
            if gold.span.of(texts.get(gold.document_id, "")) != gold.text:
                ids = outdated.setdefault(gold.document_id, [])
                if question.id not in ids:
                    ids.append(question.id)
    return outdated
