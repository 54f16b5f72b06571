"""`$apply` by apply-protocol.md: what it accepts, refuses and answers, over the engine."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from operations_support import (
    PATIENT,
    activity,
    apply,
    body,
    bundle,
    condition,
    dynamic,
    group_of,
    issues_of,
    plan,
)

from cds.apply.conform import faults
from cds.config import Settings
from cds.errors import RequestError
from cds.service import Engine

DATA = bundle(PATIENT)
WALK = activity()
USE = {"id": "walk", "title": "Walk", "definitionCanonical": WALK["url"]}


def applied(engine: Engine, definition: dict[str, Any], *content: dict[str, Any], **more: Any) -> dict[str, Any]:
    given = {"subject": "p", "data": DATA, **({"content": bundle(*content)} if content else {}), **more}
    answer = apply(engine, "PlanDefinition", planDefinition=definition, **given)
    assert not faults(answer)
    return answer


def refusal(engine: Engine, kind: str = "PlanDefinition", **parameters: Any) -> RequestError:
    with pytest.raises(RequestError) as refused:
        apply(engine, kind, **parameters)
    assert refused.value.issues[0].severity == "error"
    return refused.value


def test_a_care_plan_contains_all_and_refers_by_fragment(engine: Engine) -> None:
    """The default form: the RequestGroup and what it refers to are contained."""
    answer = applied(engine, plan(USE, title="Plan"), WALK, practitioner="d", encounter="Encounter/e")
    group, walk = answer["contained"]
    assert (answer["resourceType"], answer["status"], answer["intent"]) == ("CarePlan", "draft", "proposal")
    assert answer["activity"] == [{"reference": {"reference": f"#{group['id']}"}}]
    assert group["action"][0]["resource"] == {"reference": f"#{walk['id']}"}
    assert walk["code"] == {"text": "Walk"}
    assert walk["subject"] == answer["subject"] == group["subject"] == {"reference": "Patient/p"}
    assert walk["requester"] == group["author"] == {"reference": "Practitioner/d"}
    assert answer["encounter"] == {"reference": "Encounter/e"}


def test_references_of_a_bundle_resolve_against_its_full_urls(engine: Engine) -> None:
    """The first entry is the RequestGroup; each entry has a fullUrl."""
    answer = applied(engine, plan(USE), WALK, output="bundle")
    first, second = answer["entry"]
    reference = first["resource"]["action"][0]["resource"]["reference"]
    assert second["fullUrl"].endswith(f"/{reference}")
    assert first["resource"]["resourceType"] == "RequestGroup"


def test_one_definition_twice_makes_two_resources(engine: Engine) -> None:
    """Ids are distinct within the answer."""
    answer = applied(engine, plan(USE, {**USE, "id": "again"}), WALK, output="bundle")
    ids = [entry["resource"]["id"] for entry in answer["entry"]]
    assert len(ids) == len(set(ids)) == 3


def test_what_a_request_group_can_hold_is_kept(engine: Engine) -> None:
    """Behaviours, relations, timing, documentation, conditions to start and stop: nothing of these is dropped."""
    kept = {
        "prefix": "1",
        "description": "Walk a lot",
        "textEquivalent": "walk",
        "priority": "urgent",
        "code": [{"text": "walking"}],
        "documentation": [{"type": "citation", "display": "A source"}],
        "timingTiming": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
        "type": {"text": "create"},
        "groupingBehavior": "logical-group",
        "selectionBehavior": "any",
        "requiredBehavior": "could",
        "precheckBehavior": "yes",
        "cardinalityBehavior": "multiple",
        "relatedAction": [{"actionId": "b", "relationship": "before-start", "offsetDuration": {"value": 1}}],
    }
    start = {"kind": "start", "expression": {"language": "text/fhirpath", "expression": "true"}}
    first = {"id": "a", "title": "A", "condition": [condition("true"), start], **kept}
    party = [{"type": "patient"}, {"type": "practitioner", "role": {"text": "nurse"}}]
    second = {"id": "b", "title": "B", "participant": party, "reason": [{"text": "pain"}]}
    group = group_of(applied(engine, plan(first, second), output="requestgroup"))
    a, b = group["action"]
    assert a == {"id": "a", "title": "A", "condition": [start], **kept}
    patient, nurse = b["participant"]
    assert patient == {"reference": "Patient/p"}
    assert (nurse["type"], nurse["display"]) == ("Practitioner", "nurse")
    assert nurse["extension"][0]["valueCodeableConcept"] == {"text": "nurse"}
    assert group["reasonCode"] == [{"text": "pain"}]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timingDateTime", "2026-03-04"),
        ("timingAge", {"value": 65, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}),
        ("timingPeriod", {"start": "2026-03-04"}),
        ("timingDuration", {"value": 2, "unit": "wk", "system": "http://unitsofmeasure.org", "code": "wk"}),
        ("timingRange", {"low": {"value": 1, "unit": "d"}}),
        ("timingTiming", {"code": {"text": "BID"}}),
    ],
)
def test_every_form_of_timing_is_kept(engine: Engine, name: str, value: Any) -> None:
    """timing[x] of an action, whatever x is."""
    (action,) = group_of(applied(engine, plan({"id": "a", "title": "A", name: value})))["action"]
    assert action[name] == value


def test_a_uri_as_definition_is_referred_to(engine: Engine) -> None:
    """definitionUri names what is no resource of ours to apply."""
    uri = {"id": "a", "title": "A", "definitionUri": "http://example.org/leaflet.pdf"}
    (action,) = group_of(applied(engine, plan(uri)))["action"]
    assert action["resource"] == {"reference": "http://example.org/leaflet.pdf"}


def test_a_questionnaire_as_definition_comes_along(engine: Engine) -> None:
    """Contained once, however many actions ask for it."""
    asked = {"resourceType": "Questionnaire", "id": "q", "url": "http://example.org/q", "status": "active"}
    use = {"id": "a", "title": "A", "definitionCanonical": asked["url"]}
    answer = applied(engine, plan(use, {**use, "id": "b"}), asked)
    assert [one["resourceType"] for one in answer["contained"]].count("Questionnaire") == 1
    assert {one["resource"]["reference"] for one in group_of(answer)["action"]} == {"#q"}


def test_conditions_are_all_needed(engine: Engine) -> None:
    """Applicability conditions are ANDed; start and stop conditions decide nothing and are carried."""
    stop = {"kind": "stop", "expression": {"language": "text/fhirpath", "expression": "false"}}
    actions = [
        {"id": "both", "title": "B", "condition": [condition("true"), condition("%patient.exists()"), stop]},
        {"id": "one", "title": "O", "condition": [condition("true"), condition("false")]},
    ]
    (action,) = group_of(applied(engine, plan(*actions)))["action"]
    assert (action["id"], action["condition"]) == ("both", [stop])


def test_relations_lead_to_actions_that_are_there(engine: Engine) -> None:
    """With their offsets; one to an action that does not apply is told, for R4 has no place to point to."""
    offset = {"offsetRange": {"low": {"value": 1, "unit": "d"}, "high": {"value": 2, "unit": "d"}}}
    to_b, to_c = ({"actionId": name, "relationship": "after-end", **offset} for name in "bc")
    actions = [
        {"id": "a", "title": "A", "relatedAction": [to_b, to_c]},
        {"id": "b", "title": "B"},
        {"id": "c", "title": "C", "condition": [condition("false")]},
    ]
    answer = applied(engine, plan(*actions))
    assert group_of(answer)["action"][0]["relatedAction"] == [to_b]
    assert any("'c'" in text for _, text in issues_of(answer))


def test_what_r4_has_no_place_for_is_kept_in_extensions(engine: Engine) -> None:
    """Input, output, roles and foreign extensions of an action stay with it; what was for the engine does not."""
    requirement = {"type": "Observation", "codeFilter": [{"path": "code", "code": [{"code": "x"}]}]}
    foreign = {"url": "http://example.org/colour", "valueCode": "red"}
    action = {"id": "a", "title": "A", "input": [requirement], "output": [{"type": "Task"}], "extension": [foreign]}
    (found,) = group_of(applied(engine, plan(action)))["action"]
    first, *others = found["extension"]
    assert first == foreign
    told = {one["url"].rpartition(".")[2]: one["extension"][0]["valueDataRequirement"] for one in others}
    assert told == {"input": requirement, "output": {"type": "Task"}}


def test_a_task_says_which_group_it_comes_from(engine: Engine) -> None:
    """Task.basedOn; a dynamic value goes before."""
    answer = applied(engine, plan(USE), activity("Task"))
    group, task = answer["contained"]
    assert task["basedOn"] == [{"reference": f"#{group['id']}"}]


@pytest.mark.parametrize("path", ["action.title", "action.action.title", "%action.title"])
def test_the_path_of_a_nested_action_may_begin_at_the_plan(engine: Engine, path: str) -> None:
    """`action.action.title` two levels down is the action's own title, as older content writes it."""
    inner = {"id": "b", "dynamicValue": [dynamic(path, "'Inner'")]}
    (outer,) = group_of(applied(engine, plan({"id": "a", "title": "A", "action": [inner]})))["action"]
    assert outer["action"][0]["title"] == "Inner"


