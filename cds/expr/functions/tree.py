"""Tree navigation (FHIRPath 5.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cds.expr import ast
from cds.expr.code import Code, Function, Scope
from cds.expr.evaluation import Evaluation, capped
from cds.expr.functions.existence import plain_many
from cds.expr.navigate import all_children
from cds.expr.types import Model

if TYPE_CHECKING:
    from cds.expr.compiler import Compiler


def _navigate(walk: Callable[[Evaluation, list[Any], Model], list[Any]]) -> Callable[..., Code]:
    def handler(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool) -> Code:
        base = compiler.code(call.base, scope, True)
        items_of, model = base.many, compiler.model

        def many(ev: Evaluation, this: Any) -> list[Any]:
            return walk(ev, items_of(ev, this), model)

        return compiler.make(call, many if typed else plain_many(many), parts=(base,))

    return handler


def _children(ev: Evaluation, items: list[Any], model: Model) -> list[Any]:
    ev.spend(len(items))
    return capped([child for item in items for child in all_children(item, model)])


def _descendants(ev: Evaluation, items: list[Any], model: Model) -> list[Any]:
    result: list[Any] = []
    while items:
        items = _children(ev, items, model)
        result += items
        capped(result)
    return result


FUNCTIONS = (
    Function("children", "", "special", _navigate(_children), "5.8", "The direct child elements", typed=True),
    Function("descendants", "", "special", _navigate(_descendants), "5.8", "All elements below", typed=True),
)
