"""Questions that got no answer: the log, the groups, and what becomes of them."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from filelock import FileLock

from rag.accounts.users import LOCAL, User
from rag.config import ReviewSettings, Settings
from rag.conversation import Chat
from rag.errors import QuestionSetError, UnansweredError
from rag.evaluation.labelling import add_unlabelled
from rag.evaluation.question_sets import load_question_set
from rag.index.updating import Recipe, update_index
from rag.numeric import Vectors
from rag.question_queue import QuestionQueue
from rag.records import Answer, Citation, QuotedSentence, Span
from rag.review.unanswered import LIKE, Likeness, ask_again, closest_of, log_values, outdated
from rag.review.unanswered_log import (
    FORMAT,
    MOST_KEPT,
    Notes,
    Unanswered,
    change_log,
    digest_of,
    forget,
    kind_of,
    load_log,
    note,
    unanswered_from,
)
from rag.server.app import create_app
from rag.ui.calls import Reply, answer_call
from rag.ui.unanswered_acts import UNANSWERED_ACTS, UnansweredPart
from tests.conftest import ReadHere, library_of
from tests.serving import HOME, OtherWords, client_of, sign_in, two_users, until_built, word_chat

CITATION = Citation(1, "d.txt", "D", Span(0, 4), "text", None, (), "0" * 64)
TELEPHONE = "Who invented the telephone?"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(corpus=tmp_path / "corpus", index=tmp_path / "index")


@pytest.fixture
def chat(corpus: Path, tmp_path: Path) -> Chat:
    return word_chat(corpus, tmp_path)


def asked(query: str, *, user: str = "", times: int = 1, last: str = "2026-01-01T00:00:00+00:00") -> Unanswered:
    return Unanswered(query, query, "refused", "near_miss", digest_of(user), times, last, last, "i")


def silent(what: str, done: int, total: int) -> None:
    pass


def test_what_counts_as_unanswered() -> None:
    cited = Answer("q", "q", (QuotedSentence("text", 1),), (CITATION,))
    kinds = {
        "nothing": kind_of(Answer("q", "q", reason="not_in_documents")),
        "near": kind_of(Answer("q", "q", reason="near_miss")),
        "foreign": kind_of(Answer("q", "q", reason="other_language")),
        "weak": kind_of(replace(cited, strength="weak")),
        "fair": kind_of(replace(cited, strength="fair")),
        "unmeasured": kind_of(cited),
        "greeting": kind_of(Answer("Hello", "Hello", reason="greeting")),
        "gibberish": kind_of(Answer("qwrt", "qwrt", reason="gibberish")),
        "no index": kind_of(Answer("q", "q", reason="no_documents")),
        "empty": kind_of(Answer("", "", reason="empty_question")),
    }
    assert {name: kind for name, kind in kinds.items() if kind} == {
        "nothing": "refused", "near": "refused", "foreign": "refused", "weak": "weak"
    }  # fmt: skip
    parts = (Answer("a?", "a?", reason="near_miss"), replace(cited, strength="strong"), Answer("b?", "b?", reason="near_miss"))
    assert [one.question for one in unanswered_from(replace(cited, parts=parts), "ann")] == ["a?", "b?"]


def test_the_same_question_is_kept_once_for_each_user(settings: Settings) -> None:
    note(settings, [asked("How high is bracken?", last="2026-01-01T00:00:00+00:00")])
    note(settings, [asked("Who was first?"), asked("how  high is Bracken?", last="2026-01-02T00:00:00+00:00")])
    note(settings, [asked("How high is bracken?", user="ann")])
    first, second, third = load_log(settings).questions
    assert (first.query, second.query, second.times, third.times) == ("Who was first?", "how  high is Bracken?", 2, 1)
    assert (second.first, second.last) == ("2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00")
    content = settings.unanswered_file.read_text()
    assert "ann" not in content and digest_of("ann") in content
    assert settings.unanswered_file.stat().st_mode & 0o077 == 0


def test_nothing_is_lost_but_the_oldest(settings: Settings) -> None:
    draw = random.Random(3)  # noqa: S311 - not for security
    names = [f"What is {draw.randrange(MOST_KEPT + 40)}?" for _ in range(3 * MOST_KEPT)]
    for start in range(0, len(names), 100):
        note(settings, [asked(name) for name in names[start : start + 100]])
    log = load_log(settings)
    latest = list(dict.fromkeys(reversed(names)))[:MOST_KEPT][::-1]
    assert [question.query for question in log.questions] == latest
    assert log.dropped > 0
    once = [asked(f"Which {n}?") for n in range(7)]
    other = settings.model_copy(update={"review": ReviewSettings(unanswered=settings.index.with_name("other.json"))})
    note(other, once * 3)
    assert [question.times for question in load_log(other).questions] == [3] * 7


def test_switched_off_nothing_is_kept(settings: Settings) -> None:
    off = settings.model_copy(update={"review": ReviewSettings(log_unanswered=False)})
    note(off, [asked("Why?")])
    notes = Notes(off)
    notes.note("", Answer("Why?", "Why?", reason="near_miss"))
    notes.close()
    assert not off.unanswered_file.exists() and load_log(off).questions == ()


def test_a_damaged_log_is_set_aside_and_one_of_a_later_release_is_left(settings: Settings) -> None:
    path = settings.unanswered_file
    path.write_text("{")
    with pytest.raises(UnansweredError, match=r"index.unanswered.json is not a readable log"):
        load_log(settings)
    note(settings, [asked("Why?")])
    assert [question.query for question in load_log(settings).questions] == ["Why?"]
    assert path.with_name(f"{path.name}.damaged-1").read_text() == "{"
    later = json.dumps({"version": 99, "questions": [], "dropped": 0})
    path.write_text(later)
    with pytest.raises(UnansweredError, match="install a later release"):
        note(settings, [asked("Why?")])
    assert path.read_text() == later


def test_noting_waits_for_nobody(settings: Settings) -> None:
    """Another process holds the file: the answers are noted once it lets go."""
    notes, path = Notes(settings), settings.unanswered_file
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    with lock:
        for number in range(1000):
            notes.note("", Answer(f"{number}?", f"{number}?", reason="near_miss"))
    notes.close()
    kept = load_log(settings).questions
    assert 200 < len(kept) < 1000  # what does not fit is not waited for
    assert kept[0].query == "0?"


def test_a_log_that_cannot_be_written_stops_no_answer(settings: Settings) -> None:
    settings.unanswered_file.mkdir()
    notes = Notes(settings)
    notes.note("", Answer("Why?", "Why?", reason="near_miss"))
    notes.close()
    assert "cannot be written" in notes.trouble and "\n" not in notes.trouble


NOTER = """
import sys
from pathlib import Path
from rag.config import Settings
from rag.review.unanswered_log import Unanswered, note
settings = Settings(corpus=Path(sys.argv[1]) / "corpus", index=Path(sys.argv[1]) / "index")
for number in range(int(sys.argv[3])):
    query = f"{sys.argv[2]} {number}?"
    note(settings, [Unanswered(query, query, "refused", "near_miss", "", 1, "t", "t", "i")])
    print(number, flush=True)
