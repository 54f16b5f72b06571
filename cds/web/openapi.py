"""`GET /openapi.json`: every route that is served, as OpenAPI 3.1, made from the routes themselves."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Flask, Response
from werkzeug.routing import Rule

from cds import __version__
from cds.web.answers import json_response

#: What each address is for.
SUMMARIES = {
    "/cds-services": "Discovery: the decision support services (CDS Hooks)",
    "/cds-services/{service_id}": "Call a service with a hook request and get cards (CDS Hooks)",
    "/cds-services/{service_id}/feedback": "Say what became of cards (CDS Hooks)",
    "/fhir/$fhirpath": "Evaluate a FHIRPath expression on a resource, R4 unless fhirVersion says otherwise",
    "/fhir/$fhirpath-r5": "Evaluate a FHIRPath expression on an R5 resource",
    "/fhir/$cql": "Evaluate a CQL expression",
    "/fhir/Library/$evaluate": "Evaluate the CQL library that the call names or carries",
    "/fhir/Library/{library_id}/$evaluate": "Evaluate a CQL library of the content",
    "/fhir/metadata": "The CapabilityStatement",
    "/fhir/{kind}/$apply": "Apply the definition that the call names or carries",
    "/fhir/{kind}/{identifier}/$apply": "Apply a definition of the content",
    "/fhir/PlanDefinition/$data-requirements": "What the plan that the call names or carries asks for",
    "/fhir/PlanDefinition/{identifier}/$data-requirements": "What a plan of the content asks for",
    "/fhir/{kind}/$package": "The definition that the call names, with all it depends on",
    "/fhir/{kind}/{identifier}/$package": "A definition of the content with all it depends on",
    "/fhir/{kind}/{operation}": "Operations of the standard that are not built: 501",
    "/fhir/{kind}/{identifier}/{operation}": "Operations of the standard that are not built: 501",
    "/fhir/ValueSet/{operation}": "Expand a value set, or ask whether a code is in it",
    "/fhir/ValueSet/{identifier}/{operation}": "Expand a value set by its id, or ask whether a code is in it",
    "/fhir/{kind}": "Search the definitions of a type",
    "/fhir/{kind}/{identifier}": "Read a definition",
    "/livez": "Whether the process lives",
    "/readyz": "Whether it can answer",
    "/healthz": "As /readyz",
    "/version": "The versions of software and content",
    "/metrics": "What was counted, for Prometheus",
    "/admin/reload": "Load the content anew; what does not load changes nothing",
    "/stats.json": "What became of the cards of each rule",
    "/openapi.json": "This document",
}
_VARIABLE = re.compile(r"<(?:any\((?P<values>[^)]*)\):)?(?P<name>\w+)>")
_FHIR, _JSON = "application/fhir+json", "application/json"


def blueprint(app: Flask) -> Blueprint:
    """The route of the document."""
    routes = Blueprint("openapi", __name__)

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return json_response(document(app))

    return routes


def document(app: Flask) -> dict[str, Any]:
    """The OpenAPI document of the routes of `app`. Raises KeyError for a route that SUMMARIES does not know."""
    paths: dict[str, dict[str, Any]] = {}
    for rule in app.url_map.iter_rules():
        path = _VARIABLE.sub(r"{\g<name>}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths.setdefault(path, {})[method.lower()] = _operation(rule, path, method)
    return {
        "openapi": "3.1.0",
        "info": {"title": "pathway-cds", "version": __version__, "license": {"name": "Apache-2.0"}},
        "paths": dict(sorted(paths.items())),
    }


def _operation(rule: Rule, path: str, method: str) -> dict[str, Any]:
    kind = _FHIR if path.startswith("/fhir/") else _JSON
    name = re.sub(r"\W+", "-", path).strip("-")
    found: dict[str, Any] = {"operationId": f"{method.lower()}-{name}", "summary": SUMMARIES[path]}
    if parameters := [_parameter(part) for part in _VARIABLE.finditer(rule.rule)]:
        found["parameters"] = parameters
    if method == "POST":
        wanted = (kind,) if kind == _JSON else (_FHIR, _JSON)
        content = {one: {"schema": {"type": "object"}} for one in wanted}
        found["requestBody"] = {"required": True, "content": content}
    answer = {"description": "The answer", "content": {kind: {"schema": {"type": "object"}}}}
    refusal = {"description": "An OperationOutcome", "content": {_JSON: {"schema": {"type": "object"}}}}
    return {**found, "responses": {"200": answer, "default": refusal}}


def _parameter(part: re.Match[str]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if part["values"]:
        schema["enum"] = [value.strip().strip("'") for value in part["values"].split(",")]
    return {"name": part["name"], "in": "path", "required": True, "schema": schema}
