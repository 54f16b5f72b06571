"""The breaker that keeps calls from waiting for a server that is down."""

from __future__ import annotations

import pytest

from cds.access.breaker import Breaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def states() -> list[str]:
    return []


@pytest.fixture
def breaker(clock: Clock, states: list[str]) -> Breaker:
    return Breaker(states.append, clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        assert breaker.admits()
        breaker.failed()


def test_it_opens_after_five_failures_in_thirty_seconds(breaker: Breaker, clock: Clock, states: list[str]) -> None:
    """security F6: 5 failures within 30 s; spread wider, or with an answer among them, they are no outage."""
    fail(breaker, 4)
    clock.now = 31
    fail(breaker, 4)
    breaker.succeeded()
    fail(breaker, 4)
    assert breaker.admits()
    assert states == []
    breaker.failed()
    assert not breaker.admits()
    assert states == ["open"]


def test_one_request_decides_whether_it_closes(breaker: Breaker, clock: Clock, states: list[str]) -> None:
    """security F6: half-open after 10 s, one probe at a time; its end closes the breaker or opens it for 10 s more."""
    fail(breaker, 5)
    clock.now = 9.9
    assert not breaker.admits()
    clock.now = 10
    assert breaker.admits()
    assert not breaker.admits()
    breaker.failed()
    clock.now = 19.9
    assert not breaker.admits()
    clock.now = 20
    assert breaker.admits()
    breaker.succeeded()
    assert breaker.admits()
    assert states == ["open", "half-open", "open", "half-open", "closed"]


def test_a_probe_that_never_ends_does_not_keep_it_open(breaker: Breaker, clock: Clock) -> None:
    """A thread that dies in its request is followed by another probe."""
    fail(breaker, 5)
    clock.now = 10
    assert breaker.admits()
    clock.now = 20
    assert breaker.admits()


def test_what_tells_nothing_of_the_server_decides_nothing(breaker: Breaker, clock: Clock, states: list[str]) -> None:
    """security F6: a request that our guard refused is neither a success, which would forget the failures before it or
    close the breaker, nor a failure; a probe that ended so is followed by another at once."""
    fail(breaker, 4)
    assert breaker.admits()
    breaker.untold()
    fail(breaker, 1)
    assert states == ["open"]
    breaker.untold()  # one that was under way when it opened
    assert not breaker.admits()
    clock.now = 10
    for _ in range(7):
        assert breaker.admits()
        assert not breaker.admits()
        breaker.untold()
    assert states == ["open", "half-open"]
    assert breaker.admits()
    breaker.failed()
    assert not breaker.admits()


def test_late_failures_of_requests_admitted_before_do_not_lengthen_the_pause(breaker: Breaker, clock: Clock) -> None:
    """Requests that were under way when the breaker opened end later."""
    fail(breaker, 4)
    assert breaker.admits()
    assert breaker.admits()
    breaker.failed()
    clock.now = 5
    breaker.failed()
    clock.now = 10
    assert breaker.admits()
