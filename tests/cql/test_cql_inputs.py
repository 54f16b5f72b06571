"""Parameters of a call as CQL values of a declared type."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from cql_calls_support import NOW, patient

from cds.cql import inputs
from cds.errors import RequestError
from cds.expr.elm.specifiers import ANY, ChoiceOf, IntervalOf, ListOf, Named, TupleOf, Type
from cds.expr.elm.values import Code, Interval, Tuple
from cds.expr.evaluation import Evaluation

EV = Evaluation(now=NOW, zone=UTC)
INTEGER, LONG, DECIMAL, STRING, DATE, DATETIME, TIME, QUANTITY, CODE, CONCEPT = (
    Named(f"System.{name}")
    for name in ("Integer", "Long", "Decimal", "String", "Date", "DateTime", "Time", "Quantity", "Code", "Concept")
)
KG = {"value": 2, "code": "kg"}
PAIR = TupleOf((("a", INTEGER), ("b", ListOf(STRING))))


def read(kind: Type, *parameters: dict[str, Any]) -> Any:
    """The value as the type wants it."""
    return inputs.read([{"name": "x", **parameter} for parameter in parameters], kind, EV, "/p")


@pytest.mark.parametrize(
    ("kind", "parameter", "shown"),
    [
        (INTEGER, {"valueInteger": 1}, "1"),
        (INTEGER, {"valuePositiveInt": 1}, "1"),
        (LONG, {"valueString": "9007199254740993"}, "9007199254740993"),
        (LONG, {"valueInteger": 1}, "1"),
        (DECIMAL, {"valueInteger": 1}, "Decimal('1')"),
        (STRING, {"valueCode": "a"}, "'a'"),
        (DATE, {"valueDate": "2024-01"}, "Date(2024-01)"),
        (DATETIME, {"valueDate": "2024-01-01"}, "DateTime(2024-01-01)"),
        (DATETIME, {"valueInstant": "2024-01-01T10:00:00Z"}, "DateTime(2024-01-01T10:00:00Z)"),
        (TIME, {"valueTime": "10:30:00"}, "Time(10:30:00)"),
        (QUANTITY, {"valueAge": KG}, "Quantity(2 'kg')"),
        (CODE, {"valueCoding": {"code": "a", "system": "s"}}, "Code('a', 's')"),
        (CONCEPT, {"valueCoding": {"code": "a"}}, "Concept([Code('a', None)], None)"),
        (IntervalOf(INTEGER), {"valueRange": {"low": {"value": 1}, "high": {"value": 2}}}, "Interval[1, 2]"),
        (IntervalOf(QUANTITY), {"valueRange": {"low": KG}}, "Interval[2 'kg', None]"),
        (IntervalOf(DATE), {"valuePeriod": {"start": "2024-01-01T10:00:00Z"}}, "Interval[2024-01-01, None]"),
        (IntervalOf(TIME), {"valuePeriod": {"end": "0001-01-01T10:30:00Z"}}, "Interval[None, 10:30:00]"),
        (Named("FHIR.Patient"), {"resource": {"resourceType": "Patient"}}, "{'resourceType': 'Patient'}"),
        (Named("FHIR.Resource"), {"resource": {"resourceType": "Patient"}}, "{'resourceType': 'Patient'}"),
        (Named("FHIR.Period"), {"valuePeriod": {"start": "2024"}}, "{'start': '2024'}"),
        (Named("FHIR.string"), {"valueCode": "a"}, "'a'"),
        (ChoiceOf((INTEGER, STRING)), {"valueString": "a"}, "'a'"),
        (ANY, {"valueString": "a"}, "'a'"),
        (ListOf(INTEGER), {"valueInteger": 1}, "[1]"),
        (ListOf(INTEGER), {"_valueBoolean": {"extension": [{"url": inputs.EMPTY_LIST, "valueBoolean": True}]}}, "[]"),
        (ListOf(INTEGER), {"_valueBoolean": {"extension": [{"url": inputs.ABSENT, "valueCode": "unknown"}]}}, "None"),
        (INTEGER, {}, "None"),
    ],
)
def test_a_value_is_read_as_the_type_wants_it(kind: Type, parameter: dict[str, Any], shown: str) -> None:
    """FHIR's own forms of each type, and the conversions CQL makes by itself."""
    assert repr(read(kind, parameter)) == shown


