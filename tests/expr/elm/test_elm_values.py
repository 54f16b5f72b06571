"""The values of CQL as Python objects: structural equality and hashes for Python's containers, and how they show."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cds.expr.elm.values import Code, CodeSystem, Concept, Interval, Partial, Ratio, Tuple, Uncertainty, ValueSet
from cds.expr.quantity import Quantity

MG, ML = Quantity(Decimal(1), "mg"), Quantity(Decimal(2), "mL")


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (lambda: Interval(1, None, True, False), "Interval[1, None)"),
        (lambda: Code("a", "s", "1", "A"), "Code('a', 's')"),
        (lambda: Concept([Code("a", "s")], "A"), "Concept([Code('a', 's')], 'A')"),
        (lambda: Ratio(MG, ML), "Ratio(1 'mg':2 'mL')"),
        (lambda: CodeSystem("http://s", "1"), "CodeSystem('http://s', '1')"),
        (lambda: ValueSet("http://v"), "ValueSet('http://v', None)"),
    ],
)
def test_equal_parts_make_equal_values(make: Any, shown: str) -> None:
    """Two of the same parts are equal, hash alike, and show what they are."""
    assert make() == make()
    assert hash(make()) == hash(make())
    assert make() != shown
    assert repr(make()) == shown


def test_different_parts_make_different_values() -> None:
    """Every part counts; the closedness of an end too."""
    assert Interval(1, 5) != Interval(1, 5, low_closed=False)
    assert Code("a", "s") != Code("a", "s", display="A")
    assert Concept([]) != Concept([], "A")
    assert Ratio(MG, ML) != Ratio(ML, MG)
    assert ValueSet("http://v") != CodeSystem("http://v")
    assert Tuple({"a": 1}) == Tuple({"a": 1})
    assert Tuple({"a": 1}) != Tuple({"a": 1, "b": None})


def test_a_canonical_has_its_version() -> None:
    """As FHIR writes it."""
    assert ValueSet("http://v", "2").canonical == "http://v|2"
    assert ValueSet("http://v").canonical == "http://v"


def test_a_partial_list_is_a_list() -> None:
    """It is told apart by its type alone."""
    assert Partial([1]) == [1]
    assert isinstance(Partial(), list)


def test_a_range_is_no_key() -> None:
    """Whether two ranges are equal is open, so they have no hash; beside what is no number they are not equal."""
    with pytest.raises(TypeError):
        hash(Uncertainty(1, 2))
    assert (Uncertainty(1, 2) == None) is False  # noqa: E711 - lists ask so
    assert repr(-Uncertainty(1, 2)) == "Uncertainty(-2, -1)"
