"""StructureMaps that a definition names: nothing here carries them out."""

from __future__ import annotations

from collections.abc import Iterator

from cds.definitions.element import Element
from cds.definitions.registry import Registry
from cds.errors import Problem


def check_transforms(registry: Registry) -> Iterator[Problem]:
    """Each `transform` of an action or an ActivityDefinition."""
    for document in registry.documents:
        if document.kind in ("ActivityDefinition", "PlanDefinition"):
            yield from _below(Element.root(document))


def _below(element: Element) -> Iterator[Problem]:
    if "transform" in element.value:
        message = "no StructureMap is carried out: what it would set is not there"
        hint = "set the elements by dynamicValue"
        yield element.problem("transform-ignored", message, "transform", key=True, hint=hint, severity="warning")
    for action in element.each("action"):
        yield from _below(action)
