"""What a plan asks of the data, as DataRequirements: what it retrieves, its inputs, what its libraries say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cds import fhir
from cds.apply.plan import CompiledPlan
from cds.apply.scope import Parameter, Retrieve, Scope
from cds.definitions.logic import Logic
from cds.definitions.registry import Registry
from cds.expr.cql_expression import CqlExpression
from cds.expr.elm.facts import Need
from cds.fhir import Resource
from cds.operations.dependencies import reached


def owners_of(plan: CompiledPlan) -> list[Resource]:
    """The plan, the plans it nests, and the activities they use; each once."""
    return _once(_definitions(plan))


def libraries_of(owners: Iterable[Resource], registry: Registry) -> list[Resource]:
    """The Libraries that definitions use, also by way of others; each once."""
    return _once(one for owner in owners for one in reached(owner, registry) if one["resourceType"] == "Library")


def of_plan(plan: CompiledPlan) -> list[dict[str, Any]]:
    """What the plan itself asks for: what its expressions may retrieve, and the inputs of its actions."""
    return [*_asked(plan), *_inputs(plan)]


def of_libraries(libraries: Sequence[Resource], logic: Logic) -> Iterator[dict[str, Any]]:
    """What libraries say they need, and what their CQL may retrieve."""
    for library in libraries:
        for requirement in fhir.as_list(library.get("dataRequirement")):
            yield {name: value for name, value in requirement.items() if name not in ("id", "extension")}
        for expression in logic.names(library).values():
            yield from (need.requirement for need in expression.needs)


def distinct(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each requirement once, in order of type."""
    return sorted({str(one): one for one in found}.values(), key=lambda one: str(one.get("type")))


def _definitions(plan: CompiledPlan) -> Iterator[Resource]:
    yield plan.definition
    for action in plan.walk():
        if action.plan is not None:
            yield action.plan.definition
        if action.activity is not None:
            yield action.activity


def _once(found: Iterable[Resource]) -> list[Resource]:
    return list({id(resource): resource for resource in found}.values())


def _asked(plan: CompiledPlan) -> Iterator[dict[str, Any]]:
    """What the expressions of the plan may retrieve, in both languages."""
    seen: set[int] = set()
    pending: list[tuple[Any, Scope]] = [pair for action in plan.walk() for pair in action.expressions()]
    while pending:
        meaning, scope = pending.pop(0)
        if isinstance(meaning, Retrieve):
            yield Need(meaning.resource_type, meaning.path, meaning.value_set).requirement
        elif isinstance(meaning, CqlExpression):
            yield from (need.requirement for need in meaning.needs)
        elif not isinstance(meaning, Parameter):
            names = [scope.names[name] for name in sorted(meaning.variables) if name in scope.names]
            pending += [(name.meaning, name.scope) for name in names if id(name) not in seen]
            seen |= {id(name) for name in names}


def _inputs(plan: CompiledPlan) -> Iterator[dict[str, Any]]:
    for action in plan.walk():
        for requirement in fhir.as_list(action.definition.get("input")):
            yield {name: value for name, value in requirement.items() if name != "id"}
