"""What operators see: a number for each request, one line of JSON for it if they wish, and measures for Prometheus.

No text of a document goes into either, and no question unless `server.log_questions` asks for it.
"""

import json
import logging
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.config import ServerSettings
from rag.conversation import Chat
from rag.errors import RagError
from rag.records import Answer
from rag.server.limits import Workers

requests = logging.getLogger("rag.server.requests")


class Measures:
    """The measures of one application."""

    def __init__(self, chat: Chat, workers: Workers) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("rag_requests", "Requests by route and status", labels, registry=self.registry)
        self.seconds = Histogram(
            "rag_request_seconds", "Seconds until the response was sent, of all but streams", ("route",), registry=self.registry
        )
        self.answers = Counter(
            "rag_answers", "Answers of the API by reason; answered means none", ("reason",), registry=self.registry
        )
        waiting = Gauge("rag_tasks", "Questions and searches that run or wait", registry=self.registry)
        waiting.set_function(lambda: workers.taken)
        passages = Gauge("rag_index_passages", "Passages of the index that is served; -1 for none", registry=self.registry)
        passages.set_function(lambda: _passages(chat))

    def answered(self, answer: Answer) -> None:
        self.answers.labels(answer.reason or "answered").inc()

    def text(self) -> bytes:
        return generate_latest(self.registry)


def _passages(chat: Chat) -> int:
    try:
        return len(chat.index().passages)
    except RagError:
        return -1


class Observer:
    """Plain ASGI around everything else."""

    def __init__(self, app: ASGIApp, settings: ServerSettings, measures: Measures) -> None:
        self.app = app
        self.settings, self.measures = settings, measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        number, started, status = uuid.uuid4().hex[:16], time.monotonic(), 500
        scope.setdefault("state", {})["request_id"] = number

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = number
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            self._note(scope, status, time.monotonic() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self.measures.requests.labels(_method(scope), route, status).inc()
        if not route.startswith("page"):
            self.measures.seconds.labels(route).observe(seconds)
        if self.settings.log_requests or self.settings.log_questions:
            user, state = scope["state"].get("user"), scope["state"]
            asked = {"question": state["question"]} if self.settings.log_questions and "question" in state else {}
            values = {
                "request": state["request_id"],
                "user": user.name if user else None,
                "method": _method(scope),
                "route": route,
            }
            requests.info("request", extra={"values": values | {"status": status, "ms": round(1000 * seconds, 1)} | asked})


def _route(scope: Scope) -> str:
    """The route as it was declared, so that neither a document's name nor a session hash gets into logs and measures."""
    path = getattr(scope.get("route"), "path", None)
    if path is None:
        return "none"
    return str(path) if "gradio" not in type(scope.get("app")).__module__ else f"page{path}"


def _method(scope: Scope) -> str:
    return str(scope["method"]) if scope["method"] in ("GET", "HEAD", "POST", "OPTIONS") else "other"


class Lines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        now = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"time": now, "level": record.levelname.lower(), "message": record.getMessage()}
        line |= getattr(record, "values", {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up_logs(settings: ServerSettings) -> None:
    """Lines go to standard error, where a service manager keeps them. A full disk there never stops an answer."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    for name, level in (("rag", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
    logging.raiseExceptions = False
