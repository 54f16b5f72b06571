"""Boolean logic that is written as a function (FHIRPath 6.5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cds.expr import ast
from cds.expr.code import BOOLEAN, Code, Function, Scope
from cds.expr.evaluation import Evaluation

if TYPE_CHECKING:
    from cds.expr.compiler import Compiler


def _not(compiler: Compiler, call: ast.Call, scope: Scope, _typed: bool) -> Code:
    base = compiler.code(call.base, scope)
    inner = base.test

    def test(ev: Evaluation, this: Any) -> bool | None:
        answer = inner(ev, this)
        return None if answer is None else not answer

    return compiler.make(call, test=test, parts=(base,), types=BOOLEAN)


FUNCTIONS = (Function("not", "", "special", _not, "6.5.3", "The opposite truth", types=BOOLEAN),)
