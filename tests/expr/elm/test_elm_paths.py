"""Paths over FHIR data and System values, and types asked for at run time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest
from elm_libraries_support import NOW, Codes, Resource, Resources, coded, run

from cds.errors import EvaluationError
from cds.expr import Evaluation
from cds.expr.cql.parser import parse_library
from cds.expr.cql.translate import translate
from cds.expr.elm.build import compile_library
from cds.expr.elm.values import Code, Concept
from cds.expr.libraries import Libraries

PATIENT: Resource = {
    "resourceType": "Patient",
    "id": "p",
    "birthDate": "1980-02-29",
    "_birthDate": {"id": "b", "extension": [{"url": "u", "valueDateTime": "1980-02-29T10:00:00Z"}]},
    "name": [{"family": "Cole", "given": ["Ann", "Bea"]}, {"given": ["Cy"]}],
    "gender": "female",
    "deceasedBoolean": False,
    "multipleBirthInteger": 2,
    "extension": [{"url": "x", "valueCoding": {"system": "sys", "code": "a"}}, {"url": "y", "valueString": "2020"}],
}
OBSERVATION = coded(
    "Observation",
    "o",
    status="final",
    valueQuantity={"value": 1.10, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"},
    effectivePeriod={"start": "2020-01-01", "end": "2020-02-01"},
    component=[{"code": {"text": "c"}, "valueString": "2020-05"}, {"valueDateTime": "2020-05"}, {"valueInteger": 7}],
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient.name.given", ["Ann", "Bea", "Cy"]),
        ("Patient.name[0].given[1]", "Bea"),
        ("Patient.name[5].given[1]", None),
        ("Patient.name.family", ["Cole"]),
        ("Patient.gender", "female"),
        ("Patient.gender = 'female'", True),
        ("Patient.birthDate.value = @1980-02-29", True),
        ("Patient.deceased as FHIR.boolean", False),
        ("Patient.deceased is FHIR.dateTime", False),
        ("Patient.multipleBirth.value", 2),
        ("Patient.birthDate.id", "b"),
        ("Patient.birthDate.extension.url", ["u"]),
        ("Patient.maritalStatus.text", None),
        ("Patient.extension E where E.url = 'x' return (E.value as FHIR.Coding).code", ["a"]),
        ("[Observation] O return (O.value as FHIR.Quantity).value.value", [Decimal("1.1")]),
        ("[Observation] O return O.value as FHIR.string", [None]),
        ("AgeInYearsAt(@2000-02-28)", 19),
        ("Interval[1, 5].high", 5),
        ("Interval[1, 5).highClosed", False),
        ("(5 'mg').unit", "mg"),
        ("Tuple{ a: 1, b: Tuple{ c: 'x' } }.b.c", "x"),
        ('"A".system', "sys"),
        ('"AB".codes.display', ["An A"]),
    ],
)
def test_paths(text: str, expected: Any) -> None:
    """Elements, choices, primitives with their System value, id and extensions, parts of System values."""
    assert run(text, PATIENT, OBSERVATION) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Count(Patient.name)",
        "First(Patient.name).family.value",
        "Last(Patient.name).family.value",
        "Patient.name[0].given[0].value",
        "(singleton from Patient.name).family.value",
        "exists Patient.name",
        "Count(Take(Patient.name, 1))",
        "Count(Patient.name union Patient.name)",
        "AnyTrue(Patient.name N return N.family = 'Cole')",
        "Patient.name N where N.family = 'Cole' return all N.family.value",
        "Patient.name includes First(Patient.name)",
        "Patient.name.given",
        "[Observation] O return all Count(O.code.coding)",
        "Count([Observation] O where O.code ~ Code { code: 'a', system: 'sys' })",
        "[Observation] O let c: O.code.coding return all First(c).code.value",
        "([Observation] union [Condition]) O return all Count(O.category)",
        "define function HasCodeOf(concept FHIR.CodeableConcept, systems List<String>) returns Boolean: external "
        "define X: [Observation] O return all HasCodeOf(O.code, { 'sys' })",
    ],
)
def test_an_element_that_came_alone_is_a_list_of_one(text: str) -> None:
    """A client that sends an object where FHIR has a list means the same, wherever the element is asked for; counting
    members of the object, or failing on it, would make cards of nothing."""
    coding = {"system": "sys", "code": "a"}
    alone = [
        {"resourceType": "Patient", "id": "p", "name": {"family": "Cole", "given": "Ann"}},
        {"resourceType": "Observation", "id": "o", "code": {"coding": coding}, "category": {"coding": coding}},
    ]
    listed = [
        {"resourceType": "Patient", "id": "p", "name": [{"family": "Cole", "given": ["Ann"]}]},
        {"resourceType": "Observation", "id": "o", "code": {"coding": [coding]}, "category": [{"coding": [coding]}]},
    ]
    expected = run(text, *listed)
    assert expected not in (None, [], 0, False)
    assert run(text, *alone) == expected


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("v is FHIR.string", [True, False, False]),
        ("v is FHIR.dateTime", [False, True, False]),
        ("v is FHIR.integer", [False, False, True]),
        ("v is FHIR.Quantity", [False, False, False]),
    ],
)
def test_the_type_of_a_choice_is_its_json_member(test: str, expected: list[bool]) -> None:
    """A valueString that reads as a date is still a string."""
    text = f"(flatten ([Observation] O return O.component)) C return all {test.replace('v', 'C.value', 1)}"
    assert run(text, OBSERVATION) == expected


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("R is FHIR.Patient", [True, False, False, False]),
        ("(R as FHIR.Patient).id", ["p", None, None, None]),
        ("R is FHIR.Observation", [False, True, False, False]),
        ("R is FHIR.DomainResource", [True, True, False, False]),
        ("(R as FHIR.Resource).id", ["p", "o", None, None]),
    ],
)
def test_the_type_of_a_resource_in_a_query(test: str, expected: list[Any]) -> None:
    """What a row holds is told by its resourceType; what has none, or another form, is no resource."""
    found = Libraries().compile(f"""
