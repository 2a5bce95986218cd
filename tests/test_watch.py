"""Watched questions: the report of what changed equals that of asking everything from scratch, and nothing removed stays in it."""

import json
import multiprocessing
import shutil
from collections import UserDict
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from rag.accounts.conversations import SavedConversation, SavedTurn
from rag.config import Settings
from rag.conversation import Chat
from rag.errors import WatchError
from rag.index.updating import Recipe, update_index
from rag.library import Library
from rag.loading.corpus import corpus_of
from rag.models.embedder import ModelEmbedder
from rag.reader.scored_sentences import ScoredSentence
from rag.reader.similarity_reader import SimilarityReader
from rag.reader.trained_reader import TrainedReader
from rag.records import Passage, Span
from rag.review.remembered_reading import RememberedReader
from rag.review.watch_asking import _Result, _save, ask_watched, describe_asked, kept_answer
from rag.review.watch_changes import changes_of, described_causes, kind_of_change, report_values
from rag.review.watch_list import (
    FORMAT,
    MOST_WATCHED,
    KeptAnswer,
    KeptSentence,
    Watched,
    WatchList,
    accept_answers,
    add_watched,
    forget_removed,
    load_watch_list,
    remove_watched,
    watched_question,
    words_digest,
)
from rag.review.watch_sources import watched_after, watched_conversation
from rag.sources import reference
from tests.conftest import ReadHere, WordEmbedder, library_of
from tests.serving import OtherWords, build_with_other_words, until_built, word_chat

QUESTIONS = (
    "How often should I repot a fern?",
    "Are ferns toxic to cats?",
    "How tall is bracken?",
    "What burns the fronds?",
    "Who won the world cup?",
    "How often should I repot a fern? Are ferns toxic to cats?",
)


@pytest.fixture
def library(corpus: Path, tmp_path: Path) -> Library:
    library = library_of(word_chat(corpus, tmp_path))
    library._corpus = ReadHere(corpus)  # reading in other processes takes most of a small build
    return library


def watch(library: Library, *questions: str) -> list[Watched]:
    """Watches and asks the questions; returns them in the order of the list."""
    add_watched(library.settings.watched_file, [watched_question(question) for question in questions])
    ask_watched(library.chat, library.settings.watched_file)
    return list(load_watch_list(library.settings.watched_file).questions)


def report(library: Library) -> dict[str, Any]:
    watch_list = load_watch_list(library.settings.watched_file)
    return report_values(watch_list, changes_of(watch_list))


def kinds(library: Library) -> dict[str, str]:
    return {change["question"]: change["change"] for change in report(library)["changed"]}


# What changed


def sentence(quote: str, document: str = "a.md", **named: Any) -> KeptSentence:
    values: dict[str, Any] = {
        "title": "A",
        "start": 0,
        "end": len(quote),
        "page": None,
        "headings": ("Water",),
        "digest": "d" * 64,
    }
    return KeptSentence(document, quote=quote, words=words_digest(quote), **values | named)


def answered(*sentences: KeptSentence, strength: Any = "strong", **named: Any) -> KeptAnswer:
    values: dict[str, Any] = {"reason": None, "confidence": 0.9, "message": "", "index": "i", "made_with": "m", "asked": ""}
    return KeptAnswer(sentences, strength, **values | named)


REFUSED = answered(strength=None, reason="near_miss", message="I found nothing that clearly answers this.")
DAMP, DRY = sentence("Ferns need damp soil."), sentence("Ferns need dry soil.")


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        (answered(DAMP), answered(DAMP), None),
        (answered(DAMP), answered(replace(DAMP, start=40, end=61, digest="e" * 64)), None),
        (answered(DAMP), answered(sentence("Ferns  need\ndamp soil.")), None),
        (answered(DAMP), answered(DRY), "sentences"),
        (answered(DAMP), answered(DAMP, DRY), "sentences"),
        (answered(DAMP, DRY), answered(DRY, DAMP), "sentences"),
        (answered(sentence("At least 5 mm")), answered(sentence("At least −5 mm")), "sentences"),
        (answered(DAMP), answered(replace(DAMP, document_id="b.md")), "moved"),
        (answered(DAMP), answered(replace(DAMP, headings=("Soil",))), "moved"),
        (answered(DAMP), answered(replace(DAMP, page=2)), "moved"),
        (answered(DAMP), answered(DAMP, strength="fair"), "strength"),
        (answered(DAMP), answered(DRY, strength="fair"), "sentences"),
        (answered(DAMP), answered(DAMP, message="The list goes on."), "note"),
        (answered(DAMP), REFUSED, "refused"),
        (REFUSED, answered(DAMP), "answered"),
        (REFUSED, replace(REFUSED, reason="not_in_documents", message="Nothing."), None),
    ],
)
def test_the_kind_of_a_change(before: KeptAnswer, now: KeptAnswer, kind: str | None) -> None:
    assert kind_of_change(before, now) == kind


