"""Builds of the index in the background: asked for on the page, or because files of the corpus have changed."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rag.errors import RagError
from rag.index.builds import Report
from rag.index.file_listing import Watch, fingerprint
from rag.library import Library
from rag.loading.corpus import corpus_of
from rag.review.watch_asking import describe_asked
from rag.ui.jobs import Job

WATCH_SECONDS = 2.0  # between two looks at the corpus; a file is indexed when it was the same in two of them
STOPPED = "Stopped. The index is unchanged; finished embeddings are kept for the next update."


class BackgroundBuilds:
    """One build at a time; builds requested while one is running become one build that follows it."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.job = Job(STOPPED)
        self.watch = Watch(corpus_of(library.settings))
        self._lock = threading.Lock()
        self._full = False

    def request(self, *, full: bool = False) -> None:
        """Starts a build, or queues one: the running build may have listed the files already.

        `full` rebuilds everything from scratch; the queued build is full if any of its requests was.
        """
        with self._lock:
            self._full = self._full or full
        self.job.start_or_queue(self._build)

    def stop(self) -> None:
        """Stops the running build and drops the queued one."""
        with self._lock:
            self._full = False
        self.job.stop()

    @contextmanager
    def following_corpus(self) -> Iterator[None]:
        """Builds whenever files have changed, until the end of the block."""
        ended = threading.Event()
        thread = threading.Thread(target=self._follow, args=(ended,), name="corpus-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _follow(self, ended: threading.Event) -> None:
        known = None
        while not ended.wait(WATCH_SECONDS):
            try:
                now = fingerprint(corpus_of(self.library.settings))
                settled = now == known  # nobody is still writing
                if settled and not self.job.state.running and self.watch.changes(self.library.chat.index().manifest).any:
                    self.request()
            except RagError:  # the page shows it
                continue
            known = now

    def _build(self, report: Report) -> str:
        with self._lock:
            full, self._full = self._full, False
        build = self.library.build(full=full, progress=report)
        changes, manifest = build.changes, build.manifest
        counts: dict[str, Sequence[object]] = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
        counts |= {"could not be read": changes.failed}
        summary = ", ".join(f"{len(names)} {kind}" for kind, names in counts.items() if names)
        held = f"The index has {len(manifest.corpus.documents)} documents and {manifest.passages} passages."
        watched = f" {describe_asked(build.watched)}." if build.watched else ""
        return f"{'Rebuilt everything' if full else 'Done'}: {summary or 'no changes'}. {held}{watched}"
