"""Queries, retrieves and timing phrases of CQL."""

from __future__ import annotations

import pytest
from cql_support import parsed

from cds.errors import ExpressionSyntaxError
from cds.expr.cql.parser import parse_expression

TYPE = "NamedTypeSpecifier([A])"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[A]", f"Retrieve({TYPE})"),
        ('["A": "vs"]', f"Retrieve({TYPE} vs)"),
        ("[A: code in lib.vs]", f"Retrieve({TYPE} code in lib.vs)"),
        ('[A: "code" ~ c]', f"Retrieve({TYPE} code ~ c)"),
        ("[A: a.b[0].c = d]", f"Retrieve({TYPE} a.b[0].c = d)"),
        ("[A: f(x)]", f"Retrieve({TYPE} FunctionInvocation(f [x]))"),
        ("[p.q -> FHIR.A: vs]", "Retrieve(p.q NamedTypeSpecifier([FHIR A]) vs)"),
    ],
)
def test_retrieves(text: str, expected: str) -> None:
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b X", "Query([AliasedQuerySource(a.b X)])"),
        ("(f(a)) X", "Query([AliasedQuerySource(FunctionInvocation(f [a]) X)])"),
        ("[A] X where X.b", f"Query([AliasedQuerySource(Retrieve({TYPE}) X)] X.b)"),
        ("from a X, (b) Y", "Query([AliasedQuerySource(a X) AliasedQuerySource(b Y)])"),
        ("{ a X, b Y }", "ListSelector([Query([AliasedQuerySource(a X)]) Query([AliasedQuerySource(b Y)])])"),
        ("f(from a X, b)", "FunctionInvocation(f [Query([AliasedQuerySource(a X)]) b])"),
        ("f(from a X, (b) + 1)", "FunctionInvocation(f [Query([AliasedQuerySource(a X)]) (b + 1)])"),
        ("a X let y: 1, z: y", "Query([AliasedQuerySource(a X)] [LetClauseItem(y 1) LetClauseItem(z y)])"),
        (
            "a X with b Y such that Y without (c) Z such that Z",
            "Query([AliasedQuerySource(a X)] "
            "[WithClause(AliasedQuerySource(b Y) Y) WithoutClause(AliasedQuerySource(c Z) Z)])",
        ),
        ("a X return all X.b", "Query([AliasedQuerySource(a X)] ReturnClause(all X.b))"),
        ("a X return distinct X", "Query([AliasedQuerySource(a X)] ReturnClause(distinct X))"),
        ("a X return X + 1 sort desc", "Query([AliasedQuerySource(a X)] ReturnClause((X + 1)) SortClause(desc))"),
        (
            "a X sort by b descending, start of c",
            "Query([AliasedQuerySource(a X)] SortClause([SortByItem(b desc) SortByItem((start of c) asc)]))",
        ),
        (
            "a X aggregate distinct R starting 1: R * X",
            "Query([AliasedQuerySource(a X)] AggregateClause(distinct R 1 (R * X)))",
        ),
        ("a X aggregate R: R", "Query([AliasedQuerySource(a X)] AggregateClause(R R))"),
        ("a X aggregate R starting 1 'g': R", "Query([AliasedQuerySource(a X)] AggregateClause(R 1 g R))"),
        ("a X aggregate R starting (b): R", "Query([AliasedQuerySource(a X)] AggregateClause(R b R))"),
        ("exists a X where b and c", "(exists Query([AliasedQuerySource(a X)] (b and c)))"),
        ("(a X return b).c", "Query([AliasedQuerySource(a X)] ReturnClause(b)).c"),
        ("(a X where b) Y", "Query([AliasedQuerySource(Query([AliasedQuerySource(a X)] b) Y)])"),
    ],
)
def test_queries(text: str, expected: str) -> None:
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("same as", "ConcurrentWith(as)"),
        ("same day as", "ConcurrentWith(day as)"),
        ("starts same day or before end", "ConcurrentWith(start day or before end)"),
        ("ends same month or after start", "ConcurrentWith(end month or after start)"),
        ("occurs same year as", "ConcurrentWith(year as)"),
        ("includes", "Includes()"),
        ("properly includes day of start", "Includes(True day start)"),
        ("during", "IncludedIn()"),
        ("included in month of", "IncludedIn(month)"),
        ("starts properly during", "IncludedIn(start True)"),
        ("occurs during", "IncludedIn()"),
        ("before", "BeforeOrAfter(before)"),
        ("after end", "BeforeOrAfter(after end)"),
        ("on or before", "BeforeOrAfter(before True)"),
        ("after or on day of", "BeforeOrAfter(after True day)"),
        ("starts before start", "BeforeOrAfter(start before start)"),
        ("3 days before", "BeforeOrAfter(QuantityOffset(3 days) before)"),
        ("ends 3 'd' or more after", "BeforeOrAfter(end QuantityOffset(3 d or more) after)"),
        ("starts 3 days or less on or after day of end",
         "BeforeOrAfter(start QuantityOffset(3 days or less) after True day end)"),
        ("less than 3 days before", "BeforeOrAfter(QuantityOffset(3 days less than) before)"),
        ("occurs more than 1 hour after", "BeforeOrAfter(QuantityOffset(1 hour more than) after)"),
        ("within 3 days of", "Within(3 days)"),
        ("starts properly within 3 days of start", "Within(start True 3 days start)"),
        ("meets", "Meets()"),
        ("meets before day of", "Meets(before day)"),
        ("overlaps", "Overlaps()"),
        ("overlaps after hour of", "Overlaps(after hour)"),
        ("starts", "Starts()"),
        ("starts day of", "Starts(day)"),
        ("ends month of", "Ends(month)"),
    ],
)  # fmt: skip
def test_timing_phrases(phrase: str, expected: str) -> None:
    assert parsed(f"a {phrase} b") == f"TimingExpression(a {expected} b)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a before start of b", "TimingExpression(a BeforeOrAfter(before) (start of b))"),
        ("a before start start of b", "TimingExpression(a BeforeOrAfter(before start) (start of b))"),
        ("a before start", "TimingExpression(a BeforeOrAfter(before) start)"),
        ("a before end.x", "TimingExpression(a BeforeOrAfter(before) end.x)"),
        ("a before start and b", "(TimingExpression(a BeforeOrAfter(before) start) and b)"),
        ("a before start (b)", "TimingExpression(a BeforeOrAfter(before start) b)"),
        ("a during date from b", "TimingExpression(a IncludedIn() TimeUnitExpression(date b))"),
        ("a starts start of b", "TimingExpression(a Starts() (start of b))"),
        ("a before year from b", "TimingExpression(a BeforeOrAfter(before) TimeUnitExpression(year b))"),
    ],
)
def test_start_and_end_are_a_boundary_an_operator_or_a_name(text: str, expected: str) -> None:
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("[A", 3, "expected ':' or ']'"),
        ("[A: b", 6, "expected ']'"),
        ("[A:]", 4, "expected an expression"),
        ("a X where", 10, "expected an expression"),
        ("a X with b such that c", 12, "expected an alias"),
        ("a X with b Y that c", 14, "expected 'such that'"),
        ("a X sort X", 10, "expected 'by', 'asc' or 'desc'"),
        ("a X aggregate R starting -1: R", 26, "expected a literal or an expression in parentheses"),
        ("from f(a) X", 7, "expected an alias"),
        ("a same day b", 12, "expected 'as', 'or before' or 'or after'"),
        ("a properly before b", 12, "expected 'includes', 'during', 'included in', 'within' or 'between'"),
        ("a less than 3 days b", 20, "expected 'before' or 'after'"),
        ("a within 3 days b", 17, "expected 'of'"),
    ],
)
def test_errors(text: str, column: int, expected: str) -> None:
    with pytest.raises(ExpressionSyntaxError) as error:
        parse_expression(text)
    assert error.value.column == column
    assert error.value.message.startswith(f"{expected}, found ")
