"""CQL values in Parameters and back (Using CQL with FHIR 4.3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from cql_calls_support import CQL_TYPE, ask, data, nested, patient, value

from cds.cql import datatypes, results
from cds.cql.results import Renderer
from cds.errors import RequestError
from cds.expr.elm.specifiers import STRING, ListOf

ABSENT = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}
UNITY = {"system": "http://unitsofmeasure.org", "code": "1"}


def marked(name: str) -> dict[str, Any]:
    """What stands for something empty."""
    return {"extension": [{"url": f"http://hl7.org/fhir/StructureDefinition/{name}", "valueBoolean": True}]}


def precise(digits: int) -> dict[str, Any]:
    """How many digits a decimal has."""
    return {
        "extension": [{"url": results.CQL_TYPE.replace("cqf-cqlType", "quantity-precision"), "valueInteger": digits}]
    }


def timed(code: str) -> dict[str, Any]:
    """How precise a time is."""
    return {"extension": [{"url": datatypes.TIME_PRECISION, "valueCode": code}]}


def end(number: float, digits: int = 0) -> dict[str, Any]:
    """An end of a Range of numbers."""
    return {"value": number, **UNITY, **({"_value": precise(digits)} if digits else {})}


@pytest.mark.parametrize(
    ("expression", "kind", "members"),
    [
        ("true", "System.Boolean", {"valueBoolean": True}),
        ("null as Boolean", "System.Boolean", {"_valueBoolean": ABSENT}),
        ("10", "System.Integer", {"valueInteger": 10}),
        ("10L", "System.Long", {"valueString": "10"}),
        ("10.00", "System.Decimal", {"valueDecimal": 10.0, "_valueDecimal": precise(2)}),
        ("'John'", "System.String", {"valueString": "John"}),
        ("@2024-01", "System.Date", {"valueDate": "2024-01"}),
        ("DateTime(2024, 1)", "System.DateTime", {"valueDateTime": "2024-01"}),
        ("@2024-01-01T10:30:00+01:00", "System.DateTime", {"valueDateTime": "2024-01-01T10:30:00+01:00"}),
        (
            "DateTime(2024, 1, 1, 10)",
            "System.DateTime",
            {"valueDateTime": "2024-01-01T10:00:00Z", "_valueDateTime": timed("h")},
        ),
        ("@T10:30", "System.Time", {"valueTime": "10:30:00", "_valueTime": timed("min")}),
        ("@T10:30:00.5", "System.Time", {"valueTime": "10:30:00.500"}),
        (
            "5 'mg'",
            "System.Quantity",
            {"valueQuantity": {"value": 5, "unit": "mg", "system": UNITY["system"], "code": "mg"}},
        ),
        ("System.Code { code: 'a', system: 's' }", "System.Code", {"valueCoding": {"system": "s", "code": "a"}}),
        (
            "System.Concept { codes: { System.Code { code: 'a' } }, display: 'A' }",
            "System.Concept",
            {"valueCodeableConcept": {"coding": [{"code": "a"}], "text": "A"}},
        ),
        (
            "Interval[@2024-01-01, @2024-02-01)",
            "Interval<System.Date>",
            {"valuePeriod": {"start": "2024-01-01", "end": "2024-01-31"}},
        ),
        ("Interval[@T10:30, null)", "Interval<System.Time>", {"valuePeriod": {"start": "0001-01-01T10:30:00Z"}}),
        ("Interval(5, 10]", "Interval<System.Integer>", {"valueRange": {"low": end(6), "high": end(10)}}),
        ("Interval[5L, 10L]", "Interval<System.Long>", {"valueRange": {"low": end(5), "high": end(10)}}),
        ("Interval[1.0, 1.4)", "Interval<System.Decimal>", {"valueRange": {"low": end(1.0, 1), "high": end(1.3, 1)}}),
        (
            "Interval(1.0, 1.1)",
            "Interval<System.Decimal>",
            {"valueRange": {"low": end(1.00000001, 8), "high": end(1.09999999, 8)}},
        ),
        ("days between DateTime(2014, 1, 15) and DateTime(2014, 2)", "Interval<System.Integer>", None),
        ("Tuple { : }", "Tuple{}", {"_valueBoolean": marked("cqf-isEmptyTuple")}),
        ("{} as List<Integer>", "List<System.Integer>", {"_valueBoolean": marked("cqf-isEmptyList")}),
    ],
)
def test_a_value_takes_its_form_in_fhir(expression: str, kind: str, members: dict[str, Any] | None) -> None:
    """The table of the guide; each says its CQL type."""
    (found,) = ask(expression)
    assert found.pop("name") == "return"
    assert found.pop("extension") == [{"url": CQL_TYPE, "valueString": kind}]
    assert members is None or found == members


def test_a_list_is_a_parameter_for_each_item() -> None:
    """The first says the type of the list; a null among them is one."""
    first, second, third = ask("{1, null, 3}")
    assert first == {
        "name": "return",
        "extension": [{"url": CQL_TYPE, "valueString": "List<System.Integer>"}],
        "valueInteger": 1,
    }
    assert (second, third) == ({"name": "return", "_valueBoolean": ABSENT}, {"name": "return", "valueInteger": 3})


def test_each_interval_of_a_list_says_its_type() -> None:
    """A Range does not tell whether numbers or quantities are meant."""
    found = ask("{Interval[1, 2], Interval[4, 5]}")
    assert [part["extension"][0]["valueString"] for part in found] == ["Interval<System.Integer>"] * 2


def test_lists_in_lists_and_tuples() -> None:
    """Elements have the name of their tuple, and `element` where there is none."""
    first, second = ask("{{1, 2}, {} as List<Integer>}")
    assert first["extension"][0]["valueString"] == "List<List<System.Integer>>"
    assert first["part"] == [{"name": "element", "valueInteger": 1}, {"name": "element", "valueInteger": 2}]
    assert second["_valueBoolean"] == marked("cqf-isEmptyList")
    (found,) = ask("Tuple { id: 1, names: {'a', 'b'}, none: null as String, inner: Tuple { x: 1L } }")
    assert found["part"] == [
        {"name": "id", "valueInteger": 1},
        {"name": "names", "valueString": "a"},
        {"name": "names", "valueString": "b"},
        {"name": "none", "_valueBoolean": ABSENT},
        {
            "name": "inner",
            "part": [{"name": "x", "extension": [{"url": CQL_TYPE, "valueString": "System.Long"}], "valueString": "1"}],
        },
    ]


CHART = data(
    patient(
        active=True,
        birthDate="2000-01-01",
        name=[{"family": "Cole"}],
        contact=[{"name": {"family": "Dean"}, "gender": "female"}],
        extension=[{"url": "http://u", "valueDateTime": "2020-01-01"}],
        maritalStatus={"text": "married"},
    ),
    {"resourceType": "Observation", "id": "o", "valueQuantity": {"value": 1.50, "code": "kg"}},
    {"resourceType": "Observation", "id": "p", "valueString": "heavy"},
)


@pytest.mark.parametrize(
    ("expression", "members"),
    [
        ("Patient.active", {"valueBoolean": True}),
        ("Patient.birthDate", {"valueDate": "2000-01-01"}),
        ("Patient.name[0]", {"valueHumanName": {"family": "Cole"}}),
        ("Patient.maritalStatus", {"valueCodeableConcept": {"text": "married"}}),
        (
            "Patient.contact[0]",
            {
                "part": [
                    {"name": "name", "valueHumanName": {"family": "Dean"}},
                    {"name": "gender", "valueCode": "female"},
                ]
            },
        ),
        (
            "Patient.extension[0]",
            {"part": [{"name": "url", "valueUri": "http://u"}, {"name": "value", "valueDateTime": "2020-01-01"}]},
        ),
        ("First([Observation] O where O.id = 'o').value", {"valueQuantity": {"value": 1.5, "code": "kg"}}),
        ("First([Observation] O where O.id = 'p').value", {"valueString": "heavy"}),
    ],
)
def test_what_is_fhirs_stays_as_it_is(expression: str, members: dict[str, Any]) -> None:
    """Without a CQL type; backbone elements and extensions in parts."""
    (found,) = ask(expression, CHART)
    assert found == {"name": "return", **members}


def test_an_answer_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a caller can have computed is bounded, whatever it was sent (security E5)."""
    monkeypatch.setattr(results, "MAX_RESULTS", 10_000)
    with pytest.raises(RequestError) as caught:
        Renderer().parameters("x", ["a" * 1000] * 20, ListOf(STRING))
    assert (caught.value.status, caught.value.issues[0].code) == (422, "too-costly")


