"""Aggregates over lists (CQL 1.5, B.9). Nulls do not count. What would be concluded from a list that may lack items is
null: all but AnyTrue that found a true and AllTrue that found a false."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cds.errors import EvaluationError
from cds.expr import quantity as quantities
from cds.expr.elm import limits, numbers
from cds.expr.elm.equality import bucket, same
from cds.expr.elm.limits import CONTEXT
from cds.expr.elm.lists import absent, whole
from cds.expr.elm.ordering import compare
from cds.expr.quantity import Quantity
from cds.expr.values import decimal, describe, is_number

List = list[Any]


def _known(items: List | None) -> List:
    """The items that are not null; none for a list that may lack some."""
    if items is None or not whole(items):
        return []
    return [item for item in items if item is not None] if None in items else items


def count(items: List | None) -> int | None:
    """`Count`: 0 for null."""
    if items is None:
        return 0
    return len(_known(items)) if whole(items) else None


def all_true(items: List | None) -> bool | None:
    """`AllTrue`: true for an empty list."""
    if items is None:
        return True
    return False if False in items else None if not whole(items) else True


def any_true(items: List | None) -> bool | None:
    """`AnyTrue`: false for an empty list."""
    if items is None:
        return False
    return True if True in items else absent(items)


# --- folding -----------------------------------------------------------------------------------------------------


def _folding(operation: Callable[[Any, Any], Any], summary: str) -> Callable[[List | None], Any]:
    def fold(items: List | None) -> Any:
        result = None
        for item in _known(items):
            result = item if result is None else operation(result, item)
            if result is None:
                return None
        return result

    fold.__doc__ = summary
    return fold


sum_ = _folding(numbers.add, "`Sum`: null for an empty list, for an overflow and for units that do not go together.")
sum_longs = _folding(numbers.add_longs, "`Sum` of Longs.")
product = _folding(numbers.multiply, "`Product`.")
product_longs = _folding(numbers.multiply_longs, "`Product` of Longs.")


def _extreme(sign: int, summary: str) -> Callable[[List | None], Any]:
    def extreme(items: List | None) -> Any:
        found = None
        for item in _known(items):
            if found is None:
                found = item
                continue
            order = compare(item, found)
            if order is None:
                return None
            if order == sign:
                found = item
        return found

    extreme.__doc__ = summary
    return extreme


minimum = _extreme(-1, "`Min`: null for an empty list, and where partial dates leave it open.")
maximum = _extreme(1, "`Max`: null for an empty list, and where partial dates leave it open.")


# --- statistics --------------------------------------------------------------------------------------------------


def _statistic(
    compute: Callable[[list[Decimal]], Decimal | None], summary: str
) -> Callable[[List | None], Decimal | Quantity | None]:
    """A statistic of numbers, or of quantities in the unit of the first; null without items."""

    def statistic(items: List | None) -> Decimal | Quantity | None:
        known = _known(items)
        if not known:
            return None
        like = known[0] if type(known[0]) is Quantity else None
        numbers_ = _plain(known) if like is None else _in_unit(known, like)
        result = None if numbers_ is None else compute(numbers_)
        value = None if result is None else limits.as_decimal(result)
        return value if value is None or like is None else Quantity(value, like.unit, like.calendar)

    statistic.__doc__ = summary
    return statistic


def _plain(items: List) -> list[Decimal]:
    for item in items:
        if not is_number(item):
            raise EvaluationError(f"a statistic needs numbers, not {describe(item)}")
    return [decimal(item) for item in items]


def _in_unit(items: list[Quantity], like: Quantity) -> list[Decimal] | None:
    converted = [item if item.unit == like.unit else quantities.convert(item, like) for item in items]
    values = [item.value for item in converted if item is not None]
    return values if len(values) == len(items) else None


def _total(items: list[Decimal]) -> Decimal:
    result = Decimal(0)
    for item in items:
        result = CONTEXT.add(result, item)
    return result


def _mean(items: list[Decimal]) -> Decimal:
    return CONTEXT.divide(_total(items), Decimal(len(items)))


def _median(items: list[Decimal]) -> Decimal:
    ordered, middle = sorted(items), len(items) // 2
    return ordered[middle] if len(ordered) % 2 else _mean(ordered[middle - 1 : middle + 1])


def _variance(items: list[Decimal], free: int) -> Decimal | None:
    if len(items) <= free:
        return None
    mean = _mean(items)
    squares = [CONTEXT.power(CONTEXT.subtract(item, mean), 2) for item in items]
    return CONTEXT.divide(_total(squares), Decimal(len(items) - free))


def _deviation(items: list[Decimal], free: int) -> Decimal | None:
    found = _variance(items, free)
    return None if found is None else CONTEXT.sqrt(found)


def _geometric(items: list[Decimal]) -> Decimal | None:
    if any(item < 0 for item in items):
        return None
    if not all(items):
        return Decimal(0)
    return CONTEXT.exp(_mean([CONTEXT.ln(item) for item in items]))


average = _statistic(_mean, "`Avg`.")
median = _statistic(_median, "`Median`: the mean of the two in the middle of an even number.")
variance = _statistic(lambda items: _variance(items, 1), "`Variance` of a sample.")
population_variance = _statistic(lambda items: _variance(items, 0), "`PopulationVariance`.")
standard_deviation = _statistic(lambda items: _deviation(items, 1), "`StdDev` of a sample.")
population_deviation = _statistic(lambda items: _deviation(items, 0), "`PopulationStdDev`.")
geometric_mean = _statistic(_geometric, "`GeometricMean`: null when a number is negative.")


def mode(items: List | None) -> Any:
    """`Mode`: the item found most often, the first of them in the list."""
    groups: dict[Any, list[list[Any]]] = {}
    order: list[list[Any]] = []
    for item in _known(items):
        held = groups.setdefault(bucket(item), [])
        group = next((group for group in held if same(group[0], item)), None)
        if group is None:
            group = []
            held.append(group)
            order.append(group)
        group.append(item)
    return max(order, key=len)[0] if order else None
