"""What the web layer needs of the engine; cds.service.Engine is one, tests bring their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from cds.clients import Caller


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

    def run_hook(self, service_id: str, body: bytes, caller: Caller) -> dict[str, Any]:
        """The answer to a call. Raises NotFoundError for an unknown service, RequestError for a call it refuses."""
        ...

    def run_feedback(self, service_id: str, body: bytes, caller: Caller) -> None:
        """Store what a client says about cards. Raises as run_hook, and StorageError when it is not stored."""
        ...


class FhirPathEngine(Protocol):
    """Answers calls of the operation `$fhirpath`."""

    def run_fhirpath(self, body: bytes, release: str) -> dict[str, Any]:
        """The Parameters resource that answers the one in `body`. Raises RequestError for a call it refuses."""
        ...


class CqlEngine(Protocol):
    """Answers calls of the operations `$cql` and `Library/$evaluate`."""

    def run_cql(self, body: bytes) -> dict[str, Any]:
        """The Parameters resource that answers the one in `body`. Raises RequestError for a call it refuses."""
        ...

    def run_library(
        self, library_id: str | None, *, body: bytes | None = None, query: Sequence[tuple[str, str]] = ()
    ) -> dict[str, Any]:
        """The same for a library, from a body or from the query of an address. Raises NotFoundError for an unknown id,
        RequestError for a call it refuses."""
        ...


class FhirEngine(Protocol):
    """Answers the operations on definitions, and reads of them. Each raises RequestError for a call it refuses, or an
    id it does not know."""

    @property
    def snapshot(self) -> Revisioned:
        """The content calls are answered from."""
        ...

    def run_apply(
        self, kind: str, definition_id: str | None, *, body: bytes | None = None, query: Sequence[tuple[str, str]] = ()
    ) -> dict[str, Any]:
        """What `$apply` makes."""
        ...

    def run_requirements(
        self, kind: str, definition_id: str | None, *, body: bytes | None = None, query: Sequence[tuple[str, str]] = ()
    ) -> dict[str, Any]:
        """What `$data-requirements` finds."""
        ...

    def run_package(
        self, kind: str, definition_id: str | None, *, body: bytes | None = None, query: Sequence[tuple[str, str]] = ()
    ) -> dict[str, Any]:
        """What `$package` collects."""
        ...

    def run_terminology(
        self,
        operation: str,
        value_set_id: str | None,
        *,
        body: bytes | None = None,
        query: Sequence[tuple[str, str]] = (),
    ) -> dict[str, Any]:
        """What `expand` or `validate-code` finds."""
        ...

    def read(self, kind: str, definition_id: str, query: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
        """A definition, or the part of it that a query asks for."""
        ...

    def search(
        self, kind: str, query: Sequence[tuple[str, str]], base: str, *, lenient: bool = False
    ) -> dict[str, Any]:
        """A searchset of definitions, its links below `base`; `lenient` passes over parameters that there are not."""
        ...

    def capabilities(self) -> dict[str, Any]:
        """The CapabilityStatement."""
        ...


class SystemEngine(Protocol):
    """Tells of itself."""

    @property
    def snapshot(self) -> Revisioned:
        """The content calls are answered from."""
        ...

    def run_statistics(self, days: int, tenant: str | None) -> dict[str, Any]:
        """What became of the cards of the last days. Raises NotFoundError where nothing is stored, StorageError."""
        ...


class WebEngine(SystemEngine, HookEngine, FhirPathEngine, CqlEngine, FhirEngine, Protocol):
    """All that the routes need."""
