"""The strict reading of R4 orders that the case files are held to finds what it is there to find."""

from __future__ import annotations

from typing import Any

import pytest
from r4_support import draft_faults, faults

ORDER: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "id": "a",
    "status": "draft",
    "intent": "order",
    "priority": "routine",
    "subject": {"reference": "Patient/p1"},
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "229070002"}], "text": "Stretching"},
    "reasonReference": [{"reference": "Condition/lbp"}],
    "occurrenceTiming": {
        "repeat": {"frequency": 1, "period": 2, "periodUnit": "d", "duration": 15, "durationUnit": "min"}
    },
    "note": [{"text": "For back pain"}],
}
MEDICINE: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "status": "draft",
    "intent": "order",
    "subject": {"reference": "Patient/p1"},
    "medicationCodeableConcept": {"text": "Ibuprofen"},
    "note": [{"text": "For back pain"}],
    "dosageInstruction": [{"text": "By mouth", "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}]}],
    "dispenseRequest": {"expectedSupplyDuration": {"value": 3, "system": "http://unitsofmeasure.org", "code": "d"}},
}


def repeat(**members: Any) -> dict[str, Any]:
    return {"occurrenceTiming": {"repeat": members}}


@pytest.mark.parametrize("order", [ORDER, MEDICINE], ids=["service", "medicine"])
def test_a_whole_order_has_no_fault(order: dict[str, Any]) -> None:
    """An order as the decisions make it."""
    assert draft_faults(order, "p1") == []


@pytest.mark.parametrize(
    ("base", "change", "fault"),
    [
        (ORDER, {"status": "proposed"}, "ServiceRequest.status: 'proposed' is not in its required value set"),
        (ORDER, {"intent": "orders"}, "ServiceRequest.intent: 'orders' is not in its required value set"),
        (ORDER, {"priority": "high"}, "ServiceRequest.priority: 'high' is not in its required value set"),
        (MEDICINE, {"status": "revoked"}, "MedicationRequest.status: 'revoked' is not in its required value set"),
        (MEDICINE, {"intent": "directive"}, "MedicationRequest.intent: 'directive' is not in its required value set"),
        (ORDER, repeat(period=1, periodUnit="day"), "'day' is not in its required value set"),
        (ORDER, repeat(when=["BEDTIME"]), "'BEDTIME' is not in its required value set"),
        (ORDER, repeat(dayOfWeek=["Mon"]), "'Mon' is not in its required value set"),
        (ORDER, repeat(duration=15), "duration needs its unit (tim-1)"),
        (ORDER, repeat(period=2), "period needs its unit (tim-2)"),
        (ORDER, repeat(period=-2, periodUnit="d"), "period is negative (tim-5)"),
        (ORDER, repeat(periodMax=2), "periodMax needs period (tim-6)"),
        (ORDER, repeat(durationMax=2), "durationMax needs duration (tim-7)"),
        (ORDER, repeat(countMax=2), "countMax needs count (tim-8)"),
        (ORDER, repeat(offset=5, when=["C"]), "offset needs a when"),
        (ORDER, repeat(timeOfDay=["08:00:00"], when=["HS"]), "exclude each other (tim-10)"),
        (ORDER, repeat(frequency=0), "frequency: not positive"),
        (ORDER, {"occurrencePeriod": {"start": "2026-03-02", "end": "2026-03-01"}}, "ends before it begins (per-1)"),
        (ORDER, {"occurrencePeriod": {"end": "2026-02-30"}}, "occurrencePeriod.end: no day"),
        (ORDER, {"code": {"text": " "}}, "ServiceRequest.code.text: empty"),
        (ORDER, {"code": {}}, "an empty element (ele-1)"),
        (ORDER, {"note": []}, "an empty list"),
        (ORDER, {"note": [{"time": "2026-03-02"}]}, "a note needs its text"),
        (ORDER, {"code": {"coding": [{"system": "snomed", "code": "1"}]}}, "no absolute uri"),
        (ORDER, {"code": {"coding": [{"code": "1"}]}}, "a code without a system"),
        (ORDER, {"reasonReference": [{"reference": "lbp"}]}, "'lbp' is no reference"),
        (ORDER, {"reasonReference": [{"type": "Condition"}]}, "refers to nothing"),
        (ORDER, {"extension": [{"url": "urn:a"}]}, "(ext-1)"),
        (MEDICINE, {"dispenseRequest": {"expectedSupplyDuration": {"value": 3, "unit": "days"}}}, "(drt-1)"),
        (MEDICINE, {"dispenseRequest": {"quantity": {"value": 3, "code": "{tbl}"}}}, "a code needs its system (qty-3)"),
        (MEDICINE, {"medicationCodeableConcept": None}, "medicationCodeableConcept or medicationReference is required"),
        (ORDER, {"subject": None}, "ServiceRequest: subject is required"),
    ],
)
def test_each_fault_is_found(base: dict[str, Any], change: dict[str, Any], fault: str) -> None:
    """The reading can fail: each rule has an order that breaks it."""
    broken = {name: value for name, value in {**base, **change}.items() if value is not None}
    assert any(fault in found for found in faults(broken)), faults(broken)


@pytest.mark.parametrize(
    ("base", "change", "fault"),
    [
        (ORDER, {"status": "active"}, "a created order is a draft"),
        (ORDER, {"subject": {"reference": "Patient/p2"}}, "another patient"),
        (
            ORDER,
            {"code": {"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}},
            "nothing that people can read",
        ),
        (ORDER, {"note": None}, "neither a note nor an instruction"),
        (MEDICINE, {"dosageInstruction": None}, "dosageInstruction: none"),
    ],
)
def test_a_created_order_is_a_draft_that_can_be_signed(
    base: dict[str, Any], change: dict[str, Any], fault: str
) -> None:
    """Besides being valid it is about this patient, is a draft, and says what is ordered."""
    broken = {name: value for name, value in {**base, **change}.items() if value is not None}
    assert any(fault in found for found in draft_faults(broken, "p1"))
