"""The web application: the HTTP API and the page, behind request checks and authentication."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.staticfiles import StaticFiles
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from rag.accounts.users import Accounts, User
from rag.config import ServerSettings, Settings
from rag.library import Library
from rag.question_queue import QuestionQueue
from rag.review.unanswered_log import Notes
from rag.server.api import add_api
from rag.server.authentication import Authentication
from rag.server.login import add_login
from rag.server.mcp import add_tools
from rag.server.monitoring import Measures, Observer
from rag.server.problems import add_handlers
from rag.server.request_checks import RequestChecks
from rag.server.review_api import add_review_api
from rag.server.sessions import Sessions
from rag.server.upload_quota import private_uploads
from rag.storage.files import sha256_bytes
from rag.templates import render
from rag.ui.background_builds import BackgroundBuilds
from rag.ui.gradio_offline import keep_gradio_offline

OPEN_PAGES = 500  # whose state gradio keeps, some 45 kB each; a page that was left open longer starts afresh
LOOPBACK_NAMES = ["127.0.0.1", "localhost", "[::1]"]


def create_app(library: Library) -> FastAPI:
    """The application over one library, for uvicorn or a test client. It requires a login if there are users when it is made."""
    keep_gradio_offline()
    private_uploads()
    settings = library.settings.server
    builds = BackgroundBuilds(library)
    notes = Notes(library.settings)
    questions = QuestionQueue(library.chat, notes.note)
    measures = Measures(questions)
    accounts = Accounts(settings.users)
    guarded = bool(accounts.all())
    sessions = Sessions(accounts, settings, _cookie_name(library.settings.index))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001 - FastAPI passes it
        with builds.following_corpus() if settings.watch else nullcontext():
            yield
        questions.close()
        notes.close()

    app = FastAPI(
        title="Ask your documents", version="1", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json", lifespan=lifespan
    )
    add_handlers(app)
    add_review_api(app, library)  # before the API, which answers every other path under /api
    add_api(app, questions, measures)
    if guarded:
        add_login(app, accounts, sessions)
    if settings.mcp:
        add_tools(app, questions)
    app.add_middleware(Authentication, settings=settings, accounts=accounts if guarded else None, sessions=sessions)
    app.add_middleware(RequestChecks, settings=settings)
    # Replaces gradio's own, which allows any origin.
    app.add_middleware(CORSMiddleware, allow_origins=[])
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=_host_names(settings))
    app.add_middleware(Observer, settings=settings, measures=measures)
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
    return _with_page(app, library, questions, builds)


def _cookie_name(index: Path) -> str:
    return f"rag_session_{sha256_bytes(os.fsencode(index.resolve()))[:8]}"


def _host_names(settings: ServerSettings) -> list[str]:
    """The host names that are served. With any other name, another site's page could reach this server (DNS rebinding)."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return [*LOOPBACK_NAMES, host, *settings.names]


def user_of(request: Any) -> User:
    """The user who makes a request of the page; without a request, a reader.

    Event handlers get a gr.Request, server functions the request inside it.
    """
    scope = getattr(getattr(request, "request", request), "scope", {})
    user: User | None = scope.get("state", {}).get("user")
    return user or User("", "reader")


def _with_page(app: FastAPI, library: Library, questions: QuestionQueue, builds: BackgroundBuilds) -> FastAPI:
    import gradio as gr

    from rag.translations import CATALOGUES
    from rag.ui.page import build_page, tab_labels
    from rag.ui.page_files import STATIC, STYLE_SHEETS, address

    page = build_page(library, questions, user_of, builds)
    page.state_session_capacity = OPEN_PAGES
    # Only launch() sets this. Without it gradio takes any path on this machine for an uploaded file.
    page.has_launched = True
    settings = library.settings
    app.mount(f"/{address()}/catalogues", StaticFiles(directory=CATALOGUES))
    app.mount(f"/{address()}", StaticFiles(directory=STATIC))
    mounted: FastAPI = gr.mount_gradio_app(
        app, page, path="/", show_error=False, run_history=False, footer_links=[], enable_monitoring=False, pwa=False,
        ssr_mode=False, mcp_server=False, allowed_paths=[], app_kwargs={"openapi_url": None},
        root_path=settings.server.prefix or None,
        blocked_paths=[str(path.resolve()) for path in _private(settings)],
        max_file_size=settings.server.largest_file,
        theme=_theme(),
        i18n=tab_labels(),
        head=str(render("page/head.html", address=address(), style_sheets=STYLE_SHEETS)),
    )  # fmt: skip
    return mounted


def _private(settings: Settings) -> list[Path]:
    """Folders from which gradio must not serve files."""
    return [
        settings.corpus,
        settings.index,
        settings.server.users,
        settings.server.conversations,
        settings.evaluation.feedback,
        settings.evaluation.runs,
        settings.watched_file,
        settings.unanswered_file,
    ]


def _theme() -> object:
    import gradio as gr

    fonts = ["system-ui", "sans-serif"]  # gradio would fetch named fonts from a font server
    return gr.themes.Default(font=fonts, font_mono=["ui-monospace", "monospace"]).set(
        button_primary_background_fill="*primary_700", button_primary_text_color="white"
    )
