"""The page to sign in and out: plain HTML without scripts."""

from html import escape
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from rag.accounts.users import Accounts, User
from rag.server.sessions import COOKIE, Sessions, Throttle, session_secret

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · Ask your documents</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 22rem; margin: 12vh auto; padding: 0 1rem }}
label {{ display: block; margin-top: 1rem }}
input {{ font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; margin-top: .25rem }}
button {{ font: inherit; margin-top: 1.5rem; padding: .5rem 1.5rem }}
</style></head><body><main><h1>Ask your documents</h1>{content}</main></body></html>"""
FORM = """{trouble}<form method="post" action="{prefix}/login">
<label>Name<input name="name" autocomplete="username" autocapitalize="none" required autofocus></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button></form>"""
SIGNED_IN = """<p>You are signed in as <strong>{name}</strong> ({role}).</p><p><a href="{prefix}/">Ask a question</a></p>
<form method="post" action="{prefix}/logout"><button>Sign out</button></form>"""


def add_login(app: FastAPI, accounts: Accounts, sessions: Sessions) -> None:
    """The routes /login and /logout."""
    throttle = Throttle()

    @app.get("/login", include_in_schema=False)
    def show(request: Request) -> HTMLResponse:
        user: User | None = request.scope["state"]["user"]
        if user is None:
            return _form(request)
        shown = SIGNED_IN.format(name=escape(user.name), role=user.role, prefix=_prefix(request))
        return HTMLResponse(PAGE.format(content=shown))

    @app.post("/login", include_in_schema=False)
    async def sign_in(request: Request) -> Response:
        fields = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
        name, password = (fields.get(field, [""])[0] for field in ("name", "password"))
        address = request.client.host if request.client else ""
        if wait := throttle.attempt(name[:100], address):
            return _form(request, f"Too many attempts. Try again in {wait} seconds.", 429, {"Retry-After": str(wait)})
        user = await run_in_threadpool(accounts.check_password, name, password)
        if user is None:
            return _form(request, "Name or password is wrong.", 403)
        throttle.succeeded(name[:100], address)
        sessions.close(session_secret(request.headers))
        answer = RedirectResponse(f"{_prefix(request)}/", status_code=303)
        answer.set_cookie(COOKIE, sessions.open(user), **_cookie(request))  # type: ignore[arg-type]
        return answer

    @app.post("/logout", include_in_schema=False)
    def sign_out(request: Request) -> Response:
        sessions.close(session_secret(request.headers))
        answer = RedirectResponse(f"{_prefix(request)}/login", status_code=303)
        answer.delete_cookie(COOKIE, **_cookie(request))  # type: ignore[arg-type]
        return answer


def _form(request: Request, trouble: str = "", status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    shown = FORM.format(trouble=f'<p role="alert">{escape(trouble)}</p>' if trouble else "", prefix=_prefix(request))
    return HTMLResponse(PAGE.format(content=shown), status_code=status, headers=headers)


def _cookie(request: Request) -> dict[str, object]:
    """No age: it ends with the browser, if the session does not end before."""
    return {"path": f"{_prefix(request)}/", "httponly": True, "samesite": "strict", "secure": request.url.scheme == "https"}


def _prefix(request: Request) -> str:
    return str(request.scope.get("root_path", ""))
