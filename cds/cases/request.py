"""The hook request of a case: what the EHR sends when its record holds the case's data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from cds import fhir
from cds.cases.model import Case
from cds.fhir import Resource
from cds.hooks.prefetch import Requirement

#: Hooks whose context carries an encounter.
_ENCOUNTER_HOOKS = frozenset({"encounter-start", "encounter-discharge"})


def request_body(case: Case, requirements: Iterable[Requirement]) -> bytes:
    """The JSON body that calls the case's service: every prefetch key answered from the case's data, save the types it
    says were not looked up."""
    context: dict[str, Any] = {"userId": "Practitioner/u1", "patientId": case.patient["id"]}
    if case.hook in _ENCOUNTER_HOOKS:
        context["encounterId"] = "e1"
    if case.hook.startswith("order-"):
        context["draftOrders"] = _bundle("collection", case.drafts)
    if case.selections is not None:
        context["selections"] = list(case.selections)
    if case.hook == "appointment-book":
        context["appointments"] = _bundle("collection", case.appointments)
    body = {
        "hook": case.hook,
        "hookInstance": fhir.derived_id(f"{case.location.file}|{case.name}"),
        "context": context,
        "prefetch": {need.key: _answer(case, need) for need in requirements if need.resource_type not in case.missing},
    }
    return orjson.dumps(body)


def unasked(case: Case, requirements: Iterable[Requirement]) -> list[str]:
    """Types of the case's data that the service never asks for: what stands there cannot matter."""
    asked = {need.resource_type for need in requirements}
    named = {resource["resourceType"] for resource in case.data} | case.missing | case.partial | case.failed
    return sorted(named - asked)


def _answer(case: Case, need: Requirement) -> dict[str, Any] | None:
    if need.resource_type in case.failed:
        issue = {"severity": "error", "code": "exception", "diagnostics": "The search failed"}
        return {"resourceType": "OperationOutcome", "issue": [issue]}
    if need.resource_type == "Patient":
        return case.patient
    bundle = _bundle("searchset", (r for r in case.data if r["resourceType"] == need.resource_type))
    if need.resource_type in case.partial:
        bundle["link"] = [{"relation": "next", "url": f"https://ehr.example/fhir/{need.resource_type}?page=2"}]
    return bundle


def _bundle(kind: str, resources: Iterable[Resource]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": resource} for resource in resources]}
