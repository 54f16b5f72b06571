"""Items: equality, order, truth and their JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cds import expr
from cds.errors import EvaluationError, LimitError
from cds.expr import temporal, values
from cds.expr.quantity import Quantity, calendar_quantity

DAY = temporal.parse_date("2020-05-01")


@pytest.mark.parametrize(
    ("left", "right", "answer"),
    [
        (1, Decimal("1.0"), True),
        (0.1, Decimal("0.1"), True),
        (True, 1, False),
        ("a", "A", False),
        ("2020", "2020-05", None),
        ("2020-05-01T10:00:00Z", "2020-05-01T12:00:00+02:00", True),
        ("2020-05-01", DAY, True),
        ("junk", DAY, False),
        ({"value": 1, "code": "g"}, Quantity(Decimal(1000), "mg"), True),
        ({"a": [1, {"b": 0.5}]}, {"a": [1, {"b": Decimal("0.5")}]}, True),
        ({"a": 1}, {"b": 1}, False),
        ({"a": "2020"}, {"a": "2020-05"}, None),
        ({"a": [1]}, {"a": [1, 1]}, False),
    ],
)
def test_equality_of_items(left: Any, right: Any, answer: bool | None) -> None:
    """FHIRPath 6.1: values, not representations; partial dates leave it open."""
    assert values.equal(left, right) is answer
    assert values.equal(right, left) is answer


@pytest.mark.parametrize(
    ("left", "right", "answer"),
    [
        ("A\tb", "a B", True),
        ("A  b", "a B", False),
        (Decimal("0.67"), Decimal("0.6667"), True),
        (1, 2, False),
        ("2020", "2020-05", False),
        ({"a": ["x", "y"], "id": "1"}, {"a": ["Y", "X"]}, True),
        (DAY, "2020-05-01", True),
        (True, "true", False),
    ],
)
def test_equivalence_of_items(left: Any, right: Any, answer: bool) -> None:
    """FHIRPath 6.1: case, space, order and precision do not matter."""
    assert values.equivalent(left, right) is answer


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        (1, 2.5, -1),
        ("b", "a", 1),
        ("2020-01-01T10:00:00+02:00", "2020-01-01T09:00:00Z", -1),
        ("2020-04-30", DAY, -1),
        ("unreadable", DAY, None),
        ({"value": 5, "code": "mg"}, Quantity(Decimal(1), "g"), -1),
    ],
)
def test_order_of_items(left: Any, right: Any, order: int | None) -> None:
    """FHIRPath 6.2: text that reads as dates is ordered as dates; unreadable dates are unknown."""
    assert values.compare(left, right) == order


@pytest.mark.parametrize(("left", "right"), [(1, "a"), (True, False), ({"start": "2020"}, DAY), (DAY, 5)])
def test_items_without_order_are_an_error(left: Any, right: Any) -> None:
    """The message names the types and never the values."""
    with pytest.raises(EvaluationError, match="have no order"):
        values.compare(left, right)


def test_distinct_tells_values_apart() -> None:
    """1 and 1.0 are one, 1 and true are two, elements compare by content."""
    again = temporal.parse_date("2020-05-01")
    items = [1, Decimal("1.0"), 1.0, True, "1", {"a": 1, "b": 2}, {"b": 2, "a": 1}, DAY, again]
    assert values.distinct(items) == [1, True, "1", {"a": 1, "b": 2}, DAY]


@pytest.mark.parametrize(
    ("items", "answer"), [([], None), ([True], True), ([False], False), (["x"], True), ([0], True)]
)
def test_truth_is_singleton_evaluation(items: list[Any], answer: bool | None) -> None:
    """FHIRPath 4.5: empty is unknown, a single item that is no boolean is true."""
    assert expr.truth(items) is answer


def test_truth_of_several_items_is_an_error() -> None:
    """A condition must not guess."""
    with pytest.raises(EvaluationError, match="2 items"):
        expr.truth([True, True])


@pytest.mark.parametrize(
    ("item", "json"),
    [
        (DAY, "2020-05-01"),
        (Decimal("1.50"), 1.5),
        (Decimal(3), 3),
        (
            Quantity(Decimal("2.5"), "mg"),
            {"value": 2.5, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"},
        ),
        (
            calendar_quantity(Decimal(6), "weeks"),
            {"value": 6, "unit": "weeks", "system": "http://unitsofmeasure.org", "code": "wk"},
        ),
        ({"a": 1}, {"a": 1}),
        ("x", "x"),
    ],
)
def test_items_become_fhir_json(item: Any, json: Any) -> None:
    """Dates are strings, quantities are elements, decimals are numbers."""
    assert expr.to_json(item) == json


def test_numbers_stay_within_28_digits() -> None:
    """A number that grows beyond is refused, one that shrinks beyond is cut (security E5)."""
    with pytest.raises(LimitError):
        values.bounded(Decimal(10) ** 28)
    assert values.bounded(Decimal(10) ** -40) == 0
