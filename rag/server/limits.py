"""Limits: request rates, and how long a client waits for an answer."""

import asyncio
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from starlette.requests import Request

from rag.server.problems import Problem

T = TypeVar("T")
KEYS = 10_000  # users and addresses that are remembered, about 2 MB; the least recently seen is forgotten first


class Rate:
    """A token bucket for each key: `amount` in `seconds`, refilled evenly. Safe to share between threads."""

    def __init__(self, amount: float, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.amount, self.seconds = amount, seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, cost: float = 1) -> int:
        """0 if granted, else the seconds until it would be, rounded up. A refusal costs nothing."""
        with self._lock:
            now, left = self._clock(), self._now(key)
            granted = left >= cost
            self._left[key] = (left - cost if granted else left, now)
            self._left.move_to_end(key)
            if len(self._left) > KEYS:
                self._left.popitem(last=False)
        return 0 if granted else self._wait(left, cost)

    def give(self, key: str, cost: float = 1) -> None:
        """Returns what was taken."""
        with self._lock:
            self._left[key] = (min(self.amount, self._now(key) + cost), self._clock())

    def _now(self, key: str) -> float:
        left, then = self._left.get(key, (self.amount, 0.0))
        return min(self.amount, left + (self._clock() - then) * self.amount / self.seconds)

    def _wait(self, left: float, cost: float) -> int:
        return max(1, math.ceil((min(cost, self.amount) - left) * self.seconds / self.amount))


async def outcome(future: "Future[T]", seconds: float, request: Request | None = None) -> T:
    """The result of a task. Raises Problem if it takes longer than `seconds` or the client of `request` disconnects.

    Then the task is cancelled, unless somebody else waits for it or it is running.
    """
    gone = asyncio.create_task(_gone(request)) if request else None
    awaited = asyncio.wrap_future(future)
    try:
        first: set[asyncio.Future[Any]] = {awaited, gone} if gone else {awaited}
        await asyncio.wait(first, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if awaited.done():
            return awaited.result()
        if gone and gone.done():
            raise Problem(499, "client_gone", "the client disconnected")
        headers = {"Retry-After": str(math.ceil(seconds))}
        raise Problem(503, "too_slow", f"this takes longer than {seconds:g} seconds; try again later", headers=headers)
    finally:
        awaited.cancel()
        if gone:
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
