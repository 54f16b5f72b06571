"""What the web layer needs of the engine; cds.service.Engine is one, tests bring their own."""

from __future__ import annotations

from typing import Any, Protocol


class Revisioned(Protocol):
    """Loaded content."""

    @property
    def revision(self) -> str:
        """Changes whenever the content does."""
        ...


class HookEngine(Protocol):
    """Answers hook calls."""

    @property
    def snapshot(self) -> Revisioned:
        """The content calls are answered from."""
        ...

    def discovery(self) -> dict[str, Any]:
        """The body of `GET /cds-services`."""
        ...

    def run_hook(self, service_id: str, body: bytes) -> dict[str, Any]:
        """The answer to a call. Raises NotFoundError for an unknown service, RequestError for a call it refuses."""
        ...


class FhirPathEngine(Protocol):
    """Answers calls of the operation `$fhirpath`."""

    def run_fhirpath(self, body: bytes, release: str) -> dict[str, Any]:
        """The Parameters resource that answers the one in `body`. Raises RequestError for a call it refuses."""
        ...


class WebEngine(HookEngine, FhirPathEngine, Protocol):
    """All that the routes need."""
