"""Plans whose conditions, for-each items and values are CQL: every language form, parameters, unknown data, the mix."""

from __future__ import annotations

from typing import Any

import pytest
from apply_cql_support import LoadCql, cql, cql_library, when
from apply_support import BASE, action, applied, compiled, condition, expression, plan, session_of, variable

from cds import fhir
from cds.apply.tree import Outcome
from cds.chart import Completeness
from cds.hooks.prefetch import requirements

SNOMED = "http://snomed.info/sct"
PAIN = {
    "resourceType": "ValueSet",
    "url": f"{BASE}/ValueSet/pain",
    "status": "active",
    "compose": {"include": [{"system": SNOMED, "concept": [{"code": "1"}]}]},
}
LOGIC = f"""
valueset "Pain": '{BASE}/ValueSet/pain'
parameter limitDays Integer default 30
parameter draftOrders List<Choice<FHIR.ServiceRequest, FHIR.MedicationRequest>>
parameter hook String
context Patient
define Pains: [Condition: "Pain"]
define "Has pain": exists Pains
define HasPain: "Has pain"
define "Short limit": limitDays < 10
define Orders: draftOrders O return Tuple {{ order: O, isFirst: O.id = 'd1' }}
define Fails: Message(null, true, 'bad', 'Error', 'It failed')
define function Twice(n Integer): n * 2
"""
HAS_PAIN = {"resourceType": "Condition", "id": "c1", "code": {"coding": [{"system": SNOMED, "code": "1"}]}}
OTHER = {"resourceType": "Condition", "id": "c2", "code": {"coding": [{"system": SNOMED, "code": "2"}]}}
LIBRARY = [f"{BASE}/Library/Logic"]


def draft(identifier: str) -> dict[str, Any]:
    return {"resourceType": "ServiceRequest", "id": identifier, "status": "draft", "intent": "order"}


def for_each(name: str, text: str, language: str = "text/cql-identifier") -> list[dict[str, Any]]:
    return [{"url": fhir.FOR_EACH, "valueExpression": cql(text, language, name=name)}]


def value(path: str, text: str, language: str = "text/cql") -> list[dict[str, Any]]:
    return [{"path": path, "expression": cql(text, language)}]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("HasPain", "text/cql-identifier"),
        ('"Has pain"', "text/cql-identifier"),
        ("Has pain", "text/cql-identifier"),
        ("Logic.HasPain", "text/cql-identifier"),
        ('Logic."Has pain"', "text/cql-identifier"),
        ('exists Pains and Logic."Has pain" and Twice(2) = 4', "text/cql"),
        ("exists [Condition: \"Pain\"] C where C.id = 'c1'", "text/cql-expression"),
        ("%hook = hook and %patient.id = Patient.id and %context.id = 'p1'", "text/cql"),
        ("%HasPain and %`Has pain` and %Pains.exists()", "text/fhirpath"),
    ],
)
def test_each_language_reads_the_defines(load_cql: LoadCql, text: str, language: str) -> None:
    """Issue 4, Deliver 5: a define by name, inline CQL in the scope of the library, and FHIRPath that reads defines."""
    snapshot = load_cql(
        PAIN, cql_library(), plan(action("a", condition=when(text, language)), library=LIBRARY), Logic=LOGIC
    )
    (found,) = applied(snapshot, data=[HAS_PAIN])
    assert found.outcome is Outcome.FIRED
    (found,) = applied(snapshot, data=[OTHER])
    expected = Outcome.FIRED if "%hook" in text else Outcome.NOT_APPLICABLE
    assert found.outcome is expected


@pytest.mark.parametrize("state", [Completeness.NEVER, Completeness.FAILED, Completeness.PARTIAL])
@pytest.mark.parametrize(
    ("text", "language", "outcome"),
    [
        ("HasPain", "text/cql-identifier", Outcome.UNKNOWN),
        ("not HasPain", "text/cql", Outcome.UNKNOWN),
        ("HasPain is null", "text/cql", Outcome.FIRED),
        ("%HasPain", "text/fhirpath", Outcome.UNKNOWN),
        ("%Pains.exists()", "text/fhirpath", Outcome.UNKNOWN),
        ("%Pains.empty()", "text/fhirpath", Outcome.UNKNOWN),
        ("%limitDays.exists()", "text/fhirpath", Outcome.FIRED),
    ],
)
def test_unknown_is_not_false(
    load_cql: LoadCql, text: str, language: str, outcome: Outcome, state: Completeness
) -> None:
    """Data that was not fully obtained makes an absence unknown, in CQL and in FHIRPath that reads CQL."""
    snapshot = load_cql(
        PAIN, cql_library(), plan(action("a", condition=when(text, language)), library=LIBRARY), Logic=LOGIC
    )
    (found,) = applied(snapshot, data=[OTHER], states={"Condition": state})
    assert found.outcome is outcome


