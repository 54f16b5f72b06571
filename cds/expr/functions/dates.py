"""Precision and boundaries (FHIRPath 3.0), and two functions of our own over calendar days."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, DecimalException
from typing import Any

from cds.errors import EvaluationError
from cds.expr import quantity as quantities
from cds.expr import temporal
from cds.expr.code import BOOLEAN, DATE, INTEGER, STRING, Function
from cds.expr.evaluation import Evaluation
from cds.expr.quantity import Quantity
from cds.expr.temporal import Date, DateTime, Temporal
from cds.expr.values import ARITHMETIC, Node, as_quantity, decimal, is_number

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_MOST_PLACES = 28


def _value(item: Any) -> Any:
    """The item as a number, quantity or temporal value; a Node says which kind of date its text is."""
    kind, value = (item.type, item.value) if type(item) is Node else (None, item)
    if type(value) is not str:
        return value
    if kind in ("dateTime", "instant"):
        return temporal.parse_datetime(value)
    return temporal.parse_time(value) if kind == "time" else temporal.parse(value)


def _boundary(_: Evaluation, items: list[Any], digits: list[Any] | None, *, high: bool) -> list[Any]:
    if len(items) > 1:
        raise EvaluationError(f"a boundary needs one item, found {len(items)}")
    wanted = digits[0] if digits else None
    if wanted is not None and type(wanted) is not int:
        raise EvaluationError("the precision of a boundary must be an integer")
    value = _value(items[0]) if items else None
    if isinstance(value, Temporal):
        found: Any = temporal.boundary(value, wanted, high)
    elif value is not None and is_number(value):
        found = _number_boundary(decimal(value), wanted, high)
    else:
        quantity = None if value is None else as_quantity(value)
        bound = _number_boundary(quantity.value, wanted, high) if quantity else None
        found = Quantity(bound, quantity.unit, quantity.calendar) if quantity and bound is not None else None
    return [] if found is None else [found]


def _number_boundary(value: Decimal, digits: int | None, high: bool) -> Decimal | None:
    """Half a unit of the last written place away, cut outward to `digits` places (8 by default)."""
    places = 8 if digits is None else digits
    if not 0 <= places <= _MOST_PLACES:
        return None
    exponent = -_places(value)
    half = Decimal(5).scaleb(exponent - 1)
    rounding = ROUND_CEILING if high else ROUND_FLOOR
    try:
        bound = value + half if high else value - half
        cut = bound.quantize(Decimal(1).scaleb(-places), rounding, ARITHMETIC)
        nearer = value.quantize(Decimal(1).scaleb(-places), ARITHMETIC.rounding, ARITHMETIC)
    except DecimalException:
        return None
    return nearer if places < -exponent and abs(value) < 1 and not nearer else cut


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _low(ev: Evaluation, items: list[Any], digits: list[Any] | None = None) -> list[Any]:
    return _boundary(ev, items, digits, high=False)


def _high(ev: Evaluation, items: list[Any], digits: list[Any] | None = None) -> list[Any]:
    return _boundary(ev, items, digits, high=True)


def _precision(item: Any) -> int | None:
    value = _value(item)
    if isinstance(value, Temporal):
        return temporal.precision(value)
    return max(_places(decimal(value)), 0) if is_number(value) else None


def _comparable(value: Any, other: Any) -> bool | None:
    first, second = as_quantity(value), as_quantity(other)
    return None if first is None or second is None else quantities.comparable(first, second)


# --- our own -----------------------------------------------------------------------------------------------------


def _day_source(item: Any) -> Date | DateTime | None:
    """A date item, or the start of a Period."""
    if type(item) is dict:
        item = item.get("start")
    if type(item) is str:
        return temporal.parse(item)
    return item if isinstance(item, (Date, DateTime)) else None


def _calendar_day(ev: Evaluation, items: list[Any]) -> list[Any]:
    if len(items) > 1:
        raise EvaluationError(f"calendarDay() needs one item, found {len(items)}", hint="choose one with first()")
    found = _day_source(items[0]) if items else None
    return [] if found is None else [temporal.calendar_day(found, ev.zone)]


def _format_date(value: Any) -> str | None:
    found = _day_source(value)
    if found is None:
        return None
    year, *rest = found.parts[:3]
    if not rest:
        return str(year)
    month = _MONTHS[rest[0] - 1]
    return f"{month} {year}" if len(rest) == 1 else f"{rest[1]} {month} {year}"


def _low_or_high(name: str) -> Function:
    handler = _low if name.startswith("low") else _high
    summary = f"The {'least' if handler is _low else 'greatest'} value a partial or rounded one may stand for"
    return Function(name, "precision?", "collection", handler, "5.7 (3.0)", summary, typed=True, gives="as the input")


FUNCTIONS = (
    _low_or_high("lowBoundary"),
    _low_or_high("highBoundary"),
    Function("precision", "", "scalar", _precision, "5.7 (3.0)", "The digits written", types=INTEGER, typed=True),
    Function(
        "comparable", "quantity", "scalar", _comparable, "FHIR R5", "True for quantities whose units convert",
        types=BOOLEAN,
    ),
    Function(
        "calendarDay", "", "collection", _calendar_day, "ours",
        "The earliest calendar day of a date, dateTime or Period, in the time zone of the evaluation",
        types=DATE, standard=False,
    ),
    Function(
        "formatDate", "", "scalar", _format_date, "ours", "A date for people: 3 March 2026", types=STRING,
        standard=False,
    ),
)  # fmt: skip