def test_a_dynamic_value_of_another_action_is_told(engine: Engine) -> None:
    """It is not silently without effect."""
    outer = {"id": "a", "title": "A", "dynamicValue": [dynamic("action.action.title", "'x'")], "action": [{"id": "b"}]}
    assert "its own action" in issues_of(applied(engine, plan(outer)))[0][1]


@pytest.mark.parametrize(
    ("element", "text", "value"),
    [
        ("code", "Code { code: 'a', system: 'http://s' }", {"coding": [{"system": "http://s", "code": "a"}]}),
        ("code", "'a'", {"coding": [{"code": "a"}], "text": "a"}),
        ("code", "'walk and run'", {"text": "walk and run"}),
        ("code", "{ text: 'tuple' }", {"text": "tuple"}),
        ("groupIdentifier", "{system: 'http://x', value: 'v', period: null}", {"system": "http://x", "value": "v"}),
        ("executionPeriod", "Interval[@2020-01-01, @2020-02-01]", {"start": "2020-01-01", "end": "2020-02-01"}),
        ("focus", "'Observation/1'", {"reference": "Observation/1"}),
        ("description", "Patient.gender", "female"),
    ],
)
def test_values_of_cql_become_elements(engine: Engine, element: str, text: str, value: Any) -> None:
    """Codes, Tuples, intervals and text take the form of the element that they set; `Patient` needs no library."""
    values = [{"path": element, "expression": {"language": "text/cql-expression", "expression": text}}]
    task = activity("Task", dynamicValue=values)
    answer = apply(engine, "ActivityDefinition", activityDefinition=task, subject="p", data=DATA)
    assert not faults(answer)
    assert answer[element] == value
    assert not issues_of(answer)


