"""Operators of intervals (CQL 1.5, B.7), three-valued where an end is open and null."""

from __future__ import annotations

from typing import Any

import pytest
from elm_operators_support import call, i, v

from cds.errors import EvaluationError
from cds.expr.elm import intervals
from cds.expr.elm.equality import equal
from cds.expr.elm.values import Interval


def operand(text: str) -> Any:
    return i(text) if text[0] in "[(" else v(text)


@pytest.mark.parametrize(
    ("name", "left", "right", "expected"),
    [
        ("Before", "[1, 5]", "[6, 9]", True),
        ("Before", "[1, 6]", "[6, 9]", False),
        ("Before", "[1, 6)", "[6, 9]", True),
        ("Before", "[1, null)", "[6, 9]", None),
        ("Before", "[7, null)", "[6, 9]", False),
        ("Before", "5", "[6, 9]", True),
        ("After", "[6, 9]", "5", True),
        ("After", "[6, 9]", "(null, 5]", True),
        ("Meets", "[1, 5]", "[6, 9]", True),
        ("Meets", "[6, 9]", "[1, 5]", True),
        ("Meets", "[1, 5)", "[6, 9]", False),
        ("MeetsBefore", "[1.0, 5.0]", "[5.00000001, 9.0]", True),
        ("MeetsBefore", "[1.0, 5.0)", "[5.0, 9.0]", True),
        ("MeetsAfter", "(null, 5]", "[11, null)", False),
        ("MeetsAfter", "[@2012-03-01, @2012-03-02]", "[@2012-01-01, @2012-02-29]", True),
        ("MeetsBefore", "[@2012, @2012]", "[@2012-01-20, @2013-01-01]", None),
        ("MeetsBefore", "[@2012-01-01, @2012-01-31]", "[@2012, @2012]", None),
        ("MeetsBefore", "[1, 2147483647]", "[1, 5]", False),
        ("Overlaps", "[1, 5]", "[5, 9]", True),
        ("Overlaps", "[1, 5)", "[5, 9]", False),
        ("Overlaps", "[1, null)", "[5, 9]", None),
        ("Overlaps", "[1, null]", "[5, 9]", True),
        ("OverlapsBefore", "[1, 5]", "[5, 9]", True),
        ("OverlapsBefore", "[5, 6]", "[5, 9]", False),
        ("OverlapsAfter", "[5, 10]", "[5, 9]", True),
        ("Starts", "[1, 5]", "[1, 9]", True),
        ("Starts", "[1, 9]", "[1, 5]", False),
        ("Starts", "(0, 5]", "[1, 9]", True),
        ("Ends", "[5, 9]", "[1, 9]", True),
        ("Ends", "[5, 9]", "[1, 10)", True),
        ("Includes", "[1, 10]", "[4, 10]", True),
        ("Includes", "[1, 10]", "[4, null)", None),
        ("Includes", "[1, 10]", "[0, null)", False),
        ("ProperIncludes", "[1, 10]", "[1, 10]", False),
        ("ProperIncludes", "[1, 10]", "(0, 11)", False),
        ("ProperIncludes", "[null, null]", "[1, 10]", None),
        ("ProperIncludedIn", "[4, 10]", "[1, 10]", True),
        ("IncludedIn", "[@2012-05T, @2012-06T]", "[@2012T, @2012T]", None),
        ("Contains", "[1, 10)", "10", False),
        ("Contains", "[1, null)", "10", None),
        ("Contains", "[1, null)", "0", False),
        ("Contains", "[1, null]", "10", True),
        ("Contains", "[@2012-01-01T, @2012-01-05T)", "@2012-01-04T23:59", True),
        ("Contains", "[@2012-01-01T10:00:00, @2012-01-01T11:00:00)", "@2012-01-01T10:59:59.900", True),
        ("In", "1", "(1, 10]", False),
        ("ProperContains", "[1, 10]", "1", False),
        ("ProperIn", "2", "[1, 10]", True),
        ("SameOrBefore", "[1, 5]", "[5, 9]", True),
        ("SameOrAfter", "[5, 9]", "5", True),
        ("SameAs", "[1, 5]", "(0, 6)", True),
    ],
)
def test_relations(name: str, left: str, right: str, expected: bool | None) -> None:
    """A relation of two intervals, or of an interval and a point."""
    assert call(name, operand(left), operand(right)) is expected


