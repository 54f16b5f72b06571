"""Libraries to ELM: definitions, names, includes, contexts, functions, queries, retrieves."""

from __future__ import annotations

import pytest
from elm_support import FHIR, definition, elm, kind, library, problems, shown

TERMS = """using FHIR version '4.0.1'
codesystem "CS": 'urn:cs' version '2'
valueset "VS": 'urn:vs' codesystems { "CS" }
code "C1": '1' from "CS" display 'one'
concept "CO": { "C1" } display 'some'
parameter P Interval<DateTime>
context Patient
"""


def test_the_frame_of_a_library() -> None:
    """Identifier, models, terminology and parameters stand in their sections, in the order of the text."""
    made = library("library N.T version '1.0'\n" + TERMS + "define private A: 1")
    assert made["identifier"] == {"id": "T", "system": "N", "version": "1.0"}
    assert [own["localIdentifier"] for own in made["usings"]["def"]] == ["System", "FHIR"]
    assert made["valueSets"]["def"][0]["codeSystem"] == [{"name": "CS"}]
    assert made["codes"]["def"][0]["codeSystem"] == {"name": "CS"}
    assert made["concepts"]["def"][0]["code"] == [{"name": "C1"}]
    assert made["codeSystems"]["def"][0]["version"] == "2"
    assert made["contexts"]["def"][0]["name"] == "Patient"
    assert [(own["name"], own.get("accessLevel")) for own in made["statements"]["def"]] == [
        ("Patient", None),
        ("A", "Private"),
    ]
    assert shown(made["statements"]["def"][0]["expression"]) == "SingletonFrom([Patient])"


def test_every_expression_has_its_place_and_type() -> None:
    """The run time specialises by type and reports by place."""
    added = definition("library T\ndefine X:\n  1 +\n  2.0")["expression"]
    assert added["locator"] == "3:3-4:5"
    assert added["resultTypeName"] == "{urn:hl7-org:elm-types:r1}Decimal"
    assert [own["name"].partition("}")[2] for own in added["signature"]] == ["Decimal", "Decimal"]


def test_definitions_may_stand_in_any_order() -> None:
    """A definition used before it is written has its type all the same."""
    made = library("library T\ndefine X: Y + 1.0\ndefine Y: Z(2)\ndefine function Z(n Integer): n + 1")
    assert [own["name"] for own in made["statements"]["def"]] == ["X", "Y", "Z"]
    assert shown(made["statements"]["def"][0]["expression"]) == "Add(ToDecimal(Y), 1.0)"


