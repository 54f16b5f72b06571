"""Bounds of parameters: what a site, a case and a caller may give, and bounds that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from cql_calls_support import data, evaluate, issues, nested, patient, text

from cds.config import Settings
from cds.cql.bounds import Bounds
from cds.cql.declared import Declarations
from cds.cql.site import read_site
from cds.definitions.snapshot import load_snapshot
from cds.errors import DefinitionError, EvaluationError, Problem, RequestError
from cds.service import Engine

LIBRARY = """\
resourceType: Library
id: limits
url: https://example.org/fhir/Library/limits
name: Limits
status: active
type: {coding: [{system: "http://terminology.hl7.org/CodeSystem/library-type", code: logic-library}]}
content: [{contentType: text/cql, url: limits.cql}]
parameter:
"""
CQL = """\
library Limits
using FHIR version '4.0.1'
parameter "days" Integer default 30
parameter share Decimal default 0.5
parameter since Date default @2026-01-01
parameter opens Time
parameter dose System.Quantity default 30 'mg'
parameter word String default 'a'
parameter scores List<Integer>
context Patient
"""


def bound(url: str, value: str) -> str:
    return f'{{url: "http://hl7.org/fhir/StructureDefinition/{url}", {value}}}'


def listed(name: str, kind: str, *bounds: str) -> str:
    return f"  - {{name: {name}, use: in, type: {kind}, extension: [{', '.join(bounds)}]}}\n"


DAYS = listed("days", "integer", bound("minValue", "valueInteger: 1"), bound("maxValue", "valueInteger: 90"))


def content(root: Path, *parameters: str) -> Path:
    (root / "limits.yaml").write_text(LIBRARY + "".join(parameters), encoding="utf-8")
    (root / "limits.cql").write_text(CQL, encoding="utf-8")
    return root


def declared(root: Path, *parameters: str) -> Declarations:
    return Declarations(load_snapshot(content(root, *parameters)).registry)


def told(root: Path, *parameters: str) -> list[Problem]:
    return declared(root, *parameters).problems


def test_a_site_stays_within_the_bounds_both_included(tmp_path: Path) -> None:
    """A value that no clinician can mean stops start-up at its line and column, and the hint says the bounds."""
    known = declared(tmp_path, DAYS)
    file = tmp_path / "site.yml"
    for value in (1, 90):
        file.write_text(f"Limits:\n  days: {value}\n", encoding="utf-8")
        assert read_site(file, known) == {"Limits.days": value}
    for value in (-3, 0, 91):
        file.write_text(f"Limits:\n  days: {value}\n", encoding="utf-8")
        with pytest.raises(DefinitionError) as caught:
            read_site(file, known)
        (problem,) = caught.value.problems
        assert (problem.code, problem.location.line, problem.location.column) == ("parameters-type", 2, 9)
        assert (problem.message, problem.hint) == ("Limits.days: this is out of bounds", "it takes 1 to 90")


@pytest.mark.parametrize(
    ("parameter", "name", "within", "outside"),
    [
        (listed("share", "decimal", bound("maxValue", "valueDecimal: 0.9")), "share", 0.9, 0.91),
        (listed("since", "date", bound("minValue", "valueDate: 2020-01-01")), "since", "2020-01-01", "2019-12-31"),
        (listed("opens", "time", bound("minValue", 'valueTime: "08:00:00"')), "opens", "08:00:00", "07:59:59"),
        (
            listed("dose", "Quantity", bound("maxValue", "valueQuantity: {value: 1, unit: g, code: g}")),
            "dose",
            "1000 mg",
            "1001 mg",
        ),
        (
            listed("dose", "Quantity", bound("maxValue", "valueQuantity: {value: 1, unit: g, code: g}")),
            "dose",
            "1 g",
            "1 mL",
        ),
        (listed("scores", "integer", bound("maxValue", "valueInteger: 10")), "scores", [0, 10], [0, 11]),
    ],
)
def test_bounds_have_the_type_of_their_parameter(
    tmp_path: Path, parameter: str, name: str, within: object, outside: object
) -> None:
    """Decimals, dates and quantities are compared as such, with their units; of a list each item."""
    known = declared(tmp_path, parameter)
    assert known.problems == []
    assert known.typed({name: within})
    with pytest.raises(EvaluationError, match="out of bounds"):
        known.typed({name: outside})


@pytest.mark.parametrize(
    ("bounds", "words"),
    [(Bounds(1, 90), "1 to 90"), (Bounds(1), "1 or more"), (Bounds(None, 90), "90 or less"), (Bounds(), "")],
)
def test_bounds_in_words(bounds: Bounds, words: str) -> None:
    """What docs/site-parameters.md and hints say; without bounds nothing."""
    assert str(bounds) == words


@pytest.mark.parametrize(
    ("parameter", "message", "hint"),
    [
        (
            listed("days", "integer", bound("minValue", "valueDecimal: 1.5")),
            "this is no bound of a parameter of type System.Integer",
            "write `valueInteger:`",
        ),
        (
            listed("word", "string", bound("minValue", "valueInteger: 1")),
            "this is no bound of a parameter of type System.String",
            "remove it: this type takes no bounds",
        ),
        (
            listed("days", "integer", bound("minValue", "valueInteger: 90"), bound("maxValue", "valueInteger: 1")),
            "no value is 90 or more and 1 or less",
            "put the smaller one into minValue",
        ),
        (
            listed("days", "integer", bound("minValue", "valueInteger: 31")),
            "the default 30 is not within 31 or more",
            "correct the bound, or the default",
        ),
    ],
)
def test_wrong_bounds_are_told_at_their_place(tmp_path: Path, parameter: str, message: str, hint: str) -> None:
    """A bound that says nothing, or against which the content itself offends, is found before a site relies on it."""
    (problem,) = told(tmp_path, parameter)
    assert (problem.code, problem.location.line) == ("parameter-bounds", 9)
    assert (problem.message, problem.hint) == (message, hint)


def test_wrong_bounds_keep_content_from_loading(tmp_path: Path) -> None:
    """A service does not start on bounds that hold nothing back."""
    root = content(tmp_path, listed("days", "integer", bound("minValue", "valueInteger: 31")))
    with pytest.raises(DefinitionError) as caught:
        Engine(Settings(content=root))
    assert [problem.code for problem in caught.value.problems] == ["parameter-bounds"]


def test_a_call_stays_within_the_bounds() -> None:
    """`Library/$evaluate` refuses what a site could not set (400), at the parameter."""
    with pytest.raises(RequestError) as caught:
        evaluate(nested({"name": "Limit", "valueInteger": 100}), identifier="pain")
    assert caught.value.status == 400
    (issue,) = issues(caught.value)
    assert issue == ("value", "The value is out of bounds", "/parameter/0/resource/parameter/0")
    assert evaluate(nested({"name": "Limit", "valueInteger": 99}), identifier="pain")


def test_null_is_a_value_within_all_bounds() -> None:
    """It goes before the default, as a value that is not known (ELM ParameterDef: the default is for what is not
    given)."""
    absent = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    }
    for sent in ({"name": "Limit", "_valueInteger": absent}, {"name": "Limit"}):
        (found,) = evaluate(nested(sent), data(patient()), text("expression", "Too Many"), identifier="pain")[
            "Too Many"
        ]
        assert found["_valueBoolean"]["extension"][0]["valueCode"] == "unknown"