def test_tuples_and_lists_nest() -> None:
    """Parts by their names; a part that is there twice is a list."""
    parts = [{"name": "a", "valueInteger": 1}, {"name": "b", "valueString": "x"}, {"name": "b", "valueString": "y"}]
    assert read(PAIR, {"part": parts}) == Tuple({"a": 1, "b": ["x", "y"]})
    assert read(PAIR, {"part": parts[:1]}) == Tuple({"a": 1, "b": None})
    element = {"part": [{"name": "element", "valueInteger": 1}, {"name": "element", "valueInteger": 2}]}
    assert read(ListOf(ListOf(INTEGER)), element, element) == [[1, 2], [1, 2]]


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (INTEGER, [{"valueString": "1"}]),
        (INTEGER, [{"valueBoolean": True}]),
        (INTEGER, [{"valueInteger": 2**31}]),
        (INTEGER, [{"valueInteger": 1}, {"valueInteger": 2}]),
        (LONG, [{"valueString": "x"}]),
        (STRING, [{"valueInteger": 1}]),
        (STRING, [{"valueDate": "2024"}]),
        (DATE, [{"valueDate": "soon"}]),
        (QUANTITY, [{"valueQuantity": {"value": 1, "comparator": "<"}}]),
        (CODE, [{"valueCodeableConcept": {}}]),
        (CODE, [{"valueCoding": "a"}]),
        (IntervalOf(INTEGER), [{"valueRange": {"low": {"value": 1.5}}}]),
        (IntervalOf(INTEGER), [{"valueRange": {}}]),
        (IntervalOf(INTEGER), [{"valueRange": {"low": 1}}]),
        (IntervalOf(DATE), [{"valuePeriod": {"start": 1}}]),
        (Named("FHIR.Patient"), [{"resource": {"resourceType": "Condition"}}]),
        (Named("FHIR.Period"), [{"valueRange": {}}]),
        (ChoiceOf((INTEGER, STRING)), [{"valueDate": "2024"}]),
        (PAIR, [{"part": [{"name": "c", "valueInteger": 1}]}]),
        (PAIR, [{"part": [{"name": "a", "valueInteger": 1}, {"name": "a", "valueInteger": 2}]}]),
        (Named("System.Vocabulary"), [{"valueUri": "x"}]),
    ],
)
def test_another_type_is_refused(kind: Type, parameters: list[dict[str, Any]]) -> None:
    """At its place, and without the value."""
    with pytest.raises(RequestError) as caught:
        read(kind, *parameters)
    (issue,) = caught.value.issues
    assert (issue.code, issue.text, issue.expression) == ("value", f"The value is no {kind}", "/p")


@pytest.mark.parametrize(
    ("parameters", "shown"),
    [
        ([{"valueInteger": 1}], "System.Integer"),
        ([{"valueString": "1", "extension": [{"url": inputs.CQL_TYPE, "valueString": "System.Long"}]}], "System.Long"),
        ([{"valuePeriod": {}}], "Interval<System.DateTime>"),
        ([{"valueHumanName": {}}], "FHIR.HumanName"),
        ([{"resource": patient()}], "FHIR.Patient"),
        ([{"valueInteger": 1}, {"valueInteger": 2}], "List<System.Integer>"),
        ([{"valueInteger": 1}, {"valueString": "a"}], "List<Choice<System.Integer, System.String>>"),
        ([{"part": [{"name": "a", "valueInteger": 1}]}], "Tuple{a System.Integer}"),
        ([{"_valueBoolean": {"extension": [{"url": inputs.ABSENT}]}}], "System.Any"),
        ([{"_valueBoolean": {"extension": [{"url": inputs.EMPTY_LIST}]}}], "List<System.Any>"),
    ],
)
def test_the_type_of_an_input_that_nothing_declares(parameters: list[dict[str, Any]], shown: str) -> None:
    """What it says, else what its form is; CQL can read it as a type."""
    assert str(inputs.natural(parameters)) == shown


def test_ends_are_closed() -> None:
    """A Period and a Range have no other."""
    found = read(IntervalOf(DATE), {"valuePeriod": {"start": "2024-01-01"}})
    assert isinstance(found, Interval)
    assert (found.low_closed, found.high_closed, found.point) == (True, True, "System.Date")
    assert isinstance(read(CODE, {"valueCoding": {"code": "a"}}), Code)
