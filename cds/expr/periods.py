"""Time between two dates or times: the whole units that fit in, and the boundaries that are crossed.

Both count between values of the same components, at one offset; what a missing component stands for is the caller's.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date

from cds.expr.temporal import DURATIONS

Parts = tuple[int, ...]


def whole_units(start: Parts, end: Parts, unit: str) -> int:
    """Whole units (`year` ... `millisecond`) from `start` to `end`, negative when that is earlier. Both are complete:
    the six components of a DateTime or the three of a Time."""
    if unit in ("year", "month"):
        months = _whole_months(start, end)
        return _toward_zero(months, 12) if unit == "year" else months
    return _toward_zero(_micros(end) - _micros(start), DURATIONS[unit])


def boundaries(start: Parts, end: Parts, unit: str) -> int:
    """Boundaries of the unit crossed from `start` to `end`, as complete as for whole_units(); weeks start on Sunday."""
    if unit == "year":
        return end[0] - start[0]
    if unit == "month":
        return (end[0] - start[0]) * 12 + end[1] - start[1]
    if unit == "week":
        return _days(end) // 7 - _days(start) // 7
    return _micros(end) // DURATIONS[unit] - _micros(start) // DURATIONS[unit]


def later(parts: Parts, minutes: int) -> Parts:
    """Components of a time of day with its date, moved by minutes. The years 0 and 10000 may come out: they order."""
    year, month, day, hour, *rest = parts
    total = hour * 60 + (rest[0] if rest else 0) + minutes
    days, total = divmod(total, 1440)
    if days:
        ordinal = date(year, month, day).toordinal() + days
        if ordinal < 1:
            year, month, day = 0, 12, 31
        elif ordinal > date.max.toordinal():
            year, month, day = 10000, 1, 1
        else:
            moved = date.fromordinal(ordinal)
            year, month, day = moved.year, moved.month, moved.day
    return (year, month, day, total // 60, total % 60, *rest[1:])[: len(parts)]


def _whole_months(start: Parts, end: Parts) -> int:
    """Months that fit in between; the last day of a month stands for one that it lacks (CQL 1.5, H.2)."""
    months = (end[0] - start[0]) * 12 + end[1] - start[1]
    day = start[2] if start[2] < 29 or not 1 <= end[0] <= 9999 else min(start[2], monthrange(end[0], end[1])[1])
    reached, rest = (day, *start[3:]), end[2:]
    if months > 0 and rest < reached:
        return months - 1
    return months + 1 if months < 0 and rest > reached else months


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
