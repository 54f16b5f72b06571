"""Properties of the operators: interval algebra, order, round trips, and what unknown ends may decide."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from elm_operators_support import EV, call
from hypothesis import given, settings
from hypothesis import strategies as st

from cds.expr import temporal
from cds.expr.elm import dates, intervals
from cds.expr.elm.equality import equal
from cds.expr.elm.ordering import compare
from cds.expr.elm.values import Interval, Uncertainty
from cds.expr.quantity import Quantity
from cds.expr.temporal import Date, DateTime, Time

FEW = settings(max_examples=60, deadline=None)
POINT = "System.Integer"
RELATIONS = (
    "Before After Meets MeetsBefore MeetsAfter Overlaps OverlapsBefore OverlapsAfter Starts Ends Includes IncludedIn "
    "ProperIncludes ProperIncludedIn SameAs SameOrBefore SameOrAfter Equal"
).split()
TURNED = {
    "Before": "After",
    "MeetsBefore": "MeetsAfter",
    "Includes": "IncludedIn",
    "ProperIncludes": "ProperIncludedIn",
    "SameOrBefore": "SameOrAfter",
    "Meets": "Meets",
    "Overlaps": "Overlaps",
    "SameAs": "SameAs",
    "Equal": "Equal",
}


@st.composite
def closed(draw: st.DrawFn) -> Interval:
    """A closed interval of small integers."""
    low = draw(st.integers(-6, 6))
    return Interval(low, low + draw(st.integers(0, 5)), point=POINT)


@st.composite
def loose(draw: st.DrawFn) -> tuple[Interval, list[Interval]]:
    """An interval whose ends may be open and null, and intervals that it may stand for."""
    exact = draw(closed())
    low = None if draw(st.booleans()) else exact.low
    high = None if draw(st.booleans()) else exact.high
    lows = [exact.low] if low is not None else list(range(exact.high - 4, exact.high + 1))
    highs = [exact.high] if high is not None else list(range(exact.low, exact.low + 5))
    meant = [Interval(one, other, point=POINT) for one in lows for other in highs if one <= other]
    return Interval(low, high, low is not None, high is not None, POINT), meant


parts = st.tuples(st.integers(1, 9999), st.integers(1, 12), st.integers(1, 28), st.integers(0, 23), st.integers(0, 59))
days = st.builds(lambda values, count: Date(values[:count]), parts, st.integers(1, 3))
moments = st.builds(
    lambda values, count, offset: DateTime(values[:count], offset),
    parts,
    st.integers(1, 5),
    st.sampled_from([0, 60, -300, 330]),
)
times = st.builds(lambda values, count: Time(values[3:][:count]), parts, st.integers(1, 2))
amounts = st.decimals(min_value=-1000, max_value=1000, places=3)
quantities = st.builds(Quantity, amounts, st.sampled_from(["mg", "g", "cm"]))
values = st.one_of(st.integers(-9, 9), amounts, st.text(max_size=3), days, moments, times, quantities)


@FEW
@given(closed(), closed())
def test_relations_are_what_the_points_say(left: Interval, right: Interval) -> None:
    """Every relation of closed intervals agrees with sets of points."""
    ours, theirs = set(range(left.low, left.high + 1)), set(range(right.low, right.high + 1))
    assert call("Overlaps", left, right) is bool(ours & theirs)
    assert call("Includes", left, right) is (ours >= theirs)
    assert call("ProperIncludes", left, right) is (ours > theirs)
    assert call("Before", left, right) is (max(ours) < min(theirs))
    assert call("MeetsBefore", left, right) is (max(ours) + 1 == min(theirs))
    assert call("Starts", left, right) is (min(ours) == min(theirs) and ours <= theirs)
    assert call("Equal", left, right) is (ours == theirs)


@FEW
@given(closed(), closed())
def test_sets_are_those_of_the_points(left: Interval, right: Interval) -> None:
    """Union, intersect and except give the points they should, or null where that is no interval."""
    ours, theirs = set(range(left.low, left.high + 1)), set(range(right.low, right.high + 1))
    for name, points in (("Union", ours | theirs), ("Intersect", ours & theirs), ("Except", ours - theirs)):
        whole = bool(points) and len(points) == max(points) - min(points) + 1
        expected = Interval(min(points), max(points)) if whole else None
        assert call(name, left, right) == expected


@FEW
@given(loose(), loose())
def test_an_unknown_end_decides_only_what_is_sure(
    left: tuple[Interval, list[Interval]], right: tuple[Interval, list[Interval]]
) -> None:
    """Whatever the unknown ends turn out to be, an answer that was given holds."""
    for name in RELATIONS:
        answer = call(name, left[0], right[0])
        if answer is not None:
            assert {call(name, one, other) for one in left[1] for other in right[1]} == {answer}, name


@FEW
@given(loose(), loose())
def test_relations_turn_round(left: tuple[Interval, list[Interval]], right: tuple[Interval, list[Interval]]) -> None:
    """A relation and its converse agree."""
    for name, converse in TURNED.items():
        assert call(name, left[0], right[0]) is call(converse, right[0], left[0]), name


@FEW
@given(st.lists(closed(), max_size=5))
def test_collapse_keeps_the_points(items: list[Interval]) -> None:
    """The same points as before, in order, with a gap between any two."""
    result = call("Collapse", items, None)
    before = {point for item in items for point in range(item.low, item.high + 1)}
    assert {point for item in result for point in call("Expand", item, None)} == before
    assert all(one.high + 1 < other.low for one, other in pairwise(result))


@FEW
@given(values, values)
def test_equality_and_order_are_consistent(left: Any, right: Any) -> None:
    """`=` is reflexive and symmetric, order antisymmetric, and both agree."""
    assert equal(left, left) is True
    assert equal(left, right) is equal(right, left)
    if type(left) is type(right):
        order, turned = compare(left, right), compare(right, left)
        assert order == (None if turned is None else -turned)
        if order is not None:
            assert equal(left, right) is (order == 0)


@FEW
@given(values)
def test_text_reads_back(value: Any) -> None:
    """ToString and back is the same value."""
    reader = {Date: "ToDate", DateTime: "ToDateTime", Time: "ToTime", Quantity: "ToQuantity"}.get(type(value))
    name = reader or {int: "ToInteger", Decimal: "ToDecimal"}.get(type(value), "ToString")
    assert call(name, call("ToString", value)) == value


@FEW
@given(moments, moments, st.sampled_from(["week", "day", "hour", "minute"]))
def test_durations_are_antisymmetric_and_ranges_are_ordered(left: DateTime, right: DateTime, precision: str) -> None:
    """From right to left is minus left to right, at one offset; a range runs from low to high."""
    left, right = DateTime(left.parts, 0), DateTime(right.parts, 0)
    one = call("DurationBetween", left, right, precision=precision)
    other = call("DurationBetween", right, left, precision=precision)
    low, high = (one.low, one.high) if type(one) is Uncertainty else (one, one)
    assert low <= high
    assert (-high, -low) == ((other.low, other.high) if type(other) is Uncertainty else (other, other))


@FEW
@given(st.dates(), st.dates(), st.sampled_from(["year", "month", "week", "day"]))
def test_a_duration_is_the_most_that_can_be_added(one: date, other: date, unit: str) -> None:
    """So many units after the earlier day is not later than the later one; one more is."""
    start, end = sorted((temporal.of_date(one), temporal.of_date(other)), key=lambda day: day.parts)
    count = call("DurationBetween", start, end, precision=unit)
    reached, beyond = (dates.shifted(start, Quantity(Decimal(many), unit, unit)) for many in (count, count + 1))
    assert reached is not None
    assert dates.order(reached, end) in (-1, 0)
    assert beyond is None or dates.order(beyond, end) == 1


@FEW
@given(st.builds(lambda p: Date(p[:3]), parts), st.integers(-400, 400))
def test_days_added_are_days_between(day: Date, count: int) -> None:
    """Adding n days and counting them gives n."""
    moved = dates.shifted(day, Quantity(Decimal(count), "day", "day"))
    if moved is not None:
        assert call("DurationBetween", day, moved, precision="day") == count
        assert call("DifferenceBetween", day, moved, precision="day") == count


@FEW
@given(moments)
def test_a_value_lies_between_its_boundaries(moment: DateTime) -> None:
    """LowBoundary <= HighBoundary, and both read as the value at its own precision."""
    low, high = call("LowBoundary", moment, 17), call("HighBoundary", moment, 17)
    assert compare(low, high) == -1
    for end in (low, high):
        assert dates.order(end, moment, dates.finest(moment)) == 0


@FEW
@given(closed(), st.booleans(), st.booleans())
def test_open_and_closed_ends_mean_the_same(interval: Interval, low_open: bool, high_open: bool) -> None:
    """(0, 6) is [1, 5]."""
    low = interval.low - 1 if low_open else interval.low
    high = interval.high + 1 if high_open else interval.high
    made = intervals.make(low, high, not low_open, not high_open, POINT)
    assert equal(made, interval) is True
    for point in range(low - 1, high + 2):
        assert call("Contains", made, point) is call("Contains", interval, point)


def test_the_evaluation_is_in_utc() -> None:
    """The round trips above rely on it."""
    assert EV.offset() == 0
