"""References: to expressions, functions, parameters, operands, aliases, lets, and to terminology by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cds.errors import EvaluationError
from cds.expr.elm import fhirhelpers
from cds.expr.elm.casts import assured
from cds.expr.elm.code import UNSET, Node, Piece, Run, Scope, Test, constant, located
from cds.expr.elm.externals import EXTERNALS, PREPARED
from cds.expr.elm.facts import owner_of
from cds.expr.elm.paths import step
from cds.expr.elm.specifiers import ANY, CODE, CONCEPT, ListOf, Named, Type, of_node, read
from cds.expr.elm.terminologies import expansion
from cds.expr.elm.values import Code, Concept

if TYPE_CHECKING:
    from cds.expr.elm.compiler import Compiler
    from cds.expr.elm.library import Define, Function, Library

_MISSING: Any = object()


def expression(compiler: Compiler, node: Node, _scope: Scope) -> Piece:
    """ExpressionRef: the value of a named expression, computed once per call."""
    library, name = compiler.owner(node), node["name"]
    found = library.defines.get(name)
    if found is None:
        raise compiler.unknown("expression", name, library.defines)
    compiler.need(found)
    define: Define = found
    compute = define.compute

    def run(ev: Any, _frame: list[Any]) -> Any:
        value = ev.results.get(define, _MISSING)
        return compute(ev) if value is _MISSING else value

    return Piece(run, define.type)


def parameter(compiler: Compiler, node: Node, _scope: Scope) -> Piece:
    """ParameterRef: the value given, or the default, computed once per call."""
    library, name = compiler.owner(node), node["name"]
    found = library.parameters.get(name)
    if found is None:
        raise compiler.unknown("parameter", name, library.parameters)
    compiler.need(found)
    value = found.value
    return Piece(lambda ev, _frame: value(ev), found.type)


def operand(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """OperandRef: an argument of the function at hand."""
    binding = scope.operands.get(node["name"])
    if binding is None:
        raise compiler.unknown("operand", node["name"], scope.operands)
    slot = binding.slot
    return Piece(lambda _ev, frame: frame[slot], binding.type, slot=slot)


def alias(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """AliasRef: the item of a query source."""
    return compiler.alias(node["name"], scope)


def let(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """QueryLetRef: computed at its first use in a row. The running value of an aggregate clause too."""
    piece = compiler.alias(node["name"], scope)
    definition = scope.names[node["name"]].let
    if definition is None:
        return piece
    slot, compute = scope.names[node["name"]].slot, definition.run

    def run(ev: Any, frame: list[Any]) -> Any:
        value = frame[slot]
        if value is UNSET:
            value = frame[slot] = compute(ev, frame)
        return value

    return Piece(run, piece.type)


def identifier(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """IdentifierRef: an element of the item a sort expression is about, or a name left unresolved."""
    name = node["name"]
    if scope.this is not None:
        this = scope.this
        piece = step(compiler, Piece(lambda _ev, frame: frame[this.slot], this.type, slot=this.slot), name)
        written = of_node(node)
        return Piece(piece.run, written if written is not None else piece.type)
    if name in scope.names:
        return let(compiler, node, scope)
    if name in scope.operands:
        return operand(compiler, node, scope)
    return expression(compiler, node, scope)


def function(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """FunctionRef: an overload of a library, or a conversion of FHIRHelpers, which is built in."""
    operands = compiler.pieces(node.get("operand") or (), scope)
    name = node["name"]
    if compiler.is_fhir_helpers(node) and name in fhirhelpers.FUNCTIONS and len(operands) == 1:
        return _conversion(compiler, name, operands[0])
    library = compiler.owner(node)
    overloads = library.functions.get(name, ())
    if not overloads:
        raise compiler.unknown("function", name, library.functions)
    kinds = [read(part) for part in node.get("signature") or ()]
    if len(kinds) != len(operands):
        kinds = [piece.type or ANY for piece in operands]
    found = _overload(compiler, overloads, kinds)
    if found is None:
        raise compiler.semantic(f"no form of {name}() takes {', '.join(map(str, kinds)) or 'no arguments'}")
    compiler.need(found)
    if not compiler.trace:
        target, handed = _handed_on(compiler, found, operands)
        if (offered := _offered(target)) is not None:
            made = _external_call(target.name, offered, handed)
            made.type = found.type
            return made
    call = _reporting_call if compiler.trace else _call
    return Piece(call(found, [piece.run for piece in operands]), found.type)


def _conversion(compiler: Compiler, name: str, source: Piece) -> Piece:
    convert, kind = fhirhelpers.FUNCTIONS[name]
    inner, place = source.run, compiler.place
    if convert is fhirhelpers.to_string:
        return Piece(_text(inner), kind)

    def run(ev: Any, frame: list[Any]) -> Any:
        try:
            return convert(ev, inner(ev, frame))
        except Exception as error:
            raise located(error, place) from error

    return Piece(run, kind or fhirhelpers.interval_type(source.type))


def _text(inner: Run) -> Run:
    """A FHIR primitive as text, which most are in JSON."""

    def run(ev: Any, frame: list[Any]) -> Any:
        value = inner(ev, frame)
        return value if type(value) is str else fhirhelpers.to_string(ev, value)

    return run


def _overload(compiler: Compiler, overloads: Sequence[Function], kinds: Sequence[Type]) -> Function | None:
    """The overload whose operand types are those, or take them; the only one of that length needs no look."""
    fitting = [overload for overload in overloads if len(overload.operands) == len(kinds)]
    if len(fitting) < 2:
        return fitting[0] if fitting else None
    signature = [str(kind) for kind in kinds]
    for overload in fitting:
        if overload.signature == signature:
            return overload
    for overload in fitting:
        pairs = zip(overload.operands, kinds, strict=True)
        if all(kind == ANY or assured(compiler.model, kind, wanted) for (_, wanted), kind in pairs):
            return overload
    return None


def _call(target: Function, operands: list[Run]) -> Run:
    """The call: operands take the first slots of a frame of its own."""

    if len(operands) == 1:
        (only,) = operands

        def run_one(ev: Any, frame: list[Any]) -> Any:
            ev.budget -= 1
            if ev.budget < 0:
                ev.spend(0)
            own = [None] * target.slots
            own[0] = only(ev, frame)
            return target.run(ev, own)

        return run_one

    def run(ev: Any, frame: list[Any]) -> Any:
        ev.spend(1)
        values = [operand(ev, frame) for operand in operands]
        return target.run(ev, values + [None] * (target.slots - len(values)))

    return run


def _offered(target: Function) -> Callable[..., Any] | None:
    """What the engine has for a function that is declared external."""
    return None if target.node.get("expression") is not None else EXTERNALS.get((target.name, len(target.operands)))


def _handed_on(compiler: Compiler, found: Function, operands: list[Piece]) -> tuple[Function, list[Piece]]:
    """What is called in the end, and with what: a function that does nothing but hand its operands on to another, with
    constants beside them, need not be called itself."""
    node = found.node.get("expression") or {}
    if node.get("type") != "FunctionRef" or node.get("libraryName") == "FHIRHelpers":
        return found, operands
    targets = owner_of(found.library, node).functions.get(node["name"], [])
    if len(targets) != 1 or len(targets[0].operands) != len(node.get("operand") or ()):
        return found, operands
    given = {name: piece for (name, _), piece in zip(found.operands, operands, strict=True)}
    handed = []
    for part in node["operand"]:
        piece = given.get(part["name"]) if part.get("type") == "OperandRef" else compiler.constant_of(found, part)
        if piece is None:
            return found, operands
        handed.append(piece)
    return targets[0], handed


def _external_call(name: str, offered: Callable[..., Any], operands: list[Piece]) -> Piece:
    """The call of a function of the engine, which takes no frame."""
    first, rest = operands[0].run, [piece.run for piece in operands[1:]]
    if len(operands) == 2 and operands[1].constant:
        second = operands[1].value
        if name in PREPARED and type(second) is list:
            prepared = PREPARED[name](second)
            systems = frozenset(item for item in second if type(item) is str)
            test = Test(*operands[0].member, prepared, systems) if operands[0].member is not None else None
            return Piece(lambda ev, frame: prepared(first(ev, frame)), test=test)
        return Piece(lambda ev, frame: offered(ev, first(ev, frame), second))
    return Piece(lambda ev, frame: offered(ev, first(ev, frame), *[run(ev, frame) for run in rest]))


def _reporting_call(target: Function, operands: list[Run]) -> Run:
    """The call of the form of a function that reports."""

    def run(ev: Any, frame: list[Any]) -> Any:
        ev.spend(1)
        values = [operand(ev, frame) for operand in operands]
        body, slots = target.library.reporting[target]
        return body(ev, values + [None] * (slots - len(values)))

    return run


def code(compiler: Compiler, node: Node, _scope: Scope) -> Piece:
    """CodeRef."""
    return constant(named_code(compiler, node), CODE)


def named_code(compiler: Compiler, node: Node) -> Code:
    """The code that a node names."""
    library = compiler.owner(node)
    found = library.codes.get(node["name"])
    if found is None:
        raise compiler.unknown("code", node["name"], library.codes)
    return found


def concept(compiler: Compiler, node: Node, _scope: Scope) -> Piece:
    """ConceptRef."""
    library = compiler.owner(node)
    found: Concept | None = library.concepts.get(node["name"])
    if found is None:
        raise compiler.unknown("concept", node["name"], library.concepts)
    return constant(found, CONCEPT)


def code_system(compiler: Compiler, node: Node, _scope: Scope) -> Piece:
    """CodeSystemRef."""
    return constant(compiler.code_system(node), Named("System.CodeSystem"))


def value_set(compiler: Compiler, node: Node, _scope: Scope) -> Piece:
    """ValueSetRef: the reference; in ELM before 1.5.3 (no `preserve`) where a list of codes stands, its expansion."""
    reference = constant(compiler.value_set(node), Named("System.ValueSet"))
    if node.get("preserve") or not isinstance(of_node(node), ListOf):
        return reference
    return expansion(compiler, reference)


def external(name: str, arity: int, library: Library) -> Callable[[Any, list[Any]], Any]:
    """What runs for a function that is declared external: ours of that name, or an error."""
    offered = EXTERNALS.get((name, arity))
    if offered is not None:
        return lambda ev, frame: offered(ev, *frame[:arity])

    def run(_ev: Any, _frame: list[Any]) -> Any:
        raise EvaluationError(f"the external function {name}() is not available", library=library.name)

    return run


HANDLERS = {
    "ExpressionRef": expression,
    "ParameterRef": parameter,
    "OperandRef": operand,
    "AliasRef": alias,
    "QueryLetRef": let,
    "IdentifierRef": identifier,
    "FunctionRef": function,
    "CodeRef": code,
    "ConceptRef": concept,
    "CodeSystemRef": code_system,
    "ValueSetRef": value_set,
}
