"""Durations and differences (CQL 1.5, B.6.9, B.6.10), and numbers that are ranges."""

from __future__ import annotations

from decimal import Decimal

import pytest
from elm_operators_support import call, v

from cds.errors import EvaluationError
from cds.expr.elm.equality import equal
from cds.expr.elm.values import Interval, Uncertainty


def found(name: str, left: str, right: str, precision: str) -> int | tuple[int, int]:
    result = call(name, v(left), v(right), precision=precision)
    return (result.low, result.high) if type(result) is Uncertainty else result


@pytest.mark.parametrize(
    ("left", "right", "precision", "expected"),
    [
        ("@2012-01-01", "@2012-02-28", "day", 58),
        ("@2012-01-31", "@2012-02-28", "month", 0),
        ("@2012-01-31", "@2012-02-29", "month", 1),  # the last day stands for one that the month lacks (H.2)
        ("@2012-02-29", "@2012-01-31", "month", 0),
        ("@2012-01-31", "@2012-03-31", "month", 2),
        ("@2012-03-31", "@2012-01-31", "month", -2),
        ("@2012-03-30", "@2012-01-31", "month", -1),
        ("@2012-02-29T10:18:56", "@2014-02-28T19:02:34", "year", 2),
        ("@2012-02-29T10:18:56", "@2014-02-28T09:02:34", "year", 1),
        ("@2000-02-29", "@2004-02-28", "year", 3),
        ("@2012-01-01", "@2012-01-15", "week", 2),
        ("@2012-01-15", "@2012-01-02", "week", -1),
        ("@2012-01-01T10:00:00", "@2012-01-02T09:59:59", "day", 0),
        ("@2012-01-01T10:00:00", "@2012-01-02T09:59:59", "hour", 23),
        ("@2012-01-01T10:00:00+02:00", "@2012-01-01T10:00:00Z", "hour", 2),
        ("@T10:00:00", "@T09:00:01", "minute", -59),
        ("@2012", "@2013", "year", (0, 1)),
        ("@2012", "@2013", "month", (0, 23)),
        ("@2012-01-15", "@2012-02", "day", (17, 45)),
        ("@2012-01-15T", "@2012-02-01T", "day", (16, 17)),
        ("@2012-01-15T10:00:00", "@2012-01-15T10:00:01", "millisecond", 1000),
        ("@T06", "@T07", "hour", (0, 1)),
        ("@2012-01-15", "@2012-01-16T00:00:00", "hour", (0, 24)),
        ("@9999-12-31T20:00:00Z", "@9999-12-31T23:00:00-05:00", "hour", 8),
        ("@0001-01-01T02:00:00Z", "@0001-01-01T01:00:00+05:00", "hour", -6),
        ("@2012T", "@2012-03-01T04:00:00-05:00", "hour", (-7334, 1449)),
    ],
)
def test_duration(left: str, right: str, precision: str, expected: int | tuple[int, int]) -> None:
    """Whole units from one to the other; a range where a side is partial."""
    assert found("DurationBetween", left, right, precision) == expected


@pytest.mark.parametrize(
    ("left", "right", "precision", "expected"),
    [
        ("@2012-12-31", "@2013-01-01", "year", 1),
        ("@2012-01-31", "@2012-02-01", "month", 1),
        ("@2012-01-07", "@2012-01-08", "week", 1),  # Saturday to Sunday
        ("@2012-01-08", "@2012-01-14", "week", 0),
        ("@2012-01-08", "@2012-01-07", "week", -1),
        ("@2012-01-01T23:59", "@2012-01-02T00:00", "day", 1),
        ("@2012-01-01T23:00-05:00", "@2012-01-02T04:30Z", "day", 1),
        ("@2012-01-01T23:00-05:00", "@2012-01-02T04:30Z", "hour", 0),
        ("@2012-01-01T10:45+05:30", "@2012-01-01T11:15+05:30", "hour", 1),
        ("@T10:59", "@T11:00", "hour", 1),
        ("@2012", "@2013-02", "month", (2, 13)),
        ("@2012-01", "@2013-02", "month", 13),
    ],
)
def test_difference(left: str, right: str, precision: str, expected: int | tuple[int, int]) -> None:
    """Boundaries crossed; weeks begin on Sunday."""
    assert found("DifferenceBetween", left, right, precision) == expected


