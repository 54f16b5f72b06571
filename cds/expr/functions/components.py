"""Components of dates and times, and the time between two (FHIRPath 3.0)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cds.errors import EvaluationError, did_you_mean
from cds.expr import periods, temporal
from cds.expr.code import DATE, DECIMAL, INTEGER, TIME, Function
from cds.expr.periods import Parts
from cds.expr.quantity import CALENDAR
from cds.expr.temporal import MICRO, Date, DateTime, Temporal, Time
from cds.expr.types import Types
from cds.expr.values import ARITHMETIC, Node, describe

#: Position of each component in the parts of a DateTime; those of a Time start at the hour.
_POSITIONS = {"year": 0, "month": 1, "day": 2, "hour": 3, "minute": 4, "second": 5, "millisecond": 5}
#: How many components each precision of a period needs.
_NEEDED = {name: position + 1 for name, position in _POSITIONS.items()} | {"week": 3}
_PARSERS: dict[str | None, Callable[[str], Temporal | None]] = {
    "date": temporal.parse_date,
    "dateTime": temporal.parse_datetime,
    "instant": temporal.parse_datetime,
    "time": temporal.parse_time,
    None: temporal.parse,
}


def temporal_of(item: Any) -> Temporal | None:
    """The date or time that an item is: a System value, or FHIR data by its type; by its form where that is not known.
    A System string is none."""
    if type(item) is Node:
        parse = _PARSERS.get(item.type)
        return parse(item.value) if parse is not None and type(item.value) is str else None
    return item if isinstance(item, Temporal) else None


def _component(name: str) -> Callable[[Any], int | None]:
    position = _POSITIONS[name]

    def component(item: Any) -> int | None:
        value = temporal_of(item)
        if value is None:
            return None
        at = position - 3 if type(value) is Time else position
        if not 0 <= at < len(value.parts) or (name == "millisecond" and not value.digits):
            return None
        part = value.parts[at]
        return part // MICRO if name == "second" else part % MICRO // 1000 if name == "millisecond" else part

    return component


def _offset(item: Any) -> Decimal | None:
    value = temporal_of(item)
    return None if value is None or value.offset is None else ARITHMETIC.divide(Decimal(value.offset), Decimal(60))


def _date(item: Any) -> Date | None:
    value = temporal_of(item)
    return Date(value.parts[:3]) if isinstance(value, (Date, DateTime)) else None


def _time(item: Any) -> Time | None:
    value = temporal_of(item)
    clock = value.parts[3:] if type(value) is DateTime else ()
    return Time(clock, None, value.digits) if value is not None and clock else None


# --- the time between two ----------------------------------------------------------------------------------------


def _between(name: str, count: Callable[[Parts, Parts, str], int]) -> Callable[[Any, Any, Any], int | None]:
    def between(value: Any, other: Any, precision: Any) -> int | None:
        unit = CALENDAR.get(precision) if type(precision) is str else None
        if unit is None:
            hint = did_you_mean(str(precision), _NEEDED) or f"the precisions are {', '.join(_NEEDED)}"
            raise EvaluationError(f"{name}() does not know this precision", hint=hint)
        start, end = _moment(name, value), _moment(name, other)
        if start is None or end is None:
            return None
        _check_unit(start, end, unit)
        parts = _aligned(start, end, unit)
        return None if parts is None else count(*parts, unit)

    return between


def _moment(name: str, item: Any) -> Temporal | None:
    """An end of the period; None for text that is no date, as data comes from many hands."""
    found = temporal_of(Node(item, None) if type(item) is str else item)
    if found is None and type(item.value if type(item) is Node else item) is not str:
        raise EvaluationError(f"{name}() needs a date or time, not {describe(item)}")
    return found


def _check_unit(start: Temporal, end: Temporal, unit: str) -> None:
    if (type(start) is Time) != (type(end) is Time):
        raise EvaluationError("a time of day and a date have no time between them")
    fine = _NEEDED[unit] > 3
    if type(start) is Time and not fine:
        raise EvaluationError(f"two times of day have no {unit}s between them", hint="count hours or less")
    if type(start) is type(end) is Date and fine:
        raise EvaluationError(f"two dates have no {unit}s between them", hint="count days, weeks, months or years")


def _aligned(start: Temporal, end: Temporal, unit: str) -> tuple[Parts, Parts] | None:
    """Both at the precision that they share, filled up, and from the hour on at one offset; None when that is less than
    the unit needs or only one has an offset."""
    first, last = start.parts, end.parts
    needed, full = _NEEDED[unit], 6
    if type(start) is Time:
        needed, full = needed - 3, 3
    if min(len(first), len(last)) < needed:
        return None
    if _NEEDED[unit] > 3 and start.offset != end.offset:
        if start.offset is None or end.offset is None:
            return None
        last = periods.later(last, start.offset - end.offset)
    shared = min(len(first), len(last))
    rest = (1, 1, 1, 0, 0, 0)[-full:][shared:]
    return first[:shared] + rest, last[:shared] + rest


# --- the table ---------------------------------------------------------------------------------------------------


def _row(name: str, handler: Callable[[Any], Any], summary: str, types: Types = INTEGER) -> Function:
    return Function(name, "", "scalar", handler, "5.9 (3.0)", summary, types=types, typed=True)


def _period(name: str, count: Callable[[Parts, Parts, str], int], summary: str) -> Function:
    return Function(
        name, "value precision", "scalar", _between(name, count), "5.11 (3.0)", summary, types=INTEGER, typed=True
    )


FUNCTIONS = (
    *(_row(f"{name}Of", _component(name), f"The {name} of a date or time that has one") for name in _POSITIONS),
    _row("timezoneOffsetOf", _offset, "The offset of a dateTime from UTC, in hours", DECIMAL),
    _row("dateOf", _date, "The date of a date or dateTime", DATE),
    _row("timeOf", _time, "The time of day of a dateTime", TIME),
    _period("duration", periods.whole_units, "Whole periods (year ... millisecond) from it to another date or time"),
    _period(
        "difference", periods.boundaries, "Boundaries (year ... millisecond) crossed to another; weeks from Sunday"
    ),
)
