"""A served process is sent a canary in every field and through every way to fail, with the log at debug: it must show
up in no line of the log, nothing printed, no metric and no refusal."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from cli_process import Serving, environment, start

CANARY = "Zebra Quagga-7"
#: Base64 shows a text in three ways, by where it begins; the ends that hang on its neighbours are cut.
FORMS = (
    "zebra",
    "quagga",
    quote(CANARY).lower(),
    CANARY.encode().hex(),
    *(base64.b64encode(b"x" * n + CANARY.encode()).decode()[4:-4].lower() for n in range(3)),
)
ID = "ZebraQuagga7"

#: Each condition fails, on what the canary is in.
FAILING = {
    "numbers": "%patient.name.given + 1 = 2",
    "patterns": "'x'.matches(%patient.name.family + '(')",
    "several": "%patient.name.given.single() = 'x'",
    "dates": "@2020-01-01 + %patient.name.family.first() = today()",
    "message": "Message(true, true, Patient.name.first().family.value, 'Error', Patient.name.first().family.value)",
    "moment": "Date(2020, Patient.multipleBirth as FHIR.integer) = Today()",
}


def _content(folder: Path) -> Path:
    folder.mkdir()
    plan = {
        "resourceType": "PlanDefinition",
        "url": "http://example.org/plans/fails",
        "status": "active",
        "description": "A plan whose rules fail.",
        "library": ["http://example.org/Library/Logic"],
        "action": [_action(name, text) for name, text in FAILING.items()],
    }
    library = {
        "resourceType": "Library",
        "url": "http://example.org/Library/Logic",
        "name": "Logic",
        "version": "1",
        "status": "active",
        "type": {"coding": [{"code": "logic-library"}]},
        "content": [{"contentType": "text/cql", "url": "logic.cql"}],
    }
    for name, resource in (("plan", plan), ("library", library)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(resource))
    (folder / "logic.cql").write_text(
        "library Logic version '1'\nusing FHIR version '4.0.1'\ninclude FHIRHelpers version '4.0.1'\ncontext Patient\n"
        + "".join(f"define {name}: {text}\n" for name, text in FAILING.items() if name in ("message", "moment"))
    )
    return folder


def _action(name: str, text: str) -> dict[str, Any]:
    language = "text/cql-identifier" if name in ("message", "moment") else "text/fhirpath"
    expression = {"language": language, "expression": name if language != "text/fhirpath" else text}
    return {
        "id": name,
        "title": "A card",
        "trigger": [{"type": "named-event", "name": "patient-view"}, {"type": "named-event", "name": "order-sign"}],
        "documentation": [{"type": "citation", "label": "T01", "display": "A test"}],
        "condition": [{"kind": "applicability", "expression": expression}],
    }


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("privacy")
    server = start(
        folder / "messages", "--content", str(_content(folder / "content")), "--workers", "1", "--log-level", "debug"
    )
    yield server
    server.process.terminate()
    server.process.wait(30)


def _call(**changes: Any) -> dict[str, Any]:
    patient = {
        "resourceType": "Patient",
        "id": ID,
        "name": [{"family": CANARY, "given": [CANARY, CANARY]}],
        "multipleBirthInteger": 99,
        "address": [{"text": CANARY}],
    }
    call = {
        "hook": "patient-view",
        "hookInstance": CANARY,
        "fhirServer": f"http://127.0.0.1:9/{ID}",
        "fhirAuthorization": {
            "access_token": ID,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": f"patient/*.rs {ID}",
            "subject": ID,
        },
        "context": {"patientId": ID, "userId": f"Practitioner/{ID}", "encounterId": ID, CANARY: CANARY},
        "prefetch": {"patient": patient, ID: patient},
        "extension": {CANARY: CANARY},
        CANARY: CANARY,
    }
    return {**call, **changes}


def _requests() -> Iterator[tuple[str, str, bytes, dict[str, str]]]:
    """(method, path, body, headers) of calls that are answered and calls that are refused in every way there is."""
    service = "/cds-services/fails-patient-view"
    context = _call()["context"]
    bodies: list[Any] = [
        _call(),
        _call(hook="order-sign"),
        _call(prefetch={}),
        _call(prefetch={"patient": {"resourceType": "OperationOutcome", "issue": [{"diagnostics": CANARY}]}}),
        _call(prefetch={"patient": {"resourceType": "Patient", "id": "other"}}),
        *(_call(**{name: CANARY}) for name in ("context", "prefetch", "fhirAuthorization", "extension", "hook")),
        *(_call(context={**context, name: CANARY}) for name in ("patientId", "userId", "encounterId", "draftOrders")),
        _call(context={**context, "draftOrders": {"resourceType": ID}}),
        _call(prefetch={ID: [CANARY]}),
        _call(**dict.fromkeys(("hook", "hookInstance"))),
        CANARY,
        [CANARY],
    ]
    for body in bodies:
        yield "POST", service, json.dumps(body).encode(), {}
    yield "POST", "/cds-services/fails-order-sign", json.dumps(_call(hook="order-sign")).encode(), {}
    good = json.dumps(_call()).encode()
    yield "POST", f"/cds-services/{ID}", good, {}
    yield "POST", f"{service}/feedback", json.dumps({"feedback": [{"card": CANARY, "outcome": CANARY}]}).encode(), {}
    yield "POST", service, good[:-20], {}
    yield "POST", service, b'{"a":' * 90 + json.dumps(CANARY).encode() + b"}" * 90, {}
    yield "POST", service, good.replace(b"Zebra", b"Zebra\\u0000"), {}
    yield "POST", service, good, {"Content-Type": ID}
    yield "POST", service, good, {"Content-Encoding": ID}
    yield "GET", f"{service}?{quote(CANARY)}", b"", {}
    yield "GET", f"/{quote(CANARY)}", b"", {}
    yield "GET", "/" + ID * 600, b"", {}
    parameters = [{"name": "expression", "valueString": f"'{CANARY}' + 1"}, {"name": CANARY, "valueString": CANARY}]
    for path in ("$fhirpath", "$cql", "PlanDefinition/$apply", f"PlanDefinition/{ID}/$apply", "Library/$evaluate"):
        body = {"resourceType": "Parameters", "parameter": parameters}
        yield "POST", f"/fhir/{path}", json.dumps(body).encode(), {}
    for path in (f"ValueSet/$expand?url={ID}", f"PlanDefinition?name={ID}&{ID}=1", f"PlanDefinition/{ID}"):
        yield "GET", f"/fhir/{path}", b"", {}


def _sent(method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    everywhere = {
        "Host": "x",
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Authorization": f"Bearer {ID}",
        "X-Request-Id": ID,
        "User-Agent": CANARY,
        "Referer": f"https://ehr.example/{ID}",
        "Cookie": f"a={ID}",
        "X-Forwarded-For": ID,
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in {**everywhere, **headers}.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _shown(text: str) -> list[str]:
    return [form for form in FORMS if form in text.lower()]


def test_no_log_line_metric_or_refusal_repeats_what_was_sent(failing: Serving) -> None:
    """A canary in every field and header, plain, percent-encoded, in base64 and in hex, is nowhere afterwards (security
    A2, B10, F13); every rule that failed on it is told."""
    statuses = set()
    for request in _requests():
        answer = failing.send(_sent(*request)).decode()
        head, _, body = answer.partition("\r\n\r\n")
        statuses.add(int(head.split()[1]))
        assert _shown(head.replace(f"X-Request-Id: {ID}\r\n", "")) == []  # which comes back, and is logged as a digest
        if request[1].startswith("/cds-services") or statuses == {404}:
            assert _shown(body) == [], request
    assert statuses >= {200, 400, 404, 405, 412, 414, 415}
    counted = failing.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").decode()
    assert "cds_rule_failures_total" in counted
    assert _shown(counted) == []
    assert failing.messages.with_suffix(".out").read_bytes() == b""
    log = failing.messages.read_text()
    assert _shown(log) == []
    lines = [json.loads(line) for line in log.splitlines() if not line.startswith("pathway-cds is ready at ")]
    assert {line["action"] for line in lines if line["event"] == "rule-failed"} == set(FAILING)


def test_a_crash_tells_where_and_not_what() -> None:
    """An error that nobody caught, in any thread, is one JSON line with its type and our frames (security A2)."""
    program = (
        "import logging, threading, warnings\n"
        "from cds.web import logs\n"
        "logs.configure('debug')\n"
        "warnings.warn('Zebra')\n"
        "logging.getLogger('library').error('Zebra %s', 'Zebra')\n"
        "thread = threading.Thread(target=lambda: {}['Zebra'])\n"
        "thread.start(); thread.join()\n"
        "raise ValueError('Zebra')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=environment(), check=False
    )
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [(line["event"], line.get("error")) for line in lines] == [
        ("library", None),
        ("library", None),
        ("crashed", "KeyError"),
        ("crashed", "ValueError"),
    ]
    assert "zebra" not in (ended.stdout + ended.stderr).lower()


def test_log_lines_for_people(tmp_path: Path) -> None:
    """`--log-format console` writes the same as text; the hook instance is a hash in both forms (security A2)."""
    content = str(_content(tmp_path / "content"))
    server = start(tmp_path / "messages", "--content", content, "--workers", "1", "--log-format", "console")
    body = json.dumps(_call(prefetch={}, fhirServer=None, fhirAuthorization=None)).encode()
    try:
        server.send(_sent("POST", "/cds-services/fails-patient-view", body, {}))
    finally:
        server.process.terminate()
        assert server.process.wait(30) == 0
    text = server.messages.read_text()
    [line] = [line for line in text.splitlines() if " call " in line]
    assert "status=412" in line
    assert "instance=" + sha256(CANARY.encode()).hexdigest()[:16] in line
    assert _shown(text) == []