def test_goals_become_goals_of_the_patient(engine: Engine) -> None:
    """PlanDefinition.goal, its targets, and the actions that are for it."""
    goal = {
        "id": "g",
        "description": {"text": "Walk again"},
        "addresses": [{"text": "pain"}],
        "documentation": [{"type": "citation", "display": "x"}],
        "target": [{"measure": {"text": "m"}, "detailQuantity": {"value": 5}, "due": {"value": 2, "code": "wk"}}],
    }
    answer = applied(engine, plan({"id": "a", "title": "A", "goalId": ["g"]}, goal=[goal]))
    (made,) = [one for one in answer["contained"] if one["resourceType"] == "Goal"]
    assert answer["goal"] == [{"reference": f"#{made['id']}"}]
    assert made["target"][0]["dueDuration"] == {"value": 2, "code": "wk"}
    assert group_of(answer)["action"][0]["extension"][0]["valueReference"] == {"reference": f"#{made['id']}"}


def test_goals_are_pursued_where_something_is_done_for_them(engine: Engine) -> None:
    """Those of an action that does not apply are not proposed; those that no action names are the plan's."""
    goals = [{"id": name, "description": {"text": name}} for name in ("done", "not-done", "whole")]
    actions = [
        {"id": "a", "title": "A", "goalId": ["done"]},
        {"id": "b", "title": "B", "goalId": ["done", "not-done"], "condition": [condition("false")]},
    ]

    def proposed(definition: dict[str, Any], *content: dict[str, Any]) -> list[str]:
        answer = applied(engine, definition, *content)
        made = [one for one in answer["contained"] if one["resourceType"] == "Goal"]
        assert answer.get("goal", []) == [{"reference": f"#{one['id']}"} for one in made]
        return [one["description"]["text"] for one in made]

    assert proposed(plan(*actions, goal=goals)) == ["done", "whole"]
    assert proposed(plan(actions[1], goal=goals)) == ["whole"]
    inner = plan(*actions, goal=goals, name="inner")
    assert proposed(plan({"id": "i", "definitionCanonical": inner["url"]}), inner) == ["done", "whole"]
    inner = plan(actions[1], goal=goals, name="inner")
    assert proposed(plan({"id": "i", "definitionCanonical": inner["url"]}), inner) == []


@pytest.mark.parametrize("output", ["careplan", "requestgroup", "bundle"])
def test_every_form_has_a_narrative(engine: Engine, output: str) -> None:
    """On the resource that a reader opens first; names and markup of whoever wrote it are text."""
    use = {**USE, "title": "Walk <b>now</b>"}
    answer = applied(engine, plan(use, title="Moving"), WALK, output=output)
    first = answer["entry"][0]["resource"] if output == "bundle" else answer
    assert first["text"]["status"] == "generated"
    assert "Walk &lt;b&gt;now&lt;/b&gt;" in first["text"]["div"]
    assert "Service request: Walk" in first["text"]["div"]


