"""Signed-in users: sessions in memory, which end when idle, after a maximum time, and when their account changes."""

import hashlib
import ipaddress
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers

from rag.accounts.users import Accounts, User, normal_name
from rag.config import ServerSettings
from rag.server.limits import Rate

SESSIONS_OF_USER = 20  # more than a person has browsers; the oldest ends when one more begins
STREAMS = 100_000  # open pages whose owners are remembered, about 20 MB


@dataclass
class _Session:
    name: str
    password: str  # its hash when the session began: a changed password ends the session
    begun: float
    used: float


class Sessions:
    """The sessions of one server. Safe to share between threads. A restart ends all of them."""

    def __init__(
        self, accounts: Accounts, settings: ServerSettings, cookie: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.cookie = cookie
        """The cookie's name. Browsers send a cookie to all ports of a host, so each server needs a name of its own."""
        self._accounts = accounts
        self._idle = 60 * settings.session_idle_minutes
        self._longest = 3600 * settings.session_hours
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def open(self, user: User) -> str:
        """Starts a session and returns its secret, for the cookie."""
        secret, now = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            for key in [key for key, session in self._sessions.items() if self._over(session, now)]:
                del self._sessions[key]
            own = [key for key, session in self._sessions.items() if session.name == user.name]
            for key in own[: max(0, len(own) - SESSIONS_OF_USER + 1)]:
                del self._sessions[key]
            account = self._accounts.all()[user.name]
            self._sessions[_key(secret)] = _Session(user.name, account.password, now, now)
        return secret

    def user(self, secret: str) -> User | None:
        """The user of a session, with their present role; None if there is no such session or it has ended."""
        account_of = self._accounts.all()
        with self._lock:
            session, now = self._sessions.get(_key(secret)), self._clock()
            if session is None:
                return None
            account = account_of.get(session.name)
            if account is None or account.password != session.password or self._over(session, now):
                del self._sessions[_key(secret)]
                return None
            session.used = now
            return User(session.name, account.role)

    def secret(self, headers: Headers) -> str:
        """The session's secret in the cookie of a request; empty if there is none."""
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return ""
        return cookie.value if cookie else ""

    def close(self, secret: str) -> None:
        with self._lock:
            self._sessions.pop(_key(secret), None)

    def _over(self, session: _Session, now: float) -> bool:
        return now - session.used > self._idle or now - session.begun > self._longest


def _key(secret: str) -> str:
    """Secrets are stored as hashes, with which nobody can sign in."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class Throttle:
    """Slows down guessing passwords. Attempts count before they are checked, so that many at once gain nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._of_address = Rate(10, 15 * 60, clock)
        self._of_name = Rate(20, 15 * 60, clock)  # more, so that one address alone cannot lock a user out

    def attempt(self, name: str, address: str) -> int:
        """0 if the password may be checked, else the seconds until the next attempt, rounded up."""
        return self._of_address.take(network_of(address)) or self._of_name.take(normal_name(name))

    def succeeded(self, name: str, address: str) -> None:
        self._of_address.give(network_of(address))
        self._of_name.give(normal_name(name))


def network_of(address: str) -> str:
    """What one client has of addresses: one of IPv4, a /64 of IPv6, of which every host can use any address (RFC 4291)."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else address


class Streams:
    """The owners of open pages: gradio gives a page's data to anyone who knows its session hash."""

    def __init__(self) -> None:
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def may_use(self, session_hash: str, user: User) -> bool:
        """The first to use a hash owns it."""
        with self._lock:
            owner = self._owners.setdefault(session_hash, user.name)
            self._owners.move_to_end(session_hash)
            if len(self._owners) > STREAMS:
                self._owners.popitem(last=False)
        return owner == user.name
