"""Date, DateTime and Time of CQL: selectors, components, order at a precision, arithmetic, boundaries (CQL 1.5, B.6).

The values are those of cds.expr.temporal. A value whose second was written without fraction digits is a second: it does
not know its millisecond, and its successor is the next second.
"""

from __future__ import annotations

from calendar import monthrange
from decimal import Decimal
from functools import lru_cache
from typing import Any

from cds.errors import EvaluationError
from cds.expr import quantity as quantities
from cds.expr import temporal
from cds.expr.evaluation import Evaluation
from cds.expr.periods import later
from cds.expr.quantity import Quantity
from cds.expr.temporal import MICRO, Date, DateTime, Temporal, Time
from cds.expr.values import ARITHMETIC

PRECISIONS = ("year", "month", "day", "hour", "minute", "second", "millisecond")
#: How many components a DateTime needs for each precision.
LEVEL = {name: index for index, name in enumerate(PRECISIONS, 1)} | {"week": 3}
#: UCUM units that stand for a calendar unit where a date is moved.
_CALENDAR_UNITS = quantities.TIME_UNITS | {"a": "year", "mo": "month"}
_FULL_DATETIME, _FULL_TIME = 6, 3


def level(value: Temporal) -> int:
    """How many components are known, counted from the year: 3 is a day, 7 is milliseconds, for a Time too."""
    if type(value) is Time:
        return len(value.parts) + 3 + (len(value.parts) == _FULL_TIME and value.digits > 0)
    return len(value.parts) + (len(value.parts) == _FULL_DATETIME and value.digits > 0)


def finest(value: Temporal) -> str:
    """The name of the finest precision that is known."""
    return PRECISIONS[level(value) - 1]


# --- selectors and components ------------------------------------------------------------------------------------


def _given(names: tuple[str, ...], values: tuple[Any, ...]) -> list[int]:
    """Components down to the first null; a value after a null is an error."""
    known: list[int] = []
    for name, value in zip(names, values, strict=False):
        if value is None:
            break
        low, high = _LIMITS[name]
        if not low <= value <= high:
            raise EvaluationError(f"the {name} does not exist", hint=f"a {name} is between {low} and {high}")
        known.append(value)
    if any(value is not None for value in values[len(known) :]):
        raise EvaluationError(f"the {names[len(known)]} is null, and finer components are not")
    return known


_LIMITS = {
    "year": (1, 9999),
    "month": (1, 12),
    "day": (1, 31),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
    "millisecond": (0, 999),
}


def _check_day(parts: list[int]) -> None:
    if len(parts) > 2 and parts[2] > monthrange(parts[0], parts[1])[1]:
        raise EvaluationError("the month has no such day")


def _clock(parts: list[int]) -> list[int]:
    """Hour, minute and microseconds of hour, minute, second and millisecond."""
    if len(parts) < 3:
        return parts
    return [*parts[:2], parts[2] * MICRO + (parts[3] * 1000 if len(parts) > 3 else 0)]


def make_date(year: Any, month: Any = None, day: Any = None) -> Date | None:
    """`Date(year, month, day)`: null without a year (CQL B.6.6). EvaluationError for components that are no date."""
    parts = _given(PRECISIONS[:3], (year, month, day))
    _check_day(parts)
    return Date(tuple(parts)) if parts else None


def make_datetime(
    year: Any,
    month: Any = None,
    day: Any = None,
    hour: Any = None,
    minute: Any = None,
    second: Any = None,
    millisecond: Any = None,
    offset: Any = None,
    *,
    ev: Evaluation,
) -> DateTime | None:
    """`DateTime(year, ... millisecond, timezoneOffset)`: null without a year; the evaluation's offset where none is
    given (CQL B.6.8). EvaluationError for components that are no date."""
    minutes = ev.offset() if offset is None else int(offset * 60)
    return _datetime((year, month, day, hour, minute, second, millisecond), minutes)


@lru_cache(maxsize=4096)
def _datetime(components: tuple[int | None, ...], offset: int) -> DateTime | None:
    parts = _given(PRECISIONS, components)
    if not parts:
        return None
    _check_day(parts)
    if abs(offset) > 14 * 60:
        raise EvaluationError("a time zone offset is between -14 and 14 hours")
    return DateTime((*parts[:3], *_clock(parts[3:])), offset, 3 if len(parts) == 7 else 0)


def make_time(hour: Any, minute: Any = None, second: Any = None, millisecond: Any = None) -> Time | None:
    """`Time(hour, minute, second, millisecond)`: null without an hour (CQL B.6.21)."""
    parts = _given(PRECISIONS[3:], (hour, minute, second, millisecond))
    return Time(tuple(_clock(parts)), None, 3 if len(parts) == 4 else 0) if parts else None


