"""Limits: request rates, and a few workers with a queue of limited length."""

import asyncio
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
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


class Workers:
    """Runs computations on a few threads; if the queue is full, further ones are refused at once."""

    def __init__(self, number: int, waiting: int, seconds: float) -> None:
        self.seconds = seconds
        self._room = number + waiting
        self._pool = ThreadPoolExecutor(number, thread_name_prefix="answer")
        self._number = number
        self._taken = 0
        self._lock = threading.Lock()
        self._mean = 0.3  # seconds that a task takes, for Retry-After; a moving mean that starts with a typical answer

    @property
    def taken(self) -> int:
        """Tasks that are running or waiting."""
        return self._taken

    async def run(self, work: Callable[[], T], request: Request | None = None) -> T:
        """The result of `work`. Raises Problem (503) if the queue is full or it takes too long.

        A task that is still waiting when its client disconnects, or times out, is never started.
        """
        future = self._submit(work)
        gone = asyncio.create_task(_gone(request)) if request else None
        awaited = asyncio.wrap_future(future)
        try:
            first: set[asyncio.Future[Any]] = {awaited, gone} if gone else {awaited}
            await asyncio.wait(first, timeout=self.seconds, return_when=asyncio.FIRST_COMPLETED)
            if awaited.done():
                return awaited.result()
            if gone and gone.done():
                raise Problem(499, "client_gone", "the client disconnected")
            raise self._busy("too_slow", f"this takes longer than {self.seconds:g} seconds")
        finally:
            awaited.cancel()
            if gone:
                gone.cancel()
                with suppress(asyncio.CancelledError):
                    await gone

    def _submit(self, work: Callable[[], T]) -> "Future[T]":
        with self._lock:
            if self._taken >= self._room:
                raise self._busy("busy", f"{self._room} questions are already running or waiting")
            self._taken += 1
        future = self._pool.submit(self._timed, work)
        future.add_done_callback(self._freed)
        return future

    def _timed(self, work: Callable[[], T]) -> T:
        started = time.monotonic()
        try:
            return work()
        finally:
            self._mean += 0.1 * (time.monotonic() - started - self._mean)

    def _freed(self, future: "Future[T]") -> None:  # noqa: ARG002 - add_done_callback passes it
        with self._lock:
            self._taken -= 1

    def _busy(self, code: str, what: str) -> Problem:
        seconds = math.ceil(self._taken * self._mean / self._number) + 1
        return Problem(503, code, f"{what}; try again in {seconds} seconds", headers={"Retry-After": str(seconds)})

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
