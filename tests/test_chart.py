"""The Chart: completeness per prefetch key, indexes, drafts and selections, other patients' resources."""

from __future__ import annotations

from typing import Any

import pytest

from cds.chart import Chart, Completeness, build, read_answer
from cds.patient import Patient

SNOMED = "http://snomed.info/sct"
LOW_BACK_PAIN = frozenset({(SNOMED, "279039007")})


def condition(identifier: str = "c1", code: str = "279039007", subject: str | None = "Patient/p1") -> dict[str, Any]:
    resource = {"resourceType": "Condition", "id": identifier, "code": {"coding": [{"system": SNOMED, "code": code}]}}
    return resource if subject is None else {**resource, "subject": {"reference": subject}}


def bundle(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources], **more}


def chart(prefetch: dict[str, Any], context: dict[str, Any] | None = None) -> Chart:
    keys = {"conditions": "Condition", "serviceRequests": "ServiceRequest", "medicationRequests": "MedicationRequest"}
    return build(Patient("p1"), [read_answer(key, kind, prefetch) for key, kind in keys.items()], context)


OUTCOME = {"resourceType": "OperationOutcome", "issue": []}


@pytest.mark.parametrize(
    ("prefetch", "expected"),
    [
        ({}, Completeness.NEVER),
        ({"conditions": None}, Completeness.EMPTY),
        ({"conditions": bundle()}, Completeness.EMPTY),
        ({"conditions": {"resourceType": "Bundle", "total": 0}}, Completeness.EMPTY),
        ({"conditions": bundle(condition())}, Completeness.COMPLETE),
        ({"conditions": condition()}, Completeness.COMPLETE),
        ({"conditions": OUTCOME}, Completeness.FAILED),
        ({"conditions": {"resourceType": "Patient", "id": "p1"}}, Completeness.FAILED),
        ({"conditions": bundle(condition(), OUTCOME)}, Completeness.PARTIAL),
        ({"conditions": bundle(condition(), link=[{"relation": "next", "url": "x"}])}, Completeness.PARTIAL),
        ({"conditions": bundle(condition(), link=[{"relation": "self", "url": "x"}])}, Completeness.COMPLETE),
    ],
)
def test_each_answer_of_a_prefetch_key_is_told_apart(prefetch: dict[str, Any], expected: Completeness) -> None:
    """Absent, null, empty, failed, cut short and complete are six different things (P1-P4, P8, P9, L3, L4)."""
    assert read_answer("conditions", "Condition", prefetch).completeness is expected


def test_only_what_was_fully_answered_makes_absence_a_fact() -> None:
    """Never asked, failed and partial leave an absence unknown (P9, security E8)."""
    known = {state for state in Completeness if state.known}
    assert known == {Completeness.COMPLETE, Completeness.EMPTY}
    assert not chart({}).is_complete("Condition")
    assert chart({"conditions": None}).is_complete("Condition")


def test_outcome_entries_are_not_data() -> None:
    """An OperationOutcome among the entries is skipped (P4)."""
    assert [r["id"] for r in chart({"conditions": bundle(OUTCOME, condition())}).of_type("Condition")] == ["c1"]


@pytest.mark.parametrize("subject", ["Patient/other", "https://ehr.example/fhir/Patient/other", "urn:uuid:other"])
def test_resources_of_another_patient_are_dropped_and_counted(subject: str) -> None:
    """A foreign subject never reaches evaluation (P11)."""
    found = chart({"conditions": bundle(condition("mine"), condition("theirs", subject=subject))})
    assert [r["id"] for r in found.of_type("Condition")] == ["mine"]
    assert found.dropped == 1


@pytest.mark.parametrize(
    "subject", ["Patient/p1", "https://ehr.example/fhir/Patient/p1", "Patient/p1/_history/3", None]
)
def test_resources_of_the_patient_stay(subject: str | None) -> None:
    """Relative, absolute and versioned references mean the same patient; no subject means nobody else (P11)."""
    assert chart({"conditions": bundle(condition(subject=subject))}).dropped == 0


