"""The bundled content over the whole application: what holds for every service, answer and route."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from markdown_it import MarkdownIt
from markdown_it.token import Token
from werkzeug.test import TestResponse

from cds.config import Settings
from cds.hooks.envelope import validator
from cds.service import Engine
from cds.web import create_app

pytestmark = pytest.mark.slow

SIGN = "/cds-services/back-pain-order-sign"
SNOMED = "http://snomed.info/sct"


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    settings = Settings(demo=True, now="2026-03-02T12:00:00Z")
    return create_app(Engine(settings), settings).test_client()


def of_patient(kind: str, identifier: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": identifier, "subject": {"reference": "Patient/p1"}, **elements}


def draft(kind: str, identifier: str, **elements: Any) -> dict[str, Any]:
    return of_patient(kind, identifier, status="draft", intent="order", **elements)


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": each} for each in resources]}


def call(hook: str = "order-sign", words: str = "", more: int = 0) -> dict[str, Any]:
    """A call about bed rest, acupuncture and diazepam for low back pain; `words` are added to every text that somebody
    could have written, `more` Conditions are there besides."""
    pain = {"coding": [{"system": SNOMED, "code": "279039007", "display": f"Pain{words}"}], "text": f"Pain{words}"}
    reason = [{"text": f"Back pain{words}"}]
    orders = [
        draft("ServiceRequest", "d1", code={"text": f"Bed rest{words}"}, reasonCode=reason),
        draft(
            "ServiceRequest", "d2", code={"coding": [{"system": SNOMED, "code": "44868003"}], "text": f"Needles{words}"}
        ),
        draft(
            "MedicationRequest",
            "d3",
            medicationCodeableConcept={"text": f"Diazepam 5 mg{words}"},
            reasonCode=reason,
            dosageInstruction=[{"text": f"At night{words}"}],
            note=[{"text": f"Said so{words}"}],
        ),
    ]
    others = [
        of_patient("Condition", f"x{n}", code={"coding": [{"system": SNOMED, "code": str(n)}]}) for n in range(more)
    ]
    return {
        "hook": hook,
        "hookInstance": "7f1d2c1e-9a51-4d43-8a5f-3c2b6f0e9d10",
        "context": {"patientId": "p1", "userId": "Practitioner/1", "draftOrders": bundle(*orders)},
        "prefetch": {
            "patient": {
                "resourceType": "Patient",
                "id": "p1",
                "name": [{"family": f"Doe{words}", "text": f"Doe{words}"}],
            },
            "conditions": bundle(of_patient("Condition", "c1", code=pain, note=[{"text": f"Hurts{words}"}]), *others),
            "serviceRequests": bundle(),
        },
    }


def cards(client: FlaskClient, body: dict[str, Any]) -> list[dict[str, Any]]:
    response = client.post(SIGN.replace("order-sign", body["hook"]), json=body)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.get_json()["cards"]
    return found


def empties(value: Any, path: str = "") -> Iterator[str]:
    """Where null, "", [] or {} stands."""
    if value in (None, "", [], {}):
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in members:
        yield from empties(item, f"{path}/{name}")


@pytest.mark.parametrize("base", ["", "/hospital/cds"])
def test_each_service_is_where_discovery_says(client: FlaskClient, base: str) -> None:
    """Every id that is listed can be called below the base URL, whatever its path: with too little data 412, with the
    least there must be 200 (A1, A2, A5, A13, D1)."""
    below = {"SCRIPT_NAME": base}
    listed = client.get("/cds-services", environ_overrides=below)
    assert (listed.status_code, listed.mimetype) == (200, "application/json")
    services = listed.get_json()["services"]
    assert len(services) == 5
    prefetch = {"patient": {"resourceType": "Patient", "id": "p1"}, "conditions": None}
    for service in services:
        body = {"hook": service["hook"], "hookInstance": "1", "context": {"patientId": "p1"}}
        for sent, status in (({}, 412), (prefetch, 200)):
            path = f"/cds-services/{service['id']}"
            answer = client.post(path, json={**body, "prefetch": sent}, environ_overrides=below)
            assert (service["id"], answer.status_code) == (service["id"], status)


def test_content_without_plans_offers_nothing(tmp_path: Path) -> None:
    """No service is an empty array with status 200 (A3, G1)."""
    settings = Settings(demo=True, content=tmp_path)
    answer = create_app(Engine(settings), settings).test_client().get("/cds-services")
    assert (answer.status_code, answer.get_json()) == (200, {"services": []})


def test_discovery_says_what_cds_hooks_2_knows(client: FlaskClient) -> None:
    """The members of 2.0 and no others, which 3.0 takes too: nothing in the request tells who asks, so `version` and
    `hookVersion` are left out, for strict clients refuse them (A2, A4, A6-A11, G1, G7)."""
    body = client.get("/cds-services").get_json()
    for version in ("discovery", "discovery-3.0"):
        validator(version).validate(body)
    members = {"hook", "id", "title", "description", "prefetch", "usageRequirements"}
    assert all(set(service) == members for service in body["services"])
    assert list(empties(body)) == []


def test_answers_hold_nothing_empty_and_nothing_unknown(client: FlaskClient) -> None:
    """Closed schema of 2.0, no empty member, no extension, no action of the system, no launch of an app (C3, C22,
    C30-C32, C34, C35, G1, G3, G7)."""
    found = cards(client, call())
    assert len(found) >= 3
    for version in ("response", "response-3.0"):
        validator(version).validate({"cards": found})
    assert list(empties(found)) == []
    text = json.dumps(found)
    for member in ("extension", "systemActions", "actionSelectionBehavior", "autolaunchable", "appContext", "launch="):
        assert f'"{member}"' not in text


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", SIGN, {}, 400),
        ("POST", SIGN, {"hook": "order-sign", "hookInstance": "1", "context": {"patientId": "p1"}}, 412),
        ("POST", SIGN, {"hook": "org.example.own", "hookInstance": "1", "context": {"patientId": "p1"}}, 400),
        ("POST", "/cds-services/nope", {}, 404),
        ("GET", SIGN, None, 405),
        ("GET", "/fhir/ValueSet?nonsense=1", None, 400),
        ("GET", "/fhir/PlanDefinition/nope", None, 404),
        ("GET", "/fhir/metadata?_format=xml", None, 406),
        ("POST", "/admin/reload", None, 501),
    ],
)
def test_every_refusal_is_an_operation_outcome(
    client: FlaskClient, method: str, path: str, body: Any, status: int
) -> None:
    """One shape, valid FHIR, without empty members, and with nothing of our insides: no trace, no product, no path
    (D2, D3, G1, G4, security A3)."""
    answer = client.open(path, method=method, json=body)
    assert answer.status_code == status
    outcome = answer.get_json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"]
    assert all({"severity", "code", "details"} <= set(issue) for issue in outcome["issue"])
    assert list(empties(outcome)) == []
    told = answer.text.lower() + str(answer.headers).lower()
    assert not re.search(r"traceback|werkzeug|flask|gunicorn|python|/cds/|\.py", told)


def routes(client: FlaskClient) -> Iterator[tuple[str, str, str]]:
    """(rule, method, address) of all that is served, with ids that exist."""
    values = {"service_id": "back-pain-order-sign", "library_id": "back-pain-logic", "kind": "PlanDefinition"}
    for rule in client.application.url_map.iter_rules():
        names = {**values, "identifier": "bed-rest", "operation": "$expand"}
        address = re.sub(r"<(?:[^<>]*:)?(\w+)>", lambda found: names[found[1]], rule.rule)  # noqa: B023
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            yield rule.rule, method, address


def test_headers_of_every_route(client: FlaskClient) -> None:
    """Whatever the method and the status: nothing is stored but discovery and the FHIR reads, which may be kept until
    the content changes; types are not guessed; each answer has its id (security A4)."""
    kept = {"/cds-services", "/fhir/metadata"}
    seen = set()
    for rule, method, address in routes(client):
        answer: TestResponse = client.open(address, method=method, json=None if method in ("GET", "HEAD") else {})
        may_keep = method in ("GET", "HEAD") and (
            rule in kept or re.fullmatch(r"/fhir/<any\([^)]*\):kind>(/<\w+>)?", rule)
        )
        expected = "no-cache" if may_keep and answer.status_code == 200 else "no-store"
        assert (address, method, answer.headers["Cache-Control"]) == (address, method, expected)
        assert ("ETag" in answer.headers) == (expected == "no-cache")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Request-Id"]
        seen.add((expected, answer.status_code))
    assert {("no-cache", 200), ("no-store", 200), ("no-store", 400), ("no-store", 405)} - seen <= {("no-store", 405)}


def test_an_answer_takes_less_than_half_a_second(client: FlaskClient) -> None:
    """95 of 100 calls with a record of a thousand resources, this process doing nothing else (B13)."""
    body, taken = json.dumps(call(more=1000)).encode(), []
    for _ in range(20):
        start = time.perf_counter()
        assert client.post(SIGN, data=body, content_type="application/json").status_code == 200
        taken.append(time.perf_counter() - start)
    assert sorted(taken)[-2] < 0.5


def test_each_answer_is_the_whole_advice(client: FlaskClient) -> None:
    """What an earlier hook was told is told again, and nothing is remembered between calls (C36, B14)."""
    alone = cards(client, call())
    earlier = cards(client, call("order-select"))
    assert cards(client, call()) == alone
    assert {card["summary"] for card in alone} == {card["summary"] for card in earlier}


def _everywhere(value: Any) -> Any:
    """The same JSON with a member that nobody knows in every object that is no resource's."""
    if isinstance(value, dict):
        return {**{name: _everywhere(item) for name, item in value.items()}, "zzz": 1}
    return [_everywhere(item) for item in value] if isinstance(value, list) else value


