"""`cds clients`, `cds key` and `cds token`, and a service with registered clients as processes on real sockets."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from cli_process import ROOT, Run, Serving, environment, start_as
from click.testing import CliRunner
from fhir_server_support import Hit, Reply, ScriptedServer, closed_port, serving
from token_support import claims, header, public, rsa, signed

from cds.cli import token

SERVICE, OTHER = "/cds-services/try-patient-view", "/cds-services/try-order-sign"
CALL = json.dumps(
    {
        "hook": "patient-view",
        "hookInstance": "1",
        "context": {"patientId": "p1", "userId": "Practitioner/1"},
        "prefetch": {"patient": {"resourceType": "Patient", "id": "p1"}},
    }
).encode()
PLAN = {
    "resourceType": "PlanDefinition",
    "url": "http://example.org/plans/try",
    "status": "active",
    "description": "A plan for a test.",
    "action": [
        {
            "id": "try",
            "title": "A card",
            "trigger": [{"type": "named-event", "name": name} for name in ("patient-view", "order-sign")],
            "documentation": [{"type": "citation", "label": "T01", "display": "A test"}],
        }
    ],
}
TOKEN = "0123456789abcdef" * 2
ISSUER = "https://ehr.example/oauth2"
NOISY = "https://c.example"
FILE = f"""\
clients:
  - id: ehr
    issuer: {ISSUER}
    keys: ehr.jwks.json
    origins: [https://ehr.example]
    services: [try-patient-view, gone]
    queries:
      goals: Goal?patient={{{{context.patientId}}}}&lifecycle-status=active
"""


class Site:
    """`cds serve` with registered clients, on a port of its own that outlives a restart."""

    def __init__(self, clients: Path, *arguments: str) -> None:
        self.folder = clients.parent
        self.port = closed_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._messages = self.folder / "messages"
        self._arguments = [
            *("--clients", str(clients), "--public-url", self.url, "--port", str(self.port)),
            *("--content", str(self.folder / "content"), "--operator-token-file", str(self.folder / "token")),
            *arguments,
        ]
        self._database = f"sqlite:///{self.folder}/cds.sqlite3"
        self.server = self.begin()

    def begin(self) -> Serving:
        self.server = start_as(self._messages, *self._arguments, CDS_DATABASE_URL=self._database)
        return self.server

    def end(self) -> None:
        self.server.process.terminate()
        assert self.server.process.wait(30) == 0

    def reload(self) -> int:
        lines = ["POST /admin/reload HTTP/1.1", "Host: x", "Connection: close", f"Authorization: Bearer {TOKEN}"]
        return status(self.server.send("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()))

    def call(self, sent: str | None, *headers: str, path: str = SERVICE) -> bytes:
        lines = [
            f"POST {path} HTTP/1.1",
            "Host: x",
            "Connection: close",
            "Content-Type: application/json",
            f"Content-Length: {len(CALL)}",
            *([f"Authorization: Bearer {sent}"] if sent else []),
            *headers,
        ]
        return self.server.send("\r\n".join([*lines, "", ""]).encode() + CALL)


@pytest.fixture(scope="module")
def registered(cds: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of clients with one EHR, whose private key is beside it in `ehr.json`."""
    folder = tmp_path_factory.mktemp("clients")
    made = cds("key", folder / "ehr.json")
    assert made.returncode == 0
    (folder / "ehr.jwks.json").write_text(made.stdout)
    (folder / "clients.yaml").write_text(FILE)
    (folder / "token").write_text(TOKEN)
    (folder / "content").mkdir()
    (folder / "content" / "plan.json").write_text(json.dumps(PLAN))
    return folder / "clients.yaml"


@pytest.fixture(scope="module")
def keys() -> Iterator[ScriptedServer]:
    """Publishes the key of a second client."""
    with serving(lambda _hit: Reply(json.dumps({"keys": [public(rsa())]}).encode())) as server:
        yield server


@pytest.fixture(scope="module")
def site(registered: Path, keys: ScriptedServer) -> Iterator[Site]:
    """A service that other machines may call, with four workers and three clients, one of which may call seldom."""
    second = f"  - {{id: b, issuer: https://b.example, jku: '{keys.url}/jwks.json', networks: [127.0.0.0/8]}}\n"
    both = registered.parent / "both.yaml"
    third = f"  - {{id: c, issuer: {NOISY}, keys: ehr.jwks.json, rate: 2}}\n"
    both.write_text(FILE + second + third)
    running = Site(both, "--workers", "4", "--host", "0.0.0.0")  # noqa: S104 - registered clients may (J14)
    yield running
    running.end()


def tokens(site: Site, path: str, issuer: str = ISSUER) -> str:
    """A token for one call of an address, as `cds token` makes it."""
    arguments = [site.url + path, "--key", str(site.folder / "ehr.json"), "--issuer", issuer]
    made = CliRunner().invoke(token.command, arguments, catch_exceptions=False)
    return made.stdout.strip()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_a_registered_client_calls(site: Site) -> None:
    """The whole way: discovery is open, a call needs a token for its own address, a service that the client is not
    registered for is 403, a preflight needs nothing, every answer has its CORS headers (F3, F7, F14, D2)."""
    page = "Origin: https://ehr.example"
    assert status(site.server.send(b"GET /cds-services HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == 200
    good = site.call(tokens(site, SERVICE), page)
    assert (status(good), b"Access-Control-Allow-Origin: https://ehr.example" in good) == (200, True)
    wrong = site.call(tokens(site, SERVICE), page, path=OTHER)
    assert (status(wrong), b"WWW-Authenticate: Bearer" in wrong) == (401, True)
    assert b"Access-Control-Allow-Origin: https://ehr.example" in wrong
    assert status(site.call(tokens(site, OTHER), path=OTHER)) == 403
    assert status(site.call(None)) == 401
    preflight = f"OPTIONS {SERVICE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{page}\r\n\r\n"
    assert status(site.server.send(preflight.encode())) == 200

    text = site.server.messages.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert [line["reason"] for line in lines if line["event"] == "unauthenticated"] == ["audience", "no-token"]
    assert [line["service"] for line in lines if line["event"] == "client-service-unknown"] == ["gone"]
    assert [line["key"] for line in lines if line["event"] == "client-query-unused"] == ["goals"]
    [call] = [line for line in lines if line["event"] == "call" and line["cards"] == 1]
    assert (call["iss"], call["tenant"], len(call["jti"])) == (ISSUER, "ehr", 36)
    assert "eyJ" not in text


def test_published_keys_are_fetched_before_the_first_call(site: Site, keys: ScriptedServer) -> None:
    """The first process asks once, and its workers begin with what it got (F9, J10)."""
    now = int(time.time())
    for number in range(8):
        good = claims(iss="https://b.example", aud=site.url + SERVICE, iat=now, exp=now + 300, jti=f"b-{number}")
        assert status(site.call(signed(header(), good).removeprefix("Bearer "))) == 200
    assert [hit.target for hit in keys.hits] == ["/jwks.json"]


def test_no_process_keeps_the_connection_for_keys(site: Site, keys: ScriptedServer) -> None:
    """The first process asks no more once it has the keys, and its workers share no socket of it (F9)."""
    first = psutil.Process(site.server.process.pid)
    processes = [first, *first.children()]
    assert len(processes) > 1
    ends = [end.raddr.port for process in processes for end in process.net_connections("tcp") if end.raddr]
    assert keys.port not in ends


def test_a_client_that_floods_is_kept_from_the_others(site: Site) -> None:
    """security R2: most of its calls are 429, on all workers, and counted; those of another client are answered in
    between. A token that was refused so counts later."""
    flood = [tokens(site, SERVICE, NOISY) for _ in range(60)]
    calm = [tokens(site, SERVICE) for _ in range(10)]
    with ThreadPoolExecutor(8) as pool:
        noisy = [pool.submit(site.call, one) for one in flood]
        assert [status(site.call(one)) for one in calm] == [200] * 10
        answers = [future.result() for future in noisy]
    refused = [one for one, answer in zip(flood, answers, strict=True) if status(answer) == 429]
    assert {status(answer) for answer in answers} == {200, 429}
    assert len(refused) > 10
    time.sleep(1)
    assert status(site.call(refused[0])) == 200
    lines = ["GET /metrics HTTP/1.1", "Host: x", "Connection: close", f"Authorization: Bearer {TOKEN}", "", ""]
    counted = site.server.send("\r\n".join(lines).encode()).decode()
    assert f'cds_throttled_calls_total{{client="c"}} {len(refused)}.0' in counted


def test_a_token_counts_once_on_four_workers_and_after_a_restart(site: Site) -> None:
    """One token sent 50 times at once to four workers: one call is answered, 49 are 401, and after a restart it is 401
    still (J9, F11)."""
    for _ in range(3):
        once = tokens(site, SERVICE)
        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(status, pool.map(site.call, [once] * 50)))
        assert sorted(answers) == [200, *[401] * 49]
    site.end()
    site.begin()
    assert status(site.call(once)) == 401
    assert status(site.call(tokens(site, SERVICE))) == 200


def test_clients_are_registered_without_a_restart(site: Site, registered: Path) -> None:
    """A reload reads the file of clients anew; one that is wrong changes nothing and is told in the log; clients that
    are gone may not call any more (J14, security D3)."""
    file = registered.with_name("both.yaml")
    before = file.read_text()
    file.write_text(before.replace("issuer", "isuer"))
    assert site.reload() == 409
    assert status(site.call(tokens(site, SERVICE))) == 200
    assert "client-unknown: this is not known here\\n  hint: did you mean 'issuer'?" in site.server.messages.read_text()
    for text, expected in ((before.replace(ISSUER, "https://moved.example"), 401), (before, 200)):
        file.write_text(text)
        assert site.reload() == 200
        end = time.monotonic() + 20
        while status(site.call(tokens(site, SERVICE))) != expected:  # workers from before end what they have begun
            assert time.monotonic() < end, site.server.messages.read_text()
            time.sleep(0.1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "public_url (CDS_PUBLIC_URL): the tokens of clients are made out to it"),
        (("--public-url", "http://cds.example"), "must be https"),
        (("--public-url", "https://cds.example", "--demo"), "leave out either demo or clients"),
    ],
)
def test_contradictions_are_told(cds: Run, registered: Path, arguments: tuple[str, ...], sentence: str) -> None:
    """Clients need an address for their tokens, TLS before it, and no demo mode; exit status 2 (F1, J14)."""
    ended = cds("serve", "--clients", registered, *arguments)
    assert (ended.returncode, sentence in ended.stderr) == (2, True)
    assert len(ended.stderr.splitlines()) == 1


