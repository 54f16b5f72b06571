"""Expressions to ELM: literals, operators, conditionals, functions, methods, timing."""

from __future__ import annotations

import pytest
from elm_support import elm, kind


@pytest.mark.parametrize(
    ("expression", "expected", "result"),
    [
        ("1", "1", "Integer"),
        ("1L", "1", "Long"),
        ("1.50", "1.50", "Decimal"),
        ("'a'", "'a'", "String"),
        ("null", "null", "Any"),
        ("@2012-02", "Date(2012, 2)", "Date"),
        ("@2012-02-03T10:11:12.5+05:30", "DateTime(2012, 2, 3, 10, 11, 12, 500, 5.5)", "DateTime"),
        ("@T10:30", "Time(10, 30)", "Time"),
        ("5 'mg'", "5 'mg'", "Quantity"),
        ("1 : 128", "Ratio(1 '1', 128 '1')", "Ratio"),
        ("Interval[1, 2.0)", "Interval[ToDecimal(1), 2.0)", "Interval<Decimal>"),
        ("Interval[null, 5]", "Interval[null, 5]", "Interval<Integer>"),
        ("{1, 2.0, null}", "{ToDecimal(1), 2.0, null}", "List<Decimal>"),
        ("{1, 'a'}", "{1, 'a'}", "List<Any>"),
        ("List<Decimal>{1}", "{ToDecimal(1)}", "List<Decimal>"),
        ("Tuple {b: 1, a: 'x'}", "{b: 1, a: 'x'}", "Tuple{a String, b Integer}"),
        ("Quantity {value: 1, unit: 'mg'}", "{value: ToDecimal(1), unit: 'mg'}", "Quantity"),
    ],
)
def test_literals_and_selectors(expression: str, expected: str, result: str) -> None:
    """Values written out, their parts converted to one type."""
    assert elm(expression) == expected
    assert kind(expression) == result


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3", "Add(1, Multiply(2, 3))"),
        ("1 / 2", "Divide(ToDecimal(1), ToDecimal(2))"),
        ("'a' + 'b'", "Concatenate('a', 'b')"),
        ("'a' & null", "Concatenate(Coalesce('a', ''), Coalesce(null, '') as String)"),
        ("1 != 2", "Not(Equal(1, 2))"),
        ("1 !~ 2.0", "Not(Equivalent(ToDecimal(1), 2.0))"),
        ("-(3)", "Negate(3)"),
        ("+3", "3"),
        ("true and false or true", "Or(And(true, false), true)"),
        ("1 between 0 and 2", "And(GreaterOrEqual(1, 0), LessOrEqual(1, 2))"),
        ("Interval[1, 2] between 0 and 3", "IncludedIn(Interval[1, 2], Interval[0, 3])"),
        ("1 is not null", "Not(IsNull(1))"),
        ("true is true", "IsTrue(true)"),
        ("{1} union {'a'}",
         "Union({1} as List<Choice<Integer, String>>, {'a'} as List<Choice<Integer, String>>)"),
        ("1 in {1, 2}", "In(1, {1, 2})"),
        ("{1, 2} contains 1", "Contains({1, 2}, 1)"),
        ("5 is Integer", "5 is Integer"),
        ("null as String", "null as String"),
        ("convert 5 to Decimal", "ToDecimal(5)"),
        ("convert 5 'mg' to 'g'", "ConvertQuantity(5 'mg', 'g')"),
        ("minimum Integer", "MinValue()"),
        ("{1, 2}[0]", "Indexer({1, 2}, 0)"),
        ("years between @2012 and @2014", "DurationBetween(Date(2012), Date(2014), Year)"),
        ("difference in days of Interval[@2012, @2013]",
         "DifferenceBetween(Start(Interval[Date(2012), Date(2013)]), End(Interval[Date(2012), Date(2013)]), Day)"),
        ("month from @2012-03", "DateTimeComponentFrom(Date(2012, 3), Month)"),
        ("timezone from @2012-03-01T10:00:00Z", "TimezoneOffsetFrom(DateTime(2012, 3, 1, 10, 0, 0, 0))"),
        ("collapse {Interval[1, 2]} per 2", "Collapse({Interval[1, 2]}, 2 '1')"),
        ("expand {Interval[1, 2]}", "Expand({Interval[1, 2]}, null)"),
        ("if true then 1 else 2.0", "if true then ToDecimal(1) else 2.0"),
        ("case when true then 1 else null end", "case when true then 1 else null"),
        ("case 1 when 2.0 then 'a' else 'b' end", "case ToDecimal(1) when 2.0 then 'a' else 'b'"),
    ],
)  # fmt: skip
def test_operators(expression: str, expected: str) -> None:
    """Each operator with its operands converted to the overload that fits."""
    assert elm(expression) == expected


def test_choices_are_what_a_conditional_gives_when_its_branches_differ() -> None:
    """No common type: the result is one or the other."""
    assert kind("if true then 1 else 'a'") == "Choice<Integer, String>"


