"""Where a Chart comes from: the prefetch of a hook request, or a Bundle on disk that is all there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cds import fhir
from cds.chart import Answer, Chart, Completeness, build, read_answer
from cds.errors import Issue, RequestError
from cds.fhir import Resource
from cds.hooks.prefetch import PATIENT, Requirement
from cds.hooks.request import HookRequest
from cds.orders import ORDER_TYPES
from cds.patient import Patient


def chart_of_request(
    request: HookRequest, requirements: Iterable[Requirement], lacking: Mapping[str, str] | None = None
) -> Chart:
    """The chart of a hook call: what its prefetch answers of `requirements`, and its context. `lacking` says why a key
    could not be fetched either.

    Keys nobody asked for are ignored (P10). Raises RequestError 412 naming every required key that could not be
    obtained (P6, P7), and when the patient is not there (L2)."""
    wanted = tuple(requirements)
    answers = [read_answer(need.key, need.resource_type, request.prefetch) for need in wanted]
    missing = [
        _unobtainable(need.key, answer.completeness, (lacking or {}).get(need.key))
        for need, answer in zip(wanted, answers, strict=True)
        if need.required and not answer.completeness.available
    ]
    if missing:
        raise RequestError(412, missing)
    urls = {**fhir.full_urls(request.context.get("draftOrders")), **fhir.full_urls(request.context.get("appointments"))}
    chart = build(Patient(request.patient_id), answers, request.context, urls=urls)
    if not chart.of_type("Patient"):
        raise RequestError(412, _unobtainable(PATIENT.key, Completeness.EMPTY))
    return chart


def _unobtainable(key: str, completeness: Completeness, lack: str | None = None) -> Issue:
    reasons = {
        Completeness.FAILED: "the client could not obtain it",
        Completeness.EMPTY: "it holds no such patient",
    }
    reason = reasons.get(completeness, "it is not in the request")
    if lack is not None:
        reason = f"it is not in the request, and asking the FHIR server came to nothing: {lack}"
    return Issue(
        "required",
        f"Required data is not available: prefetch key '{key}'",
        expression=f"/prefetch/{key}",
        diagnostics=f"prefetch key '{key}': {reason}",
    )


#: The statuses of an appointment that is still being booked.
_BEING_BOOKED = frozenset({"proposed", "pending"})


def chart_of_bundle(bundle: Mapping[str, Any]) -> Chart:
    """The chart of a Bundle that holds all there is of one patient: absence is a fact in it.

    Orders in draft and proposed appointments are taken as the ones being decided on. References by full url
    (`urn:uuid:`) resolve. Raises RequestError 400 when the Bundle holds no patient, or several."""
    urls = fhir.full_urls(bundle)
    resources = fhir.bundle_resources(bundle)
    patients = [resource for resource in resources if resource["resourceType"] == "Patient"]
    if len(patients) != 1:
        raise RequestError(400, Issue("invalid", f"The Bundle holds {len(patients)} patients, not one", "/entry"))
    aliases = [url for url, resource in urls.items() if resource is patients[0]]
    drafts = [r for r in resources if r["resourceType"] in ORDER_TYPES and r.get("status") == "draft"]
    appointments = [r for r in resources if r["resourceType"] == "Appointment" and r.get("status") in _BEING_BOOKED]
    context = {"draftOrders": _collection(drafts), "appointments": _collection(appointments)}
    answer = Answer("bundle", "Bundle", Completeness.COMPLETE, tuple(resources))
    patient = Patient(str(patients[0].get("id", "")), aliases)
    return build(patient, [answer], context, complete=True, urls=urls)


def _collection(resources: list[Resource]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}
