"""Has the files of a corpus read, split and embedded on a Ray cluster: a task for each file that has no object yet.

Plain tasks rather than Ray Data: a task is one file, so that a file that kills its workers is told apart from a failing cluster
and reported like any unreadable file, and the cluster never holds more files than it has cores to work on. Only this process
writes objects. So workers need neither a shared folder nor access to the store, and a worker that was believed dead cannot bring
back a document that has been removed.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from rag.config import Settings
from rag.errors import ObjectsError, UnreadableFile
from rag.index.builds import Report
from rag.index.cluster.embedded_files import EmbeddedFile, file_from_object, object_name
from rag.index.cluster.object_store import object_store, without_password
from rag.index.cluster.object_sweep import own_store
from rag.index.cluster.ray_connection import already_connected, explain, ray_connection
from rag.index.cluster.worker_task import make_object, task_settings
from rag.loading.corpus import FolderCorpus
from rag.loading.process.safe_open import read_bytes
from rag.models.model_identity import ModelIdentity
from rag.storage.files import sha256_bytes

TRIES = 4  # workers that may die of one file; Ray's own default is three retries
DAMAGED_TRIES = 2  # times that a fresh object may be damaged when it is read back
REPORT_EVERY = 0.5  # seconds
FILES_PER_CORE = 2  # in flight: the next one waits at the worker
BYTES_IN_FLIGHT = 2**29  # of files; no further one is sent while there are more
BYTES_CACHED = 2**28  # of fresh objects that need not be read from the store again


class RayWorkers:
    """The cluster that `index.workers` names, and the objects that it makes. Nothing is connected before the first task."""

    def __init__(self, settings: Settings, model: ModelIdentity) -> None:
        self.cluster = settings.scale.workers
        self.settings = settings
        self.store = object_store(settings.objects)
        self.task_settings = task_settings(settings, model)
        self._model, self._passages = model, settings.passages

    def object_name(self, file: str, digest: str) -> str:
        return object_name(file, digest, self._model, self._passages)

    @contextmanager
    def reading(
        self, corpus: FolderCorpus, digests: Mapping[str, str], report: Report, *, full: bool = False, retry: bool = False
    ) -> Iterator[Iterator[EmbeddedFile | UnreadableFile]]:
        """The files of a corpus, given with their digests, in this order; leaving the block cancels what is not finished.

        Objects of earlier builds are used unless `full`; with `retry`, not if they hold what could not be read.
        """
        own_store(self.settings, claim=True)
        with ExitStack() as stack:
            tasks = _Tasks(self, corpus, report, stack)
            usable = set() if full else self.store.names()
            yield _Files(self, digests, tasks, usable, retry).in_order()


@dataclass(frozen=True)
class _Finished:
    """A task that ended: the name of the object that is now stored, or why there is none."""

    file: str
    object: str = ""
    unreadable: UnreadableFile | None = None


class _Files:
    """Takes each file from its object, and has missing or damaged objects made."""

    def __init__(self, workers: RayWorkers, digests: Mapping[str, str], tasks: "_Tasks", usable: set[str], retry: bool) -> None:
        self._store, self._tasks, self._usable, self._retry = workers.store, tasks, usable, retry
        self._objects = {file: workers.object_name(file, digest) for file, digest in digests.items()}
        self._fresh: set[str] = set()
        self._damaged: Counter[str] = Counter()
        self._location = without_password(workers.settings.objects)
        self._unreadable: dict[str, UnreadableFile] = {}
        tasks.enqueue(file for file, name in self._objects.items() if name not in usable)

    def in_order(self) -> Iterator[EmbeddedFile | UnreadableFile]:
        for file in self._objects:
            while (result := self._file_of(file)) is None:
                for finished in self._tasks.advance(file):
                    self._note(finished)
            yield result

    def _note(self, finished: _Finished) -> None:
        if finished.unreadable is not None:
            self._unreadable[finished.file] = finished.unreadable
        else:
            self._objects[finished.file] = finished.object  # another one if the file has changed meanwhile
            self._usable.add(finished.object)
            self._fresh.add(finished.object)

    def _file_of(self, file: str) -> EmbeddedFile | UnreadableFile | None:
        """None if the file has no object, or none that can be used."""
        name = self._objects[file]
        if file in self._unreadable or name not in self._usable:
            return self._unreadable.pop(file, None)
        fresh, data = name in self._fresh, self._tasks.take_cached(name) or self._store.read(name)
        with suppress(ObjectsError):  # damaged: it is made anew
            result = None if data is None else file_from_object(data)
            failed = isinstance(result, UnreadableFile) or (result is not None and bool(result.failed))
            if result is not None and (fresh or not (self._retry and failed)):
                return replace(result, reused=not fresh) if isinstance(result, EmbeddedFile) else result
        self._usable.discard(name)
        self._damaged[file] += fresh
        if self._damaged[file] == DAMAGED_TRIES:
            raise ObjectsError(
                f"{self._location} gives back damaged objects (of {file}); check that disk or store, and build again"
            )
        return None


class _Tasks:
    """The files that wait for a worker, and those in flight."""

    def __init__(self, workers: RayWorkers, corpus: FolderCorpus, report: Report, stack: ExitStack) -> None:
        self._workers, self._corpus, self._report, self._stack = workers, corpus, report, stack
        self._waiting: deque[str] = deque()
        self._pending: set[str] = set()  # files that wait or are in flight
        self._in_flight: dict[Any, tuple[str, str, int]] = {}  # file, object and size by reference
        self._deaths: Counter[str] = Counter()
        self._cached: dict[str, bytes] = {}
        self._done = self._total = 0
        self._ray: Any = None
        self._task: Any = None

    def enqueue(self, files: Iterator[str]) -> None:
        self._waiting.extend(files)
        self._pending.update(self._waiting)
        self._total = len(self._waiting)

    def take_cached(self, name: str) -> bytes | None:
        """A fresh object that is still in memory, given away."""
        return self._cached.pop(name, None)

    def advance(self, wanted: str) -> Iterator[_Finished]:
        """Sends files to workers and waits a moment for results. `wanted` is sent first if nobody works on it."""
        if wanted not in self._pending:
            self._waiting.appendleft(wanted)
            self._pending.add(wanted)
            self._total += 1
        if self._ray is None:
            stays_open = already_connected()
            self._ray = self._stack.enter_context(ray_connection(self._workers.cluster))
            self._task = self._ray.remote(num_cpus=1, max_retries=0)(make_object)  # retried here, where deaths are counted
            if stays_open:  # otherwise the end of the connection stops the tasks; to cancel them first may crash Ray 2.60
                self._stack.callback(self._cancel)
        file = wanted
        try:
            yield from self._send()
            ready, _ = self._ray.wait(list(self._in_flight), timeout=REPORT_EVERY) if self._in_flight else ([], [])
            for reference in ready:
                file = self._in_flight[reference][0]
                yield from self._receive(reference)
        except (self._ray.exceptions.RayError, ConnectionError) as error:
            raise explain(error, self._workers.cluster, file) from error
        self._report("embedding", self._done, self._total)

    def _send(self) -> Iterator[_Finished]:
        room = FILES_PER_CORE * max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        while self._waiting and len(self._in_flight) < room:
            if sum(size for _, _, size in self._in_flight.values()) > BYTES_IN_FLIGHT:
                return
            file = self._waiting.popleft()
            try:
                data = read_bytes(self._corpus.folder, file)
            except UnreadableFile as error:
                yield self._finished(_Finished(file, unreadable=error))
                continue
            name = self._workers.object_name(file, sha256_bytes(data))
            self._in_flight[self._task.remote(self._workers.task_settings, file, data)] = file, name, len(data)

    def _receive(self, reference: Any) -> Iterator[_Finished]:
        errors = self._ray.exceptions
        file, name, _ = self._in_flight[reference]
        try:
            data: bytes = self._ray.get(reference)
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError, errors.ObjectLostError) as error:
            del self._in_flight[reference]
            yield from self._retry_or_give_up(file, type(error).__name__)
            return
        del self._in_flight[reference]
        self._workers.store.write(name, data)
        if sum(map(len, self._cached.values())) + len(data) <= BYTES_CACHED:
            self._cached[name] = data
        yield self._finished(_Finished(file, name))

    def _retry_or_give_up(self, file: str, kind: str) -> Iterator[_Finished]:
        """Sends the file to another worker, unless it has taken enough of them with it."""
        self._deaths[file] += 1
        if self._deaths[file] < TRIES:
            self._waiting.appendleft(file)
            return
        reason = f"{TRIES} workers died while reading or embedding it ({kind}): it may need more memory than they have"
        yield self._finished(_Finished(file, unreadable=UnreadableFile(reason)))

    def _finished(self, finished: _Finished) -> _Finished:
        self._pending.discard(finished.file)
        self._done += 1
        return finished

    def _cancel(self) -> None:
        """Stops the workers of unfinished tasks; their processes hold half-read files, so they are ended."""
        for reference in self._in_flight:
            with suppress(self._ray.exceptions.RayError, ConnectionError, ValueError):
                self._ray.cancel(reference, force=True)
