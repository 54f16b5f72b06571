"""The CQL libraries of the loaded content."""

from __future__ import annotations

from cds.cql.sources import Named, Source, choose, source_of
from cds.definitions.snapshot import Snapshot
from cds.errors import NotFoundError
from cds.expr.libraries import Libraries


class Content:
    """The libraries that Library resources carry, compiled when they are asked for. Safe to share between threads."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.libraries = Libraries(self.find)

    def find(self, name: str, version: str | None) -> Source | None:
        """The source of a library by name and version, as `Find` of cds.expr.libraries has it."""
        resources = [document.resource for document in self._snapshot.documents if document.kind == "Library"]
        fitting = [
            Named(name, resource.get("version"), source)
            for resource in resources
            if resource.get("name") == name and (source := source_of(resource)) is not None
        ]
        found = choose(fitting, name, version)
        return None if found is None else found.source

    def by_url(self, canonical: str) -> tuple[str, str | None]:
        """Name and version of the library with CQL of a canonical. Raises NotFoundError."""
        return _name(self._snapshot.library(canonical))

    def by_id(self, identifier: str) -> tuple[str, str | None]:
        """Name and version of the library with CQL whose resource has this id. Raises NotFoundError."""
        for document in self._snapshot.documents:
            if document.kind == "Library" and document.resource.get("id") == identifier:
                return _name(document.resource)
        raise NotFoundError(f"no Library '{identifier}'")


def _name(resource: dict[str, object]) -> tuple[str, str | None]:
    if source_of(resource) is None:
        raise NotFoundError("the Library carries no CQL")
    version = resource.get("version")
    return str(resource.get("name", "")), None if version is None else str(version)
