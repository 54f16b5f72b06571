"""What is told of the decisions of a call: those that are coded, those that are not, and what ended the walk above."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cds.config import Settings
from cds.data import chart_of_bundle
from cds.explain import Decision, Watcher, decision_lines, decisions
from cds.service import Engine

CODE = [{"coding": [{"system": "https://pathway-cds.example/fhir/CodeSystem/decision", "code": "rest"}]}]


def action(name: str, *conditions: str, **members: object) -> dict[str, object]:
    found = [
        {"kind": "applicability", "expression": {"language": "text/fhirpath", "expression": c}} for c in conditions
    ]
    trigger = [{"type": "named-event", "name": "patient-view"}]
    cited = [{"type": "citation", "label": "N01", "display": "A page"}]
    return {
        "id": name,
        "title": name,
        "trigger": trigger,
        "documentation": cited,
        **({"condition": found} if found else {}),
        **members,
    }


def told(folder: Path, *actions: dict[str, object]) -> list[Decision]:
    """The decisions of a plan with these actions, for a patient of whom nothing else is known."""
    plan = {
        "resourceType": "PlanDefinition",
        "id": "plan",
        "url": "https://example.org/PlanDefinition/plan",
        "status": "active",
        "description": "A plan.",
        "action": list(actions),
    }
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    engine = Engine(Settings(content=folder, demo=True))
    chart = chart_of_bundle(
        {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "id": "p", "active": True}}]}
    )
    (service,) = engine.services.values()
    return decisions(engine.evaluate(service, chart, "1", watch=Watcher(engine.snapshot.registry.logic)))


@pytest.mark.parametrize("members", [{}, {"code": CODE}], ids=["without a code", "coded"])
def test_an_action_without_a_code_is_told_by_its_id(tmp_path: Path, members: dict[str, object]) -> None:
    """A plan of somebody else need not know our decisions."""
    (found,) = told(tmp_path, action("always", **members))
    assert (found.code, found.outcome and found.outcome.value) == ("rest" if members else "always", "fired")


def test_a_group_that_ended_the_walk_is_told(tmp_path: Path) -> None:
    """Its decisions were not asked; without it nobody could tell why."""
    group = action("group", "%patient.active.not()", action=[action("inner", code=CODE)])
    group.pop("title")
    found = told(tmp_path, group)
    assert [(each.code, each.outcome and each.outcome.value) for each in found] == [
        ("group", "not applicable"),
        ("rest", None),
    ]
    assert found[0].reasons[0].text == "%patient.active.not()"


def test_conditions_that_were_met_are_told_where_all_is_asked_for(tmp_path: Path) -> None:
    """What decided is told always; what would have let the decision fire, only with all of it."""
    (found,) = told(tmp_path, action("some", "%patient.active", "%patient.deceased.exists()", code=CODE))
    assert [reason.text for reason in found.met] == ["%patient.active"]
    assert [reason.text for reason in found.reasons] == ["%patient.deceased.exists()"]
    whole, brief = ("\n".join(decision_lines(found, whole=each)) for each in (True, False))
    assert "%patient.active: true" in whole
    assert "%patient.active" not in brief
    assert found.as_dict()["met"][0]["value"] == "true"


def test_a_part_that_fired_says_by_which_conditions(tmp_path: Path) -> None:
    """As one that did not."""
    parts = [action("yes", "%patient.active"), action("no", "%patient.active.not()")]
    (found,) = told(tmp_path, action("both", code=CODE, action=parts))
    lines = "\n".join(decision_lines(found))
    assert "part yes: fired\n    %patient.active: true" in lines
    assert "part no: not applicable\n    %patient.active.not(): false" in lines
