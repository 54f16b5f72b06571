"""What a definition depends on: the definitions that it names by canonical, and what their CQL names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cds import fhir
from cds.definitions.registry import Registry
from cds.fhir import Resource

#: Elements that name another definition by its canonical.
_CANONICALS = frozenset({"definitionCanonical", "library", "valueSet", "valueCanonical", "resource", "system"})


def reached(definition: Resource, registry: Registry) -> list[Resource]:
    """A definition and all that it depends on, at any depth, as far as the registry knows it; itself first."""
    found = {id(definition): definition}
    pending = [definition]
    for current in pending:
        for resource in _named(current, registry):
            if id(resource) not in found:
                found[id(resource)] = resource
                pending.append(resource)
    return pending


def _named(definition: Resource, registry: Registry) -> Iterator[Resource]:
    value_sets, libraries = registry.logic.depends_on(definition)
    for canonical in (*canonicals(definition), *value_sets):
        document = registry.find(canonical)
        if document is not None:
            yield document.resource
    yield from libraries


def canonicals(value: Any) -> Iterator[str]:
    """Every canonical that a definition names, in its elements and in those of what it contains."""
    if isinstance(value, list):
        for item in value:
            yield from canonicals(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in _CANONICALS or (name == "reference" and "language" in value):
                yield from (one for one in fhir.as_list(item) if isinstance(one, str))
            yield from canonicals(item)