"""


@pytest.mark.slow
def test_two_processes_lose_nothing(settings: Settings, tmp_path: Path) -> None:
    started = [subprocess.Popen([sys.executable, "-c", NOTER, str(tmp_path), name, "40"]) for name in ("a", "b")]
    assert [process.wait() for process in started] == [0, 0]
    assert {question.query for question in load_log(settings).questions} == {f"{name} {n}?" for name in "ab" for n in range(40)}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_what_was_noted_survives_a_kill(settings: Settings, tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", NOTER, str(tmp_path), "a", "100000"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    noted = [int(process.stdout.readline()) for _ in range(30)]
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    kept = {question.query for question in load_log(settings).questions}
    assert {f"a {number}?" for number in noted} <= kept
    note(settings, [asked("after")])
    assert "after" in {question.query for question in load_log(settings).questions}
    assert not list(tmp_path.glob(".*.tmp"))


def test_like_questions_are_grouped_in_whatever_order_they_come(chat: Chat) -> None:
    texts = [
        "How high is the bridge?",
        "How high is the old bridge?",
        "Who built the town hall?",
        "Who built this town hall?",
        "Why?",
    ]
    questions = [asked(text, times=1 + n % 2) for n, text in enumerate(texts)] + [asked(texts[0], user="ann", times=4)]
    groups = Likeness().groups(questions, chat.index(), chat.embedder)
    assert [{question.query for question in group.questions} for group in groups] == [set(texts[:2]), set(texts[2:4]), {texts[4]}]
    assert (groups[0].times, groups[0].users, groups[0].questions[0].query) == (7, 2, texts[0])
    draw = random.Random(1)  # noqa: S311
    for _ in range(5):
        draw.shuffle(questions)
        assert Likeness().groups(questions, chat.index(), chat.embedder) == groups
    assert Likeness().groups([], chat.index(), chat.embedder) == []


def test_groups_are_those_of_a_plain_average_linkage(chat: Chat) -> None:
    """Another implementation: merge the two groups of the greatest mean similarity until it is below LIKE."""
    draw = random.Random(5)  # noqa: S311
    words = ["bridge", "river", "hall", "tower", "gate", "wall"]
    queries = sorted({" ".join(draw.choices(words, k=4)) for _ in range(40)})
    embedder, index = chat.embedder, chat.index()
    vectors = np.array([embedder.embed_query(query) for query in queries], dtype=np.float64)
    means = np.array([index.cosine_spread(vector.astype(np.float32))[0] for vector in vectors])
    base = (means[:, None] + means[None, :]) / 2
    alike = np.minimum((vectors @ vectors.T - base) / (1 - base), 1)
    groups = [[n] for n in range(len(queries))]
    while len(groups) > 1:
        best, first, second = max(
            (float(alike[np.ix_(groups[i], groups[j])].mean()), -i, -j) for i in range(len(groups)) for j in range(i)
        )
        if best < LIKE:
            break
        groups[-second] += groups.pop(-first)
    expected = {frozenset(queries[n] for n in group) for group in groups}
    found = Likeness().groups([asked(query) for query in queries], index, embedder)
    assert {frozenset(question.query for question in group.questions) for group in found} == expected
    assert 1 < len(expected) < len(queries)


def test_two_lists_may_be_grouped_at_once(chat: Chat) -> None:
    """Another user's list is grouped while a question of the first is embedded."""
    index, others = chat.index(), [asked("radial nerve"), asked("radial muscle")]

    class Interrupted(type(chat.embedder)):  # type: ignore[misc]
        def embed_query(self, query: str) -> Vectors:
            if query.startswith("ulnar"):
                likeness.groups(others, index, chat.embedder)
            vector: Vectors = chat.embedder.embed_query(query)
            return vector

    likeness = Likeness()
    assert likeness.groups([asked("a nerve"), asked("ulnar nerve")], index, Interrupted.__new__(Interrupted))


