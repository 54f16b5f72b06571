"""CQL to ELM: a parsed library with its names, types, overloads and implicit conversions resolved (CQL 1.5.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

from cds.errors import DefinitionError, ExpressionSemanticError, Problem
from cds.expr.cql import (
    ast,
    timing,
    translate_functions,
    translate_literals,
    translate_names,
    translate_operators,
    translate_queries,
    translate_retrieves,
    translate_types,
)
from cds.expr.cql.interface import FHIR_HELPERS, Function, Kind, Symbol, fhir_helpers, interface_of
from cds.expr.cql.model import fhir_model
from cds.expr.cql.nodes import Elm, make, null, result_type
from cds.expr.cql.signatures import Overload
from cds.expr.cql.translate_literals import code_system, terminology
from cds.expr.cql.translate_retrieves import retrieve
from cds.expr.cql.translate_types import type_of
from cds.expr.cql.translator import UNFILTERED, Handlers, NotTranslatedError, Translator
from cds.expr.cql.types import (
    ANY,
    CODE,
    CODE_SYSTEM,
    CONCEPT,
    FHIR_URI,
    SYSTEM_URI,
    VALUE_SET,
    Type,
    is_subtype,
    specifier,
)

#: Gives the ELM of an included library by name and version, or None when there is none.
Resolve = Callable[[str, str | None], Mapping[str, Any] | None]

HANDLERS: Handlers = {
    **timing.HANDLERS,
    **translate_functions.HANDLERS,
    **translate_literals.HANDLERS,
    **translate_names.HANDLERS,
    **translate_operators.HANDLERS,
    **translate_queries.HANDLERS,
    **translate_retrieves.HANDLERS,
    **translate_types.HANDLERS,
}

_TERMINOLOGY: dict[type[ast.Node], tuple[Kind, Type]] = {
    ast.CodesystemDefinition: ("codesystem", CODE_SYSTEM),
    ast.ValuesetDefinition: ("valueset", VALUE_SET),
    ast.CodeDefinition: ("code", CODE),
    ast.ConceptDefinition: ("concept", CONCEPT),
}
#: How many definitions are translated one within another: each takes a dozen calls of the stack.
_MAX_OPEN = 20
#: Where a definition stands in an ELM library.
_SECTION_OF: dict[type[ast.Node], str] = {
    ast.ParameterDefinition: "parameters",
    ast.CodesystemDefinition: "codeSystems",
    ast.ValuesetDefinition: "valueSets",
    ast.CodeDefinition: "codes",
    ast.ConceptDefinition: "concepts",
    ast.ContextDefinition: "statements",
    ast.ExpressionDefinition: "statements",
}


def translate(library: ast.Library, *, resolve: Resolve) -> dict[str, Any]:
    """The ELM of a library: `{"library": {...}}`, plain dicts. Raises DefinitionError with all semantic problems of the
    library, in the order of its text; their locations have no file. Problems of what it includes, with which `resolve`
    raised, come after them: what only a broken library could tell is left out."""
    return LibraryTranslator(library, resolve).translate()


Step = Callable[[], object]


class _TooDeepError(Exception):
    """A definition is needed below too many others that are being translated."""

    def __init__(self, name: str, step: Step, place: ast.Node) -> None:
        self.name = name
        self.step = step
        self.place = place
        super().__init__(name)


class LibraryTranslator(Translator):
    """Translates a library: its definitions in order, and each of them as soon as another one needs it."""

    def __init__(self, library: ast.Library, resolve: Resolve) -> None:
        super().__init__(library, HANDLERS)
        self._resolve = resolve
        self._usings: list[dict[str, Any]] = [{"localIdentifier": "System", "uri": SYSTEM_URI}]
        self._includes: list[dict[str, Any]] = []
        #: the problems of libraries that are included
        self._foreign: list[Problem] = []
        self._contexts: list[dict[str, Any]] = []
        #: name -> its definition and the context that stands in
        self._nodes: dict[str, tuple[ast.Node, str]] = {}
        self._symbols: dict[str, Symbol] = {}
        self._made: dict[str, dict[str, Any]] = {}
        #: function name -> its overloads, each with its definition and context
        self._functions: dict[str, list[tuple[Function, ast.FunctionDefinition, str]]] = {}
        self._bodies: dict[Overload, dict[str, Any]] = {}
        self._results: dict[Overload, Type] = {}
        self._failed: set[str] = set()
        #: what is being translated now, outermost first
        self._open: list[str] = []

    def translate(self) -> dict[str, Any]:
        """The whole library. Raises DefinitionError."""
        for definition in self.library.definitions:
            self._attempt(self._declare, definition)
        if "FHIR" in self.models and all(own["localIdentifier"] != FHIR_HELPERS for own in self._includes):
            # conversions call its functions, whether the library includes it or not
            self._includes.append({"localIdentifier": FHIR_HELPERS, "path": FHIR_HELPERS, "version": "4.0.1"})
        for statement in self.library.statements:
            self._attempt(self._declare_statement, statement)
        for name in list(self._nodes):
            self._settle(name, partial(self._define, name))
        for function, *_ in list(self._all_functions()):
            self._settle(str(function.overload), partial(self.own_result, function))
        if self.problems or self._foreign:
            found = dict.fromkeys(self.problems)  # once each, for a definition can be translated more than once
            own = sorted(found, key=lambda problem: problem.location)
            raise DefinitionError([*own, *dict.fromkeys(self._foreign)])
        return {"library": self._header() | {name: {"def": own} for name, own in self._sections() if own}}

    def _attempt(self, step: Callable[[Any], Any], argument: Any) -> None:
        try:
            step(argument)
        except NotTranslatedError:
            return

    def _settle(self, name: str, step: Step) -> None:
        """Translate a definition; one that is needed below too many others is translated before them."""
        waiting = [(name, step)]
        while waiting:
            try:
                waiting[-1][1]()
            except _TooDeepError as deep:
                if any(deep.name == name for name, _ in waiting):
                    self._failed.add(deep.name)
                    self.place = deep.place
                    self._attempt(self._fail_circle, [name for name, _ in waiting])
                else:
                    waiting.append((deep.name, deep.step))
                continue
            except NotTranslatedError:
                pass
            waiting.pop()

    def _fail_circle(self, names: list[str]) -> NoReturn:
        circle = " -> ".join([*names, names[0]])
        raise self.error(f"the definition needs itself: {circle}", "leave one of these references out")

    def _header(self) -> dict[str, Any]:
        name = self.library.name
        identifier = {"id": name[-1] if name else ""}
        if len(name) > 1:
            identifier["system"] = ".".join(name[:-1])
        if self.library.version is not None:
            identifier["version"] = self.library.version
        return {"identifier": identifier, "schemaIdentifier": {"id": "urn:hl7-org:elm", "version": "r1"}}

    def _sections(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """The sections of the ELM library, each in the order of the text."""
        made: dict[str, list[dict[str, Any]]] = {name: [] for name in dict.fromkeys(_SECTION_OF.values())}
        for name, (node, _) in self._nodes.items():
            made[_SECTION_OF[type(node)]].append(self._made[name])
        statements = {id(node): self._bodies[own.overload] for own, node, _ in self._all_functions()}
        statements |= {id(node): self._made[name] for name, (node, _) in self._nodes.items()}
        made["statements"] = [statements[id(node)] for node in self.library.statements if id(node) in statements]
        return [
            ("usings", self._usings),
            ("includes", self._includes),
            *((name, own) for name, own in made.items() if name != "statements"),
            ("contexts", self._contexts),
            ("statements", made["statements"]),
        ]

    def _all_functions(self) -> Iterable[tuple[Function, ast.FunctionDefinition, str]]:
        return (entry for entries in self._functions.values() for entry in entries)

    # --- declarations: what names there are ---

    def _declare(self, node: ast.Definition) -> None:
        self.place = node
        if isinstance(node, ast.UsingDefinition):
            self._use(node)
        elif isinstance(node, ast.IncludeDefinition):
            self._include(node)
        else:
            self._claim(node.name, node)
            if known := _TERMINOLOGY.get(type(node)):
                kind, result = known
                self._symbols[node.name] = Symbol(kind, node.name, result, private=node.access == "private")

    def _declare_statement(self, node: ast.Statement) -> None:
        self.place = node
        if isinstance(node, ast.ContextDefinition):
            self._enter(node)
        elif isinstance(node, ast.ExpressionDefinition):
            self._replace_context(node)
            self._claim(node.name, node)
        else:
            self._declare_function(node)

    def _claim(self, name: str, node: ast.Node) -> None:
        """Enter a name of this library; it can be taken once."""
        if name in self._nodes or name in self.includes:
            raise self.error(f"the name '{name}' is already in use", "give one of the two another name", node)
        self._nodes[name] = (node, self.context)

    def _replace_context(self, node: ast.ExpressionDefinition) -> None:
        """`define Patient: ...` stands for the definition that `context Patient` brings."""
        known = self._nodes.get(node.name)
        if known is not None and isinstance(known[0], ast.ContextDefinition):
            del self._nodes[node.name]

    def _use(self, node: ast.UsingDefinition) -> None:
        name, version = node.name[-1], node.version
        if name == "System":
            return
        if name != "FHIR" or version not in (None, "4.0.1", "4.0.0"):
            raise self.error(
                f"there is no data model {name} {version or ''}".rstrip(), "write using FHIR version '4.0.1'"
            )
        self.models["FHIR"] = fhir_model()
        used = {"localIdentifier": node.called or name, "uri": FHIR_URI, "version": version or "4.0.1"}
        self._usings.append(used | {"locator": self.locator(node)})

    def _include(self, node: ast.IncludeDefinition) -> None:
        name = node.name[-1]
        alias = node.called or name
        if alias in self.includes:
            raise self.error(f"the name '{alias}' is already in use", "give one of the two another name")
        self.includes[alias] = None
        if name == FHIR_HELPERS:
            self.includes[alias] = fhir_helpers()
        else:
            elm = self._included_elm(name, node)
            if elm is None:
                version = f" version '{node.version}'" if node.version else ""
                raise self.error(f"there is no library {name}{version}", "put it beside this one, or correct the name")
            self.includes[alias] = interface_of(elm, alias)
        made = {"localIdentifier": alias, "path": name, "locator": self.locator(node)}
        self._includes.append(made | ({"version": node.version} if node.version else {}))

    def _included_elm(self, name: str, node: ast.IncludeDefinition) -> Mapping[str, Any] | None:
        try:
            return self._resolve(name, node.version)
        except DefinitionError as error:
            self._foreign += error.problems
            raise NotTranslatedError from None
        except ExpressionSemanticError as error:  # libraries that include each other
            raise self.error(error.message, "leave one of these includes out", node) from None

    def _enter(self, node: ast.ContextDefinition) -> None:
        self.context = node.name
        self._contexts.append({"name": node.name, "locator": self.locator(node)})
        if node.name == UNFILTERED or node.name in self._nodes:
            return
        if len(self.models) > 1 and not any(model.type(node.name) for model in self.models.values()):
            known = [name for model in self.models.values() for name in model.contexts]
            raise self.unknown("the context", node.name, [*known, UNFILTERED], node)
        self._nodes[node.name] = (node, node.name)

    def _declare_function(self, node: ast.FunctionDefinition) -> None:
        operands = tuple(type_of(self, operand.type) for operand in node.operands)
        overload = Overload(node.name, operands, type_of(self, node.returns) if node.returns else ANY)
        own = self._functions.setdefault(node.name, [])
        if any(function.overload.operands == operands for function, *_ in own):
            raise self.error(f"the function {overload} is defined twice", "remove one, or change its operands", node)
        own.append((Function(overload, None, node.fluent, node.access == "private"), node, self.context))

    # --- definitions: what the names are ---

    def symbol(self, name: str) -> Symbol | None:
        if name in self._nodes and name not in self._symbols:
            self._define(name)
        return self._symbols.get(name)

    def symbol_names(self) -> Iterable[str]:
        return self._nodes

    def function_names(self) -> Iterable[str]:
        return self._functions

    def own_functions(self, name: str) -> tuple[Function, ...]:
        return tuple(function for function, *_ in self._functions.get(name, ()))

    def own_result(self, function: Function) -> Type:
        overload = function.overload
        if overload not in self._results:
            entries = self._functions[overload.name]
            node, context = next((node, context) for own, node, context in entries if own is function)
            with self._within(str(overload), partial(self.own_result, function), node, context):
                for operand, kind in zip(node.operands, overload.operands, strict=True):
                    self.operands.setdefault(operand.name, kind)
                self._bodies[overload] = self._function(node, overload)
        return self._results[overload]

    def _define(self, name: str) -> None:
        if name in self._made:
            return
        node, context = self._nodes[name]
        with self._within(name, partial(self._define, name), node, context):
            made = self._definition(node)
        self._made[name] = made

    @contextmanager
    def _within(self, name: str, step: Step, node: ast.Node, context: str) -> Iterator[None]:
        """Translate a definition apart from the one that needs it. One that failed fails its users silently."""
        if name in self._failed:
            raise NotTranslatedError
        if name in self._open:
            self._fail_circle(self._open[self._open.index(name) :])
        if len(self._open) == _MAX_OPEN:
            raise _TooDeepError(name, step, self.place)
        outer = self.context, self.queries, self.operands, self.place
        self.context, self.queries, self.operands, self.place = context, [], {}, node
        self._open.append(name)
        try:
            yield
        except NotTranslatedError:
            self._failed.add(name)
            raise
        finally:
            self._open.pop()
            self.context, self.queries, self.operands, self.place = outer

    def _definition(self, node: ast.Node) -> dict[str, Any]:
        match node:
            case ast.ExpressionDefinition():
                value = self.expression(node.expression)
                symbol = Symbol("expression", node.name, value.result, self.context, node.access == "private")
                self._symbols[node.name] = symbol
                return self._described(node, value.result, context=self.context, expression=value)
            case ast.ContextDefinition():
                return self._context_value(node)
            case ast.ParameterDefinition():
                return self._parameter(node)
            case ast.CodesystemDefinition():
                return self._described(node, CODE_SYSTEM, id=node.id, version=node.version)
            case ast.ValuesetDefinition():
                systems = [code_system(self, system) for system in node.codesystems]
                return self._described(node, VALUE_SET, id=node.id, version=node.version, codeSystem=systems or None)
            case ast.CodeDefinition():
                system = code_system(self, node.codesystem)
                return self._described(node, CODE, id=node.id, display=node.display, codeSystem=system)
            case ast.ConceptDefinition():
                codes = [terminology(self, code, "code") for code in node.codes]
                return self._described(node, CONCEPT, display=node.display, code=codes)
        raise AssertionError(node)

    def _described(self, node: Any, kind: Type, **members: Any) -> dict[str, Any]:
        """A definition with its name, access, type and place."""
        made = {"name": node.name, "accessLevel": node.access.capitalize(), "locator": self.locator(node)}
        return made | result_type(kind) | {name: value for name, value in members.items() if value is not None}

    def _context_value(self, node: ast.ContextDefinition) -> dict[str, Any]:
        """`context Patient` defines `Patient`: the one resource of that type."""
        kind = next((kind for model in reversed(self.models.values()) if (kind := model.type(node.name))), None)
        value = null() if kind is None else make("SingletonFrom", kind, operand=retrieve(kind))
        self._symbols[node.name] = Symbol("expression", node.name, value.result, node.name)
        made = {"name": node.name, "context": node.name, "locator": self.locator(node)}
        return made | result_type(value.result) | {"expression": value}

    def _parameter(self, node: ast.ParameterDefinition) -> dict[str, Any]:
        declared = type_of(self, node.type) if node.type else None
        value: Elm | None = None
        if node.default is not None:
            value = self.expression(node.default)
            value = self.fitted(value, declared, node.default) if declared else value
        kind = declared or (value.result if value else None)
        if kind is None:
            raise self.error(f"the parameter '{node.name}' has no type", "write a type or a default", node)
        self._symbols[node.name] = Symbol("parameter", node.name, kind, private=node.access == "private")
        written = specifier(kind) if declared else None
        return self._described(node, kind, parameterTypeSpecifier=written, default=value)

    def _function(self, node: ast.FunctionDefinition, overload: Overload) -> dict[str, Any]:
        declared = overload.result if node.returns else None
        members: dict[str, Any] = {}
        if node.body is not None:
            value = self.expression(node.body)
            if declared is not None and not is_subtype(value.result, declared):
                raise self.error(f"the function returns {declared}, but its body gives {value.result}", at=node.body)
            kind = value.result
            members["expression"] = value
        elif declared is not None:
            kind, members["external"] = declared, True
        else:
            raise self.error(f"the external function {node.name} has no type", "write returns and a type", node)
        self._results[overload] = kind
        operands = [
            {"name": operand.name, "operandTypeSpecifier": specifier(taken)}
            for operand, taken in zip(node.operands, overload.operands, strict=True)
        ]
        fluent = True if node.fluent else None
        made = self._described(node, kind, context=self.context, fluent=fluent, operand=operands, **members)
        return {"type": "FunctionDef"} | made
