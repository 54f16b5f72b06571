"""Quantities: exact conversion, calendar words, units outside the table."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cds.expr import quantity
from cds.expr.quantity import Quantity, calendar_quantity


def read(text: str) -> Quantity:
    """`5 'mg'` or `2 days`."""
    value, _, unit = text.partition(" ")
    number = Decimal(value)
    return calendar_quantity(number, unit) if unit in quantity.CALENDAR else Quantity(number, unit[1:-1])


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        ("1 'g'", "1000 'mg'", 0),
        ("1 'kg'", "2 '[lb_av]'", 1),
        ("100 'mg/dL'", "1 'g/L'", 0),
        ("1 'm2'", "10000 'cm2'", 0),
        ("1 week", "7 days", 0),
        ("1 week", "168 'h'", 0),
        ("1 year", "12 months", 0),
        ("1 year", "1 'a'", None),
        ("1 month", "30 days", 0),
        ("1 year", "360 days", 1),
        ("12 weeks", "3 months", -1),
        ("23 'Cel'", "73.4 '[degF]'", 0),
        ("37.6 'Cel'", "99.7 '[degF]'", -1),
        ("1 'pg'", "1 '[arb'U]'", None),
        ("1 'mg'", "1 'mL'", None),
        ("1 'zorks'", "2 'zorks'", -1),
        ("1 'zorks'", "1 'mg'", None),
        ("120 'mm[Hg]'", "16 'kPa'", -1),
        ("5 '{tablet}'", "5 '1'", 0),
        ("1 '/min'", "60 '/h'", 0),
    ],
)
def test_comparison_converts_exactly(left: str, right: str, order: int | None) -> None:
    """Comparable units convert without rounding; others are unknown, but for the same text."""
    assert quantity.compare(read(left), read(right)) == order


@pytest.mark.parametrize(
    ("left", "right", "equal", "equivalent"),
    [
        ("1 month", "1 'mo'", None, True),
        ("1 day", "1 'd'", True, True),
        ("4 'g'", "4040 'mg'", False, True),
        ("2.1 'cm'", "22 'mm'", False, False),
        ("2 'cm'", "21 'mm'", False, True),
        ("1 '[in_i]'", "2.5 'cm'", False, True),
        ("23 'Cel'", "73.4 '[degF]'", True, True),
        ("1 year", "12 'mo'", None, True),
        ("1 year", "11 months", False, True),
        ("4 'g'", "4 's'", None, False),
        ("1 'mg'", "1 'zorks'", None, False),
    ],
)
def test_equality_and_equivalence(left: str, right: str, equal: bool | None, equivalent: bool) -> None:
    """A calendar month is no definite duration; units that measure different things are unknown to `=`; `~` rounds in
    the coarser unit."""
    assert quantity.equal(read(left), read(right)) is equal
    assert quantity.equivalent(read(left), read(right)) is equivalent


@pytest.mark.parametrize(
    ("left", "right", "same"), [("1e400", "1", False), ("1e400", "1e400", True), ("1e-400", "0", True)]
)
def test_numbers_of_hundreds_of_digits_are_equivalent_to_themselves(left: str, right: str, same: bool) -> None:
    """No number from data fails or grows without bound (security E5)."""
    assert quantity.same_rounded(Decimal(left), Decimal(right)) is same


def test_equal_quantities_hash_alike() -> None:
    """Values that are equal across units are one set member."""
    assert len({read("1 'g'"), read("1000 'mg'"), read("1.0 'g'")}) == 1
    assert len({read("23 'Cel'"), read("73.4 '[degF]'")}) == 1