def component(value: Temporal, *, precision: str) -> int | None:
    """`year from` ... `millisecond from`: null when the value does not know it (CQL B.6.4)."""
    wanted = LEVEL[precision]
    if wanted > level(value):
        return None
    if wanted < 6:
        return value.parts[wanted - (4 if type(value) is Time else 1)]
    return value.parts[-1] // MICRO if wanted == 6 else value.parts[-1] % MICRO // 1000


def date_from(value: DateTime | Date) -> Date:
    """`date from`."""
    return Date(value.parts[:3])


def time_from(value: DateTime, *, ev: Evaluation) -> Time | None:
    """`time from`, at the offset of the evaluation; null for a DateTime without time of day."""
    if len(value.parts) < 4:
        return None
    minutes = 0 if value.offset is None else ev.offset() - value.offset
    return Time((later(value.parts, minutes) if minutes else value.parts)[3:], None, value.digits)


def offset_from(value: DateTime) -> Decimal | None:
    """`timezoneoffset from`, in hours."""
    return None if value.offset is None else ARITHMETIC.divide(Decimal(value.offset), Decimal(60))


def now(*, ev: Evaluation) -> DateTime:
    """`Now()`: the time of the evaluation, with milliseconds."""
    return temporal.of_datetime(ev.now.astimezone(ev.zone))


def today(*, ev: Evaluation) -> Date:
    """`Today()`."""
    return ev.today()


def time_of_day(*, ev: Evaluation) -> Time:
    """`TimeOfDay()`."""
    moment = now(ev=ev)
    return Time(moment.parts[3:], None, moment.digits)


# --- order -------------------------------------------------------------------------------------------------------