def refused(chat: Chat, question: str) -> Unanswered:
    answer = chat.ask(question)
    assert answer.abstained
    (noted,) = unanswered_from(answer, "")
    return noted


def rebuilt(chat: Chat) -> None:
    update_index(ReadHere(chat.settings.corpus), chat.settings.index, Recipe(chat.embedder, chat.settings.passages))


def test_the_log_holds_no_text_of_the_documents(chat: Chat) -> None:
    """Law 10: the closest sentences are shown while their document is unchanged, and gone with it."""
    noted = refused(chat, "How deep are the roots of ferns in winter storms?")
    note(chat.settings, [noted])
    (group,) = Likeness().groups([noted], chat.index(), chat.embedder)
    closest = closest_of(group, chat.index())
    assert closest and all(sentence.quote in (chat.settings.corpus / sentence.document_id).read_text() for sentence in closest)
    assert not any(sentence.quote in chat.settings.unanswered_file.read_text() for sentence in closest)
    for file in list(chat.settings.corpus.iterdir()):
        file.write_text("Nothing of the kind is here.")
    rebuilt(chat)
    assert closest_of(group, chat.index()) == []


def test_what_a_later_build_answers_is_no_longer_listed(chat: Chat) -> None:
    moss = "How quickly does moss cover a roof?"
    note(chat.settings, [refused(chat, moss), refused(chat, TELEPHONE)])
    assert ask_again(chat, load_log(chat.settings), silent) == 0
    assert outdated(load_log(chat.settings).questions, chat.index()) == []
    (chat.settings.corpus / "moss.txt").write_text(
        "Questions\n\nHow quickly does moss cover a roof?\nMoss covers a roof within ten years.\n"
    )
    rebuilt(chat)
    assert len(outdated(load_log(chat.settings).questions, chat.index())) == 2
    assert ask_again(chat, load_log(chat.settings), silent, most=1) == 1  # the one asked longest ago
    assert [question.query for question in load_log(chat.settings).questions] == [TELEPHONE]
    assert len(outdated(load_log(chat.settings).questions, chat.index())) == 1
    note(chat.settings, load_log(chat.settings).questions)  # asked again meanwhile
    assert ask_again(chat, load_log(chat.settings), silent) == 0
    (left,) = load_log(chat.settings).questions
    assert (left.times, left.index) == (2, chat.index().digest)


