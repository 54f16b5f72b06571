"""Whether the service lives and can answer, what it runs, what it counted, and loading its content anew."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request

from cds import __version__
from cds.config import Settings
from cds.errors import Issue, RequestError, StorageError
from cds.metrics import CONTENT_TYPE, Metrics
from cds.web import calls
from cds.web.answers import json_response
from cds.web.seam import SystemEngine
from cds.web.status import Status

#: The longest time that statistics tell of.
_MOST_DAYS = 3660
_NO_TENANT = Issue("value", "'tenant' must be what a tenant can be called", "tenant")
#: Says why the database cannot be used at this moment, None when it can.
DatabaseCheck = Callable[[], str | None]


def blueprint(
    engine: SystemEngine, settings: Settings, metrics: Metrics, status: Status, database: DatabaseCheck | None
) -> Blueprint:
    """/livez, /readyz (also /healthz), /version, /metrics, /stats.json and /admin/reload."""
    routes = Blueprint("system", __name__)

    @routes.get("/livez")
    def alive() -> Response:
        calls.current().quiet = True
        return json_response({"status": "alive"})

    @routes.get("/readyz")
    @routes.get("/healthz")
    def ready() -> Response:
        calls.current().quiet = True
        load = status.load
        content = {
            "status": "ready",
            "revision": engine.snapshot.revision,
            "loaded": load.at.isoformat(timespec="seconds"),
            "last_load": "succeeded" if load.succeeded else "failed",
        }
        problem = database() if database else None
        parts = {"content": content}
        if database:
            parts["database"] = {"status": "failed", "reason": problem} if problem else {"status": "ready"}
        if status.stopping:
            return json_response({"status": "stopping", **parts}, 503)
        if problem and not settings.demo:  # a token that may have been used before opens nothing
            return json_response({"status": "failed", **parts}, 503)
        return json_response({"status": "degraded" if problem else "ready", **parts})

    @routes.get("/version")
    def versions() -> Response:
        return json_response({"name": "pathway-cds", "version": __version__, "revision": engine.snapshot.revision})

    @routes.get("/metrics")
    def counted() -> Response:
        calls.current().quiet = True
        return Response(metrics.exposition(), content_type=CONTENT_TYPE)

    @routes.get("/stats.json")
    def statistics() -> Response:
        days = request.args.get("days", "30")
        if not (days.isascii() and days.isdigit() and len(days) <= 4 and 1 <= int(days) <= _MOST_DAYS):
            raise RequestError(400, Issue("value", f"'days' must be a number from 1 to {_MOST_DAYS}", "days"))
        tenant = request.args.get("tenant")
        if tenant is not None and not tenant.isprintable():  # PostgreSQL has no text with a NUL, and no tenant has one
            raise RequestError(400, _NO_TENANT)
        try:
            return json_response(engine.run_statistics(int(days), tenant))
        except StorageError as error:
            if error.refused:  # in a database that is not UTF-8, say
                raise RequestError(400, _NO_TENANT) from None
            raise

    @routes.post("/admin/reload")
    def reload() -> Response:
        if status.alone:
            raise RequestError(501, Issue("not-supported", "Only `cds serve` can load content anew"))
        load = status.reload()
        if load is None:
            raise RequestError(504, Issue("timeout", "The content is still being loaded; /readyz will tell"))
        if not load.succeeded:
            text = "The content does not load, so what was served before still is; the log has the problems"
            raise RequestError(409, Issue("invalid", text, diagnostics=load.revision))
        return json_response({"status": "loaded", "revision": load.revision})

    return routes
