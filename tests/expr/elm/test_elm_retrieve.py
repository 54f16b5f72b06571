"""Retrieves: what is asked of the data, what is known of it beforehand, and what incomplete data means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from elm_libraries_support import MEMBERS, NOW, Codes, Resources, coded, compiled, evaluation, problems, run

from cds.chart import Answer, Completeness, Retrieves, build
from cds.errors import DefinitionError, EvaluationError
from cds.expr import Evaluation
from cds.expr.elm.build import compile_library
from cds.expr.elm.facts import Need
from cds.expr.elm.values import Code, Partial
from cds.expr.libraries import Libraries
from cds.fhir import codings
from cds.patient import Patient

PAIN = coded("Condition", "c")
DRAWN = coded("Observation", "o", "b")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("[Condition]", ("Condition", None, None, None)),
        ('[Condition: "VS"]', ("Condition", "code", MEMBERS["vs"], "vs")),
        ('[Condition: severity in "VS"]', ("Condition", "severity", MEMBERS["vs"], "vs")),
        ('[Condition: "A"]', ("Condition", "code", frozenset({("sys", "a")}), None)),
        ('[Condition: code ~ "AB"]', ("Condition", "code", frozenset({("sys", "a")}), None)),
    ],
)
def test_a_retrieve_is_one_look_up(text: str, asked: tuple[Any, ...]) -> None:
    """By type, code path and codes; the value set's canonical goes along for data that knows it."""
    ev = evaluation(PAIN)
    compiled(f"define X: {text}").evaluate(ev, "X")
    assert ev.data.asked == [asked]  # type: ignore[union-attr]


class Narrowing(Resources):
    """Data that leaves out what a query would. `asked` notes how it was asked."""

    def uncoded(self, resource_type: str, name: str, systems: frozenset[str]) -> list[dict[str, Any]]:
        self.asked.append(("uncoded", name, systems, None))
        return self._of(resource_type, lambda one: systems.isdisjoint(system for system, _ in codings(one[name])))

    def having(self, resource_type: str, name: str) -> list[dict[str, Any]]:
        self.asked.append(("having", name, None, None))
        return self._of(resource_type, lambda one: name in one)

    def _of(self, resource_type: str, test: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        found = [one for one in self.resources if one["resourceType"] == resource_type and test(one)]
        return Partial(found) if resource_type in self.partial else found


UNCODED = ("uncoded", "code", frozenset({"sys", "t"}), None)
HAS_CODE = "define function HasCodeOf(concept FHIR.CodeableConcept, systems List<String>) returns Boolean: external "


@pytest.mark.parametrize(
    ("criterion", "asked"),
    [
        ("not HasCodeOf(O.code, { 'sys', 't' })", UNCODED),
        ("not HasCodeOf(O.code, { 'sys', 't' }) and O.id = 'o1'", UNCODED),
        ("O.value is FHIR.string", ("having", "valueString", None, None)),
        ("O.value is FHIR.string and (O.value as FHIR.string) = 'x'", ("having", "valueString", None, None)),
        ("O.value is FHIR.CodeableConcept and O.id = 'o2'", ("having", "valueCodeableConcept", None, None)),
        ("HasCodeOf(O.code, { 'sys', 't' })", None),
        ("not (O.value is FHIR.string)", None),
        ("O.value is FHIR.string or O.id = 'o1'", None),
        ("O.value is FHIR.Quantity or O.value is FHIR.string", None),
        ("not (HasCodeOf(O.code, { 'sys', 't' }) and O.id = 'o1')", None),
        ("O.id = 'o1' and O.value is FHIR.string", None),
    ],
)
def test_a_query_asks_only_for_what_its_criterion_may_hold_for(criterion: str, asked: Any) -> None:
    """Data that knows what a resource has leaves the others out; what the query gives is the same."""
    resources = [
        coded("Observation", "o1"),
        {**coded("Observation", "o2"), "code": {"text": "t"}, "valueString": "x"},
        {**coded("Observation", "o3", "b"), "valueCodeableConcept": {"text": "t"}},
        {
            **coded("Observation", "o4"),
            "code": {"coding": [{"system": "u", "code": "1"}]},
            "valueQuantity": {"value": 1},
        },
    ]
    text = HAS_CODE + f"define X: ([Observation] O where {criterion}) O return all O.id"
    for partial in ((), ("Observation",)):
        ev, plain = evaluation(*resources, partial=partial), evaluation(*resources, partial=partial)
        ev.data = data = Narrowing(resources, partial)
        found, expected = compiled(text).evaluate(ev, "X"), compiled(text).evaluate(plain, "X")
        assert (found, type(found)) == (expected, type(expected))
        assert ev.incomplete is plain.incomplete is bool(partial)
        assert data.asked == [asked or ("Observation", None, None, None)]


def test_a_value_set_that_is_not_loaded_is_an_error() -> None:
    """An unknown value set must not look like one without codes."""
    with pytest.raises(EvaluationError, match="the value set unknown is not known") as caught:
        run('[Condition: "Unknown"]', PAIN)
    assert caught.value.line
    with pytest.raises(EvaluationError, match="the value set unknown is not known"):
        run("Code { code: 'a', system: 'sys' } in \"Unknown\"")


def test_without_data_a_retrieve_says_so() -> None:
    """Expressions that need no data run without any."""
    library = compiled("define X: [Condition]\ndefine Y: 1 + 1")
    ev = evaluation()
    ev.data = None
    assert library.evaluate(ev, "Y") == 2
    with pytest.raises(EvaluationError, match="no data to retrieve from"):
        library.evaluate(ev, "X")


def test_a_date_range_keeps_what_lies_in_it() -> None:
    """ELM may carry a date range with the retrieve; a resource without a date is not in it."""
    elm = {
        "identifier": {"id": "D"},
        "parameters": {"def": [{"name": "Range"}]},
        "statements": {
            "def": [
                {
                    "name": "X",
                    "expression": {
                        "type": "Retrieve",
                        "dataType": "{http://hl7.org/fhir}Observation",
                        "dateProperty": "effective",
                        "dateRange": {"type": "ParameterRef", "name": "Range"},
                    },
                }
            ]
        },
    }
    resources = [
        coded("Observation", "in", effectiveDateTime="2020-05-05"),
        coded("Observation", "before", effectiveDateTime="2019-12-31T23:59:59Z"),
        coded("Observation", "within", effectivePeriod={"start": "2020-01-02", "end": "2020-02-01"}),
        coded("Observation", "across", effectivePeriod={"start": "2019-01-01", "end": "2020-02-01"}),
        coded("Observation", "never"),
    ]
    library = compile_library(elm)
    span = run("Interval[@2020-01-01T00:00:00.0, @2021-01-01T00:00:00.0)")
    found = library.evaluate(evaluation(*resources, parameters={"Range": span}), "X")
    assert [own["id"] for own in found] == ["in", "within"]
    assert library.retrieves("X") == (Need("Observation", date_path="effective"),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Code { code: 'a', system: 'sys' } in \"VS\"", True),
        ("Code { code: 'a', system: 'other' } in \"VS\"", False),
        ("'b' in \"VS\"", True),
        ('(null as Code) in "VS"', False),
        ('"AB" in "VS"', True),
        ("{ Code { code: 'x', system: 'sys' }, \"A\" } in \"VS\"", True),
        ("{ Code { code: 'x', system: 'sys' } } in \"VS\"", False),
        ('"A" in "S"', True),
        ("Code { code: 'a', system: 'other' } in \"S\"", False),
    ],
)
def test_membership(text: str, expected: bool) -> None:
    """Codes, concepts, bare codes and lists of them, in a value set or of a code system."""
    assert run(text) is expected


