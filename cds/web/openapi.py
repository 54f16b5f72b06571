"""`GET /openapi.json`: every route that is served, as OpenAPI 3.1, made from the routes themselves."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, Response

from cds import __version__
from cds.web.answers import json_response
from cds.web.described import DESCRIBED, PARAMETERS, Described, schemas
from cds.web.guard import ACCESS, Access

_VARIABLE = re.compile(r"<(?:any\((?P<values>[^)]*)\):)?(?P<name>\w+)>")
_FHIR, _JSON, _FORM = "application/fhir+json", "application/json", "application/x-www-form-urlencoded"


def blueprint(app: Flask) -> Blueprint:
    """The route of the document."""
    routes = Blueprint("openapi", __name__)

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return json_response(document(app))

    return routes


def document(app: Flask) -> dict[str, Any]:
    """The OpenAPI document of the routes of `app`. Raises LookupError for a route that nobody described."""
    paths: dict[str, dict[str, Any]] = {}
    for rule in app.url_map.iter_rules():
        for address in _addresses(rule.rule):
            path = _VARIABLE.sub(r"{\g<name>}", address)
            described = DESCRIBED.get(path) or DESCRIBED.get(_VARIABLE.sub(r"{\g<name>}", rule.rule))
            if described is None:
                raise LookupError(f"{path} is served and not described: add a row to DESCRIBED in cds/web/described.py")
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                paths.setdefault(path, {})[method.lower()] = _operation(rule.endpoint, address, path, method, described)
    return {
        "openapi": "3.1.0",
        "info": {"title": "pathway-cds", "version": __version__, "license": {"name": "Apache-2.0"}},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas(), "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _addresses(rule: str) -> list[str]:
    """The addresses of a rule: one for each operation, for OpenAPI tells paths apart by what is no variable."""
    operation = next((part for part in _VARIABLE.finditer(rule) if part["name"] == "operation"), None)
    return [rule] if operation is None else [rule.replace(operation[0], value) for value in _values(operation)]


def _values(part: re.Match[str]) -> list[str]:
    return [value.strip().strip("'") for value in part["values"].split(",")] if part["values"] else []


def _operation(endpoint: str, address: str, path: str, method: str, described: Described) -> dict[str, Any]:
    kind = _FHIR if path.startswith("/fhir/") else _JSON
    name = re.sub(r"\W+", "-", path).strip("-")
    found: dict[str, Any] = {"operationId": f"{method.lower()}-{name}", "summary": described.summary}
    parameters = [_in_path(part) for part in _VARIABLE.finditer(address)]
    if method == "GET":
        parameters += [_in_query(one) for one in (*described.query, *(("_format",) if kind == _FHIR else ()))]
    if parameters:
        found["parameters"] = parameters
    sends = method == "POST" and described.body is not None
    if sends:
        medias = {"Form": (_FORM,)}.get(str(described.body), (_FHIR, _JSON) if kind == _FHIR else (_JSON,))
        found["requestBody"] = {"required": True, "content": {one: _schema(str(described.body)) for one in medias}}
    content = {described.media or kind: _schema(described.answer)}
    answers = {"200": {"description": "The answer", "content": content}} if described.answer else {}
    access = ACCESS.get(endpoint)
    needs_token = access not in (Access.ANYONE, Access.DISCOVERY)
    if needs_token:
        found["security"] = [{"token": []}]
    statuses = {400, 413, 415} if sends else {400} if described.query and method == "GET" else set[int]()
    statuses |= {*described.errors, *((401,) if needs_token else ()), *((406,) if kind == _FHIR else ())}
    if access in (Access.SERVICE, Access.CLIENT):
        statuses.add(429)
    refusals = {str(status): _refusal(kind, HTTPStatus(status).phrase) for status in sorted(statuses)}
    return {**found, "responses": {**answers, **refusals, "default": _refusal(kind, "Any other failure")}}


def _schema(name: str) -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{name}"}}


def _refusal(kind: str, text: str) -> dict[str, Any]:
    return {"description": text, "content": {kind: _schema("OperationOutcome")}}


def _in_path(part: re.Match[str]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if values := _values(part):
        schema["enum"] = values
    return {"name": part["name"], "in": "path", "required": True, "schema": schema}


def _in_query(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": PARAMETERS.get(name, {"type": "string"})}
