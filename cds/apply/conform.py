"""Resources brought into the form that FHIR R4 gives them, so that what is made of unchecked content is valid.

`conformed` reads a resource by the type model: members no type has are left out, numbers in quotes become numbers.
`repaired` asks the models of fhir.resources, which know codes, formats and what is required.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cds import fhir
from cds.definitions.load import in_memory
from cds.definitions.structure import check_structure
from cds.errors import Problem
from cds.expr.types import PRIMITIVES, model
from cds.fhir import Resource

_MAX_REPAIRS = 100
_STEP = re.compile(r"([^.\[]+)|\[(\d+)\]")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_INTEGERS = frozenset({"integer", "positiveInt", "unsignedInt"})
_NOTHING: Any = object()


def conformed(resource: Resource) -> tuple[Resource, list[str]]:
    """The resource with what its type has, and the paths of what was left out. Of an unknown type nothing is kept."""
    dropped: list[str] = []
    return _resource(resource, str(resource.get("resourceType")), dropped), dropped


def _resource(resource: Any, path: str, dropped: list[str]) -> Any:
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(kind, str) or kind not in model().resources:
        return _NOTHING
    return {"resourceType": kind, **_members(resource, kind, path, dropped)}


def _members(element: dict[str, Any], kind: str, path: str, dropped: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in element.items():
        known = model().key(kind, name.removeprefix("_"))
        if name == "resourceType":
            continue
        if known is None:
            dropped.append(f"{path}.{name}")
        elif name.startswith("_"):
            found[name] = value
        else:
            of, repeats, _ = known
            items = [_value(item, of, f"{path}.{name}", dropped) for item in fhir.as_list(value)]
            kept = [item for item in items if item is not _NOTHING]
            if len(kept) < len(items) or (len(kept) > 1 and not repeats):
                dropped.append(f"{path}.{name}")
            if kept:
                found[name] = kept if repeats else kept[0]
    return found


def _value(value: Any, kind: str, path: str, dropped: list[str]) -> Any:
    if kind not in PRIMITIVES:
        if kind == "Resource":
            return _resource(value, path, dropped)
        made = _members(value, kind, path, dropped) if isinstance(value, dict) else {}
        return made if made and _says_enough(made, kind) else _NOTHING
    if kind == "boolean":
        return {"true": True, "false": False}.get(value, _NOTHING) if isinstance(value, str) else _of(value, bool)
    if kind in _INTEGERS or kind == "decimal":
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value) if "." in value else int(value)
        wanted = int if kind in _INTEGERS else (int, float)
        return _NOTHING if isinstance(value, bool) else _of(value, wanted)
    return _of(value, str) or _NOTHING


#: Without these an element of a definition says nothing.
_NEEDED = {"ParameterDefinition": {"name"}, "DataRequirement": {"type"}, "Extension": {"url"}}
_EXPRESSION = {"language", "expression"}
_OF_EXTENSION = {fhir.VARIABLE: {"name", *_EXPRESSION}, fhir.FOR_EACH: {"name", *_EXPRESSION}, fhir.TARGET: _EXPRESSION}


def _says_enough(element: dict[str, Any], kind: str) -> bool:
    inner = _OF_EXTENSION.get(element.get("url", "")) if kind == "Extension" else None
    if inner is not None:
        return inner <= set(element.get("valueExpression", ()))
    return _NEEDED.get(kind, set()) <= set(element)


def _of(value: Any, kind: type | tuple[type, ...]) -> Any:
    return value if isinstance(value, kind) else _NOTHING


def faults(resource: Resource) -> list[Problem]:
    """What is wrong with a resource as FHIR R4: its structure, and the invariants that a definition can break."""
    document = in_memory(resource)
    return list(check_structure(document)) or [
        document.problem("fhir-missing", text, path) for path, text in _broken(resource)
    ]


def _broken(resource: Resource) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """imr-1, gol-1 and prr-1: place and text."""
    kind = resource.get("resourceType")
    if kind == "ImmunizationRecommendation":
        for index, one in enumerate(fhir.as_list(resource.get("recommendation"))):
            if not {"vaccineCode", "targetDisease"} & set(one):
                yield ("recommendation", index), "A recommendation needs vaccineCode or targetDisease (imr-1)"
    elif kind == "Goal":
        for index, one in enumerate(fhir.as_list(resource.get("target"))):
            if "measure" not in one and any(name.startswith("detail") for name in one):
                yield ("target", index), "A target with a detail needs its measure (gol-1)"
    elif kind == "ServiceRequest" and "orderDetail" in resource and "code" not in resource:
        yield ("orderDetail",), "orderDetail needs code (prr-1)"


def repaired(resource: Resource) -> tuple[Resource, list[str]]:
    """The resource without the elements that are no valid FHIR R4, and what was wrong with each. What is wrong with the
    resource as a whole stays."""
    notes: list[str] = []
    for _ in range(_MAX_REPAIRS):
        wrong = next((found for found in faults(resource) if "." in found.location.path), None)
        if wrong is None:
            break
        steps = [name or int(index) for name, index in _STEP.findall(wrong.location.path)][1:]
        resource = _without(resource, steps)
        notes.append(f"{wrong.location.path}: {wrong.message}")
    return resource, notes


def _without(value: Any, steps: list[Any]) -> Any:
    """A copy without the element at the steps, and without what that leaves empty."""
    step, rest = steps[0], steps[1:]
    below = _without(value[step], rest) if rest else None
    if isinstance(value, list):
        return [*value[:step], *([below] if below else []), *value[step + 1 :]]
    kept = {name: item for name, item in value.items() if name != step}
    return {**kept, step: below} if below else kept
