"""Growing a question set: a person says which sentences answer a question."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from rag.answering.wording import place
from rag.conversation import Chat
from rag.errors import QuestionSetError
from rag.evaluation.question_sets import GoldSpan, QuestionSet, load_question_set
from rag.storage.files import json_line, replace_file

OFFERED = 12  # sentences
READ = 6  # passages from which they come


def label(chat: Chat, folder: Path, *, ask: Callable[[str], str], show: Callable[[str], None]) -> None:
    """Asks for questions until an empty line, shows sentences for each, and stores those that are chosen.

    `ask` gives back what is typed after a prompt; the end of input counts as an empty line.
    """
    while question := _typed(ask, "question (an empty line ends): "):
        hits = chat.search(question, k=READ)
        scored = chat.reader.read(question, [hit.passage for hit in hits])
        best = sorted(scored, key=lambda sentence: (-sentence.score, sentence.passage.id, sentence.number))[:OFFERED]
        for number, sentence in enumerate(best, start=1):
            show(f"{number:2}  {sentence.text}   ({place(sentence.passage.document_id, sentence.passage.page, ())})")
        chosen = _typed(ask, "numbers of all that answer it, n if nothing in the documents does, else it is skipped: ")
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
    """Adds a judged question to a set, one without gold spans as unanswerable; gives back its id, which is made of its text.

    Raises QuestionSetError if the set has the question already, or has a corpus of its own.
    """
    name = "q-" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    if (folder / "queries.jsonl").exists():
        existing = load_question_set(folder)
        if existing.corpus is not None:
            raise QuestionSetError(f"{folder} asks about documents of its own; name a set about the current corpus")
        if any(question.id == name for question in existing.questions):
            raise QuestionSetError(f"{folder} has the question {text!r} already")
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    if gold:
        answers = [{"text": g.text, "doc_id": g.document_id, "start": g.span.start} for g in gold]
        _append(folder / "answers.jsonl", json_line({"query_id": name, "answers": answers}))
        documents = sorted({g.document_id for g in gold})
        rows = "".join(f"{name}\t{document}\t1\n" for document in documents)
        _append(folder / "qrels" / "test.tsv", rows.encode(), head=b"query-id\tcorpus-id\tscore\n")
    else:
        _append(folder / "unanswerable.jsonl", json_line({"query_id": name}))
    _append(folder / "queries.jsonl", json_line({"_id": name, "text": text}))  # last: what no query names is not read
    return name


def _append(path: Path, data: bytes, *, head: bytes = b"") -> None:
    replace_file(path, (path.read_bytes() if path.exists() else head) + data)


def touched(questions: QuestionSet, texts: dict[str, str]) -> dict[str, list[str]]:
    """Documents in which a gold span is no longer what it was, each with the questions that this touches.

    `texts` are those of the current corpus; a document that is not there touches all its questions.
    """
    found: dict[str, list[str]] = {}
    for question in questions.questions:
        for gold in question.answers:
            if gold.span.of(texts.get(gold.document_id, "")) != gold.text:
                ids = found.setdefault(gold.document_id, [])
                if question.id not in ids:
                    ids.append(question.id)
    return found
