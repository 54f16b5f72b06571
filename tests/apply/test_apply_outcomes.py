"""What conditions can come to, read off their expressions: docs/cases.md, "Coverage"."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from apply_support import Load, action, compiled, condition, library, plan, session_of, variable

from cds import fhir
from cds.apply.outcomes import doubts, truths
from cds.apply.plan import CompiledPlan
from cds.chart import Completeness
from cds.definitions.snapshot import Snapshot

EXTENSION = {"url": fhir.OPTIONAL_DATA, "valueBoolean": True}
LIBRARY = library(
    dataRequirement=[
        {"id": "conditions", "type": "Condition"},
        {"id": "plans", "type": "CarePlan", "extension": [EXTENSION]},
    ],
    parameter=[
        {"name": "days", "use": "in", "type": "integer", "extension": [{"url": fhir.DEFAULT_VALUE, "valueInteger": 3}]},
        {"name": "site", "use": "in", "type": "string"},
    ],
    extension=[
        variable("hasPain", "%conditions.exists()"),
        variable("isQuiet", "iif(%hasPain, false, true)"),
        variable("knownPains", "%conditions.where(iif(%plans.exists(), true, false))"),
        variable("orders", "%draftOrders.where(iif(%hasPain.not(), false, true))"),
        variable("painOrders", "%draftOrders.where(%hasPain)"),
        variable("quietOrders", "%draftOrders.where(%isQuiet)"),
    ],
)
ORDER = {True: "t", False: "f", None: "u"}


def with_condition(load: Load, text: str) -> tuple[Snapshot, CompiledPlan]:
    conditional: dict[str, Any] = plan(action("a", condition=[condition(text)]), library=[LIBRARY["url"]])
    snapshot = load(LIBRARY, conditional)
    return snapshot, compiled(snapshot)


CASES = [
    ("%conditions.exists()", "tfu", {"Condition"}),
    ("%conditions.empty()", "tfu", {"Condition"}),
    ("%draftOrders.exists()", "tf", set()),
    ("%draftOrders.exists(status = 'draft')", "tf", set()),
    ("%draftOrders.exists(%hasPain)", "tfu", {"Condition"}),
    ("%hasPain", "tfu", {"Condition"}),
    ("%hasPain.not()", "tfu", {"Condition"}),
    ("iif(%hasPain, false, true)", "tf", set()),
    ("iif(%hasPain, true)", "tu", set()),
    ("iif(%draftOrders.exists(), %hasPain, false)", "tfu", {"Condition"}),
    ("iif(true, true, %hasPain)", "t", {"Condition"}),
    ("%isQuiet", "tf", set()),
    ("%knownPains.exists()", "tfu", {"Condition"}),
    ("%orders.exists()", "tf", set()),
    ("%painOrders.exists()", "tfu", {"Condition"}),
    ("%quietOrders.exists()", "tf", set()),
    ("%draftOrders.exists() and %isQuiet", "tf", set()),
    ("%draftOrders.exists() and %hasPain and %plans.empty()", "tfu", {"Condition", "CarePlan"}),
    ("%hasPain or true", "t", {"Condition"}),
    ("%hasPain implies %draftOrders.exists()", "tfu", {"Condition"}),
    ("%hasPain xor %isQuiet", "tfu", {"Condition"}),
    ("%draftOrders.count() > %days", "tf", set()),
    ("%conditions.count() > %days", "tfu", {"Condition"}),
    ("%days > 5", "tf", set()),
    ("%site = 'a'", "tfu", set()),
    ("%site ~ 'a'", "tf", set()),
    ("%patient.birthDate < today()", "tfu", set()),
    ("%draftOrders.status.first() = 'draft'", "tfu", set()),
    ("true", "t", set()),
    ("1 = 2", "f", set()),
    ("{}", "u", set()),
]


@pytest.mark.parametrize(("text", "letters", "types"), CASES)
def test_what_a_condition_can_come_to(load: Load, text: str, letters: str, types: set[str]) -> None:
    """Unknown is asked of an author only where the expression can come to it; so are true and false."""
    top = with_condition(load, text)[1].actions[0]
    expression = top.conditions[0].expression
    possible = truths(expression, top.scope)
    assert "".join(letter for truth, letter in ORDER.items() if truth in possible) == letters
    assert {retrieve.resource_type for retrieve in doubts(expression, top.scope)} == types


PAIN = {"resourceType": "Condition", "id": "c1"}
DRAFT = {"resourceType": "ServiceRequest", "id": "d1", "status": "draft", "subject": {"reference": "Patient/p1"}}


@pytest.mark.parametrize("text", [text for text, _, _ in CASES])
def test_what_it_comes_to_is_among_them(load: Load, text: str) -> None:
    """With data and without, obtained, cut short and not obtained, no condition leaves what was said of it."""
    snapshot, found = with_condition(load, text)
    top = found.actions[0]
    possible = truths(top.conditions[0].expression, top.scope)
    for state, data, drafts in product(Completeness, ([], [PAIN]), ([], [DRAFT])):
        states = {"Condition": state, "CarePlan": state}
        session = session_of(snapshot, data=data, drafts=drafts, states=states)
        assert found.apply(session)[0].conditions[0].value in possible
