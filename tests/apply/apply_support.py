"""Small content folders for the apply tests, written to disk and loaded as the service loads them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from cds import fhir
from cds.apply.plan import CompiledPlan, Plans
from cds.apply.scope import Session
from cds.apply.tree import AppliedAction
from cds.chart import Answer, Completeness, build
from cds.definitions.snapshot import Snapshot, load_snapshot
from cds.patient import Patient

BASE = fhir.CANONICAL_BASE
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def expression(text: str, **more: str) -> dict[str, str]:
    return {"language": "text/fhirpath", "expression": text, **more}


def condition(text: str) -> dict[str, Any]:
    return {"kind": "applicability", "expression": expression(text)}


def dynamic(path: str, text: str) -> dict[str, Any]:
    return {"path": path, "expression": expression(text)}


def variable(name: str, text: str) -> dict[str, Any]:
    return {"url": fhir.VARIABLE, "valueExpression": expression(text, name=name)}


def library(**elements: Any) -> dict[str, Any]:
    kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}]}
    return {"resourceType": "Library", "url": f"{BASE}/Library/logic", "status": "active", "type": kind, **elements}


def plan(*actions: dict[str, Any], name: str = "plan", **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "PlanDefinition",
        "url": f"{BASE}/PlanDefinition/{name}",
        "status": "active",
        "description": "A plan for a test.",
        "action": list(actions),
        **elements,
    }


def action(identifier: str, *children: dict[str, Any], **elements: Any) -> dict[str, Any]:
    nested = {"action": list(children)} if children else {}
    documentation = [{"type": "citation", "label": "N01", "display": "A source"}]
    return {"id": identifier, "title": identifier, "documentation": documentation, **elements, **nested}


Load = Callable[..., Snapshot]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write resources as files of one folder and load it."""

    def loader(*resources: dict[str, Any]) -> Snapshot:
        for number, resource in enumerate(resources):
            (tmp_path / f"{number:02d}.json").write_bytes(orjson.dumps(resource))
        return load_snapshot(tmp_path)

    return loader


def session_of(
    snapshot: Snapshot,
    *,
    data: list[dict[str, Any]] | None = None,
    states: dict[str, Completeness] | None = None,
    drafts: list[dict[str, Any]] | None = None,
    hook: str = "order-sign",
    **parameters: Any,
) -> Session:
    """A session on a patient's resources; types not in `states` are complete."""
    resources = [{"resourceType": "Patient", "id": "p1"}, *(data or [])]
    given = states or {}
    kinds = {resource["resourceType"] for resource in resources} | {"Condition", "ServiceRequest"} | set(given)
    answers = [
        Answer(
            kind,
            kind,
            given.get(kind, Completeness.COMPLETE),
            tuple(resource for resource in resources if resource["resourceType"] == kind),
        )
        for kind in sorted(kinds)
    ]
    bundle = {"resourceType": "Bundle", "entry": [{"resource": draft} for draft in drafts or []]}
    chart = build(Patient("p1"), answers, {"draftOrders": bundle})
    return Session(chart, snapshot.terminology, now=NOW, zone=UTC, hook=hook, parameters=parameters)


def compiled(snapshot: Snapshot, name: str = "plan") -> CompiledPlan:
    return Plans(snapshot).compile(snapshot.plan(f"{BASE}/PlanDefinition/{name}"))


def applied(snapshot: Snapshot, name: str = "plan", **chart: Any) -> list[AppliedAction]:
    return compiled(snapshot, name).apply(session_of(snapshot, **chart))
