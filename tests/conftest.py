"""Hypothesis for all tests: the same examples in every run, so that a red build is about the change. To look further:
`pytest --hypothesis-profile=explore`. And a state folder of their own, also for the processes they start; the bundled
content loaded once."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from cds import service
from cds.config import Settings
from cds.definitions.snapshot import Snapshot, load_snapshot

EVERY = list(HealthCheck)

settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, max_examples=100, suppress_health_check=EVERY
)
settings.register_profile("explore", deadline=None, max_examples=3000, suppress_health_check=EVERY)
settings.load_profile("repeatable")


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay to the end: the garbage collector need not look through them each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The default database of a test is not that of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _bundled_content_loaded_once() -> Iterator[None]:
    """A snapshot is immutable: engines of the bundled content as it is shipped share one, for it takes a second."""
    bundled = Settings.model_fields["content"].get_default(call_default_factory=True).resolve()
    shipped: list[Snapshot] = []

    def load(root: Path, overlay: Path | None = None, *, prefer_elm: bool = False) -> Snapshot:
        if root.resolve() != bundled or overlay is not None or prefer_elm:
            return load_snapshot(root, overlay, prefer_elm=prefer_elm)
        if not shipped:
            shipped.append(load_snapshot(root))
        return shipped[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "load_snapshot", load)
        yield


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A verb that a test runs in this process sets up logging for itself; the next test finds it as it was."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
