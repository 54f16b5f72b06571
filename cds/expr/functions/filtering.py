"""Filtering and projection (FHIRPath 5.2), and aggregate (FHIRPath 7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

from cds.errors import EvaluationError
from cds.expr import ast
from cds.expr.calls import relocated
from cds.expr.code import Code, Function, Many, One, Scope, Test
from cds.expr.evaluation import MAX_ITEMS, Evaluation, capped
from cds.expr.functions.existence import body_part, plain_many
from cds.expr.values import EMPTY, Seen, compare

if TYPE_CHECKING:
    from cds.expr.compiler import Compiler


def _where(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool) -> Code:
    loop = compiler.loop(call, scope, typed)
    body = compiler.code(call.args[0], loop.scope)
    items_of, test, slot = loop.base.many, body.test, loop.index

    def many(ev: Evaluation, this: Any) -> list[Any]:
        items = items_of(ev, this)
        ev.budget -= len(items)
        if ev.budget < 0:
            ev.spend(0)
        return [item for item in items if test(ev, item)]

    chosen: Many = many if slot is None else _indexed(items_of, test, slot)
    if loop.unwrap:
        chosen = plain_many(chosen)
    return compiler.make(call, chosen, parts=(loop.base, body_part(loop.base, body, scope)), types=loop.base.types)


def _indexed(items_of: Many, test: Test, slot: int) -> Many:
    """where() with a criterion that reads `$index`."""

    def many(ev: Evaluation, this: Any) -> list[Any]:
        items = items_of(ev, this)
        ev.spend(len(items))
        result = []
        for position, item in enumerate(items):
            ev.slots[slot] = position
            if test(ev, item):
                result.append(item)
        return result

    return many


def _select(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool) -> Code:
    loop = compiler.loop(call, scope, typed)
    body = compiler.code(call.args[0], loop.scope, typed)
    items_of, project, slot = loop.base.many, body.many, loop.index

    def many(ev: Evaluation, this: Any) -> list[Any]:
        items = items_of(ev, this)
        ev.spend(len(items))
        result: list[Any] = []
        for position, item in enumerate(items):
            if slot is not None:
                ev.slots[slot] = position
            result += project(ev, item)
            if len(result) > MAX_ITEMS:
                capped(result)
        return result

    chosen = _of_singles(items_of, body.one) if body.single and slot is None else many
    return compiler.make(call, chosen, parts=(loop.base, body_part(loop.base, body, scope)), types=body.types)


def _of_singles(items_of: Many, one: One) -> Many:
    """select() with a projection that gives one item, if any: the result cannot grow."""

    def many(ev: Evaluation, this: Any) -> list[Any]:
        items = items_of(ev, this)
        ev.budget -= len(items)
        if ev.budget < 0:
            ev.spend(0)
        return [found for item in items if (found := one(ev, item)) is not None]

    return many


def _repeat(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool) -> Code:
    """repeat(): every new item is projected again; equal items once. repeatAll() keeps equal items."""
    loop = compiler.loop(call, scope, typed)
    primitive = loop.scope.primitive or compiler.analysis.maybe_primitive(call.args[0], loop.scope.primitive)
    inner = replace(loop.scope, types=None, primitive=primitive)
    body = compiler.code(call.args[0], inner, typed or loop.scope.this == "node")
    items_of, project, slot, once = loop.base.many, body.many, loop.index, call.name == "repeat"

    def many(ev: Evaluation, this: Any) -> list[Any]:
        result: list[Any] = []
        seen = Seen(ev.spend) if once else None
        level = items_of(ev, this)
        while level:
            ev.spend(len(level))
            following: list[Any] = []
            for position, item in enumerate(level):
                if slot is not None:
                    ev.slots[slot] = position
                found = project(ev, item)
                following += found if seen is None else filter(seen.is_new, found)
            result += following
            level = capped(following)
            capped(result)
        return result

    chosen = plain_many(many) if loop.scope.this == "node" and not typed else many
    return compiler.make(call, chosen, parts=(loop.base, body_part(loop.base, body, scope)))


def _aggregate(compiler: Compiler, call: ast.Call, scope: Scope, _typed: bool) -> Code:
    """aggregate(aggregator, init): `$total` is the result so far."""
    loop = compiler.loop(call, scope, False)
    slot = compiler.slot()
    body = compiler.code(call.args[0], _with_total(loop.scope, slot))
    start = compiler.code(call.args[1], compiler.following(scope, loop.base)).many if len(call.args) > 1 else None
    items_of, step, index = loop.base.many, body.many, loop.index

    def many(ev: Evaluation, this: Any) -> list[Any]:
        items = items_of(ev, this)
        total = start(ev, this) if start is not None else EMPTY
        ev.spend(len(items))
        for position, item in enumerate(items):
            if index is not None:
                ev.slots[index] = position
            ev.slots[slot] = total
            total = capped(step(ev, item))
        return total

    return compiler.make(call, many, parts=(loop.base, body_part(loop.base, body, scope)))


def _with_total(scope: Scope, slot: int) -> Scope:
    return replace(scope, total=slot)


def _sort(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool) -> Code:
    """sort(keys): `-key` turns a key round; empty keys come first (FHIRPath 3.0)."""
    loop = compiler.loop(call, scope, typed)
    keys: list[tuple[One, int]] = []
    for arg in call.args or (ast.Special(call.at, 1, "$this"),):
        turned = isinstance(arg, ast.Unary) and arg.operator == "-"
        inner = arg.operand if isinstance(arg, ast.Unary) and turned else arg
        keys.append((compiler.code(inner, loop.scope).one, -1 if turned else 1))
    items_of, failure = loop.base.many, compiler.failure(call)
    signs = [sign for _, sign in keys]

    def many(ev: Evaluation, this: Any) -> list[Any]:
        items = items_of(ev, this)
        ev.spend(len(items) * len(keys))

        def by_keys(one: tuple[list[Any], Any], other: tuple[list[Any], Any]) -> int:
            return _compare_keys(one[0], other[0], signs)

        rows: list[tuple[list[Any], Any]] = [([part(ev, item) for part, _ in keys], item) for item in items]
        try:
            rows.sort(key=cmp_to_key(by_keys))
        except EvaluationError as error:
            raise relocated(error, failure) from error
        return [item for _, item in rows]

    chosen = plain_many(many) if loop.unwrap else many
    return compiler.make(call, chosen, parts=(loop.base,), types=loop.base.types)


def _compare_keys(left: list[Any], right: list[Any], signs: list[int]) -> int:
    for one, other, sign in zip(left, right, signs, strict=True):
        if one is None or other is None:
            order = (one is not None) - (other is not None)  # nothing comes first, whichever way the key runs
        else:
            order = (compare(one, other) or 0) * sign
        if order:
            return order
    return 0


def _lambda(
    name: str,
    arguments: str,
    handler: Callable[..., Code],
    summary: str,
    empty: str = "{ }",
    *,
    passes: bool = False,
) -> Function:
    section = {"aggregate": "7", "sort": "5.2 (3.0)", "repeatAll": "5.2 (3.0)"}.get(name, "5.2")
    projects = name in ("select", "repeat", "repeatAll")
    return Function(
        name, arguments, "special", handler, section, summary, empty, lambdas=True, passes=passes, projects=projects
    )


FUNCTIONS = (
    _lambda("where", "criteria", _where, "The items that meet the criteria", passes=True),
    _lambda("select", "projection", _select, "The projection of every item"),
    _lambda(
        "repeat", "projection", _repeat, "The projection of every item, and of what it gives, each once", passes=True
    ),
    _lambda("repeatAll", "projection", _repeat, "As repeat, with duplicates", passes=True),
    _lambda("aggregate", "aggregator init?", _aggregate, "One result over all items", "init"),
    _lambda("sort", "key*", _sort, "The items ordered by the keys", passes=True),
)
