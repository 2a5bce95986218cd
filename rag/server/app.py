"""The web application: one FastAPI app with the page mounted on it, kept to this machine."""

import ipaddress
import socket
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.config import Settings
from rag.conversation import Chat
from rag.errors import RagError, SettingsError

LARGEST_BODY = 1_000_000  # bytes
UPLOAD = "/gradio_api/upload"
LARGEST_UPLOAD = 210 * 2**20  # bytes: the largest file that is read, and what is sent around it
LOOPBACK_NAMES = ["127.0.0.1", "localhost", "[::1]"]

# Gradio's page needs inline scripts and `Function`; so this is no wall against scripts (escaping is), but nothing that
# slips through can fetch, send or frame anything.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; media-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
# Routes of gradio that the page does not use: they fetch from other hosts, take files, or poll for developers.
CLOSED = (
    "/gradio_api/file=http",
    "/gradio_api/proxy=",
    "/proxy=",
    "/gradio_api/upload_progress",
    "/gradio_api/call/",
    "/gradio_api/deep_link",
    "/gradio_api/dev/",
    "/gradio_api/runs",
    "/gradio_api/openapi.json",
    "/gradio_api/monitoring",
    "/monitoring",
)


class Guard:
    """Closes routes, refuses posts from other origins and large bodies, and sets headers. Plain ASGI, so streams pass through."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = _refusal(scope)
        await (refusal or self.app)(scope, receive, _with_headers(send))


def _refusal(scope: Scope) -> PlainTextResponse | None:
    headers = Headers(scope=scope)
    path = scope["path"].lower()
    if path.startswith(CLOSED):
        return PlainTextResponse("not found", status_code=404)
    if scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return None
    if _is_foreign(headers.get("origin"), headers.get("host")):
        return PlainTextResponse("requests from other sites are refused", status_code=403)
    if "transfer-encoding" in headers:
        return PlainTextResponse("a request must say its length", status_code=411)
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > (LARGEST_UPLOAD if path == UPLOAD else LARGEST_BODY):
        return PlainTextResponse("too large", status_code=413)
    return None


def _is_foreign(origin: str | None, host: str | None) -> bool:
    """Browsers name the origin of every post; programs need not."""
    try:
        return origin is not None and urlsplit(origin).netloc != host
    except ValueError:
        return True


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "no-referrer"
        await send(message)

    return sending


def create_app(chat: Chat) -> FastAPI:
    """The application over one Chat, ready for uvicorn or a test client."""
    import gradio as gr

    from rag.ui.page import SCRIPT, STYLE_SHEET, build_page

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    def healthy() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/readyz")
    def ready() -> JSONResponse:
        try:
            return JSONResponse({"status": "ready", "index": chat.index().digest})
        except RagError as error:
            return JSONResponse({"error": {"code": "no_index", "message": str(error)}}, status_code=503)

    app.add_middleware(Guard)
    # Its presence switches off gradio's own, which admits any origin.
    app.add_middleware(CORSMiddleware, allow_origins=[])
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK_NAMES, chat.settings.server.host])
    page = build_page(chat)
    # Only launch() sets this; while it is unset, gradio takes any path on this machine for an uploaded file.
    page.has_launched = True
    mounted: FastAPI = gr.mount_gradio_app(
        app, page, path="/", show_error=False, run_history=False, footer_links=[], enable_monitoring=False, pwa=False,
        ssr_mode=False, mcp_server=False, allowed_paths=[], app_kwargs={"openapi_url": None},
        blocked_paths=[str(folder.resolve()) for folder in _private(chat.settings)],
        theme=_theme(), css_paths=[STYLE_SHEET], js=SCRIPT.read_text(encoding="utf-8"),
    )  # fmt: skip
    return mounted


def _private(settings: Settings) -> list[Path]:
    """Folders that gradio must not serve files from."""
    return [
        settings.corpus,
        settings.index,
        settings.server.conversations,
        settings.evaluation.feedback,
        settings.evaluation.runs,
    ]


def _theme() -> object:
    import gradio as gr

    fonts = ["system-ui", "sans-serif"]  # named fonts would be fetched from a font server
    return gr.themes.Default(font=fonts, font_mono=["ui-monospace", "monospace"]).set(
        button_primary_background_fill="*primary_700", button_primary_text_color="white"
    )


def run(chat: Chat) -> None:
    """Serves until it is stopped. Raises SettingsError where the address cannot be had."""
    host, port = chat.settings.server.host, chat.settings.server.port
    listener = _listen(host, port)
    chat.search("warm up", k=1)  # the first query of a process takes several times longer than the next
    app = create_app(chat)
    address = f"[{host}]" if ":" in host else host
    print(f"Ask your documents at http://{address}:{listener.getsockname()[1]}/  (Ctrl-C stops)", flush=True)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3)
    uvicorn.Server(config).run(sockets=[listener])


def require_loopback(host: str) -> None:
    """Raises SettingsError for an address that others can reach: there are no users and passwords yet."""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise SettingsError(
            f"server.host = {host!r} can be reached by others, and there are no users and passwords yet; "
            "use 127.0.0.1, and a reverse proxy with a login to let others in"
        )


def _listen(host: str, port: int) -> socket.socket:
    require_loopback(host)
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        raise SettingsError(f"port {port} cannot be used ({reason}); choose another with --port, or 0 for a free one") from error
    listener.listen()
    return listener
