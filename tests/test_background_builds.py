"""Work in the background: progress, stopping, queueing, and builds that follow the corpus."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rag.conversation import Chat
from rag.errors import IndexMissing
from rag.index.builds import Report
from rag.library import BuildReport, Library
from rag.server.app import create_app
from rag.ui.background_builds import BackgroundBuilds
from rag.ui.documents_view import job_html
from rag.ui.jobs import Job, JobState
from tests.conftest import library_of
from tests.serving import word_chat


@pytest.fixture
def chat(corpus: Path, tmp_path: Path) -> Chat:
    return word_chat(corpus, tmp_path)


class HeldWork:
    """Work that reports "reading", 1 of 4, and goes on when it is released."""

    def __init__(self) -> None:
        self.begun, self.released = threading.Event(), threading.Event()

    def __call__(self, report: Report) -> str:
        report("reading", 1, 4)
        self.begun.set()
        self.released.wait(30)
        report("reading", 2, 4)
        return "done"


def test_a_job_reports_progress_and_its_result() -> None:
    job, work = Job("stopped"), HeldWork()
    assert job.start(work)
    assert work.begun.wait(30)
    assert not job.start(work)
    assert (job.state.running, job.state.what, job.state.done, job.state.total) == (True, "reading", 1, 4)
    assert "Reading the files: 1 of 4" in job_html(job.state)
    work.released.set()
    job.join()
    assert job.state == JobState(result="done")


def test_a_stopped_job_ends_at_its_next_report_and_what_is_queued_is_dropped() -> None:
    job, work = Job("stopped, nothing changed"), HeldWork()
    job.start(work)
    assert work.begun.wait(30)
    job.start_or_queue(lambda report: "never")
    job.stop()
    work.released.set()
    job.join()
    assert job.state == JobState(result="stopped, nothing changed")
    job.start(lambda report: "started again")
    job.join()
    assert job.state == JobState(result="started again")


def test_queued_work_follows_what_is_running() -> None:
    job, work, done = Job("stopped"), HeldWork(), []

    def noted(name: str) -> Callable[[Report], str]:
        def run(report: Report) -> str:
            done.append(name)
            return name

        return run

    job.start_or_queue(work)
    assert work.begun.wait(30)
    for name in ("first", "last"):
        job.start_or_queue(noted(name))
    work.released.set()
    job.join()
    assert (done, job.state) == (["last"], JobState(result="last"))


@pytest.mark.parametrize(
    ("error", "result"),
    [(IndexMissing("there is no index"), "there is no index"),
     (OSError(28, "No space left on device", "a.npy"), "a.npy: No space left on device; fix this and try again"),
     (KeyError("x"), "Something went wrong; the server's log has the details.")],
    ids=["ours", "full disk", "unforeseen"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_failed_job_says_why(error: Exception, result: str) -> None:
    def broken(report: Report) -> str:
        raise error

    job = Job("stopped")
    job.start(broken)
    job.join()
    assert job.state == JobState(result=result, failed=True)


def test_the_time_left_follows_from_what_was_done_since_the_first_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """40 of 140 are done at the first report. Ten more in two seconds: the other 90 take 18."""
    clock = iter([100.0, 102.0])
    left = []

    def work(report: Report) -> str:
        for done in (40, 50):
            report("embedding", done, 140)
            left.append(job.state.left)
        return "done"

    job = Job("stopped")
    monkeypatch.setattr("rag.ui.jobs.time", SimpleNamespace(monotonic=lambda: next(clock)))
    job.start(work)
    job.join()
    assert left == [None, 18.0]


def test_a_stopped_build_leaves_the_index_unchanged(chat: Chat, corpus: Path) -> None:
    (corpus / "new.txt").write_text("Moss grows.\n")
    before = chat.index().digest
    builds = BackgroundBuilds(library_of(chat))

    def stopped_build(report: Report) -> str:
        builds.stop()
        return builds._build(report)

    builds.job.start(stopped_build)
    builds.job.join()
    assert builds.job.state.result.startswith("Stopped. The index is unchanged")
    assert chat.index().digest == before


class HeldLibrary(Library):
    """Notes whether each build is full; each waits until it is released."""

    def __init__(self, chat: Chat) -> None:
        super().__init__(chat.settings, chat=chat)
        self.full: list[bool] = []
        self.begun, self.released = threading.Semaphore(0), threading.Event()

    def build(self, *, full: bool = False, **named: Any) -> BuildReport:
        self.full.append(full)
        self.begun.release()
        self.released.wait(30)
        return super().build(full=full, **named)


@pytest.mark.parametrize(
    ("requests", "expected"),
    [([False], [False, False]), ([True], [False, True]), ([True, False], [False, True]), ([False, True], [False, True]),
     ([False, False, False], [False, False])],
)  # fmt: skip
def test_requests_during_a_build_become_one_build_full_if_any_was(requests: list[bool], expected: list[bool], chat: Chat) -> None:
    library = HeldLibrary(chat)
    builds = BackgroundBuilds(library)
    builds.request()
    assert library.begun.acquire(timeout=30)
    for full in requests:
        builds.request(full=full)
    library.released.set()
    builds.job.join()
    assert library.full == expected
    builds.request()  # nothing is left over for the next one
    builds.job.join()
    assert library.full == [*expected, False]


def test_a_full_build_that_was_stopped_while_queued_is_forgotten(chat: Chat) -> None:
    library = HeldLibrary(chat)
    builds = BackgroundBuilds(library)
    builds.request()
    assert library.begun.acquire(timeout=30)
    builds.request(full=True)
    builds.stop()
    library.released.set()
    builds.job.join()
    builds.request()
    builds.job.join()
    assert library.full == [False, False]


def until(condition: Callable[[], bool]) -> None:
    for _ in range(1_500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("this did not happen within 30 seconds")


def test_the_corpus_is_followed_until_the_server_ends(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.ui.background_builds.WATCH_SECONDS", 0.02)
    chat = word_chat(corpus, tmp_path, watch=True)

    def followers() -> int:
        return [thread.name for thread in threading.enumerate()].count("corpus-watch")

    assert followers() == 0
    app = create_app(library_of(chat))
    assert followers() == 0, "only a running server follows the corpus"
    with TestClient(app):
        assert followers() == 1
        (corpus / "new.txt").write_text("Moss grows.\n")
        until(lambda: "new.txt" in chat.index().documents)
    assert followers() == 0


def test_the_corpus_is_not_followed_unless_asked(corpus: Path, tmp_path: Path) -> None:
    with TestClient(create_app(library_of(word_chat(corpus, tmp_path, watch=False)))):
        assert "corpus-watch" not in {thread.name for thread in threading.enumerate()}
