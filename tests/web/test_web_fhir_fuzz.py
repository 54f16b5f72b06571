"""The FHIR routes under random calls, by their own OpenAPI document: an answer or a refusal, never a failure."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from cds.config import Settings
from cds.service import Engine
from cds.web import create_app

pytestmark = pytest.mark.slow

PATIENT = {"resourceType": "Patient", "id": "p"}
DATA = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}]}
PLAN = {
    "resourceType": "PlanDefinition",
    "url": "http://example.org/PlanDefinition/p",
    "status": "active",
    "action": [{"id": "a", "title": "A", "definitionCanonical": "http://example.org/ActivityDefinition/a"}],
}
ACTIVITY = {
    "resourceType": "ActivityDefinition",
    "url": "http://example.org/ActivityDefinition/a",
    "status": "active",
    "kind": "Task",
}
VALUES = {
    "resourceType": "ValueSet",
    "url": "http://example.org/ValueSet/v",
    "status": "active",
    "compose": {"include": [{"system": "http://s", "concept": [{"code": "a"}]}]},
}
LIBRARY = {
    "resourceType": "Library",
    "url": "http://example.org/Library/l",
    "name": "l",
    "status": "active",
    "type": {"text": "logic-library"},
    "content": [{"contentType": "text/cql", "data": "bGlicmFyeSBsIGRlZmluZSBYOiAx"}],
}
CONTENT = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in (ACTIVITY, LIBRARY)]}
#: Parameters that make sense to one operation or another.
SENT: list[dict[str, Any]] = [
    {"name": "subject", "valueString": "Patient/p"},
    {"name": "url", "valueUri": VALUES["url"]},
    {"name": "planDefinition", "resource": PLAN},
    {"name": "activityDefinition", "resource": ACTIVITY},
    {"name": "library", "resource": LIBRARY},
    {"name": "data", "resource": DATA},
    {
        "name": "prefetchData",
        "part": [{"name": "key", "valueString": "conditions"}, {"name": "data", "resource": DATA}],
    },
    {"name": "prefetchData", "part": [{"name": "descriptor", "valueDataRequirement": {"type": "Condition"}}]},
    {"name": "content", "resource": CONTENT},
    {"name": "parameters", "resource": {"resourceType": "Parameters", "parameter": [{"name": "x", "valueInteger": 1}]}},
    {"name": "output", "valueCode": "bundle"},
    {"name": "now", "valueDateTime": "2026-03-02T12:00:00Z"},
    {"name": "expression", "valueString": "1 + 1"},
    {"name": "coding", "valueCoding": {"system": "http://s", "code": "a"}},
    {"name": "count", "valueInteger": 1},
]
WORDS = [
    "p",
    "a",
    "v",
    "l",
    "none",
    "",
    "$",
    "..",
    "%00",
    "-1",
    "1",
    "true",
    "http://s|1",
    "é",
    "🦴",
    "a" * 300,
    "|",
    ",",
]
JUNK = [None, 1, "x", True, [], {}, [1], [{}], {"a": 1}, [None], -1.5, "", [[{}]], 10**15]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    content: Path = tmp_path_factory.mktemp("content")
    for name, resource in (("p", PLAN), ("a", ACTIVITY), ("v", VALUES)):
        (content / f"{name}.json").write_bytes(orjson.dumps({**resource, "id": name}))
    settings = Settings(demo=True, content=content, now="2026-03-02T12:00:00Z", max_body=100_000)
    return create_app(Engine(settings), settings).test_client()


@pytest.fixture(scope="module")
def routes(client: FlaskClient) -> list[tuple[str, str, dict[str, Any]]]:
    paths = client.get("/openapi.json").get_json()["paths"]
    return [
        (path, method, operation)
        for path, item in paths.items()
        if path.startswith("/fhir")
        for method, operation in item.items()
    ]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


def spoilt(value: Any, chance: random.Random) -> Any:
    """The value with one place, itself included, replaced by junk."""
    path = chance.choice(places(value))
    if not path:
        return chance.choice(JUNK)
    copy = orjson.loads(orjson.dumps(value))
    owner = copy
    for key in path[:-1]:
        owner = owner[key]
    owner[path[-1]] = chance.choice(JUNK)
    return copy


def body(chance: random.Random) -> bytes:
    kind = chance.random()
    if kind < 0.05:
        return chance.choice([b"", b"{", b"null", b"[]", b"\xff", b'{"resourceType":"Parameters"}', b"1" * 100_001])
    value: Any = {"resourceType": "Parameters", "parameter": chance.sample(SENT, chance.randint(1, 6))}
    for _ in range(chance.randint(0, 2)):
        value = spoilt(value, chance)
    return orjson.dumps(value)


def address(path: str, operation: dict[str, Any], chance: random.Random) -> tuple[str, dict[str, str]]:
    query: dict[str, str] = {}
    for one in operation.get("parameters", ()):
        known = one["schema"].get("enum", [])
        word = chance.choice([*known, *WORDS] if not known or chance.random() < 0.2 else known)
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", word)
        elif chance.random() < 0.4:
            query[one["name"]] = word
    return path, query


@settings(max_examples=250, deadline=None)
@given(st.randoms(use_true_random=False))
def test_no_call_fails(
    client: FlaskClient, routes: list[tuple[str, str, dict[str, Any]]], chance: random.Random
) -> None:
    """0 answers of 500 and above, but for what is not built; what is refused is told in an OperationOutcome."""
    path, method, operation = chance.choice(routes)
    url, query = address(path, operation, chance)
    headers = {"Content-Type": chance.choice(["application/fhir+json"] * 8 + ["application/json", "text/xml", ""])}
    if "form" in str(operation.get("requestBody")):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
    sent = {"data": body(chance), "headers": headers} if method == "post" else {}
    answer = getattr(client, method)(url, query_string=query, **sent)
    assert answer.status_code < 500 or answer.status_code == 501, (url, query, sent, answer.data)
    if answer.status_code >= 400:
        assert answer.get_json()["resourceType"] == "OperationOutcome"
        assert answer.get_json()["issue"][0]["severity"] in ("error", "fatal")
