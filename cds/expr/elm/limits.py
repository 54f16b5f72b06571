"""What the types can hold (CQL 1.5, B.1): Integer 32 bits, Long 64, Decimal 8 digits behind the point; the first and
last values of the ordered types, the steps between values, and what a value of limited precision may mean."""

from __future__ import annotations

from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from typing import Any

from cds.errors import EvaluationError
from cds.expr.elm import dates
from cds.expr.quantity import Quantity
from cds.expr.temporal import Temporal
from cds.expr.values import decimal, describe, is_number

MIN_INTEGER, MAX_INTEGER = -(2**31), 2**31 - 1
MIN_LONG, MAX_LONG = -(2**63), 2**63 - 1
PLACES = 8
STEP = Decimal("1E-8")
MAX_DECIMAL = Decimal("99999999999999999999.99999999")
MIN_DECIMAL = Decimal("-99999999999999999999.99999999")
#: What arithmetic may reach: more than `maximum Decimal`, as the published suite has it (ValueLiteralsAndSelectors).
_LARGEST = Decimal(10**28)
#: Wide enough for a number of 28 digits and 8 behind the point.
CONTEXT = Context(prec=38, traps=[InvalidOperation, DivisionByZero, Overflow])

MINIMUM: dict[str, Any] = {
    "System.Integer": MIN_INTEGER,
    "System.Long": MIN_LONG,
    "System.Decimal": MIN_DECIMAL,
    "System.Quantity": Quantity(MIN_DECIMAL),
    "System.Date": dates.MIN_DATE,
    "System.DateTime": dates.MIN_DATETIME,
    "System.Time": dates.MIN_TIME,
}
MAXIMUM: dict[str, Any] = {
    "System.Integer": MAX_INTEGER,
    "System.Long": MAX_LONG,
    "System.Decimal": MAX_DECIMAL,
    "System.Quantity": Quantity(MAX_DECIMAL),
    "System.Date": dates.MAX_DATE,
    "System.DateTime": dates.MAX_DATETIME,
    "System.Time": dates.MAX_TIME,
}


# --- ranges ------------------------------------------------------------------------------------------------------


def as_integer(value: Any) -> Any:
    """`value` when it fits an Integer, else None."""
    return value if MIN_INTEGER <= value <= MAX_INTEGER else None


def as_long(value: Any) -> Any:
    """`value` when it fits a Long, else None."""
    return value if MIN_LONG <= value <= MAX_LONG else None


def as_decimal(value: Decimal) -> Decimal | None:
    """A computed decimal with at most 8 digits behind the point, or None when it is too large."""
    if value.as_tuple().exponent < -PLACES:  # type: ignore[operator]
        value = value.quantize(STEP, ROUND_HALF_UP, CONTEXT) if value.adjusted() < 29 else value
    return in_range(value)


def in_range(value: Decimal) -> Decimal | None:
    """`value` unless it is too large for a Decimal."""
    return value if value.adjusted() < 28 or -_LARGEST <= value <= _LARGEST else None


# --- steps and limits --------------------------------------------------------------------------------------------


def stepped(value: Any, sign: int, kind: str | None = None) -> Any:
    """The value after (`sign` 1) or before (-1); None when there is none. `kind` tells a Long from an Integer."""
    if type(value) is int:
        result = value + sign
        return as_long(result) if kind == "System.Long" or as_integer(value) is None else as_integer(result)
    if type(value) is Quantity:
        number = stepped(value.value, sign)
        return None if number is None else Quantity(number, value.unit, value.calendar)
    if isinstance(value, Temporal):
        return dates.stepped(value, sign)
    if is_number(value):
        return as_decimal((CONTEXT.add if sign > 0 else CONTEXT.subtract)(decimal(value), STEP))
    raise EvaluationError(f"{describe(value)} has no next value")


def _stepping(sign: int, name: str, kind: str | None = None) -> Callable[[Any], Any]:
    def step(value: Any) -> Any:
        result = stepped(value, sign, kind)
        if result is None:
            raise EvaluationError(f"there is no {name} of the {'largest' if sign > 0 else 'smallest'} value")
        return result

    return step


successor = _stepping(1, "successor")
predecessor = _stepping(-1, "predecessor")
long_successor = _stepping(1, "successor", "System.Long")
long_predecessor = _stepping(-1, "predecessor", "System.Long")


def _limit(table: dict[str, Any], name: str) -> Callable[..., Any]:
    def limit(*, types: tuple[str, ...]) -> Any:
        if types[0] not in table:
            raise EvaluationError(f"{types[0]} has no {name}")
        return table[types[0]]

    return limit


minimum = _limit(MINIMUM, "minimum")
maximum = _limit(MAXIMUM, "maximum")


# --- precision ---------------------------------------------------------------------------------------------------


def precision(value: Any) -> int:
    """`Precision`: digits behind the point, or digits of a date or time (CQL B.4.13)."""
    if isinstance(value, Temporal):
        return dates.precision(value)
    return _places(decimal(value))


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _boundary(high: bool) -> Callable[[Any, int | None], Any]:
    def boundary(value: Any, digits: int | None = None) -> Any:
        if value is None:
            return None
        if isinstance(value, Temporal):
            return dates.boundary(value, digits, high)
        number, places = decimal(value), PLACES if digits is None else digits
        if not 0 <= places <= PLACES:
            return None
        unit = Decimal(1).scaleb(-places)
        if places <= _places(number):
            return number.quantize(unit, ROUND_CEILING if high else ROUND_FLOOR, CONTEXT)
        if high == (number >= 0):
            outward = CONTEXT.subtract(Decimal(1).scaleb(-_places(number)), unit)
            number = CONTEXT.add(number, outward) if high else CONTEXT.subtract(number, outward)
        return number.quantize(unit, context=CONTEXT)

    return boundary


low_boundary = _boundary(high=False)
high_boundary = _boundary(high=True)