def test_retrieve_finds_by_any_coding_and_in_order_of_id() -> None:
    """A retrieve is by value set over all codings, and its order does not depend on the order sent (R6)."""
    two = condition("b")
    two["code"]["coding"].insert(0, {"system": "http://local", "code": "x"})
    found = chart({"conditions": bundle(two, condition("c", code="1"), condition("a"))})
    assert [r["id"] for r in found.retrieve("Condition", "code", LOW_BACK_PAIN)] == ["a", "b"]


def test_retrieve_looks_into_choices() -> None:
    """`[Observation: value in ...]`: the element is written with its type."""
    coded = {"coding": [{"system": SNOMED, "code": "279039007"}]}
    found = [
        {"resourceType": "Observation", "id": "a", "valueCodeableConcept": coded},
        {"resourceType": "Observation", "id": "b", "valueString": "279039007"},
        {"resourceType": "Observation", "id": "c", "component": [{"valueCodeableConcept": coded}]},
    ]
    record = build(Patient("p1"), [read_answer("x", "Observation", {"x": bundle(*found)})])
    assert [r["id"] for r in record.retrieve("Observation", "value", LOW_BACK_PAIN)] == ["a"]
    assert [r["id"] for r in record.retrieve("Observation", "component.value", LOW_BACK_PAIN)] == ["c"]


def test_retrieve_of_a_medication_follows_its_reference() -> None:
    """Medication codes are found through contained and bundled Medication resources."""
    code = {"coding": [{"system": "http://rx", "code": "1"}]}
    inside = {
        "resourceType": "MedicationRequest",
        "id": "inside",
        "contained": [{"resourceType": "Medication", "id": "m", "code": code}],
        "medicationReference": {"reference": "#m"},
    }
    beside = {
        "resourceType": "MedicationRequest",
        "id": "beside",
        "medicationReference": {"reference": "Medication/m2"},
    }
    direct = {"resourceType": "MedicationRequest", "id": "direct", "medicationCodeableConcept": code}
    other = {
        "resourceType": "MedicationRequest",
        "id": "other",
        "medicationReference": {"reference": "Medication/gone"},
    }
    medication = {"resourceType": "Medication", "id": "m2", "code": code}
    found = chart({"medicationRequests": bundle(inside, beside, direct, other, medication)})
    hits = found.retrieve("MedicationRequest", "medication", frozenset({("http://rx", "1")}))
    assert [r["id"] for r in hits] == ["beside", "direct", "inside"]


def order(identifier: str, status: str = "draft", **elements: Any) -> dict[str, Any]:
    return {"resourceType": "ServiceRequest", "id": identifier, "status": status, **elements}


@pytest.mark.parametrize(
    ("selections", "expected"),
    [
        (None, ["a", "b"]),
        (["ServiceRequest/b"], ["b"]),
        (["b"], ["b"]),
        (["https://ehr.example/fhir/ServiceRequest/b"], ["b"]),
        (["urn:uuid:of-b"], ["b"]),
        (["ServiceRequest/gone"], []),
        ("nonsense", ["a", "b"]),
    ],
)
def test_selections_name_the_drafts_to_judge(selections: Any, expected: list[str]) -> None:
    """Selected drafts are judged, the others are background; without selections all are judged (H, order-select)."""
    drafts = {
        "resourceType": "Bundle",
        "entry": [{"resource": order("a")}, {"resource": order("b"), "fullUrl": "urn:uuid:of-b"}],
    }
    context = {"draftOrders": drafts} if selections is None else {"draftOrders": drafts, "selections": selections}
    found = chart({}, context).orders
    assert [r["id"] for r in found.selected] == expected
    assert [r["id"] for r in found.drafts] == ["a", "b"]


@pytest.mark.parametrize("status", ["revoked", "cancelled", "completed", "entered-in-error", "stopped"])
def test_drafts_that_are_over_never_trigger(status: str) -> None:
    """Only live statuses are orders to decide on."""
    assert chart({}, {"draftOrders": bundle(order("a", status))}).orders.drafts == ()