def test_a_value_set_expands_to_its_codes() -> None:
    """ExpandValueSet gives the codes in order."""
    elm = {
        "identifier": {"id": "V"},
        "valueSets": {"def": [{"name": "VS", "id": "vs"}]},
        "statements": {
            "def": [
                {
                    "name": "X",
                    "expression": {"type": "ExpandValueSet", "operand": {"type": "ValueSetRef", "name": "VS"}},
                }
            ]
        },
    }
    ev = Evaluation(now=NOW, terminology=Codes())
    assert compile_library(elm).evaluate(ev, "X") == [Code("a", "sys"), Code("b", "sys")]


# --- incomplete data ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("exists [Condition]", True),
        ("exists [Observation]", None),
        ("not exists [Observation]", None),
        ("Count([Condition])", None),
        ("exists [Procedure]", False),
        ("Count([Procedure])", 0),
        ("exists ([Condition] C where C.id = 'c')", True),
        ("exists ([Condition] C where C.id = 'd')", None),
        ("exists ([Condition] C return all C.id)", True),
        ("exists ([Procedure] P with [Condition] C such that C.id = P.id)", False),
        ("exists ([Encounter] E with [Observation] O such that O.id = E.id)", None),
        ("exists ([Encounter] E with [Condition] C such that C.id = 'c')", True),
        ("exists ([Encounter] E without [Observation] O such that O.id = E.id)", None),
        ("exists ([Encounter] E without [Condition] C such that C.id = 'c')", False),
        ("exists ([Encounter] E without [Procedure] P such that P.id = E.id)", True),
        ("exists ([Encounter] E where exists [Observation])", None),
        ("exists ([Encounter] E where exists [Procedure])", False),
        ("exists ([Encounter] E where E.status = 'x')", False),
        ("exists (from [Encounter] E, [Observation] O)", None),
        ("exists (from [Encounter] E, [Procedure] P)", False),
        ("exists ([Condition] union [Procedure])", True),
        ("exists ([Observation] union [Procedure])", None),
        ("exists ([Condition] C sort by id.value)", True),
        ("([Condition] C aggregate R starting 0: R + 1)", None),
        ("if exists [Observation] then 1 else 2", 2),
        ("exists (({ 1 }) I return Tuple { found: [Observation] }) T where exists T.found", None),
        ("exists (({ 1 }) I return Tuple { found: [Procedure] }) T where exists T.found", False),
        ("exists ([Encounter] E let found: [Observation] where exists found)", None),
        ("exists ([Encounter] E let found: [Procedure] where exists found)", False),
    ],
)
def test_unknown_is_not_false(text: str, expected: Any) -> None:
    """Items that are there count; the lack of one in an incomplete list is unknown, and so is what hangs on it.
    Condition and Observation are incomplete, Procedure is complete and empty, Encounter is complete."""
    resources = (PAIN, {"resourceType": "Encounter", "id": "e", "status": "finished"})
    assert run(text, *resources, partial=("Condition", "Observation")) is expected


