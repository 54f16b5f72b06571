"""Expressions of CQL: what binds closer, and what each form is read as (cql.g4)."""

from __future__ import annotations

import pytest
from cql_support import parsed

from cds.errors import ExpressionSyntaxError
from cds.expr.cql import ast
from cds.expr.cql.parser import parse_expression


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a implies b or c and d", "(a implies (b or (c and d)))"),
        ("a implies b implies c", "((a implies b) implies c)"),
        ("a or b xor c", "((a or b) xor c)"),
        ("a and b in c", "(a and MembershipExpression(in b c))"),
        ("a in b = c", "MembershipExpression(in a (b = c))"),
        ("a = b < c", "(a = (b < c))"),
        ("a < b union c", "(a < (b union c))"),
        ("a | b except c", "((a union b) except c)"),
        ("a + b is T", "TypeExpression(is (a + b) NamedTypeSpecifier([T]))"),
        ("a ~ b !~ c != d", "(((a ~ b) !~ c) != d)"),
        ("not a = b", "((not a) = b)"),
        ("not a is null", "(not BooleanExpression(a null))"),
        ("exists a and b", "((exists a) and b)"),
        ("exists a union b", "((exists a) union b)"),
        ("not exists a", "(not (exists a))"),
        ("a + b * c ^ d", "(a + (b * (c ^ d)))"),
        ("a ^ b ^ c", "((a ^ b) ^ c)"),
        ("a - b - c & d", "(((a - b) - c) & d)"),
        ("a div b mod c", "((a div b) mod c)"),
        ("-a ^ b", "((- a) ^ b)"),
        ("-a.b", "(- a.b)"),
        ("start of a + b", "((start of a) + b)"),
        ("start of a.b", "(start of a.b)"),
        ("distinct a union b", "(distinct (a union b))"),
        ("flatten a and b", "(flatten (a and b))"),
        ("if a then b else c and d", "IfThenElse(a b (c and d))"),
        ("(a or b) and c", "((a or b) and c)"),
        ("a between b and c and d", "(BetweenExpression(a b c) and d)"),
        ("days between a and b + c", "DurationBetweenExpression(duration day a (b + c))"),
        ("difference in days of a + b", "(DurationExpression(difference day a) + b)"),
        ("a before b and c", "(TimingExpression(a BeforeOrAfter(before) b) and c)"),
        ("a = b before c", "(a = TimingExpression(b BeforeOrAfter(before) c))"),
        ("a before b < c", "TimingExpression(a BeforeOrAfter(before) (b < c))"),
    ],
)
def test_precedence(text: str, expected: str) -> None:
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a is not null", "BooleanExpression(a True null)"),
        ("a is true", "BooleanExpression(a true)"),
        ("a as List<FHIR.X>", "TypeExpression(as a ListTypeSpecifier(NamedTypeSpecifier([FHIR X])))"),
        ("cast a as T and b", "(CastExpression(a NamedTypeSpecifier([T])) and b)"),
        ("convert a to String", "ConversionExpression(a NamedTypeSpecifier([String]))"),
        ("convert a to 'mg'", "ConversionExpression(a mg)"),
        ("convert a to days", "ConversionExpression(a days)"),
        ("a properly between b and c", "BetweenExpression(a True b c)"),
        ("duration in months between a and b", "DurationBetweenExpression(duration month a b)"),
        ("difference in hours between a and b", "DurationBetweenExpression(difference hour a b)"),
        ("duration in weeks of a", "DurationExpression(duration week a)"),
        ("year from a", "TimeUnitExpression(year a)"),
        ("date from a", "TimeUnitExpression(date a)"),
        ("timezoneoffset from a", "TimeUnitExpression(timezoneoffset a)"),
        ("end of width of a", "(end of (width of a))"),
        ("successor of predecessor of a", "(successor of (predecessor of a))"),
        ("singleton from a", "(singleton from a)"),
        ("point from a", "(point from a)"),
        ("minimum Integer", "TypeExtentExpression(minimum NamedTypeSpecifier([Integer]))"),
        ("maximum System.Date", "TypeExtentExpression(maximum NamedTypeSpecifier([System Date]))"),
        ("collapse a", "SetAggregateExpression(collapse a)"),
        ("expand a per day", "SetAggregateExpression(expand a 1 day)"),
        ("expand a per 2 days", "SetAggregateExpression(expand a 2 days)"),
        ("collapse a per b + c", "SetAggregateExpression(collapse a (b + c))"),
        ("case when a then b else c end", "Case([CaseItem(a b)] c)"),
        ("case a when 1 then b when 2 then c else d end", "Case(a [CaseItem(1 b) CaseItem(2 c)] d)"),
        ("a in day of b", "MembershipExpression(in day a b)"),
        ("a contains day of b", "MembershipExpression(contains day a b)"),
        ("a[b + 1].c", "IndexedExpression(a (b + 1)).c"),
        ("f()", "FunctionInvocation(f)"),
        ("f(a, b).g(c)", "QualifiedFunctionInvocation(FunctionInvocation(f [a b]) g [c])"),
        ("a.exists()", "QualifiedFunctionInvocation(a exists)"),
        ("$this.a + $index + $total", "((ThisInvocation().a + IndexInvocation()) + TotalInvocation())"),
        ("%a", "a"),
        ("%'b'", "b"),
    ],
)
def test_operators_and_invocations(text: str, expected: str) -> None:
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.50", "1.50"),
        ("5L", "5"),
        ("-2147483648", "(- 2147483648)"),
        ("3 days", "3 days"),
        ("3.5 'mg'", "3.5 mg"),
        ("5.999999999 'g'", "5.999999999 g"),
        ("1 'mg' : 2 'mL'", "RatioLiteral(1 mg 2 mL)"),
        ("1 : 2", "RatioLiteral(1 2)"),
        ("Interval[1, 2)", "IntervalSelector(1 2 True)"),
        ("Interval(a.b, null]", "IntervalSelector(a.b null True)"),
        ("Tuple { a: 1, code: 2 }", "TupleSelector([ElementSelector(a 1) ElementSelector(code 2)])"),
        ("{ a: 1 }", "TupleSelector([ElementSelector(a 1)])"),
        ("{:}", "TupleSelector()"),
        ("{}", "ListSelector()"),
        ("{ 1, {} }", "ListSelector([1 ListSelector()])"),
        ("List<Integer> { 1 }", "ListSelector(NamedTypeSpecifier([Integer]) [1])"),
        ("List { 1 }", "ListSelector([1])"),
        ("FHIR.X { a: 1 }", "InstanceSelector(NamedTypeSpecifier([FHIR X]) [ElementSelector(a 1)])"),
        ("X { : }", "InstanceSelector(NamedTypeSpecifier([X]))"),
        ("Code { code: 'a' }", "InstanceSelector(NamedTypeSpecifier([Code]) [ElementSelector(code a)])"),
        ("Concept { codes: a }", "InstanceSelector(NamedTypeSpecifier([Concept]) [ElementSelector(codes a)])"),
        ("Code 'a' from cs display 'd'", "CodeSelector(a TerminologyIdentifier(cs) d)"),
        ("Code 'a' from lib.\"cs\"", "CodeSelector(a TerminologyIdentifier(lib cs))"),
        (
            "Concept { Code 'a' from s, Code 'b' from s } display 'd'",
            "ConceptSelector([CodeSelector(a TerminologyIdentifier(s)) CodeSelector(b TerminologyIdentifier(s))] d)",
        ),
    ],
)
def test_literals_and_selectors(text: str, expected: str) -> None:
    assert parsed(text) == expected


