"""Existence (FHIRPath 5.1): what a collection holds at all. When data behind a collection was not obtained, an answer
that only its absence would give is empty: unknown is not false."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from cds.errors import EvaluationError
from cds.expr import ast
from cds.expr.code import BOOLEAN, INTEGER, Code, Function, Many, Scope, Test
from cds.expr.evaluation import Evaluation
from cds.expr.operators import member
from cds.expr.values import Node, describe, distinct, plain, weight

if TYPE_CHECKING:
    from cds.expr.compiler import Compiler

#: decides per item: True or False ends the loop with that answer, None goes on
_Decide = Callable[[Any], bool | None]


def _items(compiler: Compiler, call: ast.Call, scope: Scope) -> Code:
    """The input, with primitives that have extensions only: they exist too."""
    return compiler.presence(call.base, scope)


def _presence(compiler: Compiler, call: ast.Call, scope: Scope, _typed: bool, *, found: bool) -> Code:
    """exists() and empty() without criteria: `found` is the answer when there is an item."""
    base = _items(compiler, call, scope)
    many, doubtful = base.many, base.doubt()

    def test(ev: Evaluation, this: Any) -> bool | None:
        if many(ev, this):
            return found
        return not found if ev.certain or not doubtful(ev) else None

    return compiler.make(call, test=test, parts=(base,), types=BOOLEAN)


def _exists(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool) -> Code:
    if not call.args:
        return _presence(compiler, call, scope, typed, found=True)
    return _search(compiler, call, scope, stop=True)


def _all(compiler: Compiler, call: ast.Call, scope: Scope, _typed: bool) -> Code:
    return _search(compiler, call, scope, stop=False)


def _search(compiler: Compiler, call: ast.Call, scope: Scope, *, stop: bool) -> Code:
    """exists(criteria) looks for a true item, all(criteria) for one that is not."""
    loop = compiler.loop(call, scope, False)
    body = compiler.code(call.args[0], loop.scope)
    parts = (loop.base, body_part(loop.base, body, scope))
    doubtful = compiler.make(call, loop.base.many, parts=parts).doubt()
    if loop.index is None:
        test = _searcher(loop.base.many, body.test, doubtful, stop)
    else:
        test = _searcher_with_index(loop.base.many, loop.index, body.test, doubtful, stop)
    return compiler.make(call, test=test, parts=parts, types=BOOLEAN)


def body_part(base: Code, body: Code, scope: Scope) -> Code:
    """What a lambda body adds to the whole: its sources. It is free when the base is, for the loop binds `$this`,
    unless an outer loop has more to offer it."""
    free = base.free and scope.index is None and scope.total is None and not scope.names
    return Code(body.many, error=body.error, free=free, sources=body.sources.of_criterion())


def _searcher(many: Many, check: Test, doubtful: Callable[[Evaluation], bool], stop: bool) -> Test:
    """A test that ends at the first item whose criterion is `stop` (or, for all(), is not true)."""

    def test(ev: Evaluation, this: Any) -> bool | None:
        items = many(ev, this)
        ev.budget -= len(items)
        if ev.budget < 0:
            ev.spend(0)
        for item in items:
            if (check(ev, item) is True) is stop:
                return stop
        return not stop if ev.certain or not doubtful(ev) else None

    return test


def _searcher_with_index(
    many: Many, slot: int, check: Test, doubtful: Callable[[Evaluation], bool], stop: bool
) -> Test:
    """The same for a criterion that reads `$index`."""

    def test(ev: Evaluation, this: Any) -> bool | None:
        items = many(ev, this)
        ev.spend(len(items))
        for position, item in enumerate(items):
            ev.slots[slot] = position
            if (check(ev, item) is True) is stop:
                return stop
        return None if doubtful(ev) else not stop

    return test


def _boolean_fold(name: str, decide: _Decide, otherwise: bool, summary: str) -> Function:
    """allTrue, anyTrue, allFalse and anyFalse."""

    def handler(compiler: Compiler, call: ast.Call, scope: Scope, _typed: bool) -> Code:
        base = compiler.code(call.base, scope)
        many, doubtful, failure = base.many, base.doubt(), compiler.failure(call)

        def test(ev: Evaluation, this: Any) -> bool | None:
            items = many(ev, this)
            ev.spend(len(items))
            for item in items:
                if type(item) is not bool:
                    raise failure(f"{name}() needs booleans, not {describe(item)}", None)
            answer = next((found for item in items if (found := decide(item)) is not None), None)
            if answer is not None:
                return answer
            return None if doubtful(ev) else otherwise

        return compiler.make(call, test=test, parts=(base,), types=BOOLEAN)

    empty = "true" if otherwise else "false"
    return Function(name, "", "special", handler, "5.1", summary, empty, BOOLEAN)


def _counted(compiler: Compiler, call: ast.Call, scope: Scope, _typed: bool) -> Code:
    base = _items(compiler, call, scope)
    many, doubtful = base.many, base.doubt()

    def one(ev: Evaluation, this: Any) -> int | None:
        items = many(ev, this)
        return None if doubtful(ev) else len(items)

    return compiler.make(call, one=one, parts=(base,), types=INTEGER)


def _is_distinct(compiler: Compiler, call: ast.Call, scope: Scope, _typed: bool) -> Code:
    base = compiler.code(call.base, scope)
    many, doubtful = base.many, base.doubt()

    def test(ev: Evaluation, this: Any) -> bool | None:
        items = many(ev, this)
        ev.spend(len(items))
        if len(distinct(items, ev.spend)) < len(items):
            return False
        return None if doubtful(ev) else True

    return compiler.make(call, test=test, parts=(base,), types=BOOLEAN)


def _subset(compiler: Compiler, call: ast.Call, scope: Scope, _typed: bool, *, turned: bool) -> Code:
    base = compiler.code(call.base, scope)
    (other,) = compiler.arguments(call, scope, base)
    inner, outer = (other, base) if turned else (base, other)
    parts_of, whole_of = inner.many, outer.many
    parts_doubtful, whole_doubtful = inner.doubt(), outer.doubt()

    def test(ev: Evaluation, this: Any) -> bool | None:
        parts, whole = parts_of(ev, this), whole_of(ev, this)
        ev.spend((len(parts) + weight(parts)) * len(whole))  # each item may be compared with every other
        if all(member(item, whole) for item in parts):
            return None if parts_doubtful(ev) else True
        return None if whole_doubtful(ev) else False

    return compiler.make(call, test=test, parts=(base, other), types=BOOLEAN)


def _has_value(compiler: Compiler, call: ast.Call, scope: Scope, _typed: bool) -> Code:
    base = compiler.code(call.base, scope, True)
    many, doubtful = base.many, base.doubt()

    def test(ev: Evaluation, this: Any) -> bool | None:
        items = many(ev, this)
        if not items and doubtful(ev):
            return None
        return len(items) == 1 and _value(items[0]) is not None

    return compiler.make(call, test=test, parts=(base,), types=BOOLEAN)


def _value(item: Any) -> Any:
    """The value of a primitive; None for elements."""
    value = item.value if type(item) is Node else item
    return None if type(value) is dict else value


def _get_value(_: Evaluation, items: list[Any]) -> list[Any]:
    if len(items) > 1:
        raise EvaluationError(f"getValue() needs one item, found {len(items)}")
    return [value for item in items if (value := _value(item)) is not None]


def _distinct(ev: Evaluation, items: list[Any]) -> list[Any]:
    return distinct(items, ev.spend)


def plain_many(many: Many) -> Many:
    """A closure that opens the Nodes another one gives."""
    return lambda ev, this: plain(many(ev, this))


def _special(
    name: str, arguments: str, handler: Callable[..., Any], summary: str, empty: str, lambdas: bool = False
) -> Function:
    types = INTEGER if name == "count" else BOOLEAN
    return Function(name, arguments, "special", handler, "5.1", summary, empty, types, lambdas=lambdas)


_empty = partial(_presence, found=False)
_typed_value = "The value of a primitive that has one"

FUNCTIONS = (
    _special("empty", "", _empty, "True when there is no item", "true"),
    _special(
        "exists", "criteria?", _exists, "True when there is an item, or one that meets the criteria", "false", True
    ),
    _special("all", "criteria", _all, "True when every item meets the criteria", "true", True),
    _boolean_fold("allTrue", lambda item: False if item is False else None, True, "True when every boolean is true"),
    _boolean_fold("anyTrue", lambda item: True if item is True else None, False, "True when a boolean is true"),
    _boolean_fold("allFalse", lambda item: False if item is True else None, True, "True when every boolean is false"),
    _boolean_fold("anyFalse", lambda item: True if item is False else None, False, "True when a boolean is false"),
    _special(
        "subsetOf", "other", partial(_subset, turned=False), "True when the other collection has every item", "true"
    ),
    _special("supersetOf", "other", partial(_subset, turned=True), "True when it has every item of the other", "false"),
    _special("count", "", _counted, "The number of items", "0"),
    _special("isDistinct", "", _is_distinct, "True when no item occurs twice", "true"),
    Function("distinct", "", "collection", _distinct, "5.1", "Items without duplicates", passes=True),
    Function(
        "hasValue",
        "",
        "special",
        _has_value,
        "FHIR R4",
        "True for one primitive with a value",
        "false",
        BOOLEAN,
        typed=True,
    ),
    Function("getValue", "", "collection", _get_value, "FHIR R4", _typed_value, typed=True, gives="as the input"),
)