def test_the_mark_goes_through_queries() -> None:
    """A query over an incomplete list is an incomplete list."""
    found = run("([Condition] C where C.id = 'c' return C.id) I sort desc", PAIN, partial=("Condition",))
    assert type(found) is Partial
    assert found == ["c"]
    assert type(run("[Condition] C where C.id = 'c'", PAIN)) is list
    for known in ("([Condition]).id", "[Condition] C where C is not null", "([Condition]).recordedDate"):
        assert type(run(known, PAIN, partial=("Condition",))) is Partial


# --- known beforehand ---


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ('exists [Condition: "VS"]', (Need("Condition", "code", "vs"),)),
        ('not exists [Condition: "VS"]', (Need("Condition", "code", "vs", absence=True),)),
        ("not (not exists [Condition])", (Need("Condition"),)),
        ('[Observation: "A"] O return O.id', (Need("Observation", "code", codes=(("sys", "a"),)),)),
        ("Count([Condition])", (Need("Condition", absence=True),)),
        ("First([Condition]).id is null", (Need("Condition", absence=True),)),
        (
            "[Encounter] E without [Condition] C such that C.id = E.id",
            (Need("Encounter"), Need("Condition", absence=True)),
        ),
        ("if exists [Condition] then [Encounter] else null", (Need("Condition", absence=True), Need("Encounter"))),
        ("exists [Condition] implies true", (Need("Condition", absence=True),)),
        ("1 + 1", ()),
    ],
)
def test_needs_are_known_without_running(text: str, needs: tuple[Need, ...]) -> None:
    """Type, code path, codes, and whether anything is concluded from there being no such resource."""
    assert set(compiled(f"define X: {text}").retrieves("X")) == set(needs)


def test_needs_go_through_references_and_includes() -> None:
    """What included libraries and functions retrieve belongs to the expression that uses them, once each."""
    common = (
        "library Common\nusing FHIR version '4.0.1'\nvalueset \"VS\": 'vs'\ncontext Patient\n"
        'define Pain: [Condition: "VS"]\ndefine Unused: [Procedure]\n'
        "define function after(d DateTime): [Encounter] E where start of E.period after d\n"
    )
    library = Libraries(lambda _name, _version: common).compile(
        "library T\nusing FHIR version '4.0.1'\ninclude Common\ncontext Patient\n"
        "define A: exists Common.Pain\ndefine B: not exists Common.Pain\ndefine X: A or B or exists Common.after(Now())"
    )
    assert library.retrieves("A") == (Need("Condition", "code", "vs"),)
    assert set(library.retrieves("X")) == {
        Need("Condition", "code", "vs", absence=True),
        Need("Encounter", absence=True),
    }


def test_an_unknown_resource_type_is_a_problem() -> None:
    """A retrieve of what FHIR does not have does not wait for the first call."""
    assert problems("define X: [Conditon]")
    elm = {
        "identifier": {"id": "E"},
        "statements": {
            "def": [{"name": "X", "expression": {"type": "Retrieve", "dataType": "{http://hl7.org/fhir}Conditon"}}]
        },
    }
    with pytest.raises(DefinitionError, match=r"unknown resource type 'FHIR\.Conditon'"):
        compile_library(elm)


def test_a_chart_answers_retrieves() -> None:
    """The Chart's index serves CQL; types that were not asked for completely are marked."""
    answers = [
        Answer("patient", "Patient", Completeness.COMPLETE, ({"resourceType": "Patient", "id": "p"},)),
        Answer("conditions", "Condition", Completeness.COMPLETE, (PAIN,)),
    ]
    data = Retrieves(build(Patient("p"), answers))
    library = compiled('define X: exists [Condition: "VS"]\ndefine Y: exists [Observation: "VS"]\ndefine Z: Patient.id')
    ev = evaluation()
    ev.data = data
    assert [library.evaluate(ev, name) for name in ("X", "Y", "Z")] == [True, None, "p"]