def test_a_kept_sentence_has_the_reference_of_its_citation(library: Library) -> None:
    answer = library.ask(QUESTIONS[0])
    kept = kept_answer(answer)
    assert [s.source for s in kept.sentences] == [reference(citation) for citation in answer.citations]
    assert [s.quote for s in kept.sentences] == [citation.quote for citation in answer.citations]


def test_a_build_tells_each_kind_with_its_document(library: Library, corpus: Path) -> None:
    watch(library, *QUESTIONS)
    assert library.build().watched is not None and kinds(library) == {}
    faq = (corpus / "faq.txt").read_text()
    (corpus / "faq.txt").write_text(faq.replace("every two years", "every three years"))
    built = library.build().watched
    assert built is not None and (built.asked, built.changed, built.problem) == (6, 2, "")
    repotted, both = report(library)["changed"]
    assert (repotted["question"], repotted["change"]) == (QUESTIONS[0], "sentences")
    assert both["question"] == QUESTIONS[5]
    assert repotted["caused_by"] == [{"document_id": "faq.txt", "what": "changed", "role": "quoted"}]
    assert [s["text"] for s in repotted["before"]["sentences"]][0] == "Repot a fern every two years."
    assert [s["text"] for s in repotted["now"]["sentences"]][0] == "Repot a fern every three years."
    (corpus / "faq.txt").rename(corpus / "questions.txt")
    library.build()
    moved = report(library)["changed"]
    assert {change["question"]: change["change"] for change in moved}[QUESTIONS[1]] == "moved"
    assert [cause["what"] for cause in moved[0]["caused_by"]] == ["removed", "added"]
    (corpus / "questions.txt").write_text("Nothing of that kind.\n")
    library.build()
    assert kinds(library)[QUESTIONS[1]] in ("refused", "sentences")


def test_a_change_that_is_undone_is_none(library: Library, corpus: Path) -> None:
    watch(library, *QUESTIONS)
    text = (corpus / "faq.txt").read_text()
    (corpus / "faq.txt").unlink()
    library.build()
    assert kinds(library)
    (corpus / "faq.txt").write_text(text)
    library.build()
    assert kinds(library) == {}


def test_what_changed_stays_in_the_report_until_it_is_accepted(library: Library, corpus: Path) -> None:
    watch(library, QUESTIONS[0])
    path, text = library.settings.watched_file, (corpus / "faq.txt").read_text()
    for years in ("three", "four"):
        (corpus / "faq.txt").write_text(text.replace("every two", f"every {years}"))
        library.build()
        (change,) = changes_of(load_watch_list(path))
        assert change.before.sentences[0].quote == "Repot a fern every two years."
        assert change.now.sentences[0].quote == f"Repot a fern every {years} years."
    other = replace(change.now, message="an answer that is not the latest")
    accept_answers(path, {change.watched.id: other})
    assert len(changes_of(load_watch_list(path))) == 1, "what was not seen is not accepted"
    accept_answers(path, {change.watched.id: change.now})
    assert changes_of(load_watch_list(path)) == []
    assert "every two" not in path.read_text() and "every four" in path.read_text()


CORPORA = {"i": {"a.md": "a1", "b.md": "b1", "c.md": "c1"}, "j": {"a.md": "a1", "b.md": "b2", "d.md": "d1"}}