@pytest.mark.parametrize("status", [None, 3, ["draft"], {"a": 1}])
def test_a_draft_without_a_readable_status_is_live(status: Any) -> None:
    """What cannot be read does not silence the advice, nor crash (B6)."""
    assert len(chart({}, {"draftOrders": bundle({**order("a"), "status": status})}).orders.drafts) == 1


def test_a_draft_wins_over_the_servers_copy() -> None:
    """What is being drafted is not its own history, whatever its status (P16)."""
    prefetch = {"serviceRequests": bundle(order("a", "active"), order("b", "active"))}
    found = chart(prefetch, {"draftOrders": bundle(order("a", "revoked"))})
    assert [r["id"] for r in found.of_type("ServiceRequest")] == ["b"]


def test_another_patients_draft_is_dropped() -> None:
    """A foreign draft is neither judged nor company (P11)."""
    found = chart({}, {"draftOrders": bundle(order("a", subject={"reference": "Patient/other"}))})
    assert (found.orders.drafts, found.dropped) == ((), 1)


def test_appointments_are_the_patients_and_live() -> None:
    """Cancelled appointments and those of other patients are left out."""

    def appointment(identifier: str, status: str, actor: str) -> dict[str, Any]:
        participant = [{"actor": {"reference": "Practitioner/d"}}, {"actor": {"reference": actor}}]
        return {"resourceType": "Appointment", "id": identifier, "status": status, "participant": participant}

    rows = [("a", "proposed", "Patient/p1"), ("b", "cancelled", "Patient/p1"), ("c", "proposed", "Patient/x")]
    found = chart({}, {"appointments": bundle(*(appointment(*row) for row in rows))})
    assert [r["id"] for r in found.orders.appointments] == ["a"]
    assert found.dropped == 1


def test_references_resolve_within_the_call_only() -> None:
    """Drafts, prefetched resources and contained ones resolve; nothing else does (security E6)."""
    holder = order("a", contained=[condition("inside")])
    found = chart({"conditions": bundle(condition("c1"))}, {"draftOrders": bundle(holder)})
    assert found.resolve("Condition/c1") is not None
    assert found.resolve("https://ehr.example/fhir/Condition/c1/_history/2") is not None
    assert found.resolve("ServiceRequest/a") is holder
    assert found.resolve("#inside", holder) is holder["contained"][0]
    assert [found.resolve(r) for r in ("#inside", "Condition/gone", "", "nonsense", "urn:uuid:x")] == [None] * 5


@pytest.mark.parametrize("junk", [[], "x", 3, {"entry": "x"}, {"entry": [None, 1, {"resource": []}, {"resource": {}}]}])
def test_odd_shapes_are_read_as_absent(junk: Any) -> None:
    """Nothing a client sends in a Bundle crashes the chart (B6, B11, B12)."""
    found = chart({}, {"draftOrders": junk, "appointments": junk, "selections": junk})
    assert found.orders.drafts == ()


@pytest.mark.parametrize(
    "odd",
    [
        {"resourceType": "Condition"},
        {"resourceType": "Condition", "id": 7, "subject": "Patient/p1"},
        {"resourceType": "Condition", "id": "c1", "code": [{"coding": [{"system": SNOMED, "code": "1"}]}]},
        {"resourceType": "Condition", "id": "x", "code": {"coding": {"code": "1"}}},
        {"resourceType": "Condition", "id": "x", "code": {"coding": [{"code": 1}]}},
        {"resourceType": "Condition", "id": "x", "code": {"coding": "1"}, "subject": [{"reference": "Patient/p1"}]},
        {"resourceType": "Observation", "id": "x"},
        "no resource",
        None,
    ],
)
def test_an_odd_resource_takes_no_other_with_it(odd: Any) -> None:
    """What is read at once where all resources have the usual shape is read one by one where one has not (B12, P11)."""
    answered = bundle(condition("c0"), odd, condition("c2"), condition("c3", subject="Patient/p2"))
    record = chart({"conditions": answered})
    found = record.retrieve("Condition", "code", LOW_BACK_PAIN)
    assert [resource["id"] for resource in found] == ["c0", "c2"]
    assert record.dropped == 1
