"""Conversions (CQL 1.5, B.1.6): what does not convert is null, and ConvertsTo says so."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from elm_operators_support import EV, call, i, v

from cds.expr.elm.values import Code, Concept, Ratio
from cds.expr.temporal import DateTime

N = None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("Boolean", "Yes", True),
        ("Boolean", "0", False),
        ("Boolean", 1, True),
        ("Boolean", "maybe", N),
        ("Integer", "-25", -25),
        ("Integer", "2147483648", N),
        ("Integer", "2.0", N),
        ("Integer", True, 1),
        ("Long", "2147483648L", 2147483648),
        ("Long", "9223372036854775808", N),
        ("Long", 5, 5),
        ("Decimal", "+25.5", Decimal("25.5")),
        ("Decimal", 5, Decimal(5)),
        ("Decimal", "1.123456789", Decimal("1.12345679")),
        ("Decimal", "x", N),
        ("Date", "2012-03", v("@2012-03")),
        ("Date", v("@2012-03-04T10:00"), v("@2012-03-04")),
        ("Date", "2012/03", N),
        ("DateTime", "2012-03-04T10:00:00.0+02:00", v("@2012-03-04T08:00:00.0Z")),
        ("DateTime", v("@2012-03-04"), v("@2012-03-04T")),
        ("DateTime", "2012-13", N),
        ("Time", "T14:30", v("@T14:30")),
        ("Time", "14:30:00.0+05:30", v("@T14:30:00.0")),
        ("Time", v("@2012-03-04T10:00"), v("@T10:00")),
        ("Time", v("@2012-03-04T"), N),
        ("Time", v("@T10"), v("@T10")),
        ("Ratio", Ratio(v("1 'mg'"), v("2 'mL'")), Ratio(v("1 'mg'"), v("2 'mL'"))),
        ("Quantity", v("5 'mg'"), v("5 'mg'")),
        ("Quantity", "100000000000000000000000000000 'mg'", N),
        ("Time", "25:00", N),
        ("Quantity", "5.5 'cm'", v("5.5 'cm'")),
        ("Quantity", "5.5'cm'", v("5.5 'cm'")),
        ("Quantity", "3 days", v("3 days")),
        ("Quantity", "5", v("5 '1'")),
        ("Quantity", Decimal("1.5"), v("1.5 '1'")),
        ("Quantity", "5 cm", N),
        ("Quantity", "1e5 'cm'", N),
        ("Ratio", "1 'mg':2 'mL'", Ratio(v("1 'mg'"), v("2 'mL'"))),
        ("Ratio", "1 'mg'", N),
        ("String", 5, "5"),
        ("String", Decimal("18.50"), "18.50"),
        ("String", True, "true"),
        ("String", v("125 'cm'"), "125 'cm'"),
        ("String", v("@2012-03"), "2012-03"),
        ("String", v("@2012-03-04T08:25:25.300-07:00"), "2012-03-04T08:25:25.300-07:00"),
        ("String", Ratio(v("1 'mg'"), v("2 'mL'")), "1 'mg':2 'mL'"),
    ],
)
def test_conversions(name: str, value: Any, expected: Any) -> None:
    """ToX by example, and ConvertsToX of the same."""
    assert call(f"To{name}", value) == expected
    assert call(f"ConvertsTo{name}", value) is (expected is not None)
    assert call(f"To{name}", N) is None
    assert call(f"ConvertsTo{name}", N) is None


def test_a_datetime_gets_the_offset_of_the_evaluation() -> None:
    """And is written without it, for that is what it means when read again."""
    moment = call("ToDateTime", "2012-03-04T10:00:00.000")
    assert moment.offset == EV.offset()
    assert call("ToString", moment) == "2012-03-04T10:00:00.000"
    assert call("ToDateTime", DateTime((2012, 3, 4, 10), 60)).offset == 60


def test_ratio_to_quantity() -> None:
    """The numerator by the denominator."""
    assert call("ToQuantity", Ratio(v("6 'mg'"), v("2 'mL'"))) == v("3 'mg/mL'")


def test_concepts() -> None:
    """A concept of a code has its display; nulls among codes are left out."""
    code = Code("a", "s", display="A")
    assert call("ToConcept", code) == Concept([code], "A")
    assert call("ToConcept", [code, N]) == Concept([code])
    assert call("ToConcept", Concept([code])) == Concept([code])


@pytest.mark.parametrize(
    ("value", "unit", "expected"), [("1 'm'", "cm", "100 'cm'"), ("1 'm'", "g", "null"), ("2 weeks", "days", "14 days")]
)
def test_converting_units(value: str, unit: str, expected: str) -> None:
    """ConvertQuantity and CanConvertQuantity."""
    assert call("ConvertQuantity", v(value), unit) == v(expected)
    assert call("CanConvertQuantity", v(value), unit) is (expected != "null")


def test_values_show_themselves() -> None:
    """For messages to developers; `i` keeps what was written."""
    assert repr(i("[1, 5)")) == "Interval[1, 5)"
    assert repr(Code("a", "s")) == "Code('a', 's')"
