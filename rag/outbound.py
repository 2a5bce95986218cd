"""Counts what this process tries to send to other machines, from what Python reports of every socket."""

import ipaddress
import sys
from typing import Any

_EVENTS = frozenset({"socket.connect", "socket.sendto"})
_count: int | None = None


def watch_outbound() -> None:
    """Starts counting. Python keeps an audit hook until the process ends, so this is for programs, not libraries. Idempotent."""
    global _count  # noqa: PLW0603 - an audit hook belongs to the process
    if _count is None:
        _count = 0
        sys.addaudithook(_hear)


def outbound_count() -> int | None:
    """Attempts to reach another machine since `watch_outbound`, successful or not; None if nothing is counted."""
    return _count


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    global _count  # noqa: PLW0603
    if event in _EVENTS and _count is not None and _is_outside(arguments[1]):
        _count += 1


def _is_outside(address: object) -> bool:
    """Whether an address is another machine's. Those of sockets within the machine are paths, not tuples."""
    if not isinstance(address, tuple) or not address or not isinstance(address[0], str):
        return False
    try:
        return not ipaddress.ip_address(address[0].split("%")[0]).is_loopback
    except ValueError:
        return address[0] not in ("", "localhost")
