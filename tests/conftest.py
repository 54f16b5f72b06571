"""Hypothesis for all tests: the same examples in every run, so that a red build is about the change. To look further:
`pytest --hypothesis-profile=explore`."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

EVERY = list(HealthCheck)

settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, max_examples=100, suppress_health_check=EVERY
)
settings.register_profile("explore", deadline=None, max_examples=3000, suppress_health_check=EVERY)
settings.load_profile("repeatable")
