"""Operators of intervals (CQL 1.5, B.7). Where a timing operator also takes a point, the point stands for both ends.

The ends are compared as edges.py says: three-valued, and with what is known about an unknown end.
"""

from __future__ import annotations

from typing import Any

from cds.errors import EvaluationError
from cds.expr.elm import limits, numbers
from cds.expr.elm.edges import before, between, earlier, follows, high, known, later, low, not_after, same
from cds.expr.elm.logic import and_, negated, or_
from cds.expr.elm.ordering import compare
from cds.expr.elm.values import Interval
from cds.expr.temporal import Temporal


def make(low_end: Any, high_end: Any, low_closed: Any, high_closed: Any, point: str | None = None) -> Interval:
    """`Interval[low, high]`. EvaluationError when it would start after its end (CQL 5.1), or lie beyond the last value
    of its type."""
    result = Interval(low_end, high_end, bool(low_closed), bool(high_closed), point)
    first = None if low_end is None else low(result)
    last = None if high_end is None else high(result)
    if first is not None and last is not None and before(last, first) is True:
        raise EvaluationError("an interval starts after its end")
    return result


def _first(value: Any) -> Any:
    return low(value) if type(value) is Interval else value


def _last(value: Any) -> Any:
    return high(value) if type(value) is Interval else value


# --- parts -------------------------------------------------------------------------------------------------------


def start(interval: Interval) -> Any:
    """`start of`: null when it is not known."""
    return known(low(interval))


def end(interval: Interval) -> Any:
    """`end of`: null when it is not known."""
    return known(high(interval))


def _numeric_ends(interval: Interval, name: str) -> tuple[Any, Any] | None:
    first, last = start(interval), end(interval)
    if isinstance(first, Temporal) or isinstance(last, Temporal):
        raise EvaluationError(f"an interval of dates has no {name}", hint="use the duration between its ends")
    return None if first is None or last is None else (first, last)


def width(interval: Interval) -> Any:
    """`width of`: last point minus first; EvaluationError for dates and times."""
    ends = _numeric_ends(interval, "width")
    return None if ends is None else numbers.subtract(ends[1], ends[0])


def size(interval: Interval) -> Any:
    """`Size`: the width plus one step of the point type."""
    ends = _numeric_ends(interval, "size")
    if ends is None:
        return None
    distance = numbers.subtract(ends[1], ends[0])
    return None if distance is None else limits.stepped(distance, 1, interval.point)


def point_from(interval: Interval) -> Any:
    """`point from`: the only point of the interval; EvaluationError when there are more."""
    first, last = start(interval), end(interval)
    if first is None or last is None:
        return None
    if same(first, last) is not True:
        raise EvaluationError("the interval has more than one point")
    return first


# --- points and intervals ----------------------------------------------------------------------------------------


def contains(interval: Interval, point: Any, *, precision: str | None = None) -> bool | None:
    """`contains` a point. Without a precision the point is compared with an open end itself: the step before it may be
    coarser than the point."""
    first, last = interval.low, interval.high
    if first is None or last is None or precision is not None:
        from_start = not_after(low(interval), point, precision)
        return False if from_start is False else and_(from_start, not_after(point, high(interval), precision))
    early = compare(first, point)
    if early == 1 or (early == 0 and not interval.low_closed):
        return False
    late = compare(point, last)
    if late == 1 or (late == 0 and not interval.high_closed):
        return False
    return None if early is None or late is None else True


def proper_contains(interval: Interval, point: Any, *, precision: str | None = None) -> bool | None:
    """`properly includes` a point: it lies between the ends."""
    return and_(before(low(interval), point, precision), before(point, high(interval), precision))


def includes(left: Any, right: Any, *, precision: str | None = None) -> bool | None:
    """`includes`: right starts and ends within left."""
    starts = not_after(_first(left), _first(right), precision)
    return False if starts is False else and_(starts, not_after(_last(right), _last(left), precision))


def proper_includes(left: Any, right: Any, *, precision: str | None = None) -> bool | None:
    """`properly includes`: includes, and left is larger."""
    larger = negated(same_as(left, right, precision=precision))
    return and_(includes(left, right, precision=precision), larger)


