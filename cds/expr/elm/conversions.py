"""Conversions between types (CQL 1.5, B.1.6 and B.13): what does not convert is null."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cds.expr import quantity as quantities
from cds.expr import temporal
from cds.expr.elm import limits, numbers
from cds.expr.elm.values import Code, Concept, Ratio, Uncertainty
from cds.expr.evaluation import Evaluation
from cds.expr.functions import conversion
from cds.expr.quantity import CALENDAR, Quantity, calendar_quantity
from cds.expr.temporal import Date, DateTime, Time
from cds.expr.values import is_number, text_of


def quantity_of(value: Decimal, unit: str | None) -> Quantity:
    """A quantity with a UCUM unit or a calendar word; without a unit it is 1."""
    return calendar_quantity(value, unit) if unit in CALENDAR else Quantity(value, unit or "1")


# --- numbers and text --------------------------------------------------------------------------------------------


def to_boolean(value: Any) -> bool | None:
    """`ToBoolean`: of 1 and 0 and of the words for true and false."""
    return conversion.to_boolean(value)


def to_integer(value: Any) -> Any:
    """`ToInteger`: of a Boolean, a Long or digits, within 32 bits."""
    if type(value) is Uncertainty:
        return value
    found = conversion.to_integer(value)
    return None if found is None else limits.as_integer(found)


def to_long(value: Any) -> Any:
    """`ToLong`: of a Boolean, an Integer or digits, within 64 bits."""
    if type(value) is Uncertainty:
        return value
    found = conversion.to_integer(value.removesuffix("L") if type(value) is str else value)
    return None if found is None else limits.as_long(found)


def to_decimal(value: Any) -> Any:
    """`ToDecimal`: of a number, a Boolean or its text."""
    if type(value) is Uncertainty:
        return value
    if type(value) is int:
        return Decimal(value)
    found = conversion.to_decimal(value)
    return None if found is None else limits.as_decimal(found)


def to_string(value: Any, *, ev: Evaluation) -> str | None:
    """`ToString`: a DateTime at the offset of the evaluation is written without it."""
    if type(value) is DateTime and value.offset == ev.offset():
        return str(DateTime(value.parts, None, value.digits))
    return str(value) if type(value) is Ratio else text_of(value)


# --- dates -------------------------------------------------------------------------------------------------------


def to_date(value: Any) -> Date | None:
    """`ToDate`: of a DateTime or of text."""
    return conversion.to_date(value)


def to_datetime(value: Any, *, ev: Evaluation) -> DateTime | None:
    """`ToDateTime`: of a Date or of text; the offset of the evaluation where there is none."""
    found = conversion.to_datetime(value)
    if found is None or found.offset is not None:
        return found
    return DateTime(found.parts, ev.offset(), found.digits)


def to_time(value: Any) -> Time | None:
    """`ToTime`: of a DateTime, or of text with or without `T`; an offset is read and dropped."""
    if type(value) is DateTime:
        return Time(value.parts[3:], None, value.digits) if len(value.parts) > 3 else None
    if type(value) is not str:
        return value if type(value) is Time else None
    found = temporal.parse_datetime("2000-01-01T" + value.removeprefix("T"))
    return Time(found.parts[3:], None, found.digits) if found is not None and len(found.parts) > 3 else None


# --- quantities --------------------------------------------------------------------------------------------------


def to_quantity(value: Any) -> Quantity | None:
    """`ToQuantity`: of a number, a ratio, or text such as `5.5 'cm'` or `3 days`."""
    if type(value) is str:
        return _quantity_of_text(value)
    if type(value) is Ratio:
        result = numbers.divide(value.numerator, value.denominator)
        return result if type(result) is Quantity else None
    if type(value) is Quantity:
        return value
    number = to_decimal(value) if is_number(value) else None
    return None if number is None else Quantity(number)


def _quantity_of_text(text: str) -> Quantity | None:
    text = text.strip()
    size = next((at for at, char in enumerate(text) if char not in "+-.0123456789"), len(text))
    number, unit = text[:size], text[size:].strip()
    if not conversion.is_number_text(number):
        return None
    value = limits.as_decimal(Decimal(number))
    if value is None:
        return None
    if not unit or unit in CALENDAR:
        return quantity_of(value, unit)
    quoted = len(unit) > 2 and unit[0] == unit[-1] == "'" and "'" not in unit[1:-1]
    return quantity_of(value, unit[1:-1]) if quoted else None


def to_ratio(value: Any) -> Ratio | None:
    """`ToRatio`: of text such as `1 'mg':10 'mL'`."""
    if type(value) is Ratio:
        return value
    for at in range(len(value)) if type(value) is str else ():
        if value[at] == ":":
            numerator, denominator = _quantity_of_text(value[:at]), _quantity_of_text(value[at + 1 :])
            if numerator is not None and denominator is not None:
                return Ratio(numerator, denominator)
    return None


def convert_quantity(value: Quantity, unit: str) -> Quantity | None:
    """`convert quantity to unit`: null when the units measure different things."""
    return quantities.convert(value, quantity_of(Decimal(1), unit))


def can_convert_quantity(value: Quantity, unit: str) -> bool:
    """`CanConvertQuantity`."""
    return convert_quantity(value, unit) is not None


# --- codes -------------------------------------------------------------------------------------------------------


def to_concept(value: Any) -> Concept | None:
    """`ToConcept`: of a code or a list of codes."""
    if isinstance(value, list):
        return Concept(code for code in value if code is not None)
    return Concept((value,), value.display) if type(value) is Code else value if type(value) is Concept else None


# --- tests -------------------------------------------------------------------------------------------------------


def converts(conversion_: Callable[..., Any]) -> Callable[..., bool]:
    """`ConvertsToX` of a `ToX`."""

    def test(value: Any, **keywords: Any) -> bool:
        return conversion_(value, **keywords) is not None

    return test
