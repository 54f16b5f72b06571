"""Whether the service lives and can answer, and what it runs."""

from __future__ import annotations

from flask import Blueprint, Response

from cds import __version__
from cds.web import calls
from cds.web.answers import json_response
from cds.web.seam import HookEngine


def blueprint(engine: HookEngine) -> Blueprint:
    """/livez, /readyz (also /healthz) and /version."""
    routes = Blueprint("system", __name__)

    @routes.get("/livez")
    def alive() -> Response:
        calls.current().quiet = True
        return json_response({"status": "alive"})

    @routes.get("/readyz")
    @routes.get("/healthz")
    def ready() -> Response:
        calls.current().quiet = True
        return json_response({"status": "ready", "revision": engine.snapshot.revision})

    @routes.get("/version")
    def versions() -> Response:
        return json_response({"name": "pathway-cds", "version": __version__, "revision": engine.snapshot.revision})

    return routes
