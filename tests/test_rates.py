"""Token buckets: how many calls they let through, and when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from cds.rates import Bucket


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("rate", "at_once", "wait"), [(10, 10, 0.1), (2.5, 2, 0.2), (1, 1, 1.0), (0.1, 1, 10.0)])
def test_as_many_at_once_as_a_second_brings(rate: float, at_once: int, wait: float) -> None:
    """security R2: then the next one has to wait, and is told how long; asking costs nothing."""
    clock = Clock()
    bucket = Bucket(rate, clock)
    for _ in range(3):
        assert [bucket.take() for _ in range(at_once)] == [0] * at_once
        assert [bucket.take() for _ in range(5)] == pytest.approx([wait] * 5)
        clock.now += 3600


def test_in_the_long_run_the_rate_counts() -> None:
    """security R2: of a flood of a thousand calls a second for a minute ten each second come through, beside those at
    once."""
    clock = Clock()
    bucket = Bucket(10, clock)
    through = 0
    for number in range(60_000):
        clock.now = 1000 + number / 1000
        through += bucket.take() == 0
    assert 600 <= through <= 611


def test_who_waits_as_told_is_let_through() -> None:
    """security R2: `Retry-After` is no lie."""
    clock = Clock()
    bucket = Bucket(0.3, clock)
    assert bucket.take() == 0
    for _ in range(5):
        clock.now += bucket.take() + 1e-6
        assert bucket.take() == 0


def test_threads_share_it() -> None:
    """security R2: none comes through twice."""
    bucket = Bucket(100, Clock())
    with ThreadPoolExecutor(8) as pool:
        assert sum(wait == 0 for wait in pool.map(lambda _: bucket.take(), range(2000))) == 100
