"""The process that reads files: a line with a file's place comes in, a line with its document, or the reason against, goes out.

A broken or hostile file can make a parser hang, crash or take all memory; here it takes no more than this process with it.
Run by reading.py, never by hand: `python -P -m rag.loading.process.worker MEGABYTES`.
"""

import base64
import hashlib
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from rag.errors import UnreadableFile
from rag.loading.loader import load_document
from rag.loading.process.safe_open import read_bytes
from rag.storage.document_records import document_to_json


def main() -> None:
    megabytes = int(sys.argv[1])
    _limit_memory(megabytes)
    with suppress(OSError):  # where the system runs out of memory, this process is to go and no other
        Path("/proc/self/oom_score_adj").write_text("1000")
    requests, replies = sys.stdin.buffer, _private_output()
    for line in requests:
        request = json.loads(line)
        reply = _answer(request, megabytes)
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()


def _private_output() -> BinaryIO:
    """Standard output for replies alone: what parsers print goes nowhere."""
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return os.fdopen(kept, "wb")


def _limit_memory(megabytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _answer(request: dict[str, Any], megabytes: int) -> dict[str, Any]:
    name = request["name"]
    try:
        data = read_bytes(Path(request["folder"]), name)
        if "page" in request:
            if hashlib.sha256(data).hexdigest() != request["digest"]:
                raise UnreadableFile("the file has changed since the index was built")
            return {"picture": _picture(data, request["page"], request["quote"])}
        return {"document": document_to_json(load_document(name, data))}
    except UnreadableFile as error:
        return {"reason": str(error)}
    except MemoryError:
        return {"reason": f"it takes more than {megabytes} MB of memory to read"}
    except RecursionError:
        return {"reason": "its parts are nested too deeply"}
    except Exception as error:  # noqa: BLE001 - parsers raise anything on broken files; each is a reason, and the batch goes on
        return {"reason": f"it is damaged ({type(error).__name__}: {' '.join(str(error).split())[:150]})"}


def _picture(data: bytes, page: int, quote: str) -> str:
    from rag.loading.pdf.page_images import page_image

    return base64.b64encode(page_image(data, page, quote)).decode("ascii")


if __name__ == "__main__":
    main()
