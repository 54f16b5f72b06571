"""Data that no client can be asked for: a prefetch template searches by patient, and not every type can be."""

from __future__ import annotations

from collections.abc import Iterator

from cds.definitions.element import Element
from cds.definitions.registry import Registry
from cds.errors import Problem
from cds.expr.elm.code import Node
from cds.expr.elm.facts import parts_of
from cds.expr.elm.specifiers import fhir_name, named
from cds.expr.types import model
from cds.fhir import QUERY_PATTERN
from cds.hooks.prefetch import template_of
from cds.lint.libraries import texts

_HINT = "retrieve what refers to it, as a MedicationRequest does to a Medication, and follow the reference"


def check_retrieves(registry: Registry) -> Iterator[Problem]:
    """Retrieves of CQL and data requirements of Libraries that would never be answered."""
    requirements = [
        requirement
        for document in registry.documents
        if document.kind == "Library"
        for requirement in Element.root(document).each("dataRequirement")
    ]
    said = {one.text("type") for one in requirements if any(one.extensions(QUERY_PATTERN))}
    served = {kind for kind in model().resources if kind == "Patient" or kind in said or template_of(kind)}
    for requirement in requirements:
        kind = requirement.text("type")
        if kind and kind not in served:
            message = _message(kind)
            yield requirement.problem("retrieve-unserved", message, "type", hint=_HINT, severity="warning")
    for library in texts(registry):
        for node in (node for definition in library.definitions() for node in _retrieves(definition)):
            kind = fhir_name(named(node["dataType"])) or ""
            if kind not in served:
                at = library.at(node)
                yield library.problem(Problem("retrieve-unserved", _message(kind), at, _HINT, "warning"))


def _message(kind: str) -> str:
    return f"no client can be asked for the {kind} of a patient: there is no search for that"


def _retrieves(node: Node) -> Iterator[Node]:
    if node.get("type") == "Retrieve":
        yield node
    for _, part in parts_of(node):
        yield from _retrieves(part)
