"""The command line as a process, and one server on a free loopback port."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from cli_process import Ended, Here, Run, Serving, run, start

from cds import cli

HERE = Path(__file__).parent
#: Tests that start no process and load no content but their own.
QUICK = frozenset({"test_cli.py", "test_cli_help.py", "test_cli_inputs.py", "test_cli_output.py", "test_cli_usage.py"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Nearly each verb loads the content, which takes a second; tests of the command as such are kept."""
    for item in items:
        if item.path.parent == HERE and item.path.name not in QUICK:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def cds() -> Run:
    """`cds(*arguments, **environment names)` runs the command to its end."""
    return run


@pytest.fixture
def here(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    """`here(*arguments, stdin=b"")` runs the command here to its end, without settings of the environment."""
    for name in [name for name in os.environ if name.startswith("CDS_")]:
        monkeypatch.delenv(name)

    def call(*arguments: str | Path, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            cli.main(list(map(str, arguments)))
        out, err = (text.decode() for text in capfdbinary.readouterr())
        return Ended(int(ended.value.code or 0), out, err)

    yield call
    structlog.reset_defaults()  # a verb sets up the logs of its process


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One server with the bundled content for all tests that only ask."""
    server = start(tmp_path_factory.mktemp("serve") / "messages", "--workers", "1")
    yield server
    server.process.terminate()
    server.process.wait(30)
