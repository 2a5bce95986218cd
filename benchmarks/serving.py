"""Throughput and latency of the server, and whether its memory stays flat.

    python benchmarks/serving.py load CORPUS INDEX [--seconds 15] [--clients 1 8 50]
    python benchmarks/serving.py memory [--requests 20000]
    python benchmarks/serving.py swaps [--swaps 20]

`load` starts `rag serve` with the real model on a built index and asks it from this process, over loopback: the API, and the
page as a browser does, with the questions of the handbook's set. `memory` and `swaps` serve a small corpus
with vectors drawn from hashes, so that they measure the server and not the model: `memory` prints its resident memory as
requests are answered, `swaps` replaces the index again and again under load and counts failed requests. Clients and server share
the machine's cores.
"""

import argparse
import asyncio
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random
from urllib.parse import quote

import httpx
import numpy as np
from building import HashEmbedder, write_corpus

from rag.config import AnsweringSettings, PassageSettings, ServerSettings, Settings
from rag.conversation import Chat
from rag.index.updating import Recipe, update_index
from rag.library import Library
from rag.numeric import Vectors

SET = Path("evaluation/denervation/queries.jsonl")  # of which each question is asked once before the first is asked again
APART = 37  # questions between those with which two clients start, so that no two ask the same at the same time


def questions() -> list[str]:
    return [json.loads(line)["text"] for line in SET.read_text(encoding="utf-8").splitlines()]