def test_definitions_may_need_each_other_in_a_long_row() -> None:
    """Hundreds of definitions, each using the next, are no depth; a problem at the end is told once."""
    lines = [f"define A{number}: A{number + 1} + 1" for number in range(500)]
    made = library("\n".join(["library T", *lines, "define A500: 1.5"]))
    assert made["statements"]["def"][0]["resultTypeName"] == "{urn:hl7-org:elm-types:r1}Decimal"
    assert problems("\n".join(["library T", *lines, "define A500: Bad"])) == ["502:14: the name 'Bad' does not exist"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("VS", "VS"),
        ("\"C1\" in \"VS\"", "InValueSet(C1, VS)"),
        ("\"CO\" in \"CS\"", "InCodeSystem(CO, CS)"),
        ("{\"C1\"} in \"VS\"", "AnyInValueSet({C1}, VS)"),
        ("\"VS\" contains \"C1\"", "InValueSet(C1, VS)"),
        ("Code '2' from \"CS\"", "Code(2)"),
        ("start of P", "Start(P)"),
    ],
)  # fmt: skip
def test_references(expression: str, expected: str) -> None:
    """Names of terminology and parameters."""
    assert elm(expression, TERMS) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("[Condition]", "[Condition]"),
        ("[Condition: \"VS\"]", "[Condition: code in VS]"),
        ("[Condition: \"C1\"]", "[Condition: code ~ ToList(C1)]"),
        ("[Condition: \"CO\"]", "[Condition: code ~ CO.codes]"),
        ("[Condition: category in \"VS\"]", "[Condition: category in VS]"),
        ("[Encounter: \"VS\"]", "[Encounter: type in VS]"),
        ("[MedicationRequest: \"VS\"]",
         "Union([MedicationRequest: medication in VS], (from [MedicationRequest] MR with [Medication] M such that "
         "And(Equal(FHIRHelpers.ToString(M.id), Last(Split('/', FHIRHelpers.ToString(MR.medication.reference)))), "
         "InValueSet(FHIRHelpers.ToConcept(M.code), VS))))"),
    ],
)  # fmt: skip
def test_retrieves(expression: str, expected: str) -> None:
    """Codes by the written or the type's own element; a medication also by reference."""
    assert elm(expression, TERMS) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Patient.gender = 'male'", "Equal(FHIRHelpers.ToString(Patient.gender), 'male')"),
        ("Patient.birthDate before Today()", "Before(FHIRHelpers.ToDate(Patient.birthDate), Today())"),
        ("Patient.birthDate.value", "Patient.birthDate.value"),
        ("Patient.name.family", "(from Patient.name $this where Not(IsNull($this.family)) return all $this.family)"),
        ("AgeInYears()", "CalculateAge(Patient.birthDate.value, Year)"),
        ("AgeInYearsAt(Now())", "CalculateAgeAt(ToDateTime(Patient.birthDate.value), Now(), Year)"),
        ("[Encounter] E where E.period during P",
         "(from [Encounter] E where IncludedIn(FHIRHelpers.ToInterval(E.period), P))"),
        ("[Observation] O return (O.value as Quantity) > 5 'mg'",
         "(from [Observation] O return Greater(FHIRHelpers.ToQuantity(O.value as FHIR.Quantity), 5 'mg'))"),
        ("[Condition] C where C.onset before Now()",
         "(from [Condition] C where Before(FHIRHelpers.ToDateTime(C.onset as FHIR.dateTime), Now()))"),
        ("[Condition] C where C.code ~ \"C1\"",
         "(from [Condition] C where Equivalent(FHIRHelpers.ToConcept(C.code), ToConcept(C1)))"),
        ("Patient.extension('urn:x')",
         "(from Patient.extension $this where Equal(FHIRHelpers.ToString($this.url), 'urn:x'))"),
        ("FHIRHelpers.ToQuantity(First([Observation]).value as FHIR.Quantity)",
         "FHIRHelpers.ToQuantity(First([Observation]).value as FHIR.Quantity)"),
    ],
)  # fmt: skip
def test_fhir_converts_to_system_types(expression: str, expected: str) -> None:
    """FHIR values where System values are expected; FHIRHelpers need not be included for that."""
    before = TERMS.replace("codesystem", "include FHIRHelpers version '4.0.1'\ncodesystem", 1)
    assert elm(expression, before) == expected


