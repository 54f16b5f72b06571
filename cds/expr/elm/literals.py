"""Literals and selectors: Literal, Null, Quantity, Ratio, List, Tuple, Interval, Code, Concept, Instance."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from weakref import ref

from cds.expr import temporal
from cds.expr.elm import intervals
from cds.expr.elm.calls import compile_call
from cds.expr.elm.casts import shape_test
from cds.expr.elm.code import Node, Piece, Scope, constant, located
from cds.expr.elm.operators import OPERATORS
from cds.expr.elm.paths import choice_keys
from cds.expr.elm.results import result_type
from cds.expr.elm.specifiers import (
    ANY,
    CODE,
    CONCEPT,
    DECIMAL,
    QUANTITY,
    IntervalOf,
    ListOf,
    Named,
    TupleOf,
    Type,
    fhir_name,
    joined,
    named,
    of_node,
)
from cds.expr.elm.values import Code, CodeSystem, Concept, Partial, Ratio, Tuple, ValueSet
from cds.expr.evaluation import FEW, capped
from cds.expr.quantity import CALENDAR, Quantity, calendar_quantity
from cds.expr.types import PRIMITIVES, Model

if TYPE_CHECKING:
    from cds.expr.elm.compiler import Compiler

_READ: dict[str, Callable[[str], Any]] = {
    "System.Boolean": lambda text: text == "true",
    "System.Integer": int,
    "System.Long": lambda text: int(text.rstrip("L")),
    "System.Decimal": Decimal,
    "System.String": str,
}
_RANGES = {"System.Integer": 2**31, "System.Long": 2**63}
#: Digits a Decimal may have before and after its point.
_WHOLE_DIGITS, _FRACTION_DIGITS = 28, 8


def literal(compiler: Compiler, node: Node, _scope: Scope) -> Piece:
    """Literal."""
    return _literal(compiler, node, "")


def negate(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Negate; of a literal it belongs to the number: -2147483648 is in range, 2147483648 is not."""
    operand = node["operand"]
    if operand.get("type") == "Literal":
        return _literal(compiler, operand, "-")
    return compile_call(compiler, node, scope, OPERATORS["Negate"])


def _literal(compiler: Compiler, node: Node, sign: str) -> Piece:
    kind, text = named(node["valueType"]), sign + node.get("value", "")
    read = _READ.get(kind.name)
    if read is None:
        raise compiler.semantic(f"a literal cannot be a {kind}")
    try:
        value = read(text)
    except (ArithmeticError, ValueError):
        raise compiler.semantic(f"no {kind} literal") from None
    limit = _RANGES.get(kind.name)
    whole, _, fraction = text.lstrip("-").partition(".")
    if limit is not None and not -limit <= value < limit:
        raise compiler.semantic(f"the literal is beyond the range of {kind}")
    if kind == DECIMAL and (len(whole) > _WHOLE_DIGITS or len(fraction) > _FRACTION_DIGITS):
        raise compiler.semantic("a Decimal has at most 28 digits before and 8 after the point")
    return constant(value, kind)


def null(_compiler: Compiler, _node: Node, _scope: Scope) -> Piece:
    """Null."""
    return constant(None, ANY)


def quantity(_compiler: Compiler, node: Node, _scope: Scope) -> Piece:
    """Quantity: a number with a UCUM unit or a calendar word."""
    value, unit = node.get("value"), node.get("unit") or "1"
    if value is None:
        return constant(None, QUANTITY)
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return constant(calendar_quantity(number, unit) if unit in CALENDAR else Quantity(number, unit), QUANTITY)


