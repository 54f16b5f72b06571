"""PlanDefinition application: conditions, nesting, for-each, dynamic values, targets, failures, unknowns."""

from __future__ import annotations

from typing import Any

import pytest
from apply_support import (
    BASE,
    Load,
    action,
    applied,
    compiled,
    condition,
    dynamic,
    expression,
    library,
    plan,
    session_of,
    variable,
)

from cds import expr, fhir
from cds.apply.scope import Session
from cds.apply.tree import Outcome
from cds.chart import Completeness
from cds.definitions.scope import library_name
from cds.errors import EvaluationError, Issue, RequestError

SNOMED = "http://snomed.info/sct"
DRAFT = {"resourceType": "ServiceRequest", "id": "d1", "status": "draft", "intent": "order", "note": [{"text": "keep"}]}


def trigger(hook: str) -> list[dict[str, Any]]:
    return [{"type": "named-event", "name": hook}]


def kind(code: str) -> dict[str, Any]:
    return {"coding": [{"system": fhir.ACTION_TYPE_SYSTEM, "code": code}]}


def target(text: str) -> dict[str, Any]:
    return {"url": fhir.TARGET, "valueExpression": expression(text)}


def for_each(name: str, text: str) -> dict[str, Any]:
    return {"url": fhir.FOR_EACH, "valueExpression": expression(text, name=name)}


@pytest.mark.parametrize(
    ("conditions", "outcome"),
    [
        ([], Outcome.FIRED),
        (["true"], Outcome.FIRED),
        (["true", "false"], Outcome.NOT_APPLICABLE),
        (["{}"], Outcome.UNKNOWN),
        (["{}", "false"], Outcome.NOT_APPLICABLE),
        (["true", "{}"], Outcome.UNKNOWN),
        (["(1 | 2).single() = 1"], Outcome.FAILED),
        (["false", "(1 | 2).single() = 1"], Outcome.NOT_APPLICABLE),
    ],
)
def test_conditions_are_anded_and_three_valued(load: Load, conditions: list[str], outcome: Outcome) -> None:
    """All must be true; unknown is kept apart from false; an error is a failure, not false (I-2)."""
    elements = {"condition": [condition(text) for text in conditions]} if conditions else {}
    (found,) = applied(load(plan(action("a", **elements))))
    assert found.outcome is outcome


def test_what_follows_a_false_condition_is_not_evaluated(load: Load) -> None:
    """The trace ends at the condition that decided."""
    (found,) = applied(load(plan(action("a", condition=[condition("false"), condition("true")]))))
    assert [(c.expression, c.value) for c in found.conditions] == [("false", False)]


def test_a_condition_knows_its_place(load: Load) -> None:
    """The trace names file and element of the condition."""
    (found,) = applied(load(plan(action("a", condition=[condition("true")]))))
    place = found.conditions[0].location
    assert place.file.endswith("00.json")
    assert place.line == 1
    assert place.column > 1


def test_one_failing_rule_leaves_the_others(load: Load) -> None:
    """security E7: a rule that throws takes down its own action only."""
    bad = action("bad", condition=[condition("('a' | 'b').single() = 'a'")])
    found = applied(load(plan(action("good"), bad)))
    assert [a.outcome for a in found] == [Outcome.FIRED, Outcome.FAILED]


def test_a_failing_dynamic_value_fails_the_action(load: Load) -> None:
    """A card without a part of its text is no card (security E7)."""
    (found,) = applied(load(plan(action("a", dynamicValue=[dynamic("action.title", "('a' | 'b').single()")]))))
    assert found.outcome is Outcome.FAILED
    assert found.error


