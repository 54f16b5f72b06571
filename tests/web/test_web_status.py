"""What the processes of one service tell each other."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from cds.web.status import Load, Status


@pytest.fixture
def status() -> Status:
    made = Status()
    made.begin()
    made.end("first")
    return made


def asked(status: Status, monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> Load | None:
    """What a worker is told that asks for a reload, when the first process then does this."""

    def kill(process: int, sent: int) -> None:
        assert (process, sent) == (os.getpid(), signal.SIGHUP)
        then()

    monkeypatch.setattr(os, "kill", kill)
    return status.reload(timeout=0.1)


def test_a_worker_is_told_how_the_load_went_that_it_asked_for(status: Status, monkeypatch: pytest.MonkeyPatch) -> None:
    """A load that is under way when a worker asks may have read the files before they changed: the next one counts."""
    status.begin()

    def load() -> None:
        status.end("too early")
        assert status.load.revision == "too early"
        status.begin()
        status.end("right")

    told = asked(status, monkeypatch, load)
    assert told is not None
    assert (told.succeeded, told.revision) == (True, "right")


def test_a_failed_load_keeps_revision_and_time(status: Status, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is served is the content of before (security D3)."""
    before = status.load

    def load() -> None:
        status.begin()
        status.end(None)

    told = asked(status, monkeypatch, load)
    assert told is not None
    assert (told.succeeded, told.revision, told.at) == (False, "first", before.at)


def test_nobody_waits_for_ever(status: Status, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an answer of the first process a worker gives up."""
    assert asked(status, monkeypatch, lambda: None) is None


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_process_sees_what_the_first_one_says(status: Status) -> None:
    """The memory is shared, and a worker knows that it is one (R4)."""
    assert status.alone
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(read, 1)
        os._exit(0 if status.stopping and not status.alone else 1)
    status.stop()
    os.write(write, b"x")
    assert os.waitpid(child, 0)[1] == 0
    for end in (read, write):
        os.close(end)
