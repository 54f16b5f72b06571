"""Subsetting (FHIRPath 5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cds.errors import EvaluationError
from cds.expr import ast
from cds.expr.code import Code, Function, Scope
from cds.expr.evaluation import Evaluation
from cds.expr.values import distinct, key, weight

if TYPE_CHECKING:
    from cds.expr.compiler import Compiler


def _count(counts: list[Any], name: str) -> int | None:
    if not counts:
        return None
    if len(counts) > 1 or type(counts[0]) is not int:
        raise EvaluationError(f"{name}() needs one integer")
    return counts[0]


def _edge(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool) -> Code:
    """first() and last()."""
    base = compiler.code(call.base, scope, typed)
    items_of = base.many
    edge, place = (slice(0, 1), 0) if call.name == "first" else (slice(-1, None), -1)

    def many(ev: Evaluation, this: Any) -> list[Any]:
        return items_of(ev, this)[edge]

    def one(ev: Evaluation, this: Any) -> Any:
        items = items_of(ev, this)
        return items[place] if items else None

    return compiler.make(call, many, parts=(base,), types=base.types, single=True).quicker(one)


def _single(_: Evaluation, items: list[Any]) -> list[Any]:
    if len(items) > 1:
        raise EvaluationError(f"single() found {len(items)} items", hint="use first() when any one will do")
    return items


def _tail(_: Evaluation, items: list[Any]) -> list[Any]:
    return items[1:]


def _skip(_: Evaluation, items: list[Any], counts: list[Any]) -> list[Any]:
    count = _count(counts, "skip")
    return [] if count is None else items[max(count, 0) :]


def _take(_: Evaluation, items: list[Any], counts: list[Any]) -> list[Any]:
    count = _count(counts, "take")
    return [] if count is None else items[: max(count, 0)]


def _intersect(ev: Evaluation, items: list[Any], others: list[Any]) -> list[Any]:
    ev.spend(len(items) + len(others))
    ev.spend(weight(items) + weight(others))
    marks = {key(item) for item in others}
    return distinct([item for item in items if key(item) in marks], ev.spend)


def _exclude(ev: Evaluation, items: list[Any], others: list[Any]) -> list[Any]:
    ev.spend(len(items) + len(others))
    ev.spend(weight(items) + weight(others))
    marks = {key(item) for item in others}
    return [item for item in items if key(item) not in marks]


FUNCTIONS = (
    Function("single", "", "collection", _single, "5.3", "The only item; an error when there are more", passes=True),
    Function("first", "", "special", _edge, "5.3", "The first item", passes=True),
    Function("last", "", "special", _edge, "5.3", "The last item", passes=True),
    Function("tail", "", "collection", _tail, "5.3", "All but the first item", passes=True),
    Function("skip", "num", "collection", _skip, "5.3", "All but the first n items", passes=True),
    Function("take", "num", "collection", _take, "5.3", "The first n items", passes=True),
    Function("intersect", "other", "collection", _intersect, "5.3", "Items in both, without duplicates", passes=True),
    Function("exclude", "other", "collection", _exclude, "5.3", "Items the other does not have", passes=True),
)
