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
