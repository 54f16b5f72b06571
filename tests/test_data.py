"""A chart from a Bundle on disk: it is all there is, its drafts are the ones being decided on."""

from __future__ import annotations

from typing import Any

import pytest

from cds.data import chart_of_bundle
from cds.errors import RequestError

PATIENT = {"fullUrl": "urn:uuid:p", "resource": {"resourceType": "Patient", "id": "p1"}}


def entry(kind: str, identifier: str, subject: str = "urn:uuid:p", **elements: Any) -> dict[str, Any]:
    resource = {"resourceType": kind, "id": identifier, "subject": {"reference": subject}, **elements}
    return {"fullUrl": f"urn:uuid:{identifier}", "resource": resource}


def bundle(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": list(entries)}


def test_everything_is_complete() -> None:
    """What a Bundle does not hold does not exist."""
    chart = chart_of_bundle(bundle(PATIENT))
    assert chart.is_complete("Condition")
    assert chart.patient.id == "p1"


def test_drafts_are_the_orders_being_decided_on() -> None:
    """Orders in draft are drafts, the others are the record."""
    chart = chart_of_bundle(
        bundle(PATIENT, entry("ServiceRequest", "a", status="draft"), entry("ServiceRequest", "b", status="active"))
    )
    assert [r["id"] for r in chart.orders.selected] == ["a"]
    assert [r["id"] for r in chart.of_type("ServiceRequest")] == ["b"]


def test_references_by_full_url_resolve() -> None:
    """`urn:uuid:` references, as transaction Bundles have them."""
    chart = chart_of_bundle(bundle(PATIENT, entry("Condition", "c")))
    found = chart.resolve("urn:uuid:c")
    assert found is not None
    assert found["id"] == "c"
    assert chart.dropped == 0


def test_other_subjects_are_dropped() -> None:
    """A Bundle may hold a stray resource of somebody else (P11)."""
    assert chart_of_bundle(bundle(PATIENT, entry("Condition", "c", subject="Patient/x"))).dropped == 1


@pytest.mark.parametrize("patients", [0, 2])
def test_a_bundle_is_of_one_patient(patients: int) -> None:
    """None or several is refused with a pointer."""
    with pytest.raises(RequestError) as refusal:
        chart_of_bundle(bundle(*[PATIENT] * patients))
    assert (refusal.value.status, refusal.value.issues[0].expression) == (400, "/entry")
