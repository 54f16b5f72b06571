"""The applied tree as text: what an author reads to see why a card came or stayed away."""

from __future__ import annotations

from typing import Any

from cds import fhir
from cds.apply.tree import AppliedAction, ConditionResult, Outcome
from cds.errors import Location
from cds.trace import render_trace

PLACE = Location("plan.yaml", 7, 3)


def action(name: str, outcome: Outcome, decision: str | None = None, **members: Any) -> AppliedAction:
    coding = {"system": fhir.DECISION_SYSTEM, "code": decision}
    return AppliedAction(name, {"code": [{"coding": [coding]}]} if decision else {}, outcome, **members)


def condition(value: bool | None, error: str | None = None) -> ConditionResult:
    return ConditionResult("%a.exists()\n  and %b", PLACE, value, error)


def test_each_action_and_condition_is_a_line() -> None:
    """Outcome of each action, value, place and text of each condition, children indented, expressions on one line."""
    child = action("a/b", Outcome.UNKNOWN, conditions=(condition(True), condition(None)))
    assert render_trace([action("a", Outcome.FIRED, children=[child])]).splitlines() == [
        "a: fired",
        "  a/b: unknown",
        "    true     plan.yaml:7  %a.exists() and %b",
        "    unknown  plan.yaml:7  %a.exists() and %b",
    ]


def test_errors_stand_beside_what_failed() -> None:
    """A condition that failed says so with its error, and so does an action."""
    failed = action("a", Outcome.FAILED, conditions=(condition(None, "not a number"),), error="two targets")
    assert render_trace([failed]).splitlines() == [
        "a: failed (two targets)",
        "  failed   plan.yaml:7  %a.exists() and %b (not a number)",
    ]


def test_a_decision_narrows_the_trace_to_its_actions() -> None:
    """Only the action that is coded with the decision is shown; everything is when none is."""
    rest = action("all/rest", Outcome.NOT_APPLICABLE, "bed-rest", conditions=(condition(False),))
    tree = [action("all", Outcome.FIRED, children=[rest, action("all/other", Outcome.FIRED, "traction")])]
    assert render_trace(tree, decision="bed-rest").splitlines() == [
        "all/rest: not applicable",
        "  false    plan.yaml:7  %a.exists() and %b",
    ]
    assert render_trace(tree, decision="unknown") == render_trace(tree)


def test_long_expressions_are_cut() -> None:
    """An expression is there to be recognised; its place says where to read on."""
    long = ConditionResult("x" * 500, PLACE, False)
    assert len(render_trace([action("a", Outcome.NOT_APPLICABLE, conditions=(long,))])) < 250
