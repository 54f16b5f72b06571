"""The type system: subtypes, casts, conversions and overloads."""

from __future__ import annotations

import pytest

from cds.expr.cql.conversions import common_type, find_conversion
from cds.expr.cql.model import elements, fhir_model
from cds.expr.cql.overloads import AmbiguousError, resolve_system
from cds.expr.cql.types import (
    ANY,
    CODE,
    CONCEPT,
    DATE,
    DATETIME,
    DECIMAL,
    INTEGER,
    LONG,
    QUANTITY,
    STRING,
    VALUE_SET,
    VOCABULARY,
    ChoiceType,
    IntervalType,
    ListType,
    Named,
    Type,
    choice_of,
    is_compatible,
    is_subtype,
    specifier,
    tuple_of,
)


def fhir(name: str) -> Named:
    found = fhir_model().type(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("kind", "ancestor"),
    [
        (INTEGER, ANY),
        (VALUE_SET, VOCABULARY),
        (fhir("code"), fhir("string")),
        (fhir("Patient"), fhir("DomainResource")),
        (ListType(fhir("Patient")), ListType(fhir("Resource"))),
        (IntervalType(INTEGER), IntervalType(ANY)),
        (tuple_of([("b", STRING), ("a", INTEGER)]), tuple_of([("a", ANY), ("b", STRING)])),
    ],
)
def test_a_subtype_is_not_a_supertype(kind: Type, ancestor: Type) -> None:
    """Subtyping goes by declared bases and is covariant in lists, intervals and tuples."""
    assert is_subtype(kind, ancestor)
    assert not is_subtype(ancestor, kind)


def test_tuples_with_other_elements_are_unrelated() -> None:
    """A tuple type is its names and types; more elements make another type."""
    assert not is_subtype(tuple_of([("a", INTEGER), ("b", STRING)]), tuple_of([("a", INTEGER)]))


def test_choices_are_flat_sorted_and_without_duplicates() -> None:
    """`Choice<String, Choice<Integer, String>>` is one choice of two; a choice of one is that type."""
    assert choice_of([STRING, choice_of([INTEGER, STRING])]) == ChoiceType((INTEGER, STRING))
    assert choice_of([INTEGER, INTEGER]) == INTEGER


def test_a_cast_suffices_for_null_and_choices() -> None:
    """Null fits everywhere; a value fits a choice of its type, and a choice may turn out to be one of its options."""
    either = choice_of([INTEGER, STRING])
    assert is_compatible(ANY, INTEGER)
    assert is_compatible(INTEGER, either)
    assert is_compatible(either, INTEGER)
    assert not is_compatible(INTEGER, STRING)
    assert not is_compatible(DATE, either)


@pytest.mark.parametrize(
    ("source", "target", "kind"),
    [
        (INTEGER, DECIMAL, "operator"),
        (CODE, CONCEPT, "operator"),
        (fhir("Period"), IntervalType(DATETIME), "operator"),
        (fhir("Age"), QUANTITY, "operator"),
        (ListType(INTEGER), ListType(DECIMAL), "list"),
        (IntervalType(DATE), IntervalType(DATETIME), "interval"),
        (choice_of([fhir("dateTime"), fhir("Period")]), DATETIME, "narrow"),
        (fhir("string"), choice_of([STRING, INTEGER]), "widen"),
    ],
)
def test_implicit_conversions(source: Type, target: Type, kind: str) -> None:
    """What converts by itself, and how; none of it goes back."""
    plan = find_conversion(source, target)
    assert plan is not None
    assert plan.kind == kind
    assert find_conversion(target, source) is None or kind in ("narrow", "widen")


def test_explicit_and_promoting_conversions_are_asked_for() -> None:
    """Text to number only with `convert`; an item to a list only where an operator allows it."""
    assert find_conversion(STRING, INTEGER) is None
    assert find_conversion(STRING, INTEGER, implicit=False) is not None
    assert find_conversion(INTEGER, ListType(INTEGER)) is None
    assert find_conversion(INTEGER, ListType(INTEGER), promote=True) is not None
    assert find_conversion(IntervalType(INTEGER), INTEGER, promote=True) is not None


def test_common_types() -> None:
    """Null has any type; otherwise the wider of two, or none when they have nothing in common."""
    assert common_type(ANY, INTEGER) == INTEGER
    assert common_type(INTEGER, DECIMAL) == DECIMAL
    assert common_type(LONG, INTEGER) == LONG
    assert common_type(INTEGER, STRING) is None


