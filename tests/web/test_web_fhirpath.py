"""`POST /fhir/$fhirpath` over HTTP: media types, releases, refusals, browsers, and what is told to nobody."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cds.config import Settings
from cds.web import create_app

URL = "/fhir/$fhirpath"
SAMPLE = Path(__file__).resolve().parents[2] / "docs" / "samples" / "fhirpath.json"
LAB = {"Origin": "https://fhirpath-lab.com"}
Log = list[MutableMapping[str, Any]]


def call(expression: str = "name.family", **resource: Any) -> dict[str, Any]:
    """Parameters that ask an expression of a patient."""
    patient = {"resourceType": "Patient", "name": [{"family": "Zebra"}], **resource}
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": "expression", "valueString": expression}, {"name": "resource", "resource": patient}],
    }


def post(client: FlaskClient, body: Any, url: str = URL, **headers: str) -> TestResponse:
    """A call as the lab makes it."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(url, data=data, headers={"Content-Type": "application/fhir+json", **headers})


def evaluator(response: TestResponse) -> str:
    """The first part of the first parameter."""
    assert response.status_code == 200
    name: str = json.loads(response.data)["parameter"][0]["part"][0]["valueString"]
    return name


def test_a_call_is_answered_as_fhir(client: FlaskClient) -> None:
    """Parameters as application/fhir+json, never kept by anyone."""
    response = post(client, call())
    assert (response.status_code, response.mimetype) == (200, "application/fhir+json")
    assert response.headers["Cache-Control"] == "no-store"
    result = json.loads(response.data)["parameter"][1]
    assert (result["name"], result["part"][0]["valueString"]) == ("result", "Zebra")


@pytest.mark.parametrize(
    "kind", ["application/json", "application/fhir+json; fhirVersion=4.0", "application/fhir+json"]
)
def test_json_has_several_names(client: FlaskClient, kind: str) -> None:
    """The media types clients send."""
    assert post(client, call(), **{"Content-Type": kind}).status_code == 200


@pytest.mark.parametrize(
    ("url", "release"),
    [
        (URL, "R4"),
        (f"{URL}?fhirVersion=R4", "R4"),
        (f"{URL}?fhirVersion=r5", "R5"),
        ("/fhir/$fhirpath-r5", "R5"),
        ("/fhir/%24fhirpath/", "R4"),
    ],
)
def test_the_release_is_in_the_address(client: FlaskClient, url: str, release: str) -> None:
    """`fhirVersion` chooses, R4 is the default, and the lab's own addresses work."""
    assert evaluator(post(client, call(), url)).endswith(f"({release})")


def test_the_sample_of_the_documentation_works(client: FlaskClient) -> None:
    """docs/fhirpath-lab.md sends it with curl."""
    answer = json.loads(post(client, SAMPLE.read_bytes()).data)
    found = [(p["valueString"], p["part"][0]["valueString"]) for p in answer["parameter"] if p["name"] == "result"]
    assert found == [("Patient.name[0]", "Ann Cole"), ("Patient.name[1]", "Ann Dean")]


def test_decimals_keep_their_digits(client: FlaskClient) -> None:
    """What is echoed and what is computed."""
    body = json.dumps(call("1.50", multipleBirthInteger=1)).replace('"multipleBirthInteger": 1', '"x": 2.50').encode()
    text = post(client, body).data
    assert b'"x":2.50' in text
    assert b'"valueDecimal":1.50' in text


@pytest.mark.parametrize(
    ("body", "url", "kind", "status", "code"),
    [
        (b"{}", URL, "text/plain", 415, "not-supported"),
        (b"{", URL, "application/json", 400, "structure"),
        (b"[" * 500, URL, "application/json", 400, "structure"),
        (b'{"resourceType":"Parameters","parameter":[]}', URL, "application/json", 400, "required"),
        (json.dumps(call("1 +")).encode(), URL, "application/json", 400, "invalid"),
        (json.dumps(call("name.where(1 + 'a' = 2)")).encode(), URL, "application/json", 422, "processing"),
        (json.dumps(call()).encode(), f"{URL}?fhirVersion=R9", "application/json", 400, "not-supported"),
        (b'{"a":"' + b"x" * 5_000_000 + b'"}', URL, "application/json", 413, "too-long"),
    ],
)
def test_a_refusal_is_an_operation_outcome(
    client: FlaskClient, body: bytes, url: str, kind: str, status: int, code: str
) -> None:
    """As for every route."""
    response = post(client, body, url, **{"Content-Type": kind})
    outcome = json.loads(response.data)
    assert (response.status_code, outcome["resourceType"]) == (status, "OperationOutcome")
    assert (outcome["issue"][0]["severity"], outcome["issue"][0]["code"]) == ("error", code)


def test_other_methods_are_told(client: FlaskClient) -> None:
    """GET is no way to send a resource."""
    response = client.get(URL)
    assert (response.status_code, response.headers["Allow"]) == (405, "OPTIONS, POST")


def test_what_was_sent_is_not_logged(client: FlaskClient, log: Log) -> None:
    """Neither data nor expression, whatever becomes of the call (security A2)."""
    for expression in ("name.family", "name.where(", "'Zebra'.single(1)", "name.family.trace('Zebra') + 1"):
        post(client, call(expression))
    assert [line["status"] for line in log if line["event"] == "call"] == [200, 400, 400, 422]
    assert {line["service"] for line in log if line["event"] == "call"} == {"$fhirpath"}
    assert "Zebra" not in repr(log)


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        (Settings(demo=True), "*"),
        (Settings(cors_origins=("https://fhirpath-lab.com",), demo=True), "https://fhirpath-lab.com"),
        (Settings(cors_origins=("https://ehr.example",), demo=True), None),
    ],
)
def test_the_lab_may_call_where_the_operator_says_so(engine: Any, settings: Settings, allowed: str | None) -> None:
    """All in demo mode, unless the setting names some; the preflight allows what the lab sends."""
    client = create_app(engine, settings).test_client()
    response = post(client, call(), **LAB)
    assert response.headers.get("Access-Control-Allow-Origin") == allowed
    asked = {**LAB, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = client.options(URL, headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers.get("Access-Control-Allow-Origin") == allowed
    if allowed:
        assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
        assert "Content-Type" in preflight.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in preflight.headers
