"""Type operators and functions (FHIRPath 6.3, 10): is, as, ofType, type, over FHIR and System types.

A FHIR primitive is a FHIR type (`Patient.active is boolean`), never a System type; a literal is a System type. An item
whose FHIR type is not known (a string handed in by name) is judged by its form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cds.errors import did_you_mean
from cds.expr import ast, focus, navigate, temporal
from cds.expr.code import BOOLEAN, Code, Function, Many, Scope
from cds.expr.evaluation import Evaluation
from cds.expr.operators import ABSTRACT
from cds.expr.types import PRIMITIVES, SYSTEM_TYPES, Model, Types
from cds.expr.values import EMPTY, Node, TypeInfo, plain, system_type

if TYPE_CHECKING:
    from cds.expr.compiler import Compiler

Check = Callable[[Any], bool]

_FORMS: dict[str, type | tuple[type, ...]] = {"boolean": bool, "integer": int, "decimal": float}


def type_of(item: Any) -> TypeInfo:
    """The namespace and name of an item's type."""
    if type(item) is Node:
        if item.type is not None:
            return TypeInfo("FHIR", item.type)
        return type_of(item.value)
    if type(item) is dict:
        return TypeInfo("FHIR", str(item.get("resourceType") or "Element"))
    return TypeInfo("System", system_type(item) or "Any")


def _resolved(compiler: Compiler, kind: ast.TypeName) -> tuple[bool, bool]:
    """Whether the name is a FHIR type, whether it is a System type; an unknown name is a semantic error."""
    fault = _fault(compiler, kind)
    if fault is not None:
        raise compiler.semantic(kind, *fault)
    return _kinds(compiler, kind)


def _kinds(compiler: Compiler, kind: ast.TypeName) -> tuple[bool, bool]:
    fhir = kind.namespace in ("", "FHIR") and kind.name in compiler.model
    return fhir, kind.namespace in ("", "System") and kind.name in SYSTEM_TYPES


def _fault(compiler: Compiler, kind: ast.TypeName) -> tuple[str, str | None] | None:
    """What is wrong with a type name, and a hint."""
    if any(_kinds(compiler, kind)) or (kind.namespace == "System" and kind.name in compiler.model):
        return None
    if kind.namespace not in ("", "FHIR", "System"):
        return f"unknown namespace '{kind.namespace}'", "the namespaces are FHIR and System"
    names = [*SYSTEM_TYPES, *(compiler.model.names() if kind.namespace != "System" else ())]
    return f"unknown type '{kind.name}'", did_you_mean(kind.name, names)


def _late(handler: Callable[..., Code]) -> Callable[..., Code]:
    """`handler`, but that an unknown type fails when it is evaluated where the compiler is lenient."""

    def late(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool) -> Code:
        (kind,) = call.args
        fault = _fault(compiler, kind) if compiler.lenient and isinstance(kind, ast.TypeName) else None
        if fault is None:
            return handler(compiler, call, scope, typed)
        return compiler.make(kind, focus.failing(compiler.failure(kind), *fault))

    return late


def _checker(compiler: Compiler, kind: ast.TypeName, *, exact: bool) -> Check:
    """A test of typed items against a type; `exact` (as, ofType) takes no specialised primitives."""
    fhir, system = _resolved(compiler, kind)
    name, model = kind.name, compiler.model

    def check(item: Any) -> bool:
        if type(item) is Node:
            if item.type is not None:
                return fhir and _is_fhir(model, item.type, name, exact=exact)
            return _looks_like(item.value, name, fhir=fhir, system=system)
        found = system_type(item)
        return system and (found == name or (name == "Any" and found is not None))

    return check


def _is_fhir(model: Model, found: str, wanted: str, *, exact: bool) -> bool:
    if exact and found in PRIMITIVES:
        return found == wanted
    return model.is_subtype(found, wanted)


def _looks_like(value: Any, name: str, *, fhir: bool, system: bool) -> bool:
    """The form of a value whose FHIR type is not known."""
    if system and system_type(value) == name:
        return True
    if not fhir or type(value) is dict:
        return fhir and name in ("Element",)
    if name in _FORMS:
        return type(value) is _FORMS[name]
    if type(value) is not str:
        return False
    if name in ("date", "dateTime", "instant"):
        found = temporal.parse(value)
        return found is not None and (type(found) is temporal.DateTime or name != "instant")
    return temporal.parse_time(value) is not None if name == "time" else name in PRIMITIVES


def _static(kind: ast.TypeName, compiler: Compiler) -> Types | None:
    fhir, _ = _resolved(compiler, kind)
    if kind.name == "Any":
        return None
    return frozenset({kind.name}) if fhir else frozenset({f"System.{kind.name}"})


