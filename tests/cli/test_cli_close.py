"""What a worker does first and last: it begins to prune, and closes what it has opened."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_process import environment
from click.testing import CliRunner

from cds.access.fetch import Access
from cds.cli import serve
from cds.cli.server import Load, Loaded
from cds.config import Settings
from cds.metrics import Metrics
from cds.outbound import Outbound
from cds.storage import Storage
from cds.web.status import Status

#: Serves an application whose calls take a while; what happens when is written to the file that it is given.
SERVED = """
import os, sys, time
from cds.cli.server import Loaded, Server, bind
from cds.config import Settings

def tell(what):
    with open(sys.argv[1], "a") as file:
        file.write(f"{what} {os.getpid()}\\n")

def application(environ, start_response):
    tell("asked")
    time.sleep(0.5)
    tell("answered")
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]

listener = bind("127.0.0.1", 0)
port = listener.getsockname()[1]
loaded = Loaded(application, None, lambda: tell("began"), lambda: tell("closed"))
Server(lambda *_: loaded, Settings(workers=2), listener, ready=lambda: tell(f"ready-{port}")).run()
"""


def _lines(path: Path, count: int) -> list[list[str]]:
    """The lines of a file as words, as soon as there are so many."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) >= count:
            return [line.split() for line in lines]
        time.sleep(0.02)
    raise AssertionError(lines)


def test_each_worker_begins_and_closes(tmp_path: Path) -> None:
    """Before its first call and after its last, once; a stopping service answers the call that was begun before it
    closes anything (security R4). The first process, which answers no calls, does neither."""
    told = tmp_path / "told"
    command = [sys.executable, "-c", SERVED, told]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL) as process:
        port = next(line[0].removeprefix("ready-") for line in _lines(told, 3) if line[0].startswith("ready-"))
        with socket.create_connection(("127.0.0.1", int(port)), timeout=30) as call:
            call.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            _lines(told, 4)
            process.send_signal(signal.SIGTERM)
            assert call.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert process.wait(30) == 0
    lines = _lines(told, 7)
    begun = [worker for what, worker in lines if what == "began"]
    assert len(begun) == len(set(begun)) == 2
    asked, *rest = [line for line in lines if line[0] in ("asked", "answered", "closed")]
    assert ["answered", asked[1]] in rest
    closed = [worker for what, worker in rest if what == "closed"]
    assert len(closed) == len(set(closed)) == 2
    assert str(process.pid) not in (*begun, *closed)
    assert rest.index(["closed", asked[1]]) > rest.index(["answered", asked[1]])


def test_what_serves_content_prunes_and_closes_its_connections(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each worker begins to prune (security P8), and closes connections to FHIR servers and to where clients publish
    their keys."""
    begun: list[str] = []
    closed: list[str] = []
    loads: list[Load] = []

    class Never:
        def __init__(self, load: Load, _settings: Settings, listener: socket.socket, **_: object) -> None:
            listener.close()
            loads.append(load)

        def run(self) -> None:
            return

    monkeypatch.setattr(serve, "Server", Never)
    monkeypatch.setattr(serve.logs, "configure", lambda *_: None)
    monkeypatch.setattr(Storage, "begin", lambda _self: begun.append("storage"))
    monkeypatch.setattr(Access, "close", lambda _self: closed.append("fhir"))
    monkeypatch.setattr(Outbound, "close", lambda _self: closed.append("keys"))
    monkeypatch.setenv("CDS_DATABASE_URL", f"sqlite:///{tmp_path}/cds.sqlite3")
    arguments = ["--demo", "--port", "0", "--content", str(tmp_path)]
    assert CliRunner().invoke(serve.command, arguments, catch_exceptions=False).exit_code == 0
    loaded = loads[0](Metrics(), Status())
    assert isinstance(loaded, Loaded)
    assert (begun, closed) == ([], [])
    loaded.begin()
    assert (begun, closed) == (["storage"], [])
    loaded.close()
    assert closed == ["fhir", "keys"]
