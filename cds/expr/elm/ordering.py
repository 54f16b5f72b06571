"""The order of CQL values (1.5, B.2): numbers, text by code points, quantities, dates and times."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cds.errors import EvaluationError
from cds.expr import quantity as quantities
from cds.expr.elm import dates
from cds.expr.elm.values import Uncertainty
from cds.expr.quantity import Quantity
from cds.expr.temporal import Date, DateTime, Time
from cds.expr.values import decimal, describe, is_number

_ORDER: dict[type, Callable[[Any, Any], int | None]] = {
    Date: dates.order,
    DateTime: dates.order,
    Time: dates.order,
    Quantity: quantities.compare,
}


def compare(left: Any, right: Any) -> int | None:
    """-1, 0 or 1 for two values that are not null, None where it is open. EvaluationError for types without order."""
    kind = type(left)
    if kind is type(right):
        if kind is int or kind is str or kind is Decimal:
            return (left > right) - (left < right)  # type: ignore[no-any-return]
        handler = _ORDER.get(kind)
        if handler is not None:
            return handler(left, right)
    if is_number(left) and is_number(right):
        first, second = decimal(left), decimal(right)
        return (first > second) - (first < second)
    if {kind, type(right)} == {Date, DateTime}:
        return dates.order(left, right)
    raise EvaluationError(f"{describe(left)} and {describe(right)} have no order")


def less(left: Any, right: Any) -> bool | None:
    """`left < right`."""
    if type(left) is Uncertainty or type(right) is Uncertainty:
        return left < right  # type: ignore[no-any-return]
    found = compare(left, right)
    return None if found is None else found < 0


def less_or_equal(left: Any, right: Any) -> bool | None:
    """`left <= right`."""
    if type(left) is Uncertainty or type(right) is Uncertainty:
        return left <= right  # type: ignore[no-any-return]
    found = compare(left, right)
    return None if found is None else found <= 0


def greater(left: Any, right: Any) -> bool | None:
    """`left > right`."""
    return less(right, left)


def greater_or_equal(left: Any, right: Any) -> bool | None:
    """`left >= right`."""
    return less_or_equal(right, left)
