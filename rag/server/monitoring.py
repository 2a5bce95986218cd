"""For operators: an id for each request, optionally a line of JSON for each, and measures for Prometheus.

Neither contains text of documents, nor questions unless `server.log_questions` is on.
"""

import json
import logging
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from pydantic import ValidationError
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.config import ServerSettings
from rag.conversation import Chat
from rag.errors import RagError
from rag.question_queue import QuestionQueue
from rag.records import Answer

requests = logging.getLogger("rag.server.requests")


class Measures:
    """The measures of one application."""

    def __init__(self, questions: QuestionQueue) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("rag_requests", "Requests by route and status", labels, registry=self.registry)
        self.seconds = Histogram(
            "rag_request_seconds", "Seconds until the response was sent, except streams", ("route",), registry=self.registry
        )
        self.answers = Counter(
            "rag_answers", "Answers of the API by reason for abstaining; answered if none", ("reason",), registry=self.registry
        )
        waiting = Gauge("rag_tasks", "Questions and searches that are running or waiting", registry=self.registry)
        waiting.set_function(lambda: questions.taken)
        passages = Gauge("rag_index_passages", "Passages of the live index; -1 without one", registry=self.registry)
        passages.set_function(lambda: _passages(questions.chat))

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
    """Outermost middleware: gives each request an id, and logs and measures it."""

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
            self._record(scope, status, time.monotonic() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self.measures.requests.labels(_method(scope), route, status).inc()
        if not route.startswith("page"):
            self.measures.seconds.labels(route).observe(seconds)
        if self.settings.log_requests or self.settings.log_questions:
            user, state = scope["state"].get("user"), scope["state"]
            question = {"question": state["question"]} if self.settings.log_questions and "question" in state else {}
            values = {
                "request": state["request_id"],
                "user": user.name if user else None,
                "method": _method(scope),
                "route": route,
            }
            requests.info("request", extra={"values": values | {"status": status, "ms": round(1000 * seconds, 1)} | question})


def _route(scope: Scope) -> str:
    """The route as declared, so that no document name or session hash gets into logs and measures."""
    path = getattr(scope.get("route"), "path", None)
    if path is None:
        return "none"
    return str(path) if "gradio" not in type(scope.get("app")).__module__ else f"page{path}"


def _method(scope: Scope) -> str:
    return str(scope["method"]) if scope["method"] in ("GET", "HEAD", "POST", "OPTIONS") else "other"


class Lines(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        now = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"time": now, "level": record.levelname.lower(), "message": record.getMessage()}
        line |= getattr(record, "values", {})
        if record.exc_info:
            line["error"] = _without_values(record.exc_info[1]) or self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _without_values(error: BaseException | None) -> str:
    """What is wrong with a malformed request, without its values, which may be a question; empty for other errors."""
    return f"{error.error_count()} malformed values" if isinstance(error, ValidationError) else ""


def set_up_logs(settings: ServerSettings) -> None:
    """Logs to standard error, for a service manager to store. If that fails, as on a full disk, requests go on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    for name, level in (("rag", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
    logging.raiseExceptions = False