def test_age() -> None:
    """CalculateAge is about today, or now for a DateTime; CalculateAgeAt about a day."""
    assert call("CalculateAge", v("@1990-03-04"), precision="year") == 35
    assert call("CalculateAge", v("@1990-03-03"), precision="year") == 36
    assert call("CalculateAge", v("@2026-03-03T10:00:00Z"), precision="hour") == 2
    assert call("CalculateAgeAt", v("@1990-03-03"), v("@2000-03-02"), precision="year") == 9
    assert call("CalculateAgeAt", None, v("@2000-03-02"), precision="year") is None


@pytest.mark.parametrize(("left", "right", "precision"), [("@2012-01-01", "@T10", "day"), ("@T10", "@T11", "day")])
def test_what_has_no_duration(left: str, right: str, precision: str) -> None:
    """A day and a time of day, and days within a day."""
    with pytest.raises(EvaluationError):
        found("DurationBetween", left, right, precision)


@pytest.mark.parametrize("types", [(), ("System.Integer", "System.Integer")])
@pytest.mark.parametrize(
    ("name", "other", "expected"),
    [
        ("Less", 4, False),
        ("Less", 16, None),
        ("Less", 17, True),
        ("LessOrEqual", 16, True),
        ("LessOrEqual", 3, False),
        ("Greater", 3, True),
        ("Greater", 4, None),
        ("Greater", 16, False),
        ("GreaterOrEqual", 4, True),
        ("GreaterOrEqual", 17, False),
        ("Equal", 3, False),
        ("Equal", 4, None),
        ("NotEqual", 3, True),
        ("NotEqual", 4, None),
    ],
)
def test_comparing_a_range(name: str, other: int, expected: bool | None, types: tuple[str, ...]) -> None:
    """`months between A and B > 5` is null where the range leaves it open, whichever side it is on."""
    mirrored = {"Less": "Greater", "LessOrEqual": "GreaterOrEqual", "Greater": "Less", "GreaterOrEqual": "LessOrEqual"}
    assert call(name, Uncertainty(4, 16), other, types=types) is expected
    assert call(mirrored.get(name, name), other, Uncertainty(4, 16), types=types) is expected


def test_a_range_reads_as_an_interval() -> None:
    """The published suite writes it so; two equal ranges are still open."""
    assert equal(Uncertainty(4, 16), Interval(4, 16)) is True
    assert equal(Interval(4, 17), Uncertainty(4, 16)) is False
    assert equal(Uncertainty(4, 16), Uncertainty(4, 16)) is None
    assert equal(Uncertainty(4, 16), Uncertainty(17, 18)) is False


def test_a_range_among_decimals() -> None:
    """`days between A and B > 2.5` converts the days; what cannot carry a range is null or an error, never wrong."""
    days, half = Uncertainty(4, 16), Decimal("2.5")
    decimals = ("System.Decimal", "System.Decimal")
    assert call("ToDecimal", days) is days
    assert call("Greater", days, half, types=decimals) is True
    assert call("Less", days, Decimal("10.0"), types=decimals) is None
    rest = call("Subtract", 20, days)
    assert (rest.low, rest.high) == (4, 16)
    rest = call("Subtract", half, days, types=decimals)
    assert (rest.low, rest.high) == (Decimal("-13.5"), Decimal("-1.5"))
    twice = call("Multiply", half, days, types=decimals)
    assert (twice.low, twice.high) == (Decimal("10.0"), Decimal("40.0"))
    total = call("Add", days, half, types=decimals)
    assert (total.low, total.high) == (Decimal("6.5"), Decimal("18.5"))
    assert call("Divide", days, half, types=decimals) is None
    assert call("Count", [days, None]) == 1
    for name in ("TruncatedDivide", "Modulo"):
        with pytest.raises(EvaluationError):
            call(name, days, 7)
    with pytest.raises(EvaluationError):
        call("Avg", [days])
