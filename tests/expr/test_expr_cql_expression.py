"""CQL expressions of definitions: names, faults with their places, and values as FHIRPath has them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cds.errors import ExpressionError, ExpressionSemanticError, ExpressionSyntaxError
from cds.expr import Evaluation
from cds.expr.cql.types import INTEGER
from cds.expr.cql_expression import CqlScope
from cds.expr.libraries import Libraries

FIRST = """library First version '1'
using FHIR version '4.0.1'
include Shared called S
codesystem Sys: 'http://example.org/sys'
parameter days Integer default 3
context Patient
define "Two words": 2
define Ones: { 1, null, 1 }
define private Hidden: 4
define ACode: Code '1' from Sys display 'One'
define AConcept: Concept { Code '1' from Sys } display 'Uno'
define ARatio: 1 'mg' : 2 'mL'
define APeriod: Interval[@2026-01-01, @2026-02-01]
define ARange: Interval[1 'mg', 2 'mg']
define Codes: { Code '1' from Sys, null }
define function Twice(n Integer): n * 2
""".replace("days", "daysBack")
SHARED = "library Shared\ndefine Base: 10\ndefine function Half(n Integer): n div 2"
SOURCES = {"First": FIRST, "Shared": SHARED}


def scope(*names: str) -> CqlScope:
    return CqlScope(Libraries(lambda name, _version: SOURCES.get(name)), [(name, None) for name in names])


def run(text: str, language: str = "text/cql", **constants: Any) -> Any:
    class Variables:
        def value(self, name: str) -> list[Any]:
            return [constants[name]]

    known = dict.fromkeys(constants, INTEGER)
    expression = scope("First", "Shared").compile(text, language, known)
    return expression.items(Evaluation(now=datetime(2026, 3, 2, tzinfo=UTC), variables=Variables()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "language", "items"),
    [
        ('"Two words"', "text/cql-identifier", [2]),
        ("Two words", "text/cql-identifier", [2]),
        ('First."Two words"', "text/cql-identifier", [2]),
        ("Shared.Base", "text/cql-identifier", [10]),
        ("daysBack", "text/cql-identifier", [3]),
        ('Twice("Two words") + S.Base + Shared.Half(Shared.Base) + daysBack', "text/cql", [22]),
        ("Ones", "text/cql-identifier", [1, 1]),
        ("%n + 1", "text/cql", [6]),
        ("null as Integer", "text/cql", []),
        ("1 = 2", "text/cql-expression", [False]),
        ("ACode", "text/cql", [{"system": "http://example.org/sys", "code": "1", "display": "One"}]),
        ("AConcept", "text/cql", [{"coding": [{"system": "http://example.org/sys", "code": "1"}], "text": "Uno"}]),
        ("APeriod", "text/cql", [{"start": "2026-01-01", "end": "2026-02-01"}]),
        ("Codes", "text/cql", [{"system": "http://example.org/sys", "code": "1"}]),
    ],
)
def test_names_and_values(text: str, language: str, items: list[Any]) -> None:
    """All that inline CQL sees, and every kind of value as FHIR and FHIRPath have it."""
    assert run(text, language, n=5) == items


def test_quantities_become_elements() -> None:
    """A ratio and a range hold Quantity elements."""
    (ratio,), (span,) = run("ARatio"), run("ARange")
    assert (ratio["numerator"]["value"], ratio["denominator"]["value"]) == (1, 2)
    assert (span["low"]["value"], span["high"]["value"]) == (1, 2)


@pytest.mark.parametrize(
    ("text", "language", "error", "line", "column", "words"),
    [
        ("Frist.Base", "text/cql-identifier", ExpressionSemanticError, 1, 1, "'First'"),
        ("First.Twho", "text/cql-identifier", ExpressionSemanticError, 1, 7, "no define is named 'Twho'"),
        ("1 + 1", "text/cql-identifier", ExpressionSemanticError, 1, 1, "text/cql"),
        ("1 +", "text/cql", ExpressionSyntaxError, 1, 4, "expected"),
        ("true and\n  Basse", "text/cql", ExpressionSemanticError, 2, 3, "Basse"),
        ("Twice('x')", "text/cql", ExpressionSemanticError, 1, 1, "Twice"),
        ("%m", "text/cql", ExpressionSemanticError, 1, 1, "%m"),
    ],
)
def test_faults_have_a_place(
    text: str, language: str, error: type[ExpressionError], line: int, column: int, words: str
) -> None:
    """Faults are told when the content is checked, at line and column of the expression."""
    with pytest.raises(error) as caught:
        run(text, language, n=1)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert words in str(caught.value)
