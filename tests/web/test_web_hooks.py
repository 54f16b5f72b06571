"""Hook routes over HTTP: statuses, headers, error bodies, and what is told to nobody."""

from __future__ import annotations

import base64
import json
from collections.abc import MutableMapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from cds.config import Settings
from cds.errors import Issue, RequestError
from cds.web import create_app

URL = "/cds-services/pain"
CALL = {"hook": "patient-view", "hookInstance": "1", "context": {"patientId": "p1"}}
Log = list[MutableMapping[str, Any]]
ORIGIN = {"Origin": "https://ehr.example"}


def _issue(response: TestResponse, status: int) -> dict[str, Any]:
    """The first issue, after what must hold for every refusal (D3, security A3, security A4)."""
    assert response.status_code == status
    assert response.mimetype == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in response.headers
    outcome = json.loads(response.data)
    assert outcome["resourceType"] == "OperationOutcome"
    assert all(issue["severity"] == "error" and issue["details"]["text"] for issue in outcome["issue"])
    assert b"Traceback" not in response.data
    first: dict[str, Any] = outcome["issue"][0]
    return first


def test_discovery(client: FlaskClient) -> None:
    """GET /cds-services is 200 JSON, tolerant of Accept, query strings, HEAD and a closing slash (A1, A16)."""
    accept = {"Accept": "text/html;q=0.1, application/nonsense"}
    for path in ("/cds-services", "/cds-services?x=y", "/cds-services/", "/cds-services//"):
        response = client.get(path, headers=accept)
        assert (response.status_code, response.mimetype) == (200, "application/json")
        assert response.json == {"services": [{"hook": "patient-view", "id": "pain", "description": "D"}]}
    head = client.head("/cds-services")
    assert (head.status_code, head.data) == (200, b"")


def test_discovery_may_be_kept_until_the_content_changes(client: FlaskClient, engine: Any) -> None:
    """Discovery carries the revision as its ETag; only it may be cached (security A4)."""
    tag = client.get("/cds-services").headers["ETag"]
    assert client.get("/cds-services", headers={"If-None-Match": tag}).status_code == 304
    engine.snapshot.revision = "fedcba9876543210"
    assert client.get("/cds-services", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("path", [URL, "/cds-services//pain", "/cds-services///pain//", URL + "?x=y", URL + "/"])
def test_a_call_is_answered(client: FlaskClient, path: str) -> None:
    """A POST at the service's URL, also with `//` in it, is 200 with cards (B1, C1, J)."""
    response = client.post(path, json=CALL)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert response.json is not None
    assert len(response.json["cards"]) == 1
    assert response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in response.headers


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/fhir+json"]
)
def test_json_media_types_are_taken(client: FlaskClient, content_type: str) -> None:
    """JSON is taken with parameters, in any case, and as FHIR JSON (B2)."""
    assert client.post(URL, data=json.dumps(CALL), content_type=content_type).status_code == 200


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "", None]
)
def test_other_media_types_are_refused(client: FlaskClient, content_type: str | None) -> None:
    """Anything but JSON is 415 (B2, security B8)."""
    assert _issue(client.post(URL, data=json.dumps(CALL), content_type=content_type), 415)["code"] == "not-supported"


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, gzip", "x"])
def test_compressed_bodies_are_refused(client: FlaskClient, encoding: str) -> None:
    """Content-Encoding other than identity is 415 (security B2)."""
    _issue(client.post(URL, json=CALL, headers={"Content-Encoding": encoding}), 415)
    assert client.post(URL, json=CALL, headers={"Content-Encoding": "identity"}).status_code == 200


@pytest.mark.parametrize("name", ["nope", "%2e%2e", "..%5c..%5cx", "%00", "x" * 10_000, "..", "ä"])
def test_unknown_services_are_404(client: FlaskClient, name: str) -> None:
    """An id nobody serves is 404 and is not repeated in the answer (B2, security B8, D2)."""
    response = client.post(f"/cds-services/{name}", json=CALL)
    assert _issue(response, 404)["code"] == "not-found"
    assert b"nope" not in response.data


@pytest.mark.parametrize("path", ["/", "/nope", "/cds-services/../../etc/passwd", "/cds-services/a/b/c"])
def test_unknown_addresses_are_404(client: FlaskClient, path: str) -> None:
    """There is one error shape for addresses nobody serves (security B8)."""
    _issue(client.post(path, json=CALL), 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_405_with_allow(client: FlaskClient, method: str) -> None:
    """A service is called with POST only, and the answer says so (B1, security B8)."""
    response = client.open(URL, method=method)
    _issue(response, 405)
    assert response.headers["Allow"] == "OPTIONS, POST"
    _issue(client.post("/cds-services", json=CALL), 405)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b"{}", "/hook"),
        (json.dumps({**CALL, "context": {}}).encode(), "/context/patientId"),
    ],
)
def test_malformed_calls_are_400_with_pointers(client: FlaskClient, body: bytes, pointer: str | None) -> None:
    """What is no hook call is 400, and the JSON pointer names the place (B2-B6, D2, D3)."""
    issue = _issue(client.post(URL, data=body, content_type="application/json"), 400)
    assert issue.get("expression") == ([pointer] if pointer else None)


