"""ELM nodes to closures: the table of handlers, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from cds.errors import EvaluationError, ExpressionError, ExpressionSemanticError, Location, Problem, did_you_mean
from cds.expr.elm import calls, casts, control, literals, loops, paths, queries, references, retrieve, terminologies
from cds.expr.elm.code import Binding, Node, Piece, Place, Run, Scope, Slots, constant
from cds.expr.elm.library import Define, Form, Function, Library, Parameter
from cds.expr.elm.operators import OPERATORS
from cds.expr.elm.references import external
from cds.expr.elm.specifiers import Type, named, of_node, read
from cds.expr.elm.steps import Walk, reported, walk
from cds.expr.elm.values import CodeSystem, ValueSet
from cds.expr.types import model

Definition = Define | Function | Parameter
FHIR_HELPERS = "FHIRHelpers"
#: What constants are computed with: they need none.
_NO_EVALUATION: Any = None

Handler = Callable[["Compiler", Node, Scope], Piece]

HANDLERS: Mapping[str, Handler] = {
    **literals.HANDLERS,
    **control.HANDLERS,
    **casts.HANDLERS,
    **references.HANDLERS,
    **queries.HANDLERS,
    **loops.HANDLERS,
    **retrieve.HANDLERS,
    **terminologies.HANDLERS,
    "Property": paths.compile_property,
}


class Compiler:
    """Compiles the nodes of one library; not for use by two threads. `place` is that of the define at hand. With
    `trace` it compiles definitions once more, so that every node reports at run time."""

    def __init__(self, library: Library, *, trace: bool = False) -> None:
        self.library = library
        self.trace = trace
        self.model = model()
        self.place = Place(library.name)
        self.problems: list[Problem] = []
        self._done: set[Definition] = set()
        self._busy: list[Definition] = []

    def need(self, found: Definition) -> None:
        """Compile what a reference names, if this library defines it and it is not compiled yet: its type is needed
        first. Functions may call themselves, expressions may not."""
        if self.trace or found.library is not self.library or found in self._done:
            return
        if found in self._busy:
            if isinstance(found, Function):
                return
            raise self.semantic(f"'{found.name}' is defined by itself")
        self._busy.append(found)
        outer, self.place = self.place, found.place
        try:
            self._compile(found)
        except ExpressionError as error:
            self.problems.append(_problem(error))
            found.run = _broken
        except MALFORMED as error:
            self.problems.append(malformed(error, found.place))
            found.run = _broken
        finally:
            self.place = outer
            self._busy.pop()
            self._done.add(found)

    def _compile(self, found: Definition) -> None:
        found.type = _declared(found)
        if isinstance(found, Parameter) and found.node.get("default") is None:
            return
        piece, found.slots = self._body(found)
        found.type = found.type or piece.type
        found.run = piece.run

    def _body(self, found: Definition) -> tuple[Piece, int]:
        """The compiled body of a definition, or what stands in for an external one, and how many slots it needs."""
        slots = Slots()
        node: Node | None = found.node.get("default" if isinstance(found, Parameter) else "expression")
        operands = found.operands if isinstance(found, Function) else ()
        scope = Scope(slots, operands={name: Binding(slots.new(), kind) for name, kind in operands})
        if node is None:
            return Piece(external(found.name, len(operands), self.library)), slots.count
        return self.piece(node, scope), slots.count

    def reporting(self, found: Definition) -> Form:
        """The form of a compiled definition that reports: each node, and an expression itself."""
        self.place = found.place
        piece, slots = self._body(found)
        if not isinstance(found, Function):
            piece = reported(found.node, piece, found.place, None)
        return piece.run, slots

    def owner(self, node: Node) -> Library:
        """The library a reference is to."""
        alias = node.get("libraryName")
        if alias is None:
            return self.library
        if alias not in self.library.includes:
            raise self.unknown("library", alias, self.library.includes)
        return self.library.includes[alias]

    def is_fhir_helpers(self, node: Node) -> bool:
        """True for a reference to FHIRHelpers, which is built in and need not be included."""
        alias = node.get("libraryName")
        if alias == FHIR_HELPERS and alias not in self.library.includes:
            return True
        return alias is not None and self.owner(node).name == FHIR_HELPERS

    def code_system(self, node: Node) -> CodeSystem:
        """The code system a node names."""
        found = self.owner(node).code_systems
        if node["name"] not in found:
            raise self.unknown("code system", node["name"], found)
        return found[node["name"]]

    def value_set(self, node: Node) -> ValueSet:
        """The value set a node names."""
        found = self.owner(node).value_sets
        if node["name"] not in found:
            raise self.unknown("value set", node["name"], found)
        return found[node["name"]]

    def piece(self, node: Node, scope: Scope) -> Piece:
        """The compiled node. ExpressionSemanticError with its place when it names what does not exist."""
        kind = node.get("type", "")
        handler = HANDLERS.get(kind)
        outer, self.place = self.place, self.place.of(node)
        try:
            if handler is not None:
                piece = handler(self, node, scope)
            elif kind in OPERATORS:
                piece = calls.compile_call(self, node, scope, OPERATORS[kind])
            else:
                known = [*HANDLERS, *OPERATORS]
                raise self.semantic(f"unknown ELM expression '{kind}'", did_you_mean(kind, known))
        finally:
            self.place = outer
        written = of_node(node)
        if written is not None:
            piece.type = written
        return reported(node, piece, self.place.of(node), scope.index) if self.trace else piece

    def walk(self, source: Node, kind: Type | None, scope: Scope) -> tuple[Scope, Walk | None]:
        """What goes through the rows of a query's source and reports them, and the scope it counts them in; None when
        nobody watches."""
        if not self.trace:
            return scope, None
        index = scope.slots.new()
        place = self.place.of(source["expression"])
        return replace(scope, index=index), walk(source["alias"], kind, place, index)

    def pieces(self, nodes: Iterable[Node], scope: Scope) -> list[Piece]:
        """Several compiled nodes."""
        return [self.piece(node, scope) for node in nodes]

    def optional(self, node: Node | None, scope: Scope) -> Piece:
        """The compiled node, or null when there is none."""
        return constant(None) if node is None else self.piece(node, scope)

    def constant_of(self, found: Function, node: Node) -> Piece | None:
        """A node of a function as a piece; None unless its value is always the same."""
        if node.get("type") not in ("Literal", "List", "Null"):
            return None
        piece = Compiler(found.library).piece(node, Scope(Slots()))
        return piece if piece.constant else None

    def folded(self, run: Run, parts: Iterable[Piece], kind: Type | None) -> Piece:
        """The piece of a pure function of its parts: a constant when they are, unless it fails, which it then does when
        it is asked for."""
        if all(part.constant for part in parts):
            try:
                return constant(run(_NO_EVALUATION, []), kind)
            except Exception:
                return Piece(run, kind)
        return Piece(run, kind)

    def semantic(self, message: str, hint: str | None = None) -> ExpressionSemanticError:
        """An error in the library, at the place at hand."""
        at = self.place
        return ExpressionSemanticError(message, line=at.line, column=at.column, hint=hint, library=at.library)

    def unknown(self, what: str, name: str, known: Iterable[str]) -> ExpressionSemanticError:
        """The error that a name does not exist, with the nearest one that does."""
        return self.semantic(f"unknown {what} '{name}'", did_you_mean(name, known))

    def failure(self) -> Callable[[str, str | None], EvaluationError]:
        """A maker of evaluation errors at the place at hand."""
        at = self.place

        def make(message: str, hint: str | None = None) -> EvaluationError:
            return EvaluationError(message, line=at.line, column=at.column, hint=hint, library=at.library)

        return make

    def alias(self, name: str, scope: Scope) -> Piece:
        """A query alias, or another name bound to a slot."""
        binding = scope.names.get(name)
        if binding is None:
            raise self.unknown("alias", name, scope.names)
        slot = binding.slot
        return Piece(lambda _ev, frame: frame[slot], binding.type, slot=slot)


class Reporting(dict[Definition, Form]):
    """The reporting form of each definition of a library, compiled when it is first asked for. Threads that ask at once
    may each compile it: the forms are alike."""

    def __missing__(self, found: Definition) -> Form:
        form = self[found] = Compiler(found.library, trace=True).reporting(found)
        return form


#: What reading ELM of another form than the schema's runs into.
MALFORMED = (KeyError, TypeError, AttributeError, IndexError, ValueError)


def malformed(error: Exception, place: Place) -> Problem:
    """The problem that a tree is not as ELM 1.5 has it."""
    what = f"the member {error} is missing" if isinstance(error, KeyError) else "a member has the wrong form"
    return Problem("library-content", f"this is no ELM: {what}", Location(place.library, place.line, place.column))


def _declared(found: Definition) -> Type | None:
    """The type a definition declares, where the ELM says it."""
    node = found.node
    specifier = node.get("parameterTypeSpecifier")
    if specifier is not None:
        return read(specifier)
    if isinstance(found, Parameter) and node.get("parameterType"):
        return named(node["parameterType"])
    return of_node(node)


def _problem(error: ExpressionError) -> Problem:
    place = Location(error.library, error.line, error.column)
    return Problem("expression-semantic", error.message, place, error.hint)


def _broken(_ev: Any, _frame: list[Any]) -> Any:
    raise EvaluationError("the definition has problems")
