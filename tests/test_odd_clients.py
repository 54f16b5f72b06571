"""What real and hostile clients send, on the bundled content: nothing is lost, nothing concluded from what is odd."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from cds.clients import Caller
from cds.config import Settings
from cds.errors import RequestError
from cds.service import Engine

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SNOMED = "http://snomed.info/sct"
ICD10 = "http://hl7.org/fhir/sid/icd-10"


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


BACK_PAIN = {"resourceType": "Condition", "id": "lbp", "code": coded(SNOMED, "279039007")}
FRACTURE = {"resourceType": "Condition", "id": "fx", "code": coded(ICD10, "M48.4")}
REST: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "id": "o1",
    "status": "draft",
    "intent": "order",
    "code": coded("https://pathway-cds.example/fhir/CodeSystem/order", "prescribed-bed-rest"),
}
DIAZEPAM: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "id": "m1",
    "status": "draft",
    "intent": "order",
    "medicationCodeableConcept": coded("http://www.nlm.nih.gov/research/umls/rxnorm", "197591"),
    "reasonCode": [coded(SNOMED, "279039007")],
}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(Settings(demo=True))


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": resource} for resource in resources]}


def ask(engine: Engine, *drafts: dict[str, Any], conditions: Any = None, hook: str = "order-sign") -> list[Any]:
    body = {
        "hook": hook,
        "hookInstance": "1",
        "context": {"patientId": "p1", "draftOrders": bundle(*drafts)},
        "prefetch": {
            "patient": {"resourceType": "Patient", "id": "p1"},
            "conditions": bundle(BACK_PAIN) if conditions is None else conditions,
            "serviceRequests": bundle(),
            "carePlans": bundle(),
        },
    }
    return engine.answer(f"back-pain-{hook}", orjson.dumps(body), now=NOW).cards


def decisions(cards: list[Any]) -> list[str]:
    return [card["source"]["topic"]["code"] for card in cards]


def order(text: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "ServiceRequest", "id": "x", "status": "draft", "code": {"text": text}, **elements}


@pytest.mark.parametrize("draft", [REST, DIAZEPAM])
def test_an_order_not_to_do_something_is_no_order_to_do_it(engine: Engine, draft: dict[str, Any]) -> None:
    """doNotPerform turns a request into its opposite (FHIR R4 modifier element)."""
    assert decisions(ask(engine, draft))
    assert ask(engine, {**draft, "doNotPerform": True}) == []


@pytest.mark.parametrize(
    "odd",
    [
        {**REST, "id": "o2", "occurrenceTiming": {"repeat": {"boundsDuration": {"value": "2", "code": "d"}}}},
        {**order("x-ray"), "reasonCode": [{"text": 7}]},
        {**order("x-ray"), "reasonCode": 7.5},
        {**order("x-ray"), "reasonCode": True},
        {**order("x-ray"), "code": {"text": 5}},
        {**order("x-ray"), "bodySite": [{"text": {}}]},
        {**REST, "id": "o2", "resourceType": "x"},
    ],
)
def test_one_odd_draft_does_not_silence_the_others(engine: Engine, odd: dict[str, Any]) -> None:
    """A value of the wrong JSON type is read as absent (B6, security E7)."""
    assert decisions(ask(engine, REST, odd)) == ["bed-rest"]


def test_an_update_keeps_an_element_sent_as_an_object_where_a_list_belongs(engine: Engine) -> None:
    """The dose that was there stays (C26)."""
    (card,) = ask(engine, {**DIAZEPAM, "dosageInstruction": {"text": "5 mg at night"}})
    (dosage,) = card["suggestions"][0]["actions"][0]["resource"]["dosageInstruction"]
    assert dosage["text"] == "5 mg at night"
    assert "drive" in dosage["patientInstruction"]


def test_an_update_keeps_decimals_as_they_were_written(engine: Engine) -> None:
    """2.50 has another precision than 2.5, and 1.0E2 another form than 100.0 (C26; security.md, section 3)."""
    dose = (
        b'"dosageInstruction":[{"doseAndRate":[{"doseQuantity":{"value":2.50}}],"maxDosePerLifetime":{"value":1.0E2}}]'
    )
    draft = orjson.dumps(DIAZEPAM)[:-1] + b"," + dose + b"}"
    body = (
        b'{"hook":"order-sign","hookInstance":"1","context":{"patientId":"p1","draftOrders":'
        b'{"resourceType":"Bundle","entry":[{"resource":' + draft + b"}]}},"
        b'"prefetch":{"patient":{"resourceType":"Patient","id":"p1"},"conditions":null}}'
    )
    answer = orjson.dumps(engine.run_hook("back-pain-order-sign", body, Caller.demo()))
    assert b'"value":2.50}' in answer
    assert b'"value":1.0E2}' in answer
    assert orjson.loads(answer)["cards"]


@pytest.mark.parametrize(
    "when",
    [
        {"occurrencePeriod": {"start": "2026-07-10"}},
        {"occurrenceDateTime": "2026-07-10"},
        {"occurrenceTiming": {"repeat": {"boundsPeriod": {"start": "2026-07-10", "end": "2026-07-20"}}}},
    ],
)
def test_limiting_bed_rest_keeps_the_day_it_begins_on(engine: Engine, when: dict[str, Any]) -> None:
    """Rest that is planned for later is not moved to today (C26)."""
    (card,) = ask(engine, {**REST, **when})
    limited = card["suggestions"][1]["actions"][0]["resource"]
    assert limited["occurrencePeriod"] == {"start": "2026-07-10", "end": "2026-07-11"}


def test_what_is_bundled_beside_a_draft_is_neither_a_draft_nor_lost_from_the_record(engine: Engine) -> None:
    """Only orders are drafts; a Condition among them stays a problem (P16, C28)."""
    assert ask(engine, REST, FRACTURE, conditions=bundle(BACK_PAIN, FRACTURE)) == []
    assert decisions(ask(engine, REST, BACK_PAIN)) == ["bed-rest"]
    assert ask(engine, {**REST, "resourceType": "Condition"}) == []


def test_a_serious_cause_as_the_orders_own_reason_counts(engine: Engine) -> None:
    """Bed rest for a vertebral fracture is not advised against, wherever the fracture is recorded."""
    reasons = [coded(ICD10, "M48.4"), coded(SNOMED, "279039007")]
    assert ask(engine, {**REST, "reasonCode": reasons}, conditions=bundle()) == []


def test_a_contained_problem_that_nothing_refers_to_is_no_reason(engine: Engine) -> None:
    """The stated reason is the reason."""
    knee = {**REST, "reasonCode": [coded(SNOMED, "30989003")], "contained": [{**BACK_PAIN, "id": "c"}]}
    assert ask(engine, knee, conditions=bundle()) == []


def test_references_by_full_url_resolve_among_the_drafts(engine: Engine) -> None:
    """`urn:uuid` references of a Bundle's entries (section B, bundled medications)."""
    medication = {"resourceType": "Medication", "code": DIAZEPAM["medicationCodeableConcept"]}
    request = {name: value for name, value in DIAZEPAM.items() if name != "medicationCodeableConcept"}
    request["medicationReference"] = {"reference": "urn:uuid:1"}
    drafts = {
        "resourceType": "Bundle",
        "entry": [{"resource": request}, {"fullUrl": "urn:uuid:1", "resource": medication}],
    }
    body = {
        "hook": "order-sign",
        "hookInstance": "1",
        "context": {"patientId": "p1", "draftOrders": drafts},
        "prefetch": {"patient": {"resourceType": "Patient", "id": "p1"}, "conditions": None},
    }
    assert decisions(engine.answer("back-pain-order-sign", orjson.dumps(body)).cards) == ["muscle-relaxant"]


