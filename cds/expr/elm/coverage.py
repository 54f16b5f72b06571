"""Lists of intervals: `collapse`, and `expand` into pieces or points of a size (CQL 1.5, B.7)."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from functools import cmp_to_key
from typing import Any

from cds.errors import EvaluationError, SizeLimitError
from cds.expr import quantity as quantities
from cds.expr.elm import dates, edges, limits, numbers
from cds.expr.elm.limits import CONTEXT
from cds.expr.elm.lists import alike
from cds.expr.elm.values import Interval
from cds.expr.evaluation import MAX_ITEMS, Evaluation
from cds.expr.quantity import Quantity
from cds.expr.temporal import Temporal
from cds.expr.values import decimal

#: Start, end and point type.
Span = tuple[Any, Any, str | None]
_UNITS = quantities.TIME_UNITS | {"a": "year", "mo": "month"}


def _unit(per: Quantity) -> str | None:
    """The calendar unit of a quantity; a week is seven days."""
    return per.calendar or _UNITS.get(per.unit)


def _plus(value: Any, per: Quantity) -> Any:
    """A point moved by a size; None beyond the end of its type."""
    if isinstance(value, Temporal):
        later = dates.shifted(value, per)
        return None if later is None or dates.order(later, value) == -1 else later  # a Time does not go past midnight
    if type(value) is Quantity:
        return numbers.add(value, Quantity(per.value, value.unit, value.calendar) if per.unit == "1" else per)
    if type(value) is int and per.value == int(per.value):
        return limits.as_long(value + int(per.value))
    return numbers.add_decimals(value, per.value)


# --- collapse ----------------------------------------------------------------------------------------------------


def collapse(intervals: list[Interval | None] | None, per: Quantity | None = None) -> list[Interval] | None:
    """`collapse`: intervals that overlap or meet become one, sorted by start; with `per` those that are no further
    apart than it too. An interval of which neither end is known is left out."""
    if intervals is None:
        return None
    spans: list[Span] = []
    for interval in intervals:
        if interval is not None:
            first, last = edges.low(interval), edges.high(interval)
            if type(first) is not edges.Unknown or type(last) is not edges.Unknown:
                spans.append((first, last, interval.point))
    spans.sort(key=cmp_to_key(_earlier))
    merged: list[Span] = []
    for first, last, point in spans:
        if merged and _joins(merged[-1][1], first, per):
            start, end, kind = merged[-1]
            merged[-1] = (start, edges.later(end, last), kind)
        else:
            merged.append((first, last, point))
    return alike([edges.between(*span) for span in merged], intervals)


def _earlier(one: Span, other: Span) -> int:
    first, second = _least(one[0]), _least(other[0])
    return 0 if first is None or second is None else edges.order(first, second, None) or 0


def _least(end: Any) -> Any:
    return end.least if type(end) is edges.Unknown else end


def _joins(end: Any, start: Any, per: Quantity | None) -> bool:
    """Whether the interval from `start` goes on where the one to `end` ends."""
    precision = _unit(per) if per is not None and isinstance(end, Temporal) else None
    precision = "day" if precision == "week" else precision
    if edges.not_after(start, end, precision) is True:
        return True
    if per is None or type(end) is edges.Unknown:
        return edges.follows(end, start) is True
    reach = _plus(end, per)
    return reach is None or edges.not_after(start, reach, precision) is True


# --- expand ------------------------------------------------------------------------------------------------------


#: What a piece costs in steps: a small operand may have very many.
_PIECE = 10


def expand(operand: Any, per: Quantity | None = None, *, ev: Evaluation) -> list[Any] | None:
    """`expand`: a list of intervals becomes the intervals of size `per` within them, one interval the starts of these.
    Without `per` the size is one step of the coarsest end, or 1 (CQL B.7.4). Each piece is paid for as it is made."""
    if operand is None:
        return None
    if type(operand) is Interval:
        return [piece.low for piece in _pieces(operand, per, ev)]
    result: list[Interval] = []
    for interval in operand:
        if interval is not None:
            result.extend(_pieces(interval, per, ev))
    return alike(result, operand)


def _pieces(interval: Interval, per: Quantity | None, ev: Evaluation) -> list[Interval]:
    first, last = edges.known(edges.low(interval)), edges.known(edges.high(interval))
    if first is None or last is None:
        return []
    if isinstance(first, Temporal):
        return _calendar_pieces(first, last, per, interval.point, ev)
    return _number_pieces(first, last, per, interval.point, ev)


def _calendar_pieces(
    first: Temporal, last: Temporal, per: Quantity | None, point: str | None, ev: Evaluation
) -> list[Interval]:
    known = min(dates.level(first), dates.level(last))
    size = per or quantities.calendar_quantity(Decimal(1), dates.PRECISIONS[known - 1])
    unit, count = _unit(size), int(size.value)
    if unit is None or count < 1:
        raise EvaluationError("dates are expanded per duration", hint="use a duration such as per day")
    if unit == "week":
        unit, count = "day", count * 7
    if dates.LEVEL[unit] > known:
        return []
    first, last = dates.truncated(first, unit), dates.truncated(last, unit)
    return _walk(first, last, quantities.calendar_quantity(Decimal(count), unit), Decimal(1), point, ev)


def _number_pieces(first: Any, last: Any, per: Quantity | None, point: str | None, ev: Evaluation) -> list[Interval]:
    """Numbers are cut to the digits of the size first; a whole number stands for all decimals that start with it."""
    size = per or Quantity(Decimal(1))
    if size.value <= 0:
        raise EvaluationError("the size of the pieces must be more than 0")
    digits = max(-size.value.normalize(CONTEXT).as_tuple().exponent, 0)  # type: ignore[operator]
    step = Decimal(1).scaleb(-digits)
    if digits and type(last) is int:
        last = CONTEXT.subtract(Decimal(last + 1), step)
    return _walk(_cut(first, step), _cut(last, step), size, step, point, ev)


def _cut(value: Any, step: Decimal) -> Any:
    if type(value) is Quantity:
        return Quantity(_cut(value.value, step), value.unit, value.calendar)
    return (
        value
        if type(value) is int and step == 1
        else CONTEXT.multiply(CONTEXT.divide(decimal(value), step).to_integral_value(ROUND_FLOOR), step)
    )


def _walk(first: Any, last: Any, size: Quantity, step: Decimal, point: str | None, ev: Evaluation) -> list[Interval]:
    """Intervals of a size from `first` as long as they end by `last`; the next one starts a step after the end."""
    pieces: list[Interval] = []
    rest = Quantity(CONTEXT.subtract(size.value, step), size.unit, size.calendar)
    at = first
    while at is not None:
        end = _plus(at, rest)
        if end is None or edges.not_after(end, last) is not True:
            break
        if len(pieces) == MAX_ITEMS:
            raise SizeLimitError(f"expand gave more than {MAX_ITEMS} intervals", hint="use a larger per")
        ev.spend(_PIECE)
        pieces.append(Interval(at, end, True, True, point))
        at = _plus(at, size)
    return pieces