@pytest.mark.parametrize(
    ("before", "now", "causes"),
    [
        (answered(sentence("x", "b.md")), answered(sentence("y", "a.md"), index="j"), [("b.md", "changed", "quoted")]),
        (answered(sentence("x", "c.md")), answered(sentence("y", "d.md"), index="j"), [("c.md", "removed", "quoted"), ("d.md", "added", "quoted")]),
        (answered(sentence("x"), read=("a.md", "b.md")), answered(sentence("y"), index="j"), [("b.md", "changed", "read")]),
        (answered(sentence("x")), answered(sentence("y"), index="j"), [("b.md", "changed", "indirect"), ("c.md", "removed", "indirect"), ("d.md", "added", "indirect")]),
        (answered(sentence("x", "z.md"), index="?"), answered(sentence("y"), index="j"), [("z.md", "removed", "quoted")]),
        (answered(sentence("x", "a.md", digest="a1"), index="?"), answered(sentence("y"), index="j"), []),
    ],
)  # fmt: skip
def test_the_documents_that_caused_a_change(before: KeptAnswer, now: KeptAnswer, causes: list[tuple[str, str, str]]) -> None:
    """ "?" is an index that the list knows nothing about, as after watching an answer of an older conversation."""
    watched = replace(watched_question("Which?"), answer=now, before=before)
    (change,) = changes_of(WatchList((watched,), CORPORA))
    assert [(cause.document_id, cause.what, cause.role) for cause in change.causes] == causes
    assert described_causes(change)


def test_another_setting_is_told_as_the_cause(library: Library, corpus: Path, tmp_path: Path) -> None:
    watch(library, QUESTIONS[0])
    answering = library.settings.answering.model_copy(update={"min_confidence": 1.0})
    strict = Library(library.settings.model_copy(update={"answering": answering}), embedder=WordEmbedder())
    assert ask_watched(strict.chat, library.settings.watched_file).changed == 1
    (change,) = changes_of(load_watch_list(library.settings.watched_file))
    assert (change.kind, change.causes, change.program) == ("refused", (), True)


# The law


SENTENCES = [
    f"{subject} {verb} {thing}."
    for subject in ("The bracken", "A maidenhair", "Every fern", "The old pump", "No cat")
    for verb in ("needs", "grows 2 m in", "stands near", "never touches")
    for thing in ("damp soil", "the shade", "30 litres", "the north wall")
]
ASKED = (
    "What needs damp soil?",
    "Where does bracken stand?",
    "How tall is a maidenhair?",
    "What does no cat touch?",
    "What of the moon?",
)


def edited(corpus: Path, random: Random) -> None:
    """Changes the files of a corpus at random: new ones, other sentences, removed, renamed, and text moved down."""
    files = sorted(corpus.glob("*.md"))
    act = random.choice(["add", "change", "remove", "rename", "shift", "copy"]) if files else "add"
    file = random.choice(files) if files else corpus / "none.md"
    if act == "add":
        lines = random.sample(SENTENCES, random.randint(1, 6))
        (corpus / f"n{random.randrange(100)}.md").write_text(f"# Notes\n\n{' '.join(lines)}\n")
    elif act == "change":
        file.write_text(file.read_text() + f"\n## More\n\n{random.choice(SENTENCES)}\n")
    elif act == "remove":
        file.unlink()
    elif act == "rename":
        file.rename(corpus / f"r{random.randrange(1000)}.md")
    elif act == "shift":
        file.write_text("# Preface\n\nThis was put in front.\n\n" + file.read_text())
    else:
        shutil.copy(file, corpus / f"c{random.randrange(1000)}.md")


def what_is_seen(answer: KeptAnswer) -> tuple[Any, ...]:
    quotes = [(s.quote, s.document_id, s.page, s.headings) for s in answer.sentences]
    return quotes, answer.strength, answer.message if answer.sentences else ""


