"""Comparisons with codes that the element can never hold: `status = 'actve'` is false for every patient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cds import expr
from cds.definitions.element import Element
from cds.definitions.expressions import LANGUAGE, Names, fhirpath_faults
from cds.definitions.registry import Registry
from cds.definitions.shapes import codes_of, never
from cds.errors import ExpressionError, Location, Problem
from cds.expr.elm.code import Node, Place
from cds.expr.elm.facts import parts_of
from cds.expr.elm.specifiers import fhir_name, named
from cds.expr.lexer import place as place_of
from cds.lint.libraries import Text, texts

_CODE = "{http://hl7.org/fhir}code"
_COMPARISONS = frozenset({"Equal", "Equivalent", "In", "Contains"})


def check_codes(registry: Registry, written: Iterable[tuple[Element, Names]]) -> Iterator[Problem]:
    """Impossible codes in FHIRPath of definitions, the expressions that are `written`, and in CQL of libraries."""
    for element, names in written:
        text = element.text("expression")
        if text is None or element.text("language") != LANGUAGE or names.cql is None:
            continue
        try:
            compiled = expr.compile(text, LANGUAGE)
        except ExpressionError:
            continue
        for fault in fhirpath_faults(compiled, names):
            if fault.kind == "code":
                document = element.document
                place = document.locate_in_text((*element.path, "expression"), *place_of(text, fault.at))
                yield document.problem("code-never", fault.message, place, hint=fault.hint, severity="warning")
    for library in texts(registry):
        for definition in library.definitions():
            yield from _compared(definition, {}, library)


def _compared(node: Node, aliases: Mapping[str, str], library: Text) -> Iterator[Problem]:
    """The comparisons below a node; `aliases` are the types of the query sources around it."""
    if node.get("type") == "Query":
        sources = [*node.get("source", ()), *node.get("relationship", ())]
        aliases = {**aliases, **{source["alias"]: _result(source["expression"]) for source in sources}}
    if node.get("type") in _COMPARISONS:
        operands = node["operand"]
        for one, other in ((0, 1), (1, 0)):
            if found := _element(operands[one], aliases):
                yield from _literals(operands[other], *found, library)
    for _, part in parts_of(node):
        yield from _compared(part, aliases, library)


def _literals(node: Node, name: str, codes: tuple[str, ...], library: Text) -> Iterator[Problem]:
    for literal in node.get("element", ()) if node.get("type") == "List" else (node,):
        value = literal.get("value")
        if literal.get("type") == "Literal" and isinstance(value, str) and value not in codes:
            message, hint = never(value, name, codes)
            place = Place("").of(literal)
            location = Location("", place.line, place.column)
            yield library.problem(Problem("code-never", message, location, hint, "warning"))


def _element(node: Node, aliases: Mapping[str, str]) -> tuple[str, tuple[str, ...]] | None:
    """The coded element that an operand is, converted to a string, and its codes."""
    while node.get("type") == "FunctionRef" and node.get("libraryName") == "FHIRHelpers":
        node = node["operand"][0]
    if node.get("type") == "Property" and node["path"] == "value" and "source" in node:
        node = node["source"]
    if node.get("type") != "Property" or node.get("resultTypeName") != _CODE:
        return None
    owner = aliases.get(node["scope"], "") if "scope" in node else _result(node.get("source", {}))
    codes = codes_of(frozenset({owner}), node["path"]) if owner else None
    return (node["path"], codes) if codes else None


def _result(node: Node) -> str:
    """The FHIR type that a node gives, or of the items of the list it gives; "" where it is none."""
    kind = node.get("resultTypeName")
    specifier = node.get("resultTypeSpecifier") or {}
    if kind is None and specifier.get("type") == "ListTypeSpecifier":
        kind = specifier["elementType"].get("name")
    return (fhir_name(named(kind)) or "") if kind else ""
