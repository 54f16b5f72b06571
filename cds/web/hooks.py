"""CDS Hooks over HTTP: `GET /cds-services`, `POST /cds-services/{id}` and `.../feedback` (cds-hooks.md A, B, E)."""

from __future__ import annotations

from flask import Blueprint, Response, request

from cds.config import Settings
from cds.web import calls
from cds.web.answers import json_response
from cds.web.body import read_json_body
from cds.web.seam import HookEngine


def blueprint(engine: HookEngine, settings: Settings) -> Blueprint:
    """The routes under /cds-services."""
    routes = Blueprint("hooks", __name__)
    limit = settings.max_body

    @routes.get("/cds-services")
    def discovery() -> Response:
        response = json_response(engine.discovery())
        response.set_etag(engine.snapshot.revision)
        response.headers["Cache-Control"] = "no-cache"
        response.make_conditional(request)
        return response

    @routes.post("/cds-services/<service_id>")
    def call(service_id: str) -> Response:
        body = read_json_body(request.environ, limit)
        progress = calls.current()
        progress.service = service_id
        answer = engine.run_hook(service_id, body, calls.caller())
        progress.cards = len(answer["cards"])
        response = json_response(answer)
        response.headers["X-Content-Revision"] = engine.snapshot.revision
        return response

    @routes.post("/cds-services/<service_id>/feedback")
    def feedback(service_id: str) -> Response:
        body = read_json_body(request.environ, limit)
        calls.current().service = service_id
        engine.run_feedback(service_id, body, calls.caller())
        return json_response({})

    return routes
