"""sum(), min(), max() and avg() (FHIRPath 3.0, Aggregates)."""

from __future__ import annotations

from typing import Any

import pytest
from expr_support import Run

from cds.errors import EvaluationError

CASES = [
    ("(1.0 | 2.0 | 3.0 | 4.0 | 5.0).sum()", ["15.0"]),
    ("(1.0 'mg' | 2.0 'mg' | 3.0 'mg' | 4.0 'mg' | 5.0 'mg').sum()", ["15.0 'mg'"]),
    ("(1 | 2).sum() is Integer", ["True"]),
    ("(1L | 2L).sum() is Long", ["True"]),
    ("1.combine(1).combine(1).sum()", ["3"]),
    ("(1 'g' | 500 'mg').sum()", ["1500 'mg'"]),
    ("(1 'g' | 500 'mL').sum()", []),
    ("{}.sum()", []),
    ("(2 | 4 | 8 | 6).min()", ["2"]),
    ("(2L | 4L | 8L | 6L).min() is Long", ["True"]),
    ("(@2012-12-31 | @2013-01-01 | @2012-01-01).min()", ["2012-01-01"]),
    ("(2 | 4 | 8 | 6).max()", ["8"]),
    ("(@2012-12-31 | @2013-01-01 | @2012-01-01).max()", ["2013-01-01"]),
    ("(@T10 | @T09:30).min()", ["09:30"]),
    ("('b' | 'a' | 'c').max()", ["c"]),
    ("('2020-01' | '2020-01-05').max()", ["2020-01-05"]),
    ("(1 'g' | 500 'mg').min()", ["500 'mg'"]),
    ("(1 'g' | 500 'mL').max()", []),
    ("(@2012 | @2012-05).min()", []),
    ("(@2012 | @2012-05 | @2011).min()", ["2011"]),
    ("(@2011 | @2012 | @2012-05).min()", ["2011"]),
    ("{}.min()", []),
    ("{}.max()", []),
    ("(5.5 | 4.7 | 4.8).avg()", ["5.0"]),
    ("(5.5 'cm' | 4.7 'cm' | 4.8 'cm').avg()", ["5.0 'cm'"]),
    ("(1 | 2).avg()", ["1.5"]),
    ("(2L | 4L).avg() is Decimal", ["True"]),
    ("(2 days | 1 day).avg()", ["1.5 days"]),
    ("{}.avg()", []),
]


@pytest.mark.parametrize(("text", "result"), CASES, ids=[text for text, _ in CASES])
def test_aggregates_of_values(text: str, result: list[str], run: Run) -> None:
    """The examples of the specification; what units or partial dates leave open is empty."""
    assert [str(item) for item in run(text)] == result


@pytest.mark.parametrize(
    "text",
    [
        "(1 | 2.5).sum()",
        "(1 | 2L).sum()",
        "(1 | 'a').max()",
        "(1 | 1 'mg').sum()",
        "(today() | now()).min()",
        "(true | false).min()",
        "('a' | 'b').sum()",
        "(@2012 | @2013).avg()",
        "name.min()",
    ],
)
def test_items_must_be_of_one_type_that_can_be_aggregated(text: str, run: Run, patient: dict[str, Any]) -> None:
    """All items are of the same type and of one the function takes, or it is an error at its place."""
    with pytest.raises(EvaluationError) as caught:
        run(text, patient)
    assert caught.value.column > 0


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("component.value.value.sum()", ["3.5"]),
        ("component.value.value.sum() is Decimal", ["True"]),
        ("component.value.ofType(Quantity).sum()", ["3.5 'mg'"]),
        ("component.value.ofType(Quantity).max()", ["2.5 'mg'"]),
        ("component.value.ofType(Quantity).avg()", ["1.75 'mg'"]),
        ("component.value.ofType(Quantity).unit.max()", ["mg"]),
        ("(effective | issued).min()", ["2026-01-01T10:00:00Z"]),
        ("%x.sum()", ["3.5"]),
        ("%y.max()", ["2026-02"]),
    ],
)
def test_aggregates_of_fhir_data(text: str, result: list[str], run: Run) -> None:
    """A FHIR decimal is a Decimal however it is written; values whose type nobody knows go by their form."""
    quantities = [{"valueQuantity": {"value": value, "unit": "mg", "code": "mg"}} for value in (1, 2.5)]
    observation = {
        "resourceType": "Observation",
        "effectiveDateTime": "2026-01-01T10:00:00Z",
        "issued": "2026-01-02T10:00:00Z",
        "component": quantities,
    }
    assert [str(item) for item in run(text, observation, x=[1, 2.5], y=["2026-01-01", "2026-02"])] == result


def test_money_is_no_quantity(run: Run) -> None:
    """Values of a currency are not added up without it."""
    claim = {"resourceType": "Claim", "item": [{"net": {"value": 1, "currency": "EUR"}}]}
    with pytest.raises(EvaluationError, match="sum\\(\\) does not take"):
        run("item.net.sum()", claim)


@pytest.mark.parametrize("name", ["sum", "min", "max", "avg"])
def test_aggregates_of_data_that_was_not_obtained_are_unknown(name: str, run: Run) -> None:
    """What may be missing could change the answer (security E8)."""
    assert run(f"%x.{name}()", missing={"x"}, x=[1, 2]) == []
    assert run(f"%x.{name}()", x=[2]) == [2]
