"""Utility functions (FHIRPath 5.9): the clock, trace, variables of an expression, and iif (5.5.1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, Any, Literal

from cds.expr import ast, temporal
from cds.expr.code import DATE, DATETIME, TIME, Code, Definition, Function, Many, One, Part, Scope, Test
from cds.expr.evaluation import Evaluation
from cds.expr.types import Types
from cds.expr.values import EMPTY, plain

if TYPE_CHECKING:
    from cds.expr.compiler import Compiler


def _clock(compiler: Compiler, call: ast.Call, _scope: Scope, _typed: bool) -> Code:
    one, types = {"today": (_today, DATE), "now": (_now, DATETIME), "timeOfDay": (_time_of_day, TIME)}[call.name]
    made = compiler.make(call, one=one, types=types)
    made.free = True
    return made


def _today(ev: Evaluation, _: Any) -> temporal.Date:
    return ev.today()


def _now(ev: Evaluation, _: Any) -> temporal.DateTime:
    return temporal.of_datetime(ev.now.astimezone(ev.zone or UTC))


def _time_of_day(ev: Evaluation, _: Any) -> temporal.Time:
    moment = _now(ev, None)
    return temporal.Time(moment.parts[3:], None, moment.digits)


def _trace(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool) -> Code:
    """Hands the input on. Only a traced evaluation looks at the arguments again."""
    base = compiler.code(call.base, scope, typed)
    name = compiler.code(call.args[0], scope)
    this: Literal["item", "node"] = "node" if compiler.trace else "item"
    inner = compiler.following(scope, base).inside(this, base.types, None)
    shown = compiler.code(call.args[1], inner, compiler.trace) if len(call.args) > 1 else None
    many = _logged(base, name, shown) if compiler.trace else base.many
    return compiler.make(call, many, parts=(base,), types=base.types, single=base.single)


def _logged(base: Code, name: Code, shown: Code | None) -> Many:
    """The input, told to the trace under its name: the items, or their projection."""
    items_of, name_of, project = base.many, name.one, shown.many if shown is not None else None

    def many(ev: Evaluation, this: Any) -> list[Any]:
        items = items_of(ev, this)
        if ev.trace is not None:
            title = str(name_of(ev, this) or "")
            ev.trace.tell(title, items if project is None else [shown for item in items for shown in project(ev, item)])
        return items

    return many


def _iif(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool) -> Code:
    """iif(): the criterion decides which branch is evaluated; `$this` is the single input item. On the implicit focus
    it is the focus itself."""
    if isinstance(call.base, ast.Special):
        return _branches(compiler, call, scope, typed, None)
    base = compiler.code(call.base, scope, _touched(compiler, call, scope, typed))
    return _branches(compiler, call, compiler.following(scope, base), typed, base)


def _branches(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool, base: Code | None) -> Code:
    inner = scope
    if base is not None:
        nodes = _touched(compiler, call, scope, typed)
        inner = scope.inside("node" if nodes else "item", base.types, scope.index)
    criterion = compiler.code(call.args[0], inner)
    _check_criterion(compiler, call.args[0], criterion)
    chosen = compiler.code(call.args[1], inner, typed)
    other = compiler.code(call.args[2], inner, typed) if len(call.args) > 2 else None
    test, then, otherwise = criterion.test, chosen.part, other.part if other else _NOTHING

    def many(ev: Evaluation, this: Any) -> list[Any]:
        branch, fixed = then if test(ev, this) else otherwise
        return fixed if branch is None else branch(ev, this)

    branches = (chosen,) if other is None else (chosen, other)
    types, single = _joined(chosen, other), all(branch.single for branch in branches)
    made = compiler.make(call, many if base is None else _bound(base, many), parts=branches, types=types, single=single)
    if base is None and single:
        made.quicker(_one_of_branches(test, chosen.one, other.one if other else _no_item))
    made.free = base is None and made.free and criterion.free
    return made


def _touched(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool) -> bool:
    return compiler.trace or compiler.analysis.bodies_touch(call, typed, scope.primitive)


def _bound(base: Code, many: Many) -> Many:
    item_of = base.one

    def bound(ev: Evaluation, this: Any) -> list[Any]:
        return many(ev, item_of(ev, this))

    return bound


def _one_of_branches(test: Test, then: One, otherwise: One) -> One:
    return lambda ev, this: then(ev, this) if test(ev, this) else otherwise(ev, this)


_NOTHING: Part = (None, EMPTY)


def _no_item(_: Evaluation, __: Any) -> Any:
    return None


def _check_criterion(compiler: Compiler, node: ast.Node, criterion: Code) -> None:
    """A criterion that can never be a boolean is a mistake of the author. The language itself lets any single item be
    true (FHIRPath 3.0, iif), and so does a lenient compiler."""
    if criterion.constant is not None and len(criterion.constant) > 1:
        raise compiler.semantic(node, "the criterion of iif() has more than one item", "join truths with and or or")
    system = criterion.types and all(kind.startswith("System.") for kind in criterion.types)
    if system and not compiler.lenient and "System.Boolean" not in (criterion.types or ()):
        raise compiler.semantic(node, "the criterion of iif() is no boolean", "compare it, or use exists()")


def _joined(chosen: Code, other: Code | None) -> Types | None:
    """The possible types of either branch; an empty literal has none to add."""
    branches = [branch for branch in (chosen, other) if branch is not None and branch.constant != []]
    if any(branch.types is None for branch in branches):
        return None
    return frozenset().union(*(branch.types or () for branch in branches)) or None


def _define_variable(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool) -> Code:
    """defineVariable(name[, value]): hands the input on; `%name` exists in what follows in the same chain."""
    base = compiler.code(call.base, scope, typed)
    inner = compiler.following(scope, base)
    name_node = call.args[0]
    name = name_node.value if isinstance(name_node, ast.Literal) else None
    if not isinstance(name, str):
        if compiler.lenient:
            return _define_late(compiler, call, base, inner)
        raise compiler.semantic(name_node, "the name of a variable must be a string literal")
    if compiler.is_taken(name) or name in inner.names:
        raise compiler.semantic(name_node, f"%{name} is already defined", "choose another name")
    slot, items_of = compiler.slot(), base.many
    value = compiler.code(call.args[1], _on_list(inner, base)) if len(call.args) > 1 else None
    value_of = value.many if value else None

    def many(ev: Evaluation, this: Any) -> list[Any]:
        items = items_of(ev, this)
        ev.slots[slot] = plain(items) if value_of is None else value_of(ev, plain(items))
        return items

    source = value or base
    made = compiler.make(call, many, parts=(base,), types=base.types, single=base.single)
    made.free = False
    made.defines = {**base.defines, name: Definition(slot, source.sources.union(base.sources), source.types)}
    return made


def _define_late(compiler: Compiler, call: ast.Call, base: Code, inner: Scope) -> Code:
    """defineVariable() with a name that is known when it is evaluated: a slot holds all such names with their items,
    and the empty name stands for them in the scope."""
    slot, items_of, outer, failure = compiler.slot(), base.many, inner.names.get(""), compiler.failure(call)
    name_of = compiler.code(call.args[0], _on_list(inner, base)).one
    value = compiler.code(call.args[1], _on_list(inner, base)) if len(call.args) > 1 else None
    value_of = value.many if value else None

    def many(ev: Evaluation, this: Any) -> list[Any]:
        items = items_of(ev, this)
        name, names = name_of(ev, plain(items)), ev.slots[outer.slot] if outer else {}
        if type(name) is not str:
            raise failure("the name of a variable must be a string", None)
        if name in names or name in inner.names or compiler.is_taken(name):
            raise failure(f"%{name} is already defined", "choose another name")
        ev.slots[slot] = {**names, name: plain(items) if value_of is None else value_of(ev, plain(items))}
        return items

    source = value or base
    made = compiler.make(call, many, parts=(base,), types=base.types, single=base.single)
    made.free = False
    made.defines = {**base.defines, "": Definition(slot, source.sources.union(base.sources), None)}
    return made


def _on_list(scope: Scope, base: Code) -> Scope:
    return replace(scope, this="list", types=base.types)


FUNCTIONS = (
    Function("today", "", "special", _clock, "5.9", "The day of evaluation in its time zone", "no input", DATE),
    Function("now", "", "special", _clock, "5.9", "The moment of evaluation", "no input", DATETIME),
    Function("timeOfDay", "", "special", _clock, "5.9", "The time of day of evaluation", "no input", TIME),
    Function("trace", "name projection?", "special", _trace, "5.9", "The input, unchanged", passes=True),
    Function(
        "iif",
        "criterion true-result otherwise-result?",
        "special",
        _iif,
        "5.5.1",
        "One of two branches, the other is not evaluated",
        "the branch",
        projects=True,
    ),
    Function(
        "defineVariable",
        "name value?",
        "special",
        _define_variable,
        "5.9 (3.0)",
        "The input; `%name` is the value, or the input, in what follows",
        passes=True,
    ),
)