def ratio(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Ratio."""
    parts = [quantity(compiler, node[name], scope).value for name in ("numerator", "denominator")]
    return constant(Ratio(*parts), Named("System.Ratio"))


def list_selector(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """List."""
    items = compiler.pieces(node.get("element") or (), scope)
    kind = ListOf(joined(item.type for item in items) or ANY)
    if all(item.constant for item in items):
        return constant([item.value for item in items], kind)
    runs = [item.run for item in items]
    if len(runs) > FEW:

        def many(ev: Any, frame: list[Any]) -> Any:
            ev.spend(len(runs))
            return [run(ev, frame) for run in runs]

        return Piece(many, kind)
    return Piece(lambda ev, frame: [run(ev, frame) for run in runs], kind)


def flatten(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Flatten: lists that are written out side by side go into one at once."""
    lists = node["operand"]
    if compiler.trace or lists.get("type") != "List" or not lists.get("element"):
        return compile_call(compiler, node, scope, OPERATORS["Flatten"])
    items = compiler.pieces(lists["element"], scope)
    if all(item.constant for item in items):
        return compile_call(compiler, node, scope, OPERATORS["Flatten"])
    written = Piece(items[0].run, ListOf(joined(item.type for item in items) or ANY))
    runs, place = [item.run for item in items], compiler.place

    def run(ev: Any, frame: list[Any]) -> list[Any]:
        if len(runs) > FEW:
            ev.spend(len(runs))
        found: list[Any] = []
        partial = False
        try:
            for each in runs:
                value = each(ev, frame)
                if value:
                    found += value if isinstance(value, list) else [value]  # data of another form is an item
                partial = partial or type(value) is Partial
            return Partial(capped(found)) if partial else capped(found)
        except Exception as error:
            raise located(error, place) from error

    return Piece(run, result_type("Flatten", [written]))


def tuple_selector(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Tuple: its elements are computed when they are asked for, unless a trace is to tell of them."""
    parts = {part["name"]: compiler.piece(part["value"], scope) for part in node.get("element") or ()}
    kind = TupleOf(tuple((name, part.type or ANY) for name, part in parts.items()))
    runs = {name: part.run for name, part in parts.items()}
    now = [(name, part.run) for name, part in parts.items() if part.constant or part.slot is not None]
    if compiler.trace or len(now) == len(parts):
        return Piece(lambda ev, frame: Tuple({name: run(ev, frame) for name, run in runs.items()}), kind)

    def run(ev: Any, frame: list[Any]) -> Any:
        held = {name: part(ev, frame) for name, part in now}
        return Tuple(held, runs, ref(ev), frame[:])  # the frame goes on to other rows

    return Piece(run, kind)


def interval(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Interval: boundaries with their closedness, which may be expressions; a low above the high is an error."""
    low, high = compiler.optional(node.get("low"), scope), compiler.optional(node.get("high"), scope)
    low_closed = _closed(compiler, node, "low", scope)
    high_closed = _closed(compiler, node, "high", scope)
    written = of_node(node)
    point = written.point if isinstance(written, IntervalOf) else joined((low.type, high.type))
    name = None if point is None or point == ANY else str(point)
    bounds = (low.run, high.run, low_closed.run, high_closed.run)
    place = compiler.place

    def run(ev: Any, frame: list[Any]) -> Any:
        start, end, from_start, to_end = [bound(ev, frame) for bound in bounds]
        try:
            return intervals.make(start, end, from_start, to_end, name)
        except Exception as error:
            raise located(error, place) from error

    return compiler.folded(run, (low, high, low_closed, high_closed), IntervalOf(point or ANY))


def _closed(compiler: Compiler, node: Node, end: str, scope: Scope) -> Piece:
    expression = node.get(f"{end}ClosedExpression")
    return compiler.piece(expression, scope) if expression else constant(node.get(f"{end}Closed", True))


def instance(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Instance: an object of a System or FHIR class, its elements by name."""
    kind = named(node["classType"])
    parts = {part["name"]: compiler.piece(part["value"], scope) for part in node.get("element") or ()}
    runs = [(name, part.run) for name, part in parts.items()]
    make = _MAKERS.get(kind.name)
    if make is None:
        make = _fhir_maker(compiler, fhir_name(kind), parts)
    place = compiler.place

    def run(ev: Any, frame: list[Any]) -> Any:
        elements = {name: part(ev, frame) for name, part in runs}
        try:
            return make(elements)
        except Exception as error:
            raise located(error, place) from error

    return Piece(run, kind)


def code(compiler: Compiler, node: Node, _scope: Scope) -> Piece:
    """Code: of a code system that the library names."""
    return constant(_code(compiler, node), CODE)


def concept(compiler: Compiler, node: Node, _scope: Scope) -> Piece:
    """Concept: of codes written out."""
    codes = [_code(compiler, part) for part in node.get("code") or ()]
    return constant(Concept(codes, node.get("display")), CONCEPT)


def _code(compiler: Compiler, node: Node) -> Code:
    system = compiler.code_system(node["system"])
    return Code(node["code"], system.id, system.version, node.get("display"))


Elements = dict[str, Any]


def _make_quantity(elements: Elements) -> Quantity | None:
    value, unit = elements.get("value"), elements.get("unit") or "1"
    if value is None:
        return None
    return calendar_quantity(Decimal(value), unit) if unit in CALENDAR else Quantity(Decimal(value), unit)


def _make_code(elements: Elements) -> Code:
    return Code(elements.get("code"), elements.get("system"), elements.get("version"), elements.get("display"))


def _make_concept(elements: Elements) -> Concept:
    codes = elements.get("codes") or []
    return Concept([code for code in codes if code is not None], elements.get("display"))


def _make_ratio(elements: Elements) -> Ratio | None:
    numerator, denominator = elements.get("numerator"), elements.get("denominator")
    return None if numerator is None or denominator is None else Ratio(numerator, denominator)


_MAKERS: dict[str, Callable[[Elements], Any]] = {
    "System.Quantity": _make_quantity,
    "System.Code": _make_code,
    "System.Concept": _make_concept,
    "System.Ratio": _make_ratio,
    "System.CodeSystem": lambda elements: CodeSystem(elements["id"], elements.get("version"), elements.get("name")),
    "System.ValueSet": lambda elements: ValueSet(elements["id"], elements.get("version"), elements.get("name")),
}


def _fhir_maker(compiler: Compiler, kind: str | None, parts: dict[str, Piece]) -> Callable[[Elements], Any]:
    """How a FHIR instance is made: a primitive is its JSON value, the rest a dict, choices under their JSON names."""
    model = compiler.model
    if kind is None or kind in PRIMITIVES or kind not in model:
        return lambda elements: _json(elements.get("value"))
    keys = {name: _key(model, kind, name, part.type) for name, part in parts.items()}
    resource = {"resourceType": kind} if kind in model.resources else {}
    return lambda elements: {
        **resource,
        **{keys[name](value): _json(value) for name, value in elements.items() if value is not None},
    }


def _key(model: Model, kind: str, name: str, static: Type | None) -> Callable[[Any], str]:
    """The JSON member of an element: for a choice it has the type in it, by static type or else by shape."""
    types = model.elements(kind).get(name)
    if types is None or model.key(kind, name) is not None:
        return lambda _value: name
    keys = choice_keys(types, name)
    known = fhir_name(static)
    for key, choice in keys.items():
        if choice == known:
            return lambda _value: key
    tests = [(key, shape_test(model, choice, [*(types - {choice})])) for key, choice in keys.items()]
    return lambda value: next((key for key, test in tests if test(value)), name)


def _json(value: Any) -> Any:
    """A System value as FHIR writes it in JSON."""
    return str(value) if isinstance(value, temporal.Temporal) else value


HANDLERS = {
    "Flatten": flatten,
    "Literal": literal,
    "Negate": negate,
    "Null": null,
    "Quantity": quantity,
    "Ratio": ratio,
    "List": list_selector,
    "Tuple": tuple_selector,
    "Interval": interval,
    "Code": code,
    "Concept": concept,
    "Instance": instance,
}
