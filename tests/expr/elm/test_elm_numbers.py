"""Arithmetic of CQL (1.5, B.4): ranges of types, rounding, units, steps and limits."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import pytest
from elm_operators_support import call, v

from cds.errors import EvaluationError
from cds.expr.elm.values import Uncertainty

INTEGERS, LONGS, DECIMALS = ("System.Integer",) * 2, ("System.Long",) * 2, ("System.Decimal",) * 2
MAX = 2**31 - 1


@pytest.mark.parametrize(
    ("name", "left", "right", "expected"),
    [
        ("Add", "1", "2", "3"),
        ("Add", "1.5", "2.25", "3.75"),
        ("Add", "2147483647", "1", "null"),
        ("Add", "3000000000", "1", "3000000001"),
        ("Add", "9223372036854775807", "1", "null"),
        ("Subtract", "-2147483648", "1", "null"),
        ("Multiply", "65536", "65536", "null"),
        ("Multiply", "0.00000001", "0.5", "0.00000001"),
        ("Divide", "10.0", "3.0", "3.33333333"),
        ("Divide", "2.0", "3.0", "0.66666667"),
        ("Divide", "1", "0", "null"),
        ("TruncatedDivide", "-7", "2", "-3"),
        ("TruncatedDivide", "7", "-2", "-3"),
        ("TruncatedDivide", "-2147483648", "-1", "null"),
        ("TruncatedDivide", "7.5", "2.0", "3"),
        ("TruncatedDivide", "7.5", "0.0", "null"),
        ("Modulo", "-7", "2", "-1"),
        ("Modulo", "7", "-2", "1"),
        ("Modulo", "7.5", "2", "1.5"),
        ("Modulo", "5", "0", "null"),
        ("Modulo", "1000000000000000000000000000.0", "0.00000007", "0.00000005"),
        ("Modulo", "1000000000000000000000000000.0", "0.00000000000000000003", "null"),
        ("TruncatedDivide", "1000000000000000000000000000.0", "0.00000000000000000003", "null"),
        ("Multiply", "10000000000000000000000000000.0", "2.0", "null"),
        ("Power", "2", "10", "1024"),
        ("Power", "2.0", "9999999999.0", "null"),
        ("Power", "0.0", "0.0", "1"),
        ("Power", "2", "31", "null"),
        ("Power", "2", "-2", "0.25"),
        ("Power", "0", "-1", "null"),
        ("Power", "9.0", "0.5", "3"),
        ("Power", "-8.0", "0.5", "null"),
        ("Log", "8", "2", "3"),
        ("Log", "-8", "2", "null"),
    ],
)
def test_of_two_numbers(name: str, left: str, right: str, expected: str) -> None:
    """What the type cannot hold is null."""
    assert call(name, v(left), v(right)) == v(expected)


@pytest.mark.parametrize(
    ("name", "left", "right", "types", "expected"),
    [
        ("Add", MAX, 1, INTEGERS, None),
        ("Add", MAX, 1, LONGS, MAX + 1),
        ("Subtract", -MAX, 2, LONGS, -MAX - 2),
        ("Subtract", -MAX, 2, INTEGERS, None),
        ("Multiply", MAX, 2, LONGS, MAX * 2),
        ("Multiply", MAX, 2, INTEGERS, None),
        ("Multiply", 2**62, 2, LONGS, None),
        ("Power", 2, 40, LONGS, 2**40),
        ("Power", 2, 64, LONGS, None),
        ("TruncatedDivide", -(2**63), -1, LONGS, None),
        ("TruncatedDivide", -(2**63), 0, LONGS, None),
        ("Add", Decimal("0.1"), Decimal("0.2"), DECIMALS, Decimal("0.3")),
        ("Subtract", Decimal("0.1"), Decimal("0.2"), DECIMALS, Decimal("-0.1")),
        ("Multiply", Decimal("0.1"), Decimal("0.2"), DECIMALS, Decimal("0.02")),
        ("Divide", Decimal(1), Decimal(0), DECIMALS, None),
    ],
)
def test_static_types_choose_the_range(name: str, left: Any, right: Any, types: tuple[str, ...], expected: Any) -> None:
    """An Integer overflows where a Long does not."""
    assert call(name, left, right, types=types) == expected


@pytest.mark.parametrize(
    ("name", "left", "right", "expected"),
    [
        ("Add", "1 'm'", "1 'cm'", "101 'cm'"),
        ("Add", "1 'cm'", "1 'm'", "101 'cm'"),
        ("Add", "1 'cm'", "1 'g'", None),
        ("Subtract", "1 'm'", "1 'cm'", "99 'cm'"),
        ("Add", "1 day", "12 hours", "36 hours"),
        ("Multiply", "2 'cm'", "3 'cm'", "6 'cm2'"),
        ("Multiply", "2 days", "3", "6 days"),
        ("Multiply", "3", "2 days", "6 days"),
        ("Multiply", "10000000000000000000000000000 'g'", "2", None),
        ("Divide", "1 'g'", "0 'g'", None),
        ("Divide", "6 'g'", "3 'L'", "2 'g/L'"),
        ("Divide", "6 'g'", "3 days", "2 'g/d'"),
        ("Divide", "3 days", "1 week", "3 'd/wk'"),
        ("Divide", "6", "3 'L'", "2 '/L'"),
        ("Divide", "6 'g'", "3 'g'", "2 '1'"),
        ("TruncatedDivide", "7 'g'", "2 'g'", "3 'g'"),
        ("TruncatedDivide", "7 'g'", "2 'cm'", None),
        ("Modulo", "7 'g'", "2 'g'", "1 'g'"),
    ],
)
def test_of_quantities(name: str, left: str, right: str, expected: str | None) -> None:
    """Sums are in the finer unit; units that do not go together give null."""
    assert call(name, v(left), v(right)) == (None if expected is None else v(expected))


def test_a_sum_shows_the_finer_unit() -> None:
    """CQL B.4.2: the most granular unit of either."""
    assert str(call("Add", v("1 'm'"), v("1 'cm'"))) == "101 'cm'"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("Abs", "-5", "5"),
        ("Abs", "-2147483648", "null"),
        ("Abs", "-1.5 'mg'", "1.5 'mg'"),
        ("Negate", "-2147483648", "null"),
        ("Negate", "1.5 'mg'", "-1.5 'mg'"),
        ("Ceiling", "1.1", "2"),
        ("Ceiling", "99999999999999999999.9", "null"),
        ("Floor", "-1.1", "-2"),
        ("Truncate", "-1.9", "-1"),
        ("Successor", "1", "2"),
        ("Successor", "1.0", "1.00000001"),
        ("Successor", "1 'mg'", "1.00000001 'mg'"),
        ("Predecessor", "@2012-03-01", "@2012-02-29"),
        ("Predecessor", "@T10:30", "@T10:29"),
        ("Precision", "1.50", "2"),
        ("Precision", "@2012-03", "6"),
        ("Exp", "0", "1"),
        ("Ln", "1", "0"),
        ("Ln", "-1.0", "null"),
    ],
)
def test_of_one_value(name: str, value: str, expected: str) -> None:
    """Operators of one operand."""
    assert call(name, v(value)) == v(expected)


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        ("0.5", None, "1"),
        ("-0.5", None, "-1"),
        ("1.45", 1, "1.5"),
        ("3.14159", 2, "3.14"),
        ("3", 2, "3"),
        ("1250.0", -2, "1300"),
        ("99999999999999999999.5", None, "100000000000000000000"),
    ],
)
def test_round(value: str, digits: int | None, expected: str) -> None:
    """Halves go away from zero."""
    assert call("Round", v(value), digits) == v(expected)


def test_round_of_null_and_of_absurd_digits() -> None:
    """Null stays null; a place that no Decimal has is refused."""
    assert call("Round", None, 1) is None
    with pytest.raises(EvaluationError):
        call("Round", Decimal(1), 10**6)


def test_the_context_of_the_thread_does_not_matter() -> None:
    """Another user of decimal in this thread must not change a dose (security E5)."""
    with localcontext() as context:
        context.prec = 3
        assert call("Negate", Decimal("1.23456")) == Decimal("-1.23456")
        assert call("HighBoundary", Decimal("1.23456"), 8) == Decimal("1.23456999")
        assert call("Successor", Decimal("1.23456")) == Decimal("1.23456001")
        assert call("Modulo", Decimal("123.456"), Decimal("1.1")) == Decimal("0.256")


@pytest.mark.parametrize("name", ["Add", "Subtract", "Multiply", "Divide", "TruncatedDivide", "Modulo"])
def test_what_has_no_arithmetic(name: str) -> None:
    """The error names the kinds of the values, not the values."""
    with pytest.raises(EvaluationError, match="String") as caught:
        call(name, "secret", 1)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("types", [(), INTEGERS])
def test_uncertain_integers_add_up(types: tuple[str, ...]) -> None:
    """A duration between partial dates is an Integer for arithmetic."""
    days = Uncertainty(17, 44)
    total = call("Add", days, days, types=types)
    assert (total.low, total.high) == (34, 88)
    rest = call("Subtract", 50, days, types=types)
    assert (rest.low, rest.high) == (6, 33)
    twice = call("Multiply", days, -2, types=types)
    assert (twice.low, twice.high) == (-88, -34)
