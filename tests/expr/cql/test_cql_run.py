"""Codes, concepts and conversions from FHIR, from text to value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from cds.errors import ExpressionLimitError
from cds.expr import Evaluation
from cds.expr.cql.signatures import system_overloads
from cds.expr.elm.compiler import HANDLERS
from cds.expr.elm.operators import OPERATORS
from cds.expr.elm.values import Code, Concept
from cds.expr.evaluation import Data
from cds.expr.libraries import Libraries

LIBRARY = """library T
codesystem "CS": 'urn:cs' version '2'
define A: Code 'a' from "CS" display 'An A'
define B: Concept { Code 'a' from "CS", Code 'b' from "CS" } display 'Both'
define C: A ~ B
"""


def test_selectors_of_codes_and_concepts() -> None:
    """A code takes url and version of the code system that it names."""
    library = Libraries().compile(LIBRARY)
    evaluation = Evaluation(now=datetime(2026, 1, 1, tzinfo=UTC))
    code = Code("a", "urn:cs", "2", "An A")
    assert library.evaluate(evaluation, "A") == code
    assert library.evaluate(evaluation, "B") == Concept([Code("a", "urn:cs", "2"), Code("b", "urn:cs", "2")], "Both")
    assert library.evaluate(evaluation, "C") is True


class OnePatient(Data):
    """One patient."""

    def retrieve(self, resource_type: str, *_: object) -> list[dict[str, str]]:
        return [{"resourceType": "Patient", "gender": "male", "birthDate": "1980-02-03"}] * (resource_type == "Patient")


@pytest.mark.parametrize("include", ["", "include FHIRHelpers", "include FHIRHelpers version '4.0.1' called Helpers"])
def test_fhir_values_convert_with_and_without_an_include(include: str) -> None:
    """FHIRHelpers is built in: text where a String is wanted, a date where a Date is."""
    library = Libraries().compile(
        f"library T using FHIR version '4.0.1' {include} context Patient"
        " define A: Patient.gender = 'male' define B: Patient.birthDate same month as @1980-02"
    )
    evaluation = Evaluation(now=datetime(2026, 1, 1, tzinfo=UTC), data=OnePatient())
    assert library.evaluate(evaluation, "A") is True
    assert library.evaluate(evaluation, "B") is True


def test_the_run_time_has_every_operator() -> None:
    """What the translator resolves can be compiled."""
    built = {"Skip", "Take", "Tail", "now", "today", "timeOfDay"}
    assert set(system_overloads()) - {*OPERATORS, *HANDLERS} == built


class Terms:
    """A code system in which longer codes are below shorter ones, and another that is not known."""

    def subsumes(self, system: str, ancestor: str, code: str) -> bool | None:
        return code.startswith(ancestor) if system == "urn:cs" else None

    def member(self, *_: object) -> bool | None:
        return None

    def codes(self, _: str) -> frozenset[tuple[str, str]] | None:
        return None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("\"A\".subsumes(\"AB\")", True),
        ("\"A\".subsumedBy(\"AB\")", False),
        ("\"A\".subsumes(Code 'B' from CS)", False),
        ("\"AB\".subsumedBy(Concept { Code 'A' from CS, Code 'C' from CS })", True),
        ("\"A\".subsumes(\"O\")", None),
        ("\"O\".subsumes(\"OP\")", None),
        ("\"O\".subsumes(\"O\")", True),
        ("\"A\".subsumes(null as Code)", None),
    ],
)  # fmt: skip
def test_hierarchies_of_codes(expression: str, expected: bool | None) -> None:
    """A code subsumes itself and what is below it; what the hierarchy does not tell is null."""
    text = """library T codesystem CS: 'urn:cs' codesystem Other: 'urn:other'
    code "A": 'A' from CS code "AB": 'AB' from CS code "O": 'O' from Other code "OP": 'OP' from Other"""
    library = Libraries().compile(f"{text} define X: {expression}")
    evaluation = Evaluation(now=datetime(2026, 1, 1, tzinfo=UTC), terminology=Terms())
    assert library.evaluate(evaluation, "X") is expected


def bare(node: Any) -> Any:
    """ELM as most of it is published: without static types."""
    if isinstance(node, dict):
        return {name: bare(own) for name, own in node.items() if name not in ("resultTypeName", "resultTypeSpecifier")}
    return [bare(own) for own in node] if isinstance(node, list) else node


def test_text_may_include_published_elm_that_has_no_types() -> None:
    """The types are found from the ELM itself: of definitions, parameters and functions."""
    base = """library Base using FHIR version '4.0.1' parameter P default 5 context Patient
    define Home: Patient.address A where A.use = 'home'
    define function Twice(n Integer): Tuple { value: n * 2 }
    define Maybe: if P > 5 then Home else {}
    define Span: Interval[@2012-01-01, @2013-01-01]"""
    published: Mapping[str, Any] = bare(Libraries(lambda *_: base).elm("Base"))
    library = Libraries(lambda name, _: published if name == "Base" else None).compile(
        "library T using FHIR version '4.0.1' include Base context Patient"
        " define A: First(Base.Home).city.value define B: Base.Twice(Base.P).value"
        " define C: start of Base.Span define D: First(Base.Maybe).use.value"
    )
    evaluation = Evaluation(now=datetime(2026, 1, 1, tzinfo=UTC), data=OnePatient())
    assert library.evaluate(evaluation, "B") == 10
    assert str(library.evaluate(evaluation, "C")) == "2012-01-01"
    assert library.evaluate(evaluation, "A") is None
    assert library.evaluate(evaluation, "D") is None


def test_rows_of_definitions_too_long_to_run_are_refused() -> None:
    """An error of ours, not an overflow of the stack."""
    lines = [f"define A{number}: A{number + 1} + 1" for number in range(2000)]
    with pytest.raises(ExpressionLimitError):
        Libraries().compile("\n".join(["library T", *lines, "define A2000: 1"]))
