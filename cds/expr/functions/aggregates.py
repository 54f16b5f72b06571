"""sum(), min(), max() and avg() (FHIRPath 3.0, Aggregates). Items that may be missing leave the answer open."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from cds.errors import EvaluationError
from cds.expr import arithmetic, ast
from cds.expr.calls import relocated
from cds.expr.code import Code, Function, Scope
from cds.expr.evaluation import Evaluation
from cds.expr.functions.components import temporal_of
from cds.expr.types import Model
from cds.expr.values import Long, Node, as_quantity, compare, decimal, describe, is_number, system_type

if TYPE_CHECKING:
    from cds.expr.compiler import Compiler

_SYSTEM = {
    "integer": "Integer",
    "positiveInt": "Integer",
    "unsignedInt": "Integer",
    "integer64": "Long",
    "decimal": "Decimal",
    "date": "Date",
    "dateTime": "DateTime",
    "instant": "DateTime",
    "time": "Time",
}
_NUMBERS = frozenset({"Integer", "Long", "Decimal"})
_SUMMED = _NUMBERS | {"Quantity"}
_ORDERED = _SUMMED | {"Date", "DateTime", "Time", "String"}
#: What a value of unknown type goes with: the types that are written alike.
_FAMILY = dict.fromkeys(_NUMBERS, "number") | dict.fromkeys(("Date", "DateTime"), "moment")


class _Value(NamedTuple):
    """An item as a System value, the name of its type, and whether that is known or only what it looks like."""

    value: Any
    kind: str
    known: bool


def _value_of(item: Any, model: Model) -> _Value | None:
    """None for what no aggregate takes."""
    found = temporal_of(item)
    if type(item) is not Node:
        kind = system_type(item)
        return None if kind is None else _Value(decimal(item) if kind == "Decimal" else item, kind, known=True)
    known, value = item.type is not None, item.value
    if found is not None:
        return _Value(found, type(found).name if not known else _SYSTEM[str(item.type)], known)
    if type(value) is dict:
        quantity = as_quantity(value) if item.type is None or model.is_subtype(item.type, "Quantity") else None
        return None if quantity is None else _Value(quantity, "Quantity", known)
    if is_number(value):
        kind = _SYSTEM.get(str(item.type), "Decimal")
        return _Value({"Integer": int, "Long": Long}.get(kind, decimal)(value), kind, known)
    return _Value(value, "String", known) if type(value) is str else None


def _values(name: str, items: list[Any], model: Model, taken: frozenset[str]) -> list[Any]:
    """The items as System values of one type that the function takes, else EvaluationError."""
    found = []
    for item in items:
        if type(item) is Node and item.value is None:
            continue
        value = _value_of(item, model)
        if value is None or value.kind not in taken:
            raise EvaluationError(f"{name}() does not take {describe(item.value if type(item) is Node else item)}")
        found.append(value)
    kinds = sorted({value.kind for value in found if value.known})
    families = {_FAMILY.get(value.kind, value.kind) for value in found}
    if len(kinds) > 1 or len(families) > 1:
        among = " and ".join(kinds) if len(kinds) > 1 else "several types"
        raise EvaluationError(
            f"{name}() needs items of one type, found {among}", hint="convert them, or choose with ofType()"
        )
    return [value.value for value in found]


def _sum(values: list[Any]) -> Any:
    total = values[0]
    for value in values[1:]:
        total = arithmetic.add(total, value)
        if total is None:  # units that do not go together, or a Long that is full
            return None
    return total


def _avg(values: list[Any]) -> Any:
    total = _sum([decimal(value) if is_number(value) else value for value in values])
    return None if total is None else arithmetic.divide(total, len(values))


def _extreme(sign: int) -> Callable[[list[Any]], Any]:
    def extreme(values: list[Any]) -> Any:
        """The least of the values (or greatest); None where one that is not comparable with it may be less."""
        best = values[0]
        for value in values[1:]:
            if _order(value, best) == sign:
                best = value
        return best if all(_order(value, best) in (0, -sign) for value in values) else None

    return extreme


def _order(left: Any, right: Any) -> int | None:
    if type(left) is str:
        return int(left > right) - int(left < right)
    return compare(left, right)


def _aggregate(name: str, fold: Callable[[list[Any]], Any], taken: frozenset[str]) -> Callable[..., Code]:
    def handler(compiler: Compiler, call: ast.Call, scope: Scope, _typed: bool) -> Code:
        base = compiler.code(call.base, scope, True)
        items_of, doubtful, failure, model = base.many, base.doubt(), compiler.failure(call), compiler.model

        def one(ev: Evaluation, this: Any) -> Any:
            items = items_of(ev, this)
            ev.spend(len(items))
            try:
                values = _values(name, items, model, taken)
                return fold(values) if values and not doubtful(ev) else None
            except EvaluationError as error:
                raise relocated(error, failure) from error

        return compiler.make(call, one=one, parts=(base,))

    return handler


def _row(name: str, fold: Callable[[list[Any]], Any], taken: frozenset[str], summary: str, gives: str) -> Function:
    handler = _aggregate(name, fold, taken)
    return Function(name, "", "special", handler, "7 (3.0)", summary, typed=True, gives=gives)


FUNCTIONS = (
    _row("sum", _sum, _SUMMED, "The sum of numbers or quantities of one type", "as the input"),
    _row("min", _extreme(-1), _ORDERED, "The least of items of one type", "as the input"),
    _row("max", _extreme(1), _ORDERED, "The greatest of items of one type", "as the input"),
    _row("avg", _avg, _SUMMED, "The average of numbers or quantities of one type", "Decimal or Quantity"),
)
