"""What conditions in CQL can come to, read off their text: docs/cases.md, "Coverage"."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from apply_cql_support import LoadCql, cql_library, when
from apply_support import BASE, action, compiled, plan, session_of

from cds import fhir
from cds.apply.outcomes import doubts, truths
from cds.chart import Completeness

LOGIC = """
parameter limitDays Integer default 30
parameter strict Boolean default true
parameter site Boolean
parameter draftOrders List<FHIR.ServiceRequest>
context Patient
define HasPain: exists [Condition]
define HasPlan: exists [CarePlan]
define IsQuiet: HasPain is not true
define Orders: draftOrders O where HasPain is not false
define PainOrders: draftOrders O where HasPain
define function Pains(number Integer): exists ([Condition])
"""
OPTIONAL = {"url": fhir.OPTIONAL_DATA, "valueBoolean": True}
LIBRARY = cql_library(dataRequirement=[{"type": "CarePlan", "extension": [OPTIONAL]}])
ORDER = {True: "t", False: "f", None: "u"}
CASES = [
    ("HasPain", "tfu", {"Condition"}),
    ("not HasPain", "tfu", {"Condition"}),
    ("exists draftOrders", "tf", set()),
    ("exists Orders", "tf", set()),
    ("exists PainOrders", "tfu", {"Condition"}),
    ("IsQuiet", "tf", set()),
    ("HasPain is null", "tf", set()),
    ("Coalesce(HasPain, true)", "tf", set()),
    ("Coalesce(HasPain, HasPlan)", "tfu", {"Condition", "CarePlan"}),
    ("if HasPain then true else HasPlan", "tfu", {"CarePlan"}),
    ("if HasPain then true else false", "tf", set()),
    ("case when HasPain then true when HasPlan then false else null end", "tfu", set()),
    ("HasPain and IsQuiet", "tfu", {"Condition"}),
    ("IsQuiet or exists Orders", "tf", set()),
    ("HasPain implies true", "t", set()),
    ("strict", "tf", set()),
    ("site", "tfu", set()),
    ("Pains(3)", "tfu", {"Condition"}),
    ("Count([Condition]) > limitDays", "tfu", {"Condition"}),
    ("exists ([CarePlan] P with [Condition] C such that C.id = P.id)", "tfu", {"Condition", "CarePlan"}),
]
DATA = [{"resourceType": "Condition", "id": "x"}, {"resourceType": "CarePlan", "id": "x"}]
DRAFT = {"resourceType": "ServiceRequest", "id": "d1", "status": "draft", "subject": {"reference": "Patient/p1"}}


@pytest.mark.parametrize(("text", "letters", "types"), CASES)
def test_what_a_condition_can_come_to(load_cql: LoadCql, text: str, letters: str, types: set[str]) -> None:
    """As for FHIRPath; and with data and without, obtained or not, no condition leaves what was said of it."""
    conditional: dict[str, Any] = plan(action("a", condition=when(text, "text/cql")), library=[f"{BASE}/Library/Logic"])
    snapshot = load_cql(LIBRARY, conditional, Logic=LOGIC)
    found = compiled(snapshot)
    top = found.actions[0]
    possible = truths(top.conditions[0].expression, top.scope)
    assert "".join(letter for truth, letter in ORDER.items() if truth in possible) == letters
    missed = doubts(top.conditions[0].expression, top.scope)
    assert {(retrieve.resource_type, retrieve.optional) for retrieve in missed} == {(t, t == "CarePlan") for t in types}
    for state, data, drafts in product(Completeness, ([], DATA), ([], [DRAFT])):
        states = {"Condition": state, "CarePlan": state}
        session = session_of(snapshot, data=data, drafts=drafts, states=states)
        assert found.apply(session)[0].conditions[0].value in possible