def _cut(parts: tuple[int, ...], count: int, full: int) -> tuple[int, ...]:
    """The first `count` components, the second and the millisecond (after `full` of them) counted as two."""
    if count < full:
        return parts[:count]
    return (*parts[: full - 1], parts[full - 1] // (MICRO if count == full else 1000))


def _aligned(left: Temporal, right: Temporal) -> tuple[int, ...]:
    """The components of `right` at the offset of `left`, where both have a time of day and an offset."""
    if left.offset == right.offset or left.offset is None or right.offset is None:
        return right.parts
    if len(left.parts) < 4 or len(right.parts) < 4:
        return right.parts
    return later(right.parts, left.offset - right.offset)


def order(left: Temporal, right: Temporal, precision: str | None = None) -> int | None:
    """-1, 0 or 1 down to `precision` (the finest of both when None); None when a side does not know enough. Offsets are
    brought together first, for precisions from the hour. Without a precision a second is a decimal, whose missing
    fraction is 0; at the millisecond it has to be known (CQL 1.5, B.5)."""
    first, second = left.parts, right.parts
    if left.offset != right.offset and (precision is None or LEVEL[precision] > 3):
        second = _aligned(left, right)
    if precision is None:
        if len(first) == len(second):
            return (first > second) - (first < second)
        count = min(len(first), len(second))
        one, other = first[:count], second[:count]
        return None if one == other else -1 if one < other else 1
    full = _FULL_TIME if type(left) is Time else _FULL_DATETIME
    wanted = LEVEL[precision] - _FULL_DATETIME + full
    if wanted < full:
        one, other = first[: max(wanted, 0)], second[: max(wanted, 0)]
        count = len(one)
        if count != len(other):
            count = min(count, len(other))
            one, other = one[:count], other[:count]
    else:
        count = min(level(left) - _FULL_DATETIME + full, level(right) - _FULL_DATETIME + full, wanted)
        one, other = _cut(first, count, full), _cut(second, count, full)
    if one != other:
        return -1 if one < other else 1
    return 0 if count == wanted else None


def equal(left: Temporal, right: Temporal) -> bool | None:
    """`=`: None when the precisions differ and what both know is the same."""
    if (type(left) is Time) != (type(right) is Time):
        return False
    found = order(left, right)
    return None if found is None else found == 0


# --- arithmetic --------------------------------------------------------------------------------------------------


def shifted(value: Temporal, amount: Quantity, sign: int = 1) -> Temporal | None:
    """As moved(), but None when the result leaves the years 1 to 9999."""
    unit = amount.calendar or _CALENDAR_UNITS.get(amount.unit)
    if unit is None:
        raise EvaluationError("a date cannot be moved by this unit", hint="use a duration such as 3 months")
    number, known = amount.value, level(value)
    if unit == "second" and number != int(number):
        number, unit = ARITHMETIC.multiply(number, Decimal(1000)), "millisecond"
    if LEVEL[unit] > known and (type(value) is Time or known == 6):
        coarse = PRECISIONS[known - 1]  # a duration finer than the value counts as far as it fills whole steps of it
        steps = temporal.DURATIONS[coarse] // temporal.DURATIONS[unit]
        number, unit = ARITHMETIC.divide(number, Decimal(steps)), coarse
    return temporal.add(value, sign * int(number), unit)


def moved(value: Temporal, amount: Quantity, sign: int = 1) -> Temporal:
    """A date or time plus (or, with `sign` -1, minus) a duration; decimals count for seconds only (CQL B.6.1).
    EvaluationError when the unit is no duration or the result leaves the years 1 to 9999."""
    result = shifted(value, amount, sign)
    if result is None:
        raise EvaluationError("the date leaves the years 1 to 9999")
    return result


def stepped(value: Temporal, sign: int, precision: str | None = None) -> Temporal | None:
    """The next (or, with `sign` -1, the previous) value at `precision`, the finest it knows when None; None at the end
    of the calendar or of the day."""
    unit = precision or finest(value)
    if type(value) is Time:
        last = _parts_at(MAX_TIME if sign > 0 else MIN_TIME, level(value))
        if _parts_at(value, level(value)) == last:
            return None
    return temporal.add(value, sign, unit)


def _parts_at(value: Temporal, count: int) -> tuple[int, ...]:
    return _cut(value.parts, count - 3, _FULL_TIME)


MIN_DATE, MAX_DATE = Date((1, 1, 1)), Date((9999, 12, 31))
MIN_TIME, MAX_TIME = Time((0, 0, 0), None, 3), Time((23, 59, 60 * MICRO - 1000), None, 3)
MIN_DATETIME = DateTime((*MIN_DATE.parts, *MIN_TIME.parts), 0, 3)
MAX_DATETIME = DateTime((*MAX_DATE.parts, *MAX_TIME.parts), 0, 3)


# --- precision ---------------------------------------------------------------------------------------------------

#: Digits that a value written down to each precision has (CQL B.4, Precision).
_DATE_DIGITS = {4: 1, 6: 2, 8: 3}
_DATETIME_DIGITS = _DATE_DIGITS | {10: 4, 12: 5, 14: 6, 17: 7}
_TIME_DIGITS = {2: 4, 4: 5, 6: 6, 9: 7}


def _digits(value: Temporal) -> dict[int, int]:
    return _TIME_DIGITS if type(value) is Time else _DATE_DIGITS if type(value) is Date else _DATETIME_DIGITS


def precision(value: Temporal) -> int:
    """`Precision()`: the number of digits, 4 for a year, 17 for milliseconds."""
    known = level(value)
    return next(digits for digits, count in _digits(value).items() if count == known)


def filled(value: Temporal, high: bool) -> tuple[int, ...]:
    """The components of the first or the last moment that the value may mean: to the day for a Date, to the millisecond
    for the others."""
    parts = value.parts
    base = 3 if type(value) is Time else 0
    if base == 0 and len(parts) < 3:
        month = parts[1] if len(parts) > 1 else 12 if high else 1
        parts = (parts[0], month, monthrange(parts[0], month)[1] if high else 1)
    if type(value) is Date:
        return parts
    if len(parts) + base == _FULL_DATETIME:
        return (*parts[:-1], parts[-1] + MICRO - 1000) if high and not value.digits else parts
    clock = MAX_TIME.parts if high else MIN_TIME.parts
    return parts + clock[len(parts) + base - 3 :]


def boundary(value: Temporal, digits: int | None, high: bool) -> Temporal | None:
    """`LowBoundary`/`HighBoundary`: the first or last value at `digits` of precision (the finest when None) that the
    value may mean; null when the type has no such precision."""
    table = _digits(value)
    count = table.get(digits) if digits is not None else max(table.values())
    if count is None:
        return None
    return truncated(type(value)(filled(value, high), value.offset, 3), PRECISIONS[count - 1])


def truncated(value: Temporal, precision: str) -> Temporal:
    """The value without what is finer than `precision`; unchanged when it knows no more."""
    count = LEVEL[precision]
    if count >= level(value):
        return value
    parts = value.parts[: count - (3 if type(value) is Time else 0)]
    if count == 6:
        parts = (*parts[:-1], parts[-1] // MICRO * MICRO)
    return type(value)(parts, value.offset)
