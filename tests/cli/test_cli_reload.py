"""Content that changes while it is served, and a server that is stopped while it answers."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_process import Serving, start

CALL = json.dumps(
    {
        "hook": "patient-view",
        "hookInstance": "1",
        "context": {"patientId": "p1", "userId": "Practitioner/1"},
        "prefetch": {"patient": {"resourceType": "Patient", "id": "p1"}},
    }
)
PATH = "/cds-services/pathway-patient-view"
Answer = tuple[int, str | None, Any]


def write(folder: Path, version: str) -> None:
    """A pathway of two plans; both name `version` on their card, and the pathway only collects them."""
    names = ("first", "second")
    for name in names:
        action = {
            "id": name,
            "title": f"Version {version}",
            "trigger": [{"type": "named-event", "name": "patient-view"}],
            "documentation": [{"type": "citation", "label": "T01", "display": "A test"}],
        }
        _plan(folder, name, [action])
    actions = [{"id": name, "definitionCanonical": f"http://example.org/plans/{name}"} for name in names]
    _plan(folder, "pathway", actions)


def _plan(folder: Path, name: str, actions: list[dict[str, Any]]) -> None:
    plan = {
        "resourceType": "PlanDefinition",
        "url": f"http://example.org/plans/{name}",
        "status": "active",
        "description": "A plan for a test.",
        "action": actions,
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(plan))


class Ehr:
    """Calls without a pause on one connection that it keeps, until told to stop."""

    def __init__(self, port: int) -> None:
        self.answers: list[Answer] = []
        self.failures: list[BaseException] = []
        self._port = port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)) as connection:
            while not self._stop.is_set():
                try:
                    self.answers.append(ask(connection))
                except ConnectionRefusedError:  # nobody listens any more, and nothing was lost
                    return
                except Exception as error:
                    self.failures.append(error)
                    return

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def ask(connection: http.client.HTTPConnection, method: str = "POST", path: str = PATH, body: str = CALL) -> Answer:
    """Status, revision and body of one answer."""
    connection.request(method, path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    text = response.read()
    return response.status, response.headers["X-Content-Revision"], json.loads(text)


def once(server: Serving, method: str = "POST", path: str = PATH, body: str = CALL) -> Answer:
    """One answer on a connection of its own."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        return ask(connection, method, path, body)


def versions(answer: Answer) -> set[str]:
    """The versions that the cards of an answer name."""
    return {card["summary"] for card in answer[2]["cards"]}


@pytest.fixture
def content(tmp_path: Path) -> Path:
    folder = tmp_path / "content"
    folder.mkdir()
    write(folder, "0")
    return folder


@pytest.fixture
def serve(tmp_path: Path, content: Path) -> Iterator[Callable[..., Serving]]:
    """Starts a server with `content` and two workers, which must end with exit status 0."""
    started: list[Serving] = []

    def run(*arguments: str) -> Serving:
        started.append(start(tmp_path / "messages", "--content", str(content), "--workers", "2", *arguments))
        return started[-1]

    yield run
    for server in started:
        server.process.terminate()
        assert server.process.wait(30) == 0


def test_no_call_fails_and_none_sees_two_versions_while_content_is_loaded_anew(
    serve: Callable[..., Serving], content: Path
) -> None:
    """Under load every call is answered, from one version of all files, which its revision names; after the answer of
    the reload, new connections see the new one (security D3, security D5)."""
    server = serve()
    callers = [Ehr(server.port) for _ in range(4)]
    for version in ("1", "2", "3"):
        write(content, version)
        status, _, answer = once(server, "POST", "/admin/reload")
        assert (status, answer["status"]) == (200, "loaded")
        time.sleep(0.3)
    for caller in callers:
        caller.stop()
    answers = [answer for caller in callers for answer in caller.answers]
    assert [failure for caller in callers for failure in caller.failures] == []
    assert {status for status, _, _ in answers} == {200}
    assert all(len(answer[2]["cards"]) == 2 and len(versions(answer)) == 1 for answer in answers)
    seen = {(revision, *versions(answer)) for answer in answers for revision in [answer[1]]}
    assert {version for _, version in seen} == {f"Version {n}" for n in range(4)}
    assert len(seen) == 4


BREAKAGES: dict[str, Callable[[Path], Any]] = {
    "cut in the middle": lambda folder: os.truncate(folder / "first.yaml", 60),
    "a bad expression": lambda folder: _plan(
        folder,
        "first",
        [{"id": "first", "condition": [{"kind": "applicability", "expression": {"language": "x", "expression": "("}}]}],
    ),
    "one url twice": lambda folder: (folder / "copy.yaml").write_text((folder / "first.yaml").read_text()),
    "no such folder": lambda folder: folder.rename(folder.with_name("elsewhere")),
}