# --- timing ------------------------------------------------------------------------------------------------------


def same_as(left: Any, right: Any, *, precision: str | None = None) -> bool | None:
    """`same ... as`: both ends are the same."""
    starts = same(_first(left), _first(right), precision)
    return False if starts is False else and_(starts, same(_last(left), _last(right), precision))


def same_or_before(left: Any, right: Any, *, precision: str | None = None) -> bool | None:
    """`on or before`: left ends at or before the start of right."""
    return not_after(_last(left), _first(right), precision)


def same_or_after(left: Any, right: Any, *, precision: str | None = None) -> bool | None:
    """`on or after`: left starts at or after the end of right."""
    return not_after(_last(right), _first(left), precision)


def is_before(left: Any, right: Any, *, precision: str | None = None) -> bool | None:
    """`before`: left ends before right starts."""
    return before(_last(left), _first(right), precision)


def is_after(left: Any, right: Any, *, precision: str | None = None) -> bool | None:
    """`after`: left starts after right ends."""
    return before(_last(right), _first(left), precision)


def meets_before(left: Any, right: Any, *, precision: str | None = None) -> bool | None:
    """`meets before`: right starts at the point after the end of left."""
    return follows(_last(left), _first(right), precision)


def meets_after(left: Any, right: Any, *, precision: str | None = None) -> bool | None:
    """`meets after`: left starts at the point after the end of right."""
    return follows(_last(right), _first(left), precision)


def meets(left: Any, right: Any, *, precision: str | None = None) -> bool | None:
    """`meets`: before or after."""
    return or_(meets_before(left, right, precision=precision), meets_after(left, right, precision=precision))


def overlaps(left: Any, right: Any, *, precision: str | None = None) -> bool | None:
    """`overlaps`: they share a point."""
    one = not_after(_first(left), _last(right), precision)
    return False if one is False else and_(one, not_after(_first(right), _last(left), precision))


def overlaps_before(left: Any, right: Any, *, precision: str | None = None) -> bool | None:
    """`overlaps before`: left starts first and they share a point."""
    return and_(before(_first(left), _first(right), precision), overlaps(left, right, precision=precision))


def overlaps_after(left: Any, right: Any, *, precision: str | None = None) -> bool | None:
    """`overlaps after`: left ends last and they share a point."""
    return and_(before(_last(right), _last(left), precision), overlaps(left, right, precision=precision))


def starts(left: Any, right: Any, *, precision: str | None = None) -> bool | None:
    """`starts`: the same start, and left ends no later."""
    return and_(same(_first(left), _first(right), precision), not_after(_last(left), _last(right), precision))


def ends(left: Any, right: Any, *, precision: str | None = None) -> bool | None:
    """`ends`: the same end, and left starts no earlier."""
    return and_(not_after(_first(right), _first(left), precision), same(_last(left), _last(right), precision))


# --- sets --------------------------------------------------------------------------------------------------------


def union(left: Interval, right: Interval) -> Interval | None:
    """`union`: the interval that covers both; null unless they overlap or meet."""
    if or_(overlaps(left, right), meets(left, right)) is not True:
        return None
    first, last = earlier(low(left), low(right)), later(high(left), high(right))
    return between(first, last, left.point or right.point)


def intersect(left: Interval, right: Interval) -> Interval | None:
    """`intersect`: what both cover; null when they do not overlap."""
    if overlaps(left, right) is not True:
        return None
    first, last = later(low(left), low(right)), earlier(high(left), high(right))
    return between(first, last, left.point or right.point)


def except_(left: Interval, right: Interval) -> Interval | None:
    """`except`: what only left covers; null when that is nothing, in two pieces, or open."""
    apart = negated(overlaps(left, right))
    if apart is not False:
        return left if apart else None
    head, tail = before(low(left), low(right)), before(high(right), high(left))
    if head is None or tail is None or head == tail:
        return None
    if head:
        return between(low(left), limits.stepped(low(right), -1, left.point), left.point)
    return between(limits.stepped(high(right), 1, left.point), high(left), left.point)
