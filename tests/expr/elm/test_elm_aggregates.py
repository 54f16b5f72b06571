"""Aggregates (CQL 1.5, B.9): nulls do not count, and nothing is concluded from incomplete data."""

from __future__ import annotations

from typing import Any

import pytest
from elm_operators_support import call, v

from cds.expr.elm.operators import OPERATORS
from cds.expr.elm.values import Partial

AGGREGATES = (
    "Count Sum Product Min Max Avg GeometricMean Median Mode Variance StdDev PopulationVariance PopulationStdDev "
    "AllTrue AnyTrue"
).split()


@pytest.mark.parametrize(
    ("name", "items", "expected"),
    [
        ("Count", ["1", "null", "3"], "2"),
        ("Sum", ["1", "null", "3"], "4"),
        ("Sum", ["2147483647", "1"], "null"),
        ("Sum", ["1 'm'", "1 'cm'"], "101 'cm'"),
        ("Sum", ["1 'm'", "1 'g'"], "null"),
        ("Product", ["2", "3", "4"], "24"),
        ("Min", ["3.0", "1.5", "2.0"], "1.5"),
        ("Max", ["@2012-01-01", "@2013-01-01"], "@2013-01-01"),
        ("Max", ["@2012", "@2012-01-01"], "null"),
        ("Max", ["1 'm'", "150 'cm'"], "150 'cm'"),
        ("Avg", ["1.0", "2.0", "4.0"], "2.33333333"),
        ("Avg", ["1 'm'", "50 'cm'"], "0.75 'm'"),
        ("Avg", ["1 'm'", "50 'g'"], "null"),
        ("GeometricMean", ["2.0", "8.0"], "4"),
        ("GeometricMean", ["2.0", "0.0"], "0"),
        ("GeometricMean", ["2.0", "-8.0"], "null"),
        ("Median", ["5.0", "1.0", "3.0"], "3"),
        ("Median", ["5 'mg'", "1 'mg'", "2 'mg'", "3 'mg'"], "2.5 'mg'"),
        ("Mode", ["1", "2", "2", "3", "3"], "2"),
        ("Mode", ["1 'm'", "2 'm'", "100 'cm'"], "1 'm'"),
        ("Variance", ["1.0", "2.0", "3.0"], "1"),
        ("Variance", ["1.0"], "null"),
        ("PopulationVariance", ["1.0", "2.0", "3.0"], "0.66666667"),
        ("StdDev", ["1.0", "2.0", "3.0", "4.0", "5.0"], "1.58113883"),
        ("PopulationStdDev", ["1.0"], "0"),
    ],
)
def test_aggregates(name: str, items: list[str], expected: str) -> None:
    """Each aggregate by example."""
    assert call(name, [v(item) for item in items]) == v(expected)


@pytest.mark.parametrize(
    ("name", "items", "expected"),
    [
        ("AllTrue", [True, None], True),
        ("AllTrue", [True, False], False),
        ("AllTrue", [], True),
        ("AnyTrue", [None, False], False),
        ("AnyTrue", [None, True], True),
    ],
)
def test_truths(name: str, items: list[bool | None], expected: bool) -> None:
    """Nulls are passed over."""
    assert call(name, items) is expected


EMPTY: dict[str, Any] = {"Count": 0, "AllTrue": True, "AnyTrue": False}


@pytest.mark.parametrize("name", AGGREGATES)
@pytest.mark.parametrize("items", [None, [], [None]])
def test_of_nothing(name: str, items: list[None] | None) -> None:
    """Count is 0, AllTrue true, AnyTrue false, every other aggregate null."""
    assert call(name, items) == EMPTY.get(name)


@pytest.mark.parametrize("name", [name for name in AGGREGATES if name not in ("AllTrue", "AnyTrue")])
def test_of_a_list_that_may_lack_items(name: str) -> None:
    """An aggregate of some of the items is not the aggregate."""
    assert call(name, Partial([1, 2])) is None


def test_a_truth_that_was_found_stays() -> None:
    """One true, or one false, is enough whatever is missing."""
    assert call("AnyTrue", Partial([True])) is True
    assert call("AnyTrue", Partial([False])) is None
    assert call("AllTrue", Partial([False])) is False
    assert call("AllTrue", Partial([True])) is None


def test_longs_add_up_beyond_the_integers() -> None:
    """The static type of the list tells."""
    longs = ("List<System.Long>",)
    assert call("Sum", [2**31 - 1, 1], types=longs) == 2**31
    assert call("Product", [2**31, 2], types=longs) == 2**32
    assert call("Sum", [2**63 - 1, 1], types=longs) is None


def test_an_aggregate_takes_its_source() -> None:
    """ELM calls the operand of an aggregate `source`."""
    assert {OPERATORS[name].operands for name in AGGREGATES} == {("source",)}