def test_a_question_set_is_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "sets" / "unanswered"
    texts = ["Why?", " Why? ", "When?"]
    assert (add_unlabelled(folder, texts), add_unlabelled(folder, texts), add_unlabelled(folder, ["Where?"])) == (2, 0, 1)
    loaded = load_question_set(folder).questions
    assert [question.text for question in loaded] == ["Why?", "When?", "Where?"]
    assert not any(question.labelled for question in loaded)
    (folder / "queries.jsonl").write_text("{")
    with pytest.raises(QuestionSetError, match=r"queries.jsonl cannot be read"):
        add_unlabelled(folder, texts)
    (folder / "corpus.jsonl").write_text("")
    with pytest.raises(QuestionSetError, match="a corpus of its own"):
        add_unlabelled(folder, texts)


def test_questions_are_forgotten_for_one_user_or_all(settings: Settings) -> None:
    note(settings, [asked("Why?"), asked("When?", user="ann"), asked("Where?", user="bob")])
    assert forget(settings, lambda question: question.user == digest_of("ann")) == 1
    assert {question.query for question in load_log(settings).questions} == {"Why?", "Where?"}
    assert forget(settings, lambda question: True) == 2
    assert not settings.unanswered_file.exists()
    assert forget(settings, lambda question: True) == 0


def test_answers_of_the_queue_are_told_but_not_those_from_some_documents(chat: Chat) -> None:
    told: list[tuple[str, str]] = []
    arrived = threading.Condition()

    def answered(user: str, answer: Answer) -> None:
        with arrived:
            told.append((user, answer.question))
            arrived.notify()

    questions = QuestionQueue(chat, answered)
    for _ in range(2):  # the second answer is remembered
        questions.ask("ann", TELEPHONE).result()
    questions.ask("ann", TELEPHONE, documents=["faq.txt"]).result()
    with arrived:
        assert arrived.wait_for(lambda: len(told) >= 2, timeout=10)
    questions.close()
    assert told == [("ann", TELEPHONE)] * 2


def act(chat: Chat, user: User = LOCAL, **payload: object) -> Reply:
    return answer_call(UNANSWERED_ACTS, UnansweredPart(library_of(chat)), user, payload)


