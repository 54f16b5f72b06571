"""Canonical urls: every definition has one, no two share one, and every reference by one is resolved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cds import fhir
from cds.definitions.cycles import cycles
from cds.definitions.element import Element
from cds.definitions.load import Document, joined
from cds.definitions.registry import Registry
from cds.definitions.scope import library_canonicals
from cds.definitions.source import ElementPath
from cds.errors import Location, Problem, Severity

#: A reference: where it stands, the canonical, and the kinds it may name.
Reference = tuple[ElementPath, str, tuple[str, ...]]


def check_canonicals(registry: Registry) -> Iterator[Problem]:
    """Missing and duplicate urls, unresolved references, and definitions or libraries that refer to themselves."""
    yield from _identities(registry)
    for document in registry.documents:
        for path, canonical, kinds in references(document):
            if registry.find(canonical, *kinds) is None:
                message = f"the {joined(kinds)} {canonical} is not loaded"
                hint = registry.hint(canonical, *kinds)
                yield document.problem("canonical-unresolved", message, path, hint=hint)
    yield from _declared(registry)
    yield from _circles(registry, "definition-cycle", "action")
    yield from _circles(registry, "library-cycle", "library")


def _declared(registry: Registry) -> Iterator[Problem]:
    """Value sets that CQL declares and that are not loaded: nothing would ever be a member."""
    for source, value_set, place in registry.logic.value_sets():
        if registry.find(value_set.canonical, "ValueSet") is None:
            found = Problem("", f"the ValueSet {value_set.canonical} is not loaded", Location("", *place))
            hint = registry.hint(value_set.canonical, "ValueSet")
            yield replace(source.problem(found), code="canonical-unresolved", hint=hint)


def references(document: Document) -> Iterator[Reference]:
    """Every reference by canonical that our engine follows, except those between value sets (Terminology does)."""
    root = Element.root(document)
    for path, canonical in library_canonicals(document.resource):
        yield path, canonical, ("Library",)
    for requirement in root.each("dataRequirement"):
        yield from _value_sets(requirement)
    for action in actions(root):
        for path, canonical in action.texts("definitionCanonical"):
            yield path, canonical, ("PlanDefinition", "ActivityDefinition", "Questionnaire")
        for requirement in (*action.each("input"), *(data for t in action.each("trigger") for data in t.each("data"))):
            yield from _value_sets(requirement)
        for reasons in action.extensions(fhir.OVERRIDE_REASONS):
            for path, canonical in reasons.texts("valueCanonical"):
                yield path, canonical, ("ValueSet",)


def actions(owner: Element) -> Iterator[Element]:
    """Every action below a plan or action, parents before children, in file order."""
    pending = [*owner.each("action")][::-1]
    while pending:
        action = pending.pop()
        yield action
        pending.extend([*action.each("action")][::-1])


def _value_sets(requirement: Element) -> Iterator[Reference]:
    for code_filter in requirement.each("codeFilter"):
        for path, canonical in code_filter.texts("valueSet"):
            yield path, canonical, ("ValueSet",)


def _identities(registry: Registry) -> Iterator[Problem]:
    first: dict[tuple[str, str | None], Document] = {}
    for document in registry.documents:
        if document.url is None:
            hint = f"add url: {fhir.CANONICAL_BASE}/{document.kind}/<name>"
            by_id = document.kind == "ActivityDefinition" and "id" in document.resource  # `$apply` finds it by that
            severity: Severity = "warning" if by_id else "error"
            yield document.problem("url-missing", f"the {document.kind} has no url", hint=hint, severity=severity)
            continue
        other = first.setdefault((document.url, document.version), document)
        if other is not document:
            name = f"{document.url}|{document.version}" if document.version else document.url
            message = f"{name} is already defined at {other.locate(('url',))}"
            hint = "give one of them another url or version"
            yield document.problem("canonical-duplicate", message, ("url",), hint=hint)


def _circles(registry: Registry, code: str, by: str) -> Iterator[Problem]:
    """Circles of references that stand below `by`: through actions, or through libraries."""
    found: dict[Document, dict[Document, ElementPath]] = {}
    for document in registry.documents:
        targets = found.setdefault(document, {})
        for path, canonical, kinds in references(document):
            target = registry.find(canonical, *kinds)
            if target and "ValueSet" not in kinds and (path[0] == "action") == (by == "action"):
                targets.setdefault(target, path)
    for circle in cycles({document: list(targets) for document, targets in found.items()}):
        message = "refers to itself: " + " -> ".join(str(document.url) for document in circle)
        hint = "remove one of these references"
        yield circle[0].problem(code, message, found[circle[0]][circle[1]], hint=hint)