@pytest.mark.parametrize(
    ("name", "left", "right", "precision", "expected"),
    [
        ("Before", "[@2012-01-01, @2012-01-31]", "[@2012-01-31, @2012-02-10]", "month", False),
        ("SameOrBefore", "[@2012-01-01, @2012-01-31]", "[@2012-01-02, @2012-02-10]", "month", True),
        ("Overlaps", "[@2012-01-01, @2012-01-10]", "[@2012-01-31, @2012-02-10]", "month", True),
        ("Meets", "[@2012-01-01, @2012-01-10]", "[@2012-02-20, @2012-03-10]", "month", True),
        ("In", "@2012-01-31T10:00", "[@2012-01-01T, @2012-01-31T]", "day", True),
        ("In", "@2012-01-31T10:00", "[@2012-01-01T, @2012-01-31T]", None, None),
        ("Includes", "[@T10:30, @T11:15]", "[@T10:00, @T11:59]", "hour", True),
    ],
)
def test_relations_down_to_a_precision(
    name: str, left: str, right: str, precision: str | None, expected: bool | None
) -> None:
    """`... day of`: what is finer does not count."""
    assert call(name, operand(left), operand(right), precision=precision) is expected


@pytest.mark.parametrize(
    ("name", "left", "right", "expected"),
    [
        ("Union", "[1, 5]", "[6, 9]", "[1, 9]"),
        ("Union", "[1, 5]", "[7, 9]", None),
        ("Union", "[1, 5]", "[3, null)", "[1, null)"),
        ("Union", "[1, 5]", "(4, 9)", "[1, 8]"),
        ("Union", "[@2012-02-01, @2012-03-01]", "[@2012-01, @2012-03]", "[@2012-01, @2012-03]"),
        ("Intersect", "[1, 5]", "[3, 9]", "[3, 5]"),
        ("Intersect", "[1, 5]", "[7, 9]", None),
        ("Intersect", "[1, 10]", "[5, null)", "[5, null)"),
        ("Intersect", "[1, 5]", "[5, null)", "[5, 5]"),
        ("Intersect", "(null, 5]", "[5, 9]", "[5, 5]"),
        ("Intersect", "(null, 5]", "[1, 9]", "(null, 5]"),
        ("Union", "(null, 5]", "[null, 5]", "[-2147483648, 5]"),
        ("Except", "[1, 10]", "[8, 12]", "[1, 7]"),
        ("Except", "[8, 12]", "[1, 10]", "[11, 12]"),
        ("Except", "[1, 10]", "[4, 6]", None),
        ("Except", "[1, 10]", "[1, 10]", None),
        ("Except", "[1, 5]", "[7, 9]", "[1, 5]"),
        ("Except", "[@2012-01-01, @2012-01-15]", "[@2012-01-10, @2012-02-01]", "[@2012-01-01, @2012-01-09]"),
    ],
)
def test_sets(name: str, left: str, right: str, expected: str | None) -> None:
    """Union, intersect and except; null when there is no one interval."""
    assert call(name, i(left), i(right)) == (None if expected is None else i(expected))


