"""Every expression of the content compiled with the names it may use, and faults told at their place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from cds import expr, fhir
from cds.definitions.constants import Constants, of_call, of_dynamic_value, of_item
from cds.definitions.cycles import cycles
from cds.definitions.element import Element
from cds.definitions.extensions import check_name
from cds.definitions.load import Document
from cds.definitions.registry import Registry
from cds.definitions.scope import (
    CALL_NAMES,
    defined_names,
    for_each_name,
    libraries_of,
    library_names,
    logic_of,
    scope_of,
)
from cds.definitions.source import ElementPath
from cds.errors import ExpressionError, ExpressionSemanticError, ExpressionSyntaxError, Problem
from cds.expr.cql.types import ANY, Type
from cds.expr.cql_expression import LANGUAGES, CqlScope
from cds.terminology import Terminology

LANGUAGE = "text/fhirpath"

KINDS = frozenset({"PlanDefinition", "ActivityDefinition", "Library"})

_VALUE_SET_LITERAL = re.compile(r"\bmemberOf\(\s*'([^'\\]*)'\s*\)")
_NAMES_SHOWN = 20
_PATH = re.compile(r"%?[A-Za-z]+(\[[0-9]+\])?(\.[A-Za-z]+(\[[0-9]+\])?)*")


def check_expressions(registry: Registry, terminology: Terminology) -> Iterator[Problem]:
    """Expressions that do not compile, names that clash or go in circles, value sets that expressions name in vain."""
    for document in registry.documents:
        if document.kind in KINDS:
            yield from _names(document, registry)
            names = _names_of(document, registry)
            for element, scope in _expressions(Element.root(document), names, names):
                yield from _expression(element, scope)
                yield from _literals(element, registry, terminology)
            yield from _dynamic_values(Element.root(document))
    yield from _circles(registry)


@dataclass(frozen=True, slots=True)
class Names:
    """What an expression sees: `variables` in FHIRPath, `constants` and the libraries of `cql` in CQL. `cql` is None
    where one of these does not compile."""

    variables: frozenset[str]
    constants: Constants
    cql: CqlScope | None

    def within(self, constants: Constants) -> Names:
        """With more `%names`."""
        return replace(self, variables=self.variables | set(constants), constants={**self.constants, **constants})


def _names_of(document: Document, registry: Registry) -> Names:
    libraries = logic_of(document.resource, registry)
    cql = registry.logic.scope(libraries) if registry.logic.is_sound(libraries) else None
    return Names(scope_of(document.resource, registry), of_call(), cql)


def _expressions(element: Element, names: Names, outer: Names) -> Iterator[tuple[Element, Names]]:
    """Every Expression below an element with the names it sees. `outer` are the names outside the action that the
    element is: those its own for-each expression sees."""
    for child in element.children():
        member = child.path[len(element.path)]
        if member == "action":
            bound = for_each_name(child.value)
            yield from _expressions(child, names.within({bound: _item(child, names)}) if bound else names, names)
        elif member == "dynamicValue":
            inner = names.within(of_dynamic_value())
            yield from _expressions(child, inner, inner)
        elif member == "extension" and child.text("url") == fhir.FOR_EACH:
            yield from _expressions(child, outer, outer)
        elif member != "contained":
            if member in ("expression", "valueExpression") or child.text("expression"):
                yield child, names
            yield from _expressions(child, names, names)


def _item(action: Element, names: Names) -> Type:
    """The type of what the action is repeated for."""
    found = (fhir.extension(action.value, fhir.FOR_EACH) or {}).get("valueExpression")
    return of_item(found, names.cql, names.constants) if names.cql and isinstance(found, dict) else ANY


def _expression(element: Element, names: Names) -> Iterator[Problem]:
    text, language = element.text("expression"), element.text("language")
    if text is None:
        hint = f"add language: {LANGUAGE} and expression:"
        yield element.problem("expression-missing", "the expression has no text", hint=hint)
    elif language is not None and language not in (LANGUAGE, *LANGUAGES):
        message = f"expressions in {language} are not supported"
        hint = f"write {LANGUAGE} or {' or '.join(LANGUAGES)}"
        yield element.problem("expression-language", message, "language", hint=hint)
    elif language is not None:
        try:
            _compile(element, text, language, names)
        except ExpressionError as error:
            code = "expression-syntax" if isinstance(error, ExpressionSyntaxError) else "expression-semantic"
            place = element.document.locate_in_text((*element.path, "expression"), error.line, error.column)
            remedy = error.hint or _names_hint(text, error, names.variables)
            yield element.document.problem(code, error.message, place, hint=remedy)


def _compile(element: Element, text: str, language: str, names: Names) -> None:
    """Compile an expression in any language. Raises ExpressionError."""
    if language == LANGUAGE:
        expr.compile(text, language, variables=names.variables if names.cql else None)
    elif names.cql is not None:
        compiled = names.cql.compile(text, language, names.constants)
        if "condition" in element.path[-3:] and str(compiled.type) not in _TRUTHS:
            message = f"a condition is true, false or null, and this is {compiled.type}"
            raise ExpressionSemanticError(message, line=1, column=1, hint="compare it, or ask whether it exists")


#: The types a condition in CQL may have.
_TRUTHS = ("System.Boolean", "FHIR.boolean", "System.Any")


def _names_hint(text: str, error: ExpressionError, names: frozenset[str]) -> str | None:
    """What there is instead of an unknown `%name` that is like none of them."""
    lines = text.split("\n")
    if not 0 < error.line <= len(lines) or not lines[error.line - 1].startswith("%", error.column - 1):
        return None
    return "the names here are " + ", ".join(f"%{name}" for name in sorted(names)[:_NAMES_SHOWN])


def _literals(element: Element, registry: Registry, terminology: Terminology) -> Iterator[Problem]:
    """Value sets named by `memberOf('...')` that are not loaded: the expression would be unknown for every patient."""
    text = element.text("expression") or ""
    for found in _VALUE_SET_LITERAL.finditer(text):
        canonical = found.group(1)
        if terminology.expansion(canonical) is None:
            line = text.count("\n", 0, found.start(1)) + 1
            column = found.start(1) - (text.rfind("\n", 0, found.start(1)) + 1) + 1
            place = element.document.locate_in_text((*element.path, "expression"), line, column)
            message = f"the ValueSet {canonical} is not loaded"
            hint = registry.hint(canonical, "ValueSet")
            yield element.document.problem("canonical-unresolved", message, place, hint=hint)


def _dynamic_values(element: Element) -> Iterator[Problem]:
    """Dynamic values need a path that can be set and an expression."""
    for child in element.children():
        if child.path[len(element.path)] == "dynamicValue":
            path = child.text("path")
            if path is None:
                yield child.problem("dynamic-value-path", "the dynamic value has no path", hint="add `path:`")
            elif not _PATH.fullmatch(path):
                hint = "write a path such as action.title or dosageInstruction[0].text"
                yield child.problem("dynamic-value-path", f"'{path}' is not an element path", "path", hint=hint)
            if not isinstance(child.value.get("expression"), dict):
                yield child.problem("expression-missing", "the dynamic value has no expression", hint=_EXPRESSION_HINT)
        yield from _dynamic_values(child)


_EXPRESSION_HINT = f"add expression: {{language: {LANGUAGE}, expression: ...}}"


def _names(document: Document, registry: Registry) -> Iterator[Problem]:
    """Names of a definition that are given twice, hide a standard name, or cannot be written."""
    root = Element.root(document)
    logic = registry.logic.names(document.resource)
    for parameter in root.each("parameter"):
        if parameter.text("name") not in logic:
            yield from check_name(parameter, "name", parameter.text("name"))
        elif any(parameter.extensions(fhir.DEFAULT_VALUE)):
            message = f"the CQL already says what the parameter '{parameter.text('name')}' is"
            hint = "write the default there: parameter name Type default value"
            yield parameter.problem("variable-duplicate", message, "extension", hint=hint)
    for requirement in root.each("dataRequirement"):
        if "id" in requirement.value:
            yield from check_name(requirement, "id", requirement.text("id"))
    taken: dict[str, str] = {}
    for library in libraries_of(document.resource, registry):
        taken |= dict.fromkeys(library_names(library), f"in {library.get('url')}")
    for library in logic_of(document.resource, registry):
        taken |= dict.fromkeys(registry.logic.names(library), f"in the CQL of {library.get('url')}")
    taken |= dict.fromkeys(CALL_NAMES, "for every call")
    for name, path in defined_names(document.resource):
        if path[0] == "parameter" and name in logic:
            continue
        if name in taken:
            message = f"%{name} is already defined {taken[name]}"
            yield document.problem("variable-duplicate", message, _name_path(path), hint="use another name")
        taken.setdefault(name, f"at line {document.locate(path).line}")
    yield from _clashes(document, registry)
    yield from _bound(root, frozenset(taken))


def _name_path(path: ElementPath) -> ElementPath:
    match path[0]:
        case "parameter":
            return (*path, "name")
        case "dataRequirement":
            return (*path, "id")
    return (*path, "valueExpression", "name")


def _clashes(document: Document, registry: Registry) -> Iterator[Problem]:
    """One name with two meanings in two of the libraries a plan or activity lists."""
    owners: dict[str, str] = {}
    if document.kind == "Library":
        return
    seen = logic_of(document.resource, registry)
    for library in libraries_of(document.resource, registry):
        logic = registry.logic.names(library) if library in seen else ()
        for name in sorted({*library_names(library), *logic} - CALL_NAMES):
            first = owners.setdefault(name, str(library.get("url")))
            if first != str(library.get("url")):
                message = f"%{name} has two meanings: in {first} and in {library.get('url')}"
                yield document.problem("variable-duplicate", message, ("library",), hint="rename one of them")


def _bound(element: Element, taken: frozenset[str]) -> Iterator[Problem]:
    """For-each names that hide another name."""
    for action in element.each("action"):
        name = for_each_name(action.value)
        if name in taken:
            message = f"%{name} is already defined here"
            extension = next(action.extensions(fhir.FOR_EACH))
            yield extension.problem("variable-duplicate", message, "valueExpression", "name", hint="use another name")
        yield from _bound(action, taken | {name} if name else taken)


def _circles(registry: Registry) -> Iterator[Problem]:
    """Variables whose expressions need each other."""
    places: dict[tuple[Document, str], ElementPath] = {}
    uses: dict[tuple[Document, str], list[tuple[Document, str]]] = {}
    owners = {id(document.resource): document for document in registry.documents}
    for document in registry.documents:
        if document.kind not in KINDS:
            continue
        meanings = {}
        for owner in (*libraries_of(document.resource, registry)[::-1], document.resource):
            meanings.update({name: (owners[id(owner)], name) for name in library_names(owner)})
        for name, path in library_names(document.resource).items():
            node = (document, name)
            places[node] = path
            uses[node] = [meanings[used] for used in _mentioned(document, path) if used in meanings]
    for circle in cycles(uses):
        document, name = circle[0]
        message = "the variables need each other: " + " -> ".join(f"%{name}" for _, name in circle)
        yield document.problem("variable-cycle", message, _name_path(places[circle[0]]), hint="cut the circle")


def _mentioned(document: Document, path: ElementPath) -> list[str]:
    """The names that the variable at an extension mentions; none when it does not compile."""
    if path[0] != "extension":
        return []
    expression = document.resource["extension"][path[1]]["valueExpression"]
    text, language = expression.get("expression"), expression.get("language")
    if not isinstance(text, str) or language != LANGUAGE:
        return []
    try:
        return sorted(expr.compile(text, LANGUAGE).variables)
    except ExpressionError:
        return []
