"""Components of dates and times (FHIRPath 3.0, Extract Date/DateTime/Time components), and the time between two."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from expr_support import Run

from cds.errors import EvaluationError

COMPONENTS = [
    ("@2014-01-05T10:30:00.000.yearOf()", ["2014"]),
    ("@2014-01-05T10:30:00.000.monthOf()", ["1"]),
    ("@2014-01-05T10:30:00.000.dayOf()", ["5"]),
    ("@2012.monthOf()", []),
    ("@2012-03.dayOf()", []),
    ("@2012-03-04.hourOf()", []),
    ("@T10:30.yearOf()", []),
    ("@2012-01-01T03:30:40.002-07:00.hourOf()", ["3"]),
    ("@2012-01-01T16:30:40.002-07:00.hourOf()", ["16"]),
    ("@2012-01-01T12:30:40.002-07:00.minuteOf()", ["30"]),
    ("@2012-01-01T12:30:40.002-07:00.secondOf()", ["40"]),
    ("@2012-01-01T12:30:00.002-07:00.millisecondOf()", ["2"]),
    ("@2012-01-01T12:30:00.5.millisecondOf()", ["500"]),
    ("@2012-01-01T12:30:00.millisecondOf()", []),
    ("@2012-01-01T12.minuteOf()", []),
    ("@T12:30:40.002.hourOf()", ["12"]),
    ("@T12:30:40.002.minuteOf()", ["30"]),
    ("@T12:30:40.002.secondOf()", ["40"]),
    ("@T12:30:40.002.millisecondOf()", ["2"]),
    ("@T12.minuteOf()", []),
    ("@2012-01-01T12:30:00.000-07:00.timezoneOffsetOf() = -7.0", ["True"]),
    ("@2012-01-01T12:30:00.000+08:45.timezoneOffsetOf()", ["8.75"]),
    ("@2012-01-01T12:30:00.timezoneOffsetOf()", []),
    ("@2012-01-01.timezoneOffsetOf()", []),
    ("@2012-01-01T12:30:00.000-07:00.dateOf()", ["2012-01-01"]),
    ("@2012-01T.dateOf()", ["2012-01"]),
    ("@2012-01.dateOf()", ["2012-01"]),
    ("@T12:30.dateOf()", []),
    ("@2012-01-01T12:30:00.000-07:00.timeOf()", ["12:30:00.000"]),
    ("@2012-01-01T12:30.timeOf()", ["12:30"]),
    ("@2012-01-01T.timeOf()", []),
    ("@2012-01-01.timeOf()", []),
    ("@T12:30.timeOf()", []),
    ("5.yearOf()", []),
    ("'2014-01-05'.yearOf()", []),
    ("{}.yearOf()", []),
]


@pytest.mark.parametrize(("text", "result"), COMPONENTS, ids=[text for text, _ in COMPONENTS])
def test_components_are_those_the_value_has(text: str, result: list[str], run: Run) -> None:
    """A component that the value lacks, and a value of another type, give empty."""
    assert [str(item) for item in run(text)] == result


def test_an_offset_in_hours_is_a_decimal(run: Run) -> None:
    """timezoneOffsetOf() gives a Decimal, a whole one too."""
    assert [type(item) for item in run("@2012-01-01T12:30:00-07:00.timezoneOffsetOf()")] == [Decimal]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("birthDate.yearOf()", [1980]),
        ("birthDate.dayOf()", [29]),
        ("name.family.yearOf()", []),
        ("gender.yearOf()", []),
        ("name.given.where($this = 'Bea').monthOf()", []),
        ("%x.monthOf()", [5]),
    ],
)
def test_components_of_fhir_data_follow_its_type(
    text: str, result: list[Any], run: Run, patient: dict[str, Any]
) -> None:
    """A date is read as one; a string that looks like one is not, unless nobody knows its type."""
    patient["name"][0]["family"] = "2014"
    assert run(text, patient, x=["2026-05-01T10:00:00Z"]) == result


def test_components_need_one_item(run: Run) -> None:
    """Several items are an error of the evaluation, at the function."""
    with pytest.raises(EvaluationError, match="expected one item") as caught:
        run("(@2012 | @2013).yearOf()")
    assert caught.value.column == 8


DURATIONS = [
    ("@2025-01-02.duration(@2025-01-07, 'week')", [0]),
    ("@2025-01-01.duration(@2025-09-01, 'year')", [0]),
    ("@2024-12-01.duration(@2025-09-01, 'year')", [0]),
    ("@2024-12-01.duration(@2025-12-01, 'year')", [1]),
    ("@2024-12-02.duration(@2025-12-01, 'month')", [11]),
    ("@2025-12-01.duration(@2024-12-02, 'month')", [-11]),
    ("@2024-12-01.duration(@2024-12-15, 'weeks')", [2]),
    ("@2024-12-01T10:00.duration(@2024-12-03T09:59, 'day')", [1]),
    ("@2024-12-01T10:00:00.duration(@2024-12-01T10:00:01.500, 'millisecond')", [1500]),
    ("@T10:00.duration(@T12:30, 'hour')", [2]),
    ("@T12:30.duration(@T10:00, 'minute')", [-150]),
    ("@2024.duration(@2026, 'year')", [2]),
    ("@2024.duration(@2026-05-01, 'month')", []),
    ("@2024-12-01.duration(@2024-12-02T10:00, 'hour')", []),
    ("@2024-12-01.duration(@2024-12-02T10:00, 'day')", [1]),
    ("@T10.duration(@T11:30, 'minute')", []),
    ("{}.duration(@2026, 'year')", []),
    ("@2026.duration({}, 'year')", []),
    ("@2012-01-01T10:00+02:00.duration(@2012-01-01T10:00Z, 'hour')", [2]),
    ("@2012-01-01T10:00.duration(@2012-01-01T10:00Z, 'hour')", []),
    ("birthDate.duration(@2026-02-28, 'year')", [46]),
    ("@1980-02-28.duration(birthDate, 'day')", [1]),
]

DIFFERENCES = [
    ("@2025-01-02.difference(@2025-01-07, 'week')", [1]),
    ("@2025-01-01.difference(@2025-09-01, 'year')", [0]),
    ("@2024-12-01.difference(@2025-09-01, 'year')", [1]),
    ("@2025-09-01.difference(@2024-12-01, 'year')", [-1]),
    ("@2024-02-28.difference(@2024-03-01, 'day')", [2]),
    ("@2024-01-31.difference(@2024-02-01, 'month')", [1]),
    ("@2024.difference(@2024-01-01, 'day')", []),
    ("@T10:59.difference(@T11:00, 'hour')", [1]),
    ("@2012-01-01T23:00-05:00.difference(@2012-01-02T04:30Z, 'hour')", [0]),
    ("@2012-01-01T23:00-05:00.difference(@2012-01-02T04:30Z, 'day')", [1]),
    ("@2012-01-01T23:59:59.difference(@2012-01-02T00:00:00, 'second')", [1]),
]


@pytest.mark.parametrize(("text", "result"), DURATIONS + DIFFERENCES, ids=[text for text, _ in DURATIONS + DIFFERENCES])
def test_time_between_two(text: str, result: list[int], run: Run, patient: dict[str, Any]) -> None:
    """duration() counts whole periods, difference() boundaries; offsets are brought together from the hour on, and
    too little precision is empty."""
    assert run(text, patient) == result


def test_an_offset_nobody_knows_leaves_days_alone(run: Run) -> None:
    """Days and longer are counted as written."""
    assert run("@2012-01-01T10:00.duration(@2012-01-03T10:00Z, 'day')") == [2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("today().difference(today(), 'dayz')", "did you mean 'day'"),
        ("today().duration(today(), 'hour')", "two dates have no hours between them"),
        ("@T10:00.difference(@T11:00, 'day')", "two times of day have no days between them"),
        ("@T10:00.duration(today(), 'hour')", "a time of day and a date"),
        ("5.duration(today(), 'day')", "needs a date or time, not Integer"),
        ("today().difference(5, 'day')", "needs a date or time, not Integer"),
        ("(today() | @2020-01-01).duration(today(), 'day')", "expected one item"),
    ],
)
def test_what_has_no_time_between(text: str, message: str, run: Run) -> None:
    """A precision that the types do not have, and what is no date, are errors that help the author."""
    with pytest.raises(EvaluationError) as caught:
        run(text)
    assert message in str(caught.value)
