"""Sets of truths: what an expression can come to, known without data. Three-valued logic over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product

Truth = bool | None
Truths = frozenset[Truth]

ANY: Truths = frozenset({True, False, None})
DECIDED: Truths = frozenset({True, False})
UNKNOWN: Truths = frozenset({None})
NONE: Truths = frozenset()


def negated(truths: Truths) -> Truths:
    """What `not` makes of them."""
    return frozenset(map(_not, truths))


def joined(operator: str, operands: Iterable[Truths]) -> Truths:
    """What `and`, `or`, `xor` or `implies` makes of operands, taken as if each went its own way."""
    join = LOGIC[operator]
    first, *rest = operands
    for operand in rest:
        first = frozenset(join(left, right) for left, right in product(first, operand))
    return first


def chosen(criterion: Truths, then: Truths, otherwise: Truths) -> Truths:
    """What a choice comes to that takes `then` when its criterion is true, else `otherwise`."""
    return (then if True in criterion else NONE) | (otherwise if criterion - {True} else NONE)


def _not(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _and(left: Truth, right: Truth) -> Truth:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def _or(left: Truth, right: Truth) -> Truth:
    return _not(_and(_not(left), _not(right)))


def _xor(left: Truth, right: Truth) -> Truth:
    return None if left is None or right is None else left is not right


def _implies(left: Truth, right: Truth) -> Truth:
    return _or(_not(left), right)


LOGIC: dict[str, Callable[[Truth, Truth], Truth]] = {"and": _and, "or": _or, "xor": _xor, "implies": _implies}