def test_tuple_types() -> None:
    elements = "TupleElementDefinition(b NamedTypeSpecifier([T])) TupleElementDefinition(code NamedTypeSpecifier([U]))"
    assert parsed("a is Tuple { b T, code U }") == f"TypeExpression(is a TupleTypeSpecifier([{elements}]))"


def test_choice_and_nested_types() -> None:
    choice = "ChoiceTypeSpecifier([NamedTypeSpecifier([code]) IntervalTypeSpecifier(NamedTypeSpecifier([B]))])"
    assert parsed("a as List<Choice<code, Interval<B>>>") == f"TypeExpression(as a ListTypeSpecifier({choice}))"


@pytest.mark.parametrize(
    "word", ["code", "date", "start", "end", "time", "version", "display", "context", "where", "contains", "define"]
)
def test_keyword_identifiers_are_names_in_references(word: str) -> None:
    """Keywords that are not reserved may be elements, aliases' elements, functions and operands."""
    assert parsed(word) == word
    assert parsed(f"a.{word}") == f"a.{word}"
    assert parsed(f"{word}(1)") == f"FunctionInvocation({word} [1])"
    assert parsed(f"Tuple {{ {word}: 1 }}") == f"TupleSelector([ElementSelector({word} 1)])"


def test_places_span_the_text_of_each_node() -> None:
    text = "(a + b) * f(c)  "
    node = parse_expression(text)
    assert isinstance(node, ast.BinaryExpression)
    assert text[node.right.at : node.right.end] == "f(c)"
    assert text[node.left.at : node.left.end] == "a + b"
    assert text[node.operator_at] == "*"


