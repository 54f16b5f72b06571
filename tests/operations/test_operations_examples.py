"""`$apply` on cases of other projects, by their own assertions (shared examples)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from operations_support import apply, bundle, group_of, issues_of

from cds import expr
from cds.apply.conform import faults
from cds.errors import RequestError
from cds.service import Engine

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "examples" / "apply"
CASES = json.loads((FOLDER / "manifest.json").read_text())["cases"] if FOLDER.is_dir() else []

#: Assertions that only the source's own engine meets.
NOT_OURS = {"action.count() = 1 and action.resource.reference.startsWith('CarePlan/')": "we nest a RequestGroup"}
NOW = datetime(2026, 3, 2, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not CASES, reason="the shared examples are not beside the checkout")


def resources(paths: list[str]) -> list[dict[str, Any]]:
    found = []
    for path in paths:
        value = json.loads((FOLDER / path).read_text())
        if isinstance(value, dict) and value["resourceType"] == "Bundle":
            value = [entry["resource"] for entry in value["entry"]]
        found += value if isinstance(value, list) else [value]
    return found


def run(case: dict[str, Any], engine: Engine, output: str | None) -> dict[str, Any]:
    kind = case["operation"].partition("/")[0]
    definitions = resources(case["definitions"])
    name = "planDefinition" if kind == "PlanDefinition" else "activityDefinition"
    definition = next(one for one in definitions if one.get("id") == case[name])
    given = {key: case[key] for key in ("subject", "encounter", "practitioner", "organization") if key in case}
    data = bundle(*resources(case["inputs"]))
    form = {"output": output} if output else {}
    return apply(engine, kind, **{name: definition}, data=data, content=bundle(*definitions), **given, **form)


def items(resource: dict[str, Any], text: str) -> list[Any]:
    evaluation = expr.Evaluation(now=NOW, context=resource)
    return [expr.to_json(item) for item in expr.compile(text, strict=False)(evaluation)]


def meant(answer: dict[str, Any], on: str) -> list[dict[str, Any]]:
    """The resources an assertion is about."""
    entries = [entry["resource"] for entry in answer.get("entry", ())]
    if on in ("result", "R5-style Bundle"):
        return [answer]
    if on == "RequestGroup":
        return [group_of(answer)]
    kind = on.removeprefix("each ").partition(" ")[0]
    return [one for one in entries if one["resourceType"] == kind]


def shape(value: Any, dropped: frozenset[str] = frozenset()) -> Any:
    """Structure and values without ids, references and dates."""
    if isinstance(value, dict):
        return {name: shape(item, dropped) for name, item in value.items() if name not in dropped}
    return [shape(item, dropped) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_example(case: dict[str, Any], engine: Engine) -> None:
    """Each case by the assertions its source makes; the answer is valid R4 whatever the form."""
    of_plan = case["operation"].startswith("PlanDefinition")
    if any(assertion["type"] == "error" for assertion in case["assertions"]):
        with pytest.raises(RequestError) as refused:
            run(case, engine, None)
        assert refused.value.status == 422
        return
    answers = {form: run(case, engine, form) for form in (("bundle", "careplan") if of_plan else (None,))}
    for answer in answers.values():
        assert not faults(answer)
    answer = next(iter(answers.values()))
    for assertion in case["assertions"]:
        if assertion["type"] == "resourceType":
            assert answer["resourceType"] == assertion["value"]
        elif assertion["type"] == "same":
            definition = next(
                one for one in resources(case["definitions"]) if one.get("id") == case["activityDefinition"]
            )
            element = assertion["as"].partition(".")[2]
            assert items(answer, assertion["expr"]) == items(definition, element)
        elif assertion["type"] == "fhirpath" and assertion["expr"] not in NOT_OURS:
            found = meant(answer, assertion["on"])
            assert found
            for one in found:
                assert items(one, assertion["expr"]) == [assertion["value"]]
        elif assertion["type"] == "equals":
            expected = json.loads((FOLDER / assertion["file"]).read_text())
            same_shape(answers["careplan" if "CarePlan" in assertion["form"] else "bundle"], expected)


def same_shape(answer: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each resource the source makes is there with all it says, ids, references and status aside: ours are drafts."""
    own = answer.get("contained") or [entry["resource"] for entry in answer["entry"]]
    theirs = expected.get("contained") or [entry["resource"] for entry in expected["entry"]]
    aside = frozenset({"id", "extension", "status", "reference"})
    for wanted in theirs:
        (found,) = [one for one in own if one["resourceType"] == wanted["resourceType"]]
        assert includes(shape(found, aside), shape(wanted, aside)), wanted["resourceType"]
    if expected["resourceType"] == "CarePlan":
        kept = aside | {"contained", "goal", "activity"}
        assert includes(shape(answer, kept), shape(expected, kept))
        assert len(answer["goal"]) == len(expected["goal"])


def includes(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(includes(found.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(includes, found, wanted))
    return bool(found == wanted)


@pytest.mark.skipif(not CASES, reason="the shared examples are not beside the checkout")
def test_a_nested_error_is_told_in_the_group_it_belongs_to(engine: Engine) -> None:
    """nested-error-operation-outcome: the text of its second assertion."""
    case = next(case for case in CASES if case["name"] == "nested-error-operation-outcome")
    answer = run(case, engine, "bundle")
    outer, nested = (entry["resource"] for entry in answer["entry"])
    assert "contained" not in outer
    (outcome,) = nested["contained"]
    assert outcome["resourceType"] == "OperationOutcome"
    ((severity, text),) = issues_of(answer)
    assert severity == "error"
    assert "NoExpression" in text
