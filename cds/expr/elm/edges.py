"""The two ends of an interval as points that can be compared, also when one is not known.

A closed null end is the first or last value of the point type. An open null end is unknown: all that is sure is that it
lies between the other end and the limit of the type, which decides many comparisons all the same (CQL 1.5, 5.1).
"""

from __future__ import annotations

from typing import Any

from cds.errors import EvaluationError
from cds.expr.elm import dates, limits
from cds.expr.elm.ordering import compare
from cds.expr.elm.values import Interval
from cds.expr.quantity import Quantity
from cds.expr.temporal import Temporal
from cds.expr.values import system_type


class Unknown:
    """An end that is not known: somewhere from `least` to `most`, None where even that is not known."""

    __slots__ = ("least", "most")

    def __init__(self, least: Any, most: Any) -> None:
        self.least = least
        self.most = most


# --- ends --------------------------------------------------------------------------------------------------------


def _limit(interval: Interval, table: dict[str, Any], other: Any) -> Any:
    """The first or last value of the point type; None when the type is not known."""
    kind = interval.point
    if kind is None:
        name = system_type(other)
        kind = "System.Long" if name == "Integer" and limits.as_integer(other) is None else f"System.{name}"
    limit = table.get(kind)
    return Quantity(limit.value, other.unit, other.calendar) if type(limit) is Quantity and other is not None else limit


def _inside(value: Any) -> Any:
    if value is None:
        raise EvaluationError("an open end of an interval is the last value there is")
    return value


def low(interval: Interval) -> Any:
    """The first point of the interval, or an Unknown."""
    value = interval.low
    if value is not None:
        if interval.low_closed:
            return value
        return _inside(limits.stepped(value, 1, interval.point))
    least = _limit(interval, limits.MINIMUM, interval.high)
    if interval.low_closed and least is not None:
        return least
    return Unknown(least, None if interval.high is None else high(interval))


def high(interval: Interval) -> Any:
    """The last point of the interval, or an Unknown."""
    value = interval.high
    if value is not None:
        if interval.high_closed:
            return value
        return _inside(limits.stepped(value, -1, interval.point))
    most = _limit(interval, limits.MAXIMUM, interval.low)
    if interval.high_closed and most is not None:
        return most
    return Unknown(None if interval.low is None else low(interval), most)


def known(end: Any) -> Any:
    """An end as a value: None when it is not known."""
    return None if type(end) is Unknown else end


# --- comparing ---------------------------------------------------------------------------------------------------


def order(left: Any, right: Any, precision: str | None) -> int | None:
    """-1, 0 or 1 of two known ends, dates and times down to a precision."""
    if precision is not None and isinstance(left, Temporal) and isinstance(right, Temporal):
        return dates.order(left, right, precision)
    return compare(left, right)


def _span(end: Any) -> tuple[Any, Any]:
    return (end.least, end.most) if type(end) is Unknown else (end, end)


def _surely(test: bool | None) -> bool:
    return test is True


def before(left: Any, right: Any, precision: str | None = None) -> bool | None:
    """Whether one end lies before another."""
    if type(left) is Unknown or type(right) is Unknown:
        (least, most), (other_least, other_most) = _span(left), _span(right)
        if most is not None and other_least is not None and _surely(before(most, other_least, precision)):
            return True
        if least is not None and other_most is not None and _surely(not_after(other_most, least, precision)):
            return False
        return None
    found = compare(left, right) if precision is None else order(left, right, precision)
    return None if found is None else found < 0


def not_after(left: Any, right: Any, precision: str | None = None) -> bool | None:
    """Whether one end lies before another or at the same point."""
    if type(left) is Unknown or type(right) is Unknown:
        (least, most), (other_least, other_most) = _span(left), _span(right)
        if most is not None and other_least is not None and _surely(not_after(most, other_least, precision)):
            return True
        if least is not None and other_most is not None and _surely(before(other_most, least, precision)):
            return False
        return None
    found = compare(left, right) if precision is None else order(left, right, precision)
    return None if found is None else found <= 0


def same(left: Any, right: Any, precision: str | None = None) -> bool | None:
    """Whether two ends are the same point."""
    if type(left) is Unknown or type(right) is Unknown:
        apart = before(left, right, precision) is True or before(right, left, precision) is True
        return False if apart else None
    found = compare(left, right) if precision is None else order(left, right, precision)
    return None if found is None else found == 0


def follows(left: Any, right: Any, precision: str | None = None) -> bool | None:
    """Whether `right` is the next point after `left`, at a precision."""
    if type(left) is Unknown or type(right) is Unknown:
        return False if before(left, right, precision) is False else None
    if not isinstance(left, Temporal):
        step = limits.stepped(left, 1)
        return False if step is None else same(step, right)
    found = order(left, right, precision)
    if found is None:
        return None
    step = dates.stepped(left, 1, precision) if found < 0 else None
    return False if step is None else same(step, right, precision)


# --- choosing ----------------------------------------------------------------------------------------------------


def between(first: Any, last: Any, point: str | None) -> Interval:
    """The interval between two ends; an unknown one is an open null."""
    return Interval(known(first), known(last), type(first) is not Unknown, type(last) is not Unknown, point)


def earlier(left: Any, right: Any) -> Any:
    """The earlier of two ends; where that is open, what stands for both."""
    if not_after(left, right) is True:
        return left
    return right if not_after(right, left) is True else _either(left, right)


def later(left: Any, right: Any) -> Any:
    """The later of two ends; where that is open, what stands for both."""
    if not_after(right, left) is True:
        return left
    return right if not_after(left, right) is True else _either(left, right)


def _either(left: Any, right: Any) -> Any:
    """The coarser of two partial dates, which may mean the other; otherwise an Unknown."""
    if isinstance(left, Temporal) and isinstance(right, Temporal):
        return left if dates.level(left) <= dates.level(right) else right
    return Unknown(None, None)
