"""The operation `$data-requirements`: what a plan asks of the data, the terminology and other definitions, as a
module-definition Library (FHIR R4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cds import fhir
from cds.cql.call import Call, Sent
from cds.definitions.logic import Logic
from cds.expr.cql.types import ChoiceType, IntervalType, ListType, Named, Type
from cds.expr.types import model
from cds.fhir import Resource
from cds.operations import needs
from cds.operations.apply import COMMON, Service, definition_of, refuse_unbuilt

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
        owners, found = needs.owners_of(plan), needs.of_plan(plan)
    libraries = needs.libraries_of(owners, registry)
    requirements = needs.distinct([*found, *needs.of_libraries(libraries, registry.logic)])
    declared = (url for library in libraries for url in registry.logic.depends_on(library)[0])
    named = (_canonical(library) for library in libraries if library is not definition)
    related = [*_canonicals(owners), *named, *_value_sets(requirements), *declared]
    made: Resource = {"resourceType": "Library", "status": "active", "type": _TYPE}
    if related:
        made["relatedArtifact"] = [{"type": "depends-on", "resource": url} for url in dict.fromkeys(related) if url]
    if parameters := list(_parameters(libraries, registry.logic)):
        made["parameter"] = parameters
    return {**made, "dataRequirement": requirements} if requirements else made


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
