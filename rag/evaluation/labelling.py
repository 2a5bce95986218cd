"""Adding questions to a set: a person names the sentences that answer a question."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from rag.answering.wording import place
from rag.conversation import Chat
from rag.errors import QuestionSetError
from rag.evaluation.feedback import LOCK
from rag.evaluation.question_sets import (
    ANSWERS,
    CHOSEN,
    QRELS,
    QRELS_HEAD,
    QUERIES,
    UNANSWERABLE,
    GoldSpan,
    Question,
    QuestionSet,
    gold_values,
    load_question_set,
)
from rag.reader.scored_sentences import ScoredSentence
from rag.storage.files import from_json, json_line, replace_file, sha256_bytes

OFFERED = 12  # sentences: what fits on a screen with the prompts
READ = 6  # passages from which the sentences come: the default of answering.read
PROMPT = "numbers of all sentences that answer it, n if the documents do not answer it"


END = "q"  # typed, or the end of the input: no further question


def label(chat: Chat, folder: Path, *, ask: Callable[[str], str], show: Callable[[str], None]) -> None:
    """Prompts for questions until an empty line, shows sentences for each, and stores the chosen ones.

    `ask` returns what is typed after a prompt; end of input counts as an empty line.
    """
    while question := _typed(ask, "question (an empty line ends): ", at_end=""):
        offered = _offered(chat, Question("", question), show)
        chosen = _typed(ask, f"{PROMPT}, or Enter to skip: ", at_end="")
        gold = _gold(chosen, offered)
        if gold is None:
            show("skipped")
            continue
        add_question(folder, question, gold)
        show(f"stored in {folder}")


def label_next(
    chat: Chat, folder: Path, questions: Sequence[Question], *, ask: Callable[[str], str], show: Callable[[str], None]
) -> None:
    """Shows sentences for each of a set's unlabelled questions, and stores the chosen ones, until END is typed."""
    for number, question in enumerate(questions, start=1):
        show(f"question {number} of {len(questions)}: {question.text}")
        offered = _offered(chat, question, show)
        chosen = _typed(ask, f"{PROMPT}, Enter to skip, or {END} to end: ", at_end=END)
        if chosen == END:
            return
        gold = _gold(chosen, offered)
        if gold is not None:
            label_question(folder, question.id, gold)
        show("skipped" if gold is None else f"stored in {folder}")


def _offered(chat: Chat, question: Question, show: Callable[[str], None]) -> list[ScoredSentence]:
    """The best sentences, which are shown with their numbers."""
    query = chat.understand(question.text, question.history).query
    hits = chat.search(question.text, k=READ, history=question.history)
    scored = chat.reader.read(query, [hit.passage for hit in hits])
    best = sorted(scored, key=lambda sentence: (-sentence.score, sentence.passage.id, sentence.number))[:OFFERED]
    for number, sentence in enumerate(best, start=1):
        show(f"{number:2}  {sentence.text}   ({place(sentence.passage.document_id, sentence.passage.page, ())})")
    return best


def _gold(chosen: str, offered: Sequence[ScoredSentence]) -> list[GoldSpan] | None:
    """The sentences with these numbers, none if the documents do not answer; None if nothing was chosen."""
    numbers = [int(word) for word in chosen.split() if word.isdecimal()]
    if chosen == "n":
        return []
    if not numbers or not all(1 <= number <= len(offered) for number in numbers):
        return None
    gold = [offered[number - 1] for number in dict.fromkeys(numbers)]
    return [GoldSpan(s.passage.document_id, s.sentence.span, s.text) for s in gold]


def _typed(ask: Callable[[str], str], prompt: str, *, at_end: str) -> str:
    try:
        return ask(prompt).strip()
    except EOFError:
        return at_end


def add_question(folder: Path, text: str, gold: Sequence[GoldSpan]) -> str:
    """Adds a labelled question to a set, without gold spans as unanswerable, and returns its id, which depends on its text.

    Raises QuestionSetError if the set already has the question, or has a corpus of its own.
    """
    id = _id_of(text)
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    with FileLock(folder / LOCK, mode=0o600):
        if (folder / QUERIES).exists():
            present = load_question_set(folder)
            if present.corpus is not None:
                raise own_corpus(folder)
            if any(question.id == id for question in present.questions):
                raise QuestionSetError(f"{folder} already has the question {text!r}")
        _append_gold(folder, id, gold)
        _append(folder / QUERIES, json_line({"_id": id, "text": text}))  # last: lines about other ids are ignored
    return id


def add_unlabelled(folder: Path, texts: Sequence[str]) -> int:
    """Adds questions to a set, to be labelled later, and returns how many were new to it; the set is made if there is none.

    Raises QuestionSetError if there are no questions, or if the set has a corpus of its own or cannot be read.
    """
    if not texts:
        raise QuestionSetError("there are no unanswered questions to add")
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "corpus.jsonl").exists():
        raise own_corpus(folder)
    path = folder / QUERIES
    with FileLock(folder / LOCK, mode=0o600):
        try:
            present = path.read_bytes() if path.exists() else b""
            known = {" ".join(from_json(line)["text"].split()) for line in present.split(b"\n") if line.strip()}
        except (ValueError, KeyError, TypeError) as error:
            raise QuestionSetError(f"{path} cannot be read ({error}); correct or remove it") from error
        new = [text for text in dict.fromkeys(" ".join(text.split()) for text in texts) if text not in known]
        if new:
            ended = present + (b"\n" if present and not present.endswith(b"\n") else b"")
            replace_file(path, ended + b"".join(json_line({"_id": _id_of(text), "text": text}) for text in new), mode=0o600)
    return len(new)


def own_corpus(folder: Path) -> QuestionSetError:
    return QuestionSetError(f"{folder} has a corpus of its own; name a set about the current corpus")


def _id_of(text: str) -> str:
    return f"q-{sha256_bytes(text.encode('utf-8', 'surrogatepass'))[:12]}"


def label_question(folder: Path, id: str, gold: Sequence[GoldSpan]) -> None:
    """Stores the label of a question that `next_questions` chose: without gold spans, the documents do not answer it.

    Raises QuestionSetError if the set has no such question, or it is labelled already.
    """
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    with FileLock(folder / LOCK, mode=0o600):
        question = next((question for question in load_question_set(folder).questions if question.id == id), None)
        if question is None or question.labelled:
            raise QuestionSetError(f"{folder} has no unlabelled question {id!r}")
        _append_gold(folder, id, gold)
        lines = [from_json(line) for line in (folder / QUERIES).read_bytes().split(b"\n") if line.strip()]
        chosen = [line | {"metadata": (line.get("metadata") or {}) | CHOSEN} if line["_id"] == id else line for line in lines]
        replace_file(folder / QUERIES, b"".join(json_line(line) for line in chosen))


def _append_gold(folder: Path, id: str, gold: Sequence[GoldSpan]) -> None:
    if not gold:
        _append(folder / UNANSWERABLE, json_line({"query_id": id}))
        return
    _append(folder / ANSWERS, json_line({"query_id": id, "answers": [gold_values(span) for span in gold]}))
    rows = "".join(f"{id}\t{document}\t1\n" for document in sorted({span.document_id for span in gold}))
    _append(folder / QRELS, rows.encode(), head=QRELS_HEAD.encode())


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