@pytest.mark.parametrize("seed", range(8))
def test_the_report_equals_that_of_asking_every_question_from_scratch(seed: int, corpus: Path, tmp_path: Path) -> None:
    random = Random(seed)
    library = library_of(word_chat(corpus, tmp_path))
    library._corpus = ReadHere(corpus)
    path = library.settings.watched_file
    (corpus / "first.md").write_text(f"# First\n\n{' '.join(random.sample(SENTENCES, 5))}\n")
    library.build()
    watch(library, *ASKED, *QUESTIONS)
    accepted = {w.question: w.answer for w in load_watch_list(path).questions if w.answer}
    for _ in range(5):
        for _ in range(random.randint(1, 3)):
            edited(corpus, random)
        library.build()
        fresh = Chat(library.settings, WordEmbedder())
        now = {question: kept_answer(fresh.ask(question)) for question in accepted}
        expected = set()
        for question, before in accepted.items():
            if what_is_seen(before) != what_is_seen(now[question]):
                expected.add(question)
            else:
                accepted[question] = now[question]
        changes = {change.watched.question: change for change in changes_of(load_watch_list(path))}
        assert changes.keys() == expected
        for watched in load_watch_list(path).questions:
            assert watched.answer is not None
            assert what_is_seen(watched.answer) == what_is_seen(now[watched.question])
            assert (watched.answer.confidence, watched.answer.reason) == (
                now[watched.question].confidence,
                now[watched.question].reason,
            )
        if random.random() < 0.3 and changes:
            question = random.choice(sorted(changes))
            accept_answers(path, {changes[question].watched.id: changes[question].now})
            accepted[question] = now[question]


class CountingReader(TrainedReader):
    """Counts the passages that the network reads."""

    passages: list[str]

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        self.passages.extend(passage.id for passage in passages)
        return super().read(query, passages)


@pytest.fixture(scope="module")
def counting() -> CountingReader:
    reader = CountingReader()
    reader.passages = []
    return reader


@pytest.mark.slow
def test_remembered_reading_is_reading(handbook: Settings, embedder: ModelEmbedder, counting: CountingReader) -> None:
    """Passages read alone, together, before, in other company and at another place have the same scores and phrases."""
    chat = Chat(handbook, embedder, counting)
    query = "How fast do nerves regrow?"
    passages = [hit.passage for hit in chat.search(query, k=6)]
    first: dict[str, str] = {}
    read = RememberedReader(counting, {}, first, set()).read(query, passages)
    assert read == TrainedReader().read(query, passages) != []
    counting.passages.clear()
    moved = [replace(p, document_id="moved.md", span=Span(p.span.start + 7, p.span.end + 7), sentences=tuple(replace(s, span=Span(s.span.start + 7, s.span.end + 7)) for s in p.sentences)) for p in reversed(passages)]  # fmt: skip
    documents: set[str] = set()
    used: dict[str, str] = {}
    again = RememberedReader(counting, first, used, documents).read(query, moved)
    assert again == TrainedReader().read(query, moved)
    assert (counting.passages, documents, used) == ([], {"moved.md"}, first)
    other = RememberedReader(counting, first, {}, set())
    assert other.read(f"{query}?", passages[:1]) == TrainedReader().read(f"{query}?", passages[:1])
    assert counting.passages == [passages[0].id], "another question is read"


class CountedReadings(UserDict[str, str]):
    """Counts what is looked up and what is written."""

    def __init__(self) -> None:
        self.looked_up: list[str] = []
        self.written: list[str] = []
        super().__init__()

    def get(self, key: str, default: Any = None) -> Any:
        self.looked_up.append(key)
        return self.data.get(key, default)

    def __setitem__(self, key: str, value: str) -> None:
        self.written.append(key)
        super().__setitem__(key, value)


def test_readings_are_looked_up_and_written_once(library: Library) -> None:
    """A matrix keeps them on disk, where each access takes time."""
    kept = CountedReadings()
    reader = RememberedReader(SimilarityReader(WordEmbedder()), {}, kept, set())
    passages = [hit.passage for hit in library.search("damp soil ferns", k=4)]
    first = reader.read("damp soil", passages)
    (key,) = kept.data
    assert (kept.looked_up, kept.written) == ([key], [key])
    assert reader.read("damp soil", passages) == first
    assert (kept.looked_up, kept.written) == ([key, key], [key])


def test_the_similarity_reader_remembers_passages_read_together(library: Library) -> None:
    """It weighs words by all passages that it is given: one of them alone would have other scores."""
    reader = SimilarityReader(WordEmbedder())
    passages = [hit.passage for hit in library.search("damp soil ferns", k=4)]
    used: dict[str, str] = {}
    remembering = RememberedReader(reader, {}, used, set())
    assert remembering.read("damp soil", passages) == reader.read("damp soil", passages)
    assert len(used) == 1
    again = RememberedReader(reader, used, {}, set())
    assert again.read("damp soil", passages) == reader.read("damp soil", passages)
    assert again.read("damp soil", passages[:2]) == reader.read("damp soil", passages[:2])
    assert RememberedReader(reader, {}, {}, set()).read("damp soil", []) == []


