"""Durations and differences between dates and times (CQL B.6.9, B.6.10), as ranges where the dates are partial."""

from __future__ import annotations

from collections.abc import Callable

from cds.errors import EvaluationError
from cds.expr import periods
from cds.expr.elm import dates
from cds.expr.elm.values import Uncertainty
from cds.expr.evaluation import Evaluation
from cds.expr.periods import Parts
from cds.expr.temporal import Date, DateTime, Temporal, Time

Count = Callable[[Parts, Parts, str], int]
#: How many components a value has that knows all of them.
_COMPLETE: dict[type, int] = {Date: 3, DateTime: 6, Time: 3}


def _counted(count: Count, left: Temporal, right: Temporal, unit: str, align: bool) -> int | Uncertainty:
    """`count` over all that partial values may mean."""
    if (type(left) is Time) != (type(right) is Time):
        raise EvaluationError("a time of day and a date have no duration between them")
    if type(left) is Time and dates.LEVEL[unit] < 4:
        raise EvaluationError(f"two times of day have no {unit}s between them")
    if type(left) is not type(right):
        left, right = DateTime(left.parts, left.offset, left.digits), DateTime(right.parts, right.offset, right.digits)
    first_low, first_high = _range(left)
    last_low, last_high = _range(right)
    if align and left.offset != right.offset and left.offset is not None and right.offset is not None:
        minutes = left.offset - right.offset
        last_low, last_high = periods.later(last_low, minutes), periods.later(last_high, minutes)
    high = count(first_low, last_high, unit)
    if first_low == first_high and last_low == last_high:
        return high
    low = count(first_high, last_low, unit)
    return high if low == high else Uncertainty(low, high)


def _range(value: Temporal) -> tuple[Parts, Parts]:
    """The first and last moment the value may mean; the missing fraction of a second is 0 (CQL 1.5, B.6.9)."""
    if len(value.parts) == _COMPLETE[type(value)]:
        parts = (*value.parts, 0, 0, 0) if type(value) is Date else value.parts
        return parts, parts
    low, high = dates.filled(value, high=False), dates.filled(value, high=True)
    return ((*low, 0, 0, 0), (*high, 0, 0, 0)) if type(value) is Date else (low, high)


def duration_between(left: Temporal, right: Temporal, *, precision: str) -> int | Uncertainty:
    """`years between` ... `milliseconds between`: whole units from left to right, negative when right is earlier."""
    return _counted(periods.whole_units, left, right, precision, align=True)


def difference_between(left: Temporal, right: Temporal, *, precision: str) -> int | Uncertainty:
    """`difference in years between` ...: boundaries crossed; offsets are brought together from the hour on."""
    return _counted(periods.boundaries, left, right, precision, align=dates.LEVEL[precision] > 3)


def age(birth: Date | DateTime, *, precision: str, ev: Evaluation) -> int | Uncertainty:
    """`CalculateAge`: the duration from birth to today, or to now for a DateTime."""
    return age_at(birth, dates.now(ev=ev) if type(birth) is DateTime else ev.today(), precision=precision)


def age_at(birth: Date | DateTime, day: Date | DateTime, *, precision: str) -> int | Uncertainty:
    """`CalculateAgeAt`."""
    return duration_between(birth, day, precision=precision)