def test_statuses_of_the_engine_come_through(client: FlaskClient, engine: Any) -> None:
    """A refusal of the engine keeps its status and its issues (D1, D2)."""

    def lacking() -> dict[str, Any]:
        raise RequestError(412, [Issue("required", "Needed", "/prefetch/conditions", "conditions")])

    engine.then = lacking
    issue = _issue(client.post(URL, json=CALL), 412)
    assert (issue["expression"], issue["diagnostics"]) == (["/prefetch/conditions"], "conditions")


def test_bodies_over_the_limit_are_413(engine: Any) -> None:
    """Exactly the limit passes, one byte more is 413 (security B1)."""
    body = json.dumps(CALL).encode()
    client = create_app(engine, Settings(demo=True, max_body=2048)).test_client()
    for size, status in ((2048, 200), (2049, 413)):
        response = client.post(URL, data=body + b" " * (size - len(body)), content_type="application/json")
        assert response.status_code == status
    _issue(response, 413)


@pytest.mark.parametrize(
    ("length", "status"), [("x", 400), ("-1", 400), ("9" * 30, 400), ("5000000", 413), ("200", 400), ("3", 400)]
)
def test_a_content_length_that_lies(client: FlaskClient, length: str, status: int) -> None:
    """A Content-Length that is no number, too great, too long or too short never gives 200 or 500 (security B1)."""
    response = client.post(
        URL, data=json.dumps(CALL), content_type="application/json", environ_overrides={"CONTENT_LENGTH": length}
    )
    _issue(response, status)


def test_a_failure_of_ours_tells_only_an_id(client: FlaskClient, engine: Any, log: Log) -> None:
    """500 has a fixed body with the correlation id; the log has type and place of the error, not its text (security A2,
    security A3)."""

    def broken() -> dict[str, Any]:
        raise ZeroDivisionError("Zebra")

    engine.then = broken
    response = client.post(URL, json=CALL)
    issue = _issue(response, 500)
    assert issue["diagnostics"] == response.headers["X-Request-Id"]
    [failed, _call] = log
    assert (failed["error"], failed["id"], failed["service"]) == ("ZeroDivisionError", issue["diagnostics"], "pain")
    assert failed["at"][0].startswith("web/hooks.py:")
    assert "Zebra" not in json.dumps(log) + response.text


def test_one_log_line_per_call(client: FlaskClient, log: Log) -> None:
    """A call is logged with correlation id, client, service, route, status, time and number of cards, and no more
    (security A2)."""
    answer = client.post(URL, json=CALL)
    client.post("/cds-services/Zebra", json=CALL)
    client.get("/livez")
    called, unknown, alive = log
    assert called.pop("ms") >= 0
    assert called == {
        "id": answer.headers["X-Request-Id"],
        "client": "demo",
        "service": "pain",
        "route": "/cds-services/<service_id>",
        "status": 200,
        "cards": 1,
        "event": "call",
        "log_level": "info",
    }
    assert (unknown["service"], unknown["status"], alive["log_level"]) == (None, 404, "debug")


@pytest.mark.parametrize("header", ["X-Request-Id", "X-Correlation-Id"])
def test_a_safe_correlation_id_is_kept(client: FlaskClient, header: str) -> None:
    """The caller's id comes back when it is a plain token; anything else is replaced (security A2)."""
    assert client.get("/livez", headers={header: "Trace.01-ab_c"}).headers["X-Request-Id"] == "Trace.01-ab_c"
    for unsafe in ("a b c d e f g h", "<script>alert", "x" * 65, "short", "ä" * 10):
        assert (
            client.get("/livez", headers={header: unsafe.encode().decode("latin-1")}).headers["X-Request-Id"] != unsafe
        )


def test_a_correlation_id_that_was_sent_is_logged_as_its_digest(client: FlaskClient, engine: Any, log: Log) -> None:
    """A caller may make it of what is the patient's, such as a record number (security A2). The body of a failure has
    the id that the log has."""

    def broken() -> dict[str, Any]:
        raise ZeroDivisionError

    engine.then = broken
    answer = client.post(URL, json=CALL, headers={"X-Request-Id": "MRN-0012345"})
    assert answer.headers["X-Request-Id"] == "MRN-0012345"
    digest = sha256(b"MRN-0012345").hexdigest()[:16]
    assert {line["id"] for line in log} == {digest}
    assert _issue(answer, 500)["diagnostics"] == digest
    assert "0012345" not in json.dumps(log)


