"""Math (FHIRPath 5.7). Results have at most 28 digits (security.md E5); what has no real result is empty."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal, DecimalException
from typing import Any

from cds.errors import EvaluationError, SizeLimitError
from cds.expr.code import DECIMAL, INTEGER, QUANTITY, Function
from cds.expr.quantity import Quantity
from cds.expr.types import Types
from cds.expr.values import ARITHMETIC, MAX_DIGITS, bounded, decimal, describe, is_number


def _number(value: Any, name: str) -> Decimal:
    if not is_number(value):
        raise EvaluationError(f"{name}() needs a number, not {describe(value)}")
    return decimal(value)


def _abs(value: Any) -> Any:
    if type(value) is Quantity:
        return Quantity(abs(value.value), value.unit, value.calendar)
    _number(value, "abs")
    return type(value)(abs(value))


def _to_whole(name: str, rounding: str) -> Callable[[Any], Any]:
    def whole(value: Any) -> Any:
        if type(value) is Quantity:
            return Quantity(value.value.to_integral_value(rounding), value.unit, value.calendar)
        return int(_number(value, name).to_integral_value(rounding))

    return whole


def _round(value: Any, digits: Any = 0) -> Any:
    if type(value) is Quantity:
        return Quantity(_round(value.value, digits), value.unit, value.calendar)
    if type(digits) is not int or not 0 <= digits <= MAX_DIGITS:
        raise EvaluationError(f"the precision of round() is an integer from 0 to {MAX_DIGITS}")
    try:
        return _number(value, "round").quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, ARITHMETIC)
    except DecimalException:
        raise SizeLimitError(f"a number has more than {MAX_DIGITS} digits") from None


def _guarded(operation: Callable[..., Decimal], *numbers: Decimal) -> Decimal | None:
    """The result of a Decimal operation: empty where it is undefined, SizeLimitError where it is too large."""
    try:
        result = operation(*numbers)
    except ArithmeticError as error:
        if "Overflow" in type(error).__name__:
            raise SizeLimitError(f"a number has more than {MAX_DIGITS} digits") from None
        return None
    return bounded(result)


def _sqrt(value: Any) -> Decimal | None:
    return _guarded(ARITHMETIC.sqrt, _number(value, "sqrt"))


def _exp(value: Any) -> Decimal | None:
    return _guarded(ARITHMETIC.exp, _number(value, "exp"))


def _ln(value: Any) -> Decimal | None:
    number = _number(value, "ln")
    return _guarded(ARITHMETIC.ln, number) if number > 0 else None


def _log(value: Any, base: Any) -> Decimal | None:
    number, radix = _number(value, "log"), _number(base, "log")
    if number <= 0 or radix <= 0 or radix == 1:
        return None
    wide = ARITHMETIC.copy()
    wide.prec = MAX_DIGITS + 6  # so that a whole logarithm comes out whole after rounding
    result = bounded(ARITHMETIC.plus(wide.divide(wide.ln(number), wide.ln(radix))))
    return result.to_integral_value() if result == result.to_integral_value() else result


def _power(value: Any, exponent: Any) -> Any:
    base, power = _number(value, "power"), _number(exponent, "power")
    if base == 0 and power < 0:
        return None
    result = _guarded(ARITHMETIC.power, base, power)
    whole = type(value) is int and type(exponent) is int and exponent >= 0
    return int(result) if whole and result is not None else result


def _math(
    name: str, arguments: str, handler: Callable[..., Any], summary: str, types: Types | None, gives: str = ""
) -> Function:
    return Function(name, arguments, "scalar", handler, "5.7", summary, types=types, gives=gives)


FUNCTIONS = (
    _math("abs", "", _abs, "Without its sign", None, "as the input"),
    _math("ceiling", "", _to_whole("ceiling", ROUND_CEILING), "The next integer up", INTEGER | QUANTITY),
    _math("exp", "", _exp, "e raised to it", DECIMAL),
    _math("floor", "", _to_whole("floor", ROUND_FLOOR), "The next integer down", INTEGER | QUANTITY),
    _math("ln", "", _ln, "Its natural logarithm", DECIMAL),
    _math("log", "base", _log, "Its logarithm to a base", DECIMAL),
    _math("power", "exponent", _power, "Raised to an exponent", None, "Decimal or Integer"),
    _math("round", "precision?", _round, "Rounded half up to a number of digits", DECIMAL | QUANTITY),
    _math("sqrt", "", _sqrt, "Its square root", DECIMAL),
    _math("truncate", "", _to_whole("truncate", ROUND_DOWN), "Its integer part", INTEGER | QUANTITY),
)
