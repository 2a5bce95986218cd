"""Reads files in processes of their own, several at once, each with a limit of time and memory."""

import base64
import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from rag.config import LoadingSettings
from rag.cores import usable_cores
from rag.errors import UnreadableFile
from rag.loading.pdf import ocr
from rag.records import Document
from rag.storage.document_records import document_from_json

PACKAGE = Path(__file__).parents[3]
WORTH_A_PROCESS = 3  # files; starting one takes as long as reading a few pages
LOOK_AHEAD = 2  # files a process may be ahead of what is taken, so that finished documents do not fill the memory
_DRAWING = threading.BoundedSemaphore(2)  # pages at once
FILES_PER_PROCESS = 500  # then it makes way for a fresh one: what parsers lose of memory does not add up


def read_documents(files: Sequence[tuple[Path, str]], settings: LoadingSettings) -> Iterator[Document | UnreadableFile]:
    """One document, or the reason against it, for each file, in their order; a file is a folder and a path within it.

    Reading stops when nobody asks for more.
    """
    number = max(1, min(settings.processes or usable_cores(), -(-len(files) // WORTH_A_PROCESS)))
    idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
    processes = [_Process(settings) for _ in range(number)]
    for process in processes:
        idle.put(process)

    def read(folder: Path, name: str) -> Document | UnreadableFile:
        process = idle.get()
        try:
            return process.read(folder, name)
        finally:
            idle.put(process)

    pending: deque[Future[Document | UnreadableFile]] = deque()
    pool = ThreadPoolExecutor(number, thread_name_prefix="reading")
    try:
        for folder, name in files:
            pending.append(pool.submit(read, folder, name))
            if len(pending) > LOOK_AHEAD * number:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for process in processes:
            process.stop()
        pool.shutdown(cancel_futures=True)
        for process in processes:  # once more, for one that was being started meanwhile
            process.stop()


def page_picture(corpus: Path, document: Document, page: int, quote: str, settings: LoadingSettings) -> bytes:
    """A page of a PDF of the corpus, counted from 1, as PNG with the quote marked.

    Raises UnreadableFile, also where the file is no longer what the document was read from, or too many pages are wanted at once.
    """
    if not _DRAWING.acquire(timeout=settings.seconds):
        raise UnreadableFile("too many pages are being drawn; try again")
    process = _Process(settings)
    asked = {"folder": str(corpus.absolute()), "name": document.id, "digest": document.digest, "page": page, "quote": quote}
    try:
        reply = process.ask(asked)
    finally:
        process.stop()
        _DRAWING.release()
    if "reason" in reply:
        raise UnreadableFile(reply["reason"])
    return base64.b64decode(reply["picture"])


class _Process:
    """One worker, started when it is first needed and again after it has died. Used by one thread at a time."""

    def __init__(self, settings: LoadingSettings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._files = 0
        self._stopped = False

    def read(self, folder: Path, name: str) -> Document | UnreadableFile:
        reply = self.ask({"folder": str(folder.absolute()), "name": name})
        return UnreadableFile(reply["reason"]) if "reason" in reply else document_from_json(reply["document"])

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the worker replies; a reason where it does not, or not in time."""
        if self._stopped:
            return {"reason": "reading was stopped"}
        if self._process is None or self._files == FILES_PER_PROCESS:
            self._close()
            self._process, self._files = _start(self._settings), 0
        self._files += 1
        process, late = self._process, threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(self._settings.seconds, give_up)
        timer.start()
        try:
            line = _exchange(process, request)
        finally:
            timer.cancel()
        if line.endswith(b"\n"):  # else it died in the middle of it
            return dict(json.loads(line))
        code = process.wait()
        self._close()
        if late.is_set():
            return {"reason": f"it was not read within {self._settings.seconds:g} seconds"}
        return {"reason": f"its reader crashed ({code}): it is damaged, or takes more than {self._settings.megabytes} MB"}

    def stop(self) -> None:
        self._stopped = True
        self._close()

    def _close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with suppress(BrokenPipeError):  # of a request that it did not take
                process.communicate()


def _start(settings: LoadingSettings) -> "subprocess.Popen[bytes]":
    ocr_limit = {ocr.SECONDS: str(0.9 * settings.seconds)} if settings.ocr else {}
    paths = [str(PACKAGE), os.environ.get("PYTHONPATH", "")]
    # -P: a module in the folder that this is started in must not stand in for one of ours.
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-P", "-m", "rag.loading.process.worker", str(settings.megabytes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)} | ocr_limit,
    )


def _exchange(process: "subprocess.Popen[bytes]", request: dict[str, Any]) -> bytes:
    """The line that answers; empty where the process has died."""
    requests, replies = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
    try:
        requests.write(json.dumps(request).encode() + b"\n")
        requests.flush()
        return replies.readline()
    except (BrokenPipeError, ValueError):  # it died, or was stopped and its pipes closed
        return b""
