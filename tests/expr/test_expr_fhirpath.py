"""The grammar: precedence, associativity, and messages about what does not parse."""

from __future__ import annotations

from typing import Any

import pytest

from cds.errors import ExpressionSyntaxError
from cds.expr import ast
from cds.expr.fhirpath import parse


def shown(node: ast.Node) -> Any:
    """A tree as nested tuples."""
    match node:
        case ast.Literal():
            return node.value
        case ast.Special():
            return node.name
        case ast.Variable():
            return f"%{node.name}"
        case ast.TypeName():
            return f"{node.namespace}.{node.name}".lstrip(".")
        case ast.Member():
            return node.name if isinstance(node.base, ast.Special) else (shown(node.base), node.name)
        case ast.Call():
            return (f"{node.name}()", shown(node.base), *map(shown, node.args))
        case ast.Index():
            return ("[]", shown(node.base), shown(node.index))
        case ast.Unary():
            return (node.operator, shown(node.operand))
        case ast.Binary():
            return (node.operator, shown(node.left), shown(node.right))
        case ast.Chain():
            return (node.operator, *map(shown, node.operands))
    raise AssertionError(node)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("1 + 2 * 3", ("+", 1, ("*", 2, 3))),
        ("-1.abs()", ("-", ("abs()", 1))),
        ("a | b is Integer", ("|", "a", ("is()", "b", "Integer"))),
        ("a or b and c xor d", ("xor", ("or", "a", ("and", "b", "c")), "d")),
        ("a implies b implies c", ("implies", ("implies", "a", "b"), "c")),
        ("a = b in c", ("in", ("=", "a", "b"), "c")),
        ("a < b | c", ("<", "a", ("|", "b", "c"))),
        ("a and b and c", ("and", "a", "b", "c")),
        ("a - b - c", ("-", ("-", "a", "b"), "c")),
        ("a.b[0].c", (("[]", ("a", "b"), 0), "c")),
        ("contains.is(FHIR.`code`)", ("is()", "contains", "FHIR.code")),
        ("%`a-b`.c", ("%a-b", "c")),
        ("text.div div 2", ("div", ("text", "div"), 2)),
        ("x.as(Quantity).value div 2 mod 3", ("mod", ("div", (("as()", "x", "Quantity"), "value"), 2), 3)),
    ],
)
def test_operators_bind_as_the_specification_says(text: str, tree: Any) -> None:
    """FHIRPath 6.8, from `.` down to implies."""
    assert shown(parse(text)) == tree


def test_a_number_with_a_unit_is_a_quantity() -> None:
    """Calendar words and quoted UCUM units make Quantities."""
    assert str(shown(parse("4 days"))) == "4 days"
    assert str(shown(parse("1.5 'mg'"))) == "1.5 'mg'"


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("1 +", 4, "expected a value, name or '\\(', found the end"),
        ("a b", 3, "expected an operator or the end of the expression, found 'b'"),
        ("a..b", 3, "element or function name"),
        ("a.where(b", 10, "expected ',' or '\\)'"),
        ("a[1", 4, "expected '\\]'"),
        ("$that", 1, "unknown name \\$that"),
        ("{1}", 2, "expected '}'"),
        ("a.'b'", 3, "element or function name"),
        ("and", 1, "element or function name"),
        ("a is", 5, "expected a type name"),
        ("", 1, "expected a value"),
    ],
)
def test_the_parser_says_what_it_expected(text: str, column: int, words: str) -> None:
    """Every syntax error names the place and what would have fitted."""
    with pytest.raises(ExpressionSyntaxError, match=words) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (1, column)


@pytest.mark.parametrize("text", ["(" * 5000, "not " * 5000, "-" * 5000 + "1", "a.b(" * 500, "a[" * 500])
def test_deep_nesting_is_refused(text: str) -> None:
    """5,000 levels give an error, not a stack overflow (security E4)."""
    with pytest.raises(ExpressionSyntaxError):
        parse(text)


def test_long_expressions_are_refused() -> None:
    """More than 10,000 characters are refused before they are read (security E4)."""
    with pytest.raises(ExpressionSyntaxError, match="longer than 10000"):
        parse("a" * 10_001)


def test_long_paths_and_unions_are_no_nesting() -> None:
    """A path of 400 steps and a union of 400 codes are fine."""
    assert parse(".".join(["a"] * 400)).depth == 1
    assert parse("|".join(["'a'"] * 400)).depth < 100
