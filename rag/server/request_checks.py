"""Checks before authentication: which routes exist, which sites may post, and the size and pace of request bodies."""

import asyncio
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.config import ServerSettings
from rag.server.problems import Problem

LARGEST_BODY = 1_000_000  # bytes of a request that is not an upload; a question with a long history has some 100 kB
BODY_SECONDS = 30.0  # for such a body to arrive, and between two pieces of an upload

LONGEST_NAME = 255  # bytes of a file's name, which no file system exceeds

# Gradio's page needs inline scripts and `Function`, so this does not stop injected scripts (escaping does); but they could
# not fetch, send or frame anything.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; media-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
GRADIO = "/gradio_api/"
UPLOAD = (f"{GRADIO}upload", f"{GRADIO}upload_progress")
# All routes that exist; of gradio's only those that the page uses. The others fetch from other hosts, poll for developers, call
# handlers of events, which the page has none of, or belong to features that are off. Routes that a later gradio adds are closed
# until reviewed.
OPEN = {
    "/", "/login", "/logout", "/healthz", "/readyz", "/metrics", "/mcp",
    "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt",
    *(GRADIO + name for name in ("component_server", "theme.css", "startup-events", "app_id")),
}  # fmt: skip
OPEN_BELOW = ("/api/", "/static/", "/assets/", f"{GRADIO}file=", f"{GRADIO}heartbeat/")


def route_path(scope: Scope) -> str:
    """The path below the prefix, without a slash at its end, which gradio's routes ignore."""
    path, prefix = str(scope["path"]), str(scope.get("root_path", ""))
    below = path.removeprefix(prefix) if path == prefix or path.startswith(f"{prefix}/") else path
    return below.rstrip("/") or "/"


class RequestChecks:
    """Plain ASGI, so that streams pass through. Reads bodies, except of uploads, into scope["state"]["body"]."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here uses websockets
            await send({"type": "websocket.close", "code": 1008})
            return
        scope["root_path"] = self.settings.prefix
        send = _with_headers(send, route_path(scope))
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name not in _FORGEABLE]
        state = scope.setdefault("state", {})
        try:
            self._check(scope)
            if route_path(scope) in UPLOAD:
                receive = _in_time(receive)
            else:
                state["body"] = await _whole_body(receive)
                receive = _replayed(state["body"], receive)
        except Problem as refused:
            await refused.response()(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        """Raises Problem for requests that no user may make."""
        headers, path = Headers(scope=scope), route_path(scope)
        upload = path in UPLOAD
        if any(len(part.encode()) > LONGEST_NAME for part in path.split("/")) or "\0" in path:
            raise Problem(404, "not_found", "no such page")
        if not (path in OPEN or path.startswith(OPEN_BELOW) or (upload and self.settings.uploads)) or _fetches(path):
            raise Problem(404, "not_found", "no such page")
        if scope["method"] not in ("GET", "HEAD", "OPTIONS") and _is_foreign(headers.get("origin"), headers.get("host")):
            raise Problem(403, "foreign_origin", "requests from other sites are refused")
        # A browser says so of a request by another site's page, which cannot read the answer but would keep the server busy.
        if path.startswith("/api/") and headers.get("sec-fetch-site") == "cross-site":
            raise Problem(403, "foreign_origin", "requests from other sites are refused")
        if "transfer-encoding" in headers:
            raise Problem(411, "length_required", "the request has no Content-Length")
        length = headers.get("content-length", "0")
        largest = self.settings.largest_upload if upload else LARGEST_BODY
        if not (length.isascii() and length.isdecimal()) or len(length) > 15 or int(length) > largest:
            raise Problem(413, "too_large", f"the request has more than the {largest} bytes allowed here")


# Gradio trusts these headers from anyone and builds the page's address from them. Those of a trusted proxy were read before.
_FORGEABLE = {
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-forwarded-for",
    b"x-forwarded-port",
    b"x-gradio-server",
    b"x-gradio-user",
}


def _fetches(path: str) -> bool:
    """Whether gradio would fetch the address."""
    return path.startswith(f"{GRADIO}file=") and path.removeprefix(f"{GRADIO}file=").lstrip("/ ").lower().startswith("http")


def _is_foreign(origin: str | None, host: str | None) -> bool:
    """Whether another site's page makes the request. Browsers name the origin of every post; programs need not."""
    try:
        return origin is not None and urlsplit(origin).netloc != host
    except ValueError:
        return True


async def _whole_body(receive: Receive) -> bytes:
    """Raises Problem if it does not arrive in time, or the client disconnects."""
    parts, until = [], time.monotonic() + BODY_SECONDS
    while True:
        try:
            message = await asyncio.wait_for(receive(), max(0, until - time.monotonic()))
        except TimeoutError:
            raise Problem(408, "too_slow", "the request did not arrive in time", headers={"Connection": "close"}) from None
        if message["type"] == "http.disconnect":
            raise Problem(499, "client_gone", "the client disconnected")
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return messages.pop() if messages else await receive()

    return receiving


def _in_time(receive: Receive) -> Receive:
    """An upload may take long, but a client that sends nothing for a while counts as disconnected."""
    whole = False

    async def receiving() -> Message:
        nonlocal whole
        try:
            message = await asyncio.wait_for(receive(), None if whole else BODY_SECONDS)
        except TimeoutError:
            return {"type": "http.disconnect"}
        whole = not message.get("more_body")
        return message

    return receiving


def _with_headers(send: Send, path: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
            headers["X-Content-Type-Options"] = "nosniff"
            # Not "no-referrer": browsers would send "Origin: null" with the login form, as for another site's page.
            headers["Referrer-Policy"] = "same-origin"
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            if not path.startswith(("/static/", "/assets/")):
                headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
