"""Hypothesis for all tests: the same examples in every run, so that a red build is about the change. To look further:
`pytest --hypothesis-profile=explore`. And a state folder of their own, also for the processes they start."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

EVERY = list(HealthCheck)

settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, max_examples=100, suppress_health_check=EVERY
)
settings.register_profile("explore", deadline=None, max_examples=3000, suppress_health_check=EVERY)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def _state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The default database of a test is not that of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield
