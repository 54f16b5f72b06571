"""Every answer that is not a success, as an OperationOutcome (cds-hooks.md D1-D3). Nothing a caller sent comes back,
and nothing of our insides goes out."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import structlog
from flask import Flask, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from cds.errors import (
    Issue,
    NotFoundError,
    RequestError,
    StorageError,
    ThrottledError,
    UnauthenticatedError,
    operation_outcome,
)
from cds.web import calls
from cds.web.answers import json_response
from cds.web.logs import own_frames

_TEXTS = {
    400: Issue("invalid", "The request is not one that can be understood"),
    404: Issue("not-found", "There is nothing at this address; GET /cds-services lists the services"),
    405: Issue("not-supported", "The address does not take this method; the Allow header names those it takes"),
    413: Issue("too-long", "The request is too large"),
    415: Issue("not-supported", "The body must be application/json"),
    503: Issue("transient", "The database cannot be used at the moment, and nothing was stored; send it again"),
}
_NO_RESOURCE = Issue("not-found", "There is nothing at this address; GET /fhir/metadata says what there is")
#: Seconds until a client may try again what cannot be done for now (security.md P3).
_RETRY_AFTER = "5"
_log = structlog.get_logger("cds.web")


def register(app: Flask) -> None:
    """Answer every exception of a view."""
    app.register_error_handler(UnauthenticatedError, _unauthenticated)
    app.register_error_handler(ThrottledError, _throttled)
    app.register_error_handler(RequestError, _refused)
    app.register_error_handler(NotFoundError, _not_found)
    app.register_error_handler(StorageError, _unavailable)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _failed)


def _told(issues: Sequence[Issue], status: int) -> Response:
    """An OperationOutcome; below /fhir it is of FHIR's media type."""
    kind = "application/fhir+json" if request.path.startswith("/fhir") else "application/json"
    return json_response(operation_outcome(issues), status, content_type=kind)


def _refused(error: RequestError) -> Response:
    response = _told(error.issues, error.status)
    if error.status == 503:
        response.headers["Retry-After"] = _RETRY_AFTER
    return response


def _unauthenticated(error: UnauthenticatedError) -> Response:
    _log.warning("unauthenticated", reason=error.reason, **error.details)
    response = _refused(error)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _throttled(error: ThrottledError) -> Response:
    response = _refused(error)
    response.headers["Retry-After"] = str(ceil(error.after))
    return response


def _not_found(_error: NotFoundError) -> Response:
    calls.current().service = None  # what the caller made up is not logged
    return _told([_TEXTS[404]], 404)


def _unavailable(_error: StorageError) -> Response:
    response = _told([_TEXTS[503]], 503)
    response.headers["Retry-After"] = _RETRY_AFTER
    return response


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    issue = _TEXTS.get(status, Issue("processing", "The request cannot be answered"))
    if status == 404 and request.path.startswith("/fhir"):
        issue = _NO_RESOURCE
    response = _told([issue], status)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _failed(error: Exception) -> Response:
    call = calls.current()
    _log.error("failed", id=call.id, service=call.service, error=type(error).__qualname__, at=own_frames(error))
    issue = Issue("exception", "The service failed; its log has the reason under this id", diagnostics=call.id)
    return _told([issue], 500)
