"""The operation `$data-requirements`: what a plan asks of the data, the terminology and other definitions, as a
module-definition Library (FHIR R4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cds import fhir
from cds.apply.plan import CompiledPlan
from cds.apply.scope import Parameter, Retrieve, Scope
from cds.cql.call import Call, Sent
from cds.definitions.logic import Logic
from cds.expr.cql.types import ChoiceType, IntervalType, ListType, Named, Type
from cds.expr.cql_expression import CqlExpression
from cds.expr.elm.facts import Need
from cds.expr.types import model
from cds.fhir import Resource
from cds.operations.apply import COMMON, Service, definition_of, refuse_unbuilt
from cds.operations.dependencies import reached

_TYPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "module-definition"}]}


def data_requirements(sent: Sequence[Sent], service: Service, kind: str, identifier: str | None = None) -> Resource:
    """Answer `$data-requirements` of a PlanDefinition or Library, of the loaded one with that id where one is given.
    Raises RequestError as `$apply`."""
    call = Call(refuse_unbuilt(sent), (*COMMON, kind[0].lower() + kind[1:]), ("content", "subject"))
    content, definition = definition_of(call, service, kind, identifier)
    registry = content.snapshot.registry
    owners, found = [definition], list[dict[str, Any]]()
    if kind == "PlanDefinition":
        plan = content.plan(definition)
        owners = _once(_definitions(plan))
        found = [*_asked(plan), *_inputs(plan)]
    libraries = _once(one for owner in owners for one in reached(owner, registry) if one["resourceType"] == "Library")
    requirements = _distinct([*found, *_of_libraries(libraries, registry.logic)])
    declared = (url for library in libraries for url in registry.logic.depends_on(library)[0])
    named = (_canonical(library) for library in libraries if library is not definition)
    related = [*_canonicals(owners), *named, *_value_sets(requirements), *declared]
    made: Resource = {"resourceType": "Library", "status": "active", "type": _TYPE}
    if related:
        made["relatedArtifact"] = [{"type": "depends-on", "resource": url} for url in dict.fromkeys(related) if url]
    if parameters := list(_parameters(libraries, registry.logic)):
        made["parameter"] = parameters
    return {**made, "dataRequirement": requirements} if requirements else made


def _definitions(plan: CompiledPlan) -> Iterator[Resource]:
    """The plan, the plans it nests, and the activities they use."""
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
            yield _requirement(meaning.resource_type, meaning.path, meaning.value_set)
        elif isinstance(meaning, CqlExpression):
            yield from (_need(need) for need in meaning.needs)
        elif not isinstance(meaning, Parameter):
            names = [scope.names[name] for name in sorted(meaning.variables) if name in scope.names]
            pending += [(name.meaning, name.scope) for name in names if id(name) not in seen]
            seen |= {id(name) for name in names}


def _requirement(kind: str, path: str | None, value_set: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": kind}
    return {**found, "codeFilter": [{"path": path, "valueSet": value_set}]} if path and value_set else found


def _need(need: Need) -> dict[str, Any]:
    found = _requirement(need.resource_type, need.code_path, need.value_set)
    if need.codes and need.code_path:
        codes = [{**({"system": system} if system else {}), "code": code} for system, code in need.codes]
        found["codeFilter"] = [{"path": need.code_path, "code": codes}]
    return found


def _inputs(plan: CompiledPlan) -> Iterator[dict[str, Any]]:
    for action in plan.walk():
        for requirement in fhir.as_list(action.definition.get("input")):
            yield {name: value for name, value in requirement.items() if name != "id"}


def _distinct(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each requirement once, in order of type."""
    return sorted({str(one): one for one in found}.values(), key=lambda one: str(one.get("type")))


def _canonicals(owners: Sequence[Resource]) -> Iterator[str]:
    for owner in owners:
        yield from fhir.as_list(owner.get("library"))
        pending = [*fhir.as_list(owner.get("action"))]
        for action in pending:
            canonical = action.get("definitionCanonical")
            if canonical and not canonical.startswith("#"):
                yield canonical
            pending += fhir.as_list(action.get("action"))


def _value_sets(requirements: Sequence[dict[str, Any]]) -> Iterator[str]:
    for requirement in requirements:
        for code_filter in fhir.as_list(requirement.get("codeFilter")):
            if "valueSet" in code_filter:
                yield code_filter["valueSet"]


def _canonical(resource: Resource) -> str:
    version = resource.get("version")
    return f"{resource.get('url', '')}|{version}" if version and "url" in resource else str(resource.get("url", ""))


def _of_libraries(libraries: Sequence[Resource], logic: Logic) -> Iterator[dict[str, Any]]:
    """What libraries say they need, and what their CQL may retrieve."""
    for library in libraries:
        for requirement in fhir.as_list(library.get("dataRequirement")):
            yield {name: value for name, value in requirement.items() if name not in ("id", "extension")}
        for expression in logic.names(library).values():
            yield from (_need(need) for need in expression.needs)


def _parameters(libraries: Sequence[Resource], logic: Logic) -> Iterator[dict[str, Any]]:
    """What libraries say they take, then what their CQL does; each name once."""
    seen: set[str] = set()
    for library in libraries:
        for parameter in fhir.as_list(library.get("parameter")):
            if parameter.get("use", "in") == "in" and parameter["name"] not in seen:
                seen.add(parameter["name"])
                yield {name: value for name, value in parameter.items() if name != "extension"}
    for library in libraries:
        for name, expression in logic.names(library).items():
            if logic.is_parameter(library, name) and name not in seen:
                seen.add(name)
                kind, most = _fhir_type(expression.type)
                yield {"name": name, "use": "in", "min": 0, "max": most, "type": kind}


#: Types of CQL as FHIR's; others are Any.
_TYPES = {
    **{name: name.lower() for name in ("Boolean", "Integer", "Decimal", "String", "Date", "Time")},
    "Long": "integer",
    "DateTime": "dateTime",
    "Quantity": "Quantity",
    "Ratio": "Ratio",
    "Code": "Coding",
    "Concept": "CodeableConcept",
}


def _fhir_type(kind: Type) -> tuple[str, str]:
    """The FHIR type and the largest number of values of a CQL parameter (Using CQL with FHIR, FHIR Type Mapping)."""
    if isinstance(kind, ListType):
        return _fhir_type(kind.element)[0], "*"
    if isinstance(kind, IntervalType):
        return "Period" if str(kind.point) in ("System.Date", "System.DateTime", "System.Time") else "Range", "1"
    if isinstance(kind, ChoiceType):
        every = {_fhir_type(option)[0] for option in kind.options}
        return (every.pop() if len(every) == 1 else "Resource" if every <= model().resources else "Any"), "1"
    if isinstance(kind, Named) and kind.namespace == "FHIR":
        return kind.local, "1"
    return (_TYPES.get(kind.local, "Any") if isinstance(kind, Named) else "Any"), "1"