def test_a_full_url_does_not_lead_to_another_patients_resource(engine: Engine) -> None:
    """What is dropped as somebody else's is not found again by its url, and the operator is told (P11, security F3)."""
    foreign = {**BACK_PAIN, "id": "f", "subject": {"reference": "Patient/other"}}
    draft = {**REST, "reasonReference": [{"reference": "urn:uuid:f"}]}
    drafts = {"resourceType": "Bundle", "entry": [{"resource": draft}, {"fullUrl": "urn:uuid:f", "resource": foreign}]}
    body = {
        "hook": "order-sign",
        "hookInstance": "1",
        "context": {"patientId": "p1", "draftOrders": drafts},
        "prefetch": {"patient": {"resourceType": "Patient", "id": "p1"}, "conditions": bundle()},
    }
    with capture_logs() as lines:
        assert engine.answer("back-pain-order-sign", orjson.dumps(body)).cards == []
    assert [line["count"] for line in lines if line["event"] == "foreign-resources-dropped"] == [1]
    assert "other" not in str(lines)


@pytest.mark.parametrize(
    "conditions",
    [
        {"resourceType": "Bundle", "total": 7, "entry": []},
        {"resourceType": "Bundle", "total": 7, "entry": [{"resource": BACK_PAIN}]},
        {"resourceType": "Bundle", "entry": [{"fullUrl": "https://ehr.example/Condition/1"}]},
    ],
)
def test_a_bundle_that_shows_there_is_more_makes_absence_unknown(engine: Engine, conditions: dict[str, Any]) -> None:
    """No claim that no spasm is recorded, and no referral that rests on it (P9, security F4, I-4)."""
    (card,) = ask(engine, DIAZEPAM, conditions=conditions)
    assert card["indicator"] == "info"
    assert "is not known" in card["detail"]
    assert [suggestion["label"] for suggestion in card["suggestions"]] == [
        "Add the driving and machinery caution to the order"
    ]