@pytest.mark.parametrize(
    ("expression", "expected", "result"),
    [
        ("({1, 2}) N where N > 1", "(from {1, 2} N where Greater(N, 1))", "List<Integer>"),
        ("({1, 2}) N return all N + 1.0", "(from {1, 2} N return all Add(ToDecimal(N), 1.0))", "List<Decimal>"),
        ("(1) N return N + 1", "(from 1 N return Add(N, 1))", "Integer"),
        ("from ({1}) A, ({'x'}) B", "(from {1} A, {'x'} B return distinct {A: A, B: B})",
         "List<Tuple{A Integer, B String}>"),
        ("({1}) A let b: A + 1 return b", "(from {1} A let b: Add(A, 1) return b)", "List<Integer>"),
        ("({1}) A with ({2}) B such that A < B", "(from {1} A with {2} B such that Less(A, B))", "List<Integer>"),
        ("({1}) A without ({2}) B such that A = B", "(from {1} A without {2} B such that Equal(A, B))",
         "List<Integer>"),
        ("({1}) A sort desc", "(from {1} A sort desc)", "List<Integer>"),
        ("({Tuple {a: 1}}) A sort by a, $this.a desc", "(from {{a: 1}} A sort a asc, $this.a desc)",
         "List<Tuple{a Integer}>"),
        ("({1, 2}) A aggregate R starting 1: R * A", "(from {1, 2} A aggregate R starting 1: Multiply(R, A))",
         "Integer"),
        ("({1}) A return (({2}) B return A + B)", "(from {1} A return (from {2} B return Add(A, B)))",
         "List<List<Integer>>"),
    ],
)  # fmt: skip
def test_queries(expression: str, expected: str, result: str) -> None:
    """Clauses in order; a list among the sources makes the result a list."""
    assert elm(expression) == expected
    assert kind(expression) == result


def test_functions_overload_and_flow() -> None:
    """The overload by operand types, fluent ones behind a dot, arguments converted."""
    functions = """
define function F(n Integer): 'int'
define function F(s String): 1
define fluent function twice(n Decimal): n * 2.0
define function outside(n Integer) returns String: external
"""
    assert kind("F(1)", functions) == "String"
    assert kind("F('a')", functions) == "Integer"
    assert elm("(3).twice()", functions) == "twice(ToDecimal(3))"
    assert kind("outside(1)", functions) == "String"
    assert definition(f"library T\n{functions}", "outside")["external"] is True


def test_included_libraries() -> None:
    """Definitions and functions of another library through its alias, fluent ones without it."""
    base = """library Base version '1'
codesystem "CS": 'urn:cs'
valueset "VS": 'urn:vs'
code "C1": '1' from "CS"
parameter P default 5
define A: 1.5
define function F(n Decimal): n
define fluent function next(n Integer): n + 1
"""
    before = "include Base version '1' called B"
    assert elm("B.A + B.P", before, Base=base) == "Add(B.A, ToDecimal(B.P))"
    assert elm("B.F(1)", before, Base=base) == "B.F(ToDecimal(1))"
    assert elm("(1).next()", before, Base=base) == "B.next(1)"
    assert elm('B."C1" in B."VS"', before, Base=base) == "InValueSet(B.C1, B.VS)"
    assert library(f"library T\n{before}", Base=base)["includes"]["def"][0]["path"] == "Base"


def test_a_fluent_function_hides_what_fhir_calls_by_its_name() -> None:
    """A library may define `extension` in its own way."""
    own = "define fluent function extension(element Element, url String): First(element.extension)"
    assert elm("Patient.name[0].extension('urn:x')", FHIR + own) == "extension(Indexer(Patient.name, 0), 'urn:x')"


def test_a_context_may_be_any_type() -> None:
    """`context Observation` brings the definition `Observation`."""
    made = library("library T using FHIR version '4.0.1' context Observation define A: Observation.status")
    assert shown(made["statements"]["def"][1]["expression"]) == "Observation.status"


def test_a_parameter_of_the_name_of_the_context_is_its_resource() -> None:
    """Its elements need no qualifier."""
    made = definition("library T using FHIR version '4.0.1' parameter Patient Patient context Patient define X: gender")
    assert shown(made["expression"]) == "Patient.gender"


def test_contexts() -> None:
    """Out of a patient's context, what holds for one patient is a list over all."""
    made = library("library T\n" + FHIR + "define A: 1\ncontext Unfiltered\ndefine B: A\ndefine C: B")
    statements = {own["name"]: own for own in made["statements"]["def"]}
    assert statements["A"]["context"] == "Patient"
    assert statements["B"]["resultTypeSpecifier"]["type"] == "ListTypeSpecifier"
    assert statements["C"]["resultTypeSpecifier"] == statements["B"]["resultTypeSpecifier"]
