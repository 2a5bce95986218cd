"""Starts the server: reachable only from this machine unless there are users; slow clients are disconnected."""

import asyncio
import ipaddress
import socket
from functools import partial
from typing import Any, cast

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from rag.accounts.users import Accounts
from rag.config import ServerSettings
from rag.errors import SettingsError
from rag.library import Library
from rag.outbound import watch_outbound
from rag.server.app import create_app
from rag.server.monitoring import set_up_logs
from rag.server.sessions import network_of

HEADER_SECONDS = 10  # from the start of a connection, or its last response, to the end of the next request's head
SHARE_OF_ADDRESS = 4  # one address may use a quarter of the connections, so that others still get some
FEWEST_OF_ADDRESS = 16  # that one address may have in any case: a browser opens up to 6 for each page
LARGEST_HEAD = 32_768  # bytes of a request line and its headers; common servers allow 8 to 64 kB


class Protocol(H11Protocol):
    """Closes connections that do not finish the head of a request, which uvicorn would keep open for ever, and those of an
    address that has too many.
    """

    _waiting: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, most_of_address: int, **named: Any) -> None:
        """Connections of one address beyond `most_of_address` are closed; 0 means no limit."""
        super().__init__(*args, **named)
        self._most_of_address = most_of_address

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()
        if self._most_of_address and self._connections_of_address() > self._most_of_address:
            transport.close()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._waiting is not None and self._in_request():
            self._waiting.cancel()
            self._waiting = None
        elif self._waiting is None and not self._in_request():
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        super().connection_lost(exc)

    def _connections_of_address(self) -> int:
        """How many connections come from where this one comes from."""
        clients = [getattr(protocol, "client", None) for protocol in (self, *self.connections)]
        own, *networks = [network_of(client[0]) if client else "" for client in clients]
        return networks.count(own)

    def _in_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_head(self) -> None:
        self._waiting = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def _too_slow(self) -> None:
        self._waiting = None
        if not self._in_request():
            self.transport.close()


def server_of(app: FastAPI, settings: ServerSettings) -> uvicorn.Server:
    # A trusted proxy connects for many clients from one address.
    most = 0 if settings.trusted_proxies else max(FEWEST_OF_ADDRESS, settings.connections // SHARE_OF_ADDRESS)
    protocol = cast(type[Protocol], partial(Protocol, most_of_address=most))
    config = uvicorn.Config(
        app, http=protocol, ws="none", log_config=None, access_log=False, server_header=False, proxy_headers=False,
        timeout_keep_alive=HEADER_SECONDS, timeout_graceful_shutdown=settings.shutdown_seconds,
        limit_concurrency=settings.connections, h11_max_incomplete_event_size=LARGEST_HEAD,
    )  # fmt: skip
    return uvicorn.Server(config)


def run(library: Library) -> None:
    """Serves until it is stopped. Raises SettingsError if the address cannot be used."""
    watch_outbound()
    settings = library.settings.server
    listener = _listen(settings)
    library.chat.search("warm up", k=1)  # the first query of a process takes several times longer than the next
    app = create_app(library)
    set_up_logs(settings)
    address = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(f"Ask your documents at http://{address}:{listener.getsockname()[1]}{settings.prefix}/  (Ctrl-C stops)", flush=True)
    server_of(app, settings).run(sockets=[listener])


def require_users(settings: ServerSettings) -> None:
    """Raises SettingsError if other machines can reach the server, directly or through a proxy, and there are no users."""
    reachable = _reachable_by(settings)
    if reachable and not Accounts(settings.users).all():
        raise SettingsError(
            f"server.{reachable} = {getattr(settings, reachable)!r} lets other machines reach the server, but "
            f"{settings.users.absolute()} has no users; add one with `rag users add NAME`, or remove the setting"
        )


def _reachable_by(settings: ServerSettings) -> str:
    """The setting by which other machines can reach the server; empty if only this machine can.

    The settings of a proxy count: behind one, a server on a loopback address is open to everyone who reaches the proxy.
    """
    try:
        loopback = settings.host == "localhost" or ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        return "host"
    return next((name for name in ("names", "prefix", "trusted_proxies") if getattr(settings, name)), "")


def _listen(settings: ServerSettings) -> socket.socket:
    require_users(settings)
    host, port = settings.host, settings.port
    # asyncio disables Nagle's algorithm only if the protocol is named; with it each response waits 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        raise SettingsError(f"port {port} cannot be used ({reason}); choose another with --port, or 0 for a free one") from error
    listener.listen(1024)
    return listener