def test_the_hook_of_an_application(engine: Engine) -> None:
    """Content that tells opening a chart from ordering is applied as at the one that fits, or as `parameters` say."""
    definition = plan({"id": "a", "dynamicValue": [dynamic("action.title", "%hook")]})
    draft = {"resourceType": "ServiceRequest", "id": "d", "status": "draft", "intent": "order", "subject": {}}

    def title(*given: dict[str, Any]) -> Any:
        parameters = {"resourceType": "Parameters", "parameter": list(given)}
        return group_of(applied(engine, definition, parameters=parameters))["action"][0]["title"]

    assert title() == "patient-view"
    assert title({"name": "draftOrders", "resource": draft}) == "order-sign"
    assert title({"name": "hook", "valueString": "order-select"}) == "order-select"


def test_what_does_not_apply_or_is_not_known_is_told(engine: Engine) -> None:
    """False leaves an action out and says why; unknown keeps it with its condition and without its resource."""
    male = condition("%patient.gender = 'male'")
    male["expression"]["description"] = "the patient is a man"
    no = {"id": "no", "title": "No", "condition": [male]}
    open_one = condition("%patient.birthDate < @2000-01-01")
    unknown = {**USE, "id": "perhaps", "title": "Perhaps", "condition": [open_one]}
    answer = applied(engine, plan(no, unknown), WALK)
    (action,) = group_of(answer)["action"]
    assert action == {"id": "perhaps", "title": "Perhaps", "condition": [open_one]}
    first, second = issues_of(answer)
    assert first[0] == second[0] == "information"
    assert "'No' does not apply" in first[1]
    assert first[1].endswith("is false (the patient is a man)")
    assert "'Perhaps'" in second[1]


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"condition": [condition("1 + ")]}, "expected"),
        ({"condition": [condition("%nothing")]}, "nothing"),
        ({"dynamicValue": [dynamic("code.text", "1/")]}, "expected"),
        ({"dynamicValue": [dynamic("no[[", "1")]}, "element name"),
        ({"dynamicValue": [{"path": "title", "expression": {"language": "text/x", "expression": "1"}}]}, "text/x"),
        ({"definitionCanonical": "http://example.org/ActivityDefinition/none"}, "is not loaded"),
        ({"definitionCanonical": "#none"}, "contains no #none"),
    ],
)
def test_what_fails_marks_its_own_branch(engine: Engine, broken: dict[str, Any], told: str) -> None:
    """Status 200: the branch stays, its children too, an error is told, and the others are as they would be."""
    child = {"id": "child", "title": "Child"}
    answer = applied(engine, plan({**USE, "id": "a", "action": [child], **broken}, {**USE, "id": "b"}), WALK)
    first, second = group_of(answer)["action"]
    assert (first["id"], second["id"]) == ("a", "b")
    assert second["resource"]
    if "condition" not in broken:
        assert first["action"][-1] == child
    assert [severity for severity, _ in issues_of(answer)] == ["error"]
    assert told in issues_of(answer)[0][1]
    extensions = group_of(answer)["extension"]
    assert extensions[-1]["url"].endswith("/cqf-messages")


def test_a_transform_is_told_as_not_carried_out(engine: Engine) -> None:
    """apply-protocol.md: a warning and no error, and the action is there with its resource."""
    mapped = "http://example.org/fhir/StructureMap/walk"
    answer = applied(engine, plan({**USE, "transform": mapped}), {**WALK, "transform": mapped})
    assert group_of(answer)["action"][0]["resource"]
    assert issues_of(answer) == [
        ("warning", "Action 'Walk': its transform was not carried out"),
        ("warning", "Action 'Walk': 'transform' of its ActivityDefinition was not carried out"),
    ]


def test_an_invalid_resource_is_told_and_left_out(engine: Engine) -> None:
    """A SupplyRequest needs a quantity; nothing invalid is emitted."""
    answer = applied(engine, plan(USE), activity("SupplyRequest"))
    assert "resource" not in group_of(answer)["action"][0]
    assert issues_of(answer) == [
        ("error", "Action 'Walk': no valid SupplyRequest can be made: SupplyRequest needs the element 'quantity'")
    ]
    assert "<h3>Could not be carried out</h3><ul><li><b>Walk</b>: no valid SupplyRequest" in answer["text"]["div"]
    assert "Supply request" not in answer["text"]["div"]


def test_nested_plans_become_groups_of_their_own(engine: Engine) -> None:
    """To any depth; each with its own ids and messages."""
    inner = plan({**USE, "condition": [condition("false")]}, name="inner", title="Inner")
    middle = plan({"id": "m", "definitionCanonical": inner["url"]}, name="middle", title="Middle")
    outer = plan({"id": "o", "definitionCanonical": middle["url"]})
    answer = applied(engine, outer, middle, inner, WALK, output="bundle")
    assert [entry["resource"]["resourceType"] for entry in answer["entry"]] == ["RequestGroup"] * 3
    assert [action["title"] for entry in answer["entry"] for action in entry["resource"].get("action", ())] == [
        "Middle",
        "Inner",
    ]
    assert len({entry["resource"]["id"] for entry in answer["entry"]}) == 3