def test_the_review_tab_shows_groups_and_makes_a_set(chat: Chat, tmp_path: Path) -> None:
    hostile = 'Who <img src=x onerror="alert(1)"> painted?'
    note(chat.settings, [refused(chat, TELEPHONE), asked(hostile, user="ann"), asked(TELEPHONE, user="ann")])
    html = act(chat, do="show")["html"]
    assert "Who &lt;img src" in html and "<img" not in html
    assert "These 2 questions found nothing" in html or "found nothing, asked" in html or "This question found nothing." in html
    assert "ann" not in html.replace("planned", "")
    groups = Likeness().groups(load_log(chat.settings).questions, chat.index(), chat.embedder)
    made = act(chat, do="set", group="")
    assert "2 questions added to evaluation/unanswered" in made["message"]
    assert len(load_question_set(tmp_path / "evaluation" / "unanswered").questions) == 2
    assert act(chat, do="dismiss", group=groups[0].id) == {}
    assert len(load_log(chat.settings).questions) < 3
    assert "no group" in act(chat, do="dismiss", group="nonsense")["error"]
    assert act(chat, do="clear") == {}
    assert "No unanswered questions." in act(chat, do="show")["html"]
    assert act(chat, do="set", group="")["error"] == "there are no unanswered questions to add"


@pytest.mark.parametrize("name", sorted(UNANSWERED_ACTS))
def test_the_review_tab_refuses_readers_and_nonsense(name: str, chat: Chat) -> None:
    assert act(chat, User("ann", "reader"), do=name, group="x")["error"] == "Only curators can see unanswered questions."
    if name in ("show", "dismiss", "set"):
        assert "Invalid request" in act(chat, do=name, group=["x"], page="x")["error"]


@pytest.mark.slow
def test_over_http_curators_see_all_and_readers_their_own(corpus: Path, tmp_path: Path) -> None:
    two_users(tmp_path / "users.json")
    chat = word_chat(corpus, tmp_path, users=tmp_path / "users.json")
    with client_of(chat) as rita:
        assert sign_in(rita, "rita").status_code == 303
        assert rita.post("/api/ask", json={"question": TELEPHONE}).json()["abstained"]
        note(chat.settings, [asked("How old is Carl's dog?", user="carl")])
        while len(load_log(chat.settings).questions) < 2:
            threading.Event().wait(0.05)
        own = rita.get("/api/unanswered").json()
        assert [group["questions"][0]["query"] for group in own["groups"]] == [TELEPHONE]
    with client_of(chat) as carl:
        assert sign_in(carl, "carl").status_code == 303
        everyone = carl.get("/api/v1/unanswered").json()
        assert (everyone["questions"], everyone["logged"]) == (2, True)
        assert "rita" not in json.dumps(everyone) and digest_of("rita") not in json.dumps(everyone)
    with client_of(chat) as rita:
        sign_in(rita, "rita")
        assert rita.delete("/api/unanswered").json() == {"deleted": 1}
    assert [question.query for question in load_log(chat.settings).questions] == ["How old is Carl's dog?"]


def test_values_say_how_many_asked_and_not_who(chat: Chat) -> None:
    note(chat.settings, [refused(chat, TELEPHONE), asked(TELEPHONE, user="ann"), asked(TELEPHONE, user="bob", times=3)])
    log = load_log(chat.settings)
    values = log_values(log, Likeness().groups(log.questions, chat.index(), chat.embedder), chat.index(), logged=True)
    (group,) = values["groups"]
    assert (group["times"], group["users"], group["refused"], values["questions"]) == (5, 3, 3, 3)
    assert not {"user"} & set(group["questions"][0])
    assert FORMAT.load(FORMAT.dump(log), Path("x")) == log


def test_questions_are_grouped_by_the_model_of_the_live_build(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings name another model already, whose vectors the index cannot be compared with."""
    library = library_of(until_built(chat))
    library._embedder = OtherWords()
    monkeypatch.setattr(OtherWords, "embed_query", lambda self, query: np.ones(7, dtype=np.float32))
    change_log(chat.settings, lambda log: replace(log, questions=(asked("a nerve"), asked("ulnar nerve"))))
    assert len(UnansweredPart(library).groups()) == len(UnansweredPart(library_of(chat)).groups())
    listed = TestClient(create_app(library), base_url=HOME).get("/api/unanswered").json()
    assert listed["questions"] == 2
