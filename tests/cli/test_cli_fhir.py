"""`cds serve` as a process whose workers read from a FHIR server: demo mode, and a registered client with its token."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest
from cli_process import Serving, start, start_as
from click.testing import CliRunner
from fhir_server_support import Record, ScriptedServer, closed_port, serving
from token_support import public, rsa

from cds.cli import token

pytestmark = pytest.mark.slow

SERVICE = "/cds-services/back-pain-patient-view"
ISSUER = "https://ehr.example/oauth2"
ACCESS = "access-token-canary"
CONDITION = {
    "resourceType": "Condition",
    "id": "lbp",
    "subject": {"reference": "Patient/p1"},
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "279039007"}]},
}


@pytest.fixture
def ehr() -> Iterator[ScriptedServer]:
    with serving(Record({"resourceType": "Patient", "id": "p1", "birthDate": "1980-05-01"}, CONDITION)) as server:
        yield server


def call(server: Serving, ehr: ScriptedServer, *headers: str, **members: object) -> tuple[int, bytes]:
    sent = {
        "hook": "patient-view",
        "hookInstance": "1",
        "fhirServer": f"{ehr.url}/fhir",
        "context": {"patientId": "p1", "userId": "Practitioner/u1"},
        **members,
    }
    body = orjson.dumps(sent)
    lines = [f"POST {SERVICE} HTTP/1.1", "Host: x", "Connection: close", "Content-Type: application/json"]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", *headers, "", ""])
    answer = server.send(head.encode() + body)
    return int(answer.split(b" ", 2)[1]), answer


def stop(server: Serving) -> None:
    server.process.terminate()
    assert server.process.wait(30) == 0


def test_workers_read_from_a_server_on_this_machine(ehr: ScriptedServer, tmp_path: Path) -> None:
    """P2, L6: in demo mode, from two forked workers at once; they stop within their time (security R4)."""
    server = start(tmp_path / "messages", "--workers", "2")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: call(server, ehr), range(24)))
    assert {status for status, _ in answers} == {200}
    assert all(b'"exercise-program"' in answer for _, answer in answers)
    stop(server)


def test_a_registered_client_has_its_server_read_with_its_token(ehr: ScriptedServer, tmp_path: Path) -> None:
    """P12, P14, B10: the token of the call goes to the registered server, and into no log; another server is not asked:
    412."""
    (tmp_path / "ehr.json").write_bytes(orjson.dumps(rsa().as_dict(private=True)))
    (tmp_path / "ehr.jwks.json").write_bytes(orjson.dumps({"keys": [public(rsa())]}))
    (tmp_path / "clients.yaml").write_text(
        f"clients: [{{id: ehr, issuer: '{ISSUER}', keys: ehr.jwks.json, fhir: ['{ehr.url}/fhir'], "
        "networks: [127.0.0.0/8]}]"
    )
    port = str(closed_port())
    url = f"http://127.0.0.1:{port}"
    arguments = ("--clients", str(tmp_path / "clients.yaml"), "--public-url", url, "--port", port, "--workers", "1")
    server = start_as(tmp_path / "messages", *arguments)

    def bearer() -> str:
        signing = [url + SERVICE, "--key", str(tmp_path / "ehr.json"), "--issuer", ISSUER]
        made = CliRunner().invoke(token.command, signing, catch_exceptions=False)
        return f"Authorization: Bearer {made.stdout.strip()}"

    granted = {
        "access_token": ACCESS,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.rs",
        "subject": "s",
    }
    status, answer = call(server, ehr, bearer(), fhirAuthorization=granted)
    assert (status, b'"exercise-program"' in answer) == (200, True)
    assert {hit.headers["authorization"] for hit in ehr.hits} == {f"Bearer {ACCESS}"}
    with serving(ehr.script) as other:
        assert call(server, other, bearer(), fhirAuthorization=granted)[0] == 412
        assert other.hits == []
    assert call(server, ehr, bearer())[0] == 412
    stop(server)
    assert ACCESS not in server.messages.read_text() + server.messages.with_suffix(".out").read_text()