def test_plans_in_a_circle_are_refused(engine: Engine) -> None:
    """422, with the circle."""
    inner = plan({"id": "i", "definitionCanonical": "http://example.org/PlanDefinition/plan"}, name="inner")
    outer = plan({"id": "o", "definitionCanonical": inner["url"]})
    error = refusal(engine, planDefinition=outer, content=bundle(inner), subject="p")
    assert error.status == 422
    assert "plan -> " in error.issues[0].text


def test_contained_definitions_go_first(engine: Engine) -> None:
    """`#id` is looked up in the definition that says it."""
    own = {**activity(), "id": "own", "code": {"text": "Own"}}
    answer = applied(engine, plan({"id": "a", "definitionCanonical": "#own"}, contained=[own]))
    assert answer["contained"][1]["code"] == {"text": "Own"}


def test_the_first_place_that_knows_a_canonical_wins(engine: Engine) -> None:
    """A later Bundle adds no version; without a version the highest of that place is taken."""
    first = bundle(*(activity(version=version, code={"text": version}) for version in ("2", "10")))
    second = bundle(activity(version="11", code={"text": "11"}))
    answer = apply(engine, "PlanDefinition", planDefinition=plan(USE), content=[first, second], subject="p", data=DATA)
    assert answer["contained"][1]["code"] == {"text": "10"}


def test_one_canonical_with_two_meanings_is_refused(engine: Engine) -> None:
    """400; said twice with the same content it is no clash."""
    same = [bundle(WALK), bundle(WALK)]
    assert apply(engine, "PlanDefinition", planDefinition=plan(USE), content=same, subject="p")
    other = bundle(activity(code={"text": "Run"}))
    error = refusal(engine, planDefinition=plan(USE), content=[bundle(WALK), other], subject="p")
    assert (error.status, error.issues[0].code) == (400, "duplicate")


def test_what_an_activity_contains_keeps_its_references(engine: Engine) -> None:
    """Used twice, the fragments are told apart: what is contained in one place has distinct ids (dom-2)."""
    makes = "FHIR.Observation { id: FHIR.id { value: 'o' }, status: FHIR.ObservationStatus { value: 'final' },"
    makes += " code: FHIR.CodeableConcept { text: FHIR.string { value: 'x' } } }"
    values = [
        {"path": "contained", "expression": {"language": "text/cql-expression", "expression": makes}},
        dynamic("reasonReference", "'#o'"),
    ]
    answer = applied(engine, plan(USE, {**USE, "id": "again"}), activity(dynamicValue=values))
    inner = {one["id"] for one in answer["contained"] if one["resourceType"] == "Observation"}
    named = {one["reasonReference"][0]["reference"] for one in answer["contained"] if "reasonReference" in one}
    assert len(inner) == 2
    assert named == {f"#{one}" for one in inner}


def test_a_contained_definition_says_nothing_of_its_version_on_the_server(engine: Engine) -> None:
    """dom-4: no meta.versionId or lastUpdated on what is contained."""
    meta = {"versionId": "3", "lastUpdated": "2026-01-01T00:00:00Z", "profile": ["http://example.org/p"]}
    asked = {
        "resourceType": "Questionnaire",
        "id": "q",
        "url": "http://example.org/q",
        "status": "active",
        "meta": meta,
    }
    definition = plan({"id": "a", "definitionCanonical": asked["url"]})
    assert applied(engine, definition, asked)["contained"][1]["meta"] == {"profile": meta["profile"]}
    assert applied(engine, definition, asked, output="bundle")["entry"][1]["resource"]["meta"] == meta


def test_content_is_not_seen_by_the_next_call(engine: Engine) -> None:
    """It lives for one call."""
    applied(engine, plan(USE), WALK)
    assert "not loaded" in issues_of(applied(engine, plan(USE)))[0][1]