library T
using FHIR version '4.0.1'
parameter given List<Choice<FHIR.Patient, FHIR.Observation, FHIR.Identifier>>
context Patient
define X: given R return all {test}
""")
    odd = [{"id": "i", "resourceType": ["Patient"]}, None]
    evaluation = Evaluation(now=NOW, parameters={"given": [PATIENT, coded("Observation", "o"), *odd]})
    assert found.evaluate(evaluation, "X") == expected


def test_a_choice_in_a_let_is_told_by_its_shape() -> None:
    """Where the member is out of sight, the JSON value tells among the types of the choice."""
    quantity = "case when v is FHIR.Quantity then 'q' when v is FHIR.CodeableConcept then 'c' else 'other' end"
    resources = [
        OBSERVATION,
        coded("Observation", "c", valueCodeableConcept={"text": "t"}),
        coded("Observation", "b", valueBoolean=True),
    ]
    assert run(f"[Observation] O let v: O.value return all {quantity}", *resources) == ["q", "c", "other"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 is Integer", True),
        ("5L is Integer", False),
        ("5 is Decimal", False),
        ("(null as Integer) is Integer", False),
        ("{1, 2} is List<Integer>", True),
        ("Interval[1, 2] is Interval<Integer>", True),
        ("Interval[1, 2] is Interval<Decimal>", False),
        ("Patient is FHIR.Patient", True),
        ("Patient is FHIR.DomainResource", True),
        ("('x' as Choice<Integer, String>) as Integer", None),
        ("convert '5' to Integer", 5),
        ("convert 'five' to Integer", None),
        ("convert 5 to Decimal", Decimal(5)),
        ("('x' as Choice<Integer, String>) is String", True),
    ],
)
def test_types_at_run_time(text: str, expected: Any) -> None:
    """Is, as and convert."""
    assert run(text, PATIENT) == expected


def test_a_strict_cast_fails() -> None:
    """`cast` is an error where `as` is null."""
    with pytest.raises(EvaluationError, match=r"the value is no System\.Integer"):
        run("cast ('x' as Choice<Integer, String>) as Integer")


def test_fhir_helpers_are_built_in() -> None:
    """Concepts, codes, quantities and intervals come out of FHIR elements without a library of that name."""
    assert run("FHIRHelpers.ToConcept(First([Observation]).code)", OBSERVATION) == Concept([Code("a", "sys")])
    assert str(run("FHIRHelpers.ToQuantity(First([Observation]).value as FHIR.Quantity)", OBSERVATION)) == "1.1 'mg'"
    assert run('First([Observation]).code ~ "A"', OBSERVATION) is True
    assert run('First([Observation]).code ~ "AB"', OBSERVATION) is True


@pytest.mark.parametrize(
    "odd",
    [{"birthDate": 5}, {"birthDate": {}}, {"birthDate": "yesterday"}, {"birthDate": None}, {"birthDate": ["1980"]}],
)
def test_data_of_the_wrong_type_reads_as_absent(odd: dict[str, Any]) -> None:
    """One odd element does not stop an expression."""
    assert run("Patient.birthDate.value", {**PATIENT, **odd}) is None


def test_instances_of_fhir_types_are_json() -> None:
    """A primitive is its value, a choice stands under the name that has its type in it, a resource has its type."""
    text = """FHIR.Observation {
      id: FHIR.id { value: 'new' },
      status: FHIR.ObservationStatus { value: 'final' },
      effective: FHIR.dateTime { value: @2020-01-02T03:04:05.000Z },
      value: if true then FHIR.Quantity { value: FHIR.decimal { value: 5.0 } } else null
    }"""
    assert run(text) == {
        "resourceType": "Observation",
        "id": "new",
        "status": "final",
        "effectiveDateTime": "2020-01-02T03:04:05.000Z",
        "valueQuantity": {"value": Decimal("5.0")},
    }


def test_elm_without_types_gives_the_same() -> None:
    """Published ELM often has neither result types nor signatures: they are inferred where they matter."""
    text = """library T
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
context Patient
define Value: First([Observation]).value as FHIR.Quantity
define X: { ToString(Patient.birthDate), ToString(start of First([Observation]).effective), ToString("Value") }
define Y: [Observation] O where O.status = 'final' and O.value > 1 'mg' return O.id
define Z: Count((Patient.name) N where N.family is not null)
"""
    elm = translate(parse_library(text), resolve=lambda _name, _version: None)
    stripped = without_types(orjson.loads(orjson.dumps(elm)))
    for name in ("X", "Y", "Z"):
        values = []
        for library in (Libraries().compile(elm), compile_library(stripped)):
            ev = Evaluation(now=NOW, data=Resources([PATIENT, OBSERVATION]), terminology=Codes())
            values.append(library.evaluate(ev, name))
        assert values[0] == values[1]
        assert values[0]


def without_types(node: Any) -> Any:
    if isinstance(node, dict):
        dropped = ("resultTypeName", "resultTypeSpecifier", "signature")
        return {name: without_types(value) for name, value in node.items() if name not in dropped}
    return [without_types(item) for item in node] if isinstance(node, list) else node


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("exists Patient.contact", True),
        ("exists Patient.link", True),
        ("exists (Patient.contact C where C.gender = 'female')", True),
        ("(Flatten({Patient.contact, Patient.contact})) C return all C.gender", ["female", "female"]),
        ("Count(Flatten({Patient.link, Patient.link}))", 2),
    ],
)
def test_what_stands_in_the_place_of_a_list_is_an_item(text: str, expected: Any) -> None:
    """A client that sends an object, or less, where FHIR has a list stops no rule (security E7)."""
    assert run(text, {**PATIENT, "contact": {"gender": "female"}, "link": 7}) == expected
