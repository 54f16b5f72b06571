"""First and last values, steps, ranges and boundaries (CQL 1.5, B.1, B.4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from elm_operators_support import call, v

from cds.errors import EvaluationError
from cds.expr.elm import limits
from cds.expr.temporal import Date

MAX = limits.MAX_INTEGER


@pytest.mark.parametrize(
    ("name", "value", "types"),
    [
        ("Successor", MAX, ()),
        ("Predecessor", -MAX - 1, ("System.Integer",)),
        ("Successor", 2**63 - 1, ("System.Long",)),
        ("Successor", v("@9999-12-31"), ()),
        ("Successor", v("@T23:59"), ()),
        ("Predecessor", v("@T00"), ()),
        ("Exp", Decimal(1000), ()),
        ("Exp", Decimal(10**9), ()),
        ("Successor", "text", ()),
        ("Ln", Decimal(0), ()),
    ],
)
def test_beyond_the_end_is_an_error(name: str, value: Any, types: tuple[str, ...]) -> None:
    """The published suite asks for a run-time error here."""
    with pytest.raises(EvaluationError):
        call(name, value, types=types)


def test_a_long_steps_beyond_the_integers() -> None:
    """The static type tells where the end is."""
    assert call("Successor", MAX, types=("System.Long",)) == MAX + 1
    assert call("Negate", -MAX - 1, types=("System.Long",)) == MAX + 1
    assert call("Abs", -MAX - 1, types=("System.Long",)) == MAX + 1


@pytest.mark.parametrize(
    ("name", "value", "digits", "expected"),
    [
        ("LowBoundary", "1.587", 8, "1.58700000"),
        ("HighBoundary", "1.587", 8, "1.58799999"),
        ("LowBoundary", "-1.587", 8, "-1.58799999"),
        ("HighBoundary", "-1.587", 8, "-1.58700000"),
        ("HighBoundary", "1.587", 2, "1.59"),
        ("LowBoundary", "1.587", 2, "1.58"),
        ("HighBoundary", "1.587", 9, "null"),
        ("HighBoundary", "1", None, "1.99999999"),
        ("LowBoundary", "null", 8, "null"),
    ],
)
def test_boundaries(name: str, value: str, digits: int | None, expected: str) -> None:
    """The outermost numbers that a number of so many digits may mean."""
    assert call(name, v(value), digits) == v(expected)


def test_limits_of_types() -> None:
    """minimum and maximum, by the name of the type."""
    assert call("MinValue", types=("System.Integer",)) == -(2**31)
    assert call("MaxValue", types=("System.Long",)) == 2**63 - 1
    assert call("MaxValue", types=("System.Decimal",)) == Decimal("99999999999999999999.99999999")
    assert call("MinValue", types=("System.Date",)) == Date((1, 1, 1))
    with pytest.raises(EvaluationError, match=r"System\.Boolean has no minimum"):
        call("MinValue", types=("System.Boolean",))


def test_decimals_reach_their_published_limit() -> None:
    """10 * 10^27 - 10^-8 keeps every digit; twice that is null."""
    ten, large = Decimal(10), Decimal("1000000000000000000000000000.00000000")
    product = call("Multiply", ten, large)
    assert call("Subtract", product, limits.STEP) == Decimal("9999999999999999999999999999.99999999")
    assert call("Add", product, product) is None