@pytest.mark.parametrize(
    ("name", "interval", "expected"),
    [
        ("Start", "(1, 5]", "2"),
        ("Start", "[null, 5]", "-2147483648"),
        ("Start", "(null, 5]", "null"),
        ("End", "[1.0, 5.0)", "4.99999999"),
        ("End", "[@2012-01-01, null]", "@9999-12-31"),
        ("End", "[@2012-01, @2012-03)", "@2012-02"),
        ("Width", "[1, 5]", "4"),
        ("Size", "[1, 5]", "5"),
        ("Size", "[1.0, 5.0]", "4.00000001"),
        ("Width", "[1 'mg', 5 'mg']", "4 'mg'"),
        ("Width", "[1, null)", "null"),
        ("Size", "[1, null)", "null"),
        ("PointFrom", "[1, null)", "null"),
        ("PointFrom", "[5, 5]", "5"),
        ("PointFrom", "[5, 6)", "5"),
    ],
)
def test_parts(name: str, interval: str, expected: str) -> None:
    """Ends and sizes; a closed null end is the limit of the type, an open one unknown."""
    assert call(name, i(interval)) == v(expected)


def test_ends_of_a_quantity_interval_keep_the_unit() -> None:
    """The limit of a quantity has the unit of the other end."""
    assert str(call("End", i("[5 'mg', null]"))) == "99999999999999999999.99999999 'mg'"


def test_ends_of_an_interval_of_nothing_known_are_null() -> None:
    """Without a point type there is no first value."""
    interval = intervals.make(None, None, True, True)
    assert call("Start", interval) is None
    assert call("Overlaps", interval, i("[1, 2]")) is None


@pytest.mark.parametrize(
    "text", ["[5, 3]", "[5, 5)", "(5, 6)", "[@2012-02-01, @2012-01-31]", "[2147483647, 2147483647)"]
)
def test_an_interval_does_not_start_after_its_end(text: str) -> None:
    """CQL 5.1: such an interval is a run-time error."""
    with pytest.raises(EvaluationError, match="starts after its end"):
        i(text)


@pytest.mark.parametrize("text", ["(2147483647, null]", "[null, @0001-01-01)", "(@T23:59:59.999, null)"])
def test_an_interval_lies_within_its_type(text: str) -> None:
    """There is nothing after the last value."""
    with pytest.raises(EvaluationError, match="last value"):
        i(text)


@pytest.mark.parametrize(
    ("name", "interval"), [("Width", "[@2012, @2013]"), ("Size", "[@T10, @T12]"), ("PointFrom", "[1, 2]")]
)
def test_what_an_interval_does_not_have(name: str, interval: str) -> None:
    """Dates have durations instead of widths, and several points are not one."""
    with pytest.raises(EvaluationError):
        call(name, i(interval))


@pytest.mark.parametrize(
    ("name", "left", "right", "expected"),
    [
        ("Contains", None, v("5"), False),
        ("In", v("5"), None, False),
        ("Contains", i("[1, 5]"), None, None),
        ("In", None, i("[1, 5]"), None),
        ("Includes", i("[1, 5]"), None, None),
        ("Union", i("[1, 5]"), None, None),
        ("Except", None, i("[1, 5]"), None),
        ("Intersect", i("[1, 5]"), None, None),
        ("Overlaps", None, i("[1, 5]"), None),
    ],
)
def test_nulls(name: str, left: Any, right: Any, expected: bool | None) -> None:
    """In a null interval there is nothing; otherwise null propagates."""
    assert call(name, left, right) is expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("[1, 5]", "(0, 6)", True),
        ("[1, 5]", "[1, 6]", False),
        ("[1, 5]", "(null, null)", None),
        ("[1, 5]", "[7, null)", False),
        ("[@2012T, @2013T]", "[@2012-01T, @2013-01T]", None),
    ],
)
def test_equal(left: str, right: str, expected: bool | None) -> None:
    """Intervals are equal when their first and last points are."""
    assert equal(i(left), i(right)) is expected


def test_equivalent() -> None:
    """`~` of intervals: unknown ends are equivalent to each other."""
    assert call("Equivalent", i("[1, null)"), i("(0, null)")) is True
    assert call("Equivalent", i("[1, null)"), i("[1, 5]")) is False


def test_a_long_interval_ends_with_its_type() -> None:
    """The point type tells a Long from an Integer."""
    interval = Interval(1, None, point="System.Long")
    assert call("End", interval) == 2**63 - 1
