"""Authentication: finds the user of each request, and refuses requests without one if there are users."""

import asyncio
import json
import re
from collections import Counter

from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from rag.accounts.users import LOCAL, Accounts, User
from rag.config import ServerSettings
from rag.errors import UsersError
from rag.server.limits import Rate
from rag.server.problems import Problem
from rag.server.request_checks import GRADIO, UPLOAD, route_path
from rag.server.sessions import Sessions, Streams
from rag.server.upload_quota import Quota

WITHOUT_LOGIN = ("/login", "/healthz", "/readyz", "/favicon.ico", "/robots.txt")
STREAMED = f"{GRADIO}heartbeat/"
STREAMS_OF_USER = 64  # one for each open page
RECHECK_SECONDS = 2.0  # until a removed user's open stream ends
_MULTIPART = re.compile(r'multipart/form-data; ?boundary="?[\w\'()+,./:=?-]{1,70}"?', re.ASCII)  # RFC 2046, section 5.1.1
COSTLY = ("/api/", "/mcp", f"{GRADIO}component_server", *UPLOAD)


def curators_only(request: Request) -> None:
    """A dependency of routes that compute for minutes. Raises Problem if the user is a reader."""
    user: User = request.scope["state"]["user"]
    if not user.may_curate:
        raise Problem(403, "not_a_curator", "only curators may do this")


class Authentication:
    """Puts the user into scope["state"]["user"]; None on the few routes that need no login.

    Without accounts everyone is LOCAL; then the server is only reachable from this machine.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings, accounts: Accounts | None, sessions: Sessions | None) -> None:
        self.app = app
        self.accounts, self.sessions = accounts, sessions
        self._rate = Rate(settings.requests_a_minute, 60) if settings.requests_a_minute else None
        self._owners = Streams()
        self._streaming: Counter[str] = Counter()
        self._quota = Quota(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                refusal = self._admit(scope)
            except Problem as refused:
                refusal = refused.response()
            if refusal:
                await refusal(scope, receive, send)
                return
            if self.accounts and route_path(scope).startswith(STREAMED):
                await self._stream(self.accounts, scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _stream(self, accounts: Accounts, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a response that stays open: a limited number for each user, and only while the user exists."""
        user: User = scope["state"]["user"]
        if self._streaming[user.name] >= STREAMS_OF_USER:
            await Problem(429, "too_many_streams", "too many open pages; close some").response()(scope, receive, send)
            return
        self._streaming[user.name] += 1
        serving = asyncio.ensure_future(self.app(scope, receive, send))
        try:
            while not serving.done() and accounts.user(user.name) == user:
                await asyncio.wait([serving], timeout=RECHECK_SECONDS)
            if serving.done():
                serving.result()
        finally:
            serving.cancel()
            self._streaming[user.name] -= 1

    def _admit(self, scope: Scope) -> Response | None:
        path, headers = route_path(scope), Headers(scope=scope)
        user = scope["state"]["user"] = self._user(headers)
        if user is None:
            if path in WITHOUT_LOGIN:
                return None
            if path == "/" and scope["method"] in ("GET", "HEAD"):
                return RedirectResponse(f"{scope.get('root_path', '')}/login", status_code=303)
            raise Problem(401, "login_required", "sign in first, or send a token", headers={"WWW-Authenticate": "Bearer"})
        if path == UPLOAD[0]:
            if not _MULTIPART.fullmatch(headers.get("content-type", "")):
                raise Problem(415, "not_multipart", "an upload must be multipart/form-data with a boundary")
            self._quota.check(user, int(headers.get("content-length", "0")))
        if self.accounts:
            self._limit(user, path)
            self._keep_apart(scope, user, path)
        return None

    def _user(self, headers: Headers) -> User | None:
        if self.accounts is None or self.sessions is None:
            return LOCAL
        kind, _, token = headers.get("authorization", "").partition(" ")
        try:
            if kind.lower() == "bearer":
                return self.accounts.check_token(token.strip())
            secret = self.sessions.secret(headers)
            return self.sessions.user(secret) if secret else None
        except UsersError:
            raise Problem(503, "users_error", "nobody can sign in: the file of users cannot be read") from None

    def _limit(self, user: User, path: str) -> None:
        wait = self._rate.take(user.name) if self._rate and path.startswith(COSTLY) else 0
        if wait:
            raise Problem(
                429, "too_many_requests", f"too many requests; try again in {wait} seconds", headers={"Retry-After": str(wait)}
            )

    def _keep_apart(self, scope: Scope, user: User, path: str) -> None:
        """Gradio tells sessions apart by a hash that the browser chooses; here each hash belongs to one user."""
        if not path.startswith(GRADIO):
            return
        hashes = [QueryParams(scope["query_string"]).get("session_hash"), path.partition("heartbeat/")[2]]
        if scope["method"] == "POST" and path not in UPLOAD:
            hashes.append(_session_hash(scope["state"]["body"]))
        for session_hash in hashes:
            if session_hash and not self._owners.may_use(session_hash, user):
                raise Problem(403, "not_yours", "this page was opened by another user; reload it")


def _session_hash(body: bytes) -> str:
    """The hash in a JSON body. Other bodies, which gradio would read too, are refused."""
    try:
        values = json.loads(body)
        return str(values.get("session_hash") or "")
    except (ValueError, AttributeError, RecursionError):
        raise Problem(415, "not_json", "the body must be a JSON object") from None
