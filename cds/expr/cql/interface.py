"""What a library offers to others: its definitions and functions with their types, read from its ELM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from cds.expr.cql.conversions import helper_functions
from cds.expr.cql.model import fhir_model
from cds.expr.cql.signatures import Overload
from cds.expr.cql.types import (
    ANY,
    CODE,
    CODE_SYSTEM,
    CONCEPT,
    FHIR_URI,
    SYSTEM,
    VALUE_SET,
    IntervalType,
    ListType,
    Type,
    choice_of,
    tuple_of,
)

FHIR_HELPERS = "FHIRHelpers"

Kind = Literal["expression", "parameter", "valueset", "codesystem", "code", "concept"]


@dataclass(frozen=True, slots=True)
class Symbol:
    """A definition that a name can mean. `context` is the one an expression was defined in."""

    kind: Kind
    name: str
    type: Type
    context: str = ""
    private: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """One overload of a function, of this library or (`library`) of an included one."""

    overload: Overload
    library: str | None = None
    fluent: bool = False
    private: bool = False


@dataclass(frozen=True, slots=True)
class Interface:
    """The names of a library."""

    name: str
    symbols: Mapping[str, Symbol] = field(default_factory=dict)
    functions: Mapping[str, tuple[Function, ...]] = field(default_factory=dict)


def interface_of(library: Mapping[str, Any], alias: str) -> Interface:
    """The interface of a library's ELM (with or without its outer `library` member), for an include called `alias`."""
    elm = library.get("library", library)
    symbols: dict[str, Symbol] = {}
    functions: dict[str, list[Function]] = {}
    terminology: tuple[tuple[str, Kind, Type], ...] = (
        ("codeSystems", "codesystem", CODE_SYSTEM),
        ("valueSets", "valueset", VALUE_SET),
        ("codes", "code", CODE),
        ("concepts", "concept", CONCEPT),
    )
    for section, kind, result in terminology:
        for definition in _definitions(elm, section):
            symbols[definition["name"]] = Symbol(kind, definition["name"], result, private=_is_private(definition))
    for definition in _definitions(elm, "parameters"):
        result = type_of(definition, "parameterType", result_type_of(definition))
        symbols[definition["name"]] = Symbol("parameter", definition["name"], result, private=_is_private(definition))
    for definition in _definitions(elm, "statements"):
        name = definition["name"]
        if definition.get("type") == "FunctionDef":
            functions.setdefault(name, []).append(_function(definition, alias))
        else:
            context = definition.get("context", "")
            symbols[name] = Symbol("expression", name, result_type_of(definition), context, _is_private(definition))
    return Interface(elm["identifier"]["id"], symbols, {name: tuple(own) for name, own in functions.items()})


def _definitions(elm: Mapping[str, Any], section: str) -> list[dict[str, Any]]:
    return (elm.get(section) or {}).get("def") or []


def _is_private(definition: Mapping[str, Any]) -> bool:
    return definition.get("accessLevel") == "Private"


def _function(definition: Mapping[str, Any], alias: str) -> Function:
    operands = tuple(type_of(operand, "operandType", ANY) for operand in definition.get("operand", ()))
    overload = Overload(definition["name"], operands, result_type_of(definition))
    return Function(overload, alias, bool(definition.get("fluent")), _is_private(definition))


@lru_cache(maxsize=1)
def fhir_helpers() -> Interface:
    """FHIRHelpers 4.0.1 as the engine has it built in: the conversions from FHIR to System types."""
    functions: dict[str, list[Function]] = {}
    for overload in helper_functions():
        functions.setdefault(overload.name, []).append(Function(overload, FHIR_HELPERS))
    return Interface(FHIR_HELPERS, {}, {name: tuple(own) for name, own in functions.items()})


def result_type_of(element: Mapping[str, Any]) -> Type:
    """The type that an ELM element says it has; Any when it says nothing."""
    if not ("resultTypeName" in element or "resultTypeSpecifier" in element) and "expression" in element:
        element = element["expression"]
    return type_of(element, "resultType", ANY)


def type_of(element: Mapping[str, Any], member: str, default: Type) -> Type:
    """The type of a `...TypeSpecifier`, `...TypeName` or `...Type` member, by the member's beginning."""
    if specifier := element.get(f"{member}Specifier"):
        return _specified(specifier)
    name = element.get(member, element.get(f"{member}Name"))
    return _named(name) if name else default


def _specified(specifier: Mapping[str, Any]) -> Type:
    match specifier["type"]:
        case "ListTypeSpecifier":
            return ListType(_specified(specifier["elementType"]))
        case "IntervalTypeSpecifier":
            return IntervalType(_specified(specifier["pointType"]))
        case "ChoiceTypeSpecifier":
            return choice_of(map(_specified, specifier.get("choice") or specifier["type"]))
        case "TupleTypeSpecifier":
            elements = specifier.get("element", ())
            return tuple_of((own["name"], _specified(own.get("elementType") or own["type"])) for own in elements)
    return _named(specifier["name"])


@lru_cache(maxsize=1024)
def _named(qualified: str) -> Type:
    uri, _, name = qualified.removeprefix("{").rpartition("}")
    known = fhir_model().type(name) if uri == FHIR_URI else SYSTEM.get(name)
    return known or ANY
