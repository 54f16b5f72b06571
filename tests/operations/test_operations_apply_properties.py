"""Random PlanDefinitions: no crash, every action accounted for, and every answer valid R4."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from operations_support import PATIENT, activity, apply, bundle, condition, dynamic, issues_of, plan

from cds import fhir
from cds.apply.conform import faults
from cds.apply.render import OUTPUTS
from cds.errors import RequestError
from cds.service import Engine

pytestmark = pytest.mark.slow

ACTIVITIES = [activity(kind, name=kind.lower()) for kind in ("ServiceRequest", "Task", "SupplyRequest", "Claim")]
PLANS = ("left", "right", "deep")
URLS = [
    *(one["url"] for one in ACTIVITIES),
    *(f"http://example.org/PlanDefinition/{name}" for name in PLANS),
    "http://example.org/none",
    "#none",
]
#: Expressions as conditions: true, false, None for unknown, and "error".
TRUTHS: dict[str, bool | str | None] = {
    "true": True,
    "false": False,
    "%patient.gender = 'female'": True,
    "%patient.gender = 'male'": False,
    "%patient.birthDate > @2000": None,
    "1/0": None,
    "'x'": True,
    "1 +": "error",
    "%none": "error",
}
PATHS = [
    "code.text",
    "action.description",
    "priority",
    "occurrence[x]",
    "input[0].valueString",
    "x.y",
    "[",
    "",
    "action.action.x",
]

texts = st.sampled_from(list(TRUTHS))


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


def judged(action: dict[str, Any]) -> str:
    """What the conditions of an action come to, by TRUTHS: all, in order, up to the first that is not met."""
    outcome = "fired"
    for one in action.get("condition", ()):
        truth = TRUTHS[one["expression"]["expression"]]
        if truth == "error":
            return "failed"
        if truth is False:
            return "not applicable"
        if truth is None:
            outcome = "unknown"
    return outcome


class Oracle:
    """What should become of every action that is reached, by id. A plan comes to the same wherever it is nested."""

    def __init__(self, plans: dict[str, dict[str, Any]]) -> None:
        self.plans = plans
        self.outcomes: dict[str, tuple[str, dict[str, Any]]] = {}

    def walk(self, found: list[dict[str, Any]]) -> None:
        for action in found:
            self.outcomes[action["id"]] = outcome, _ = judged(action), action
            if outcome == "fired":
                nested = self.plans.get(action.get("definitionCanonical", ""))
                self.walk(nested.get("action", []) if nested else action.get("action", []))

    def circles(self, definition: dict[str, Any], above: tuple[str, ...] = ()) -> bool:
        """Whether a plan leads back to itself, applied or not."""
        if definition["url"] in above:
            return True
        named = (self.plans.get(one.get("definitionCanonical", "")) for one in every(definition.get("action", [])))
        return any(self.circles(one, (*above, definition["url"])) for one in named if one is not None)


def check(oracle: Oracle, answer: dict[str, Any]) -> None:
    """Every action reached is where it belongs, and told where it does not just apply."""
    resources = [answer, *(entry["resource"] for entry in answer.get("entry", ()))]
    resources += [inner for one in resources for inner in one.get("contained", ())]
    assert not [fault for one in resources for fault in faults(one)]
    keys = [(one["resourceType"], one.get("id")) for one in resources if one["resourceType"] != "Bundle"]
    assert len(keys) == len(set(keys))
    groups = [one for one in resources if one["resourceType"] == "RequestGroup"]
    shown = {action["id"]: action for group in groups for action in every(group.get("action", []))}
    outcomes = {name: outcome for name, (outcome, _) in oracle.outcomes.items()}
    assert {name for name in shown if not name.endswith(".resource")} == {
        name for name, outcome in outcomes.items() if outcome != "not applicable"
    }
    issues = issues_of(answer)
    for name, (outcome, action) in oracle.outcomes.items():
        own = [(severity, text) for severity, text in issues if f"'{action['title']}'" in text]
        errors = [text for severity, text in own if severity == "error"]
        if outcome == "not applicable":
            assert any(severity == "information" and "does not apply" in text for severity, text in own)
            assert not errors
        elif outcome == "unknown":
            assert any(severity == "information" and "is not known" in text for severity, text in own)
            assert "condition" in shown[name]
            assert "resource" not in shown[name]
        elif outcome == "failed":
            assert any("failed" in text for text in errors)
            assert "resource" not in shown[name]
        else:
            fired(action, shown, errors, {one["url"] for one in oracle.plans.values()})


def fired(action: dict[str, Any], shown: dict[str, Any], errors: list[str], plans: set[str]) -> None:
    """It has what it names, or an error says why not; so do its dynamic values."""
    name, canonical = action["id"], action.get("definitionCanonical")
    has = "resource" in shown[name] or f"{name}.resource" in shown
    if canonical in plans or (canonical in URLS[:2] and "dynamicValue" not in action):
        assert has
    elif canonical is not None:  # what it makes may be invalid, as a SupplyRequest without quantity is
        assert has or errors
        assert not has or canonical in URLS[:4]
    texts_of = [one["expression"]["expression"] for one in action.get("dynamicValue", ())]
    if any(TRUTHS[text] == "error" for text in texts_of):
        assert errors
    if action.get("action") and canonical not in plans:
        assert any(inner["id"] != f"{name}.resource" for inner in shown[name].get("action", ())) or not any(
            judged(child) != "not applicable" for child in action["action"]
        )


@settings(max_examples=50, deadline=None)
@given(
    st.lists(actions(), max_size=3),
    st.lists(st.lists(actions(1), max_size=2), min_size=3, max_size=3),
    st.sampled_from(OUTPUTS),
)
def test_every_action_is_accounted_for(
    engine: Engine, found: list[dict[str, Any]], nested: list[list[dict[str, Any]]], output: str
) -> None:
    """By an oracle that reads the conditions itself: applied, not applicable, unknown or failed, each where it belongs.
    Plans nest at random, and those that nest in a circle are refused."""
    plans = [plan(*numbered(one, f"{name}-"), name=name) for name, one in zip(PLANS, nested, strict=True)]
    definition = plan(*numbered(found, "a"))
    oracle = Oracle({one["url"]: one for one in plans})
    content = bundle(*ACTIVITIES, *plans)
    given = {
        "planDefinition": definition,
        "content": content,
        "data": bundle(PATIENT),
        "subject": "p",
        "output": output,
    }
    event(f"in a circle: {oracle.circles(definition)}")
    if oracle.circles(definition):
        with pytest.raises(RequestError, match="refers to itself"):
            apply(engine, "PlanDefinition", **given)
        return
    answer = apply(engine, "PlanDefinition", **given)
    oracle.walk(definition.get("action", []))
    check(oracle, answer)


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


@settings(max_examples=70, deadline=None)
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
