"""Arithmetic of items (FHIRPath 6.6): numbers, strings, quantities, and dates moved by durations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from decimal import InvalidOperation as DecimalError
from functools import partial
from typing import Any

from cds.errors import EvaluationError, SizeLimitError
from cds.expr import quantity as quantities
from cds.expr import temporal
from cds.expr.evaluation import capped_text
from cds.expr.quantity import Quantity
from cds.expr.temporal import Temporal
from cds.expr.types import TEMPORAL, Release, Types
from cds.expr.values import ARITHMETIC, LONGEST, MAX_DIGITS, Long, as_quantity, bounded, decimal, describe, is_number

_LARGEST = 10**MAX_DIGITS


def signed(value: Any, negative: bool) -> Any:
    """`+value` or `-value`; text is handed on for `sort(-name)`, which asks for it by itself."""
    if is_number(value):
        return type(value)(-value) if negative else value
    if type(value) is Quantity:
        return Quantity(-value.value if negative else value.value, value.unit, value.calendar)
    raise EvaluationError(f"a sign needs a number, not {describe(value)}", hint="it comes last: write (-1).toString()")


def _integer(value: int, *operands: Any) -> int | None:
    """A whole result: a Long, empty beyond 64 bits, when an operand is one."""
    if Long in map(type, operands):
        return Long(value) if -LONGEST - 1 <= value <= LONGEST else None
    if abs(value) >= _LARGEST:
        raise SizeLimitError(f"a number has more than {MAX_DIGITS} digits")
    return value


def _whole(left: Any, right: Any) -> bool:
    return type(left) in (int, Long) and type(right) in (int, Long)


def _mismatch(symbol: str, left: Any, right: Any) -> EvaluationError:
    hint = None
    if symbol == "+" and (type(left) is str or type(right) is str):
        hint = "make the other a string with toString()"
    elif isinstance(left, Temporal) and isinstance(right, Temporal):
        hint = "count the time between them with difference(date, 'days')"
    return EvaluationError(f"{symbol} does not go with {describe(left)} and {describe(right)}", hint=hint)


def _moved(value: Temporal, amount: Quantity, sign: int, fractions: bool) -> Temporal | None:
    """A date or time moved by a quantity: calendar units, or the definite units up to weeks. `fractions` of seconds
    count, those of longer units never do."""
    unit = amount.calendar or quantities.TIME_UNITS.get(amount.unit)
    if unit is None:
        hint = "use a calendar unit: years, months, weeks, days, hours, minutes, seconds or milliseconds"
        raise EvaluationError("a date cannot be moved by this unit", hint=hint)
    if fractions and unit == "second" and amount.value % 1:
        return temporal.add(value, int(amount.value * 1000) * sign, "millisecond")
    return temporal.add(value, int(amount.value) * sign, unit)


def _add_or_subtract(symbol: str, sign: int, left: Any, right: Any, fractions: bool) -> Any:
    if type(left) is int and type(right) is int:
        return _integer(left + sign * right)
    if type(right) is Quantity or type(right) is dict:
        amount = as_quantity(right)
        if type(right) is dict and amount is not None and amount.unit in ("a", "mo"):
            amount = quantities.calendar_quantity(amount.value, "year" if amount.unit == "a" else "month")
        moved = left if isinstance(left, Temporal) else temporal.parse(left) if type(left) is str else None
        if moved is not None and amount is not None:
            return _moved(moved, amount, sign, fractions)
        if type(left) is str and amount is not None:
            return None  # text that is no date: unknown, as data comes from many hands
        if amount is not None:
            return _quantities(symbol, sign, left, amount)
    if _whole(left, right):
        return _integer(left + sign * right, left, right)
    if is_number(left) and is_number(right):
        operation = ARITHMETIC.add if sign > 0 else ARITHMETIC.subtract
        return bounded(operation(decimal(left), decimal(right)))
    raise _mismatch(symbol, left, right)


def _quantities(symbol: str, sign: int, left: Any, right: Quantity) -> Quantity | None:
    first = as_quantity(left)
    if first is None:
        raise _mismatch(symbol, left, right)
    pair = quantities.to_finer(first, right)
    if pair is None:
        return None
    return Quantity(bounded(ARITHMETIC.add(pair[0].value, pair[1].value * sign)), pair[0].unit, pair[0].calendar)


def add(left: Any, right: Any, *, fractions: bool = False) -> Any:
    """`+`: numbers, strings, quantities, a date and a duration."""
    if type(left) is str and type(right) is str:
        return capped_text(left + right)
    return _add_or_subtract("+", 1, left, right, fractions)


def subtract(left: Any, right: Any, *, fractions: bool = False) -> Any:
    """`-`: numbers, quantities, a date and a duration."""
    return _add_or_subtract("-", -1, left, right, fractions)


def multiply(left: Any, right: Any) -> Any:
    """`*`: numbers; quantities multiply their units."""
    if type(left) is int and type(right) is int:
        return _integer(left * right)
    if _whole(left, right):
        return _integer(left * right, left, right)
    if is_number(left) and is_number(right):
        return bounded(ARITHMETIC.multiply(decimal(left), decimal(right)))
    first, second = as_quantity(left), as_quantity(right)
    if first is None or second is None:
        raise _mismatch("*", left, right)
    value = bounded(ARITHMETIC.multiply(first.value, second.value))
    return _with_unit(value, quantities.unit_product(first, second), first, second)


def divide(left: Any, right: Any) -> Any:
    """`/`: always a decimal or a quantity; empty for division by zero."""
    first, second = as_quantity(left), as_quantity(right)
    if first is None or second is None:
        raise _mismatch("/", left, right)
    if not second.value:
        return None
    value = bounded(ARITHMETIC.divide(first.value, second.value))
    if is_number(left) and is_number(right):
        return value
    return _with_unit(value, quantities.unit_product(first, second, inverse=True), first, second)


def _with_unit(value: Decimal, unit: str | None, first: Quantity, second: Quantity) -> Quantity | None:
    """A calendar word survives a plain factor only."""
    if unit is None:
        return None
    kept = first if second.unit == "1" else second if first.unit == "1" else None
    return Quantity(value, unit, kept.calendar if kept is not None and kept.unit == unit else None)


def whole_division(left: Any, right: Any) -> Any:
    """`div`: the quotient cut to an integer; empty for division by zero."""
    first, second = _numbers("div", left, right)
    if not second:
        return None
    return _integer(int(ARITHMETIC.divide(first, second)), left, right)


def modulo(left: Any, right: Any) -> Any:
    """`mod`: the remainder of div, with the sign of the left operand; empty for division by zero."""
    first, second = _numbers("mod", left, right)
    if not second:
        return None
    try:
        rest = ARITHMETIC.remainder(first, second)
    except DecimalError:
        raise SizeLimitError(f"a number has more than {MAX_DIGITS} digits") from None
    return _integer(int(rest), left, right) if _whole(left, right) else rest


def _numbers(symbol: str, left: Any, right: Any) -> tuple[Decimal, Decimal]:
    if not is_number(left) or not is_number(right):
        raise _mismatch(symbol, left, right)
    return decimal(left), decimal(right)


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "div": whole_division,
    "mod": modulo,
}

_WITH_FRACTIONS: dict[str, Callable[[Any, Any], Any]] = {
    **_OPERATORS,
    "+": partial(add, fractions=True),
    "-": partial(subtract, fractions=True),
}


def operators(release: Release) -> Mapping[str, Callable[[Any, Any], Any]]:
    """The operators of a release. Where R4's published suite cuts `0.1 's'` to whole seconds, R5's counts it."""
    return _OPERATORS if release == "R4" else _WITH_FRACTIONS


_NUMBERS = frozenset({"System.Integer", "System.Long", "System.Decimal"})


def result_types(operator: str, left: Types | None, right: Types | None) -> Types | None:
    """What static types say about a result; None when they do not."""
    if left is None or right is None:
        return None
    if left <= TEMPORAL:
        return left if all(kind.startswith("System.") for kind in left) else None
    if left <= _NUMBERS and right <= _NUMBERS:
        return frozenset({"System.Decimal"}) if operator == "/" else left | right
    return left if left == right == {"System.String"} else None