def test_content_that_does_not_load_changes_nothing(serve: Callable[..., Serving], content: Path) -> None:
    """Whatever is wrong with the files, calls are answered as before and the service stays ready; the caller of the
    reload, the log, /readyz and a counter tell it (security D3)."""
    server = serve()
    for number, breakage in enumerate(BREAKAGES.values(), start=1):
        breakage(content)
        status, _, answer = once(server, "POST", "/admin/reload")
        assert (status, answer["resourceType"]) == (409, "OperationOutcome")
        assert versions(once(server)) == {"Version 0"}
        status, _, ready = once(server, "GET", "/readyz")
        assert (status, ready["status"], ready["content"]["last_load"]) == (200, "ready", "failed")
        assert server.messages.read_text().count('"event":"content-problem"') >= number
        if not content.exists():
            content.with_name("elsewhere").rename(content)
        (content / "copy.yaml").unlink(missing_ok=True)
        write(content, "0")
    counted = server.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").decode()
    assert f'cds_content_loads_total{{result="refused"}} {len(BREAKAGES)}.0' in counted


@pytest.mark.parametrize("how", ["SIGHUP", "--reload"])
def test_a_signal_or_a_changed_file_loads_content_anew(how: str, serve: Callable[..., Serving], content: Path) -> None:
    """SIGHUP does it, and with --reload a written file does (security D3)."""
    server = serve(*([how] if how == "--reload" else []))
    write(content, "1")
    if how == "SIGHUP":
        server.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 15
    while versions(once(server)) != {"Version 1"}:
        assert time.monotonic() < end, server.messages.read_text()
        time.sleep(0.1)


def test_a_stop_under_load_loses_no_call(tmp_path: Path, content: Path) -> None:
    """SIGTERM: connections that are made are answered, new ones are refused at once, the exit status is 0 (security
    R4)."""
    server = start(tmp_path / "messages", "--content", str(content), "--workers", "2")
    callers = [Ehr(server.port) for _ in range(4)]
    time.sleep(0.5)
    server.process.terminate()
    assert server.process.wait(25) == 0
    for caller in callers:
        caller.stop()
    assert [failure for caller in callers for failure in caller.failures] == []
    assert {status for caller in callers for status, _, _ in caller.answers} == {200}


def test_what_was_begun_is_answered_after_the_signal_to_stop(tmp_path: Path, content: Path) -> None:
    """At once nobody listens any more, and who still has a connection is told that the service is not ready; a call of
    which half is there is waited for and answered; the exit status is 0 (security R4)."""
    server = start(tmp_path / "messages", "--content", str(content), "--workers", "1")
    address = ("127.0.0.1", server.port)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(CALL)}\r\n\r\n"
    with (
        socket.create_connection(address, timeout=20) as begun,
        closing(http.client.HTTPConnection(*address, timeout=20)) as kept,
    ):
        begun.sendall((head + CALL[:50]).encode())
        assert ask(kept, "GET", "/readyz", "")[0] == 200
        server.process.terminate()
        end = time.monotonic() + 5
        while _listens(address):
            assert time.monotonic() < end
            time.sleep(0.02)
        status, _, ready = ask(kept, "GET", "/readyz", "")
        assert (status, ready["status"]) == (503, "stopping")
        assert server.process.poll() is None
        begun.sendall(CALL[50:].encode())
        assert begun.makefile("rb").readline().startswith(b"HTTP/1.1 200 ")
    assert server.process.wait(25) == 0


def _listens(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_killed_worker_is_replaced_and_what_it_counted_stays(serve: Callable[..., Serving]) -> None:
    """SIGKILL of both workers: two others answer, and counters go on from where they were (R3)."""
    server = serve()
    for _ in range(10):
        once(server)
    workers = _workers(server, set())
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    _workers(server, workers)
    once(server)
    counted = server.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").decode()
    assert 'cds_calls_total{service="pathway-patient-view",status="200"} 11.0' in counted


def _workers(server: Serving, before: set[int]) -> set[int]:
    """The two workers that run now, none of them one of `before`; waits for them."""
    process = server.process.pid
    end = time.monotonic() + 10
    while True:
        found = set(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())) - before
        if len(found) == 2:
            return found
        assert time.monotonic() < end
        time.sleep(0.05)
