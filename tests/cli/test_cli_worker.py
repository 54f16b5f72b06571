"""The HTTP server's own answers and lines."""

from __future__ import annotations

import json
import os
import socket

import pytest
from gunicorn.config import Config
from structlog.testing import capture_logs

from cds.cli.server_log import ServerLog
from cds.cli.worker import Worker


def test_an_error_outside_the_application_is_told_without_its_text() -> None:
    """What goes wrong before or after the application is 500 with the usual body; the log has type and place only
    (D3, security A2, security A3)."""
    ours, theirs = socket.socketpair()
    with ours, theirs, capture_logs() as lines:
        try:
            raise KeyError("Zebra")
        except KeyError as error:
            Worker.__new__(Worker).handle_error(None, ours, ("192.0.2.1", 1), error)
        ours.shutdown(socket.SHUT_WR)
        head, _, body = theirs.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 ")
    assert json.loads(body)["resourceType"] == "OperationOutcome"
    assert [(line["event"], line["error"]) for line in lines] == [("failed", "KeyError")]
    assert "Zebra" not in str(lines) + str(head + body)


@pytest.mark.parametrize(
    ("text", "values", "first", "worker"),
    [
        ("Listening at: %s (%s)", ("http://x", 1), "Listening at: http://x (1)", "Listening at"),
        ("Invalid request from ip=192.0.2.1: Zebra", (), "Invalid request from ip=192.0.2.1: Zebra", "Invalid request"),
        ("Error handling request %s %s", ("GET", "/Zebra"), "Error handling request GET /Zebra", "Error handling"),
        ("100% Zebra", (), "100% Zebra", "100"),
    ],
)
def test_workers_lines_end_before_any_value(
    text: str, values: tuple[object, ...], first: str, worker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first process reads no requests, and its lines are written as they are; a worker's lines may quote one
    (security A2)."""
    log = ServerLog(Config())
    with capture_logs() as lines:
        log.warning(text, *values)
        here = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: here + 1)
        log.warning(text, *values)
        log.exception(text, *values)
        log.debug(text, *values)
    assert lines[0]["message"] == first
    assert len(lines) == 3
    for line in lines[1:]:
        assert line["message"].startswith(worker)
        assert "Zebra" not in str(line)
        assert "192" not in str(line)