def test_site_parameters_stand_before_the_default(load_cql: LoadCql) -> None:
    """A CQL parameter is the site's value, and its default where the site gave none."""
    limit = plan(action("a", condition=when("Short limit")), library=LIBRARY)
    snapshot = load_cql(PAIN, cql_library(), limit, Logic=LOGIC)
    assert applied(snapshot)[0].outcome is Outcome.NOT_APPLICABLE
    assert applied(snapshot, **{"Logic.limitDays": 7})[0].outcome is Outcome.FIRED


def test_for_each_over_tuples_of_draft_orders(load_cql: LoadCql) -> None:
    """Items of a define are `%order` in inline CQL and in FHIRPath; a Tuple is known by the resource in it."""
    inner = action("inner", condition=when("%order.isFirst and %order.order.status = 'draft'", "text/cql"))
    outer = action(
        "outer",
        inner,
        extension=for_each("order", "Orders"),
        dynamicValue=[
            *value("action.title", "'CQL ' + %order.order.id"),
            {"path": "action.description", "expression": expression("'FHIRPath ' & %order.order.id")},
        ],
    )
    snapshot = load_cql(PAIN, cql_library(), plan(outer, library=LIBRARY), Logic=LOGIC)
    found = applied(snapshot, drafts=[draft("d1"), draft("d2")])
    assert [a.id for a in found] == ["outer[ServiceRequest.d1]", "outer[ServiceRequest.d2]"]
    assert [a.element["title"] for a in found] == ["CQL d1", "CQL d2"]
    assert [a.element["description"] for a in found] == ["FHIRPath d1", "FHIRPath d2"]
    assert [a.children[0].outcome for a in found] == [Outcome.FIRED, Outcome.NOT_APPLICABLE]


def test_items_of_a_fhirpath_for_each_are_orders_in_cql(load_cql: LoadCql) -> None:
    """`%order` may come from FHIRPath and be read in CQL."""
    extension = [{"url": fhir.FOR_EACH, "valueExpression": expression("%draftOrders", name="order")}]
    rule = action("a", extension=extension, condition=when("%order.id = 'd2'", "text/cql"))
    snapshot = load_cql(PAIN, cql_library(), plan(rule, library=LIBRARY), Logic=LOGIC)
    found = applied(snapshot, drafts=[draft("d1"), draft("d2")])
    assert [a.outcome for a in found] == [Outcome.NOT_APPLICABLE, Outcome.FIRED]


def test_a_dynamic_value_reads_the_action_and_the_resource(load_cql: LoadCql) -> None:
    """%action and %resource are external constants in CQL; a code becomes a Coding, a concept a CodeableConcept."""
    activity = {
        "resourceType": "ActivityDefinition",
        "url": f"{BASE}/ActivityDefinition/act",
        "status": "active",
        "kind": "ServiceRequest",
        "library": LIBRARY,
        "dynamicValue": [
            *value("code", "Concept { Code '1' from SCT } display 'One'"),
            *value("patientInstruction", "'from ' + %resource.status"),
        ],
    }
    rule = action(
        "a",
        definitionCanonical=activity["url"],
        dynamicValue=value("action.description", "%action.title + '!'"),
    )
    snapshot = load_cql(
        PAIN,
        cql_library(),
        activity,
        plan(rule, library=LIBRARY),
        Logic=f"codesystem SCT: '{SNOMED}'\n{LOGIC}",
    )
    (found,) = applied(snapshot)
    assert found.element["description"] == "a!"
    assert found.resource is not None
    assert found.resource["code"] == {"coding": [{"system": SNOMED, "code": "1"}], "text": "One"}
    assert found.resource["patientInstruction"] == "from draft"


def test_an_included_library_and_two_listed_ones(load_cql: LoadCql) -> None:
    """Includes resolve by Library.name and version; of two listed libraries each is read behind its name."""
    common = "context Patient\ndefine Base: 1\ndefine Shared: exists [Condition]"
    logic = "include Common version '1.0.0' called C\ncontext Patient\ndefine Both: C.Shared and C.Base = 1"
    listed = [f"{BASE}/Library/Logic", f"{BASE}/Library/Common"]
    rules = [
        action("include", condition=when("Both")),
        action("listed", condition=when("Common.Shared")),
        action("inline", condition=when("Both and Common.Base = 1 and C.Shared", "text/cql")),
    ]
    snapshot = load_cql(cql_library(), cql_library("Common"), plan(*rules, library=listed), Logic=logic, Common=common)
    assert [a.outcome for a in applied(snapshot, data=[OTHER])] == [Outcome.FIRED] * 3