class Connection:
    """One kept-alive connection; a real HTTP library would cost more than the server does."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, method: str, path: str, body: bytes = b"") -> int:
        """Sends a request, reads the whole response, and returns its status."""
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}"
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{kind}\r\n\r\n".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
        return int(head.split(" ", 2)[1])


Call = Callable[[int], Awaitable[int]]
"""Sends the request with this number and returns the status of its response."""


async def drive(clients: int, seconds: float, new_client: Callable[[], Call]) -> dict[str, float]:
    """Every client sends its next request as soon as the last is answered. Times are in milliseconds."""
    times: list[float] = []
    statuses: list[int] = []
    until = time.perf_counter() + seconds

    async def client(number: int) -> None:
        call, turn = new_client(), APART * number
        while time.perf_counter() < until:
            started = time.perf_counter()
            statuses.append(await call(turn))
            times.append(time.perf_counter() - started)
            turn += 1

    started = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    elapsed = time.perf_counter() - started
    p50, p95, p99 = (1000 * float(np.percentile(times, share)) for share in (50, 95, 99))
    failed = sum(status != 200 for status in statuses)
    return {"clients": clients, "req/s": len(times) / elapsed, "p50": p50, "p95": p95, "p99": p99, "failed": failed}


def api(port: int, path: str, asked: Sequence[str] = ()) -> Callable[[], Call]:
    asked = asked or questions()

    def new_client() -> Call:
        connection = Connection(port)

        async def call(turn: int) -> int:
            question = asked[turn % len(asked)]
            if path == "/api/ask":
                return await connection.send("POST", path, json.dumps({"question": question}).encode())
            return await connection.send("GET", f"{path}?q={quote(question)}" if "search" in path else path)

        return call

    return new_client


def page(port: int) -> Callable[[], Call]:
    """Asks as the page does: calls its component, each time in a new conversation."""
    base = f"http://127.0.0.1:{port}"
    config = httpx.get(f"{base}/config").json()
    component = next(part["id"] for part in config["components"] if part["props"].get("elem_id") == "room")
    client, asked = httpx.AsyncClient(timeout=300, limits=httpx.Limits(max_connections=200)), questions()

    def new_client() -> Call:
        async def call(turn: int) -> int:
            request = {"do": "ask", "text": asked[turn % len(asked)]}
            sent = {"data": request, "component_id": component, "fn_name": "call", "session_hash": secrets.token_hex(5)}
            response = await client.post(f"{base}/gradio_api/component_server", json=sent)
            return 500 if response.status_code == 200 and "error" in response.json() else response.status_code

        return call

    return new_client


def start(*command: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, env=os.environ | {"RAG_SERVER__PORT": "0"}
    )
    assert process.stdout
    address = re.search(r":(\d+)/", process.stdout.readline())
    assert address, "the server did not start"
    return process, int(address.group(1))


def load(corpus: Path, index: Path, clients: list[int], seconds: float) -> None:
    process, port = start("-m", "rag", "serve", "--no-build", "--corpus", str(corpus), "--index", str(index))
    try:
        print("| what | clients | a second | p50 ms | p95 ms | p99 ms | failed |\n|---|---|---|---|---|---|---|")
        for name, new_client in (
            ("`GET /healthz`", api(port, "/healthz")),
            ("`GET /api/search`", api(port, "/api/search")),
            ("`POST /api/ask`", api(port, "/api/ask")),
            ("`POST /api/ask`, all the same question", api(port, "/api/ask", ["Are nerves bundled in fascicles?"])),
            ("the page", page(port)),
        ):
            for number in clients:
                row = asyncio.run(drive(number, seconds, new_client)) if name != "the page" or number == clients[-1] else None
                if row:
                    figures = f"{row['req/s']:.1f} | {row['p50']:.0f} | {row['p95']:.0f} | {row['p99']:.0f} | {row['failed']}"
                    print(f"| {name} | {number} | {figures} |", flush=True)
        searched, asked = asyncio.run(_while_asking(port, clients[-1], seconds))
        print(f"searches while {clients[-1]} clients ask: p50 {searched['p50']:.0f} ms, p95 {searched['p95']:.0f} ms; ", end="")
        print(f"{int(searched['failed'] + asked['failed'])} failed")
    finally:
        process.terminate()
        process.wait(60)


async def _while_asking(port: int, clients: int, seconds: float) -> list[dict[str, float]]:
    searching, asking = drive(1, seconds, api(port, "/api/search")), drive(clients, seconds, api(port, "/api/ask"))
    return list(await asyncio.gather(searching, asking))


class SmallEmbedder(HashEmbedder):
    def embed_query(self, query: str) -> Vectors:
        vector: Vectors = self.embed_passages([query])[0]
        return vector

    def query_tokens(self, query: str) -> Vectors:
        return self.embed_passages(query.split() or [""])

    def sentence_tokens(self, sentences: list[str], contexts: list[str]) -> list[Vectors]:  # noqa: ARG002
        return [self.query_tokens(sentence) for sentence in sentences]


def small_settings(folder: Path) -> Settings:
    answering = AnsweringSettings(reader="similarity")
    return Settings(corpus=folder / "corpus", index=folder / "index", answering=answering, server=ServerSettings(port=0))


def serve_small(folder: Path) -> None:
    from rag.server.launch import run

    settings = small_settings(folder)
    run(Library(settings, chat=Chat(settings, SmallEmbedder())))  # type: ignore[arg-type]  # unlike `open`, loads no reader


def build_small(folder: Path) -> None:
    settings = small_settings(folder)
    update_index(settings.corpus, settings.index, Recipe(SmallEmbedder(), PassageSettings()))  # type: ignore[arg-type]


def resident(process: subprocess.Popen[str]) -> int:
    return int(Path(f"/proc/{process.pid}/status").read_text().split("VmRSS:")[1].split()[0]) // 1024


def memory(requests: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "corpus").mkdir()
        write_corpus(folder / "corpus", 40)
        build_small(folder)
        process, port = start(__file__, "small", str(folder))
        try:
            print("| requests | resident MB | failed |\n|---|---|---|", flush=True)
            asyncio.run(_memory(process, port, requests))
        finally:
            process.terminate()
            process.wait(60)


async def _memory(process: subprocess.Popen[str], port: int, requests: int, clients: int = 8, steps: int = 10) -> None:
    connections = [Connection(port) for _ in range(clients)]
    failed = done = 0

    async def some(connection: Connection, number: int) -> int:
        failed = 0
        for turn in range(number):
            words = f"w{random.randrange(100)} w{random.randrange(1000)}"
            kind = ("ask", "search", "/api/documents", "ask", "/readyz", "search", "/config")[turn % 7]
            if kind == "ask":
                status = await connection.send("POST", "/api/ask", json.dumps({"question": f"What is {words}?"}).encode())
            else:
                status = await connection.send("GET", f"/api/search?q={quote(words)}" if kind == "search" else kind)
            failed += status != 200
        return failed

    random = Random(0)
    for step in range(steps + 1):
        share = (requests // steps if step else 200) // clients  # the first 200 warm up
        failed += sum(await asyncio.gather(*(some(connection, share) for connection in connections)))
        done += share * clients
        print(f"| {done} | {resident(process)} | {failed} |", flush=True)


def swaps(number: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "corpus").mkdir()
        write_corpus(folder / "corpus", 400)
        build_small(folder)
        process, port = start(__file__, "small", str(folder))

        async def main() -> dict[str, float]:
            loading = asyncio.create_task(drive(8, 3 * number, api(port, "/api/search")))
            for swap in range(number):
                (folder / "corpus" / "new.md").write_text(f"# New\n\nSentence number {swap}.\n")
                await asyncio.to_thread(build_small, folder)
                await asyncio.sleep(1)
            return await loading

        try:
            row = asyncio.run(main())
            print(f"{number} swaps, {row['req/s']:.0f} searches a second, p99 {row['p99']:.0f} ms, {row['failed']} failed")
        finally:
            process.terminate()
            process.wait(60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = parser.add_subparsers(dest="part", required=True)
    loaded = parts.add_parser("load")
    loaded.add_argument("corpus", type=Path)
    loaded.add_argument("index", type=Path)
    loaded.add_argument("--seconds", type=float, default=15)
    loaded.add_argument("--clients", type=int, nargs="+", default=[1, 8, 50])
    parts.add_parser("memory").add_argument("--requests", type=int, default=20_000)
    parts.add_parser("swaps").add_argument("--swaps", type=int, default=20)
    parts.add_parser("small").add_argument("folder", type=Path)
    arguments = parser.parse_args()
    if arguments.part == "load":
        load(arguments.corpus, arguments.index, arguments.clients, arguments.seconds)
    elif arguments.part == "memory":
        memory(arguments.requests)
    elif arguments.part == "swaps":
        swaps(arguments.swaps)
    else:
        serve_small(arguments.folder)


if __name__ == "__main__":
    main()