CANARY = "Zebra Quagga-7"


def _canaries() -> list[dict[str, Any]]:
    context = {
        "patientId": "p1",
        "userId": "Practitioner/ZebraQuagga",
        "draftOrders": {"resourceType": "Bundle", "id": CANARY},
    }
    good = {
        "hook": "patient-view",
        "hookInstance": CANARY,
        "fhirServer": f"https://{CANARY}",
        "fhirAuthorization": {"access_token": CANARY, "scope": CANARY},
        "context": context,
        "prefetch": {CANARY: {"resourceType": "Patient", "id": CANARY}, "patient": {"resourceType": CANARY}},
        "extension": {CANARY: CANARY},
        CANARY: CANARY,
    }
    broken = [{**good, name: CANARY} for name in ("context", "prefetch", "fhirAuthorization", "extension")]
    ids = [
        {**good, "context": {**context, name: CANARY}} for name in ("patientId", "encounterId", "userId", "draftOrders")
    ]
    return [good, *broken, *ids, {**good, "prefetch": {CANARY: CANARY}}]


@pytest.mark.parametrize("call", _canaries())
@pytest.mark.parametrize("outcome", ["cards", "refusal", "failure"])
def test_nothing_sent_reaches_logs_or_errors(
    call: dict[str, Any], outcome: str, client: FlaskClient, engine: Any, log: Log
) -> None:
    """A canary in every field is in no log line and no answer, whatever becomes of the call, also encoded (security A2,
    security B7)."""

    def fail() -> dict[str, Any]:
        if outcome == "cards":
            return {"cards": []}
        if outcome == "refusal":
            raise RequestError(412, Issue("required", "Needed"))
        raise KeyError(call)

    engine.then = fail
    headers = {"Authorization": f"Bearer {CANARY}", "X-Request-Id": CANARY, "User-Agent": CANARY, "Referer": CANARY}
    responses = [
        client.post(URL, json=call, headers=headers),
        client.post(f"/cds-services/{CANARY}", json=call, headers=headers),
        client.post(URL + f"?q={CANARY}", data=CANARY, content_type="application/json", headers=headers),
        client.post(URL, data=CANARY, content_type=CANARY, headers=headers),
    ]
    seen = json.dumps(log) + "".join(response.text + str(response.headers) for response in responses)
    for form in ("Zebra", "Quagga", quote(CANARY), base64.b64encode(CANARY.encode()).decode().rstrip("=")):
        assert form not in seen
    assert len(log) >= 4


@pytest.mark.parametrize("path", ["/cds-services", URL])
def test_preflight(client: FlaskClient, path: str) -> None:
    """OPTIONS is answered without authentication for a listed origin (F14)."""
    asked = {**ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    response = client.options(path, headers=asked)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "https://ehr.example"
    assert response.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    assert (
        response.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type, Accept, If-None-Match, Prefer"
    )
    assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize(("path", "status"), [(URL, 200), ("/cds-services/nope", 404), ("/nope", 404)])
def test_cors_headers_are_on_every_answer(client: FlaskClient, path: str, status: int) -> None:
    """A page may read errors too; credentials are never allowed, other origins get nothing (F14)."""
    response = client.post(path, json=CALL, headers=ORIGIN)
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == "https://ehr.example"
    assert "Access-Control-Allow-Credentials" not in response.headers
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {}):
        refused = client.post(path, json=CALL, headers=headers)
        assert not [name for name in refused.headers if name[0].startswith("Access-Control")]
        assert "Origin" in refused.headers["Vary"]


def test_cors_in_demo_mode(engine: Any) -> None:
    """Open demo mode allows every origin as `*`; a list of origins is kept to even there; outside it is off (F14)."""
    anyone = create_app(engine, Settings(demo=True)).test_client().get("/cds-services", headers=ORIGIN)
    assert anyone.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in anyone.headers
    for settings in (Settings(demo=True, cors_origins=("https://other.example",)), Settings()):
        response = create_app(engine, settings).test_client().get("/cds-services", headers=ORIGIN)
        assert "Access-Control-Allow-Origin" not in response.headers


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@profile(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=60)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from([*CALL, "prefetch", "fhirServer"]), JSON).map(
        lambda changes: json.dumps({**CALL, **changes}).encode()
    )
)
def test_no_body_is_a_server_error(client: FlaskClient, body: bytes) -> None:
    """Arbitrary bodies are answered with 200 or 400 (security B5, security B6)."""
    response = client.post(URL, data=body, content_type="application/json")
    assert response.status_code in (200, 400)
