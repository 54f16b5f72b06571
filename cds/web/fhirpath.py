"""The operation `$fhirpath` over HTTP, for the FHIRPath Lab and its like (server-api.md of brianpos/fhirpath-lab)."""

from __future__ import annotations

from flask import Blueprint, Response, request

from cds.config import Settings
from cds.web import calls
from cds.web.answers import json_response
from cds.web.body import read_json_body
from cds.web.seam import FhirPathEngine


def blueprint(engine: FhirPathEngine, settings: Settings) -> Blueprint:
    """`POST /fhir/$fhirpath`, on R4 unless `fhirVersion` says otherwise; the lab calls one address per release."""
    routes = Blueprint("fhirpath", __name__)
    limit = settings.max_body

    def answer(release: str) -> Response:
        calls.current().service = "$fhirpath"
        body = read_json_body(request.environ, limit)
        return json_response(engine.run_fhirpath(body, release), content_type="application/fhir+json")

    @routes.post("/fhir/$fhirpath")
    def any_release() -> Response:
        return answer(request.args.get("fhirVersion", "R4").upper())

    @routes.post("/fhir/$fhirpath-r5")
    def release_5() -> Response:
        return answer("R5")

    return routes