@pytest.mark.parametrize(
    "conditions",
    [
        {"resourceType": "Bundle", "entry": {}},
        {"resourceType": "Bundle", "type": "batch-response", "entry": []},
        bundle({"resourceType": "Patient", "id": "p1"}),
        bundle({"resourceType": "Bundle"}),
    ],
)
def test_a_bundle_of_something_else_is_no_answer(engine: Engine, conditions: dict[str, Any]) -> None:
    """It is not an empty problem list: 412 (P4, P6, security F3)."""
    with pytest.raises(RequestError) as refusal:
        ask(engine, DIAZEPAM, conditions=conditions)
    assert refusal.value.status == 412


def test_created_orders_hold_no_empty_members(engine: Engine) -> None:
    """A problem without an id cannot be referred to, and leaves no empty list behind (C34, G1)."""
    nameless = {name: value for name, value in BACK_PAIN.items() if name != "id"}
    cards = ask(engine, hook="patient-view", conditions=bundle(nameless))
    created = [a["resource"] for c in cards for s in c["suggestions"] for a in s["actions"]]
    assert created
    assert all("reasonReference" not in resource for resource in created)


def test_updates_hold_no_empty_members(engine: Engine) -> None:
    """What the client sent empty is left out (C34)."""
    (card,) = ask(engine, {**DIAZEPAM, "note": [], "category": [{"coding": [{}]}], "priority": None})
    updated = card["suggestions"][0]["actions"][0]["resource"]
    assert not {"note", "category", "priority"} & set(updated)


def test_each_draft_is_spoken_of_once(engine: Engine) -> None:
    """Two codes that both say bed rest are one order (decisions.md, rules for all; C4)."""
    code = {"coding": [*REST["code"]["coding"], {"system": SNOMED, "code": "183051005"}]}
    (card,) = ask(engine, {**REST, "code": code, "reasonCode": DIAZEPAM["reasonCode"]})
    uuids = [suggestion["uuid"] for suggestion in card["suggestions"]]
    assert len(set(uuids)) == len(uuids) == 2


def test_bed_rest_of_another_type_is_not_offered_what_it_cannot_take(engine: Engine) -> None:
    """Only a ServiceRequest has an occurrencePeriod and a patient instruction to set."""
    rest = {**REST, "resourceType": "DeviceRequest", "codeCodeableConcept": REST["code"]}
    (card,) = ask(engine, {name: value for name, value in rest.items() if name != "code"})
    assert [suggestion["label"] for suggestion in card["suggestions"]] == ["Remove bed rest and advise staying active"]


@pytest.mark.parametrize(
    "subject", [[{"reference": "Patient/p2"}], "Patient/p2", {"reference": "p2", "type": "Patient"}]
)
def test_another_patient_is_recognised_in_odd_forms(engine: Engine, subject: Any) -> None:
    """A list, a bare string and a bare id name somebody else too (P11)."""
    assert ask(engine, {**REST, "subject": subject}) == []


