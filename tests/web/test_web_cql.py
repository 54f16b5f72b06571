"""`$cql` and `Library/$evaluate` over HTTP: addresses, media types, refusals, and what is told to nobody."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from cds.config import Settings
from cds.service import Engine
from cds.web import create_app

CQL = "/fhir/$cql"
EVALUATE = "/fhir/Library/words/$evaluate"
TYPE = "/fhir/Library/$evaluate"
URL = "http://example.org/fhir/Library/Words"
LIBRARY = f"""resourceType: Library
id: words
url: {URL}
name: Words
status: active
type: {{ coding: [{{ system: http://terminology.hl7.org/CodeSystem/library-type, code: logic-library }}] }}
content: [{{ contentType: text/cql, url: words.cql }}]
"""
WORDS = """library Words
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
parameter Ending String default '!'
context Patient
define Greeting: 'Hello' + Ending
define Family: First(Patient.name.family)
define Price: 1.50
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """The service over a content folder with one library."""
    folder = tmp_path_factory.mktemp("content")
    (folder / "words.yaml").write_text(LIBRARY)
    (folder / "words.cql").write_text(WORDS)
    settings = Settings(demo=True, content=folder, cors_origins=("https://ehr.example",))
    return create_app(Engine(settings), settings).test_client()


def sent(*parameters: dict[str, Any]) -> bytes:
    """The body of a call."""
    return json.dumps({"resourceType": "Parameters", "parameter": list(parameters)}).encode()


def expression(text: str, *others: dict[str, Any]) -> bytes:
    """The body of a call of $cql."""
    return sent({"name": "expression", "valueString": text}, *others)


def data(family: str) -> dict[str, Any]:
    """The input `data` with one patient."""
    resource = {"resourceType": "Patient", "id": "p", "name": [{"family": family}]}
    return {"name": "data", "resource": {"resourceType": "Bundle", "entry": [{"resource": resource}]}}


def post(client: FlaskClient, body: bytes, url: str = CQL, kind: str = "application/fhir+json") -> TestResponse:
    return client.post(url, data=body, headers={"Content-Type": kind})


def parameters(response: TestResponse) -> dict[str, dict[str, Any]]:
    """The parameters of an answer by name."""
    assert (response.status_code, response.mimetype) == (200, "application/fhir+json")
    return {found["name"]: found for found in json.loads(response.data)["parameter"]}


def test_an_expression_is_answered(client: FlaskClient) -> None:
    """As FHIR, kept by nobody, decimals with their digits."""
    response = post(client, expression("1.50 + 1.00"))
    assert parameters(response)["return"]["valueDecimal"] == 2.5
    assert b'"valueDecimal":2.50' in response.data
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("url", [EVALUATE, "/fhir/Library/words/%24evaluate/"])
def test_a_library_is_evaluated_by_its_id(client: FlaskClient, url: str) -> None:
    """POST with data, GET for what needs none."""
    found = parameters(post(client, sent(data("Cole")), url))
    assert [found[name].get("valueString") for name in ("Greeting", "Family")] == ["Hello!", "Cole"]
    assert list(parameters(client.get(f"{url}?expression=Greeting&expression=Price"))) == ["Greeting", "Price"]


def test_a_library_is_evaluated_by_its_url(client: FlaskClient) -> None:
    """At the address of the type; that address is no id."""
    assert "Price" in parameters(client.get(f"{TYPE}?url={URL}&expression=Price"))
    body = sent({"name": "url", "valueCanonical": URL}, {"name": "expression", "valueString": "Greeting"})
    assert parameters(post(client, body, TYPE))["Greeting"]["valueString"] == "Hello!"


@pytest.mark.parametrize(
    ("body", "url", "kind", "status", "code"),
    [
        (b"{}", CQL, "text/cql", 415, "not-supported"),
        (b"{", CQL, "application/json", 400, "structure"),
        (b"{}", CQL, "application/json", 400, "structure"),
        (b"[" * 500, EVALUATE, "application/json", 400, "structure"),
        (expression("1 +"), CQL, "application/json", 400, "invalid"),
        (expression("Message(1, true, 'E', 'Error', 'no')"), CQL, "application/json", 422, "processing"),
        (sent(), "/fhir/Library/none/$evaluate", "application/json", 404, "not-found"),
        (sent({"name": "url", "valueUri": "http://x"}), TYPE, "application/json", 404, "not-found"),
        (b'{"a":"' + b"x" * 5_000_000 + b'"}', EVALUATE, "application/json", 413, "too-long"),
    ],
)
def test_a_refusal_is_an_operation_outcome(
    client: FlaskClient, body: bytes, url: str, kind: str, status: int, code: str
) -> None:
    """As for every route."""
    response = post(client, body, url, kind)
    outcome = json.loads(response.data)
    assert (response.status_code, outcome["resourceType"]) == (status, "OperationOutcome")
    assert outcome["issue"][0]["code"] == code


def test_all_problems_of_an_expression_are_told(client: FlaskClient) -> None:
    """One issue for each, with its line and column."""
    issues = json.loads(post(client, expression("x +\n y")).data)["issue"]
    assert [issue["details"]["text"] for issue in issues] == [
        "1:1: the name 'x' does not exist",
        "2:2: the name 'y' does not exist",
    ]


def test_an_expression_is_not_taken_by_get(client: FlaskClient) -> None:
    """What is in an address is written to logs on its way."""
    response = client.get(f"{CQL}?expression=1")
    assert (response.status_code, response.headers["Allow"]) == (405, "OPTIONS, POST")


def test_browsers_ask_first(client: FlaskClient) -> None:
    """The operator says which pages may call."""
    asked = {"Origin": "https://ehr.example", "Access-Control-Request-Method": "POST"}
    for url in (CQL, EVALUATE):
        assert client.options(url, headers=asked).headers["Access-Control-Allow-Origin"] == "https://ehr.example"


def test_what_was_sent_is_not_logged(client: FlaskClient) -> None:
    """Neither data nor expressions, whatever becomes of the call (security A2)."""
    log: list[MutableMapping[str, Any]]
    with capture_logs() as log:
        failing = "Message('Zebra', true, 'Zebra', 'Error', 'Zebra')"
        for text in ("Patient.name.family", "Patient.name.(", "Zebra", failing):
            post(client, expression(text, data("Zebra")))
        post(client, sent(data("Zebra")), EVALUATE)
        client.get(f"{EVALUATE}?subject=Zebra&expression=Family")
    calls = [line for line in log if line["event"] == "call"]
    assert [line["status"] for line in calls] == [200, 400, 400, 422, 200, 200]
    assert {line["service"] for line in calls} == {"$cql", "$evaluate"}
    assert "Zebra" not in repr(log)


def test_the_sample_of_the_documentation_works(client: FlaskClient) -> None:
    """docs/cql-operations.md sends it with curl."""
    sample = Path(__file__).resolve().parents[2] / "docs" / "samples" / "cql.json"
    assert parameters(post(client, sample.read_bytes()))["return"]["valueBoolean"] is True
