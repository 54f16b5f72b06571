"""`=` and `~` of CQL values (1.5, B.5), and the set semantics that follow from `=`.

`=` answers None where nulls or partial dates leave it open. Tuples and lists are compared element by element, and the
first that is not equal decides; two nulls within them are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from cds.expr import quantity as quantities
from cds.expr import values
from cds.expr.elm import dates, edges
from cds.expr.elm.limits import CONTEXT
from cds.expr.elm.logic import and_
from cds.expr.elm.values import Code, Concept, Interval, Partial, Ratio, Tuple, Uncertainty
from cds.expr.quantity import Quantity
from cds.expr.temporal import Date, DateTime, Temporal, Time
from cds.expr.values import decimal

_PLAIN = frozenset({str, int, bool, Decimal})


# --- equal -------------------------------------------------------------------------------------------------------


def equal(left: Any, right: Any) -> bool | None:
    """`left = right`; None when either is null or it is open."""
    if left is None or right is None:
        return None
    kind = type(left)
    if kind is type(right):
        if kind in _PLAIN:
            return bool(left == right)
        handler = _EQUAL.get(kind)
        return handler(left, right) if handler is not None else bool(left == right)
    if isinstance(left, list) and isinstance(right, list):
        return _equal_lists(left, right)
    return _equal_mixed(left, right)


def _equal_mixed(left: Any, right: Any) -> bool | None:
    if type(left) is bool or type(right) is bool:
        return False
    if type(left) is float or type(right) is float:
        return values.is_number(left) and values.is_number(right) and decimal(left) == decimal(right)
    if isinstance(left, Temporal) and isinstance(right, Temporal):
        return dates.equal(left, right)
    if type(left) is Uncertainty or type(right) is Uncertainty:
        if type(left) is Interval or type(right) is Interval:
            return _equal_intervals(_as_interval(left), _as_interval(right))
        return left == right  # type: ignore[no-any-return]
    return bool(left == right)


def _as_interval(value: Any) -> Interval:
    return Interval(value.low, value.high) if type(value) is Uncertainty else value


def _both(left: Any, right: Any) -> bool | None:
    """Equality of elements: two nulls are equal."""
    return True if left is None and right is None else equal(left, right)


def _all_equal(pairs: Iterable[tuple[Any, Any]]) -> bool | None:
    for left, right in pairs:
        same = _both(left, right)
        if same is not True:
            return same
    return True


def _equal_lists(left: list[Any], right: list[Any]) -> bool | None:
    if type(left) is Partial or type(right) is Partial:
        return None
    if len(left) != len(right):
        return False
    return _all_equal(zip(left, right, strict=True))


def _equal_tuples(left: Tuple, right: Tuple) -> bool | None:
    if left.elements.keys() != right.elements.keys():
        return False
    return _all_equal((value, right.elements[name]) for name, value in left.elements.items())


def _equal_intervals(left: Interval, right: Interval) -> bool | None:
    starts = edges.same(edges.low(left), edges.low(right))
    return False if starts is False else and_(starts, edges.same(edges.high(left), edges.high(right)))


def _equal_codes(left: Code, right: Code) -> bool | None:
    if left.code != right.code and left.code is not None and right.code is not None:
        return False
    return _all_equal(
        (
            (left.code, right.code),
            (left.system, right.system),
            (left.version, right.version),
            (left.display, right.display),
        )
    )


def _equal_concepts(left: Concept, right: Concept) -> bool | None:
    return _all_equal(((list(left.codes), list(right.codes)), (left.display, right.display)))


def _equal_ratios(left: Ratio, right: Ratio) -> bool | None:
    return _all_equal(((left.numerator, right.numerator), (left.denominator, right.denominator)))


_EQUAL: dict[type, Callable[[Any, Any], bool | None]] = {
    float: lambda left, right: bool(left == right),
    list: _equal_lists,
    Partial: _equal_lists,
    dict: values.equal,
    Date: dates.equal,
    DateTime: dates.equal,
    Time: dates.equal,
    Quantity: quantities.equal,
    Tuple: _equal_tuples,
    Interval: _equal_intervals,
    Code: _equal_codes,
    Concept: _equal_concepts,
    Ratio: _equal_ratios,
    Uncertainty: lambda left, right: left == right,
}


def not_equal(left: Any, right: Any) -> bool | None:
    """`left != right`."""
    same = equal(left, right)
    return None if same is None else not same


# --- equivalent --------------------------------------------------------------------------------------------------


def equivalent(left: Any, right: Any) -> bool:
    """`left ~ right`: never null, two nulls are equivalent; text without case and space differences, decimals at the
    coarser precision, codes by code and system (CQL B.5.3)."""
    if left is None or right is None:
        return left is None and right is None
    handler = _EQUIVALENT.get(type(left))
    if handler is not None and type(left) is type(right):
        return handler(left, right)
    if values.is_number(left) and values.is_number(right):
        return _equivalent_numbers(left, right)
    if isinstance(left, list) and isinstance(right, list):
        return _equivalent_lists(left, right)
    if type(left) is Concept and type(right) is Code:
        return _equivalent_concepts(left, Concept((right,)))
    if type(left) is Code and type(right) is Concept:
        return _equivalent_concepts(Concept((left,)), right)
    return equal(left, right) is True


def _equivalent_numbers(left: Any, right: Any) -> bool:
    first, second = decimal(left), decimal(right)
    digits = Decimal(1).scaleb(-min(_places(first), _places(second)))
    return first.quantize(digits, ROUND_HALF_UP, CONTEXT) == second.quantize(digits, ROUND_HALF_UP, CONTEXT)


def _places(value: Decimal) -> int:
    """Digits behind the point; zeros at the end do not count."""
    exponent = value.normalize(CONTEXT).as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _equivalent_lists(left: list[Any], right: list[Any]) -> bool:
    return len(left) == len(right) and all(map(equivalent, left, right))


def _equivalent_tuples(left: Tuple, right: Tuple) -> bool:
    if left.elements.keys() != right.elements.keys():
        return False
    return all(equivalent(value, right.elements[name]) for name, value in left.elements.items())


def _equivalent_intervals(left: Interval, right: Interval) -> bool:
    starts, ends = (edges.low(left), edges.low(right)), (edges.high(left), edges.high(right))
    return all(
        equivalent(first, second)
        if type(first) is not edges.Unknown and type(second) is not edges.Unknown
        else type(first) is type(second)
        for first, second in (starts, ends)
    )


def _equivalent_codes(left: Code, right: Code) -> bool:
    return left.code == right.code and left.system == right.system


def _equivalent_concepts(left: Concept, right: Concept) -> bool:
    return any(_equivalent_codes(one, other) for one in left.codes for other in right.codes)


def _equivalent_ratios(left: Ratio, right: Ratio) -> bool:
    """The same proportion: 1:100 is equivalent to 10:1000."""
    if equivalent(left.numerator, right.numerator) and equivalent(left.denominator, right.denominator):
        return True
    numerators = quantities.convert(right.numerator, left.numerator)
    denominators = quantities.convert(right.denominator, left.denominator)
    if numerators is None or denominators is None:
        return False
    across = CONTEXT.multiply(left.numerator.value, denominators.value)
    return across == CONTEXT.multiply(numerators.value, left.denominator.value)


_EQUIVALENT: dict[type, Callable[[Any, Any], bool]] = {
    str: values.equivalent,
    Decimal: _equivalent_numbers,
    list: _equivalent_lists,
    dict: values.equivalent,
    Quantity: quantities.equivalent,
    Tuple: _equivalent_tuples,
    Interval: _equivalent_intervals,
    Code: _equivalent_codes,
    Concept: _equivalent_concepts,
    Ratio: _equivalent_ratios,
}


def equivalent_texts(left: str | None, right: str | None) -> bool:
    """`~` of two Strings."""
    if left == right:
        return True
    return left is not None and right is not None and values.folded(left) == values.folded(right)


# --- sets --------------------------------------------------------------------------------------------------------


def bucket(item: Any) -> Hashable:
    """A value that is the same for equal items (and may be for others): what sets of items are looked up by."""
    kind = type(item)
    if kind is str or kind is int or kind is Decimal or kind is Quantity or item is None:
        return item  # type: ignore[no-any-return]
    if kind is dict:
        identity = item.get("id")
        return (item.get("resourceType"), identity) if type(identity) is str else values.key(item)
    if isinstance(item, list):
        return tuple(map(bucket, item))
    if kind is Tuple:
        return frozenset((name, bucket(value)) for name, value in item.elements.items())
    if kind is Interval:
        return (Interval, *(bucket(edges.known(end)) for end in (edges.low(item), edges.high(item))))
    if kind is Uncertainty:
        return Uncertainty
    return values.key(item)


def same(left: Any, right: Any) -> bool:
    """Whether two items are one in a set: equal for certain, or both null."""
    return left is right or equal(left, right) is True


class Items:
    """A set of CQL values by `=`, with nulls that equal each other."""

    __slots__ = ("_buckets",)

    def __init__(self, items: Iterable[Any] = ()) -> None:
        self._buckets: dict[Hashable, list[Any]] = {}
        for item in items:
            self.add(item)

    def __contains__(self, item: Any) -> bool:
        held = self._buckets.get(bucket(item))
        return held is not None and any(same(item, other) for other in held)

    def add(self, item: Any) -> bool:
        """Put an item in; False when it was there."""
        key = bucket(item)
        held = self._buckets.get(key)
        if held is None:
            self._buckets[key] = [item]
            return True
        for other in held:
            if same(item, other):
                return False
        held.append(item)
        return True
