"""The CQL libraries of the loaded content."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from cds.cql.declared import Declarations
from cds.definitions.snapshot import Snapshot
from cds.errors import NotFoundError
from cds.expr.elm.library import Library
from cds.expr.libraries import Libraries
from cds.fhir import Resource

Elm = Mapping[str, Any]


class Content:
    """The libraries that Library resources carry. Safe to share between threads."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._logic = snapshot.registry.logic
        self.libraries: Libraries = self._logic.libraries

    def find(self, name: str, version: str | None) -> Elm | None:
        """The ELM of a library by name and version, as `Find` of cds.expr.libraries has it."""
        try:
            return self.libraries.elm(name, version)
        except NotFoundError:
            return None

    @cached_property
    def declared(self) -> Declarations:
        """The parameters of the libraries, with their bounds."""
        return Declarations(self._snapshot.registry)

    def by_url(self, canonical: str) -> Library:
        """The library with CQL of a canonical. Raises NotFoundError."""
        return self._library(self._snapshot.library(canonical))

    def by_id(self, identifier: str) -> Library:
        """The library with CQL whose resource has this id. Raises NotFoundError."""
        for document in self._snapshot.documents:
            if document.kind == "Library" and document.resource.get("id") == identifier:
                return self._library(document.resource)
        raise NotFoundError(f"no Library '{identifier}'")

    def _library(self, resource: Resource) -> Library:
        found = self._logic.compiled.get(id(resource))
        if found is None:
            raise NotFoundError("the Library carries no CQL")
        return found
