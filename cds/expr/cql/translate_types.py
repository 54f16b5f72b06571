"""Type specifiers, and the operators that name a type: is, as, cast, convert, minimum, maximum."""

from __future__ import annotations

from cds.expr.cql import ast
from cds.expr.cql.conversions import find_conversion
from cds.expr.cql.nodes import Elm, literal, make
from cds.expr.cql.translate_conversions import convert
from cds.expr.cql.translator import Handlers, Translator
from cds.expr.cql.types import (
    BOOLEAN,
    ChoiceType,
    IntervalType,
    ListType,
    Named,
    Type,
    choice_of,
    is_compatible,
    is_subtype,
    qualified_name,
    specifier,
    tuple_of,
)

#: The UCUM code of a calendar unit, for `convert to`.
_UCUM = {
    "year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s",
    "millisecond": "ms",
}  # fmt: skip


def named_type(t: Translator, name: tuple[str, ...], at: ast.Node) -> Named:
    """The type a qualified name means; the library's data model comes before System."""
    if name[0] in t.models and len(name) > 1:
        model, local = t.models[name[0]], ".".join(name[1:])
        found = model.type(local)
        if found is None:
            raise t.unknown(f"the type of {model.name}", local, model.names(), at)
        return found
    local = ".".join(name)
    for model in reversed(t.models.values()):
        if found := model.type(local):
            return found
    raise t.unknown("the type", local, (known for model in t.models.values() for known in model.names()), at)


def type_of(t: Translator, node: ast.TypeSpecifier) -> Type:
    """The type a specifier means."""
    match node:
        case ast.NamedTypeSpecifier():
            return named_type(t, node.name, node)
        case ast.ListTypeSpecifier():
            return ListType(type_of(t, node.element))
        case ast.IntervalTypeSpecifier():
            return IntervalType(type_of(t, node.point))
        case ast.ChoiceTypeSpecifier():
            return choice_of([type_of(t, choice) for choice in node.choices])
        case ast.TupleTypeSpecifier():
            return tuple_of([(element.name, type_of(t, element.type)) for element in node.elements])
    raise AssertionError(node)


def _type_expression(t: Translator, node: ast.TypeExpression) -> Elm:
    operand = t.expression(node.operand)
    kind = type_of(t, node.type)
    if node.operator == "is":
        return make("Is", BOOLEAN, operand=operand, isTypeSpecifier=specifier(kind))
    return _as(t, operand, kind, strict=False)


def _cast(t: Translator, node: ast.CastExpression) -> Elm:
    return _as(t, t.expression(node.operand), type_of(t, node.type), strict=True)


def _as(t: Translator, operand: Elm, kind: Type, *, strict: bool) -> Elm:
    if not can_be(operand.result, kind):
        raise t.error(
            f"{operand.result} can never be {kind}", f"write 'convert ... to {kind}' to make one of the other"
        )
    return make("As", kind, operand=operand, asTypeSpecifier=specifier(kind), strict=strict)


def can_be(kind: Type, wanted: Type) -> bool:
    """True when a value of static type `kind` may turn out to be `wanted`."""
    if (
        is_subtype(kind, wanted)
        or is_subtype(wanted, kind)
        or is_compatible(kind, wanted)
        or is_compatible(wanted, kind)
    ):
        return True
    if isinstance(kind, ChoiceType):
        return any(can_be(option, wanted) for option in kind.options)
    if isinstance(wanted, ChoiceType):
        return any(can_be(kind, option) for option in wanted.options)
    if isinstance(kind, ListType) and isinstance(wanted, ListType):
        return can_be(kind.element, wanted.element)
    return isinstance(kind, IntervalType) and isinstance(wanted, IntervalType) and can_be(kind.point, wanted.point)


def _conversion(t: Translator, node: ast.ConversionExpression) -> Elm:
    operand = t.expression(node.operand)
    if node.type is None:
        unit = node.unit or "1"
        code = _UCUM.get(unit.removesuffix("s") if unit not in _UCUM else unit, unit)
        return t.call("ConvertQuantity", operand, literal(code))
    kind = type_of(t, node.type)
    if operand.result == kind:
        return operand
    plan = find_conversion(operand.result, kind, implicit=False, promote=True)
    if plan is None:
        raise t.error(f"{operand.result} cannot be converted to {kind}")
    return convert(operand, plan)


def _extent(t: Translator, node: ast.TypeExtentExpression) -> Elm:
    kind = named_type(t, node.type.name, node.type)
    return make("MinValue" if node.extent == "minimum" else "MaxValue", kind, valueType=qualified_name(kind))


HANDLERS: Handlers = {
    ast.TypeExpression: _type_expression,
    ast.CastExpression: _cast,
    ast.ConversionExpression: _conversion,
    ast.TypeExtentExpression: _extent,
}
