"""Operators of lists (CQL 1.5, B.8), also of lists that may lack items."""

from __future__ import annotations

from typing import Any

import pytest
from elm_operators_support import call, v

from cds.errors import EvaluationError, LimitError
from cds.expr.elm.values import Partial, Tuple

N = None


@pytest.mark.parametrize(
    ("name", "left", "right", "expected"),
    [
        ("Contains", [1, 2], 2, True),
        ("Contains", [1, N], N, True),
        ("Contains", [1, 2], N, False),
        ("Contains", ["a", N], "b", False),
        ("Contains", [v("@2012")], v("@2012-01"), None),
        ("Contains", [v("@2012"), v("@2012-01")], v("@2012-01"), True),
        ("Contains", N, 1, False),
        ("In", 2, [1, 2], True),
        ("In", N, [], False),
        ("ProperContains", [1, 2], 2, True),
        ("ProperContains", [2, 2], 2, False),
        ("ProperContains", [2, N], 2, None),
        ("ProperContains", [2, N], N, True),
        ("ProperIn", 2, [1, 2], True),
        ("Includes", [1, 2, 3], [2, 3], True),
        ("Includes", [1, 2, 3], [], True),
        ("Includes", [1, 2, N], [N], True),
        ("Includes", [1, 2], [4], False),
        ("Includes", N, [4], None),
        ("IncludedIn", [4], [1, 2], False),
        ("ProperIncludes", [1, 2], [2, 1], False),
        ("ProperIncludes", [1, 2], [1], True),
        ("ProperIncludes", [1, 2, 2], [1, 2], True),
        ("ProperIncludes", [1, 2], [1, 3], False),
        ("ProperIncludedIn", [1], [1, 2], True),
        ("Union", [1, 2], [2, 3], [1, 2, 3]),
        ("Union", N, [1, 1], [1]),
        ("Union", [1], N, [1]),
        ("Union", N, N, N),
        ("Intersect", [1, 2, 2, N], [N, 2], [2, N]),
        ("Intersect", [1], N, N),
        ("Except", [1, 2, 2, N], [1], [2, N]),
        ("Except", [1, 1], N, [1]),
        ("Except", N, [1], N),
        ("Indexer", [1, 2], 1, 2),
        ("Indexer", [1, 2], 2, N),
        ("Indexer", [1, 2], -1, N),
        ("IndexOf", ["a", "b"], "b", 1),
        ("IndexOf", ["a", "b"], "c", -1),
    ],
)
def test_of_a_list_and_another_operand(name: str, left: Any, right: Any, expected: Any) -> None:
    """Membership by `=` with null equal to null; sets without duplicates."""
    assert call(name, left, right) == expected


@pytest.mark.parametrize(
    ("name", "operand", "expected"),
    [
        ("Exists", [N], False),
        ("Exists", [N, 1], True),
        ("Exists", N, False),
        ("Distinct", [1, N, 1, N], [1, N]),
        ("Distinct", [v("@2012"), v("@2012-01"), v("@2012")], [v("@2012"), v("@2012-01")]),
        ("Distinct", [v("1 'm'"), v("100 'cm'")], [v("1 'm'")]),
        ("Flatten", [[1], N, [N, 2]], [1, N, 2]),
        ("First", [N, 1], N),
        ("Last", [1, 2], 2),
        ("First", [], N),
        ("SingletonFrom", [5], 5),
        ("SingletonFrom", [], N),
        ("ToList", N, []),
        ("ToList", 1, [1]),
        ("Children", {"a": 1, "b": [2, 3]}, [1, 2, 3]),
        ("Children", Tuple({"a": 1}), [1]),
        ("Descendents", {"a": {"b": [2]}}, [{"b": [2]}, 2]),
        ("Descendents", N, N),
    ],
)
def test_of_one_operand(name: str, operand: Any, expected: Any) -> None:
    """Operators of one list."""
    assert call(name, operand) == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 2, [1, 2]), (1, N, [2, 3]), (N, 2, [1, 2]), (5, N, []), (2, 1, []), (-1, N, [])],
)
def test_slice(start: int | None, end: int | None, expected: list[int]) -> None:
    """Skip, Take and Tail are slices."""
    assert call("Slice", [1, 2, 3], start, end) == expected
    assert call("Slice", N, start, end) is None