@pytest.mark.slow
def test_only_what_is_new_is_read_again(
    handbook: Settings, embedder: ModelEmbedder, counting: CountingReader, tmp_path: Path
) -> None:
    settings = handbook.model_copy(update={"corpus": tmp_path / "corpus", "index": tmp_path / "index"})
    shutil.copytree(handbook.corpus, settings.corpus)
    shutil.copytree(handbook.index, settings.index)
    library = library_of(Chat(settings, embedder, counting))
    counting.passages.clear()
    watch(library, "How fast do nerves regrow?", "What is Wallerian degeneration?", "Can a bee sting a nerve?")
    first = len(counting.passages)
    assert first >= 12
    counting.passages.clear()
    assert ask_watched(library.chat, settings.watched_file).asked == 0
    notes = settings.corpus / "wallerian-degeneration.md"
    notes.write_text(notes.read_text() + "\n## New\n\nOne more sentence about Wallerian degeneration.\n")
    built = library.build().watched
    assert built is not None and built.asked == 3
    assert len(counting.passages) <= 4 < first
    before = load_watch_list(settings.watched_file)
    ask_watched(library.chat, settings.watched_file, again=True)
    after = load_watch_list(settings.watched_file)
    assert [(replace(w.answer, asked=""), w.reads) for w in before.questions if w.answer] == [
        (replace(w.answer, asked=""), w.reads) for w in after.questions if w.answer
    ]


# What is removed


CANARY = "zanzibarine"


def test_a_removed_document_leaves_no_text(library: Library, corpus: Path) -> None:
    (corpus / "secret.md").write_text(
        f"# The {CANARY} title\n\n## The {CANARY} heading\n\nThe moss drinks {CANARY} wine at night.\n"
    )
    library.build()
    watch(library, "What does the moss drink at night?")
    path = library.settings.watched_file
    assert CANARY in path.read_text()
    (corpus / "secret.md").unlink()
    library.build()
    assert CANARY not in path.read_text()
    (change,) = report(library)["changed"]
    (old,) = [s for s in change["before"]["sentences"] if s["document_id"] == "secret.md"]
    assert (old["removed"], old["text"], old["title"], old["headings"]) == (True, "", "", [])
    assert old["end"] - old["start"] == len(f"The moss drinks {CANARY} wine at night.")
    assert {"document_id": "secret.md", "what": "removed", "role": "quoted"} in change["caused_by"]


def test_a_removed_document_leaves_no_text_even_if_nothing_can_be_asked(library: Library, corpus: Path) -> None:
    (corpus / "secret.md").write_text(f"# Moss\n\nThe moss drinks {CANARY} wine at night.\n")
    library.build()
    watch(library, "What does the moss drink at night?")
    (corpus / "secret.md").unlink()
    (library.settings.index / "calibration.json").write_text("broken")
    built = library.build().watched
    assert built is not None and "calibration.json" in built.problem and "\n" not in describe_asked(built)
    assert CANARY not in library.settings.watched_file.read_text()


def test_answers_of_a_running_asking_do_not_bring_removed_text_back(library: Library, corpus: Path) -> None:
    """Another process ends a build that removes a document, while questions are asked and their answers not saved yet."""
    (corpus / "secret.md").write_text(f"# Moss\n\nThe moss drinks {CANARY} wine at night.\n")
    library.build()
    path = library.settings.watched_file
    add_watched(path, [watched_question("What does the moss drink at night?"), watched_question(QUESTIONS[0])])

    def remove(what: str, done: int, _total: int) -> None:
        if done == 1 and (corpus / "secret.md").exists():
            (corpus / "secret.md").unlink()
            manifest, _ = update_index(
                ReadHere(corpus), library.settings.index, Recipe(WordEmbedder(), library.settings.passages)
            )
            forget_removed(path, manifest.corpus, changed_too=False)

    ask_watched(library.chat, path, remove, again=True)
    assert CANARY not in path.read_text()
    live = library.chat.index().digest
    assert [w.answer and w.answer.index for w in load_watch_list(path).questions] == [None, live]


