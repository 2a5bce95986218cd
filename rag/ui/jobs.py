"""One long piece of work in the background, which can be watched and stopped."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from rag.errors import RagError
from rag.index.builds import Report

Work = Callable[[Report], str]
"""Does the work, reporting its progress, and returns its result in one line."""


@dataclass(frozen=True)
class JobState:
    """The stage of a running job (`what`), with `done` of `total` items; `left` are seconds, None if unknown.

    `result` is the line that the last work ended with; `failed` says that it is an error.
    """

    running: bool = False
    what: str = ""
    done: int = 0
    total: int = 0
    left: float | None = None
    result: str = ""
    failed: bool = False


class Stopped(Exception):  # noqa: N818 - not an error: the user asked for it
    """Raised in the work by its report, after `stop`."""


class Job:
    """Runs one piece of work at a time, each in a thread of its own. Safe to share between threads."""

    def __init__(self, stopped: str) -> None:
        """`stopped` is the result of work that was stopped."""
        self._lock = threading.Lock()
        self._state = JobState()
        self._stage_start, self._stage_first = 0.0, 0  # when the stage was first reported, and how much was done by then
        self._stop = False
        self._stopped = stopped
        self._next: Work | None = None
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> JobState:
        return self._state

    def start(self, work: Work) -> bool:
        """Starts the work; returns False, and does nothing, while other work is running."""
        with self._lock:
            if self._state.running:
                return False
            self._begin(work)
            return True

    def start_or_queue(self, work: Work) -> None:
        """Starts the work now, or after what is running. One piece of work waits at most: the one that was queued last."""
        with self._lock:
            if self._state.running:
                self._next = work
            else:
                self._begin(work)

    def stop(self) -> None:
        """Ends the work at its next report; work that is queued is dropped."""
        with self._lock:
            self._stop, self._next = True, None

    def forget_result(self) -> None:
        """The result of the last work is shown no longer."""
        with self._lock:
            if not self._state.running:
                self._state = JobState()

    def join(self) -> None:
        """Waits until nothing is running or queued."""
        while (thread := self._thread) is not None:
            thread.join()
            if thread is self._thread:
                return

    def _begin(self, work: Work) -> None:
        self._state, self._stop = JobState(running=True), False
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Work) -> None:
        result = JobState(result="Something went wrong; the server's log has the details.", failed=True)
        try:
            result = JobState(result=work(self._report))
        except Stopped:
            result = JobState(result=self._stopped)
        except RagError as error:
            result = JobState(result=str(error), failed=True)
        except OSError as error:  # a full disk, a folder without write permission
            reason = f"{error.filename or 'a file'}: {error.strerror or error}"
            result = JobState(result=f"{reason}; fix this and try again", failed=True)
        finally:
            with self._lock:
                self._state = result
                following, self._next = self._next, None
                if following is not None:
                    self._begin(following)

    def _report(self, what: str, done: int, total: int) -> None:
        if self._stop:
            raise Stopped
        now = time.monotonic()
        if what != self._state.what:
            self._stage_start, self._stage_first = now, done
        spent, new = now - self._stage_start, done - self._stage_first
        left = spent / new * (total - done) if new > 0 and spent > 1 else None  # the first second tells too little
        self._state = replace(self._state, what=what, done=done, total=total, left=left)
