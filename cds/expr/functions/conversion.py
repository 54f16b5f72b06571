"""Conversion (FHIRPath 5.5): toX() and convertsToX()."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cds.errors import EvaluationError
from cds.expr import temporal
from cds.expr.code import BOOLEAN, DATE, DATETIME, DECIMAL, INTEGER, LONG, QUANTITY, STRING, TIME, Function
from cds.expr.functions.date_formats import reader
from cds.expr.quantity import CALENDAR, Quantity, calendar_quantity, convert_explicitly, repr_unit
from cds.expr.temporal import Date, DateTime, Time
from cds.expr.types import Types
from cds.expr.values import LONGEST, MAX_DIGITS, Long, as_quantity, decimal, describe, is_number, text_of

_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})


def to_boolean(value: Any) -> bool | None:
    """Boolean of a boolean, 0 or 1, or one of the words for them."""
    if type(value) is bool:
        return value
    if is_number(value):
        return {0: False, 1: True}.get(decimal(value))  # type: ignore[call-overload, no-any-return]
    if type(value) is str:
        word = value.lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return None


def is_number_text(text: str) -> bool:
    """True for `[+-]digits[.digits]`."""
    if text.isdigit() and text.isascii():
        return len(text) <= MAX_DIGITS
    whole, dot, fraction = text.lstrip("+-").partition(".")
    signs = len(text) - len(text.lstrip("+-"))
    digits = whole.isascii() and whole.isdigit() and (not dot or (fraction.isascii() and fraction.isdigit()))
    return digits and signs <= 1 and len(whole) + len(fraction) <= MAX_DIGITS


def to_integer(value: Any) -> int | None:
    """Integer of a whole number, boolean or a string of digits."""
    if isinstance(value, int):
        return int(value)
    if type(value) is str and is_number_text(value) and "." not in value:
        return int(value)
    return None


def to_long(value: Any) -> Long | None:
    """Long of a whole number, boolean or a string of digits; empty beyond 64 bits."""
    found = to_integer(value)
    return Long(found) if found is not None and -LONGEST - 1 <= found <= LONGEST else None


def to_decimal(value: Any) -> Decimal | None:
    """Decimal of a number, boolean or a string of digits."""
    if type(value) is bool:
        return Decimal(int(value))
    if is_number(value):
        return decimal(value)
    return Decimal(value) if type(value) is str and is_number_text(value) else None


def to_quantity(value: Any) -> Quantity | None:
    """Quantity of a number, boolean, quantity, or text such as `4 days` or `1 'wk'`."""
    if type(value) is bool:
        return Quantity(Decimal(int(value)))
    return _quantity_of_text(value) if type(value) is str else as_quantity(value)


def _quantity_of_text(text: str) -> Quantity | None:
    number, _, unit = text.strip().partition(" ")
    unit = unit.strip()
    if not is_number_text(number):
        return None
    if not unit:
        return Quantity(Decimal(number))
    if unit in CALENDAR:
        return calendar_quantity(Decimal(number), unit)
    quoted = len(unit) > 2 and unit[0] == unit[-1] == "'" and "'" not in unit[1:-1]
    return Quantity(Decimal(number), unit[1:-1]) if quoted else None


def _to_quantity(value: Any, unit: Any = None) -> Quantity | None:
    found = to_quantity(value)
    if unit is None or found is None:
        return found
    like = calendar_quantity(Decimal(1), unit) if unit in CALENDAR else Quantity(Decimal(1), str(unit))
    return found if found.unit == like.unit else convert_explicitly(found, like)


def to_date(value: Any) -> Date | None:
    """Date of a date, the date of a dateTime, or their text."""
    if isinstance(value, DateTime):
        return Date(value.parts[:3])
    if type(value) is str:
        found = temporal.parse(value)
        return to_date(found) if found is not None else None
    return value if type(value) is Date else None


def to_datetime(value: Any) -> DateTime | None:
    """DateTime of a dateTime, a date, or their text."""
    if type(value) is Date:
        return DateTime(value.parts)
    if type(value) is str:
        return temporal.parse_datetime(value)
    return value if type(value) is DateTime else None


def _to_date(value: Any, form: Any = None) -> Date | None:
    return to_date(_in_form(value, form))


def _to_datetime(value: Any, form: Any = None) -> DateTime | None:
    return to_datetime(_in_form(value, form))


def _in_form(value: Any, form: Any) -> Any:
    """A text in a format as FHIR writes the same; other values as they are."""
    if form is None or type(value) is not str:
        return value
    if type(form) is not str:
        raise EvaluationError(f"a format is a string such as 'dd.MM.yyyy', not {describe(form)}")
    return reader(form)(value)


def to_time(value: Any) -> Time | None:
    """Time of a time or its text."""
    if type(value) is str:
        return temporal.parse_time(value)
    return value if type(value) is Time else None


def to_string(value: Any) -> str | None:
    """The text of any System value; a FHIR Quantity reads as a quantity."""
    if type(value) is dict:
        quantity = as_quantity(value)
        return None if quantity is None else f"{quantity.value:f} {repr_unit(quantity.unit)}"
    return text_of(value)


def _converts(read: Callable[[Any], Any]) -> Callable[..., bool]:
    def check(value: Any, *arguments: Any) -> bool:
        return read(value, *arguments) is not None

    return check


def _pair(name: str, read: Callable[..., Any], types: Types, arguments: str = "") -> tuple[Function, Function]:
    title = f"The input as {name}"
    return (
        Function(f"to{name}", arguments, "scalar", read, "5.5", f"{title}, empty when it is none", types=types),
        Function(
            f"convertsTo{name}",
            arguments,
            "scalar",
            _converts(read),
            "5.5",
            f"True when to{name}() gives a value",
            types=BOOLEAN,
        ),
    )


FUNCTIONS = (
    *_pair("Boolean", to_boolean, BOOLEAN),
    *_pair("Integer", to_integer, INTEGER),
    *_pair("Long", to_long, LONG),
    *_pair("Decimal", to_decimal, DECIMAL),
    *_pair("Date", _to_date, DATE, "format?"),
    *_pair("DateTime", _to_datetime, DATETIME, "format?"),
    *_pair("Time", to_time, TIME),
    *_pair("Quantity", _to_quantity, QUANTITY, "unit?"),
    *_pair("String", to_string, STRING),
)
