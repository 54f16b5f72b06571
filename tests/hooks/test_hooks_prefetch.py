"""Prefetch templates from what content retrieves, and the queries we make of them ourselves (cds-hooks.md A-P, I-4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from cds import fhir
from cds.config import Settings
from cds.hooks.prefetch import PATIENT, Requirement
from cds.hooks.request import parse
from cds.service import Engine

BASE = "http://example.org"
VALUE_SET = {
    "resourceType": "ValueSet",
    "url": f"{BASE}/ValueSet/heights",
    "status": "active",
    "compose": {"include": [{"system": "http://loinc.org", "concept": [{"code": "8302-2"}]}]},
}


def pattern(text: str) -> list[dict[str, Any]]:
    return [{"url": fhir.QUERY_PATTERN, "valueString": text}]


def templates(folder: Path, *requirements: dict[str, Any], sets: tuple[dict[str, Any], ...] = ()) -> dict[str, str]:
    """The templates of a service whose rules retrieve what these data requirements say."""
    names = [f"r{number}" for number in range(len(requirements))]
    library = {
        "resourceType": "Library",
        "url": f"{BASE}/Library/data",
        "status": "active",
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}]},
        "dataRequirement": [{"id": name, **one} for name, one in zip(names, requirements, strict=True)],
    }
    expression = " or ".join(f"%{name}.exists()" for name in names)
    rule = {
        "id": "a",
        "title": "T",
        "trigger": [{"type": "named-event", "name": "patient-view"}],
        "condition": [{"kind": "applicability", "expression": {"language": "text/fhirpath", "expression": expression}}],
        "documentation": [{"type": "citation", "label": "T01", "display": "A test"}],
    }
    plan = {
        "resourceType": "PlanDefinition",
        "url": f"{BASE}/PlanDefinition/p",
        "status": "active",
        "description": "A plan for a test.",
        "library": [library["url"]],
        "action": [rule],
    }
    for number, resource in enumerate((library, plan, *sets)):
        (folder / f"{number}.json").write_bytes(orjson.dumps(resource))
    engine = Engine(Settings(demo=True, content=folder))
    (service,) = engine.discovery()["services"]
    found: dict[str, str] = service["prefetch"]
    return found


def test_searches_are_by_the_parameter_of_their_type(tmp_path: Path) -> None:
    """I-4 3 and 4: `patient` where the type has it, `subject` where only that; what is of no patient, and the patient's
    own resource, are not searched for."""
    kinds = ("Condition", "FamilyMemberHistory", "AdverseEvent", "Medication", "Practitioner", "Patient", "Coverage")
    assert templates(tmp_path, *({"type": kind} for kind in kinds)) == {
        "patient": "Patient/{{context.patientId}}",
        "adverseEvents": "AdverseEvent?subject={{context.patientId}}",
        "conditions": "Condition?patient={{context.patientId}}",
        "coverages": "Coverage?patient={{context.patientId}}",
        "familyMemberHistories": "FamilyMemberHistory?patient={{context.patientId}}",
    }


def test_codes_are_filtered_in_the_service(tmp_path: Path) -> None:
    """AP13, I-4 5: neither codes nor value sets stand in a template, be they few or many."""
    few = {"type": "Observation", "codeFilter": [{"path": "code", "valueSet": VALUE_SET["url"]}]}
    found = templates(tmp_path, few, sets=(VALUE_SET,))
    assert found["observations"] == "Observation?patient={{context.patientId}}"


def test_a_data_requirement_may_say_its_search(tmp_path: Path) -> None:
    """I-4 2: cqf-fhirQueryPattern, with the token as CDS Hooks writes it."""
    text = "Observation?patient={{patientId}}&category=laboratory,vital-signs&date=ge2020-01-01&_sort=-date"
    found = templates(tmp_path, {"type": "Observation", "extension": pattern(text)})
    assert found["observations"] == text.replace("{{patientId}}", "{{context.patientId}}")


def call(**context: Any) -> Any:
    sent = {"patientId": "p-1.x", "userId": "Practitioner/u1", **context}
    return parse(orjson.dumps({"hook": "patient-view", "hookInstance": "1", "context": sent}))


@pytest.mark.parametrize(
    ("template", "query"),
    [
        (PATIENT.template, "Patient/p-1.x"),
        ("Condition?patient={{context.patientId}}", "Condition?patient=p-1.x&_count=200"),
        ("Condition?patient={{context.patientId}}&_count=5", "Condition?patient=p-1.x&_count=5"),
        ("{{context.userId}}", "Practitioner/u1"),
        ("Task?owner={{context.odd}}", "Task?owner=1%3F_count%3D9%0D%0A%7B%7Bx%7D%7D&_count=200"),
        ("Encounter/{{context.encounterId}}", None),
        ("Task?owner={{context.nested}}", None),
        ("Task?owner={{context.up}}", None),
    ],
)
def test_the_template_is_the_query_with_its_tokens_replaced(template: str, query: str | None) -> None:
    """I-4 9, L16, security S6: values are encoded; a token without a value, or with one that is a step in a path, makes
    no query."""
    request = call(odd="1?_count=9\r\n{{x}}", nested={"a": 1}, up="a/../b")
    assert Requirement("k", "X", template, False).query(request) == query