def test_unknown_members_change_nothing(client: FlaskClient) -> None:
    """At every level of the call, also as a field of the context that a later version of the hook may have (B8, G4)."""
    body = call()
    wider = {**_everywhere({name: body[name] for name in body if name != "prefetch"}), "prefetch": body["prefetch"]}
    wider["extension"] = {"org.example": {"a": 1}}

    def plain(found: list[dict[str, Any]]) -> str:
        return json.dumps(found).replace(', "zzz": 1', "")  # an update holds the whole draft, as it was sent

    assert plain(cards(client, wider)) == plain(cards(client, body))


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![](http://evil.example/?p=1)",
    "http://evil.example/",
    "\u202egnp.exe",
    "\n# Heading\n\n- item\n",
    "`code` **bold** _it_ ~~no~~ | a | b |",
    "]]> --> &lt;b&gt; \\",
    "\x07\x1b[31m",
]
_MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})


def shape(markdown: str) -> list[Any]:
    """The tree of a text without its words."""

    def nodes(tokens: list[Token]) -> list[Any]:
        return [(token.type, token.tag, token.attrs, nodes(token.children or [])) for token in tokens]

    return nodes(_MARKDOWN.parse(markdown))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_texts_of_the_record_stay_texts(client: FlaskClient, hostile: str) -> None:
    """Whatever somebody wrote into an order, a reason or a name: the card's Markdown has the same tree as with a
    harmless word, its summary stays one line of less than 140 characters, and links are those of the content (security
    A1, C5-C7, F16)."""
    found, plain = cards(client, call(words=f" {hostile}")), cards(client, call(words=" harmless"))
    assert len(found) == len(plain) >= 3
    assert any("harmless" in card["detail"] for card in plain)
    for card, usual in zip(found, plain, strict=True):
        assert shape(card["detail"]) == shape(usual["detail"])
        assert "http://evil" not in card["detail"]
        assert card.get("links") == usual.get("links")
        assert len(card["summary"]) < 140
        assert not re.search(r"[\x00-\x1f\u202a-\u202e\u2066-\u2069<]", card["summary"])
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069]|<(?!https?:)", card["detail"])


def test_services_and_limits_are_documented(client: FlaskClient) -> None:
    """The page for those who connect an EHR names every service and limit (G6)."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    services = [service["id"] for service in client.get("/cds-services").get_json()["services"]]
    for name in [*services, "max_body", "max_depth", "max_info_cards", "public_url"]:
        assert f"`{name}`" in page, name