def test_a_conversation_about_a_removed_document_is_watched_without_its_answer(library: Library, corpus: Path) -> None:
    (corpus / "secret.md").write_text(f"# Moss\n\nThe moss drinks {CANARY} wine at night.\n")
    library.build()
    first = turn(library, "What does the moss drink at night?")
    assert CANARY in first.answer.text
    (corpus / "secret.md").unlink()
    library.build()
    path = library.settings.watched_file
    watched = watched_conversation(SavedConversation("0" * 16, "Moss", "", (first, turn(library, QUESTIONS[0]))))
    add_watched(path, watched, answered_by=library.settings.index)
    assert CANARY not in path.read_text()
    assert [w.answer is None for w in load_watch_list(path).questions] == [True, False]
    assert ask_watched(library.chat, path).changed == 0


@pytest.mark.parametrize("forget", [False, True])
def test_an_earlier_version_stays_until_it_is_forgotten(forget: bool, library: Library, corpus: Path) -> None:
    """As in the index, which keeps the build before unless it is told to forget it."""
    (corpus / "moss.md").write_text(f"# Moss\n\nThe moss drinks {CANARY} wine at night.\n")
    library.build()
    watch(library, "What does the moss drink at night?")
    (corpus / "moss.md").write_text("# Moss\n\nThe moss drinks rain water at night.\n")
    library.build(forget=forget)
    assert (CANARY in library.settings.watched_file.read_text()) is not forget
    assert kinds(library) == {"What does the moss drink at night?": "sentences"}


def test_a_renamed_document_is_not_removed(library: Library, corpus: Path) -> None:
    watch(library, QUESTIONS[1])
    (corpus / "faq.txt").rename(corpus / "renamed.txt")
    library.build()
    (change,) = report(library)["changed"]
    assert (change["change"], change["before"]["sentences"][0]["removed"]) == ("moved", False)


# The list


def test_the_same_question_is_watched_once(library: Library) -> None:
    path = library.settings.watched_file
    first, again = (
        watched_question("How tall  is bracken? "),
        watched_question("How tall is bracken?", query="How tall is bracken?"),
    )
    assert add_watched(path, [first, again]) == ([first], [])
    assert add_watched(path, [again]) == ([], [again])
    scoped = watched_question("How tall is bracken?", documents=["guide.md"])
    assert add_watched(path, [scoped]) == ([scoped], [])
    assert len(load_watch_list(path).questions) == 2


@pytest.mark.parametrize("question", ["", "  \n", "x" * 2001])
def test_a_question_that_cannot_be_watched_is_refused(question: str) -> None:
    with pytest.raises(WatchError, match="nothing was added"):
        watched_question(question)


def test_too_many_questions_are_refused_and_nothing_is_lost(library: Library) -> None:
    path = library.settings.watched_file
    watch(library, QUESTIONS[0])
    before = path.read_bytes()
    with pytest.raises(WatchError, match="10,001 questions are more than the 5,000") as error:
        add_watched(path, [watched_question(f"Question {number}?") for number in range(10_000)])
    assert "\n" not in str(error.value)
    assert path.read_bytes() == before
    assert MOST_WATCHED == 5_000