def test_a_broken_file_of_clients_is_told(cds: Run, registered: Path, tmp_path: Path) -> None:
    """Each problem is printed with its place, and the service does not start; exit status 2."""
    broken = tmp_path / "clients.yaml"
    broken.write_text(FILE.replace("issuer", "isuer").replace("ehr.jwks", f"{registered.parent}/ehr.jwks"))
    for verb in (("serve", "--public-url", "https://cds.example", "--clients"), ("clients",)):
        ended = cds(*verb, broken)
        assert ended.returncode == 2
        assert "clients.yaml:3:5: client-unknown: this is not known here" in ended.stderr
        assert "did you mean 'issuer'?" in ended.stderr
        assert ended.stderr.endswith("2 problems; nobody can be let in\n")


def test_the_table_of_clients(cds: Run, registered: Path) -> None:
    """`cds clients` shows what each client may do, for people and machines."""
    shown = cds("clients", registered)
    assert shown.returncode == 0
    assert re.search(rf"^issuer +{ISSUER}$", shown.stdout, re.MULTILINE)
    [about] = json.loads(cds("clients", registered, "--format", "json").stdout)["clients"]
    assert (about["id"], about["keys"], about["fhir"]) == ("ehr", ["try-1"], "none")
    assert about["queries"] == ["goals: Goal?patient={{context.patientId}}&lifecycle-status=active"]


