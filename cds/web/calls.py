"""One HTTP call from its first byte to its log line: its correlation id, its time, what it was about.

A log line holds counts, ids of ours and times; nothing that the caller sent.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING

import re2
import structlog
from flask import request
from structlog.contextvars import bind_contextvars, clear_contextvars
from werkzeug.wrappers import Response

from cds.clients import Caller
from cds.metrics import Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_KEY = "cds.call"
_SAFE = re2.compile(r"[A-Za-z0-9_.\-]{8,64}")
_log = structlog.get_logger("cds.web")


class Call:
    """What is known of the call in progress. `id` is what logs know it by, `echoed` what its answer has as
    X-Request-Id; `service` is the id that was called, None when there is no such service; `cards` is their number;
    `caller` is None where anyone may call, and where the call is refused; `client` is our id of who calls."""

    __slots__ = ("caller", "cards", "client", "echoed", "environ", "id", "quiet", "service", "started")

    def __init__(self, environ: WSGIEnvironment) -> None:
        self.started = perf_counter()
        self.environ = environ
        sent = _sent_id(environ)
        self.echoed = sent or secrets.token_hex(8)
        # Hashed, for a caller may make it of what is the patient's (security.md A2).
        self.id = sha256(sent.encode()).hexdigest()[:16] if sent else self.echoed
        self.service: str | None = None
        self.cards: int | None = None
        self.quiet = False
        self.caller: Caller | None = None
        self.client: str | None = None

    def finish(self, response: Response, metrics: Metrics) -> None:
        """Set the headers that every answer has; log and count the call."""
        headers = response.headers
        headers["X-Request-Id"] = self.echoed
        headers["X-Content-Type-Options"] = "nosniff"
        headers.setdefault("Cache-Control", "no-store")
        seconds = perf_counter() - self.started
        if not self.quiet:
            metrics.call(self.service, response.status_code, seconds)
        (_log.debug if self.quiet else _log.info)(
            "call",
            id=self.id,
            client=self.client,
            service=self.service,
            route=request.url_rule.rule if request.url_rule else None,
            status=response.status_code,
            ms=round(seconds * 1000, 2),
            cards=self.cards,
            **(self.caller.logged if self.caller else {}),
        )


class Calls:
    """WSGI middleware that opens a Call and reads `//` in a path as `/`."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        call = environ[_KEY] = Call(environ)
        # Every log line of this call, wherever it is written, tells which call it is of.
        clear_contextvars()
        bind_contextvars(id=call.id)
        path = environ.get("PATH_INFO", "")
        while "//" in path:
            path = environ["PATH_INFO"] = path.replace("//", "/")
        return self._application(environ, start_response)


def current() -> Call:
    """The call that is being answered."""
    call: Call = request.environ[_KEY]
    return call


def caller() -> Caller:
    """Who makes the call that is being answered, on a route that not anyone may call."""
    found = current().caller
    if found is None:
        raise RuntimeError("this route is open to anyone: cds.web.guard says so")
    return found


def _sent_id(environ: WSGIEnvironment) -> str | None:
    """The id that the caller gave the call, when it is a plain token."""
    sent = environ.get("HTTP_X_REQUEST_ID") or environ.get("HTTP_X_CORRELATION_ID")
    return str(sent) if sent and _SAFE.fullmatch(sent) is not None else None