SPOKEN = {
    "acupuncture": ["Acupuncture, 1 or more needles; without electrical stimulation", "Electroacupuncture"],
    "spinal-fusion": [
        "Lumbar fusion L4-5 without instrumentation",
        "Lumbar fusion after failed discectomy",
        "Revision of previous lumbar fusion",
        "Spinal fusion (no prior surgery)",
        "L4-L5 fusion",
        "Instrumented fusion L5/S1",
        "Vertebral body fusion",
        "Arthrodesis, posterior technique, single level; lumbar",
        "TLIF L4/5",
    ],
    "bed-rest": [
        "Bed rest until end of week",
        "Strict bed rest, off work",
        "Bed rest after lifting injury",
        "Rest in bed",
        "bed  rest",
        "bed\u00a0rest",
        "bed\u2010rest",
    ],
}
UNSPOKEN = [
    "Hospital bed for bed rest",
    "DVT prophylaxis during bed rest",
    "Mattress for bedrest",
    "Avoid prolonged bed rest",
    "Discontinue strict bed rest",
    "Physiotherapy without acupuncture",
    "Status post lumbar fusion",
    "X-ray after spinal fusion",
    "Ankle arthrodesis",
]


@pytest.mark.parametrize(
    ("decision", "text"), [(decision, text) for decision, texts in SPOKEN.items() for text in texts]
)
def test_orders_in_words_are_recognised(engine: Engine, decision: str, text: str) -> None:
    """An exclusion counts only beside the words it excludes. The gate before surgery may speak besides."""
    assert [found for found in decisions(ask(engine, order(text))) if found != "surgery-gate"] == [decision]


@pytest.mark.parametrize("text", UNSPOKEN)
def test_words_that_only_mention_an_order_are_none(engine: Engine, text: str) -> None:
    """The opposite of the order, its aftermath, or a thing for it."""
    assert ask(engine, order(text)) == []


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Pain in lower back", ["acupuncture"]),
        ("Neck pain", ["acupuncture"]),
        ("Knee pain, no back pain", []),
        ("Fractured neck of femur", []),
        ("Cervical cancer pain", []),
    ],
)
def test_reasons_in_words(engine: Engine, reason: str, expected: list[str]) -> None:
    """A reason that only sounds like the back or the neck is another reason."""
    found = ask(engine, order("Acupuncture", reasonCode=[{"text": reason}]), conditions=bundle())
    assert decisions(found) == expected


@pytest.mark.parametrize(
    ("fusion", "expected"),
    [
        ({"code": {"text": "Lumbar spinal fusion"}, "status": "active"}, ["spinal-fusion", "surgery-gate"]),
        ({"code": coded(SNOMED, "55705006"), "status": "active"}, ["spinal-fusion", "surgery-gate"]),
        ({"code": {"text": "Lumbar spinal fusion"}, "status": "revoked"}, []),
        ({"code": {"text": "Lumbar spinal fusion"}, "status": "active", "doNotPerform": True}, []),
    ],
)
def test_an_appointment_is_for_what_it_is_based_on(engine: Engine, fusion: dict[str, Any], expected: list[str]) -> None:
    """The order behind an appointment counts by code or by words while it stands."""
    appointment = {
        "resourceType": "Appointment",
        "id": "a1",
        "status": "proposed",
        "basedOn": [{"reference": "ServiceRequest/s1"}],
        "participant": [{"actor": {"reference": "Patient/p1"}, "status": "needs-action"}],
    }
    body = {
        "hook": "appointment-book",
        "hookInstance": "1",
        "context": {"patientId": "p1", "appointments": bundle(appointment)},
        "prefetch": {
            "patient": {"resourceType": "Patient", "id": "p1"},
            "conditions": bundle(),
            "serviceRequests": bundle({"resourceType": "ServiceRequest", "id": "s1", "intent": "order", **fusion}),
        },
    }
    assert decisions(engine.answer("back-pain-appointment-book", orjson.dumps(body)).cards) == expected


def test_a_blank_text_is_listed_by_what_it_is(engine: Engine) -> None:
    """Text that nothing is left of gives no empty bullet (security A1)."""
    (card,) = ask(
        engine, {**DIAZEPAM, "medicationCodeableConcept": {**DIAZEPAM["medicationCodeableConcept"], "text": "\u0001"}}
    )
    assert "- Medicine without a name" in card["detail"]
