"""Date, DateTime and Time of FHIRPath: partial values, kept offsets, three-valued comparison, calendar arithmetic.

A value keeps the components it was written with, so `2020` stays a year. Comparison follows FHIRPath 6.2: components
decide as far as both sides have them, and what remains is unknown (None).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import ClassVar

MICRO = 1_000_000
#: The widest offsets there are: a value without offset lies between them (minutes).
EASTMOST, WESTMOST = 14 * 60, -12 * 60


class Temporal:
    """What Date, DateTime and Time share: `parts`, the components that are known, coarsest first. The second is held
    in microseconds; `digits` is how many fraction digits were written. `offset` is in minutes, None when unknown."""

    __slots__ = ("digits", "offset", "parts")
    name: ClassVar[str] = ""

    def __init__(self, parts: tuple[int, ...], offset: int | None = None, digits: int = 0) -> None:
        self.parts = parts
        self.offset = offset
        self.digits = digits

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Temporal) and type(other) is type(self) and equal(self, other) is True

    def __hash__(self) -> int:
        known = self.offset is not None and len(self.parts) > 3
        return hash((self.name, _instant(self) if known else self.parts))

    def __repr__(self) -> str:
        return f"{self.name}({self})"


class Date(Temporal):
    """A calendar day, month or year: parts (year[, month[, day]])."""

    __slots__ = ()
    name = "Date"

    def __str__(self) -> str:
        return _date_text(self.parts)


class DateTime(Temporal):
    """A point in time: parts (year[, month[, day[, hour[, minute[, microseconds]]]]])."""

    __slots__ = ()
    name = "DateTime"

    def __str__(self) -> str:
        text = _date_text(self.parts[:3])
        if len(self.parts) > 3:
            text += "T" + _time_text(self.parts[3:], self.digits) + _offset_text(self.offset)
        return text


class Time(Temporal):
    """A time of day: parts (hour[, minute[, microseconds]])."""

    __slots__ = ()
    name = "Time"

    def __str__(self) -> str:
        return _time_text(self.parts, self.digits)


def _date_text(parts: tuple[int, ...]) -> str:
    if len(parts) == 3:
        return f"{parts[0]:04}-{parts[1]:02}-{parts[2]:02}"
    return f"{parts[0]:04}-{parts[1]:02}" if len(parts) == 2 else f"{parts[0]:04}"


def _time_text(parts: tuple[int, ...], digits: int) -> str:
    text = ":".join(f"{part:02}" for part in parts[:2])
    if len(parts) > 2:
        seconds, micro = divmod(parts[2], MICRO)
        text += f":{seconds:02}"
        if digits:
            text += "." + f"{micro:06}"[:digits].ljust(digits, "0")
    return text


def _offset_text(offset: int | None) -> str:
    if offset is None:
        return ""
    if offset == 0:
        return "Z"
    hours, minutes = divmod(abs(offset), 60)
    return f"{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}"


def _moment(parts: tuple[int, ...]) -> datetime:
    year, month, day, hour, minute, micro = (parts + (1, 1, 1, 0, 0, 0)[len(parts) :])[:6]
    micro = min(micro, 60 * MICRO - 1)  # a leap second reads as the end of its minute
    return datetime(year, month, day, hour, minute, micro // MICRO, micro % MICRO)  # noqa: DTZ001 - offsets kept apart


def _parts_of(moment: datetime, count: int) -> tuple[int, ...]:
    micro = moment.second * MICRO + moment.microsecond
    return (moment.year, moment.month, moment.day, moment.hour, moment.minute, micro)[:count]


# --- reading -----------------------------------------------------------------------------------------------------


def _digits(text: str, count: int) -> int | None:
    return int(text) if len(text) == count and text.isascii() and text.isdigit() else None


def _read_date(text: str) -> tuple[int, ...] | None:
    pieces = text.split("-")
    if len(pieces) > 3:
        return None
    parts = []
    for piece, count in zip(pieces, (4, 2, 2), strict=False):
        number = _digits(piece, count)
        if number is None or number == 0:
            return None
        parts.append(number)
    if len(parts) > 1 and parts[1] > 12:
        return None
    if len(parts) > 2 and parts[2] > monthrange(parts[0], parts[1])[1]:
        return None
    return tuple(parts)


def _read_time(text: str) -> tuple[tuple[int, ...], int] | None:
    text, dot, fraction = text.partition(".")
    pieces = text.split(":")
    if len(pieces) > 3 or (dot and (len(pieces) != 3 or not (fraction.isascii() and fraction.isdigit()))):
        return None
    parts = []
    for piece, limit in zip(pieces, (23, 59, 60), strict=False):
        number = _digits(piece, 2)
        if number is None or number > limit:
            return None
        parts.append(number)
    if len(parts) == 3:
        parts[2] = parts[2] * MICRO + int(fraction[:6].ljust(6, "0") or 0)
    return tuple(parts), min(len(fraction), 9)


def _read_offset(text: str) -> tuple[str, int | None] | None:
    """The time before the offset, and the offset in minutes."""
    if text.endswith("Z"):
        return text[:-1], 0
    if len(text) > 6 and text[-6] in "+-":
        hours, minutes = _digits(text[-5:-3], 2), _digits(text[-2:], 2)
        if text[-3] != ":" or hours is None or minutes is None or hours > 14 or minutes > 59:
            return None
        total = hours * 60 + minutes
        return text[:-6], -total if text[-6] == "-" else total
    return text, None


@lru_cache(maxsize=16384)
def parse_date(text: str) -> Date | None:
    """`YYYY[-MM[-DD]]` as a Date, else None."""
    parts = _read_date(text)
    return None if parts is None else Date(parts)


@lru_cache(maxsize=16384)
def parse_datetime(text: str) -> DateTime | None:
    """`YYYY[-MM[-DD[Thh[:mm[:ss[.f]]][offset]]]]` as a DateTime (a bare `T` may follow any date), else None."""
    day, mark, rest = text.partition("T")
    parts = _read_date(day)
    if parts is None:
        return None
    if not rest:
        return DateTime(parts)
    split = _read_offset(rest)
    clock = _read_time(split[0]) if split is not None and len(parts) == 3 and mark else None
    if split is None or clock is None:
        return None
    return DateTime(parts + clock[0], split[1], clock[1])


@lru_cache(maxsize=4096)
def parse_time(text: str) -> Time | None:
    """`hh[:mm[:ss[.f]]]` as a Time, else None."""
    clock = _read_time(text)
    return None if clock is None else Time(clock[0], None, clock[1])


def parse(text: str) -> Date | DateTime | None:
    """A FHIR date, dateTime or instant string: a Date unless it has a time of day."""
    if not text[:4].isdigit():
        return None
    return parse_datetime(text) if "T" in text else parse_date(text)


def of_datetime(moment: datetime) -> DateTime:
    """An aware datetime as a DateTime with milliseconds and its offset."""
    utc_offset = moment.utcoffset()
    offset = None if utc_offset is None else int(utc_offset.total_seconds() // 60)
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return DateTime(_parts_of(moment, 6), offset, 3)


def of_date(day: date) -> Date:
    """A date as a Date."""
    return Date((day.year, day.month, day.day))


# --- comparing ---------------------------------------------------------------------------------------------------


def _instant(value: Temporal) -> tuple[int, ...]:
    """Hour, minute and microseconds since the start of the calendar at offset 0, at the precision of the value. It
    has a time of day; a missing offset counts as 0."""
    year, month, day, hour, *rest = value.parts
    minutes = date(year, month, day).toordinal() * 1440 + hour * 60 + (rest[0] if rest else 0) - (value.offset or 0)
    return (*divmod(minutes, 60), *rest[1:])[: len(value.parts) - 3]


def order(left: tuple[int, ...], right: tuple[int, ...]) -> int | None:
    """-1, 0 or 1 of two runs of parts; None when one is the start of the other, so that precision leaves it open."""
    count = min(len(left), len(right))
    first, second = left[:count], right[:count]
    if first != second:
        return -1 if first < second else 1
    return 0 if len(left) == len(right) else None


def _order_beside_unknown_offset(left: Temporal, right: Temporal) -> int | None:
    """Order when one side has an offset and the other none: decided only outside the range of all offsets."""
    if left.offset is None:
        turned = _order_beside_unknown_offset(right, left)
        return None if turned is None else -turned
    earliest, latest = (_instant(DateTime(right.parts, offset)) for offset in (EASTMOST, WESTMOST))
    known = _instant(left)
    if order(known, earliest) == -1:
        return -1
    return 1 if order(known, latest) == 1 else None


def compare(left: Temporal, right: Temporal) -> int | None:
    """-1, 0 or 1, or None when precision or offsets leave it open (FHIRPath 6.2). A Date beside a DateTime compares
    with the calendar day written there. Only call it for two Times, or for two values that are not Times."""
    if left.offset is not None or right.offset is not None:
        if left.offset == right.offset:
            return order(left.parts, right.parts)
        if len(left.parts) > 3 and len(right.parts) > 3:
            if left.offset is None or right.offset is None:
                return _order_beside_unknown_offset(left, right)
            return order(_instant(left), _instant(right))
    return order(left.parts, right.parts)


def comparable(left: Temporal, right: Temporal) -> bool:
    """True when both are Times or neither is."""
    return (type(left) is Time) == (type(right) is Time)


def equal(left: Temporal, right: Temporal) -> bool | None:
    """FHIRPath 6.1 `=`: None when precision or offsets leave it open."""
    if not comparable(left, right):
        return False
    found = compare(left, right)
    return None if found is None else found == 0


def equivalent(left: Temporal, right: Temporal) -> bool:
    """FHIRPath 6.1 `~`: as `=`, but different precision is false."""
    return equal(left, right) is True


# --- arithmetic --------------------------------------------------------------------------------------------------

#: Units finer than a month, in microseconds.
DURATIONS = {
    "week": 7 * 86400 * MICRO,
    "day": 86400 * MICRO,
    "hour": 3600 * MICRO,
    "minute": 60 * MICRO,
    "second": MICRO,
    "millisecond": 1000,
}
#: Those that are whole days.
_DAYS = {"week": 7, "day": 1}


def _months(parts: tuple[int, ...], count: int) -> tuple[int, ...] | None:
    index = parts[0] * 12 + (parts[1] if len(parts) > 1 else 1) - 1 + count
    year, month = index // 12, index % 12 + 1
    if not 1 <= year <= 9999:
        return None
    if len(parts) == 1:
        return (year,)
    if len(parts) == 2:
        return (year, month)
    return (year, month, min(parts[2], monthrange(year, month)[1]), *parts[3:])


def _toward_zero(number: int, divisor: int) -> int:
    return number // divisor if number >= 0 else -(-number // divisor)


def _shift(parts: tuple[int, ...], amount: int, unit: str) -> tuple[int, ...] | None:
    if unit in ("year", "month"):
        months = amount * 12 if unit == "year" else amount
        return _months(parts, months if len(parts) > 1 else _toward_zero(months, 12) * 12)
    if len(parts) == 3 and unit in _DAYS:
        try:
            day = date(*parts) + timedelta(days=amount * _DAYS[unit])
        except OverflowError:
            return None
        return day.year, day.month, day.day
    micros = amount * DURATIONS[unit]
    if len(parts) < 3:  # FHIRPath 6.6.7: a partial date moves by its own precision, 365 days a year, 30 a month
        days = _toward_zero(micros, DURATIONS["day"])
        return _months(parts, _toward_zero(days, 365) * 12 if len(parts) == 1 else _toward_zero(days, 30))
    finest = {3: "day", 4: "hour", 5: "minute"}.get(len(parts))
    if finest:
        micros = _toward_zero(micros, DURATIONS[finest]) * DURATIONS[finest]
    try:
        return _parts_of(_moment(parts) + timedelta(microseconds=micros), len(parts))
    except OverflowError:
        return None


def add(value: Temporal, amount: int, unit: str) -> Temporal | None:
    """`value` moved by a whole number of calendar units (`year` ... `millisecond`), FHIRPath 6.6.7; the last day of a
    shorter month replaces a day it lacks. None when the result leaves the years 1 to 9999."""
    if type(value) is Time:
        micros = (DURATIONS["hour"], DURATIONS["minute"], 1)
        total = sum(part * size for part, size in zip(value.parts, micros, strict=False))
        total = (total + amount * DURATIONS[unit]) % DURATIONS["day"] if unit in DURATIONS else total
        hour, rest = divmod(total, DURATIONS["hour"])
        clock = (hour, rest // DURATIONS["minute"], rest % DURATIONS["minute"])[: len(value.parts)]
        return Time(clock, None, _fraction_digits(value, unit))
    if abs(amount) > 10**12:
        return None
    parts = _shift(value.parts, amount, unit)
    return None if parts is None else type(value)(parts, value.offset, _fraction_digits(value, unit))


def _fraction_digits(value: Temporal, unit: str) -> int:
    full = len(value.parts) == (3 if type(value) is Time else 6)
    return max(value.digits, 3) if unit == "millisecond" and full else value.digits


def calendar_day(value: Date | DateTime, zone: tzinfo) -> Date:
    """The earliest calendar day the value may mean; a DateTime with an offset is read in `zone` first."""
    if type(value) is DateTime and value.offset is not None and len(value.parts) > 3:
        try:
            moment = _moment(value.parts) - timedelta(minutes=value.offset)
            return of_date(moment.replace(tzinfo=UTC).astimezone(zone).date())
        except OverflowError:
            pass
    return of_date(date(*(*value.parts[:3], 1, 1)[:3]))


# --- precision and boundaries ------------------------------------------------------------------------------------

#: Digits of a fully written value down to each component (FHIRPath 3.0 precision()).
DATE_DIGITS = (4, 6, 8)
DATETIME_DIGITS = (4, 6, 8, 10, 12, 17)
TIME_DIGITS = (2, 4, 9)


def precision(value: Temporal) -> int:
    """The number of digits the value was written with: 4 for a year, 17 for milliseconds."""
    table = TIME_DIGITS if type(value) is Time else DATETIME_DIGITS
    digits = table[len(value.parts) - 1]
    return digits - 3 + min(value.digits, 3) if digits in (9, 17) else digits


def boundary(value: Temporal, digits: int | None, high: bool) -> Temporal | None:
    """lowBoundary()/highBoundary() (FHIRPath 3.0): the first or last value at `digits` digits of precision that the
    partial value may mean; None when that precision does not exist for the type."""
    if type(value) is Time:
        return _bound(value, digits or 9, TIME_DIGITS, high, Time)
    if type(value) is Date:
        return _bound(value, digits or 8, DATE_DIGITS, high, Date)
    bounded = _bound(value, digits or 17, DATETIME_DIGITS, high, DateTime)
    if bounded is not None and len(bounded.parts) > 3 and bounded.offset is None:
        bounded.offset = WESTMOST if high else EASTMOST
    return bounded


def _bound(
    value: Temporal, digits: int, table: tuple[int, ...], high: bool, make: Callable[..., Temporal]
) -> Temporal | None:
    if digits not in table:
        return None
    wanted = table.index(digits) + 1
    parts = value.parts
    if make is DateTime and len(parts) == 4:
        parts += (0,)  # the published suites read an hour without minutes as the full hour
    if make is not Time:
        parts += _date_fill(parts, high)
    clock = (23, 59, 60 * MICRO - 1000) if high else (0, 0, 0)
    offset = 0 if make is Time else 3
    parts += clock[max(len(parts) - offset, 0) :]
    return make(parts[:wanted], value.offset, 3 if digits in (9, 17) else 0)


def _date_fill(parts: tuple[int, ...], high: bool) -> tuple[int, ...]:
    if len(parts) >= 3:
        return ()
    month = parts[1] if len(parts) > 1 else (12 if high else 1)
    day = monthrange(parts[0], month)[1] if high else 1
    return (month, day)[len(parts) - 1 :]