def test_a_define_is_computed_once_for_all_who_ask(load_cql: LoadCql) -> None:
    """Issue 4, Deliver 3: every plan, library and language shares the results of a call."""
    logic = "context Patient\ndefine Noted: exists Message([Condition], true, 'once', 'Message', 'asked')"
    rules = [
        action("a", condition=when("Noted")),
        action("b", condition=when("Noted and true", "text/cql")),
        action("c", condition=[condition("%Noted")]),
    ]
    snapshot = load_cql(cql_library(), plan(*rules, library=LIBRARY), Logic=logic)
    session = session_of(snapshot, data=[OTHER])
    compiled(snapshot).apply(session)
    assert len(session.root.messages) == 1


def test_a_failing_define_fails_its_own_action(load_cql: LoadCql) -> None:
    """security E7: the error names library, line and column, and stops one rule only."""
    rules = [action("bad", condition=when("Fails is null", "text/cql")), action("good")]
    snapshot = load_cql(PAIN, cql_library(), plan(*rules, library=LIBRARY), Logic=LOGIC)
    bad, good = applied(snapshot)
    assert (bad.outcome, good.outcome) == (Outcome.FAILED, Outcome.FIRED)
    assert "Logic:14:" in (bad.conditions[0].error or "")


def test_the_trace_names_the_line_of_the_define(load_cql: LoadCql) -> None:
    """`cds eval --explain` leads from the condition to the CQL it stands for."""
    snapshot = load_cql(
        PAIN, cql_library(), plan(action("a", condition=when("Has pain")), library=LIBRARY), Logic=LOGIC
    )
    (found,) = applied(snapshot, data=[HAS_PAIN])
    assert str(found.conditions[0].defined).endswith("Logic.cql:10:1")


def test_a_library_may_mix_cql_and_variables(load_cql: LoadCql) -> None:
    """While it moves from one to the other: FHIRPath variables of the Library read its defines."""
    both = cql_library(extension=[variable("twoPains", "%Pains.count() = 2")])
    rule = action("a", condition=[condition("%twoPains and %HasPain")])
    snapshot = load_cql(PAIN, both, plan(rule, library=LIBRARY), Logic=LOGIC)
    assert applied(snapshot, data=[HAS_PAIN])[0].outcome is Outcome.NOT_APPLICABLE
    assert applied(snapshot, data=[HAS_PAIN, {**HAS_PAIN, "id": "c9"}])[0].outcome is Outcome.FIRED
    (found,) = applied(snapshot, data=[HAS_PAIN], states={"Condition": Completeness.PARTIAL})
    assert found.outcome is Outcome.UNKNOWN


def test_prefetch_is_what_the_defines_in_use_retrieve(load_cql: LoadCql) -> None:
    """Issue 4, Deliver 4: retrieves are known without running; a define nobody uses asks for nothing; data that the
    Library says is optional never makes a call fail."""
    logic = """context Patient
define Used: exists [Condition] and not exists [CarePlan]
define Unused: exists [Observation]
define Read: [Procedure]
"""
    optional = [{"url": fhir.OPTIONAL_DATA, "valueBoolean": True}]
    resource = cql_library(dataRequirement=[{"type": "CarePlan", "extension": optional}])
    rules = [
        action("a", condition=when("Used"), trigger=[{"type": "named-event", "name": "order-sign"}]),
        action("b", condition=[condition("%Read.exists()")], trigger=[{"type": "named-event", "name": "order-sign"}]),
        action(
            "c",
            condition=when("Count([MedicationRequest]) > 1", "text/cql"),
            trigger=[{"type": "named-event", "name": "order-sign"}],
        ),
    ]
    snapshot = load_cql(resource, plan(*rules, library=LIBRARY), Logic=logic)
    found = requirements(compiled(snapshot), "order-sign", snapshot.registry)
    assert [(r.resource_type, r.required) for r in found] == [
        ("Patient", True),
        ("CarePlan", False),
        ("Condition", True),
        ("MedicationRequest", True),
        ("Procedure", True),
    ]


def test_what_is_unknown_stays_so_for_whoever_asks_later(load_cql: LoadCql) -> None:
    """A define that was computed for one expression, and is null for lack of data, is no false in another's query."""
    both = cql_library(extension=[variable("first", "%HasPain")])
    rules = [
        action("a", condition=[condition("%first")]),
        action("b", condition=when("exists (draftOrders O where HasPain)", "text/cql")),
    ]
    snapshot = load_cql(PAIN, both, plan(*rules, library=LIBRARY), Logic=LOGIC)
    found = applied(snapshot, drafts=[draft("d1")], states={"Condition": Completeness.NEVER})
    assert [a.outcome for a in found] == [Outcome.UNKNOWN, Outcome.UNKNOWN]
