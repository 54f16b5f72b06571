"""`=`, `~` and the order of values of every type (CQL 1.5, B.5, B.12)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from elm_operators_support import call, i, v

from cds.errors import EvaluationError
from cds.expr.elm.equality import Items, equal, equivalent
from cds.expr.elm.values import Code, Concept, Partial, Ratio, Tuple, ValueSet

N = None


def ratio(text: str) -> Ratio:
    result = call("ToRatio", text)
    assert type(result) is Ratio
    return result


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (1, 1, True),
        (1, Decimal("1.0"), True),
        (1.5, Decimal("1.5"), True),
        (True, 1, False),
        ("a", "A", False),
        ("a", N, N),
        (v("1 'm'"), v("100 'cm'"), True),
        (v("1 'm'"), v("1 'g'"), N),
        (v("1 year"), v("1 'a'"), N),
        (v("@2012"), v("@2012-01"), N),
        (v("@2012"), v("@2013-01"), False),
        ([1, N], [1, N], True),
        ([1, N], [1, 2], N),
        ([1, 2], [1, 3], False),
        ([N, 2], [1, 3], N),
        ([1], [1, 2], False),
        (Partial([1]), [1], N),
        (Partial([1]), Partial([1]), N),
        (Tuple({"a": 1, "b": N}), Tuple({"a": 1, "b": N}), True),
        (Tuple({"a": 1, "b": N}), Tuple({"a": 2, "b": 3}), False),
        (Tuple({"a": 1}), Tuple({"b": 1}), False),
        (Code("a", "s"), Code("a", "s"), True),
        (Code("a", "s"), Code("a", "t"), False),
        (Code("a", "s"), Code("a", "s", display="A"), N),
        (Concept([Code("a", "s")]), Concept([Code("a", "s")]), True),
        (Concept([Code("a", "s")]), Concept([Code("b", "s")]), False),
        (ratio("1 'mg':2 'mL'"), ratio("1 'mg':2 'mL'"), True),
        (ratio("1 'mg':2 'mL'"), ratio("2 'mg':4 'mL'"), False),
        (ValueSet("http://v"), ValueSet("http://v"), True),
        ({"value": 1}, {"value": 1}, True),
        (1, "1", False),
    ],
)
def test_equal(left: Any, right: Any, expected: bool | None) -> None:
    """`=` and `!=`, both ways round."""
    assert equal(left, right) is expected
    assert equal(right, left) is expected
    assert call("NotEqual", left, right) is (None if expected is None else not expected)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (N, N, True),
        (N, 1, False),
        ("Low back\tpain", "low back PAIN", True),
        ("a", "b", False),
        (Decimal("1.55"), Decimal("1.5"), False),
        (Decimal("1.001"), Decimal("1.000"), True),
        (1, Decimal("1.0"), True),
        (v("@2012"), v("@2012-01"), False),
        (v("1 year"), v("1 'a'"), True),
        ([1, N], [1, N], True),
        ([1, 2], [2, 1], False),
        ([1, 2], Partial([1, 2]), True),
        (Tuple({"a": N, "b": "X"}), Tuple({"a": N, "b": "x"}), True),
        (Tuple({"a": N}), Tuple({"b": N}), False),
        (Code("a", "s", "1", "A"), Code("a", "s", "2", "B"), True),
        (Code("a", "s"), Code("a"), False),
        (Concept([Code("a", "s"), Code("b", "s")]), Concept([Code("b", "s"), Code("c", "s")]), True),
        (Concept([Code("a", "s")]), Code("a", "s"), True),
        (Code("a", "s"), Concept([Code("b", "s")]), False),
        (ratio("1 'mg':100 'mL'"), ratio("10 'mg':1000 'mL'"), True),
        (ratio("1 'mg':100 'mL'"), ratio("0.001 'g':0.1 'L'"), True),
        (ratio("1 'mg':100 'mL'"), ratio("1 'mg':100 'mg'"), False),
        (1, "1", False),
    ],
)
def test_equivalent(left: Any, right: Any, expected: bool) -> None:
    """`~` always knows, both ways round."""
    assert equivalent(left, right) is expected
    assert equivalent(right, left) is expected


@pytest.mark.parametrize(("left", "right"), [("low  back", "LOW back"), (N, N), ("a", "b"), ("a", N)])
def test_equivalent_texts_by_static_type(left: str | None, right: str | None) -> None:
    """The handler for two Strings agrees with the general one."""
    assert call("Equivalent", left, right, types=("System.String",) * 2) is call("Equivalent", left, right)


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        (1, 2, -1),
        (Decimal("1.0"), 1, 0),
        (1.5, 2, -1),
        ("B", "a", -1),
        (v("1 'm'"), v("99 'cm'"), 1),
        (v("1 'm'"), v("1 'g'"), N),
        (v("@2012-01"), v("@2012-01"), 0),
        (v("@2012-01-01"), v("@2012-01-02T10:00"), -1),
        (v("@2012-01"), v("@2012-01-01"), N),
    ],
)
def test_order(left: Any, right: Any, order: int | None) -> None:
    """The four comparisons agree with one another."""
    for name, holds in (("Less", (-1,)), ("LessOrEqual", (-1, 0)), ("Greater", (1,)), ("GreaterOrEqual", (0, 1))):
        assert call(name, left, right) is (None if order is None else order in holds)


@pytest.mark.parametrize(("left", "right"), [(1, "a"), (True, False), (v("@2012-01-01"), v("@T10"))])
def test_what_has_no_order(left: Any, right: Any) -> None:
    """The error names kinds, not values."""
    with pytest.raises(EvaluationError, match="have no order"):
        call("Less", left, right)


def test_a_set_finds_equal_items_of_every_type() -> None:
    """Look-up by hash agrees with `=`: what is equal is found, whatever it is written like."""
    pairs = [
        (1, Decimal("1.0")),
        (v("1 'm'"), v("100 'cm'")),
        (v("@2012-01-01T10:00Z"), v("@2012-01-01T12:00+02:00")),
        ([1, v("1 'm'")], [Decimal(1), v("100 'cm'")]),
        (Tuple({"a": 1}), Tuple({"a": Decimal(1)})),
        (call("Collapse", [], N), []),
        (Code("a", "s"), Code("a", "s")),
        (i("[1, 5]"), i("(0, 6)")),
        (N, N),
    ]
    for item, other in pairs:
        assert other in Items([item])
        assert not Items([item]).add(other)