def test_data_that_is_refused_is_no_fault_of_the_rule(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data may be read only when a dynamic value asks for it: the call is refused then as it is at its start."""

    def refuse(*_: object) -> None:
        raise RequestError(400, Issue("structure", "too deep"))

    monkeypatch.setattr(Session, "value", refuse)
    snapshot = load(
        plan(action("a", dynamicValue=[dynamic("action.title", "%x")]), extension=[variable("x", "%patient.id")])
    )
    with pytest.raises(RequestError, match="too deep"):
        applied(snapshot)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("action.title", "5"),
        ("action.description", "true"),
        ("action.documentation", "'x'"),
        ("action.code", "5"),
        ("action.title", "%patient"),
    ],
)
def test_a_value_that_does_not_fit_its_element_fails_the_action(load: Load, path: str, text: str) -> None:
    """What would break the card is stopped where it is set (security E7)."""
    (found,) = applied(load(plan(action("a", dynamicValue=[dynamic(path, text)]))))
    assert found.outcome is Outcome.FAILED


def test_a_resource_becomes_a_reference_where_one_belongs(load: Load) -> None:
    """Items of a Reference element; one that cannot be referred to is left out."""
    activity = {
        "resourceType": "ActivityDefinition",
        "url": f"{BASE}/ActivityDefinition/act",
        "status": "active",
        "kind": "ServiceRequest",
    }
    caller = action("a", definitionCanonical=activity["url"], dynamicValue=[dynamic("reasonReference", "%draftOrders")])
    snapshot = load(activity, plan(caller))
    (found,) = applied(snapshot, drafts=[DRAFT, {**DRAFT, "id": "not an id"}])
    assert found.resource is not None
    assert found.resource["reasonReference"] == [{"reference": "ServiceRequest/d1"}]
    (none,) = applied(snapshot, drafts=[{**DRAFT, "id": "not an id"}])
    assert none.resource is not None
    assert "reasonReference" not in none.resource


@pytest.mark.parametrize(("hook", "expected"), [("order-sign", ["both", "sign"]), ("patient-view", ["both"])])
def test_actions_answer_their_own_hooks(load: Load, hook: str, expected: list[str]) -> None:
    """An action without a trigger answers every hook of the plan (I-2)."""
    snapshot = load(plan(action("both"), action("sign", trigger=trigger("order-sign"))))
    assert [a.id for a in applied(snapshot, hook=hook)] == expected


def test_children_inherit_the_hook_unless_they_have_their_own(load: Load) -> None:
    """A child with another trigger is left out (I-2)."""
    parent = action("p", action("c"), action("other", trigger=trigger("patient-view")), trigger=trigger("order-sign"))
    (found,) = applied(load(plan(parent)))
    assert [child.id for child in found.children] == ["p/c"]


def test_nested_plans_take_the_place_of_the_action_that_names_them(load: Load) -> None:
    """definitionCanonical to a PlanDefinition: its actions are the children, in their own scope."""
    inner = plan(action("x", condition=[condition("%mine")]), name="inner", extension=[variable("mine", "true")])
    outer = plan({"id": "o", "definitionCanonical": f"{BASE}/PlanDefinition/inner"})
    (found,) = applied(load(inner, outer))
    assert [(a.id, a.outcome) for a in found.walk()] == [("o", Outcome.FIRED), ("o/x", Outcome.FIRED)]


def test_an_activity_becomes_a_draft_of_the_patient(load: Load) -> None:
    """definitionCanonical to an ActivityDefinition: its dynamic values first, then the action's (I-2)."""
    activity = {
        "resourceType": "ActivityDefinition",
        "url": f"{BASE}/ActivityDefinition/act",
        "version": "2",
        "status": "active",
        "kind": "ServiceRequest",
        "code": {"text": "Walk"},
        "dynamicValue": [dynamic("patientInstruction", "'go'"), dynamic("priority", "'urgent'")],
    }
    caller = action(
        "a",
        definitionCanonical=activity["url"],
        dynamicValue=[dynamic("patientInstruction", "%resource.patientInstruction + ' on'")],
    )
    (found,) = applied(load(activity, plan(caller)))
    assert found.resource is not None
    assert {k: v for k, v in found.resource.items() if k != "id"} == {
        "resourceType": "ServiceRequest",
        "instantiatesCanonical": [f"{BASE}/ActivityDefinition/act|2"],
        "status": "draft",
        "intent": "proposal",
        "code": {"text": "Walk"},
        "subject": {"reference": "Patient/p1"},
        "authoredOn": "2026-03-02",
        "patientInstruction": "go on",
        "priority": "urgent",
    }


def test_the_same_activity_twice_gives_two_ids(load: Load) -> None:
    """Ids derive from the action, so they differ within a call and not between two equal calls (R6)."""
    activity = {
        "resourceType": "ActivityDefinition",
        "url": f"{BASE}/ActivityDefinition/act",
        "status": "active",
        "kind": "ServiceRequest",
    }
    twice = plan(*(action(name, definitionCanonical=activity["url"]) for name in "ab"))
    snapshot = load(activity, twice)
    first, second = applied(snapshot), applied(snapshot)
    ids = [a.resource["id"] for a in first if a.resource]
    assert len(set(ids)) == 2
    assert ids == [a.resource["id"] for a in second if a.resource]


def test_for_each_repeats_an_action_with_its_item(load: Load) -> None:
    """The name is bound in the action and below it; ids tell the items apart."""
    repeated = action(
        "r",
        action("u", extension=[target("%order")], type=kind("update"), dynamicValue=[dynamic("priority", "'stat'")]),
        extension=[for_each("order", "%selectedOrders")],
        dynamicValue=[dynamic("action.title", "'Change ' + %order.id")],
    )
    drafts = [DRAFT, {**DRAFT, "id": "d2"}]
    found = applied(load(plan(repeated)), drafts=drafts)
    assert [a.id for a in found] == ["r[ServiceRequest.d1]", "r[ServiceRequest.d2]"]
    assert [a.element["title"] for a in found] == ["Change d1", "Change d2"]
    assert [a.children[0].resource for a in found] == [{**draft, "priority": "stat"} for draft in drafts]


def test_an_update_changes_only_what_it_says(load: Load) -> None:
    """C26: the draft itself with the intended change; the request's copy is untouched."""
    before = {**DRAFT, "occurrenceTiming": {"repeat": {"frequency": 1}}, "extension": [{"url": "x", "valueCode": "y"}]}
    update = action(
        "u",
        extension=[target("%draftOrders")],
        type=kind("update"),
        dynamicValue=[dynamic("occurrencePeriod.start", "@2026-03-02")],
    )
    (found,) = applied(load(plan(update)), drafts=[before])
    expected = {k: v for k, v in before.items() if k != "occurrenceTiming"} | {
        "occurrencePeriod": {"start": "2026-03-02"}
    }
    assert found.resource == expected
    assert "occurrencePeriod" not in before


def test_a_removal_names_its_draft_and_makes_no_resource(load: Load) -> None:
    """C27: delete carries the draft it is about."""
    (found,) = applied(load(plan(action("r", extension=[target("%draftOrders")], type=kind("remove")))), drafts=[DRAFT])
    assert (found.target, found.resource) == (DRAFT, None)


def test_a_target_that_is_not_one_resource_fails(load: Load) -> None:
    """Nothing is changed by guess."""
    (found,) = applied(load(plan(action("r", extension=[target("%draftOrders")], type=kind("remove")))), drafts=[])
    assert found.outcome is Outcome.FAILED


def value_set(*codes: str) -> dict[str, Any]:
    include = {"system": SNOMED, "concept": [{"code": code, "display": code} for code in codes]}
    return {
        "resourceType": "ValueSet",
        "url": f"{BASE}/ValueSet/vs",
        "name": "Vs",
        "status": "active",
        "compose": {"include": [include]},
    }


def logic(*variables: dict[str, Any], **more: Any) -> dict[str, Any]:
    filters = [{"path": "code", "valueSet": f"{BASE}/ValueSet/vs"}]
    requirement = {"id": "found", "type": "Condition", "codeFilter": filters}
    own = {"extension": list(variables)} if variables else {}
    return library(dataRequirement=[requirement], **own, **more)


def using_logic(*actions: dict[str, Any]) -> dict[str, Any]:
    return plan(*actions, library=[f"{BASE}/Library/logic"])


def problem(code: str, identifier: str = "c1") -> dict[str, Any]:
    return {"resourceType": "Condition", "id": identifier, "code": {"coding": [{"system": SNOMED, "code": code}]}}


@pytest.mark.parametrize(
    ("data", "state", "expected"),
    [
        ([problem("1")], Completeness.COMPLETE, {"exists": True, "none": False}),
        ([problem("2")], Completeness.COMPLETE, {"exists": False, "none": True}),
        ([problem("1")], Completeness.PARTIAL, {"exists": True, "none": False}),
        ([problem("2")], Completeness.PARTIAL, {"exists": None, "none": None}),
        ([], Completeness.FAILED, {"exists": None, "none": None}),
        ([], Completeness.NEVER, {"exists": None, "none": None}),
        ([], Completeness.EMPTY, {"exists": False, "none": True}),
    ],
)
@pytest.mark.parametrize("text", ["%found", "%derived", "%derived.where(id.exists())", "%found.code.coding"])
def test_absence_is_a_fact_only_where_it_was_looked_up(
    load: Load, data: list[dict[str, Any]], state: Completeness, expected: dict[str, bool | None], text: str
) -> None:
    """security E8: what is found is found; what is not found in incomplete data is unknown, through any derivation."""
    rules = [
        action("exists", condition=[condition(f"{text}.exists()")]),
        action("none", condition=[condition(f"{text}.empty()")]),
        action("named", condition=[condition("%truth")]),
        action("negated", condition=[condition("%truth.not()")]),
    ]
    variables = [
        variable("derived", "%found.where(code.exists() or true)"),
        variable("truth", f"{text}.exists()"),
    ]
    found = applied(
        load(value_set("1"), logic(*variables), using_logic(*rules)), data=data, states={"Condition": state}
    )
    values = {a.id: a.conditions[0].value for a in found}
    negated = None if expected["exists"] is None else not expected["exists"]
    assert values == {**expected, "named": expected["exists"], "negated": negated}


def test_an_author_decides_about_the_unknown_with_iif(load: Load) -> None:
    """An unknown criterion takes the second branch, also inside where, and what it kept is not in doubt."""
    variables = [
        variable("truth", "%found.exists()"),
        variable("kept", "%draftOrders.where(iif(%truth.not(), false, true))"),
    ]
    rules = [
        action("speaks", condition=[condition("iif(%truth, false, true)")]),
        action("kept", condition=[condition("%kept.exists()")]),
        action("other", condition=[condition("%draftOrders.where(($this in %kept).not()).exists()")]),
        action("known", condition=[condition("%truth.empty()")]),
    ]
    snapshot = load(value_set("1"), logic(*variables), using_logic(*rules))
    found = applied(snapshot, drafts=[DRAFT], states={"Condition": Completeness.FAILED})
    assert {a.id: a.conditions[0].value for a in found} == {"speaks": True, "kept": True, "other": False, "known": True}


def test_a_criterion_that_is_unknown_leaves_the_rest_unknown(load: Load) -> None:
    """where() drops an item whose criterion could not be decided; concluding from that would be wrong (security E8)."""
    rules = [action("a", condition=[condition("%draftOrders.where(%truth).exists()")])]
    snapshot = load(value_set("1"), logic(variable("truth", "%found.exists()")), using_logic(*rules))
    (unknown,) = applied(snapshot, drafts=[DRAFT], states={"Condition": Completeness.FAILED})
    (false,) = applied(snapshot, drafts=[DRAFT])
    assert (unknown.conditions[0].value, false.conditions[0].value) == (None, False)


def test_parameters_have_defaults_that_a_site_overrides(load: Load) -> None:
    """Library.parameter with default-value, and the site's value."""
    parameter = {
        "name": "limit",
        "use": "in",
        "type": "integer",
        "extension": [{"url": fhir.DEFAULT_VALUE, "valueInteger": 3}],
    }
    snapshot = load(
        value_set("1"), logic(parameter=[parameter]), using_logic(action("a", condition=[condition("%limit = 3")]))
    )
    assert applied(snapshot)[0].outcome is Outcome.FIRED
    assert applied(snapshot, **{f"{library_name(logic())}.limit": 4})[0].outcome is Outcome.NOT_APPLICABLE


def test_strings_that_never_change_are_built_into_what_uses_them(load: Load) -> None:
    """A library's constant, and one made of constants, need not be asked for; a site's parameter must be."""
    variables = [variable("word", "'back'"), variable("words", "%word | 'neck'")]
    rule = action("a", condition=[condition("%word in %words")])
    snapshot = load(value_set("1"), logic(*variables), using_logic(rule))
    ready = compiled(snapshot)
    assert ready.actions[0].conditions[0].expression.constant == [True]
    assert [a.outcome for a in ready.apply(session_of(snapshot))] == [Outcome.FIRED]


def test_constant_values_of_an_activity_are_set_when_content_is_loaded(load: Load) -> None:
    """Values that are the same for every patient, up to the first that is not; one that does not fit fails its card."""
    values = [
        dynamic("patientInstruction", "'walk'"),
        dynamic("note.text", "%patient.id"),
        dynamic("priority", "'stat'"),
    ]
    activity = {
        "resourceType": "ActivityDefinition",
        "url": f"{BASE}/ActivityDefinition/act",
        "status": "active",
        "kind": "ServiceRequest",
        "dynamicValue": values,
    }
    snapshot = load(activity, plan(action("a", definitionCanonical=activity["url"])))
    made = compiled(snapshot).actions[0]
    assert made.template is not None
    assert (made.template["patientInstruction"], "priority" in made.template) == ("walk", False)
    (found,) = applied(snapshot)
    assert found.resource is not None
    assert (found.resource["priority"], found.resource["note"]) == ("stat", [{"text": "p1"}])


def test_a_name_is_computed_once_per_call(load: Load) -> None:
    """Two rules that ask for a variable evaluate it once; the next call computes it anew."""
    rules = [action(name, condition=[condition("%derived.exists()")]) for name in "ab"]
    snapshot = load(value_set("1"), logic(variable("derived", "%found.where(true)")), using_logic(*rules))
    ready = compiled(snapshot)
    session = session_of(snapshot, data=[problem("1")])
    name = ready.scope.names["derived"]
    ready.apply(session)
    assert session.value(name) is session.value(name)
    assert session_of(snapshot).value(name) == []


def test_a_bound_name_hides_another_only_while_it_is_bound(load: Load) -> None:
    """One evaluation serves all actions of a plan: what an action binds is nothing to the next one."""
    snapshot = load(plan(action("a")))
    found, session = compiled(snapshot), session_of(snapshot)
    name, order = expr.compile("%hook"), [{"resourceType": "ServiceRequest"}]
    assert name(session.bound(found.scope, {})) == ["order-sign"]
    assert name(session.bound(found.scope, {"hook": ["bound"], "order": order})) == ["bound"]
    assert name(session.bound(found.scope, {"order": order})) == ["order-sign"]
    with pytest.raises(EvaluationError, match="unknown variable %order"):
        expr.compile("%order")(session.bound(found.scope, {}))
