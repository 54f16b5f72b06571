"""What the tests of the translator share: ELM as short text, and problems as lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cds.errors import DefinitionError
from cds.expr.cql.interface import result_type_of
from cds.expr.cql.parser import parse_library
from cds.expr.cql.translate import translate

FHIR = "using FHIR version '4.0.1'\ncontext Patient\n"

_OPERANDS = ("operand", "source", "separator", "pattern", "string", "stringToSplit", "stringToSub", "startIndex",
             "length", "precision", "element", "code", "codes", "valueset", "codesystem", "numerator",
             "denominator", "year", "month", "day", "hour", "minute", "second", "millisecond", "timezoneOffset",
             "endIndex", "condition", "severity", "message", "expression")  # fmt: skip


def library(text: str, **included: str) -> dict[str, Any]:
    """The ELM of a library, `included` being the texts of others by name."""

    def resolve(name: str, version: str | None) -> Mapping[str, Any] | None:
        return translate(parse_library(included[name]), resolve=resolve) if name in included else None

    return translate(parse_library(text), resolve=resolve)["library"]  # type: ignore[no-any-return]


def definition(text: str, name: str = "X", **included: str) -> dict[str, Any]:
    """One statement of a library."""
    statements = library(text, **included)["statements"]["def"]
    return next(own for own in statements if own["name"] == name)  # type: ignore[no-any-return]


def elm(expression: str, before: str = "", **included: str) -> str:
    """The ELM of an expression behind other definitions, as text: `Add(ToDecimal(1), 2.0)`."""
    return shown(definition(f"library T\n{before}\ndefine X: {expression}", **included)["expression"])


def kind(expression: str, before: str = "") -> str:
    """The static type of an expression, System types without their namespace."""
    made = definition(f"library T\n{before}\ndefine X: {expression}")
    return str(result_type_of(made)).replace("System.", "")


def problems(text: str, **included: str) -> list[str]:
    """What is wrong with a library: `line:column: message (hint)`."""
    with pytest.raises(DefinitionError) as caught:
        library(text, **included)
    return [
        f"{own.location.line}:{own.location.column}: {own.message}" + (f" ({own.hint})" if own.hint else "")
        for own in caught.value.problems
    ]


def problem(expression: str, before: str = "") -> str:
    """The one problem of an expression, without its place."""
    found = problems(f"library T\n{before}\ndefine X: {expression}")
    assert len(found) == 1, found
    return found[0].partition(": ")[2]


def shown(node: Any) -> str:
    """An ELM node as text."""
    if not isinstance(node, dict):
        return str(node)
    match node.get("type"):
        case "Literal":
            return f"'{node['value']}'" if node["valueType"].endswith("String") else str(node["value"])
        case "Null":
            return "null"
        case "Property":
            owner = node["scope"] if "scope" in node else shown(node["source"])
            return f"{owner}.{node['path']}"
        case "As" | "Is":
            own = str(result_type_of({"resultTypeName": _named(node), "resultTypeSpecifier": _specified(node)}))
            return f"{shown(node['operand'])} {node['type'].lower()} {own.replace('System.', '')}"
        case "Quantity":
            return f"{node['value']} '{node['unit']}'"
        case "Interval":
            low, high = ("[" if node.get("lowClosed") else "("), ("]" if node.get("highClosed") else ")")
            return f"Interval{low}{shown(node['low'])}, {shown(node['high'])}{high}"
        case "List":
            return "{" + ", ".join(map(shown, node["element"])) + "}"
        case "Tuple" | "Instance":
            return "{" + ", ".join(f"{own['name']}: {shown(own['value'])}" for own in node["element"]) + "}"
        case "If":
            return f"if {shown(node['condition'])} then {shown(node['then'])} else {shown(node['else'])}"
        case "Case":
            items = [f"when {shown(own['when'])} then {shown(own['then'])}" for own in node["caseItem"]]
            start = [shown(node["comparand"])] if "comparand" in node else []
            return " ".join(["case", *start, *items, "else", shown(node["else"])])
        case "Query":
            return _query(node)
        case "Retrieve":
            codes = (
                f": {node['codeProperty']} {node['codeComparator']} {shown(node['codes'])}" if "codes" in node else ""
            )
            return f"[{node['dataType'].partition('}')[2]}{codes}]"
        case "FunctionRef":
            return f"{_qualified(node)}({', '.join(map(shown, node['operand']))})"
        case None:
            return _qualified(node)
        case name if name.endswith("Ref"):
            return _qualified(node)
    operands = [
        shown(own) for name in _OPERANDS if name in node for own in _listed(node[name]) if name != "precision" or own
    ]
    return f"{node['type']}({', '.join(operands)})"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _qualified(node: dict[str, Any]) -> str:
    return f"{node['libraryName']}.{node['name']}" if "libraryName" in node else str(node["name"])


def _named(node: dict[str, Any]) -> Any:
    return node.get("asType") or node.get("isType")


def _specified(node: dict[str, Any]) -> Any:
    return node.get("asTypeSpecifier") or node.get("isTypeSpecifier")


def _query(node: dict[str, Any]) -> str:
    parts = ["from " + ", ".join(f"{shown(own['expression'])} {own['alias']}" for own in node["source"])]
    parts += [f"let {own['identifier']}: {shown(own['expression'])}" for own in node.get("let", ())]
    for own in node["relationship"]:
        parts.append(
            f"{own['type'].lower()} {shown(own['expression'])} {own['alias']} such that {shown(own['suchThat'])}"
        )
    if "where" in node:
        parts.append(f"where {shown(node['where'])}")
    if returned := node.get("return"):
        modifier = {None: "", True: "distinct ", False: "all "}[returned.get("distinct")]
        parts.append(f"return {modifier}{shown(returned['expression'])}")
    if aggregate := node.get("aggregate"):
        start = f"aggregate {aggregate['identifier']} starting {shown(aggregate['starting'])}"
        parts.append(f"{start}: {shown(aggregate['expression'])}")
    if "sort" in node:
        by = [f"{own.get('path') or shown(own.get('expression', ''))} {own['direction']}" for own in node["sort"]["by"]]
        parts.append("sort " + ", ".join(item.strip() for item in by))
    return "(" + " ".join(parts) + ")"
