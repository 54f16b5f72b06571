"""Builds the Flask application: routes, errors, headers and the log line of each call."""

from __future__ import annotations

from flask import Flask
from werkzeug.wrappers import Response

from cds.config import Settings
from cds.metrics import Metrics
from cds.web import calls, cors, cql, errors, fhir, fhirpath, guard, hooks, openapi, system
from cds.web.seam import WebEngine
from cds.web.status import Status


def create_app(
    engine: WebEngine,
    settings: Settings,
    authenticator: guard.Authenticator | None = None,
    *,
    metrics: Metrics | None = None,
    status: Status | None = None,
    database: system.DatabaseCheck | None = None,
) -> Flask:
    """The WSGI application that answers for `engine`. Without an authenticator nobody may call, but in demo mode, where
    anyone may. `metrics` and `status` are shared with the other processes of the service, when there are some;
    `database` tells readiness of the database."""
    metrics = metrics or Metrics()
    app = Flask("cds", static_folder=None)
    # A client that was given the base URL with a slash calls `//`; a redirect would lose its POST (cds-hooks.md J).
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    app.register_blueprint(hooks.blueprint(engine, settings))
    app.register_blueprint(fhirpath.blueprint(engine, settings))
    app.register_blueprint(cql.blueprint(engine, settings))
    app.register_blueprint(fhir.blueprint(engine, settings))
    app.register_blueprint(system.blueprint(engine, settings, metrics, status or Status(), database))
    app.register_blueprint(openapi.blueprint(app))
    errors.register(app)
    authenticator = authenticator or (guard.Demo() if settings.demo else guard.Nobody())
    guard.register(app, authenticator, settings, metrics)
    finish = cors.Policy.of(settings, authenticator.origins)

    @app.after_request
    def finish_answer(response: Response) -> Response:
        call = calls.current()
        finish.apply(call.environ, response.headers, call.caller)
        call.finish(response, metrics)
        return response

    app.wsgi_app = calls.Calls(app.wsgi_app)  # type: ignore[method-assign]
    return app