@pytest.mark.parametrize(
    ("text", "column", "message", "hint"),
    [
        ("", 1, "expected an expression, found the end", None),
        ("1 +", 4, "expected an expression, found the end", None),
        ("(1", 3, "expected an operator or ')', found the end", None),
        ("{ 1 2 }", 5, "expected ',' or '}', found '2'", None),
        ("f(1,)", 5, "expected an expression, found ')'", None),
        ("a b c", 5, "expected an operator or the end of the expression, found 'c'", None),
        (
            "a unoin b",
            9,
            "expected an operator or the end of the expression, found 'b'",
            "did you mean 'union' instead of 'unoin'?",
        ),
        ("if a them b", 11, "expected 'then', found 'b'", "did you mean 'then' instead of 'them'?"),
        ("Tuple { when: 1 }", 9, "expected the name of an element, found 'when'", '"when" in double quotes is a name'),
        ("X { }", 5, "expected an element, or ':' for none, found '}'", None),
        ("a.when", 3, "expected the name of an element or function, found 'when'", '"when" in double quotes is a name'),
        (
            "singleton from [A]",
            16,
            "expected an expression, found '['",
            "a retrieve that is an operand stands in parentheses",
        ),
        ("1 + exists a", 5, "expected an expression, found 'exists'", None),
        ("case a when 1 then 2 end", 22, "expected 'else', found 'end'", None),
        ("a is not b", 10, "expected 'null', 'true' or 'false', found 'b'", None),
        ("Interval[1, 2", 14, "expected ']' or ')', found the end", None),
        ("2147483648", 1, "the largest Integer is 2147483647", None),
        ("+2147483648", 2, "the largest Integer is 2147483647", None),
        ("9223372036854775808L", 1, "the largest Long is 9223372036854775807L", None),
        ("0.123456789", 1, "a Decimal has at most 28 digits before the point and 8 after it", None),
        ("1 ? 2", 3, "unexpected character '?'", None),
    ],
)
def test_errors_say_where_and_what_was_expected(text: str, column: int, message: str, hint: str | None) -> None:
    with pytest.raises(ExpressionSyntaxError) as error:
        parse_expression(text)
    assert (error.value.line, error.value.column, error.value.message) == (1, column, message)
    assert error.value.hint == hint


@pytest.mark.parametrize(
    "text", ["(" * 500 + "1" + ")" * 500, "-" * 500 + "a", "a" + ".b" * 500, "{" * 500, "1" + "+1" * 500]
)
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(ExpressionSyntaxError, match="nested deeper than 100 levels"):
        parse_expression(text)


def test_deep_nesting_on_a_deep_stack_is_refused_too() -> None:
    """Where the stack of the caller leaves no room for what is allowed."""

    def below(frames: int) -> None:
        if frames:
            below(frames - 1)
        else:
            parse_expression("Tuple { a: " * 90 + "1" + "}" * 90)

    with pytest.raises(ExpressionSyntaxError, match="nested deeper"):
        below(400)
