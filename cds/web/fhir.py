"""The FHIR face of the content: the operations on definitions, reads and searches, and the CapabilityStatement
(apply-protocol.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from cds.config import Settings
from cds.errors import Issue, RequestError
from cds.operations.definitions import KINDS
from cds.web import calls
from cds.web.answers import json_response
from cds.web.body import read_json_body
from cds.web.seam import FhirEngine

_FORMATS = ("json", "application/json", "application/fhir+json")
_KIND = f"<any({', '.join(KINDS)}):kind>"
_APPLIED = "<any(PlanDefinition, ActivityDefinition):kind>"
#: Operations of the standard on these types that nobody built.
_UNBUILT = (
    "validate",
    "lookup",
    "subsumes",
    "translate",
    "find-matches",
    "questionnaire",
    "populate",
    "meta",
    "revise",
)
_NOT_BUILT = f"<any({', '.join(repr(f'${name}') for name in _UNBUILT)}):operation>"
_VALUE_SET = "<any('$expand', '$validate-code'):operation>"


def blueprint(engine: FhirEngine, settings: Settings) -> Blueprint:
    """The routes below /fhir that are about definitions."""
    routes = Blueprint("fhir", __name__)
    limit = settings.max_body

    def sent(name: str) -> dict[str, Any]:
        """The parameters of an operation: the body of a POST, the query of a GET."""
        query = _query()
        calls.current().service = name
        return {"query": query} if request.method == "GET" else {"body": read_json_body(request.environ, limit)}

    def apply(kind: str, identifier: str | None = None) -> Response:
        return _fhir(engine.run_apply(kind, identifier, **sent("$apply")))

    def requirements(identifier: str | None = None) -> Response:
        return _fhir(engine.run_requirements(identifier, **sent("$data-requirements")))

    def package(kind: str, identifier: str | None = None) -> Response:
        return _fhir(engine.run_package(kind, identifier, **sent("$package")))

    def not_built(kind: str, operation: str, identifier: str | None = None) -> Response:  # noqa: ARG001 - the address
        raise RequestError(501, Issue("not-supported", "This operation is not built; see /fhir/metadata", operation))

    def terminology(operation: str, identifier: str | None = None) -> Response:
        return _fhir(engine.run_terminology(operation[1:], identifier, **sent(operation)))

    def read(kind: str, identifier: str) -> Response:
        _query()
        return _kept(engine.read(kind, identifier), engine)

    def search(kind: str) -> Response:
        return _kept(engine.search(kind, _query()), engine)

    def metadata() -> Response:
        _query()
        return _kept(engine.capabilities(), engine)

    both, get = ["GET", "POST"], ["GET"]
    table: list[tuple[str, Callable[..., Response], list[str]]] = [
        ("/fhir/metadata", metadata, get),
        (f"/fhir/{_APPLIED}/$apply", apply, ["POST"]),
        (f"/fhir/{_APPLIED}/<identifier>/$apply", apply, both),
        ("/fhir/PlanDefinition/$data-requirements", requirements, both),
        ("/fhir/PlanDefinition/<identifier>/$data-requirements", requirements, both),
        (f"/fhir/{_KIND}/$package", package, both),
        (f"/fhir/{_KIND}/<identifier>/$package", package, both),
        (f"/fhir/{_KIND}/{_NOT_BUILT}", not_built, both),
        (f"/fhir/{_KIND}/<identifier>/{_NOT_BUILT}", not_built, both),
        (f"/fhir/ValueSet/{_VALUE_SET}", terminology, both),
        (f"/fhir/ValueSet/<identifier>/{_VALUE_SET}", terminology, both),
        (f"/fhir/{_KIND}", search, get),
        (f"/fhir/{_KIND}/<identifier>", read, get),
    ]
    for rule, view, methods in table:
        routes.add_url_rule(rule, view.__name__, view, methods=methods)
    return routes


def _query() -> list[tuple[str, str]]:
    """The query of the address without `_format`, which must ask for JSON."""
    query = list(request.args.items(multi=True))
    if any(name == "_format" and text not in _FORMATS for name, text in query):
        raise RequestError(406, Issue("not-supported", "JSON is the one format here", "_format"))
    return [(name, text) for name, text in query if name not in ("_format", "_pretty")]


def _fhir(value: dict[str, Any]) -> Response:
    return json_response(value, content_type="application/fhir+json")


def _kept(value: dict[str, Any], engine: FhirEngine) -> Response:
    """An answer that stays the same as long as the content does."""
    response = _fhir(value)
    response.set_etag(engine.snapshot.revision)
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response