@pytest.mark.parametrize(
    ("name", "arguments", "chosen"),
    [
        ("Add", (INTEGER, INTEGER), "Add(System.Integer, System.Integer)"),
        ("Add", (INTEGER, LONG), "Add(System.Long, System.Long)"),
        ("Add", (LONG, DECIMAL), "Add(System.Decimal, System.Decimal)"),
        ("Add", (DATE, QUANTITY), "Add(System.Date, System.Quantity)"),
        ("Add", (ANY, INTEGER), "Add(System.Integer, System.Integer)"),
        ("Divide", (INTEGER, INTEGER), "Divide(System.Decimal, System.Decimal)"),
        ("Equal", (fhir("code"), STRING), "Equal(System.String, System.String)"),
        ("Equivalent", (fhir("CodeableConcept"), CODE), "Equivalent(System.Concept, System.Concept)"),
        ("In", (INTEGER, ListType(INTEGER)), "In(System.Integer, List<System.Integer>)"),
        ("In", (fhir("dateTime"), IntervalType(DATETIME)), "In(System.DateTime, Interval<System.DateTime>)"),
        ("Start", (fhir("Period"),), "Start(Interval<System.DateTime>)"),
        ("Includes", (IntervalType(INTEGER), IntervalType(DECIMAL)),
         "Includes(Interval<System.Decimal>, Interval<System.Decimal>)"),
        ("Exists", (ANY,), "Exists(List<System.Any>)"),
        ("Max", (ListType(fhir("integer")),), "Max(List<System.Integer>)"),
        ("In", (fhir("instant"), IntervalType(DATE)), "In(System.DateTime, Interval<System.DateTime>)"),
    ],
)  # fmt: skip
def test_the_cheapest_overload_wins(name: str, arguments: tuple[Type, ...], chosen: str) -> None:
    """Exact types before subtypes before casts before conversions, summed over the operands."""
    found = resolve_system(name, arguments)
    assert found is not None
    assert str(found.overload) == chosen


def test_choices_are_operands_as_they_are_or_by_one_of_their_options() -> None:
    """Two equal choices need no narrowing; many options together are not all tried."""
    value = elements(fhir("Extension"))["value"]
    assert isinstance(value, ChoiceType)
    for name in ("Coalesce", "Equal"):
        found = resolve_system(name, (value, value))
        assert found is not None
        assert found.overload.operands == (value, value)
    many = resolve_system("Coalesce", (value,) * 5)
    assert many is not None
    assert many.overload.result == value
    narrowed = resolve_system("Less", (choice_of([INTEGER, STRING]), INTEGER))
    assert narrowed is not None
    assert narrowed.overload.operands == (INTEGER, INTEGER)


def test_what_fits_nothing_and_what_fits_too_much() -> None:
    """No overload for a number and a text; two nulls could be added in several ways."""
    assert resolve_system("Add", (INTEGER, STRING)) is None
    assert resolve_system("Count", ()) is None
    with pytest.raises(AmbiguousError):
        resolve_system("Add", (ANY, ANY))


def test_fhir_elements_have_fhir_types() -> None:
    """Lists, choices and nested types as CQL names them; a primitive's value is a System type."""
    patient = elements(fhir("Patient"))
    assert str(patient["contact"]) == "List<FHIR.Patient.Contact>"
    assert str(patient["deceased"]) == "Choice<FHIR.boolean, FHIR.dateTime>"
    assert str(patient["id"]) == "FHIR.id"
    assert elements(fhir("dateTime"))["value"] == DATETIME
    assert elements(fhir("code"))["value"] == STRING
    assert fhir_model().type("Patient.Contact") == fhir("PatientContact")
    assert fhir_model().type("SimpleQuantity") == fhir("Quantity")


def test_every_code_path_is_an_element() -> None:
    """What a retrieve filters by exists in its type."""
    model = fhir_model()
    for name in ("Condition", "Observation", "MedicationRequest", "Encounter", "Immunization", "Goal"):
        path = model.code_path(fhir(name))
        assert path is not None
        assert path in elements(fhir(name))
    assert model.code_path(fhir("Patient")) is None


def test_specifiers_as_elm_writes_them() -> None:
    """Types by their qualified names."""
    assert specifier(ListType(fhir("Patient"))) == {
        "type": "ListTypeSpecifier",
        "elementType": {"type": "NamedTypeSpecifier", "name": "{http://hl7.org/fhir}Patient"},
    }
    assert specifier(tuple_of([("a", IntervalType(INTEGER))]))["element"] == [
        {
            "name": "a",
            "elementType": {
                "type": "IntervalTypeSpecifier",
                "pointType": {"type": "NamedTypeSpecifier", "name": "{urn:hl7-org:elm-types:r1}Integer"},
            },
        }
    ]


def test_codes_with_a_required_binding_have_names_of_their_own() -> None:
    """`FHIR.AdministrativeGender` is what authors write where the engine has a code."""
    assert fhir_model().type("AdministrativeGender") == fhir("code")


def test_a_specialised_primitive_has_the_value_of_its_base() -> None:
    """A positiveInt's value is an Integer, an id's a String."""
    assert elements(fhir("positiveInt"))["value"] == INTEGER
    assert elements(fhir("id"))["value"] == STRING
