"""The outer wall, before it matters who asks: which routes there are at all, whose pages may post, how much, how slowly."""

import asyncio
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.config import ServerSettings
from rag.server.problems import Problem

LARGEST_BODY = 1_000_000  # bytes of anything that is no upload
BODY_SECONDS = 30.0  # for the whole of such a body to arrive, and between two pieces of an upload

# Gradio's page needs inline scripts and `Function`; so this is no wall against scripts (escaping is), but nothing that
# slips through can fetch, send or frame anything.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; media-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
GRADIO = "/gradio_api/"
UPLOAD = (f"{GRADIO}upload", f"{GRADIO}upload_progress")
# All that is served; of gradio only what the page uses. What it closes fetches from other hosts, polls for developers, calls
# handlers past the queue, or belongs to features that are off; what a later gradio adds is closed until somebody looks at it.
OPEN = {
    "/", "/login", "/logout", "/healthz", "/readyz", "/metrics", "/mcp",
    "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt",
    *(GRADIO + name for name in ("queue/join", "queue/data", "run/predict", "component_server", "cancel", "reset")),
    *(GRADIO + name for name in ("theme.css", "startup-events", "app_id")),
}  # fmt: skip
OPEN_BELOW = ("/api/", "/static/", "/assets/", f"{GRADIO}file=", f"{GRADIO}heartbeat/")


def route_path(scope: Scope) -> str:
    """The path below the prefix, without a slash at its end, which makes no difference to gradio's routes."""
    path, prefix = str(scope["path"]), str(scope.get("root_path", ""))
    below = path.removeprefix(prefix) if path == prefix or path.startswith(f"{prefix}/") else path
    return below.rstrip("/") or "/"


class Guard:
    """Plain ASGI, so that streams pass through. Bodies that are no uploads are read whole, into scope["state"]["body"]."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks over websockets
            await send({"type": "websocket.close", "code": 1008})
            return
        scope["root_path"] = self.settings.prefix
        send = _with_headers(send, route_path(scope))
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name not in _MISLEADING]
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
        """Raises Problem for what is refused whoever asks."""
        headers, path = Headers(scope=scope), route_path(scope)
        upload = path in UPLOAD
        if not (path in OPEN or path.startswith(OPEN_BELOW) or (upload and self.settings.uploads)) or _fetches(path):
            raise Problem(404, "not_found", "there is nothing here")
        if scope["method"] not in ("GET", "HEAD", "OPTIONS") and _is_foreign(headers.get("origin"), headers.get("host")):
            raise Problem(403, "foreign_origin", "requests from other sites are refused")
        if "transfer-encoding" in headers:
            raise Problem(411, "length_required", "a request must say its length")
        length = headers.get("content-length", "0")
        largest = self.settings.largest_upload if upload else LARGEST_BODY
        if not (length.isascii() and length.isdecimal()) or len(length) > 15 or int(length) > largest:
            raise Problem(413, "too_large", f"a request here has at most {largest} bytes")


# Gradio believes these of anybody, and makes the page's address of them; what a trusted proxy says has been read by now.
_MISLEADING = {
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-forwarded-for",
    b"x-forwarded-port",
    b"x-gradio-server",
    b"x-gradio-user",
}


def _fetches(path: str) -> bool:
    """Gradio would fetch the address."""
    return path.startswith(f"{GRADIO}file=") and path.removeprefix(f"{GRADIO}file=").lstrip("/ ").lower().startswith("http")


def _is_foreign(origin: str | None, host: str | None) -> bool:
    """Browsers name the origin of every post; programs need not."""
    try:
        return origin is not None and urlsplit(origin).netloc != host
    except ValueError:
        return True


async def _whole_body(receive: Receive) -> bytes:
    """Raises Problem when it does not come in time, or its sender leaves."""
    parts, until = [], time.monotonic() + BODY_SECONDS
    while True:
        try:
            message = await asyncio.wait_for(receive(), max(0, until - time.monotonic()))
        except TimeoutError:
            raise Problem(408, "too_slow", "the request did not arrive in time", headers={"Connection": "close"}) from None
        if message["type"] == "http.disconnect":
            raise Problem(499, "client_gone", "the client went away")
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return messages.pop() if messages else await receive()

    return receiving


def _in_time(receive: Receive) -> Receive:
    """An upload may take long, but a sender who falls silent counts as gone."""
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
            # Not "no-referrer": with it browsers send "Origin: null" with the form of the login, like a foreign page's.
            headers["Referrer-Policy"] = "same-origin"
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            if not path.startswith(("/static/", "/assets/")):
                headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
