"""Durations and differences between dates and times (CQL B.6.9, B.6.10), as ranges where the dates are partial."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import date

from cds.errors import EvaluationError
from cds.expr.elm import dates
from cds.expr.elm.values import Uncertainty
from cds.expr.evaluation import Evaluation
from cds.expr.temporal import DURATIONS, Date, DateTime, Temporal, Time

Parts = tuple[int, ...]
Count = Callable[[Parts, Parts, str], int]
#: How many components a value has that knows all of them.
_COMPLETE: dict[type, int] = {Date: 3, DateTime: 6, Time: 3}


def _days(parts: Parts) -> int:
    """Days since the start of the calendar; the years 0 and 10000 come from shifted offsets."""
    if 1 <= parts[0] <= 9999:
        return date(parts[0], parts[1], parts[2]).toordinal()
    return 0 if parts[0] < 1 else date.max.toordinal() + 1


def _micros(parts: Parts) -> int:
    """Microseconds since the start of the calendar, or of the day for the three components of a Time."""
    hour, minute, micros = parts[-3:]
    days = _days(parts) if len(parts) > 3 else 0
    return days * DURATIONS["day"] + hour * DURATIONS["hour"] + minute * DURATIONS["minute"] + micros


def _toward_zero(number: int, divisor: int) -> int:
    return number // divisor if number >= 0 else -(-number // divisor)


def _whole_months(start: Parts, end: Parts) -> int:
    """Months that fit in between; the last day of a month stands for one that it lacks (CQL 1.5, H.2)."""
    months = (end[0] - start[0]) * 12 + end[1] - start[1]
    day = start[2] if start[2] < 29 or not 1 <= end[0] <= 9999 else min(start[2], monthrange(end[0], end[1])[1])
    reached, rest = (day, *start[3:]), end[2:]
    if months > 0 and rest < reached:
        return months - 1
    return months + 1 if months < 0 and rest > reached else months


def _duration(start: Parts, end: Parts, unit: str) -> int:
    """Whole units that fit between two complete values."""
    if unit in ("year", "month"):
        months = _whole_months(start, end)
        return _toward_zero(months, 12) if unit == "year" else months
    return _toward_zero(_micros(end) - _micros(start), DURATIONS[unit])


def _difference(start: Parts, end: Parts, unit: str) -> int:
    """Boundaries of the unit crossed between two complete values; a week starts on Sunday."""
    if unit == "year":
        return end[0] - start[0]
    if unit == "month":
        return (end[0] - start[0]) * 12 + end[1] - start[1]
    if unit == "week":
        return _days(end) // 7 - _days(start) // 7
    return _micros(end) // DURATIONS[unit] - _micros(start) // DURATIONS[unit]


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
        last_low, last_high = dates.later(last_low, minutes), dates.later(last_high, minutes)
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
    return _counted(_duration, left, right, precision, align=True)


def difference_between(left: Temporal, right: Temporal, *, precision: str) -> int | Uncertainty:
    """`difference in years between` ...: boundaries crossed; offsets are brought together from the hour on."""
    return _counted(_difference, left, right, precision, align=dates.LEVEL[precision] > 3)


def age(birth: Date | DateTime, *, precision: str, ev: Evaluation) -> int | Uncertainty:
    """`CalculateAge`: the duration from birth to today, or to now for a DateTime."""
    return age_at(birth, dates.now(ev=ev) if type(birth) is DateTime else ev.today(), precision=precision)


def age_at(birth: Date | DateTime, day: Date | DateTime, *, precision: str) -> int | Uncertainty:
    """`CalculateAgeAt`."""
    return duration_between(birth, day, precision=precision)
