"""Arithmetic of CQL (1.5, B.4): Integer of 32 bits, Long of 64, Decimal up to 10^28 with 8 fraction digits, Quantity.

A result that its type cannot hold is null. Integer and Long are both Python's int: where static types are known the
compiler takes the handler of the type; the general ones hold two small integers to 32 bits and others to 64.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Decimal,
    DecimalException,
)
from typing import Any

from cds.errors import EvaluationError
from cds.expr import quantity as quantities
from cds.expr.elm import dates
from cds.expr.elm.limits import (
    CONTEXT,
    MAX_INTEGER,
    MIN_INTEGER,
    MIN_LONG,
    PLACES,
    as_decimal,
    as_integer,
    as_long,
    in_range,
)
from cds.expr.elm.values import Uncertainty
from cds.expr.quantity import Quantity
from cds.expr.temporal import Temporal
from cds.expr.values import decimal, describe, is_number


def is_integer(value: Any) -> bool:
    """True for an Integer or Long, an uncertain one too; not for a Boolean."""
    return type(value) is int or type(value) is Uncertainty


def _mismatch(name: str, *values: Any) -> EvaluationError:
    return EvaluationError(f"{name} does not go with {' and '.join(describe(value) for value in values)}")


def _whole(left: Any, right: Any, result: Any) -> Any:
    """An integer result of operands whose static type is not known."""
    for value in (left, right):
        if type(value) is int and not MIN_INTEGER <= value <= MAX_INTEGER:
            return as_long(result)
    return as_integer(result)


def _quantity(value: Decimal | None, like: Quantity) -> Quantity | None:
    return None if value is None else Quantity(value, like.unit, like.calendar)


# --- plus and minus ----------------------------------------------------------------------------------------------


def add_integers(left: Any, right: Any) -> Any:
    """`+` of two Integers."""
    return as_integer(left + right)


def add_longs(left: Any, right: Any) -> Any:
    """`+` of two Longs."""
    return as_long(left + right)


def add_decimals(left: Any, right: Any) -> Any:
    """`+` of two Decimals: no more digits behind the point than they have."""
    try:
        return in_range(CONTEXT.add(decimal(left), decimal(right)))
    except TypeError:
        return left + right  # an uncertain number


def subtract_integers(left: Any, right: Any) -> Any:
    """`-` of two Integers."""
    return as_integer(left - right)


def subtract_longs(left: Any, right: Any) -> Any:
    """`-` of two Longs."""
    return as_long(left - right)


def subtract_decimals(left: Any, right: Any) -> Any:
    """`-` of two Decimals."""
    try:
        return in_range(CONTEXT.subtract(decimal(left), decimal(right)))
    except TypeError:
        return left - right  # an uncertain number


def _together(left: Quantity, right: Quantity) -> tuple[Quantity, Quantity] | None:
    """Both in the finer of their units; None when they measure different things."""
    if left.unit == right.unit:
        return left, right
    other = quantities.convert(right, left)
    if other is None:
        return None
    if abs(other.value) > abs(right.value):  # one unit of the right is more than one of the left: the left is finer
        return left, other
    mine = quantities.convert(left, right)
    return None if mine is None else (mine, right)


def _add_quantities(left: Quantity, right: Quantity, sign: int) -> Quantity | None:
    pair = _together(left, right)
    if pair is None:
        return None
    operation = CONTEXT.add if sign > 0 else CONTEXT.subtract
    return _quantity(as_decimal(operation(pair[0].value, pair[1].value)), pair[0])


def add(left: Any, right: Any) -> Any:
    """`+`: numbers, quantities, a date and a duration (CQL B.4.2, B.6.1)."""
    if is_integer(left) and is_integer(right):
        return _whole(left, right, left + right)
    if type(right) is Quantity:
        if type(left) is Quantity:
            return _add_quantities(left, right, 1)
        if isinstance(left, Temporal):
            return dates.moved(left, right)
    if is_number(left) and is_number(right):
        return add_decimals(left, right)
    raise _mismatch("+", left, right)


def subtract(left: Any, right: Any) -> Any:
    """`-`: numbers, quantities, a date and a duration."""
    if is_integer(left) and is_integer(right):
        return _whole(left, right, left - right)
    if type(right) is Quantity:
        if type(left) is Quantity:
            return _add_quantities(left, right, -1)
        if isinstance(left, Temporal):
            return dates.moved(left, right, -1)
    if is_number(left) and is_number(right):
        return subtract_decimals(left, right)
    raise _mismatch("-", left, right)


# --- times and divided by ----------------------------------------------------------------------------------------


def multiply_integers(left: Any, right: Any) -> Any:
    """`*` of two Integers."""
    return as_integer(left * right)


def multiply_longs(left: Any, right: Any) -> Any:
    """`*` of two Longs."""
    return as_long(left * right)


def multiply_decimals(left: Any, right: Any) -> Any:
    """`*` of two Decimals."""
    try:
        return as_decimal(CONTEXT.multiply(decimal(left), decimal(right)))
    except TypeError:
        return left * right  # an uncertain number


def divide_decimals(left: Any, right: Any) -> Decimal | None:
    """`/` of two Decimals: null for division by zero, and for an uncertain number."""
    try:
        return as_decimal(CONTEXT.divide(decimal(left), decimal(right))) if right else None
    except TypeError:
        return None


def _as_quantity(value: Any) -> Quantity | None:
    if type(value) is Quantity:
        return value
    return Quantity(decimal(value)) if is_number(value) else None


def _scaled(left: Quantity, right: Quantity, value: Decimal | None, inverse: bool = False) -> Quantity | None:
    """A product or quotient. A calendar word survives a plain factor; beside another unit it is its UCUM unit."""
    if value is None:
        return None
    if right.unit == "1":
        return Quantity(value, left.unit, left.calendar)
    if left.unit == "1" and not inverse:
        return Quantity(value, right.unit, right.calendar)
    unit = quantities.unit_product(_in_ucum(left), _in_ucum(right), inverse=inverse)
    return None if unit is None else Quantity(value, unit)


def _in_ucum(value: Quantity) -> Quantity:
    return value if value.calendar is None else Quantity(value.value, quantities.UCUM_OF[value.calendar])


def multiply(left: Any, right: Any) -> Any:
    """`*`: numbers; quantities multiply their units."""
    if is_integer(left) and is_integer(right):
        return _whole(left, right, left * right)
    if is_number(left) and is_number(right):
        return multiply_decimals(left, right)
    first, second = _as_quantity(left), _as_quantity(right)
    if first is None or second is None:
        raise _mismatch("*", left, right)
    value = multiply_decimals(first.value, second.value)
    return _scaled(first, second, value)


def divide(left: Any, right: Any) -> Any:
    """`/`: a Decimal, or a Quantity when a side is one; null for division by zero."""
    if is_number(left) and is_number(right):
        return divide_decimals(left, right)
    first, second = _as_quantity(left), _as_quantity(right)
    if first is None or second is None:
        raise _mismatch("/", left, right)
    value = divide_decimals(first.value, second.value)
    return _scaled(first, second, value, inverse=True)


def _cut_quotient(left: int, right: int) -> int:
    whole = abs(left) // abs(right)
    return whole if (left < 0) == (right < 0) else -whole


def _of_quantities(name: str, operation: Callable[[Decimal, Decimal], Decimal], left: Any, right: Any) -> Any:
    """An operation on numbers, or on quantities in the unit of the left one; null for division by zero, and when the
    whole quotient has more digits than there are."""
    if is_number(left) and is_number(right):
        return _divided(operation, decimal(left), decimal(right))
    first, second = _as_quantity(left), _as_quantity(right)
    if first is None or second is None:
        raise _mismatch(name, left, right)
    other = second if second.unit in (first.unit, "1") else quantities.convert(second, first)
    return None if other is None else _quantity(_divided(operation, first.value, other.value), first)


def _divided(operation: Callable[[Decimal, Decimal], Decimal], left: Decimal, right: Decimal) -> Decimal | None:
    try:
        return as_decimal(operation(left, right)) if right else None
    except DecimalException:
        return None


def truncated_divide(left: Any, right: Any) -> Any:
    """`div`: the quotient without its fraction, of the type of the operands; null for division by zero."""
    if type(left) is int and type(right) is int:
        return _whole(left, right, _cut_quotient(left, right)) if right else None
    return _of_quantities("div", CONTEXT.divide_int, left, right)


def divide_longs(left: int, right: int) -> int | None:
    """`div` of two Longs."""
    return as_long(_cut_quotient(left, right)) if right else None


def modulo(left: Any, right: Any) -> Any:
    """`mod`: the remainder of div, with the sign of the left; null for division by zero."""
    if type(left) is int and type(right) is int:
        return left - right * _cut_quotient(left, right) if right else None
    return _of_quantities("mod", CONTEXT.remainder, left, right)


# --- one number --------------------------------------------------------------------------------------------------


def absolute(value: Any) -> Any:
    """`Abs`: null for the smallest Integer or Long, which has no positive."""
    return negate(value) if (value.value if type(value) is Quantity else value) < 0 else value


def negate(value: Any) -> Any:
    """`-value`."""
    if type(value) is Quantity:
        return Quantity(CONTEXT.minus(value.value), value.unit, value.calendar)
    if type(value) is int:
        return None if value in (MIN_INTEGER, MIN_LONG) else -value
    return -value if type(value) is Uncertainty else CONTEXT.minus(decimal(value))


def negate_long(value: Any) -> Any:
    """`-value` of a Long."""
    return as_long(-value)


def absolute_long(value: Any) -> Any:
    """`Abs` of a Long."""
    return as_long(abs(value))


def _to_integer(rounding: str) -> Callable[[Any], int | None]:
    def rounded(value: Any) -> int | None:
        number = decimal(value)
        return as_integer(int(number.to_integral_value(rounding))) if number.adjusted() < PLACES * 2 else None

    return rounded


ceiling = _to_integer(ROUND_CEILING)
floor = _to_integer(ROUND_FLOOR)
truncate = _to_integer(ROUND_DOWN)


def round_to(value: Any, digits: int | None = None) -> Any:
    """`Round`: half away from zero, to `digits` digits behind the point (CQL B.4.17)."""
    if value is None:
        return None
    places = digits or 0
    if not -PLACES * 3 <= places <= PLACES * 3:
        raise EvaluationError("Round() takes a small number of digits")
    number = decimal(value)
    if -places <= number.as_tuple().exponent:  # type: ignore[operator]
        return number
    result = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, CONTEXT)
    return as_decimal(result if places >= 0 else result.quantize(Decimal(1), context=CONTEXT))


def natural_log(value: Any) -> Decimal | None:
    """`Ln`: null for a negative number; EvaluationError for zero, whose logarithm is infinite."""
    number = decimal(value)
    if not number:
        raise EvaluationError("zero has no logarithm")
    return as_decimal(CONTEXT.ln(number)) if number > 0 else None


def log(value: Any, base: Any) -> Decimal | None:
    """`Log`: null where there is none."""
    number, radix = decimal(value), decimal(base)
    if number <= 0 or radix <= 0 or radix == 1:
        return None
    return as_decimal(CONTEXT.divide(CONTEXT.ln(number), CONTEXT.ln(radix)))


def exp(value: Any) -> Decimal:
    """`Exp`; EvaluationError when the result is no Decimal."""
    try:
        result = as_decimal(CONTEXT.exp(decimal(value)))
    except DecimalException:
        result = None
    if result is None:
        raise EvaluationError("Exp() is larger than a Decimal")
    return result


def power_longs(value: int, exponent: int) -> Any:
    """`Power` of two Longs."""
    if exponent < 0 or (abs(value) > 1 and exponent > 63):
        return power(value, exponent)
    return as_long(value**exponent)


def power(value: Any, exponent: Any) -> Any:
    """`Power`: an Integer or Long for whole operands and a natural exponent, else a Decimal."""
    if type(value) is int and type(exponent) is int and exponent >= 0:
        if abs(value) > 1 and exponent > 63:
            return None
        return _whole(value, exponent, value**exponent)
    base, number = decimal(value), decimal(exponent)
    if not base:
        return None if number < 0 else Decimal(0 if number else 1)
    try:
        return as_decimal(CONTEXT.power(base, number))
    except DecimalException:
        return None