def test_an_unknown_id_is_refused_and_nothing_is_lost(library: Library) -> None:
    path = library.settings.watched_file
    (watched,) = watch(library, QUESTIONS[0])
    before = path.read_bytes()
    with pytest.raises(WatchError, match="no watched question has the id w-1"):
        remove_watched(path, [watched.id, "w-1"])
    with pytest.raises(WatchError, match="no watched question has the id w-1"):
        accept_answers(path, {"w-1": REFUSED})
    assert path.read_bytes() == before
    remove_watched(path, [watched.id])
    assert not path.exists(), "an empty list leaves no file"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": 99}', b'{"version": 1, "questions": [{"id": 5}]}', b"\xff\xfe"]
)
def test_a_broken_file_is_one_plain_line_and_the_build_stands(content: bytes, library: Library, corpus: Path) -> None:
    path = library.settings.watched_file
    path.write_bytes(content)
    with pytest.raises(WatchError) as error:
        load_watch_list(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    (corpus / "new.md").write_text("# New\n\nA new fern.\n")
    built = library.build()
    assert built.changes.added == ["new.md"] and built.watched is not None
    assert str(path) in built.watched.problem
    assert path.read_bytes() == content, "nothing is lost"


def test_no_list_is_an_empty_list(library: Library) -> None:
    path = library.settings.watched_file
    assert load_watch_list(path) == WatchList()
    assert ask_watched(library.chat, path).questions == 0
    assert library.build().watched is None
    assert not path.exists()


def test_a_stopped_asking_keeps_its_answers_and_the_build_stands(library: Library, corpus: Path) -> None:
    watch(library, *QUESTIONS)
    (corpus / "new.md").write_text("# New\n\nBracken grows 9 m in the shade.\n")

    def stop_at_third(what: str, done: int, _total: int) -> None:
        if what == "asking" and done == 3:
            raise KeyboardInterrupt

    built = library.build(progress=stop_at_third)
    assert built.watched is not None and built.watched.problem == "stopped"
    asked = [w.answer.index == built.manifest.hash for w in load_watch_list(library.settings.watched_file).questions if w.answer]
    assert asked == [True] * 3 + [False] * 3
    assert ask_watched(library.chat, library.settings.watched_file).asked == 3


def test_a_question_that_cannot_be_asked_does_not_keep_the_others_from_it(library: Library, corpus: Path) -> None:
    path = library.settings.watched_file
    broken = watched_question("How tall is bracken?", documents=["*" * 9])
    add_watched(path, [broken, watched_question(QUESTIONS[0])])
    asked = ask_watched(library.chat, path)
    assert (asked.questions, asked.asked) == (2, 1)
    assert "How tall is bracken?" in asked.problem and "too complex" in asked.problem


def test_an_answer_of_an_older_index_does_not_replace_one_of_the_live(library: Library, corpus: Path) -> None:
    """Two processes ask at once; the one that saw the older index ends last."""
    path = library.settings.watched_file
    watch(library, QUESTIONS[0])
    old = path.read_bytes()
    (corpus / "faq.txt").write_text("How often should I repot a fern?\nRepot a fern every nine years.\n")
    library.build()
    newest = load_watch_list(path)
    (stale,) = FORMAT.load(old, path).questions
    assert stale.answer
    _save(path, {stale.id: _Result(stale.answer, {}, {})}, library.settings.index)
    assert load_watch_list(path) == newest


def _add(path: Path, first: int) -> None:
    for number in range(first, first + 10):
        add_watched(path, [watched_question(f"Question {number}?")])


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    processes = [multiprocessing.get_context("spawn").Process(target=_add, args=(path, first)) for first in (0, 10)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert {w.question for w in load_watch_list(path).questions} == {f"Question {number}?" for number in range(20)}


def test_the_list_is_private_and_no_document(library: Library, corpus: Path, tmp_path: Path) -> None:
    settings = library.settings.model_copy(update={"corpus": tmp_path, "index": tmp_path / "index"})
    watch(library, QUESTIONS[0])
    assert library.settings.watched_file == tmp_path / "index.watched.json"
    assert library.settings.watched_file.stat().st_mode & 0o077 == 0
    assert not [name for name in corpus_of(settings).names() if "watched" in name]
    named = settings.model_copy(update={"review": settings.review.model_copy(update={"watched": tmp_path / "mine.json"})})
    (tmp_path / "mine.json").write_text("{}")
    assert "mine.json" not in corpus_of(named).names()


# Where questions come from


def turn(library: Library, question: str, history: Sequence[Any] = ()) -> SavedTurn:
    return SavedTurn(question, library.ask(question, history=history), "model", "reader")


def test_a_conversation_is_watched_with_its_own_answers(library: Library, corpus: Path) -> None:
    first = turn(library, "Are ferns toxic to cats?")
    conversation = SavedConversation("0" * 16, "Ferns", "", (first,))
    follow_up = turn(library, "How tall is it?", conversation.history)
    follow_up = replace(follow_up, answer=replace(follow_up.answer, query="How tall is bracken?"))
    conversation = replace(
        conversation, turns=(first, follow_up, turn(library, "hello"), turn(library, "tell me more", conversation.history))
    )
    (corpus / "faq.txt").write_text("Are ferns toxic to cats?\nNo fern is toxic to cats or dogs.\n")
    library.build()
    watched = watched_conversation(conversation)
    assert [(w.question, w.query) for w in watched] == [
        ("Are ferns toxic to cats?", None),
        ("How tall is it?", "How tall is bracken?"),
    ]
    add_watched(library.settings.watched_file, watched, answered_by=library.settings.index)
    assert ask_watched(library.chat, library.settings.watched_file).changed == 1
    (change,) = report(library)["changed"]
    assert change["before"]["sentences"][0]["text"] == "True ferns are safe for cats."
    assert change["caused_by"] == [{"document_id": "faq.txt", "what": "changed", "role": "quoted"}]


def test_a_search_of_its_own_and_a_corrected_word_are_watched_as_they_were_asked(library: Library) -> None:
    searched = SavedTurn("How tall?", library.ask("How tall?", query="How tall is bracken?"), "model", "reader")
    corrected = turn(library, "How tall is brackken?")
    both = "How tall is bracken? Are ferns toxic to cats?"
    several = turn(library, both)
    assert corrected.answer.corrected and several.answer.parts
    watched = [watched_conversation(SavedConversation("0" * 16, "", "", (first,)))[0] for first in (searched, corrected, several)]
    assert [(w.question, w.query, w.answer is not None) for w in watched] == [
        ("How tall?", "How tall is bracken?", False),
        ("How tall is brackken?", None, True),
        (both, None, True),
    ]
    add_watched(library.settings.watched_file, watched, answered_by=library.settings.index)
    assert ask_watched(library.chat, library.settings.watched_file).changed == 0


def test_a_judged_follow_up_is_watched_as_it_is_understood(library: Library) -> None:
    history = [{"speaker": "user", "text": "How tall is bracken?"}, {"speaker": "agent", "text": "2 m"}]
    watched = watched_after(library.chat, "And maidenhair?", history)
    assert watched.query == (library.chat.understand("And maidenhair?", history).query if watched.query else None)
    assert watched_after(library.chat, "How tall is bracken?", ()).query is None


def test_the_file_is_readable_json_with_a_version(library: Library) -> None:
    watch(library, QUESTIONS[0])
    stored = json.loads(library.settings.watched_file.read_bytes())
    assert stored["version"] == 1 and stored["questions"][0]["question"] == QUESTIONS[0]
    assert list(stored["corpora"]) == [library.chat.index().digest]


# A change of models


@pytest.fixture
def server_chat(library: Library) -> Chat:
    return until_built(library.chat)


def test_questions_are_watched_while_the_models_change(server_chat: Chat, library: Library) -> None:
    path = library.settings.watched_file
    add_watched(path, [watched_question(question) for question in QUESTIONS])
    asked = ask_watched(server_chat, path)
    assert (asked.asked, asked.problem) == (len(QUESTIONS), "")
    before = load_watch_list(path).questions
    assert before[0].reads, "the reader that remembers was not the one that read"
    assert ask_watched(library.chat, path).asked == 0  # as the chat that answers now had asked them
    build_with_other_words(library.chat)
    assert ask_watched(server_chat, path).asked == len(QUESTIONS)
    after = load_watch_list(path).questions
    assert [w.answer.index for w in after if w.answer] == [server_chat.index().digest] * len(QUESTIONS)
    assert [w.answer.made_with for w in after if w.answer] != [w.answer.made_with for w in before if w.answer]


def test_a_chat_that_stands_for_two_can_be_copied(server_chat: Chat) -> None:
    assert copy(server_chat).ask(QUESTIONS[0]).text == server_chat.ask(QUESTIONS[0]).text
    assert not hasattr(server_chat, "__no_such_method__")


def test_readings_by_similarity_depend_on_the_model(library: Library) -> None:
    passages, used = list(library.chat.index().passages[:3]), dict[str, str]()
    RememberedReader(SimilarityReader(WordEmbedder()), {}, used, set()).read(QUESTIONS[0], passages)
    other = dict[str, str]()
    RememberedReader(SimilarityReader(OtherWords()), used, other, set()).read(QUESTIONS[0], passages)
    assert used and other and not used.keys() & other.keys()
