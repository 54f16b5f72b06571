"""Literals and selectors: values written out."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from cds.expr import temporal
from cds.expr.cql import ast
from cds.expr.cql.conversions import common_type, find_conversion
from cds.expr.cql.model import elements
from cds.expr.cql.nodes import Elm, literal, long_literal, make, null
from cds.expr.cql.translate_conversions import convert
from cds.expr.cql.translate_types import named_type, type_of
from cds.expr.cql.translator import Handlers, NotTranslatedError, Translator
from cds.expr.cql.types import (
    ANY,
    CODE,
    CONCEPT,
    DATE,
    DATETIME,
    QUANTITY,
    RATIO,
    TIME,
    IntervalType,
    ListType,
    Type,
    choice_of,
    is_subtype,
    qualified_name,
    tuple_of,
)

_DATE_PARTS = ("year", "month", "day")
_TIME_PARTS = ("hour", "minute", "second")


def _null(t: Translator, node: ast.NullLiteral) -> Elm:
    return null()


def _constant(t: Translator, node: ast.BooleanLiteral | ast.StringLiteral | ast.NumberLiteral) -> Elm:
    return literal(node.value)


def _long(t: Translator, node: ast.LongNumberLiteral) -> Elm:
    return long_literal(node.value)


def _date(t: Translator, node: ast.DateLiteral) -> Elm:
    return make("Date", DATE, **_parts(_DATE_PARTS, node.value.parts))


def _datetime(t: Translator, node: ast.DateTimeLiteral) -> Elm:
    value = node.value
    made = make("DateTime", DATETIME, **_parts(_DATE_PARTS, value.parts), **_time_parts(t, value, value.parts[3:]))
    if value.offset is not None:
        made["timezoneOffset"] = literal(Decimal(value.offset) / 60)
    return made


def _time(t: Translator, node: ast.TimeLiteral) -> Elm:
    return make("Time", TIME, **_time_parts(t, node.value, node.value.parts))


def _parts(names: Iterable[str], parts: tuple[int, ...]) -> dict[str, Elm]:
    return {name: literal(part) for name, part in zip(names, parts, strict=False)}


def _time_parts(t: Translator, value: temporal.Temporal, parts: tuple[int, ...]) -> dict[str, Elm]:
    made = _parts(_TIME_PARTS, parts[:2])
    if len(parts) > 2:
        second, fraction = divmod(parts[2], temporal.MICRO)
        if second > 59:
            raise t.error("a minute has no second 60 in CQL")
        made["second"] = literal(second)
        if value.digits:
            made["millisecond"] = literal(fraction // 1000)
    return made


def quantity(t: Translator, node: ast.QuantityLiteral) -> Elm:
    """A quantity; without a unit it is dimensionless."""
    return make("Quantity", QUANTITY, value=node.value, unit=node.unit or "1")


def _ratio(t: Translator, node: ast.RatioLiteral) -> Elm:
    return make("Ratio", RATIO, numerator=quantity(t, node.numerator), denominator=quantity(t, node.denominator))


def interval(t: Translator, low: Elm, low_closed: bool, high: Elm, high_closed: bool) -> Elm:
    """An interval of two boundaries, converted to one point type."""
    point = compatible_type((low, high))
    return make(
        "Interval",
        IntervalType(point),
        low=t.fitted(low, point),
        high=t.fitted(high, point),
        lowClosed=low_closed,
        highClosed=high_closed,
    )


def compatible_type(values: Iterable[Elm]) -> Type:
    """The type that all values have or convert to; a choice when there is none."""
    kind: Type = ANY
    for value in values:
        kind = common_type(kind, value.result) or choice_of((kind, value.result))
    return kind


def _interval(t: Translator, node: ast.IntervalSelector) -> Elm:
    low, high = t.all((node.low, node.high))
    return interval(t, low, node.low_closed, high, node.high_closed)


def _tuple(t: Translator, node: ast.TupleSelector) -> Elm:
    values = t.all(element.value for element in node.elements)
    names = [element.name for element in node.elements]
    for element in node.elements:
        if names.count(element.name) > 1:
            raise t.error(f"the tuple has two elements '{element.name}'", at=element)
    kind = tuple_of((name, value.result) for name, value in zip(names, values, strict=True))
    written = [{"name": name, "value": value} for name, value in zip(names, values, strict=True)]
    return make("Tuple", kind, element=written)


def _instance(t: Translator, node: ast.InstanceSelector) -> Elm:
    kind = named_type(t, node.type.name, node.type)
    known = elements(kind)
    made = []
    failed = False
    for element in node.elements:
        try:
            if element.name not in known:
                raise t.no_element(kind, element.name, known, element)
            value = t.fitted(t.expression(element.value), known[element.name], element.value, promote=True)
            made.append({"name": element.name, "value": value})
        except NotTranslatedError:
            failed = True
    if failed:
        raise NotTranslatedError
    return make("Instance", kind, classType=qualified_name(kind), element=made)


def _list(t: Translator, node: ast.ListSelector) -> Elm:
    values = t.all(node.elements)
    if node.type is not None:
        kind = type_of(t, node.type)
        fitted = [t.fitted(value, kind, place) for value, place in zip(values, node.elements, strict=True)]
        return make("List", ListType(kind), element=fitted)
    kind = _list_type(values)
    return make("List", ListType(kind), element=[_item(value, kind) for value in values])


def _list_type(values: list[Elm]) -> Type:
    """The type of the items: one that all convert to, or else Any."""
    kind: Type = ANY
    for value in values:
        common = common_type(kind, value.result)
        if common is None:
            return ANY
        kind = common
    return kind


def _item(value: Elm, kind: Type) -> Elm:
    plan = None if is_subtype(value.result, kind) else find_conversion(value.result, kind)
    return convert(value, plan) if plan else value


def code_system(t: Translator, node: ast.TerminologyIdentifier) -> dict[str, str]:
    """A reference to a code system, as the members of codes and value sets hold it."""
    return terminology(t, node, "codesystem")


def terminology(t: Translator, node: ast.TerminologyIdentifier, kind: str) -> dict[str, str]:
    """A reference to a code system or code of this or an included library, without its type."""
    if node.library is None:
        found = t.symbol(node.name)
        known = list(t.symbol_names())
    else:
        if node.library not in t.includes:
            raise t.unknown("the library", node.library, t.includes, node)
        included = t.included(node.library)
        found, known = included.symbols.get(node.name), list(included.symbols)
    if found is None or found.kind != kind:
        raise t.unknown(f"the {kind}", node.name, known, node)
    if node.library is not None and found.private:
        raise t.error(f"'{node.name}' of the library {node.library} is private", at=node)
    return {"name": node.name} if node.library is None else {"libraryName": node.library, "name": node.name}


def _code(t: Translator, node: ast.CodeSelector) -> Elm:
    return make("Code", CODE, code=node.code, system=code_system(t, node.codesystem), display=node.display)


def _concept(t: Translator, node: ast.ConceptSelector) -> Elm:
    return make("Concept", CONCEPT, code=[_code(t, code) for code in node.codes], display=node.display)


HANDLERS: Handlers = {
    ast.NullLiteral: _null,
    ast.BooleanLiteral: _constant,
    ast.StringLiteral: _constant,
    ast.NumberLiteral: _constant,
    ast.LongNumberLiteral: _long,
    ast.DateLiteral: _date,
    ast.DateTimeLiteral: _datetime,
    ast.TimeLiteral: _time,
    ast.QuantityLiteral: quantity,
    ast.RatioLiteral: _ratio,
    ast.IntervalSelector: _interval,
    ast.TupleSelector: _tuple,
    ast.InstanceSelector: _instance,
    ast.ListSelector: _list,
    ast.CodeSelector: _code,
    ast.ConceptSelector: _concept,
}
