"""/openapi.json covers what is served, and nothing else."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from cds.web.openapi import SUMMARIES


def test_the_document_covers_every_route(client: FlaskClient) -> None:
    """Each rule and method of the application is in it; each summary is of an address that is there."""
    response = client.get("/openapi.json")
    assert response.status_code == 200
    paths = response.get_json()["paths"]
    served = {
        (re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, item in paths.items() for method in item} == served
    assert set(paths) == set(SUMMARIES)


def test_operations_are_told_apart_and_their_variables_named(client: FlaskClient) -> None:
    """OpenAPI: operationId is unique, and each {variable} of a path is a required parameter."""
    paths = client.get("/openapi.json").get_json()["paths"]
    operations = [(path, operation) for path, item in paths.items() for operation in item.values()]
    assert len({operation["operationId"] for _, operation in operations}) == len(operations)
    for path, operation in operations:
        named = [parameter["name"] for parameter in operation.get("parameters", ())]
        assert named == re.findall(r"{(\w+)}", path)
    (kinds,) = paths["/fhir/{kind}/$apply"]["post"]["parameters"]
    assert kinds["schema"]["enum"] == ["PlanDefinition", "ActivityDefinition"]
