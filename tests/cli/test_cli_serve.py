"""`cds serve` as a process on a real socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest
from cli_process import Run, Serving, start

CALL = json.dumps({"hook": "patient-view", "hookInstance": "1", "context": {"patientId": "p1"}}).encode()
PATH = b"/cds-services/back-pain-patient-view"


def _post(*headers: bytes, path: bytes = PATH) -> bytes:
    return b"\r\n".join(
        [
            b"POST " + path + b" HTTP/1.1",
            b"Host: x",
            b"Connection: close",
            b"Content-Type: application/json",
            *headers,
            b"",
            b"",
        ]
    )


def _chunked(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def _outcome(answer: bytes) -> dict[str, object]:
    outcome: dict[str, object] = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert outcome["resourceType"] == "OperationOutcome"
    return outcome


def test_a_call_reaches_the_content(serving: Serving) -> None:
    """A whole body reaches the engine, which names the data it lacks (security B1, D1); a leading `//` is read as `/`
    (J)."""
    for path in (PATH, b"/" + PATH):
        answer = serving.send(_post(b"Content-Length: %d" % len(CALL), path=path) + CALL)
        assert _status(answer) == 412
        assert b"prefetch key 'patient'" in answer


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_chunked_body_arrives_whole(serving: Serving, size: int) -> None:
    """Chunks of any size add up to the same call (security B10)."""
    assert _status(serving.send(_post(b"Transfer-Encoding: chunked") + _chunked(CALL, size))) == 412


def test_five_chunked_bytes_arrive_as_five(serving: Serving) -> None:
    """A short chunked body is read, not taken for an empty one (security B10)."""
    answer = serving.send(_post(b"Transfer-Encoding: chunked") + _chunked(b"[1,2]", 2))
    assert (_status(answer), "must be of type object" in str(_outcome(answer))) == (400, True)


def test_a_large_chunked_body_is_413(serving: Serving) -> None:
    """5 MB in chunks is refused, not cut (security B1, security B10)."""
    body = b'{"a":"' + b"x" * 5_000_000 + b'"}'
    answer = serving.send(_post(b"Transfer-Encoding: chunked") + _chunked(body, 65536))
    assert (_status(answer), bool(_outcome(answer))) == (413, True)


def test_a_large_body_is_413_before_it_is_sent(serving: Serving) -> None:
    """With a Content-Length over the limit the answer needs no body (security B1)."""
    assert _status(serving.send(_post(b"Content-Length: 5000000"), finish=True)) == 413


@pytest.mark.parametrize("length", [len(CALL) + 50, len(CALL) - 5])
def test_a_content_length_that_lies_is_400(serving: Serving, length: int) -> None:
    """A body that ends early, or is cut by its own header, is 400 (security B1)."""
    answer = serving.send(_post(b"Content-Length: %d" % length) + CALL, finish=True)
    assert (_status(answer), bool(_outcome(answer))) == (400, True)


def test_malformed_chunks_are_400(serving: Serving) -> None:
    """A chunk size that is no number is the sender's fault, not ours (security B10)."""
    answer = serving.send(_post(b"Transfer-Encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n", finish=True)
    assert _status(answer) == 400


def test_both_lengths_are_refused(serving: Serving) -> None:
    """Content-Length beside Transfer-Encoding is how requests are smuggled (security B9)."""
    answer = serving.send(_post(b"Content-Length: 5", b"Transfer-Encoding: chunked") + _chunked(CALL, 50), finish=True)
    assert _status(answer) == 400


def test_the_fhirpath_lab_is_answered(serving: Serving) -> None:
    """A call as a browser sends it from the public lab, in chunks, with its preflight before it."""
    preflight = serving.send(
        b"OPTIONS /fhir/$fhirpath HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: https://fhirpath-lab.com\r\n"
        b"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n\r\n"
    )
    assert (_status(preflight), b"Access-Control-Allow-Headers: " in preflight) == (200, True)
    patient = {"resourceType": "Patient", "name": [{"family": "Cole"}]}
    call = [{"name": "expression", "valueString": "name.family"}, {"name": "resource", "resource": patient}]
    body = json.dumps({"resourceType": "Parameters", "parameter": call}).encode()
    answer = serving.send(_post(b"Transfer-Encoding: chunked", path=b"/fhir/$fhirpath") + _chunked(body, 50))
    assert _status(answer) == 200
    head, _, text = answer.partition(b"\r\n\r\n")
    assert b"Content-Type: application/fhir+json" in head
    assert json.loads(text)["parameter"][1]["part"][0]["valueString"] == "Cole"


def test_depth_bombs_leave_the_worker_alive(serving: Serving) -> None:
    """100,000 brackets are 400, and the next call is answered (security B3)."""
    for bomb in (b"[" * 100_000, b'{"a":' * 100_000):
        assert b"too-deep" in serving.send(_post(b"Content-Length: %d" % len(bomb)) + bomb)
    test_a_call_reaches_the_content(serving)


def test_answers_name_no_software(serving: Serving) -> None:
    """The Server header tells neither product nor version (security A3)."""
    answer = serving.send(b"GET /nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert _status(answer) == 404
    assert b"gunicorn" not in answer.lower()
    assert b"werkzeug" not in answer.lower()


def test_log_lines_are_json_without_what_was_sent(serving: Serving) -> None:
    """Every message after the greeting is a JSON object; no canary is in any of them (security A2)."""
    for path in (PATH, b"/cds-services/Zebra", b"/Zebra"):
        serving.send(_post(b"Content-Length: 9", b"Authorization: Bearer Zebra", path=path) + b'["Zebra"]')
    serving.send(b"GET /Zebra Zebra/9\r\nHost: Zebra\r\nZebra\r\n\r\n")
    serving.send(b"GET /" + b"Zebra" * 2000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    lines = [line for line in serving.messages.read_text().splitlines() if not line.startswith("pathway-cds is ready")]
    assert {json.loads(line)["event"] for line in lines} == {"call", "server", "content-loaded"}
    assert "Zebra" not in "".join(lines)


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET / HTTP/1.1\r\nZebra", 400),
        (b"GET /" + b"Zebra" * 2000 + b" HTTP/1.1", 414),
        (b"GET / HTTP/1.1\r\nZebra: " + b"Zebra" * 2000, 431),
        (b"GET / HTTP/1.1\r\n" + b"\r\n".join(b"Zebra-%d: 1" % n for n in range(200)), 431),
        (b"GET / ZEBRA/1.1", 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: Zebra", 501),
    ],
)
def test_requests_that_no_application_sees_are_answered_alike(
    serving: Serving, request_line: bytes, status: int
) -> None:
    """What the HTTP server itself refuses is an OperationOutcome too, quotes nothing and names no software (D3,
    security A3)."""
    answer = serving.send(request_line + b"\r\nHost: x\r\n\r\n")
    assert (_status(answer), bool(_outcome(answer))) == (status, True)
    assert b"zebra" not in answer.lower()
    assert b"gunicorn" not in answer.lower()
    head = answer.partition(b"\r\n\r\n")[0]
    assert {b"Cache-Control: no-store", b"X-Content-Type-Options: nosniff"} <= set(head.split(b"\r\n"))


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_gracefully(tmp_path: Path, stop: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end it with exit status 0 (security R4)."""
    server = start(tmp_path / "messages", "--workers", "1")
    server.process.send_signal(stop)
    assert server.process.wait(30) == 0


@pytest.mark.parametrize("arguments", [("--demo",), ()])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])  # noqa: S104 - must be refused
def test_other_machines_are_kept_out(cds: Run, host: str, arguments: tuple[str, ...]) -> None:
    """Without registered clients only a loopback address may be listened on; exit status 78 (J14)."""
    ended = cds("serve", "--host", host, *arguments)
    assert ended.returncode == 78
    assert "not a loopback address" in ended.stderr


def test_without_clients_and_demo_it_refuses(cds: Run) -> None:
    """Nobody could call, so it says what to do; exit status 2 (F2)."""
    ended = cds("serve")
    assert (ended.returncode, "add --demo" in ended.stderr) == (2, True)


def test_a_port_in_use_is_told(cds: Run) -> None:
    """One sentence instead of a traceback; exit status 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = cds("serve", "--demo", "--port", str(taken.getsockname()[1]))
    assert ended.returncode == 2
    assert "cannot listen on 127.0.0.1" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_wrong_settings_are_told(cds: Run) -> None:
    """A wrong flag and a misspelt name of the environment stop start-up; exit status 2."""
    ended = cds("serve", "--demo", "--guideline", "nice")
    assert (ended.returncode, ended.stderr) == (
        2,
        "cds: guideline (CDS_GUIDELINE): must be 'nhs', 'spine' or 'both', not 'nice'\n",
    )
    assert "did you mean CDS_PORT?" in cds("serve", "--demo", CDS_PROT="1").stderr
    assert "demo mode only" in cds("serve", CDS_NOW="2026-01-01").stderr


def test_broken_content_is_told(cds: Run, tmp_path: Path) -> None:
    """Every problem is printed with its place, and the service does not start; exit status 2 (security D4)."""
    (tmp_path / "plan.yaml").write_text("resourceType: PlanDefinition\nstatos: active\n")
    ended = cds("serve", "--demo", "--content", tmp_path)
    assert ended.returncode == 2
    assert "plan.yaml:2:1: " in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["content", "overlay"])
def test_reload_picks_up_changes(broken: str, tmp_path: Path) -> None:
    """With --reload broken content, or a broken overlay, is 503 until it is mended, without a restart by hand."""
    folders = {name: tmp_path / name for name in ("content", "overlay")}
    for folder in folders.values():
        folder.mkdir()
    file = folders[broken] / "codes.yaml"
    sound = "resourceType: CodeSystem\nurl: https://x.example/CodeSystem/c\nstatus: active\ncontent: complete\n"
    file.write_text(sound.replace("status", "statos"))
    flags = [part for name, folder in folders.items() for part in (f"--{name}", str(folder))]
    server = start(tmp_path / "messages", "--reload", *flags)
    try:
        _await(server, 503)
        file.write_text(sound)
        _await(server, 200, changed=file)
    finally:
        server.process.terminate()
        assert server.process.wait(30) == 0


def _await(server: Serving, status: int, *, changed: Path | None = None) -> None:
    """Ask until the answer has that status; `changed` gets a new time at each turn, for the watcher may start late."""
    last = 0
    for turn in range(60):
        if changed:
            os.utime(changed, (time.time() + turn,) * 2)
        try:
            last = _status(server.send(b"GET /cds-services HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
        except (OSError, IndexError):
            last = 0
        if last == status:
            return
        time.sleep(0.5)
    raise AssertionError(f"last status {last}: {server.messages.read_text()}")
