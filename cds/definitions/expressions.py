"""Every expression of the content compiled with the names it may use, and faults told at their place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cds import expr, fhir
from cds.definitions.constants import Constants, of_call, of_dynamic_value, of_item
from cds.definitions.cycles import cycles
from cds.definitions.element import Element
from cds.definitions.extensions import check_name
from cds.definitions.load import Document
from cds.definitions.logic import SYNTAX_HINT
from cds.definitions.name_types import ACTION, NameTypes, result_types, type_names
from cds.definitions.paths import parse_path, unknown_element
from cds.definitions.registry import Registry
from cds.definitions.scope import (
    CALL_NAMES,
    defined_names,
    for_each_name,
    libraries_of,
    library_canonicals,
    library_names,
    logic_of,
)
from cds.definitions.shapes import OPEN, Fault, Shape, faults, result_shape, shape_of
from cds.definitions.source import ElementPath
from cds.errors import ExpressionError, ExpressionSemanticError, ExpressionSyntaxError, Problem, did_you_mean
from cds.expr.cql.types import ANY
from cds.expr.cql_expression import LANGUAGES, OLDER_LANGUAGES, CqlScope
from cds.expr.lexer import place as place_of
from cds.expr.lexer import semantic_error
from cds.expr.types import model
from cds.terminology import Terminology

LANGUAGE = "text/fhirpath"

KINDS = frozenset({"PlanDefinition", "ActivityDefinition", "Library"})

_VALUE_SET_LITERAL = re.compile(r"\bmemberOf\(\s*'([^'\\]*)'\s*\)")
_NAMES_SHOWN = 20
#: What expressions are evaluated on, save those that ask for %context.
_FOCUS = "Patient"


def check_expressions(registry: Registry, terminology: Terminology) -> Iterator[Problem]:
    """Expressions that do not compile, names that clash or go in circles, value sets that expressions name in vain."""
    for document in registry.documents:
        if document.kind in KINDS:
            yield from _names(document, registry)
            yield from _dynamic_values(Element.root(document), registry)
    for element, scope in expressions(registry):
        yield from _expression(element, scope)
        yield from _literals(element, registry, terminology)
    yield from _circles(registry)


def expressions(registry: Registry) -> Iterator[tuple[Element, Names]]:
    """Every Expression of the definitions with the names it sees."""
    types = NameTypes(registry)
    for document in registry.documents:
        if document.kind in KINDS:
            names = _names_of(document, registry, types)
            yield from _expressions(Element.root(document), names, names)


@dataclass(frozen=True, slots=True)
class Names:
    """What an expression sees: `types` and `shapes` of its `%names` in FHIRPath, `constants` and the libraries of `cql`
    in CQL. `cql` is None where one of these is not loaded or does not compile."""

    types: Mapping[str, str]
    shapes: Mapping[str, Shape]
    constants: Constants
    cql: CqlScope | None

    def within(self, constants: Constants, types: Mapping[str, str], shapes: Mapping[str, Shape]) -> Names:
        """With more `%names`."""
        return Names({**self.types, **types}, {**self.shapes, **shapes}, {**self.constants, **constants}, self.cql)


def _names_of(document: Document, registry: Registry, known: NameTypes) -> Names:
    libraries = logic_of(document.resource, registry)
    found = (registry.find(canonical, "Library") for _, canonical in library_canonicals(document.resource))
    is_sound = all(found) and registry.logic.is_sound(libraries)
    cql = registry.logic.scope(libraries) if is_sound else None
    types = known.of(document.resource)
    logic = [own for library in libraries for own in registry.logic.names(library).items()]
    shapes = {name: Shape(frozenset(kinds.split("|"))) for name, kinds in types.items() if kinds}
    shapes |= {name: shape for name, own in logic if (shape := shape_of(own.type, "")).elements is not None}
    return Names(types, shapes, of_call(), cql)


def _expressions(element: Element, names: Names, outer: Names) -> Iterator[tuple[Element, Names]]:
    """Every Expression below an element with the names it sees. `outer` are the names outside the action that the
    element is: those its own for-each expression sees."""
    for child in element.children():
        member = child.path[len(element.path)]
        if member == "action":
            bound = for_each_name(child.value)
            yield from _expressions(child, _repeated(child, bound, names) if bound else names, names)
        elif member == "dynamicValue":
            inner = names.within(of_dynamic_value(), ACTION, {})
            yield from _expressions(child, inner, inner)
        elif member == "extension" and child.text("url") == fhir.FOR_EACH:
            yield from _expressions(child, outer, outer)
        elif member != "contained":
            if member in ("expression", "valueExpression") or child.text("expression"):
                yield child, names
            yield from _expressions(child, names, names)


def _repeated(action: Element, name: str, names: Names) -> Names:
    """The names within an action that is repeated, `name` for the item."""
    found = (fhir.extension(action.value, fhir.FOR_EACH) or {}).get("valueExpression")
    if not isinstance(found, dict) or names.cql is None:
        return names.within({name: ANY}, {name: ""}, {name: OPEN})
    kind = of_item(found, names.cql, names.constants)
    if found.get("language") in (*LANGUAGES, *OLDER_LANGUAGES):
        own = type_names(kind)
        return names.within({name: kind}, {name: own}, {name: shape_of(kind, own)})
    types = result_types(found, names.types)
    shape = result_shape(expr.compile(found["expression"]).tree, names.shapes) if types is not None else OPEN
    return names.within({name: kind}, {name: types or ""}, {name: shape})


def _expression(element: Element, names: Names) -> Iterator[Problem]:
    text, language = element.text("expression"), element.text("language")
    if text is None:
        hint = f"add language: {LANGUAGE} and expression:"
        yield element.problem("expression-missing", "the expression has no text", hint=hint)
    elif language is not None and language not in (LANGUAGE, *LANGUAGES, *OLDER_LANGUAGES):
        message = f"expressions in {language} are not supported"
        hint = did_you_mean(language, (LANGUAGE, *LANGUAGES)) or f"write {LANGUAGE} or {' or '.join(LANGUAGES)}"
        yield element.problem("expression-language", message, "language", hint=hint)
    elif language is not None:
        try:
            _compile(element, text, language, names)
        except ExpressionError as error:
            code = "expression-syntax" if isinstance(error, ExpressionSyntaxError) else "expression-semantic"
            place = element.document.locate_in_text((*element.path, "expression"), error.line, error.column)
            remedy = error.hint or _names_hint(text, error, frozenset(names.types))
            remedy = remedy or (SYNTAX_HINT if code == "expression-syntax" else None)
            yield element.document.problem(code, error.message, place, hint=remedy)


def _compile(element: Element, text: str, language: str, names: Names) -> None:
    """Compile an expression in any language. Raises ExpressionError."""
    is_condition = "condition" in element.path[-3:]
    if names.cql is None:
        if language == LANGUAGE:
            expr.compile(text, language)
    elif language == LANGUAGE:
        path = expr.compile(text, language, variables=names.types, focus=_focus(text))
        for fault in fhirpath_faults(path, names):
            if fault.kind == "element":
                raise semantic_error(text, fault.at, fault.message, fault.hint)
        if is_condition and path.types and not path.types <= _FHIRPATH_TRUTHS:
            raise _no_truth(" or ".join(sorted(path.types)))
    else:
        kind = str(names.cql.compile(text, language, names.constants).type)
        if is_condition and kind not in _TRUTHS:
            raise _no_truth(kind)


#: The types a condition may have, in CQL and in FHIRPath.
_TRUTHS = ("System.Boolean", "FHIR.boolean", "System.Any")
_FHIRPATH_TRUTHS = frozenset({"System.Boolean", "boolean"})


def _no_truth(kinds: str) -> ExpressionSemanticError:
    message = f"a condition is true, false or unknown, and this is {kinds}"
    return ExpressionSemanticError(message, line=1, column=1, hint="compare it, or ask whether it exists")


def _focus(text: str) -> str | None:
    return None if "%context" in text else _FOCUS


def fhirpath_faults(compiled: expr.Expression, names: Names) -> list[Fault]:
    """What the compiler does not tell of an expression in FHIRPath whose names these are."""
    focus = _focus(compiled.text)
    return faults(compiled.tree, names.shapes, Shape(frozenset({focus})) if focus else OPEN)


def _names_hint(text: str, error: ExpressionError, names: frozenset[str]) -> str | None:
    """What there is instead of an unknown `%name` that is like none of them."""
    lines = text.split("\n")
    if not 0 < error.line <= len(lines) or not lines[error.line - 1].startswith("%", error.column - 1):
        return None
    return "the names here are " + ", ".join(f"%{name}" for name in sorted(names)[:_NAMES_SHOWN])


def _literals(element: Element, registry: Registry, terminology: Terminology) -> Iterator[Problem]:
    """Value sets named by `memberOf('...')` that are not loaded: the expression would be unknown for every patient."""
    text = element.text("expression") or ""
    for canonical, at in value_set_literals(text):
        if terminology.expansion(canonical) is None:
            place = element.document.locate_in_text((*element.path, "expression"), *place_of(text, at))
            message = f"the ValueSet {canonical} is not loaded"
            hint = registry.hint(canonical, "ValueSet")
            yield element.document.problem("canonical-unresolved", message, place, hint=hint)


def value_set_literals(text: str) -> Iterator[tuple[str, int]]:
    """The value sets that an expression names in `memberOf('...')`, each with its offset."""
    return ((found.group(1), found.start(1)) for found in _VALUE_SET_LITERAL.finditer(text))


def _dynamic_values(owner: Element, registry: Registry) -> Iterator[Problem]:
    """Dynamic values need a path that can be set and an expression."""
    for child in owner.each("dynamicValue"):
        path = child.text("path")
        if path is None:
            yield child.problem("dynamic-value-path", "the dynamic value has no path", hint="add `path:`")
        else:
            yield from _path(child, path, _set_type(owner, path, registry))
        if not isinstance(child.value.get("expression"), dict):
            yield child.problem("expression-missing", "the dynamic value has no expression", hint=_EXPRESSION_HINT)
    for action in owner.each("action"):
        yield from _dynamic_values(action, registry)


def _path(value: Element, path: str, kind: str | None) -> Iterator[Problem]:
    """A path that is none, or that a resource of type `kind` does not have."""
    try:
        segments = parse_path(path.removeprefix("%").removeprefix("action.").removeprefix("resource."))
    except ExpressionError as error:
        message = f"'{path}' is not an element path"
        yield value.problem("dynamic-value-path", message, "path", hint=error.hint)
        return
    found = unknown_element(kind, segments) if kind and kind in model() else None
    if found:
        yield value.problem("dynamic-value-path", found[0], "path", hint=found[1])


def _set_type(owner: Element, path: str, registry: Registry) -> str | None:
    """The type whose element a dynamic value sets, None where it is open: of the action, of what its activity makes, or
    of the draft it is about."""
    if path.removeprefix("%").startswith("action."):
        return "PlanDefinitionAction"
    maker = owner
    if owner.path:
        if any(owner.extensions(fhir.TARGET)):
            return None
        document = registry.find(owner.text("definitionCanonical") or "", "ActivityDefinition")
        if document is None:
            return None if "definitionCanonical" in owner.value else "PlanDefinitionAction"
        maker = Element.root(document)
    return None if "extension" in maker.value else maker.text("kind")


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