def test_intervals_convert_boundary_by_boundary() -> None:
    """An interval that is not written out is taken apart at run time."""
    assert elm("P includes 1.5", "parameter P Interval<Integer>") == (
        "Contains(Interval(ToDecimal(P.low), ToDecimal(P.high)), 1.5)"
    )


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Count({1})", "Count({1})"),
        ("Round(1.55, 1)", "Round(1.55, 1)"),
        ("Substring('abc', 1)", "Substring('abc', 1)"),
        ("PositionOf('b', 'abc')", "PositionOf('b', 'abc')"),
        ("Split('a,b', ',')", "Split(',', 'a,b')"),
        ("DateTime(2012, 1)", "DateTime(2012, 1)"),
        ("Coalesce(null, 1, 2)", "Coalesce(null, 1, 2)"),
        ("Skip({1}, 1)", "Slice({1}, 1, null)"),
        ("Take({1}, 2)", "Slice({1}, 0, Coalesce(2, 0))"),
        ("Tail({1})", "Slice({1}, 1, null)"),
        ("now()", "Now()"),
        ("CalculateAgeInYearsAt(@2000, @2012)", "CalculateAgeAt(Date(2000), Date(2012), Year)"),
        ("Message(1, true, 'c', 'Trace', 'm')", "Message(1, 'c', 'm', true, 'Trace')"),
        ("exists({1})", "Exists({1})"),
        ("System.Count({1})", "Count({1})"),
    ],
)
def test_system_functions(expression: str, expected: str) -> None:
    """A System function is the operator of its name, or what that stands for."""
    assert sorted(elm(expression)) == sorted(expected)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("{1, 2}.where($this > 1)", "(from {1, 2} $this where Greater($this, 1))"),
        ("{1, 2}.select($this + 1)",
         "(from {1, 2} $this let $a: Add($this, 1) where Not(IsNull($a)) return all $a)"),
        ("{1, 2}.all($this > 0)", "AllTrue((from {1, 2} $this return all Greater($this, 0)))"),
        ("{1, 2}.exists($this > 1)", "Exists((from {1, 2} $this where Greater($this, 1)))"),
        ("{1}.first()", "First({1})"),
        ("{1}.empty()", "Not(Exists({1}))"),
        ("{Tuple {a: 1}}.a", "(from {{a: 1}} $this where Not(IsNull($this.a)) return all $this.a)"),
        ("{Tuple {a: {1}}}.a", "Flatten((from {{a: {1}}} $this where Not(IsNull($this.a)) return all $this.a))"),
        ("{Tuple {a: 1}}.where(a > 0)", "(from {{a: 1}} $this where Greater($this.a, 0))"),
        ("'abc'.contains('b')", "GreaterOrEqual(PositionOf('b', 'abc'), 0)"),
        ("'abc'.upper()", "Upper('abc')"),
        ("(4).sqrt()", "Power(ToDecimal(4), 0.5)"),
        ("(1).is(Integer)", "1 is Integer"),
        ("true.iif(1, 2)", "if true then 1 else 2"),
    ],
)  # fmt: skip
def test_methods(expression: str, expected: str) -> None:
    """FHIRPath's functions on CQL values."""
    assert elm(expression) == expected


DATES = "parameter A Interval<DateTime>\nparameter B Interval<DateTime>\nparameter D DateTime"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("A before B", "Before(A, B)"),
        ("A starts before end B", "Before(Start(A), End(B))"),
        ("A on or after day of B", "SameOrAfter(A, B, Day)"),
        ("A same month as B", "SameAs(A, B, Month)"),
        ("A ends same day or before start B", "SameOrBefore(End(A), Start(B), Day)"),
        ("D during A", "In(D, A)"),
        ("A during B", "IncludedIn(A, B)"),
        ("A starts during day of B", "In(Start(A), B, Day)"),
        ("A properly includes D", "ProperContains(A, D)"),
        ("A properly includes start B", "ProperContains(A, Start(B))"),
        ("A meets before B", "MeetsBefore(A, B)"),
        ("A overlaps day of B", "Overlaps(A, B, Day)"),
        ("A starts B", "Starts(A, B)"),
        ("A 3 days before B", "SameAs(End(A), Subtract(Start(B), 3 'days'))"),
        ("A 3 days or more after B", "SameOrAfter(Start(A), Add(End(B), 3 'days'))"),
        ("A more than 3 days before B", "Before(End(A), Subtract(Start(B), 3 'days'))"),
        ("A starts 3 days or less before start B",
         "And(In(Start(A), Interval[Subtract(Start(B), 3 'days'), Start(B))), Not(IsNull(Start(B))))"),
        ("A starts less than 3 days after start B", "In(Start(A), Interval(Start(B), Add(Start(B), 3 'days')))"),
        ("D within 3 days of A", "In(D, Interval[Subtract(Start(A), 3 'days'), Add(End(A), 3 'days')])"),
        ("D properly within 3 days of start A",
         "In(D, Interval(Subtract(Start(A), 3 'days'), Add(Start(A), 3 'days')))"),
    ],
)  # fmt: skip
def test_timing_phrases(expression: str, expected: str) -> None:
    """A phrase is comparisons of boundaries, offsets moved to the right operand."""
    assert elm(expression, DATES) == expected