def test_length_of_a_null_depends_on_its_type() -> None:
    """A null list has length 0, a null text none."""
    assert call("Length", N, types=("List<System.Any>",)) == 0
    assert call("Length", N, types=("System.String",)) is None
    assert call("Length", [1, N], types=("List<System.Integer>",)) == 2
    assert call("Length", "abc", types=("System.String",)) == 3


def test_singleton_of_several_is_an_error() -> None:
    """CQL B.8: no silent choice."""
    with pytest.raises(EvaluationError, match="2 items"):
        call("SingletonFrom", [1, 2])


def test_times_joins_every_pair() -> None:
    """The Cartesian product of two lists of tuples."""
    left, right = [Tuple({"a": 1}), Tuple({"a": 2})], [Tuple({"b": 3})]
    assert call("Times", left, right) == [Tuple({"a": 1, "b": 3}), Tuple({"a": 2, "b": 3})]
    with pytest.raises(LimitError):
        call("Times", left * 1000, right * 1000)


def test_coalesce() -> None:
    """The first that is not null, of operands or of one list."""
    assert call("Coalesce", N, 2, 3) == 2
    assert call("Coalesce", [N, 4]) == 4
    assert call("Coalesce", N, [N, 4]) == [N, 4]
    assert call("Coalesce", N, N) is None


def test_equal_resources_are_one() -> None:
    """The same resource read twice is one item, and another with its id is not."""
    one = {"resourceType": "Condition", "id": "1", "code": {"text": "a"}}
    again = {"resourceType": "Condition", "id": "1", "code": {"text": "a"}}
    other = {"resourceType": "Condition", "id": "1", "code": {"text": "b"}}
    assert call("Distinct", [one, again, other]) == [one, other]
    assert call("Intersect", [one], [other]) == []


@pytest.mark.parametrize(
    ("name", "operands", "expected"),
    [
        ("Exists", (Partial([1]),), True),
        ("Exists", (Partial([N]),), N),
        ("Exists", (Partial(),), N),
        ("Contains", (Partial([1]), 1), True),
        ("Contains", (Partial([1]), 2), N),
        ("Contains", (Partial(["a"]), "b"), N),
        ("Contains", (Partial([1]), N), N),
        ("Includes", (Partial([1]), [1]), True),
        ("Includes", (Partial([1]), [2]), N),
        ("Includes", ([1], Partial([2])), False),
        ("Includes", ([1], Partial([1])), N),
        ("ProperIncludes", ([1], Partial([2])), False),
        ("ProperIncludes", (Partial([1, 2]), [1]), N),
        ("First", (Partial([1]),), N),
        ("Last", (Partial([1]),), N),
        ("SingletonFrom", (Partial([1]),), N),
        ("Indexer", (Partial([1]), 0), N),
        ("IndexOf", (Partial([1]), 1), N),
        ("IndexOf", (Partial([1]), 2), N),
    ],
)
def test_nothing_is_concluded_from_what_may_be_missing(name: str, operands: tuple[Any, ...], expected: Any) -> None:
    """Of a list that may lack items only what it holds is certain."""
    assert call(name, *operands) is expected


@pytest.mark.parametrize(
    ("name", "operands"),
    [
        ("Distinct", (Partial([1]),)),
        ("Union", (Partial([1]), [2])),
        ("Union", ([1], Partial())),
        ("Intersect", ([1], Partial([1]))),
        ("Except", ([1], Partial([2]))),
        ("Flatten", ([[1], Partial([2])],)),
        ("Slice", (Partial([1, 2]), 0, 1)),
        ("Times", (Partial([Tuple({"a": 1})]), [Tuple({"b": 1})])),
    ],
)
def test_the_mark_is_handed_on(name: str, operands: tuple[Any, ...]) -> None:
    """What is made of a list that may lack items may lack items."""
    assert type(call(name, *operands)) is Partial


def test_many_items_are_looked_up() -> None:
    """Two long lists are not compared pair by pair, and what is open stays open."""
    items = [Tuple({"n": number}) for number in range(3000)]
    assert call("Includes", items, items[::-1]) is True
    assert call("Includes", items, [*items[::-1], Tuple({"n": -1})]) is False
    days = [v("@2012-01-01")] * 10
    assert call("Includes", [*days, v("@2012")], [*days, v("@2012-02")]) is None


def test_length_of_a_list_that_may_lack_items_is_not_known() -> None:
    """Nor is how long it is."""
    assert call("Length", Partial([1]), types=("List<System.Integer>",)) is None
