"""Random PlanDefinitions: no crash, every action accounted for, and every answer valid R4."""

from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from operations_support import PATIENT, activity, apply, bundle, condition, dynamic, issues_of, plan

from cds import fhir
from cds.apply.conform import faults
from cds.apply.render import OUTPUTS
from cds.errors import RequestError
from cds.service import Engine

ACTIVITIES = [activity(kind, name=kind.lower()) for kind in ("ServiceRequest", "Task", "SupplyRequest", "Claim")]
NESTED = plan({"id": "inner", "title": "Inner", "definitionCanonical": ACTIVITIES[0]["url"]}, name="nested")
URLS = [*(one["url"] for one in ACTIVITIES), NESTED["url"], "http://example.org/none", "#none"]
TEXTS = ["true", "false", "%patient.gender = 'female'", "%patient.birthDate > @2000", "1 +", "%none", "1/0", "'x'"]
PATHS = ["code.text", "action.title", "priority", "occurrence[x]", "input[0].valueString", "x.y", "[", ""]

texts = st.sampled_from(TEXTS)


@st.composite
def actions(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    """An action with any of what one can have; ids are given afterwards."""
    made: dict[str, Any] = {"title": draw(st.text("abc <&", min_size=1, max_size=5)).strip() or "t"}
    made["condition"] = [condition(text) for text in draw(st.lists(texts, max_size=2))]
    made["dynamicValue"] = [dynamic(draw(st.sampled_from(PATHS)), text) for text in draw(st.lists(texts, max_size=2))]
    if draw(st.booleans()):
        made["definitionCanonical"] = draw(st.sampled_from(URLS))
    if draw(st.booleans()):
        made["selectionBehavior"] = draw(st.sampled_from(["any", "all", "unheard-of"]))
    if draw(st.booleans()):
        made["timingTiming"] = {"repeat": {"frequency": draw(st.sampled_from([1, "2", -1]))}}
    if depth:
        made["action"] = draw(st.lists(actions(depth - 1), max_size=2))
    return made


def numbered(found: list[dict[str, Any]], prefix: str) -> list[dict[str, Any]]:
    named = []
    for index, action in enumerate(found):
        name = f"{prefix}{index}"
        below = numbered(action.get("action", []), f"{name}-")
        named.append({**action, "id": name, "title": f"{name} {action['title']}", "action": below})
    return [{member: value for member, value in one.items() if value != []} for one in named]


def every(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [inner for action in found for inner in (action, *every(action.get("action", [])))]


@settings(max_examples=60, deadline=None)
@given(st.lists(actions(), max_size=3), st.sampled_from(OUTPUTS))
def test_every_action_is_accounted_for(engine: Engine, found: list[dict[str, Any]], output: str) -> None:
    """Applied ones are in a RequestGroup; the others are told, or stand below one that is."""
    definition = plan(*numbered(found, "a"))
    content = bundle(*ACTIVITIES, NESTED)
    answer = apply(
        engine,
        "PlanDefinition",
        planDefinition=definition,
        content=content,
        subject="p",
        data=bundle(PATIENT),
        output=output,
    )
    resources = [answer, *(entry["resource"] for entry in answer.get("entry", ()))]
    resources += [inner for one in resources for inner in one.get("contained", ())]
    assert not [fault for one in resources for fault in faults(one)]
    groups = [one for one in resources if one["resourceType"] == "RequestGroup"]
    shown = {action["id"] for group in groups for action in every(group.get("action", []))}
    told = " ".join(text for _, text in issues_of(answer))

    def accounted(action: dict[str, Any]) -> None:
        name = action["id"]
        assert name in shown or f"{name} " in told, name
        undecided = f"{name} " in told or "definitionCanonical" in action
        for child in action.get("action", ()) if not undecided else ():
            accounted(child)

    for action in definition["action"]:
        accounted(action)


LIBRARY = {
    "resourceType": "Library",
    "url": "http://example.org/Library/L",
    "name": "L",
    "status": "active",
    "type": {"text": "logic-library"},
    "parameter": [{"name": "p", "use": "in", "type": "string"}],
    "dataRequirement": [
        {"id": "conditions", "type": "Condition", "codeFilter": [{"path": "code", "valueSet": "http://example.org/V"}]}
    ],
    "relatedArtifact": [{"type": "depends-on", "resource": "http://example.org/Library/M"}],
    "extension": [
        {
            "url": fhir.VARIABLE,
            "valueExpression": {"name": "v", "language": "text/fhirpath", "expression": "%conditions.exists()"},
        }
    ],
}
VALUES = {
    "resourceType": "ValueSet",
    "url": "http://example.org/V",
    "status": "active",
    "compose": {
        "include": [{"system": "http://s", "concept": [{"code": "a"}]}, {"valueSet": ["http://example.org/W"]}]
    },
}
REPEATED = {
    "url": fhir.FOR_EACH,
    "valueExpression": {"name": "item", "language": "text/fhirpath", "expression": "%patient.name"},
}
RICH = plan(
    {
        "id": "a",
        "condition": [condition("%v")],
        "definitionCanonical": ACTIVITIES[0]["url"],
        "dynamicValue": [dynamic("action.title", "'x'")],
        "participant": [{"type": "patient"}],
        "relatedAction": [{"actionId": "b", "relationship": "before"}],
        "goalId": ["g"],
        "input": [{"type": "Condition"}],
        "extension": [REPEATED],
    },
    {"id": "b", "action": [{"title": "C", "definitionUri": "http://example.org/q"}]},
    goal=[{"id": "g", "description": {"text": "g"}, "target": [{"due": {"value": 1}}]}],
    library=[LIBRARY["url"]],
    contained=[{**ACTIVITIES[1], "id": "k"}],
)
JUNK = [None, 1, "x", True, [], {}, [1], [{}], {"a": 1}, "#k", [None], -1.5, "", [[{}]]]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


def spoilt(value: Any, chance: random.Random) -> Any:
    """The value with one element gone or replaced by junk."""
    value = copy.deepcopy(value)
    *above, last = chance.choice([path for path in places(value) if path and path != ("resourceType",)])
    owner = value
    for key in above:
        owner = owner[key]
    if chance.random() < 0.4:
        del owner[last]
    else:
        owner[last] = chance.choice(JUNK)
    return value


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False))
def test_definitions_of_any_shape_are_applied_or_refused(engine: Engine, chance: random.Random) -> None:
    """Nobody checked what a call brings: whatever it is, the answer is valid R4 or a refusal."""
    brought: list[Any] = [RICH, LIBRARY, VALUES, ACTIVITIES[0], bundle(PATIENT)]
    index = chance.randrange(len(brought))
    brought[index] = spoilt(brought[index], chance)
    definition, *content, data = brought
    given = {"planDefinition": definition, "content": bundle(*content), "data": data}
    try:
        answer = apply(engine, "PlanDefinition", **given, subject="p", output="bundle")
    except RequestError as error:
        answer = {"resourceType": "OperationOutcome", "issue": [issue.as_fhir() for issue in error.issues]}
        answer = answer if error.status in (400, 422) else {}
    assert answer
    assert not faults(answer)
