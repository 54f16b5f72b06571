"""An ELM tree to a Library: declarations first, then every define and function, all problems at once."""

from __future__ import annotations

from typing import Any

from cds.errors import DefinitionError, ExpressionSemanticError
from cds.expr.elm.code import Node, Place
from cds.expr.elm.compiler import FHIR_HELPERS, MALFORMED, Compiler, Definition, Reporting, malformed
from cds.expr.elm.library import Define, Function, Library, Parameter, Resolve
from cds.expr.elm.specifiers import ANY, Type, named, read
from cds.expr.elm.values import Code, CodeSystem, Concept, ValueSet


def compile_library(elm: dict[str, Any], resolve: Resolve | None = None) -> Library:
    """Compile an ELM 1.5 library (JSON, with or without its outer `library`).

    `resolve(name, version)` gives the libraries it includes, compiled; FHIRHelpers is built in. Raises DefinitionError
    with every problem and its place; errors of `resolve` pass."""
    name = ""
    try:
        elm = elm.get("library", elm)
        identifier = elm.get("identifier") or {}
        name = identifier.get("id") or ""
        compiler = Compiler(Library(name, identifier.get("version")))
        compiler.library.reporting = Reporting()
        _declarations(compiler, elm, resolve)
        _compile_statements(compiler, elm)
    except MALFORMED as error:
        raise DefinitionError([malformed(error, Place(name))]) from error
    if compiler.problems:
        raise DefinitionError(sorted(compiler.problems, key=lambda problem: problem.location))
    return compiler.library


def _declarations(compiler: Compiler, elm: dict[str, Any], resolve: Resolve | None) -> None:
    """Includes, terminology and parameters."""
    library = compiler.library
    for include in _section(elm, "includes"):
        library.includes[include["localIdentifier"]] = _included(compiler, include, resolve)
    library.includes.setdefault(FHIR_HELPERS, Library(FHIR_HELPERS, None))  # implicit conversions name it
    _terminology(compiler, elm)
    for node in _section(elm, "parameters"):
        library.parameters[node["name"]] = Parameter(library, node)


def _compile_statements(compiler: Compiler, elm: dict[str, Any]) -> None:
    """Functions and expressions, named first and then compiled."""
    library = compiler.library
    for node in _section(elm, "statements"):
        if node.get("type") == "FunctionDef":
            operands = tuple((operand["name"], _operand_type(operand)) for operand in node.get("operand") or ())
            library.functions.setdefault(node["name"], []).append(Function(library, node, operands))
        else:
            library.defines[node["name"]] = Define(library, node)
    functions = [overload for overloads in library.functions.values() for overload in overloads]
    definitions: list[Definition] = [*library.parameters.values(), *functions, *library.defines.values()]
    for definition in definitions:
        compiler.need(definition)


def _section(elm: dict[str, Any], section: str) -> list[Node]:
    found: list[Node] = (elm.get(section) or {}).get("def") or []
    return found


def _operand_type(operand: Node) -> Type:
    written = operand.get("operandTypeSpecifier")
    if written is not None:
        return read(written)
    return named(operand["operandType"]) if operand.get("operandType") else ANY


def _included(compiler: Compiler, include: Node, resolve: Resolve | None) -> Library:
    path, version = include["path"], include.get("version")
    name = path.rpartition("/")[2]
    if name == FHIR_HELPERS:
        return Library(name, version)
    if resolve is None:
        raise ExpressionSemanticError(f"there is no library '{path}' to include", library=compiler.library.name)
    return resolve(path, version)


def _terminology(compiler: Compiler, elm: dict[str, Any]) -> None:
    """Code systems, value sets, codes and concepts, each of which may name those before it."""
    library = compiler.library
    for node in _section(elm, "codeSystems"):
        library.code_systems[node["name"]] = CodeSystem(node["id"], node.get("version"), node["name"])
    for node in _section(elm, "valueSets"):
        systems = tuple(compiler.code_system(part) for part in node.get("codeSystem") or ())
        library.value_sets[node["name"]] = ValueSet(node["id"], node.get("version"), node["name"], systems)
    for node in _section(elm, "codes"):
        system = compiler.code_system(node["codeSystem"]) if node.get("codeSystem") else None
        url, version = (system.id, system.version) if system else (None, None)
        library.codes[node["name"]] = Code(node["id"], url, version, node.get("display"))
    for node in _section(elm, "concepts"):
        codes = [compiler.owner(part).codes[part["name"]] for part in node.get("code") or ()]
        library.concepts[node["name"]] = Concept(codes, node.get("display"))
