"""The process that reads files: one request per line on standard input, one reply per line on standard output.

A request names a file in a folder, or says how many bytes of the file follow its line.

A broken or hostile file can make a parser hang, crash or use up all memory; here it takes down only this process.
Started by pool.py, never by hand: `python -P -m rag.loading.process.worker MEGABYTES`.
"""

import base64
import json
import os
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from rag.errors import UnreadableFile
from rag.loading.containers.members import LoadedFile
from rag.loading.loader import load_file, member_bytes, reason_of
from rag.loading.process.safe_open import holding_file, read_bytes
from rag.loading.reading import Splitting, report, reporting
from rag.records import Document
from rag.storage.document_records import document_to_json, passage_to_json
from rag.storage.files import sha256_bytes
from rag.text.passages import TokenCounter, split_passages

_REPORT_EVERY = 0.3  # seconds


def main() -> None:
    megabytes = int(sys.argv[1])
    limit_memory(megabytes)
    with suppress(OSError):  # when the system runs out of memory, let it kill this process rather than another
        Path("/proc/self/oom_score_adj").write_text("1000")
    requests, replies = sys.stdin.buffer, _private_output()
    worker = _Worker(megabytes, replies)
    for line in requests:
        request = json.loads(line)
        if "splitting" in request:
            worker.splitting = Splitting(**request["splitting"])
        else:
            data = requests.read(request["bytes"]) if "bytes" in request else None
            worker.write(worker.reply(request, data))
            del data  # or it would count against the next file


class _Worker:
    def __init__(self, megabytes: int, replies: BinaryIO) -> None:
        self.splitting: Splitting | None = None
        self._megabytes, self._replies = megabytes, replies
        self._reported = 0.0

    def write(self, values: dict[str, Any]) -> None:
        self._replies.write(json.dumps(values).encode() + b"\n")
        self._replies.flush()

    def reply(self, request: dict[str, Any], data: bytes | None = None) -> dict[str, Any]:
        try:
            if data is None:
                data = read_bytes(Path(request["folder"]), request["name"])
            if "page" in request:
                return {"image": _page_image(data, request)}
            with reporting(self._report):
                return self._loaded(load_file(request["name"], data))
        except MemoryError:
            return {"reason": f"it takes more than {self._megabytes} MB of memory to read"}
        except Exception as error:  # noqa: BLE001 - parsers raise anything on broken files; each gives a reason, and the next file is read
            return {"reason": reason_of(error)}

    def _report(self, unit: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._reported > _REPORT_EVERY:
            self._reported = now
            self.write({"progress": [unit, done, total]})

    def _loaded(self, file: LoadedFile) -> dict[str, Any]:
        return {
            "documents": [document_to_json(document) for document in file.documents],
            "passages": self.splitting and [self._passages(document) for document in file.documents],
            "failed": [[member.id, member.reason] for member in file.failed],
        }

    def _passages(self, document: Document) -> list[dict[str, Any]]:
        splitting = self.splitting
        if splitting is None:
            return []
        counter = _token_counter(splitting.tokenizer)
        passages = split_passages(document, count_tokens=counter, limit=splitting.limit, progress=report)
        return [passage_to_json(passage) for passage in passages]


@cache
def _token_counter(tokenizer: str) -> TokenCounter:
    from tokenizers import Tokenizer

    counter = Tokenizer.from_str(tokenizer)
    return lambda texts: [len(encoding) for encoding in counter.encode_batch_fast(list(texts), add_special_tokens=False)]


def limit_memory(megabytes: int) -> bool:
    """Limits the address space of this process. Returns False if the system has no such limit (Windows, macOS).

    Files are still read there within their time limit, but a file that needs too much memory is not stopped.
    """
    try:
        import resource
    except ImportError:  # Windows
        return False
    if not hasattr(resource, "RLIMIT_AS"):
        return False
    limit = megabytes * 2**20
    try:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    except (ValueError, OSError):  # macOS has the constant, but refuses to set the limit
        return False
    return True


def _private_output() -> BinaryIO:
    """Standard output for replies only: whatever parsers print is discarded."""
    replies = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    return os.fdopen(replies, "wb")


def _page_image(data: bytes, request: dict[str, Any]) -> str:
    from rag.loading.pdf.page_images import page_image  # loads PDFium, which most files do not need
    from rag.loading.pdf.places import PageRun

    if sha256_bytes(data) != request["digest"]:
        raise UnreadableFile("the file has changed since the index was built")
    document_id = request["name"]
    pdf = member_bytes(holding_file(Path(request["folder"]), document_id), data, document_id)
    runs = [PageRun(**run) for run in request["runs"]]
    return base64.b64encode(page_image(pdf, request["page"], runs, request["quote"])).decode("ascii")


if __name__ == "__main__":
    main()
