"""The FHIR release of an expression, and how late its faults are found."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from expr_support import NOW

from cds import expr
from cds.errors import EvaluationError, ExpressionSemanticError, ExpressionSyntaxError
from cds.expr.types import Release


def evaluate(text: str, context: Any = None, **options: Any) -> list[Any]:
    return expr.compile(text, **options)(expr.Evaluation(now=NOW, context=context))


@pytest.mark.parametrize(("release", "name"), [("R4", "medicationReference"), ("R5", "medication")])
def test_types_are_of_the_release(release: Release, name: str) -> None:
    """MedicationRequest.medication is a choice in R4 and a CodeableReference in R5."""
    expr.compile(f"MedicationRequest.medication.exists() and 'x' != '{name}'", release=release)
    kinds = expr.compile("MedicationRequest.medication", release=release).types
    assert kinds == ({"CodeableConcept", "Reference"} if release == "R4" else {"CodeableReference"})


def test_only_r5_has_its_types() -> None:
    """A type of R5 is no type of R4; R4 is what is meant when nothing is said."""
    assert evaluate("$this is integer64 or $this is Availability", {}, release="R5") == [False]
    with pytest.raises(ExpressionSemanticError, match="unknown type 'Availability'"):
        expr.compile("$this is Availability")


def test_primitives_descend_from_the_base_types_of_their_release() -> None:
    """R5 has PrimitiveType and DataType above its primitives."""
    text = "Patient.birthDate is DataType"
    patient = {"resourceType": "Patient", "birthDate": "1980-01-01"}
    assert evaluate(text, patient, release="R5") == [True]


@pytest.mark.parametrize(("release", "millisecond"), [("R4", "000"), ("R5", "100")])
def test_fractions_of_seconds(release: Release, millisecond: str) -> None:
    """The suites of the releases differ in `0.1 's'`; longer units are never split."""
    (moment,) = evaluate("@2020-01-01T00:00:00.000Z + 0.1 's' + 1.5 minutes", release=release)
    assert str(moment) == f"2020-01-01T00:01:00.{millisecond}Z"


def test_r4_expressions_do_not_read_the_model_of_r5() -> None:
    """What one release needs is not loaded for the other."""
    code = (
        "from cds import expr; from cds.expr import types; expr.compile('a'); print(types._read.cache_info().currsize)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("gender.as(string1)", ExpressionSemanticError),
        ("gender is FHIRX.string", ExpressionSemanticError),
        ("@T14:34:28Z.is(Time)", ExpressionSyntaxError),
        ("@T14:34+10:00", ExpressionSyntaxError),
        ("defineVariable('a' & 'b').select(%ab)", ExpressionSemanticError),
        ("Observation.valueQuantity", ExpressionSemanticError),
    ],
)
def test_strict_compilation_finds_what_lenient_leaves_to_the_evaluation(text: str, error: type[Exception]) -> None:
    """Authors hear of a fault when content is checked; on request it is one of the evaluation only."""
    with pytest.raises(error):
        expr.compile(text)
    expr.compile(text, strict=False)


@pytest.mark.parametrize(
    "text", ["gender.as(string1)", "(1 | 2).ofType(Foo)", "@T14:34:28Z", "@T14:34+10:00 = @T14:34"]
)
def test_faults_of_a_lenient_expression_come_up_with_their_place(text: str) -> None:
    """A late error has line and column as an early one has."""
    with pytest.raises(EvaluationError) as caught:
        evaluate(text, {"resourceType": "Patient", "gender": "male"}, strict=False)
    assert caught.value.line == 1
    assert caught.value.column == text.find("@T") + 1 or caught.value.column > 1


def test_choices_by_their_json_name() -> None:
    """`valueQuantity` is read where no type is known and strictness is off."""
    observation = {"resourceType": "Observation", "valueQuantity": {"value": 1, "code": "kg"}}
    assert evaluate("Observation.valueQuantity.code", observation, strict=False) == ["kg"]
    assert evaluate("Observation.valueString.exists()", observation, strict=False) == [False]
    with pytest.raises(ExpressionSemanticError, match="valueQuantity"):
        expr.compile("Observation.valueQuantity", focus="Observation", strict=False)


def test_variables_named_while_evaluating() -> None:
    """A lenient expression may compute the name of a variable; another one of that name is an error."""
    assert evaluate(
        "defineVariable('a' & 'b', 1).defineVariable('c' & 'd', 2).select(%ab + %cd)", {}, strict=False
    ) == [3]
    for text in ("defineVariable('a' & 'b').select(%ac)", "defineVariable('a' & 'b').defineVariable('ab' & '')"):
        with pytest.raises(EvaluationError, match="%a"):
            evaluate(text, {}, strict=False)