def _base(compiler: Compiler, call: ast.Call, scope: Scope) -> tuple[Many, Check, Code]:
    """The typed input of is, as or ofType, and the check of its items."""
    kind = call.args[0]
    assert isinstance(kind, ast.TypeName)  # noqa: S101 - the parser reads a type there
    exact = call.name != "is"
    if compiler.analysis.by_resource_type(call):
        _resolved(compiler, kind)
        base = compiler.code(call.base, scope)
        return base.many, _resource_check(compiler.model, kind.name), base
    base = compiler.code(call.base, scope, True)
    return base.many, _checker(compiler, kind, exact=exact), base


def _of_resource_type(items_of: Many, name: str) -> Many:
    """ofType() for a type of resource, which the data names."""

    def many(ev: Evaluation, this: Any) -> list[Any]:
        items = items_of(ev, this)
        ev.budget -= len(items)
        if ev.budget < 0:
            ev.spend(0)
        return [item for item in items if type(item) is dict and item.get("resourceType") == name]

    return many


def _resource_check(model: Model, name: str) -> Check:
    if name in ABSTRACT:
        return lambda item: type(item) is dict and model.is_subtype(str(item.get("resourceType", "")), name)
    return lambda item: type(item) is dict and item.get("resourceType") == name


@_late
def _is(compiler: Compiler, call: ast.Call, scope: Scope, _typed: bool) -> Code:
    items_of, check, base = _base(compiler, call, scope)
    failure = compiler.failure(call)

    def test(ev: Evaluation, this: Any) -> bool | None:
        items = items_of(ev, this)
        if len(items) > 1:
            raise failure(f"is needs one item, found {len(items)}", "use where($this is ...) or ofType()")
        return check(items[0]) if items else None

    return compiler.make(call, test=test, parts=(base,), types=BOOLEAN)


@_late
def _filter(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool) -> Code:
    """as and ofType."""
    kind = call.args[0]
    assert isinstance(kind, ast.TypeName)  # noqa: S101 - the parser reads a type there
    if not typed and call.name == "ofType" and compiler.analysis.fused_choice(call):
        return _choice(compiler, call, kind, scope)
    items_of, check, base = _base(compiler, call, scope)
    failure, single = compiler.failure(call), call.name == "as"
    nodes = not compiler.analysis.by_resource_type(call)

    def many(ev: Evaluation, this: Any) -> list[Any]:
        items = items_of(ev, this)
        if single and len(items) > 1:
            raise failure(f"as needs one item, found {len(items)}", "use ofType() for a collection")
        ev.spend(len(items))
        return [item for item in items if check(item)]

    chosen: Many = many if nodes or single or kind.name in ABSTRACT else _of_resource_type(items_of, kind.name)
    if typed and not nodes:
        chosen = lambda ev, this: [navigate.as_node(item) for item in many(ev, this)]  # noqa: E731
    elif nodes and not typed:
        chosen = lambda ev, this: plain(many(ev, this))  # noqa: E731 - one of two forms of the same closure
    return compiler.make(call, chosen, parts=(base,), types=_static(kind, compiler), single=single or base.single)


def _choice(compiler: Compiler, call: ast.Call, kind: ast.TypeName, scope: Scope) -> Code:
    """`value.ofType(Quantity)`: read from the JSON keys of the choice."""
    _resolved(compiler, kind)
    member = call.base
    assert isinstance(member, ast.Member)  # noqa: S101 - fused_choice() says so
    base, model, name = compiler.code(member.base, scope), compiler.model, member.name
    compiler.element_types(member, base.types, name)
    table = model.choices[name]
    keys = tuple(key for key, found in table.items() if _is_fhir(model, found, kind.name, exact=True))
    items_of = base.many
    # Some types have a plain element of the name (`start` of Period and of Goal): its type hangs on the whole path.
    check, typed_items_of = _checker(compiler, kind, exact=True), compiler.code(member, scope, True).many

    def many(ev: Evaluation, this: Any) -> list[Any]:
        items = items_of(ev, this)
        if not items:
            return EMPTY
        ev.budget -= len(items)
        if ev.budget < 0:
            ev.spend(0)
        result = []
        for item in items:
            if type(item) is dict:
                if name in item:
                    return plain([child for child in typed_items_of(ev, this) if check(child)])
                for key in keys:
                    value = item.get(key)
                    if value is not None:
                        result.append(value)
                        break
        return result

    return compiler.make(call, many, parts=(base,), types=frozenset({kind.name}), single=base.single)


def _type(_: Evaluation, items: list[Any]) -> list[Any]:
    return [type_of(item) for item in items]


FUNCTIONS = (
    Function("is", "type", "special", _is, "6.3", "True for an item of the type", types=BOOLEAN, typed=True),
    Function(
        "as",
        "type",
        "special",
        _filter,
        "6.3",
        "The item when it is of the type",
        gives="the type",
        passes=True,
        typed=True,
    ),
    Function(
        "ofType", "type", "special", _filter, "5.2", "The items of the type", gives="the type", passes=True, typed=True
    ),
    Function(
        "type", "", "collection", _type, "10.2", "Namespace and name of each item's type", gives="TypeInfo", typed=True
    ),
)
