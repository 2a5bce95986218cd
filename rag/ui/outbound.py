"""Counts what this process tries to send to other machines, by what Python itself reports of every socket."""

import ipaddress
import sys
from typing import Any

_EVENTS = frozenset({"socket.connect", "socket.sendto"})
_count = 0
_watching = False


def watch_outbound() -> None:
    """Begins to count; once more changes nothing."""
    global _watching  # noqa: PLW0603 - an audit hook is the process's own, and stays
    if not _watching:
        _watching = True
        sys.addaudithook(_hear)


def outbound_count() -> int:
    """Attempts to reach another machine since `watch_outbound`, successful or not."""
    return _count


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    global _count  # noqa: PLW0603
    if event in _EVENTS and _is_outside(arguments[1]):
        _count += 1


def _is_outside(address: object) -> bool:
    """Addresses of sockets within the machine are paths, not tuples."""
    if not isinstance(address, tuple) or not address or not isinstance(address[0], str):
        return False
    try:
        return not ipaddress.ip_address(address[0].split("%")[0]).is_loopback
    except ValueError:
        return address[0] not in ("", "localhost")
