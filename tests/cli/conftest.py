"""The command line as a process, and one server on a free loopback port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import Run, Serving, run, start

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Nearly each verb loads the content, which takes a second; tests of the command as such are kept."""
    for item in items:
        if item.path.parent == HERE and item.path.name != "test_cli.py":
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def cds() -> Run:
    """`cds(*arguments, **environment names)` runs the command to its end."""
    return run


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One server with the bundled content for all tests that only ask."""
    server = start(tmp_path_factory.mktemp("serve") / "messages", "--workers", "1")
    yield server
    server.process.terminate()
    server.process.wait(30)
