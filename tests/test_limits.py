"""Rates, time limits, sessions and the throttle, by a clock that the tests turn."""

import asyncio
from concurrent.futures import Future
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.accounts.users import Accounts, User
from rag.config import ServerSettings
from rag.server.limits import Rate, outcome
from rag.server.problems import Problem
from rag.server.sessions import SESSIONS_OF_USER, Sessions, Streams, Throttle


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 8)), max_size=60))
def test_a_rate_never_grants_more_than_a_bucket_can_hold(steps: list[tuple[float, int]]) -> None:
    """In any window of time at most amount + window × amount / seconds is granted."""
    clock, granted = Clock(), []
    rate = Rate(10, 60, clock)
    for pause, cost in steps:
        clock.now += pause
        if rate.take("a", cost) == 0:
            granted.append((clock.now, cost))
    for start, _ in granted:
        for end, _ in granted:
            taken = sum(cost for when, cost in granted if start <= when <= end)
            assert taken <= 10 + max(0, end - start) * 10 / 60 + 1e-6


def test_a_refused_request_is_granted_after_the_given_time() -> None:
    clock = Clock()
    rate = Rate(2, 60, clock)
    assert [rate.take("a"), rate.take("a"), rate.take("b")] == [0, 0, 0]
    wait = rate.take("a")
    assert wait == 30
    clock.now += wait - 1
    assert rate.take("a") == 1
    clock.now += 1
    assert rate.take("a") == 0


def test_slow_work_times_out_and_is_cancelled() -> None:
    slow: Future[int] = Future()
    with pytest.raises(Problem, match="longer than 0.05 seconds") as refused:
        asyncio.run(outcome(slow, 0.05))
    assert (refused.value.status, slow.cancelled()) == (503, True)


def test_an_error_in_the_work_is_raised_to_the_caller() -> None:
    failed: Future[int] = Future()
    failed.set_exception(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        asyncio.run(outcome(failed, 30))


PASSWORD = "correct horse battery"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    accounts = Accounts(tmp_path / "users.json")
    accounts.add("rita", "reader", PASSWORD)
    return accounts


@pytest.fixture
def sessions(accounts: Accounts, clock: Clock) -> Sessions:
    return Sessions(accounts, ServerSettings(session_idle_minutes=10, session_hours=1), "session", clock)


RITA = User("rita", "reader")


def test_a_session_ends_when_it_is_idle(sessions: Sessions, clock: Clock) -> None:
    secret = sessions.open(RITA)
    for _ in range(5):
        clock.now += 599
        assert sessions.user(secret) == RITA
    clock.now += 601
    assert sessions.user(secret) is None


def test_a_session_ends_after_its_maximum_time(sessions: Sessions, clock: Clock) -> None:
    secret = sessions.open(RITA)
    for _ in range(12):
        clock.now += 300
        assert sessions.user(secret) == RITA
    clock.now += 1
    assert sessions.user(secret) is None


def test_a_session_ends_when_the_password_changes_or_the_account_is_removed(sessions: Sessions, accounts: Accounts) -> None:
    secret = sessions.open(RITA)
    accounts.add("rita", "curator", "another password")
    assert sessions.user(secret) is None
    secret = sessions.open(User("rita", "curator"))
    assert sessions.user(secret) == User("rita", "curator")
    accounts.remove("rita")
    assert sessions.user(secret) is None


def test_signing_out_ends_only_this_session(sessions: Sessions) -> None:
    one, other = sessions.open(RITA), sessions.open(RITA)
    assert one != other
    sessions.close(one)
    assert (sessions.user(one), sessions.user(other), sessions.user("")) == (None, RITA, None)


def test_the_oldest_session_ends_when_a_user_has_too_many(sessions: Sessions) -> None:
    secrets = [sessions.open(RITA) for _ in range(SESSIONS_OF_USER + 3)]
    assert [sessions.user(secret) is not None for secret in secrets] == [False] * 3 + [True] * SESSIONS_OF_USER


def test_guessing_is_throttled_by_address_and_by_name(clock: Clock) -> None:
    throttle = Throttle(clock)
    assert [throttle.attempt(f"user{n}", "1.1.1.1") > 0 for n in range(12)] == [False] * 10 + [True] * 2
    assert [throttle.attempt("rita", f"2.2.2.{n}") > 0 for n in range(25)] == [False] * 20 + [True] * 5
    clock.now += 15 * 60
    assert throttle.attempt("rita", "1.1.1.1") == 0


@pytest.mark.parametrize("space", [" ", "\u2003", "\u3000", "\u00a0", "\x1f"])
def test_white_space_around_a_name_gains_no_attempts(space: str, clock: Clock) -> None:
    throttle = Throttle(clock)
    names = [space * n + "rita" + space * (n % 3) for n in range(25)]
    assert [throttle.attempt(name, f"2.2.2.{n}") > 0 for n, name in enumerate(names)] == [False] * 20 + [True] * 5


def test_the_addresses_of_one_ipv6_network_count_as_one(clock: Clock) -> None:
    throttle = Throttle(clock)
    attempts = [throttle.attempt(f"user{n}", f"2001:db8:0:1::{n:x}") for n in range(12)]
    assert [wait > 0 for wait in attempts] == [False] * 10 + [True] * 2
    assert throttle.attempt("other", "2001:db8:0:2::1") == 0


def test_correct_passwords_do_not_count_as_guesses(clock: Clock) -> None:
    throttle = Throttle(clock)
    for _ in range(100):
        assert throttle.attempt("rita", "1.1.1.1") == 0
        throttle.succeeded("rita", "1.1.1.1")


def test_the_first_user_of_a_page_owns_it() -> None:
    streams = Streams()
    assert streams.may_use("abc", RITA) and streams.may_use("abc", RITA)
    assert not streams.may_use("abc", User("carl", "curator"))