def test_cql_of_content_is_compiled_and_run(engine: Engine) -> None:
    """A Library with CQL text in the content, with a value set of the content and a parameter of the call."""
    text = """library Logic version '1'
using FHIR version '4.0.1'
valueset "Pain": 'http://example.org/ValueSet/pain'
parameter wanted String default 'nobody'
context Patient
define "Has Pain": exists [Condition: "Pain"]
define Who: wanted
"""
    library = {
        "resourceType": "Library",
        "url": "http://example.org/Library/Logic",
        "name": "Logic",
        "version": "1",
        "status": "active",
        "type": {"text": "logic-library"},
        "content": [{"contentType": "text/cql", "data": base64.b64encode(text.encode()).decode()}],
    }
    pain = {
        "resourceType": "ValueSet",
        "url": "http://example.org/ValueSet/pain",
        "status": "active",
        "compose": {"include": [{"system": "http://s", "concept": [{"code": "1"}]}]},
    }
    named = {"language": "text/cql-identifier", "expression": "Has Pain"}
    who = {"path": "action.title", "expression": {"language": "text/cql-identifier", "expression": "Who"}}
    action = {"id": "a", "condition": [{"kind": "applicability", "expression": named}], "dynamicValue": [who]}
    definition = plan(action, library=[library["url"]])
    sick = {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"system": "http://s", "code": "1"}]},
    }
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "wanted", "valueString": "Bob"}]}
    answer = applied(engine, definition, library, pain, data=bundle(PATIENT, sick), parameters=parameters)
    assert group_of(answer)["action"] == [{"id": "a", "title": "Bob"}]
    assert "action" not in group_of(applied(engine, definition, library, pain))
    broken = {**library, "content": [{"contentType": "text/cql", "data": base64.b64encode(b"define").decode()}]}
    assert refusal(engine, planDefinition=definition, content=bundle(broken), subject="p").status == 422


LOGIC = {
    "resourceType": "Library",
    "url": "http://example.org/Library/Logic",
    "name": "Logic",
    "status": "active",
    "type": {"text": "logic-library"},
}
VALUE_SET = "http://example.org/ValueSet/pain"


def library(text: str, **more: Any) -> dict[str, Any]:
    data = base64.b64encode(text.encode()).decode()
    return {**LOGIC, "content": [{"contentType": "text/cql", "data": data}], **more}


def define(name: str, **more: Any) -> dict[str, Any]:
    """A condition that is a define."""
    named = {"language": "text/cql-identifier", "expression": name, **more}
    return {"kind": "applicability", "expression": named}


@pytest.mark.parametrize("name", ["logic.cql", "a" * 3000 + ".cql"])
def test_content_of_a_call_names_no_files(engine: Engine, name: str) -> None:
    """422 for whatever name: no disk is looked at (security D1)."""
    library = {
        "resourceType": "Library",
        "url": "http://example.org/Library/Filed",
        "name": "Filed",
        "status": "active",
        "type": {"text": "logic-library"},
        "content": [{"contentType": "text/cql", "url": name}],
    }
    definition = plan({"id": "a", "title": "A"}, library=[library["url"]])
    error = refusal(engine, planDefinition=definition, content=bundle(library), subject="p")
    assert error.status == 422
    assert "a call's own content has no files" in error.issues[0].text


def test_the_text_of_fhirhelpers_is_passed_over(engine: Engine) -> None:
    """It is built in, and public content brings it along: its overloads are not ours to compile."""
    helpers = library("library FHIRHelpers define broken", name="FHIRHelpers", url="http://example.org/FHIRHelpers")
    text = "library Logic using FHIR version '4.0.1' include FHIRHelpers version '4.0.1' context Patient"
    logic = library(f"{text} define Woman: Patient.gender = 'female'")
    definition = plan({"id": "a", "title": "A", "condition": [define("Woman")]}, library=[LOGIC["url"]])
    assert group_of(applied(engine, definition, helpers, logic))["action"] == [{"id": "a", "title": "A"}]


def test_an_expression_may_say_which_library_it_is_of(engine: Engine) -> None:
    """Expression.reference, without PlanDefinition.library."""
    logic = library("library Logic define Sure: false")
    definition = plan({"id": "a", "title": "A", "condition": [define("Sure", reference=LOGIC["url"])]})
    assert "Sure is false" in issues_of(applied(engine, definition, logic))[0][1]


def test_a_default_that_fails_marks_what_asks_for_it(engine: Engine) -> None:
    """Status 200, and the failure is told with its place in the CQL."""
    text = "library Odd version '1'\nparameter P Integer default singleton from { 1, 2 }\ndefine X: P = 1"
    library = {
        "resourceType": "Library",
        "url": "http://example.org/Library/Odd",
        "name": "Odd",
        "version": "1",
        "status": "active",
        "type": {"text": "logic-library"},
        "content": [{"contentType": "text/cql", "data": base64.b64encode(text.encode()).decode()}],
    }
    asks = condition("X")
    asks["expression"]["language"] = "text/cql-identifier"
    definition = plan({"id": "a", "title": "A", "condition": [asks]}, library=[library["url"]])
    ((severity, told),) = issues_of(applied(engine, definition, library))
    assert severity == "error"
    assert "Odd:2:29" in told