@pytest.mark.parametrize(
    "expression",
    [
        "true",
        "7",
        "7L",
        "9007199254740993L",
        "1.50",
        "'a'",
        "@2024-01",
        "@2024-01-01T10:30:00.000Z",
        "@T10:30:00",
        "5 'mg'",
        "1 'mg':2 'mg'",
        "Interval[1, 5]",
        "Interval[1.5, 2.5]",
        "Interval[5 'mg', 6 'mg']",
        "Interval[3L, 4L]",
        "Interval[@2024-01-01, @2024-02-01]",
        "Interval[@T10:00:00, @T11:00:00]",
        "Interval[@2024-01-01T10:00:00.0Z, @2024-02-01T10:00:00.0Z]",
        "{1, 2}",
        "Tuple { a: 1, b: {'x', 'y'} }",
        "System.Code { code: 'a', system: 's', version: '1', display: 'd' }",
        "{Interval[1, 2], Interval[3, 4]}",
        "System.Concept { codes: { System.Code { code: 'a' } }, display: 'A' }",
    ],
)
def test_what_comes_out_can_go_in_again(expression: str) -> None:
    """A result given as a parameter is equal to what it was."""
    found = [{**parameter, "name": "X"} for parameter in ask(expression)]
    assert value(ask(f"X = ({expression})", nested(*found))[0]) is True


def test_decimals_keep_their_digits() -> None:
    """Of data as of results."""
    assert Renderer().parameters("x", Decimal("1.50"), None)[0]["valueDecimal"].as_tuple().exponent == -2
