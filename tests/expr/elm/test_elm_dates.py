"""Dates and times of CQL (1.5, B.6): selectors, components, order at a precision, arithmetic, boundaries."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from elm_operators_support import EV, call, v

from cds.errors import EvaluationError
from cds.expr.elm import dates
from cds.expr.temporal import Date, DateTime, Time

NONE7 = (None,) * 7


def test_selectors_stop_at_the_first_null() -> None:
    """A null year is a null date; a DateTime without an offset has that of the evaluation."""
    assert call("Date", 2012, 3, None) == Date((2012, 3))
    assert call("Date", None, None, None) is None
    moment = call("DateTime", 2012, 3, 1, 10, 30, 5, 250, Decimal("-5.5"))
    assert str(moment) == "2012-03-01T10:30:05.250-05:30"
    assert call("DateTime", 2012, *NONE7).offset == EV.offset()
    assert call("DateTime", None, *NONE7) is None
    assert call("Time", 10, 30, None, None) == Time((10, 30))
    assert call("Time", None, None, None, None) is None


@pytest.mark.parametrize(
    ("name", "operands"),
    [
        ("Date", (2012, None, 1)),
        ("Date", (2011, 2, 29)),
        ("Date", (0, 1, 1)),
        ("DateTime", (10000, *NONE7)),
        ("DateTime", (2012, 1, 1, 24, None, None, None, None)),
        ("DateTime", (2012, 1, 1, 10, None, None, None, Decimal(15))),
        ("Time", (23, 60, None, None)),
    ],
)
def test_selectors_refuse_what_is_no_date(name: str, operands: tuple[Any, ...]) -> None:
    """Components out of range, or after a null."""
    with pytest.raises(EvaluationError):
        call(name, *operands)


@pytest.mark.parametrize(
    ("value", "precision", "expected"),
    [
        ("@2012-03-01T10:30:05.250", "year", 2012),
        ("@2012-03-01T10:30:05.250", "hour", 10),
        ("@2012-03-01T10:30:05.250", "second", 5),
        ("@2012-03-01T10:30:05.250", "millisecond", 250),
        ("@2012-03-01T10:30:05", "millisecond", None),
        ("@2012-03", "day", None),
        ("@T10:30", "minute", 30),
        ("@T10:30", "second", None),
    ],
)
def test_components(value: str, precision: str, expected: int | None) -> None:
    """A component that is not known is null."""
    assert call("DateTimeComponentFrom", v(value), precision=precision) == expected


def test_parts_of_a_datetime() -> None:
    """date from, time from, timezoneoffset from."""
    moment = v("@2012-03-01T10:30:05.250+05:30")
    assert call("DateFrom", moment) == Date((2012, 3, 1))
    assert call("TimeFrom", moment) == v("@T05:00:05.250")  # at the offset of the evaluation (B.6.5)
    assert call("TimeFrom", v("@2012-03-01T10:30")) == v("@T10:30")
    assert call("TimeFrom", v("@2012-03-01T")) is None
    assert call("TimezoneOffsetFrom", moment) == Decimal("5.5")


def test_now_is_the_same_all_along() -> None:
    """Now, Today and TimeOfDay are those of the evaluation."""
    assert str(call("Now")) == "2026-03-03T12:30:00.000Z"
    assert call("Today") == Date((2026, 3, 3))
    assert call("TimeOfDay") == v("@T12:30:00.000")


@pytest.mark.parametrize(
    ("left", "right", "precision", "expected"),
    [
        ("@2012-03-01", "@2012-03-02", None, -1),
        ("@2012-03", "@2012-03-02", None, None),
        ("@2012-03", "@2012-04-02", None, -1),
        ("@2012-03", "@2012-03-02", "month", 0),
        ("@2012-03-01", "@2012-03-31", "month", 0),
        ("@2012", "@2012", "month", None),
        ("@2012", "@2012-03-01", "day", None),
        ("@2012", "@2013-03-01", "day", -1),
        ("@2012", "@2013", "month", -1),
        ("@2012-03-01T10:00:00", "@2012-03-01T10:00:00.000", None, 0),
        ("@2012-03-01T10:00:00", "@2012-03-01T10:00:00.001", None, -1),
        ("@2012-03-01T10:00:00", "@2012-03-01T10:00:00.000", "millisecond", None),
        ("@2012-03-01T10:00:00", "@2012-03-01T10:00:00.999", "second", 0),
        ("@2012-03-01T10:00:00.120", "@2012-03-01T10:00:00.120", "millisecond", 0),
        ("@2012-03-01T10:00Z", "@2012-03-01T12:00+02:00", None, 0),
        ("@2012-03-01T10Z", "@2012-03-01T12+02:00", "hour", 0),
        ("@2012-03-01T23:00-05:00", "@2012-03-02T04:00Z", "day", -1),
        ("@2012-03-01T23:00-05:00", "@2012-03-02T04:00Z", None, 0),
        ("@0001-01-01T00:30+01:00", "@0001-01-01T00:00Z", None, -1),
        ("@9999-12-31T23:30-01:00", "@9999-12-31T23:59Z", None, 1),
        ("@T10:30", "@T10", "hour", 0),
        ("@T10:30", "@T10", None, None),
        ("@T10:30:00.5", "@T10:30:00.400", None, 1),
    ],
)
def test_order(left: str, right: str, precision: str | None, expected: int | None) -> None:
    """Component by component; what a side does not know is open. Antisymmetric."""
    assert dates.order(v(left), v(right), precision) == expected
    turned = dates.order(v(right), v(left), precision)
    assert turned == (None if expected is None else -expected)


@pytest.mark.parametrize(
    ("value", "amount", "expected"),
    [
        ("@2012-02-29", "1 year", "@2013-02-28"),
        ("@2012-01-31", "1 month", "@2012-02-29"),
        ("@2012-01-31", "1 'wk'", "@2012-02-07"),
        ("@2012", "18 months", "@2013"),
        ("@2012-01-01", "36 hours", "@2012-01-02"),
        ("@2012-01-01", "1.9 days", "@2012-01-02"),
        ("@2012-01-01T10:00:00.000", "1.5 seconds", "@2012-01-01T10:00:01.500"),
        ("@2012-01-01T10:00:00", "1500 milliseconds", "@2012-01-01T10:00:01"),
        ("@2012-01-01T23:00", "90 minutes", "@2012-01-02T00:30"),
        ("@T23:30", "1 hour", "@T00:30"),
        ("@T10", "90 minutes", "@T11"),
        ("@T10", "30 minutes", "@T10"),
        ("@2012-01-01", "1 'a'", "@2013-01-01"),
    ],
)
def test_adding_a_duration(value: str, amount: str, expected: str) -> None:
    """Calendar arithmetic; a duration finer than the value counts in whole steps of it."""
    result = call("Add", v(value), v(amount))
    assert result == v(expected)
    assert len(result.parts) == len(v(expected).parts)


@pytest.mark.parametrize(
    ("value", "amount", "expected"),
    [
        ("@2012-03-31", "1 month", "@2012-02-29"),
        ("@T10", "30 minutes", "@T10"),
        ("@T00:30", "1 hour", "@T23:30"),
        ("@2016-05", "33 days", "@2016-04"),
    ],
)
def test_subtracting_a_duration(value: str, amount: str, expected: str) -> None:
    """The same backwards."""
    assert call("Subtract", v(value), v(amount)) == v(expected)


@pytest.mark.parametrize(
    ("value", "amount"), [("@2012", "8000 years"), ("@2012-01-01", "1 'mg'"), ("@2012-01-01", "9999999999 days")]
)
def test_arithmetic_that_leaves_the_calendar(value: str, amount: str) -> None:
    """The years 1 to 9999 are all there is, and milligrams are no duration."""
    with pytest.raises(EvaluationError):
        call("Add", v(value), v(amount))


@pytest.mark.parametrize(
    ("name", "value", "digits", "expected"),
    [
        ("LowBoundary", "@2014", 6, "@2014-01"),
        ("HighBoundary", "@2012-02", 8, "@2012-02-29"),
        ("HighBoundary", "@2012-02", None, "@2012-02-29"),
        ("HighBoundary", "@2014-01-01T08", 17, "@2014-01-01T08:59:59.999"),
        ("HighBoundary", "@2014-01-01T08", 14, "@2014-01-01T08:59:59"),
        ("HighBoundary", "@2014-01-01T08:30:15", 17, "@2014-01-01T08:30:15.999"),
        ("LowBoundary", "@2014-01-01T08:30:15", 17, "@2014-01-01T08:30:15.000"),
        ("LowBoundary", "@2014-01-01T08:30", 4, "@2014T"),
        ("LowBoundary", "@T10:30", 9, "@T10:30:00.000"),
        ("HighBoundary", "@T10", 4, "@T10:59"),
        ("HighBoundary", "@2014", 9, "null"),
    ],
)
def test_boundaries(name: str, value: str, digits: int | None, expected: str) -> None:
    """The first and last moments a partial value may mean, at a precision in digits."""
    result, wanted = call(name, v(value), digits), v(expected)
    assert result == wanted
    assert str(result) == str(wanted)


@pytest.mark.parametrize(
    ("value", "digits"),
    [("@2012", 4), ("@2012-01-01T10", 10), ("@2012-01-01T10:00:00", 14), ("@2012-01-01T10:00:00.0", 17), ("@T10", 2)],
)
def test_precision(value: str, digits: int) -> None:
    """Digits of a value written down to its precision."""
    assert call("Precision", v(value)) == digits


@pytest.mark.parametrize(
    ("value", "precision", "expected"),
    [
        ("@2012-03-04", "month", "@2012-03"),
        ("@2012-03", "day", "@2012-03"),
        ("@T10:30:05.250", "second", "@T10:30:05"),
    ],
)
def test_truncated(value: str, precision: str, expected: str) -> None:
    """What is finer goes; what is not known stays unknown."""
    result = dates.truncated(v(value), precision)
    assert str(result) == str(v(expected))


def test_a_date_equals_the_datetime_of_that_day_only_as_far_as_it_knows() -> None:
    """Date and Time have nothing to compare; Date and DateTime do."""
    assert dates.equal(v("@2012-01-01"), v("@2012-01-01T")) is True
    assert dates.equal(v("@2012-01-01"), v("@2012-01-01T10:00")) is None
    assert dates.equal(v("@2012-01-01"), v("@T10")) is False


def test_an_offset_is_missing_only_outside_cql() -> None:
    """A DateTime without offset compares as written."""
    assert dates.order(DateTime((2012, 1, 1, 10)), v("@2012-01-01T10+05:00")) == 0
