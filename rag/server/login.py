"""The page to sign in and out. It has no scripts."""

from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from rag.accounts.users import LONGEST_NAME, Accounts, User
from rag.server.sessions import Sessions, Throttle
from rag.templates import render

MOST_FIELDS = 10  # of the form, which has two


def add_login(app: FastAPI, accounts: Accounts, sessions: Sessions) -> None:
    """Adds /login and /logout."""
    throttle = Throttle()

    @app.get("/login", include_in_schema=False)
    @app.get("/login/", include_in_schema=False)
    def show(request: Request) -> HTMLResponse:
        user: User | None = request.scope["state"]["user"]
        if user is None:
            return _form(request)
        return HTMLResponse(render("login.html", user=user, prefix=_prefix(request)))

    @app.post("/login", include_in_schema=False)
    @app.post("/login/", include_in_schema=False)  # gradio's own would answer otherwise
    async def sign_in(request: Request) -> Response:
        try:
            fields = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=MOST_FIELDS)
        except ValueError:
            return _form(request, "The form has too many fields. Reload the page.", 422)
        name, password = fields.get("name", [""])[0][:LONGEST_NAME], fields.get("password", [""])[0]
        address = request.client.host if request.client else ""
        if wait := throttle.attempt(name, address):
            return _form(request, f"Too many attempts. Try again in {wait} seconds.", 429, {"Retry-After": str(wait)})
        user = await run_in_threadpool(accounts.check_password, name, password)
        if user is None:
            return _form(request, "Name or password is wrong.", 403)
        throttle.succeeded(name, address)
        sessions.close(sessions.secret(request.headers))
        response = RedirectResponse(f"{_prefix(request)}/", status_code=303)
        response.set_cookie(sessions.cookie, sessions.open(user), **_cookie(request))  # type: ignore[arg-type]
        return response

    @app.post("/logout", include_in_schema=False)
    def sign_out(request: Request) -> Response:
        sessions.close(sessions.secret(request.headers))
        response = RedirectResponse(f"{_prefix(request)}/login", status_code=303)
        response.delete_cookie(sessions.cookie, **_cookie(request))  # type: ignore[arg-type]
        return response


def _form(request: Request, problem: str = "", status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    page = render("login.html", user=None, problem=problem, prefix=_prefix(request))
    return HTMLResponse(page, status_code=status, headers=headers)


def _cookie(request: Request) -> dict[str, object]:
    """Attributes of the cookie. It has no age: it ends with the browser, unless the session ends first."""
    return {"path": f"{_prefix(request)}/", "httponly": True, "samesite": "strict", "secure": request.url.scheme == "https"}


def _prefix(request: Request) -> str:
    return str(request.scope.get("root_path", ""))