def test_cql_that_nobody_asks_for_stops_nothing(engine: Engine) -> None:
    """Of the libraries of a call only those that the definition depends on have to compile."""
    broken = library("library Broken define", name="Broken", url="http://example.org/Library/Broken")
    assert "action" in group_of(applied(engine, plan(USE), WALK, broken))
    inner = plan({"id": "i", "title": "I", "condition": [define("X")]}, library=[broken["url"]], name="inner")
    answer = applied(engine, plan({"id": "o", "definitionCanonical": inner["url"]}, USE), inner, WALK, broken)
    assert len(group_of(answer)["action"]) == 2
    texts = [text for severity, text in issues_of(answer) if severity == "error"]
    assert any("'I'" in text for text in texts)
    assert any(text.startswith("Broken: ") for text in texts)


@pytest.mark.parametrize(
    ("members", "outcome"),
    [
        ({"expansion": {"contains": [{"system": "http://s", "code": "1"}]}}, "fired"),
        (
            {"expansion": {"contains": [{"display": "group", "contains": [{"system": "http://s", "code": "1"}]}]}},
            "fired",
        ),
        ({"expansion": {"contains": [{"system": "http://s", "code": "1", "abstract": True}]}}, "error"),
        ({"expansion": {"contains": [{"system": "http://s", "code": "2"}]}}, "information"),
        ({"compose": {"include": [{"system": "http://s"}]}}, "error"),
        (
            {
                "compose": {
                    "include": [{"system": "http://s", "filter": [{"property": "x", "op": "is-a", "value": "1"}]}]
                }
            },
            "error",
        ),
        ({"compose": {"include": [{"valueSet": ["http://example.org/none"]}]}}, "error"),
        ({}, "error"),
    ],
)
@pytest.mark.parametrize("language", ["text/cql-identifier", "text/fhirpath"])
def test_value_sets_of_a_call(engine: Engine, members: dict[str, Any], outcome: str, language: str) -> None:
    """An expansion is taken as it is; of a set that cannot be expanded nothing is known, which is an error and no
    false."""
    pain = {"resourceType": "ValueSet", "url": VALUE_SET, "status": "active", **members}
    pain.get("expansion", {}).update({"timestamp": "2026-01-01"} if "expansion" in pain else {})
    text = f"library Logic using FHIR version '4.0.1' valueset V: '{VALUE_SET}' context Patient"
    text += " define Ill: exists [Condition: V]"
    named = "Ill" if language == "text/cql-identifier" else "%ill.exists()"
    wanted = {"id": "ill", "type": "Condition", "codeFilter": [{"path": "code", "valueSet": VALUE_SET}]}
    logic = library(text) if language == "text/cql-identifier" else {**LOGIC, "dataRequirement": [wanted]}
    asked = {"kind": "applicability", "expression": {"language": language, "expression": named}}
    sick = {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"system": "http://s", "code": "1"}]},
    }
    definition = plan({"id": "a", "title": "A", "condition": [asked]}, library=[LOGIC["url"]])
    found = issues_of(applied(engine, definition, logic, pain, data=bundle(PATIENT, sick)))
    assert [severity for severity, _ in found] == ([] if outcome == "fired" else [outcome])


def test_orders_of_the_moment_are_parameters(engine: Engine) -> None:
    """A draft in `data` is record like the rest; draftOrders, selectedOrders and appointments come as parameters."""
    draft = {
        "resourceType": "ServiceRequest",
        "id": "d",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/p"},
    }
    counted = "%draftOrders.count().toString() + %selectedOrders.count().toString() + %records.count().toString()"
    records = {**LOGIC, "dataRequirement": [{"id": "records", "type": "ServiceRequest"}]}
    definition = plan({"id": "a", "dynamicValue": [dynamic("action.title", counted)]}, library=[LOGIC["url"]])

    def title(*given: dict[str, Any]) -> str:
        parameters = {"resourceType": "Parameters", "parameter": list(given)}
        answer = applied(engine, definition, records, data=bundle(PATIENT, draft), parameters=parameters)
        return str(group_of(answer)["action"][0]["title"])

    other = {**draft, "id": "e"}
    assert title() == "001"
    assert title({"name": "draftOrders", "resource": draft}) == "110"
    both = bundle(draft, other)
    assert title({"name": "draftOrders", "resource": both}, {"name": "selectedOrders", "resource": other}) == "210"


def test_names_of_the_standard(engine: Engine) -> None:
    """%subject, %practitioner, %encounter, %context (the definition) and parameters as %name."""
    values = [
        dynamic("action.title", "%subject.name.given + ' ' + %practitioner.gender + ' ' + %word"),
        dynamic("action.description", "%context.title + %encounter.status"),
    ]
    doctor = {"resourceType": "Practitioner", "id": "d", "gender": "male"}
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "word", "valueString": "hi"}]}
    data = bundle(PATIENT, doctor)
    definition = plan({"id": "a", "dynamicValue": values}, title="T")
    answer = applied(engine, definition, data=data, practitioner="d", parameters=parameters)
    assert group_of(answer)["action"] == [{"id": "a", "title": "Ann male hi"}]


