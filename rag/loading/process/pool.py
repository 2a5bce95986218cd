"""Reads files in worker processes, several at once, each with a time and a memory limit."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, cast

from rag.config import LoadingSettings
from rag.cores import usable_cores
from rag.errors import UnreadableFile
from rag.loading.containers.members import LoadedFile, UnreadableMember
from rag.loading.pdf import ocr
from rag.loading.reading import READ_ONLY, Reading, Splitting
from rag.storage.document_records import document_from_json, passage_from_json
from rag.text.passages import Progress

_SOURCE_ROOT = Path(__file__).parents[3]  # the folder that contains the package `rag`
_FILES_WORTH_A_PROCESS = 3  # starting a process takes as long as reading a few pages
_LOOK_AHEAD = 2  # files that a process may be ahead of the consumer, so that finished documents do not fill the memory
_FILES_PER_PROCESS = 500  # then it is replaced, so that memory leaked by parsers does not add up
_REPORT_EVERY = 0.5  # seconds, of the progress of a file that takes longer
_ONE_THREAD = {"TOKENIZERS_PARALLELISM": "false"}  # in each worker: there is one for every core
_PROGRESS = b'{"progress"'  # how a worker's line begins that is no reply yet
_OCR_SHARE = 0.9  # of the time limit: OCR gives up before its process is killed, so that the reason names it


def read_documents(
    files: Sequence[tuple[Path, str]], settings: LoadingSettings, reading: Reading = READ_ONLY
) -> Iterator[LoadedFile | UnreadableFile]:
    """Yields, for each (folder, path within it) in order, its documents or the reason why it cannot be read.

    Closing the iterator stops the reading.
    """
    count = max(1, min(settings.processes or usable_cores(), -(-len(files) // _FILES_WORTH_A_PROCESS)))
    processes = [WorkerProcess(settings, reading.splitting) for _ in range(count)]
    idle: queue.SimpleQueue[WorkerProcess] = queue.SimpleQueue()
    for process in processes:
        idle.put(process)

    def read(folder: Path, name: str, stage: _Stage) -> LoadedFile | UnreadableFile:
        process = idle.get()
        try:
            return process.read(folder, name, stage.update)
        finally:
            idle.put(process)

    pending: deque[tuple[_Stage, Future[LoadedFile | UnreadableFile]]] = deque()
    threads = ThreadPoolExecutor(count, thread_name_prefix="reading")
    try:
        for folder, name in files:
            stage = _Stage(name)
            pending.append((stage, threads.submit(read, folder, name, stage)))
            if len(pending) > _LOOK_AHEAD * count:
                yield _awaited(*pending.popleft(), reading.progress)
        while pending:
            yield _awaited(*pending.popleft(), reading.progress)
    finally:
        for process in processes:
            process.stop()
        threads.shutdown(cancel_futures=True)
        for process in processes:  # again: a thread may have started one in the meantime
            process.stop()


class _Stage:
    """How far the reading of a file has got; set by one thread and reported by another."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._latest = ("", 0, 1)

    def update(self, unit: str, done: int, total: int) -> None:
        self._latest = (f": {unit}", done, total)

    def report(self, progress: Progress) -> None:
        unit, done, total = self._latest
        progress(f"reading {self.name}{unit}", done, total)


def _awaited(stage: _Stage, result: Future[LoadedFile | UnreadableFile], progress: Progress) -> LoadedFile | UnreadableFile:
    """The result; while it takes long, its progress is reported in this thread, which may raise an exception to stop it."""
    while not wait([result], timeout=_REPORT_EVERY).done:
        stage.report(progress)
    return result.result()


class WorkerProcess:
    """A worker, started on first use and restarted after it has died. Not thread-safe, except for `stop`."""

    def __init__(self, settings: LoadingSettings, splitting: Splitting | None = None) -> None:
        self._settings = settings
        self._splitting = splitting
        self._process: subprocess.Popen[bytes] | None = None
        self._files = 0
        self._stopped = False

    def read(self, folder: Path, name: str, progress: Progress = lambda unit, done, total: None) -> LoadedFile | UnreadableFile:
        return self._loaded(self.ask({"folder": str(folder.absolute()), "name": name}, progress))

    def read_data(self, name: str, data: bytes) -> LoadedFile | UnreadableFile:
        """Reads a file whose bytes are here, and not in a folder."""
        return self._loaded(self.ask({"name": name, "bytes": len(data)}, data=data))

    def _loaded(self, reply: dict[str, Any]) -> LoadedFile | UnreadableFile:
        if "reason" in reply:
            return UnreadableFile(reply["reason"])
        documents = tuple(map(document_from_json, reply["documents"]))
        passages = None
        if reply["passages"] is not None:
            pairs = zip(documents, reply["passages"], strict=True)
            passages = tuple(tuple(passage_from_json(values, document) for values in rows) for document, rows in pairs)
        return LoadedFile(documents, tuple(UnreadableMember(*member) for member in reply["failed"]), passages)

    def ask(
        self, request: dict[str, Any], progress: Progress = lambda unit, done, total: None, data: bytes = b""
    ) -> dict[str, Any]:
        """The worker's reply; {"reason": ...} if it crashes or takes too long. `data` follows the request."""
        if self._stopped:
            return {"reason": "reading was stopped"}
        process = self._running()
        expired = threading.Event()

        def kill() -> None:
            expired.set()
            process.kill()

        timer = threading.Timer(self._settings.seconds, kill)
        timer.start()
        try:
            line = _exchange(process, request, data, progress)
        finally:
            timer.cancel()
        if line.endswith(b"\n"):  # otherwise it died while writing
            return dict(json.loads(line))
        code = process.wait()
        self._close()
        if expired.is_set():
            return {"reason": f"it was not read within {self._settings.seconds:g} seconds"}
        return {"reason": f"its reader crashed ({code}): it is damaged, or takes more than {self._settings.megabytes} MB"}

    def stop(self) -> None:
        self._stopped = True
        self._close()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._files == _FILES_PER_PROCESS:
            self._close()
            self._process, self._files = _start(self._settings), 0
            if self._splitting is not None:
                _send(self._process, {"splitting": asdict(self._splitting)})
        self._files += 1
        return self._process

    def _close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with suppress(BrokenPipeError):  # from a request that it did not read
                process.communicate()


def _start(settings: LoadingSettings) -> "subprocess.Popen[bytes]":
    ocr_limit = {ocr.SECONDS: str(_OCR_SHARE * settings.seconds)} if settings.ocr else {}
    paths = [str(_SOURCE_ROOT), os.environ.get("PYTHONPATH", "")]
    # -P: a module in the current folder must not shadow one of ours.
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-P", "-m", "rag.loading.process.worker", str(settings.megabytes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)} | _ONE_THREAD | ocr_limit,
    )


def _exchange(process: "subprocess.Popen[bytes]", request: dict[str, Any], data: bytes, progress: Progress) -> bytes:
    """The line with the reply; without a line end, or empty, if the worker died."""
    if not _send(process, request, data):
        return b""
    try:
        while (line := cast(BinaryIO, process.stdout).readline()).startswith(_PROGRESS):
            progress(*json.loads(line)["progress"])
        return line
    except ValueError:  # it was stopped and its pipes closed
        return b""


def _send(process: "subprocess.Popen[bytes]", request: dict[str, Any], data: bytes = b"") -> bool:
    """Returns False if the worker died, or was stopped and its pipes closed."""
    requests = cast(BinaryIO, process.stdin)
    try:
        requests.write(json.dumps(request).encode() + b"\n")
        requests.write(data)
        requests.flush()
    except (BrokenPipeError, ValueError):
        return False
    return True
