"""Order: the sort clause of a query and the Sort operator. Nulls come first when ascending, last when descending."""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

from cds.expr import quantity, temporal
from cds.expr.elm import fhirhelpers
from cds.expr.elm.code import Node, Piece, Run, Scope
from cds.expr.elm.paths import step
from cds.expr.elm.specifiers import Type, fhir_name
from cds.expr.evaluation import FEW
from cds.expr.quantity import Quantity
from cds.expr.types import PRIMITIVES

if TYPE_CHECKING:
    from cds.expr.elm.compiler import Compiler

Sort = Callable[[Any, list[Any], list[Any]], list[Any]]


def compile_sort(compiler: Compiler, clauses: list[Node], scope: Scope, kind: Type | None) -> Sort:
    """The order that sort items give: each ByDirection, ByColumn or ByExpression, the first the most significant."""
    inner, slot = scope.about(kind)
    item = Piece(lambda _ev, frame: frame[slot], kind, slot=slot)
    keys = [(_key(compiler, clause, inner, item), clause.get("direction", "asc")) for clause in clauses]
    passes = [(key, direction.startswith("desc")) for key, direction in reversed(keys)]

    def sort(ev: Any, frame: list[Any], items: list[Any]) -> list[Any]:
        if len(items) > FEW:
            ev.spend(len(items) * len(passes))
        for key, descending in passes:
            rows = []
            for one in items:
                frame[slot] = one
                rows.append((key(ev, frame), one))
            rows.sort(key=_sort_key([value for value, _ in rows]), reverse=descending)
            items = [one for _, one in rows]
        return items

    return sort


def _key(compiler: Compiler, clause: Node, scope: Scope, item: Piece) -> Run:
    """What a sort item looks at, in a form that has an order: FHIR primitives as System values."""
    piece = item
    if clause["type"] == "ByColumn":
        for name in clause["path"].split("."):
            piece = step(compiler, piece, name)
    elif clause["type"] == "ByExpression":
        piece = compiler.piece(clause["expression"], scope)
    name, model = fhir_name(piece.type), compiler.model
    if name is None:
        return piece.run
    convert: fhirhelpers.Convert = fhirhelpers.to_quantity_ignoring_comparator
    if name in PRIMITIVES or name not in model:
        convert = fhirhelpers.primitive(name)[0]
    elif not model.is_subtype(name, "Quantity"):
        return piece.run
    run = piece.run
    return lambda ev, frame: convert(ev, run(ev, frame))


def _sort_key(values: list[Any]) -> Callable[[tuple[Any, Any]], Any]:
    """The sort key of (value, item) pairs: the value itself where Python orders all of them as CQL does."""
    kinds = set(map(type, values))
    if len(kinds) == 1 and kinds <= _NATURAL:
        return lambda pair: pair[0]
    if kinds <= _NATURAL_OR_NULL and len(kinds) == 2:
        return lambda pair: (pair[0] is not None, pair[0] if pair[0] is not None else 0)
    by_order = cmp_to_key(order)
    return lambda pair: by_order(pair[0])


_NATURAL = {int, str}
_NATURAL_OR_NULL = {int, type(None)}


def order(left: Any, right: Any) -> int:
    """-1, 0 or 1; null is least, of two dates that may be the same the one with fewer parts, and what has
    no order stays where it is."""
    if left is None or right is None:
        return (left is not None) - (right is not None)
    if isinstance(left, temporal.Temporal) and isinstance(right, temporal.Temporal):
        found = temporal.compare(left, right) if temporal.comparable(left, right) else 0
        return found if found is not None else len(left.parts) - len(right.parts)
    if type(left) is Quantity and type(right) is Quantity:
        return quantity.compare(left, right) or 0
    try:
        return int(left > right) - int(left < right)
    except TypeError:
        return 0
