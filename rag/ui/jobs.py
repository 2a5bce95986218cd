"""One long piece of work in the background, that can be watched and stopped."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from rag.errors import RagError
from rag.index.builds import Report

Work = Callable[[Report], str]
"""Does it, reporting how far it is, and gives back in one line what came of it."""


@dataclass(frozen=True)
class JobState:
    """`what` is being done, `done` of `total`; `left` are seconds until that part is done, None while nothing can be said.

    `result` is the line that the last piece of work ended with; `failed` says that it is an error.
    """

    running: bool = False
    what: str = ""
    done: int = 0
    total: int = 0
    left: float | None = None
    result: str = ""
    failed: bool = False


class Stopped(Exception):  # noqa: N818 - no error: what was asked for
    """Raised within the work, by its report, after `stop`."""


class Job:
    """Runs one piece of work at a time in a thread of its own."""

    def __init__(self, stopped: str) -> None:
        """`stopped` is the line that work which was stopped ends with."""
        self._lock = threading.Lock()
        self._state = JobState()
        self._since, self._first = 0.0, 0  # when this part of the work was first reported, and how much of it was done then
        self._stop = False
        self._stopped = stopped
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> JobState:
        return self._state

    def start(self, work: Work) -> bool:
        """False, and nothing is done, while other work is running."""
        with self._lock:
            if self._state.running:
                return False
            self._state, self._stop = JobState(running=True), False
            self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
            self._thread.start()
            return True

    def stop(self) -> None:
        """Asks the work to end at its next report."""
        self._stop = True

    def join(self) -> None:
        """Waits for the work that is running, if any."""
        if self._thread is not None:
            self._thread.join()

    def _run(self, work: Work) -> None:
        ended = JobState(result="it failed; the terminal says why", failed=True)
        try:
            ended = JobState(result=work(self._report))
        except Stopped:
            ended = JobState(result=self._stopped)
        except RagError as error:
            ended = JobState(result=str(error), failed=True)
        except OSError as error:  # a full disk, a folder that may not be written
            ended = JobState(
                result=f"{error.filename or 'a file'}: {error.strerror or error}; mend that and try again", failed=True
            )
        finally:
            self._state = ended

    def _report(self, what: str, done: int, total: int) -> None:
        if self._stop:
            raise Stopped
        now = time.monotonic()
        if what != self._state.what:
            self._since, self._first = now, done
        spent, new = now - self._since, done - self._first
        left = spent / new * (total - done) if new > 0 and spent > 1 else None
        self._state = replace(self._state, what=what, done=done, total=total, left=left)
