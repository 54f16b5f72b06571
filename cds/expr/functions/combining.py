"""Combining (FHIRPath 5.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cds.expr import ast
from cds.expr.code import Code, Function, Scope
from cds.expr.evaluation import Evaluation, capped
from cds.expr.operators import concatenated
from cds.expr.values import EMPTY, distinct

if TYPE_CHECKING:
    from cds.expr.compiler import Compiler


def _combine(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool) -> Code:
    """combine(), a chain of them as one piece. preserveOrder (3.0) changes nothing: order is always kept."""
    node, others = call.base, [call.args[0]]
    while _is_combine(node) and not compiler.trace:
        assert isinstance(node, ast.Call)  # noqa: S101 - for the type checker
        others.insert(0, node.args[0])
        node = node.base
    base = compiler.code(node, scope, typed)
    inner = compiler.following(scope, base)
    parts = (base, *(compiler.code(o, inner, True) if typed else compiler.operand(o, inner) for o in others))
    kept = tuple(compiler.operand(argument, inner) for argument in call.args[1:])
    return compiler.make(call, concatenated(parts), parts=(*parts, *kept))


def _is_combine(node: ast.Node) -> bool:
    return isinstance(node, ast.Call) and node.name == "combine" and len(node.args) == 1


def _union(ev: Evaluation, items: list[Any], others: list[Any]) -> list[Any]:
    ev.spend(len(items) + len(others))
    return distinct(capped(items + others), ev.spend)


def _coalesce(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool) -> Code:
    """coalesce(): arguments behind the first that has items are not evaluated."""
    base = compiler.code(call.base, scope)
    options = compiler.arguments(call, scope, base, typed)
    ways, before = tuple(option.many for option in options), base.many if base.defines else None

    def many(ev: Evaluation, this: Any) -> list[Any]:
        if before is not None:
            before(ev, this)  # for the variables that it defines
        for way in ways:
            items = way(ev, this)
            if items:
                return items
        return EMPTY

    kinds = [option.types for option in options if option.constant != []]
    types = None if None in kinds else frozenset().union(*(kind or () for kind in kinds)) or None
    return compiler.make(call, many, parts=options, types=types)


FUNCTIONS = (
    Function(
        "union",
        "other",
        "collection",
        _union,
        "5.4",
        "Both, without duplicates; as the operator |",
        "the other",
        passes=True,
        gives="as both",
    ),
    Function(
        "combine",
        "other preserveOrder?",
        "special",
        _combine,
        "5.4",
        "Both, with duplicates",
        "the other",
        passes=True,
        gives="as both",
    ),
    Function(
        "coalesce",
        "value+",
        "special",
        _coalesce,
        "5.4 (3.0)",
        "The first argument that is not empty",
        "no input",
        projects=True,
        gives="as the argument",
    ),
)