def test_several_subjects_give_one_result_each(engine: Engine) -> None:
    """In their order; only for PlanDefinition."""
    other = {"resourceType": "Patient", "id": "q"}
    answer = apply(
        engine, "PlanDefinition", planDefinition=plan(USE), subject=["q", "Patient/p"], data=bundle(PATIENT, other)
    )
    subjects = [entry["resource"]["subject"]["reference"] for entry in answer["entry"]]
    assert subjects == ["Patient/q", "Patient/p"]
    assert refusal(engine, "ActivityDefinition", activityDefinition=WALK, subject=["p", "q"]).status == 400


def test_without_data_nothing_is_known(engine: Engine) -> None:
    """Absence is no fact where nothing was obtained."""
    library = {
        "resourceType": "Library",
        "url": "http://example.org/Library/L",
        "name": "L",
        "status": "active",
        "type": {"text": "logic-library"},
        "dataRequirement": [{"id": "conditions", "type": "Condition"}],
    }
    definition = plan(
        {"id": "a", "title": "A", "condition": [condition("%conditions.empty()")]}, library=[library["url"]]
    )
    answer = apply(engine, "PlanDefinition", planDefinition=definition, content=bundle(library), subject="p")
    assert "unknown" in issues_of(answer)[0][1]
    assert not issues_of(applied(engine, definition, library))


def test_an_activity_gives_the_one_resource(engine: Engine) -> None:
    """Choices without their type and extensions by url are set; what failed is told, and the resource is there."""
    values = [
        dynamic("occurrence[x]", "@2026-03-04"),
        dynamic("extension('http://example.org/x').valueCode", "'y'"),
        dynamic("priority", "%none"),
    ]
    answer = apply(
        engine, "ActivityDefinition", activityDefinition={**WALK, "dynamicValue": values}, subject="p", data=DATA
    )
    assert not faults(answer)
    assert answer["occurrenceDateTime"] == "2026-03-04"
    assert answer["extension"][0] == {"url": "http://example.org/x", "valueCode": "y"}
    assert len(issues_of(answer)) == 1


@pytest.mark.parametrize("kind", [None, "Patient", "SupplyRequest"])
def test_an_activity_that_makes_nothing_valid_is_refused(engine: Engine, kind: str | None) -> None:
    """422: no kind, none that makes a resource, or one that would not be valid."""
    error = refusal(engine, "ActivityDefinition", activityDefinition=activity(kind), subject="p", data=DATA)
    assert error.status == 422
    assert error.issues[0].expression


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"subject": "p"}, 400),
        ({"planDefinition": plan(), "url": "http://example.org/x", "subject": "p"}, 400),
        ({"planDefinition": plan()}, 400),
        ({"planDefinition": plan(), "subject": "Patient/!"}, 400),
        ({"planDefinition": WALK, "subject": "p"}, 400),
        ({"planDefinition": plan(), "subject": "p", "subjet": "p"}, 400),
        ({"planDefinition": plan(), "subject": "p", "output": "pdf"}, 400),
        ({"planDefinition": plan(), "subject": "p", "data": PATIENT}, 400),
        ({"planDefinition": plan(), "subject": "p", "encounter": ["a", "b"]}, 400),
        ({"planDefinition": plan(), "subject": "p", "now": ("DateTime", "tomorrow")}, 400),
        ({"url": "http://example.org/none", "subject": "p"}, 404),
        ({"planDefinition": plan(), "subject": "p", "dataEndpoint": {"resourceType": "Endpoint"}}, 501),
    ],
)
def test_refusals(engine: Engine, parameters: dict[str, Any], status: int) -> None:
    """apply-protocol.md, "Errors"."""
    error = refusal(engine, **parameters)
    assert error.status == status
    assert error.issues[0].expression


def test_now_is_for_demo_mode(engine: Engine, tmp_path: Any) -> None:
    """`now` goes before the stopped clock; outside demo mode it is 403."""
    definition = plan({"id": "a", "dynamicValue": [dynamic("action.title", "today().toString()")]})
    assert group_of(applied(engine, definition))["action"][0]["title"] == "2026-03-02"
    later = applied(engine, definition, now=("DateTime", "2027-05"))
    assert group_of(later)["action"][0]["title"] == "2027-05-01"
    strict = Engine(Settings(content=tmp_path))
    assert refusal(strict, planDefinition=definition, subject="p", now=("DateTime", "2027-05")).status == 403


def test_an_unknown_id_is_not_found(engine: Engine) -> None:
    """404 for the instance path."""
    with pytest.raises(RequestError) as refused:
        engine.run_apply("PlanDefinition", "none", body=body(subject="p"))
    assert refused.value.status == 404
