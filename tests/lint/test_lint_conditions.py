"""Conditions that never change, actions that no call reaches, data nobody can be asked for, codes that never occur."""

from __future__ import annotations

from pathlib import Path

import pytest
from lint_support import CQL, LIBRARY, PLAN, findings


def fhirpath(text: str) -> str:
    """The plan with another condition."""
    return PLAN.replace(
        "text/cql-identifier, expression: HasPain", f'text/fhirpath, expression: "%HasPain and ({text})"'
    )


CHILD = "    action:\n      - {{id: below, title: Below, trigger: [{{type: named-event, name: {hook}}}]}}\n"


@pytest.mark.parametrize(("hook", "found"), [("order-sign", ["plan.yaml:15 action-unreachable"]), ("patient-view", [])])
def test_an_action_is_reached_by_a_hook_of_the_one_above(tmp_path: Path, hook: str, found: list[str]) -> None:
    """A trigger that the action above does not have never comes to it."""
    assert findings(tmp_path, plan_yaml=PLAN + CHILD.format(hook=hook)) == found


@pytest.mark.parametrize(("hook", "found"), [("order-sign", ["outer.yaml:9 action-unreachable"]), ("patient-view", [])])
def test_a_nested_plan_is_reached_by_one_of_its_hooks(tmp_path: Path, hook: str, found: list[str]) -> None:
    """The action that names a plan must not have other triggers than the plan."""
    outer = f"""\
resourceType: PlanDefinition
url: urn:plan/outer
status: active
description: Collects.
action:
  - title: Moving
    documentation: [{{type: citation, display: Example}}]
    trigger: [{{type: named-event, name: {hook}}}]
    definitionCanonical: urn:plan/keep-moving
"""
    assert findings(tmp_path, outer_yaml=outer) == found


@pytest.mark.parametrize(
    ("text", "constant"),
    [
        ("exists [Condition]", False),
        ("exists [Condition] or true", True),
        ("not (exists [Condition]) and false", True),
        ("exists [Condition] and null", False),
        ("if true then true else exists [Condition]", True),
    ],
)
def test_a_condition_that_is_the_same_for_every_patient(tmp_path: Path, text: str, constant: bool) -> None:
    """What the expression can come to is read off it; `and null` can still be false."""
    found = findings(tmp_path, logic_cql=CQL.replace("exists [Condition]", text))
    assert found == (["plan.yaml:13 condition-constant"] if constant else [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("%patient.gender = 'female'", False),
        ("%patient.gender = 'w'", True),
        ("'w' = %patient.gender", True),
        ("%patient.gender in ('female' | 'w')", True),
        ("%patient.name.where(use = 'oficial').exists()", True),
        ("%patient.name.where(use.first() = 'official').exists()", False),
        ("%patient.contact.all(gender != 'm')", True),
        ("%patient.language = 'xx'", False),
        ("%patient.maritalStatus.coding.exists(code = 'X')", False),
        ("%draftOrders.where(status = 'actve').exists()", False),
        ("%draftOrders.ofType(ServiceRequest).where(status = 'actve').exists()", True),
        ("%draftOrders.ofType(MedicationRequest).where(status = 'on-hold').exists()", False),
        ("%draftOrders.ofType(MedicationRequest).where(status = 'requested').exists()", True),
    ],
)
def test_a_code_that_the_element_never_has(tmp_path: Path, text: str, told: bool) -> None:
    """Only where FHIR closes the list of codes for all that it may be, and only beside literals."""
    assert findings(tmp_path, plan_yaml=fhirpath(text)) == (["plan.yaml:13 code-never"] if told else [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("exists ([ServiceRequest] R where R.status = 'active')", False),
        ("exists ([ServiceRequest] R where R.status = 'actve')", True),
        ("exists ([ServiceRequest] R where R.status.value = 'actve')", True),
        ("exists ([ServiceRequest] R where R.status in { 'active', 'actve' })", True),
        ("exists ([Condition] C with [ServiceRequest] R such that R.status ~ 'actve')", True),
        ("Patient.gender = 'w'", True),
        ("Patient.language = 'w'", False),
    ],
)
def test_a_code_that_the_element_never_has_in_cql(tmp_path: Path, text: str, told: bool) -> None:
    """The same in CQL, where the code is converted to a string on the way."""
    found = findings(tmp_path, logic_cql=CQL.replace("exists [Condition]", text))
    assert found == (["logic.cql:4 code-never"] if told else [])


def test_data_that_is_not_searched_by_patient(tmp_path: Path) -> None:
    """A prefetch template asks for `Medication?patient=...`, which no server knows; in CQL and in a requirement."""
    text = CQL.replace("exists [Condition]", "exists [Medication] or exists [Observation] or Patient.active")
    assert findings(tmp_path, logic_cql=text) == ["logic.cql:4 retrieve-unserved"]
    needs = LIBRARY + "dataRequirement: [{type: Practitioner}, {type: Condition}]\n"
    assert findings(tmp_path, library_yaml=needs) == ["library.yaml:7 retrieve-unserved"]


def test_data_whose_search_the_content_says_itself(tmp_path: Path) -> None:
    """The extension cqf-fhirQueryPattern is a template for a type that we do not know to be searched by patient."""
    url = "http://hl7.org/fhir/StructureDefinition/cqf-fhirQueryPattern"
    pattern = f"{{url: {url}, valueString: 'Group?patient={{{{context.patientId}}}}'}}"
    needs = LIBRARY + f"dataRequirement: [{{type: Group, extension: [{pattern}]}}]\n"
    text = CQL.replace("exists [Condition]", "exists [Group] and Patient.active")
    assert findings(tmp_path, library_yaml=needs, logic_cql=text) == []