def test_published_keys_are_asked_for(cds: Run, tmp_path: Path) -> None:
    """`cds clients --fetch` says which keys a client publishes, or why they cannot be had; exit status 1 then (F9)."""

    def script(hit: Hit) -> Reply:
        if hit.path == "/gone":
            return Reply(status=404)
        return Reply(json.dumps({"keys": [public(rsa())]}).encode())

    with serving(script) as server:
        text = "clients:\n"
        for name in ("here", "gone"):
            text += f"  - {{id: {name}, issuer: {name}, jku: '{server.url}/{name}', networks: [127.0.0.0/8]}}\n"
        (tmp_path / "clients.yaml").write_text(text)
        shown = cds("clients", tmp_path / "clients.yaml", "--fetch")
    assert shown.returncode == 1
    assert "rsa-1, in 0." in shown.stdout
    assert "HTTP status 404" in shown.stderr


def test_the_guide_can_be_followed(tmp_path: Path) -> None:
    """The commands below "Try it" in docs/integration.md give what their comments say: 401, cards, 401."""
    script = (ROOT / "docs" / "integration.md").read_text().split("## Try it")[1].split("```sh\n")[1].split("```")[0]
    port = closed_port()
    for before, after in (
        (":8000", f":{port}"),
        ("cds serve", f"cds serve --port {port} --workers 1"),
        (" &\n", " &\nuntil curl -sf $URL/livez; do kill -0 $!; sleep 0.2; done > /dev/null\n"),
        ("curl --json", "curl -s -o /dev/null -w '%{http_code} ' --json"),
        ("@docs", f"@{ROOT}/docs"),
    ):
        assert before in script
        script = script.replace(before, after)
    command = tmp_path / "cds"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m cds "$@"\n')
    command.chmod(0o755)
    names = environment(XDG_STATE_HOME=str(tmp_path), PATH=f"{tmp_path}:{os.environ['PATH']}")
    whole = ["/bin/bash", "-c", f'set -e\ntrap "kill %1" EXIT\n{script}']
    ended = subprocess.run(whole, cwd=tmp_path, env=names, capture_output=True, text=True, timeout=90, check=False)
    assert ended.stdout.split() == ["401", "200", "401"], ended.stderr


def test_a_private_key_is_written_once_and_for_its_owner(cds: Run, tmp_path: Path) -> None:
    """`cds key` overwrites nothing, and nobody else may read what it writes."""
    assert cds("key", tmp_path / "k.json").returncode == 0
    assert (tmp_path / "k.json").stat().st_mode & 0o077 == 0
    again = cds("key", tmp_path / "k.json")
    assert (again.returncode, "no key is overwritten" in again.stderr) == (2, True)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"kty": "EC"}', json.dumps(public(rsa()))])
def test_tokens_need_a_private_key(cds: Run, tmp_path: Path, text: str) -> None:
    """A file without one is told in a sentence."""
    (tmp_path / "k.json").write_text(text)
    ended = cds("token", "https://cds.example/x", "--key", tmp_path / "k.json", "--issuer", "i")
    assert (ended.returncode, "make one with `cds key`" in ended.stderr) == (2, True)
