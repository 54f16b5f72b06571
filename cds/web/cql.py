"""The operations `$cql` and `Library/$evaluate` over HTTP (Using CQL with FHIR)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from cds.config import Settings
from cds.web import calls
from cds.web.answers import json_response
from cds.web.body import read_json_body
from cds.web.seam import CqlEngine


def blueprint(engine: CqlEngine, settings: Settings) -> Blueprint:
    """`POST /fhir/$cql`; POST or GET of `/fhir/Library/{id}/$evaluate` and `/fhir/Library/$evaluate`."""
    routes = Blueprint("cql", __name__)
    limit = settings.max_body

    @routes.post("/fhir/$cql")
    def expression() -> Response:
        calls.current().service = "$cql"
        return _fhir(engine.run_cql(read_json_body(request.environ, limit)))

    @routes.post("/fhir/Library/$evaluate", defaults={"library_id": None})
    @routes.post("/fhir/Library/<library_id>/$evaluate")
    def evaluate(library_id: str | None) -> Response:
        calls.current().service = "$evaluate"
        return _fhir(engine.run_library(library_id, body=read_json_body(request.environ, limit)))

    @routes.get("/fhir/Library/$evaluate", defaults={"library_id": None})
    @routes.get("/fhir/Library/<library_id>/$evaluate")
    def look_up(library_id: str | None) -> Response:
        calls.current().service = "$evaluate"
        return _fhir(engine.run_library(library_id, query=list(request.args.items(multi=True))))

    return routes


def _fhir(value: dict[str, Any]) -> Response:
    return json_response(value, content_type="application/fhir+json")
