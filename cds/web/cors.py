"""Which pages in browsers may call (cds-hooks.md F14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.datastructures import Headers

from cds.config import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept",
    "Access-Control-Max-Age": "600",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """The origins that may call; `everyone` is for demo mode. Credentials of browsers are never asked for."""

    origins: frozenset[str]
    everyone: bool

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """The policy that `cors_origins` and `demo` say."""
        return cls(frozenset(settings.cors_origins), settings.demo and not settings.cors_origins)

    def apply(self, environ: WSGIEnvironment, headers: Headers) -> None:
        """Add the CORS headers to an answer of any status."""
        if not self.everyone:
            headers.add("Vary", "Origin")
        origin = environ.get("HTTP_ORIGIN")
        if origin is None or not (self.everyone or origin in self.origins):
            return
        headers["Access-Control-Allow-Origin"] = "*" if self.everyone else origin
        headers["Access-Control-Expose-Headers"] = "X-Request-Id"
        if environ["REQUEST_METHOD"] == "OPTIONS":
            headers.update(_PREFLIGHT)
