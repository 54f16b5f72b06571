"""Which `%names` a definition's expressions see: the call's own, its libraries', and its own variables."""

from __future__ import annotations

from collections.abc import Iterator

from cds import fhir
from cds.definitions.registry import Registry
from cds.definitions.source import ElementPath
from cds.fhir import Resource, as_list, extension

#: Names of every call, present in every scope.
CALL_NAMES = frozenset(
    "patient hook draftOrders selectedOrders appointments context resource"
    " subject encounter practitioner organization".split()
)


def library_names(library: Resource) -> dict[str, ElementPath]:
    """name -> element path, for every parameter, data requirement with an id, and variable of a Library (or the
    variables of a PlanDefinition or ActivityDefinition). The first of two equal names wins."""
    names: dict[str, ElementPath] = {}
    for name, path in defined_names(library):
        names.setdefault(name, path)
    return names


def defined_names(definition: Resource) -> Iterator[tuple[str, ElementPath]]:
    """Every (name, element path) a definition gives, equal names included."""
    for member, key in (("parameter", "name"), ("dataRequirement", "id")):
        for index, item in enumerate(as_list(definition.get(member))):
            name = item.get(key) if isinstance(item, dict) else None
            if isinstance(name, str) and name:
                yield name, (member, index)
    for index, item in enumerate(as_list(definition.get("extension"))):
        expression = item.get("valueExpression") if isinstance(item, dict) and _is_variable(item) else None
        name = expression.get("name") if isinstance(expression, dict) else None
        if isinstance(name, str) and name:
            yield name, ("extension", index)


def library_name(library: Resource) -> str:
    """What a Library is called where its parameters are named: its name, or the last part of its url."""
    return str(library.get("name") or str(library.get("url", "")).rpartition("/")[2])


def _is_variable(item: dict[str, object]) -> bool:
    return item.get("url") == fhir.VARIABLE


def library_canonicals(definition: Resource) -> Iterator[tuple[ElementPath, str]]:
    """The libraries a definition names directly, each with its element path: `library`, and for a Library its
    `relatedArtifact` of type depends-on."""
    for index, canonical in enumerate(as_list(definition.get("library"))):
        if isinstance(canonical, str) and canonical:
            yield ("library", index), canonical
    if definition.get("resourceType") == "Library":
        for index, related in enumerate(as_list(definition.get("relatedArtifact"))):
            if isinstance(related, dict) and related.get("type") == "depends-on":
                canonical = related.get("resource")
                if isinstance(canonical, str) and canonical:
                    yield ("relatedArtifact", index, "resource"), canonical


def seen_canonicals(definition: Resource) -> Iterator[str]:
    """The libraries whose names a definition sees: those it names, and those that its expressions say they are of
    (Expression.reference)."""
    yield from (canonical for _, canonical in library_canonicals(definition))
    if definition.get("resourceType") != "Library":
        yield from _references(definition)


def _references(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        reference = value.get("reference")
        if "language" in value and isinstance(reference, str) and reference:
            yield reference
        yield from _references([item for name, item in value.items() if name != "contained"])


def libraries_of(definition: Resource, registry: Registry) -> tuple[Resource, ...]:
    """Every loaded Library a definition reaches, each once, nearest first. Circles are no obstacle."""
    found: dict[int, Resource] = {}
    pending = [definition]
    for current in pending:
        for canonical in seen_canonicals(current):
            document = registry.find(canonical, "Library")
            if document and id(document.resource) not in found and document.resource is not definition:
                found[id(document.resource)] = document.resource
                pending.append(document.resource)
    return tuple(found.values())


def logic_of(definition: Resource, registry: Registry) -> tuple[Resource, ...]:
    """The Libraries whose CQL a definition sees: its own, and that of those it names itself."""
    named = (registry.find(canonical, "Library") for canonical in seen_canonicals(definition))
    owners = {id(owner): owner for owner in (definition, *(document.resource for document in named if document))}
    return tuple(owner for owner in owners.values() if registry.logic.has(owner))


def scope_of(definition: Resource, registry: Registry) -> frozenset[str]:
    """The names that expressions of a definition may use, apart from those bound inside an action (for-each names,
    `%action`): what `expr.compile` takes as `variables`."""
    owners = (definition, *libraries_of(definition, registry))
    logic = (registry.logic.names(owner) for owner in logic_of(definition, registry))
    return CALL_NAMES.union(*(library_names(owner) for owner in owners), *logic)


def for_each_name(action: Resource) -> str | None:
    """The name an action binds for itself and its children, or None."""
    found = extension(action, fhir.FOR_EACH)
    expression = found.get("valueExpression") if found else None
    name = expression.get("name") if isinstance(expression, dict) else None
    return name if isinstance(name, str) and name else None
