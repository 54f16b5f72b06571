"""What decided a define: the parts of CQL that have no value of their own are passed through."""

from __future__ import annotations

from pathlib import Path

import orjson

from cds.config import Settings
from cds.explain import Watcher, decision_lines, decisions
from cds.service import Engine

LIBRARY = """\
resourceType: Library
id: logic
url: https://example.org/fhir/Library/logic
name: Logic
status: active
type: {coding: [{system: "http://terminology.hl7.org/CodeSystem/library-type", code: logic-library}]}
content: [{contentType: text/cql, url: logic.cql}]
"""
CQL = """\
library Logic
using FHIR version '4.0.1'
context Patient
define Conditions: [Condition]
define Level: case when exists Conditions then 'high' else 'low' end
define Found: Tuple { level: Level, isKnown: exists Conditions }
define IsHigh: Level = 'high' and Found.isKnown
"""
PLAN = """\
resourceType: PlanDefinition
id: demo
url: https://example.org/fhir/PlanDefinition/demo
name: Demo
title: Demo
status: active
description: Speaks.
library: [https://example.org/fhir/Library/logic]
action:
  - id: high
    title: High
    code: [{coding: [{system: https://pathway-cds.example/fhir/CodeSystem/decision, code: high}]}]
    trigger: [{type: named-event, name: patient-view}]
    documentation: [{type: citation, label: A source}]
    condition: [{kind: applicability, expression: {language: text/cql-identifier, expression: IsHigh}}]
"""


def test_the_parts_of_a_case_and_the_elements_of_a_tuple_are_passed_through(tmp_path: Path) -> None:
    """Neither is an expression: what they hold is told, and telling does not fail."""
    for name, text in {"logic.yaml": LIBRARY, "logic.cql": CQL, "plan.yaml": PLAN}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    engine = Engine(Settings(content=tmp_path, demo=True))
    call = {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/1", "patientId": "p"},
        "prefetch": {"patient": {"resourceType": "Patient", "id": "p"}, "conditions": None},
    }
    watcher = Watcher(engine.snapshot.registry.logic)
    (decision,) = decisions(engine.answer("demo-patient-view", orjson.dumps(call), watch=watcher))
    told = "\n".join(decision_lines(decision))
    assert "Level: low" in told
    assert "exists Conditions: false" in told
