"""/openapi.json covers what is served, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from flask.testing import FlaskClient

from cds.web.described import DESCRIBED, schemas
from cds.web.openapi import document

pytestmark = pytest.mark.slow


def operations(client: FlaskClient) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of each entry."""
    for path, item in client.get("/openapi.json").get_json()["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def addresses(rule: str) -> list[str]:
    """The paths of a rule, one for each operation that it names."""
    named = re.search(r"<any\(([^)]*)\):operation>", rule)
    every = [rule.replace(named[0], one.strip(" '")) for one in named[1].split(",")] if named else [rule]
    return [re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", one) for one in every]


def test_the_document_covers_every_route(client: FlaskClient) -> None:
    """Each rule and method of the application is in it; each description is of an address that is there."""
    rules = list(client.application.url_map.iter_rules())
    served = {
        (path, method.lower())
        for rule in rules
        for path in addresses(rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, method, _ in operations(client)} == served
    whole = {re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule) for rule in rules}
    gone = set(DESCRIBED) - {path for path, _ in served} - whole
    assert not gone, f"remove these rows from DESCRIBED in cds/web/described.py: {gone}"


def test_no_two_paths_are_the_same_template(client: FlaskClient) -> None:
    """OpenAPI: paths that differ only in the names of variables are one path."""
    paths = {path for path, _, _ in operations(client)}
    assert len({re.sub(r"{\w+}", "{}", path) for path in paths}) == len(paths)


def test_a_route_that_nobody_described_says_what_to_do(client: FlaskClient) -> None:
    """Whoever adds one is told where its row belongs."""
    client.application.add_url_rule("/new/<name>", "new", lambda name: name)
    with pytest.raises(LookupError, match=re.escape("/new/{name} is served and not described: add a row to DESCRIBED")):
        document(client.application)


def test_operations_are_told_apart_and_their_variables_named(client: FlaskClient) -> None:
    """OpenAPI: operationId is unique, and each {variable} of a path is a required parameter."""
    found = list(operations(client))
    assert len({operation["operationId"] for _, _, operation in found}) == len(found)
    for path, _, operation in found:
        named = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"]
        assert named == re.findall(r"{(\w+)}", path)
    (apply,) = [one for path, method, one in found if (path, method) == ("/fhir/{kind}/$apply", "post")]
    assert apply["parameters"][0]["schema"]["enum"] == ["PlanDefinition", "ActivityDefinition"]
    assert {"200", "400", "403", "404", "413", "415", "422", "501"} <= set(apply["responses"])
    (lookup,) = [one for path, method, one in found if (path, method) == ("/fhir/{kind}/$lookup", "get")]
    assert "501" in lookup["responses"]
    assert "200" not in lookup["responses"]


def test_every_body_and_answer_has_a_schema(client: FlaskClient) -> None:
    """Each reference leads to a schema that is sound JSON Schema; a refusal is an OperationOutcome."""
    known = schemas()
    for path, _, operation in operations(client):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in (content for body in bodies for content in body.get("content", {}).values()):
            assert content["schema"]["$ref"].removeprefix("#/components/schemas/") in known, path
        refusal = next(iter(operation["responses"]["default"]["content"].values()))
        assert refusal["schema"]["$ref"].endswith("/OperationOutcome")
    for name, schema in known.items():
        assert jsonschema_rs.meta.is_valid(schema), name


def test_the_parameters_of_apply_are_named(client: FlaskClient) -> None:
    """A body with a parameter that $apply has is allowed, one with a misspelt name is not."""
    judge = jsonschema_rs.validator_for(schemas()["ApplyParameters"])
    names = {"subject": True, "prefetchData": True, "activityDefinition": True, "subjet": False}
    for name, allowed in names.items():
        assert judge.is_valid({"resourceType": "Parameters", "parameter": [{"name": name}]}) is allowed


@pytest.mark.parametrize(
    ("schema", "allowed"),
    [("CqlParameters", {"prefetchData"}), ("EvaluateParameters", {"prefetchData", "includePrivate"})],
)
def test_the_parameters_of_cql_are_named(client: FlaskClient, schema: str, allowed: set[str]) -> None:
    """Each operation with its own."""
    judge = jsonschema_rs.validator_for(schemas()[schema])
    for name in ("prefetchData", "includePrivate", "subjet"):
        sent = {"resourceType": "Parameters", "parameter": [{"name": name}]}
        assert judge.is_valid(sent) is (name in allowed), name
    paths = client.get("/openapi.json").get_json()["paths"]
    assert f"#/components/schemas/{schema}" in str(paths)


def test_the_schema_of_a_hook_call_is_the_one_it_is_judged_by(client: FlaskClient) -> None:
    """A body that the document allows is answered with what it says."""
    body = {"hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"}
    body |= {"context": {"userId": "Practitioner/1", "patientId": "1"}}
    assert jsonschema_rs.validator_for(schemas()["HookRequest"]).is_valid(body)
    answer = client.post("/cds-services/pain", json=body)
    assert answer.status_code == 200
    assert jsonschema_rs.validator_for(schemas()["Cards"]).is_valid(answer.get_json())
