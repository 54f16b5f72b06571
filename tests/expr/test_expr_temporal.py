"""Partial dates and times: three-valued comparison, arithmetic, differences, boundaries (R5)."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from cds.expr import temporal
from cds.expr.temporal import Date, DateTime, Time


def read(text: str) -> temporal.Temporal:
    """A time when it starts with T, else a date or dateTime."""
    value = temporal.parse_time(text[1:]) if text.startswith("T") else temporal.parse(text)
    assert value is not None, text
    return value


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        ("2020-05-01", "2020-05-02", -1),
        ("2020", "2020-05-01", None),
        ("2020", "2021-05-01", -1),
        ("2020-05", "2020-05", 0),
        ("2020-05-01", "2020-05-01T10:00:00", None),
        ("2020-05-01T10:00:00Z", "2020-05-01T12:00:00+02:00", 0),
        ("2020-05-01T10:00:00Z", "2020-05-01T10:00:00-05:00", -1),
        ("2020-05-01T10:00:00", "2020-05-01T10:00:00Z", None),
        ("2020-05-01T10:00:00", "2020-05-02T10:00:01Z", -1),
        ("2020-05-02T00:30:00+14:00", "2020-05-01T10:30:00Z", 0),
        ("2020-05-01T10:00", "2020-05-01T10:00:00", None),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", -1),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", -1),
        ("T10:30", "T10:30:00", None),
        ("T10:30:00", "T10:30:00.0", 0),
    ],
)
def test_comparison_is_three_valued(left: str, right: str, order: int | None) -> None:
    """Components decide as far as both sides have them; offsets are honoured; what remains is unknown (R5)."""
    assert temporal.compare(read(left), read(right)) == order
    assert temporal.compare(read(right), read(left)) == (None if order is None else -order)


@pytest.mark.parametrize(
    "text",
    ["2020-00", "2020-13", "2021-02-29", "20", "2020-1-1", "2020-01T10", "2020-01-01T10:00+15:00", "0000", "x", ""],
)
def test_what_is_no_date_reads_as_none(text: str) -> None:
    """Wrong months, days, offsets and forms are refused."""
    assert temporal.parse(text) is None


@pytest.mark.parametrize(
    ("text", "amount", "unit", "result"),
    [
        ("2024-01-31", 1, "month", "2024-02-29"),
        ("2024-02-29", 1, "year", "2025-02-28"),
        ("2024-03-01", -1, "day", "2024-02-29"),
        ("2024-03-01", 25, "hour", "2024-03-02"),
        ("2024", 18, "month", "2025"),
        ("2024", 400, "day", "2025"),
        ("2024-11", 2, "month", "2025-01"),
        ("2024-01-01T23:59:59Z", 1, "second", "2024-01-02T00:00:00Z"),
        ("2024-01-01T10:00:00.5+02:00", 500, "millisecond", "2024-01-01T10:00:01.000+02:00"),
        ("2024-01-01T10", 90, "minute", "2024-01-01T11"),
        ("T23:30:00", 45, "minute", "00:15:00"),
        ("9999-12-31", 1, "day", None),
        ("2024-01-01", 10**13, "year", None),
    ],
)
def test_arithmetic_keeps_precision_and_month_ends(text: str, amount: int, unit: str, result: str | None) -> None:
    """Months clamp to their last day, partial dates move by their own precision, the calendar has an end."""
    moved = temporal.add(read(text), amount, unit)
    assert (None if moved is None else str(moved)) == result


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
def test_the_calendar_day_is_that_of_the_zone(zone: str) -> None:
    """A dateTime with an offset is read in the zone; partial values give their first day; dates stay."""
    day = {"UTC": "2026-03-03", "Pacific/Kiritimati": "2026-03-04", "America/Los_Angeles": "2026-03-03"}[zone]
    assert str(temporal.calendar_day(DateTime((2026, 3, 3, 22, 0), 0), ZoneInfo(zone))) == day
    assert str(temporal.calendar_day(Date((2026, 3)), ZoneInfo(zone))) == "2026-03-01"
    assert str(temporal.calendar_day(DateTime((2026, 3, 3, 23, 0)), ZoneInfo(zone))) == "2026-03-03"


@pytest.mark.parametrize(
    ("text", "digits", "low", "high"),
    [
        ("2014", 6, "2014-01", "2014-12"),
        ("2014-02", None, "2014-02-01", "2014-02-28"),
        ("T10:30", 9, "10:30:00.000", "10:30:59.999"),
        ("2014-01-01T08:05+08:00", 17, "2014-01-01T08:05:00.000+08:00", "2014-01-01T08:05:59.999+08:00"),
        ("2014-01-01T08:05", 17, "2014-01-01T08:05:00.000+14:00", "2014-01-01T08:05:59.999-12:00"),
        ("2014", 5, None, None),
    ],
)
def test_boundaries_are_the_first_and_last_value(
    text: str, digits: int | None, low: str | None, high: str | None
) -> None:
    """An unknown offset may be any, so the boundaries take the widest."""
    bounds = [temporal.boundary(read(text), digits, end) for end in (False, True)]
    assert [None if bound is None else str(bound) for bound in bounds] == [low, high]


def test_equal_moments_hash_alike() -> None:
    """Values that are equal across offsets are one set member."""
    assert len({read("2020-05-01T10:00:00Z"), read("2020-05-01T12:00:00+02:00"), read("2020-05-01T10:00:00.0Z")}) == 1
    assert Date((2020,)) != Date((2020, 1))
    assert Time((10,)) != Date((10,))
