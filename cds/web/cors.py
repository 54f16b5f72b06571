"""Which pages in browsers may call (cds-hooks.md F14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.datastructures import Headers

from cds.clients import Caller
from cds.config import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept, If-None-Match, Prefer",
    "Access-Control-Max-Age": "600",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """The origins that may call: those of the site, and those of clients, each for calls of that client; `everyone` is
    for demo mode. Credentials of browsers are never asked for."""

    origins: frozenset[str]
    client_origins: frozenset[str]
    everyone: bool

    @classmethod
    def of(cls, settings: Settings, client_origins: frozenset[str]) -> Policy:
        """The policy that `cors_origins`, `demo` and the registrations say."""
        return cls(frozenset(settings.cors_origins), client_origins, settings.demo and not settings.cors_origins)

    def apply(self, environ: WSGIEnvironment, headers: Headers, caller: Caller | None) -> None:
        """Add the CORS headers to an answer of any status. Who calls is not known in a preflight, nor when the call is
        refused: then the origin of any client will do."""
        if not self.everyone:
            headers.add("Vary", "Origin")
        origin = environ.get("HTTP_ORIGIN")
        if origin is None:
            return
        of_clients = self.client_origins if caller is None else caller.client.origins
        if not (self.everyone or origin in self.origins or origin in of_clients):
            return
        headers["Access-Control-Allow-Origin"] = "*" if self.everyone else origin
        headers["Access-Control-Expose-Headers"] = "X-Request-Id, ETag, Retry-After"
        if environ["REQUEST_METHOD"] == "OPTIONS":
            headers.update(_PREFLIGHT)
