"""Messages that help: what stands where, what was expected, and what to write instead."""

from __future__ import annotations

from typing import Any

import pytest
from expr_support import Run

from cds import expr
from cds.errors import EvaluationError, ExpressionError, ExpressionSemanticError, ExpressionSyntaxError
from cds.expr import hints, ucum
from cds.expr.functions import FUNCTIONS

MISTAKES = [
    ("name.size()", 6, "unknown function size()", "write count()"),
    ("name.cuont()", 6, "unknown function cuont()", "did you mean count()?"),
    ("a == 'b'", 4, "expected a value, name or '(', found '='", "equality is ="),
    ("a = 1 && b", 8, "expected a value, name or '(', found '&'", "write and"),
    ("a || b", 4, "expected a value, name or '(', found '|'", "write or"),
    ("a <> b", 4, "expected a value, name or '(', found '>'", "inequality is !="),
    ("!a", 1, "unexpected character !", "write not() behind it: name.exists().not()"),
    ("not a", 5, "expected an operator or the end of the expression, found 'a'", "write not() behind it"),
    ("a AND b", 3, "expected an operator or the end of the expression, found 'AND'", "write and"),
    ("a ? b : c", 3, "unexpected character ?", "write iif(criterion, true-result, otherwise-result)"),
    ("if a then b", 4, "expected an operator or the end of the expression, found 'a'", "write iif("),
    ('a = "b"', 5, 'unexpected character "', "strings stand in single quotes, names in backticks"),
    ("a = null", 5, "there is no null in FHIRPath", "write { }"),
    ("True", 1, "there is no True in FHIRPath", "write true"),
    ("name where use", 6, "expected an operator or the end of the expression, found 'where'", "follows a dot: .where"),
    ("4 weks", 3, "expected an operator or the end of the expression, found 'weks'", "did you mean 'weeks'?"),
    ("div", 1, "expected an element or function name, found 'div'", "stands in backticks: `div`"),
    ("(a", 3, "expected ')', found the end", "it closes the ( at 1:1"),
    ("a.b(\n1", 2, "expected ',' or ')', found the end", "it closes the ( at 1:4"),
    ("a)", 2, "expected an operator or the end of the expression, found ')'", "no bracket is open for this )"),
    ("{1}", 2, "expected '}', found '1'", "join values with |"),
    ("a is 'b'", 6, "expected a type name, found 'b'", None),
    ("a is System.Strng", 6, "unknown type 'Strng'", "did you mean 'String'?"),
    ("Patient.name.count", 14, "HumanName has no element 'count'", "a function has brackets: count()"),
    ("value > 120 'mmHg'", 9, "'mmHg' is no UCUM unit", "write 'mm[Hg]'"),
    ("value > 5 'mgs'", 9, "'mgs' is no UCUM unit", "units are UCUM codes"),
    ("@2020-1-1", 6, "a number cannot be added to a date", "months and days have two digits"),
    ("'it's'", 6, "this ' is never closed", "inside it, write \\'"),
    ("a.%b", 3, "expected an element or function name, found '%'", "a variable starts an expression"),
]


@pytest.mark.parametrize(("text", "column", "message", "hint"), MISTAKES, ids=[text for text, *_ in MISTAKES])
def test_a_mistake_has_a_place_and_a_remedy(text: str, column: int, message: str, hint: str | None) -> None:
    """What authors write who come from other languages, and slips of the pen."""
    with pytest.raises((ExpressionSyntaxError, ExpressionSemanticError)) as caught:
        expr.compile(text)
    assert (caught.value.message, caught.value.column) == (message, column)
    assert (caught.value.hint or "").count(hint or "") >= 1


def test_a_type_in_small_letters_is_told() -> None:
    """A path may start with the type of its focus, in that type's own letters."""
    with pytest.raises(ExpressionSemanticError, match="has no element 'patient'") as caught:
        expr.compile("patient.birthDate", focus="Patient")
    assert caught.value.hint == "write Patient"


def test_what_is_quoted_may_be_called_anything() -> None:
    """A name in backticks, or behind a dot, is an element whatever it is called."""
    assert expr.compile("`null` | a.null | `div`")


def test_functions_of_other_languages_are_none_of_ours() -> None:
    """A hint for a function that exists would never be shown."""
    assert not hints.FUNCTIONS.keys() & FUNCTIONS.keys()


def test_units_that_are_recommended_are_valid() -> None:
    """Each mends a code that UCUM does not have."""
    for written, meant in hints._UNITS.items():
        assert (ucum.is_valid(meant), ucum.is_valid(written)) == (True, False), written


def test_retired_units_and_those_of_lenient_expressions_are_left_alone() -> None:
    """Only a unit that UCUM never had is a mistake, and only for authors."""
    expr.compile("value = 1 '[hp\\'_X]'")
    expr.compile("value = 1 'mgs'", strict=False)


RUNS = [
    ("1.sqrt() + 'a'", 10, "+ does not go with Decimal and String", "make the other a string with toString()"),
    ("today() - today()", 9, "- does not go with Date and Date", "count the time between them with difference("),
    ("-1.toString()", 1, "a sign needs a number, not String", "write (-1).toString()"),
    ("'a'.sqrt()", 5, "sqrt() needs a number, not String", ""),
    ("'a'.encode(name.first())", 5, "encode() needs a string argument, not element", ""),
    ("'a'.decode(name.first())", 5, "decode() needs a string argument, not element", ""),
    ("name.use", 6, "expected one item, found 2", "choose one with first()"),
    ("name.first() < 1", 14, "element and Integer have no order", "compare values of one type"),
    ("%context < 1", 10, "resource and Integer have no order", ""),
    ("'a'.matches('(' & '')", 5, "matches() cannot read this regular expression", ""),
    ("'a'.matches('(?<!b)a' & '')", 5, "matches() cannot read this regular expression", "look-around"),
]


@pytest.mark.parametrize(("text", "column", "message", "hint"), RUNS, ids=[text for text, *_ in RUNS])
def test_a_failure_names_kinds_and_no_data(
    text: str, column: int, message: str, hint: str, run: Run, patient: dict[str, Any]
) -> None:
    """What fails at run time says which function, and what kind of item it had."""
    with pytest.raises(EvaluationError) as caught:
        run(f"{text} and true" if text == "name.use" else text, patient)
    assert (caught.value.message, caught.value.column) == (message, column)
    assert hint in (caught.value.hint or "")


def test_no_error_shows_patient_data(run: Run) -> None:
    """Whatever fails on a canary in data, its error does not quote it (security A2)."""
    canary = "CANARY"
    resource = {"resourceType": canary, "id": canary, "name": [{"family": canary, "given": [canary, canary]}]}
    messages = []
    for name, row in FUNCTIONS.items():
        for start in ("%x", "name.given", "$this"):
            arguments = ", ".join(["%x"] * row.least)
            for text in (f"{start}.{name}({arguments})", f"{start}.{name}({arguments}) < 1", f"-{start}.{name}()"):
                try:
                    run(text, resource, x=[canary])
                except ExpressionError as error:
                    messages.append(str(error))
    assert len(messages) > 100
    assert not [message for message in messages if canary in message]
