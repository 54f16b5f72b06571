"""The types of the `%names` that FHIRPath expressions of definitions use, as far as they are known without data: with
them the paths below a name are checked against the FHIR model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cds import expr
from cds.definitions.registry import Registry
from cds.definitions.scope import CALL_NAMES, libraries_of, logic_of
from cds.errors import ExpressionError
from cds.expr.cql.types import ChoiceType, ListType, Named, Type
from cds.expr.types import model
from cds.fhir import VARIABLE, Resource, as_list
from cds.orders import ORDER_TYPES

#: The types of a name as `expr.compile` takes them: `Condition`, `Age|dateTime`; "" where they are open.
TypeNames = str

_CALL: dict[str, TypeNames] = {
    **dict.fromkeys(CALL_NAMES, ""),
    "patient": "Patient",
    "subject": "Patient",
    "hook": "System.String",
    "draftOrders": "|".join(sorted(ORDER_TYPES)),
    "selectedOrders": "|".join(sorted(ORDER_TYPES)),
    "encounter": "Encounter",
    "organization": "Organization",
}
#: The element of an action in a dynamic value.
ACTION: dict[str, TypeNames] = {"action": "PlanDefinitionAction", "resource": ""}


class NameTypes:
    """The types of the names of every definition of a registry, each found once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[int, dict[str, TypeNames]] = {}

    def of(self, definition: Resource) -> dict[str, TypeNames]:
        """Every name that expressions of a definition see, with its types."""
        known = self._known.get(id(definition))
        if known is None:
            self._known[id(definition)] = {}  # for libraries that depend on each other in a circle
            known = self._known[id(definition)] = self._found(definition)
        return known

    def _found(self, definition: Resource) -> dict[str, TypeNames]:
        names: dict[str, TypeNames] = {}
        for library in libraries_of(definition, self._registry)[::-1]:
            own, seen = _own(library), self.of(library)
            names |= {name: seen.get(name, "") for name in own}
        names |= _own(definition)
        for library in logic_of(definition, self._registry):
            logic = self._registry.logic.names(library)
            names |= {name: type_names(expression.type) for name, expression in logic.items()}
        names |= _CALL
        names |= {name: result_types(expression, names) or "" for name, expression in _variables(definition)}
        return names


def _own(definition: Resource) -> dict[str, TypeNames]:
    """The parameters, data requirements and variables of one definition; variables are open as yet."""
    names: dict[str, TypeNames] = dict.fromkeys((name for name, _ in _variables(definition)), "")
    for parameter in as_list(definition.get("parameter")):
        if isinstance(parameter, dict) and isinstance(parameter.get("name"), str):
            names[parameter["name"]] = ""
    for requirement in as_list(definition.get("dataRequirement")):
        if isinstance(requirement, dict) and isinstance(requirement.get("id"), str):
            kind = requirement.get("type")
            names[requirement["id"]] = kind if isinstance(kind, str) and kind in model().resources else ""
    return names


def _variables(definition: Resource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for item in as_list(definition.get("extension")):
        expression = item.get("valueExpression") if isinstance(item, dict) and item.get("url") == VARIABLE else None
        if isinstance(expression, dict) and isinstance(expression.get("name"), str):
            yield expression["name"], expression


def result_types(expression: Mapping[str, Any], names: Mapping[str, TypeNames]) -> TypeNames | None:
    """The types of what a FHIR Expression gives; None where it is not in FHIRPath or does not compile."""
    text, language = expression.get("expression"), expression.get("language")
    if not isinstance(text, str) or language != "text/fhirpath":
        return None
    try:
        return "|".join(sorted(expr.compile(text, language, variables=names).types or ()))
    except ExpressionError:
        return None


def type_names(kind: Type) -> TypeNames:
    """A type of CQL as FHIRPath names it; open for a Tuple and what FHIRPath does not have."""
    if isinstance(kind, ListType):
        return type_names(kind.element)
    if isinstance(kind, ChoiceType):
        options = [type_names(option) for option in kind.options]
        return "|".join(options) if all(options) else ""
    if not isinstance(kind, Named):
        return ""
    name = kind.local.replace(".", "")
    if kind.namespace == "FHIR":
        return name if name in model() else ""
    return kind.name if name in _SYSTEM else ""


_SYSTEM = frozenset({"Boolean", "String", "Integer", "Long", "Decimal", "Date", "DateTime", "Time", "Quantity"})
