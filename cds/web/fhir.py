"""The FHIR face of the content: the operations on definitions, reads and searches, and the CapabilityStatement
(apply-protocol.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from cds import __version__
from cds.config import Settings
from cds.errors import Issue, RequestError
from cds.operations.definitions import KINDS
from cds.web import calls
from cds.web.answers import json_response
from cds.web.body import read_form, read_json_body
from cds.web.seam import FhirEngine

#: A `+` that a client did not escape is a blank in an address.
_FORMATS = ("json", "text/json", "application/json", "application/fhir+json", "application/fhir json")
_JSON = ("application/fhir+json", "application/json", "text/json")
_KIND = f"<any({', '.join(KINDS)}):kind>"
_APPLIED = "<any(PlanDefinition, ActivityDefinition):kind>"
#: Operations of the standard on these types that nobody built.
_UNBUILT = (
    "validate",
    "validate-code",
    "expand",
    "lookup",
    "subsumes",
    "translate",
    "find-matches",
    "questionnaire",
    "populate",
    "meta",
    "everything",
    "revise",
)
_NOT_BUILT = f"<any({', '.join(repr(f'${name}') for name in _UNBUILT)}):operation>"
_VALUE_SET = "<any('$expand', '$validate-code'):operation>"
_NEEDS = "<any(PlanDefinition, Library):kind>"


def blueprint(engine: FhirEngine, settings: Settings) -> Blueprint:
    """The routes below /fhir that are about definitions."""
    routes = Blueprint("fhir", __name__)
    limit = settings.max_body

    def sent(name: str) -> dict[str, Any]:
        """The parameters of an operation: the body of a POST, the query of a GET."""
        query = _query()
        calls.current().service = name
        is_read = request.method in ("GET", "HEAD")
        return {"query": query} if is_read else {"body": read_json_body(request.environ, limit)}

    def apply(kind: str, identifier: str | None = None) -> Response:
        return _fhir(engine.run_apply(kind, identifier, **sent("$apply")))

    def requirements(kind: str, identifier: str | None = None) -> Response:
        return _fhir(engine.run_requirements(kind, identifier, **sent("$data-requirements")))

    def package(kind: str, identifier: str | None = None) -> Response:
        return _fhir(engine.run_package(kind, identifier, **sent("$package")))

    def not_built(kind: str, operation: str, identifier: str | None = None) -> Response:  # noqa: ARG001 - the address
        raise RequestError(501, Issue("not-supported", "This operation is not built; see /fhir/metadata", operation))

    def terminology(operation: str, identifier: str | None = None) -> Response:
        return _fhir(engine.run_terminology(operation[1:], identifier, **sent(operation)))

    def read(kind: str, identifier: str) -> Response:
        query = _query()
        if identifier.startswith("$"):
            raise RequestError(404, Issue("not-found", "There is no such operation; see /fhir/metadata"))
        return _kept(engine.read(kind, identifier, query), engine)

    def search(kind: str) -> Response:
        query = _query()
        if request.method == "POST":
            query += read_form(request.environ, limit)
        base = f"{settings.public_url or request.host_url.rstrip('/')}/fhir"
        return _kept(engine.search(kind, query, base, lenient=_is_lenient()), engine)

    def metadata() -> Response:
        _query()
        return _kept(engine.capabilities(), engine)

    both, get = ["GET", "POST"], ["GET"]
    table: list[tuple[str, Callable[..., Response], list[str]]] = [
        ("/fhir/metadata", metadata, get),
        (f"/fhir/{_APPLIED}/$apply", apply, both),
        (f"/fhir/{_APPLIED}/<identifier>/$apply", apply, both),
        (f"/fhir/{_NEEDS}/$data-requirements", requirements, both),
        (f"/fhir/{_NEEDS}/<identifier>/$data-requirements", requirements, both),
        (f"/fhir/{_KIND}/$package", package, both),
        (f"/fhir/{_KIND}/<identifier>/$package", package, both),
        (f"/fhir/{_KIND}/{_NOT_BUILT}", not_built, both),
        (f"/fhir/{_KIND}/<identifier>/{_NOT_BUILT}", not_built, both),
        (f"/fhir/ValueSet/{_VALUE_SET}", terminology, both),
        (f"/fhir/ValueSet/<identifier>/{_VALUE_SET}", terminology, both),
        (f"/fhir/{_KIND}", search, get),
        (f"/fhir/{_KIND}/_search", search, ["POST"]),
        (f"/fhir/{_KIND}/<identifier>", read, get),
    ]
    for rule, view, methods in table:
        routes.add_url_rule(rule, view.__name__, view, methods=methods)
    return routes


def _query() -> list[tuple[str, str]]:
    """The query of the address without `_format`, which must ask for JSON, as the Accept header must without it."""
    query = list(request.args.items(multi=True))
    formats = [text for name, text in query if name == "_format"]
    accepted = request.accept_mimetypes
    is_json = all(text in _FORMATS for text in formats) if formats else not accepted or accepted.best_match(_JSON)
    if not is_json:
        raise RequestError(406, Issue("not-supported", "JSON is the one format here", "_format" if formats else None))
    return [(name, text) for name, text in query if name not in ("_format", "_pretty")]


def _is_lenient() -> bool:
    """Whether the client prefers that unknown search parameters are passed over (FHIR R4, Search)."""
    wishes = request.headers.get("Prefer", "").replace(";", ",").split(",")
    return any(wish.replace(" ", "").lower() == "handling=lenient" for wish in wishes)


def _fhir(value: dict[str, Any]) -> Response:
    return json_response(value, content_type="application/fhir+json")


def _kept(value: dict[str, Any], engine: FhirEngine) -> Response:
    """An answer that stays the same as long as the content does."""
    response = _fhir(value)
    response.set_etag(f"{engine.snapshot.revision}-{__version__}")  # a new release may serve the same content anew
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response
