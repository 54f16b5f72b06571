"""FHIR values as System values: what `.value` of a primitive gives, and FHIRHelpers, built in.

A FHIR primitive is its JSON value, so conversion is by the name of the function and the shape of the value. Data of
the wrong JSON type reads as absent.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cds.errors import EvaluationError
from cds.expr import temporal
from cds.expr.elm.specifiers import (
    BOOLEAN,
    CODE,
    CONCEPT,
    DATE,
    DATETIME,
    DECIMAL,
    INTEGER,
    QUANTITY,
    STRING,
    TIME,
    IntervalOf,
    Named,
    Type,
)
from cds.expr.elm.values import Code, Concept, Interval, Ratio, ValueSet
from cds.expr.evaluation import Evaluation
from cds.expr.quantity import Quantity
from cds.expr.types import PRIMITIVES
from cds.expr.values import decimal

Convert = Callable[[Evaluation, Any], Any]


def to_boolean(_: Evaluation, value: Any) -> bool | None:
    """FHIR.boolean."""
    return value if type(value) is bool else None


def to_integer(_: Evaluation, value: Any) -> int | None:
    """FHIR.integer and its kinds."""
    return value if type(value) is int else None


def to_decimal(_: Evaluation, value: Any) -> Decimal | None:
    """FHIR.decimal, with the digits it was written with."""
    return decimal(value) if type(value) in (int, float, Decimal) else None


def to_string(_: Evaluation, value: Any) -> str | None:
    """Any FHIR primitive that is text in JSON."""
    return value if type(value) is str else None if type(value) in (dict, list) or value is None else str(value)


def to_date(_: Evaluation, value: Any) -> temporal.Date | None:
    """FHIR.date."""
    return temporal.parse_date(value[:10]) if type(value) is str else None


def to_datetime(ev: Evaluation, value: Any) -> temporal.DateTime | None:
    """FHIR.dateTime, FHIR.instant and FHIR.date; without an offset it is in the zone of the evaluation."""
    if type(value) is not str:
        return None
    found = temporal.parse_datetime(value)
    if found is None or found.offset is not None:
        return found
    return temporal.DateTime(found.parts, ev.offset(), found.digits)


def to_time(_: Evaluation, value: Any) -> temporal.Time | None:
    """FHIR.time."""
    return temporal.parse_time(value) if type(value) is str else None


def to_code(_: Evaluation, value: Any) -> Code | None:
    """FHIR.Coding."""
    if type(value) is not dict:
        return None
    get = value.get
    return Code(get("code"), get("system"), get("version"), get("display"))


def to_concept(ev: Evaluation, value: Any) -> Concept | None:
    """FHIR.CodeableConcept."""
    if type(value) is not dict:
        return None
    codings = value.get("coding")
    codes = [to_code(ev, coding) for coding in (codings if type(codings) is list else [codings])]
    return Concept([code for code in codes if code is not None], value.get("text"))


_CALENDAR_CODES = {"a": "year", "mo": "month", "wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second"}


def to_quantity(_: Evaluation, value: Any) -> Quantity | None:
    """FHIR.Quantity and its kinds, by the UCUM code where there is one; EvaluationError when it has a comparator."""
    found = _quantity(value)
    if found is not None and value.get("comparator") is not None:
        raise EvaluationError("a quantity with a comparator has no one value", hint="use ToInterval")
    return found


def _quantity(value: Any) -> Quantity | None:
    if type(value) is not dict or type(value.get("value")) not in (int, float, Decimal):
        return None
    unit = value.get("code") or value.get("unit") or "1"
    return Quantity(decimal(value["value"]), unit) if type(unit) is str else None


def to_quantity_ignoring_comparator(_: Evaluation, value: Any) -> Quantity | None:
    """FHIR.Quantity, whatever its comparator."""
    return _quantity(value)


def to_ratio(ev: Evaluation, value: Any) -> Ratio | None:
    """FHIR.Ratio."""
    if type(value) is not dict:
        return None
    numerator, denominator = to_quantity(ev, value.get("numerator")), to_quantity(ev, value.get("denominator"))
    return None if numerator is None or denominator is None else Ratio(numerator, denominator)


def to_interval(ev: Evaluation, value: Any) -> Interval | None:
    """FHIR.Period, FHIR.Range, or a FHIR.Quantity with a comparator."""
    if type(value) is not dict:
        return None
    if "value" in value:
        return _quantity_interval(value)
    if "low" in value or "high" in value:
        low, high = to_quantity(ev, value.get("low")), to_quantity(ev, value.get("high"))
        return None if low is None and high is None else Interval(low, high, point="System.Quantity")
    start, end = to_datetime(ev, value.get("start")), to_datetime(ev, value.get("end"))
    if start is None:
        return None if end is None else Interval(None, end, False, True, "System.DateTime")
    return Interval(start, end, point="System.DateTime")


def _quantity_interval(value: dict[str, Any]) -> Interval | None:
    found = _quantity(value)
    if found is None:
        return None
    match value.get("comparator"):
        case "<":
            return Interval(None, found, True, False, "System.Quantity")
        case "<=":
            return Interval(None, found, True, True, "System.Quantity")
        case ">=":
            return Interval(found, None, True, True, "System.Quantity")
        case ">":
            return Interval(found, None, False, True, "System.Quantity")
    return Interval(found, found, point="System.Quantity")


def to_calendar_unit(_: Evaluation, value: Any) -> str | None:
    """A UCUM time unit as the calendar word CQL has for it; other units as they are."""
    return _CALENDAR_CODES.get(value, value) if type(value) is str else None


def to_value_set(_: Evaluation, value: Any) -> ValueSet | None:
    """FHIR.uri or FHIR.canonical."""
    return ValueSet(value) if type(value) is str else None


#: The functions of FHIRHelpers, with their result types. ToInterval has two.
FUNCTIONS: dict[str, tuple[Convert, Type | None]] = {
    "ToBoolean": (to_boolean, BOOLEAN),
    "ToInteger": (to_integer, INTEGER),
    "ToDecimal": (to_decimal, DECIMAL),
    "ToString": (to_string, STRING),
    "ToDate": (to_date, DATE),
    "ToDateTime": (to_datetime, DATETIME),
    "ToTime": (to_time, TIME),
    "ToCode": (to_code, CODE),
    "ToConcept": (to_concept, CONCEPT),
    "ToQuantity": (to_quantity, QUANTITY),
    "ToQuantityIgnoringComparator": (to_quantity_ignoring_comparator, QUANTITY),
    "ToRatio": (to_ratio, Named("System.Ratio")),
    "ToInterval": (to_interval, None),
    "ToCalendarUnit": (to_calendar_unit, STRING),
    "ToValueSet": (to_value_set, Named("System.ValueSet")),
}


def interval_type(source: Type | None) -> Type | None:
    """The result type of ToInterval by its operand."""
    if source == Named("FHIR.Period"):
        return IntervalOf(DATETIME)
    return IntervalOf(QUANTITY) if isinstance(source, Named) else None


_PRIMITIVES: dict[str, tuple[Convert, Type]] = {
    "boolean": (to_boolean, BOOLEAN),
    "integer": (to_integer, INTEGER),
    "integer64": (to_integer, INTEGER),
    "decimal": (to_decimal, DECIMAL),
    "date": (to_date, DATE),
    "dateTime": (to_datetime, DATETIME),
    "instant": (to_datetime, DATETIME),
    "time": (to_time, TIME),
}


def primitive(kind: str) -> tuple[Convert, Type]:
    """How the `value` of a FHIR primitive is read, and its System type."""
    found = _PRIMITIVES.get(kind) or _PRIMITIVES.get(PRIMITIVES.get(kind, ""))
    return found or (to_string, STRING)
