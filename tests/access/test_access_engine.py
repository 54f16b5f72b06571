"""Hook calls whose data comes from the FHIR server: cards, refusals, what is said of data that could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from fhir_server_support import Record, ScriptedServer, closed_port, fhir, outcome, searchset, serving, timed
from structlog.testing import capture_logs

from cds.clients import Caller
from cds.config import Settings
from cds.errors import RequestError
from cds.hooks.envelope import response_valid
from cds.service import Engine

pytestmark = pytest.mark.slow

SNOMED = "http://snomed.info/sct"
PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1980-05-01"}
SUBJECT = {"reference": "Patient/p1"}
BACK_PAIN = {
    "resourceType": "Condition",
    "id": "lbp",
    "subject": SUBJECT,
    "code": {"coding": [{"system": SNOMED, "code": "279039007"}]},
}
REST: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "id": "o1",
    "status": "draft",
    "intent": "order",
    "subject": SUBJECT,
    "code": {
        "coding": [{"system": "https://pathway-cds.example/fhir/CodeSystem/order", "code": "prescribed-bed-rest"}]
    },
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = Engine(Settings(demo=True, now="2026-06-15T12:00:00Z"))
    yield made
    made.access.close()


@pytest.fixture
def record() -> Record:
    return Record(PATIENT, BACK_PAIN)


@pytest.fixture
def server(record: Record) -> Iterator[ScriptedServer]:
    with serving(record) as running:
        yield running


def body(server: str | None, *drafts: dict[str, Any], hook: str = "patient-view", **members: Any) -> bytes:
    context: dict[str, Any] = {"patientId": "p1", "userId": "Practitioner/u1"}
    if drafts:
        context["draftOrders"] = searchset(*drafts)
    call: dict[str, Any] = {"hook": hook, "hookInstance": "1", "context": context, **members}
    return orjson.dumps(call if server is None else {**call, "fhirServer": server})


def cards(engine: Engine, sent: bytes, hook: str = "patient-view") -> list[dict[str, Any]]:
    answer = engine.run_hook(f"back-pain-{hook}", sent, Caller.demo())
    assert response_valid(orjson.loads(orjson.dumps(answer)))
    found: list[dict[str, Any]] = answer["cards"]
    return found


def topics(found: list[dict[str, Any]]) -> list[str]:
    return [card["source"]["topic"]["code"] for card in found]


def test_a_call_without_prefetch_is_answered_from_the_server(engine: Engine, server: ScriptedServer) -> None:
    """P2, P15, AP17: no template was honoured, and the cards are there."""
    assert "exercise-program" in topics(cards(engine, body(f"{server.url}/fhir")))
    assert len(server.hits) == len(engine.service("back-pain-patient-view").requirements)


def test_what_is_prefetched_is_not_fetched(engine: Engine, server: ScriptedServer) -> None:
    """P3, P5: with null for every optional key the server sees nothing."""
    prefetch: dict[str, Any] = {n.key: None for n in engine.service("back-pain-patient-view").requirements}
    prefetch |= {"patient": PATIENT, "conditions": searchset(BACK_PAIN)}
    assert "exercise-program" in topics(cards(engine, body(f"{server.url}/fhir", prefetch=prefetch)))
    assert server.hits == []


def test_what_was_fetched_is_measured(engine: Engine, record: Record, server: ScriptedServer) -> None:
    """What a call keeps in memory until it is logged is as large as what came for it, not as what was sent."""
    record.faults["Condition"] = lambda _: fhir(searchset({**BACK_PAIN, "note": [{"text": "x" * 100_000}]}))
    answer = engine.answer("back-pain-patient-view", body(f"{server.url}/fhir"), caller=Caller.demo())
    assert answer.fetched > 100_000
    assert engine._kept(answer, b"{}").size == answer.fetched + 2  # type: ignore[union-attr]
    prefetch: dict[str, Any] = {n.key: None for n in engine.service("back-pain-patient-view").requirements}
    sent = body(f"{server.url}/fhir", prefetch={**prefetch, "patient": PATIENT, "conditions": searchset(BACK_PAIN)})
    assert engine.answer("back-pain-patient-view", sent, caller=Caller.demo()).fetched == 0


@pytest.mark.parametrize("url", [None, "http://169.254.169.254/", "https://ehr.example.org/fhir", "file:///x"])
def test_required_data_that_cannot_be_had_is_412(engine: Engine, url: str | None) -> None:
    """P6, P14: no server, or one that may not be asked: never cards, never 500."""
    with pytest.raises(RequestError) as refusal:
        cards(engine, body(url))
    assert refusal.value.status == 412
    assert [issue.expression for issue in refusal.value.issues] == ["/prefetch/patient", "/prefetch/conditions"]


def test_a_server_without_the_patient_is_412(engine: Engine, record: Record, server: ScriptedServer) -> None:
    """P8: 404 for the Patient means that nothing can be evaluated; the reason is told, no id."""
    record.resources = [BACK_PAIN]
    with pytest.raises(RequestError) as refusal:
        cards(engine, body(f"{server.url}/fhir"))
    (issue,) = refusal.value.issues
    assert (refusal.value.status, issue.expression) == (412, "/prefetch/patient")
    assert str(issue.diagnostics).endswith("not-found")


def test_a_server_that_is_down_is_412_quickly(engine: Engine) -> None:
    """P6, security F6: and in less than 50 ms once the breaker is open."""
    sent = body(f"http://127.0.0.1:{closed_port()}/fhir")

    def refused() -> None:
        with pytest.raises(RequestError) as refusal:
            cards(engine, sent)
        assert refusal.value.status == 412

    refused()
    assert min(timed(refused) for _ in range(5)) < 0.05


def test_data_that_could_not_be_read_is_told_when_it_keeps_advice_back(
    engine: Engine, record: Record, server: ScriptedServer
) -> None:
    """security F1, P9: the cards that can be decided, and one info card that names what is missing."""
    record.faults["Observation"] = lambda _: fhir(outcome("exception"), 500)
    found = cards(engine, body(f"{server.url}/fhir"))
    assert topics(found)[-1] == "data-missing"
    assert found[-1]["detail"] == "Not read, or not completely: observations."
    assert len(found) > 1
    record.faults.clear()
    assert "data-missing" not in topics(cards(engine, body(f"{server.url}/fhir")))


def test_nothing_is_told_where_nothing_was_kept_back(engine: Engine, record: Record, server: ScriptedServer) -> None:
    """A patient without back pain: what is missing could not have mattered."""
    record.resources = [PATIENT]
    record.faults["Observation"] = lambda _: fhir(outcome("exception"), 500)
    assert cards(engine, body(f"{server.url}/fhir")) == []


def test_drafts_win_over_the_servers_data(engine: Engine, record: Record, server: ScriptedServer) -> None:
    """P16: the order that the clinician has just changed is older on the server; it is judged as it is now, once."""
    record.resources.append({**REST, "status": "active", "code": {"text": "something else"}})
    found = cards(engine, body(f"{server.url}/fhir", REST, hook="order-sign"), "order-sign")
    assert topics(found) == ["bed-rest"]
    record.resources[-1] = {**REST, "status": "active"}
    revoked = {**REST, "status": "revoked"}
    assert topics(cards(engine, body(f"{server.url}/fhir", revoked, hook="order-sign"), "order-sign")) == []


def test_other_patients_data_is_dropped(engine: Engine, record: Record, server: ScriptedServer) -> None:
    """P11, security F3: a server that ignores the patient in a search: nothing of others is judged, and it is told."""
    record.resources = [PATIENT, {**BACK_PAIN, "subject": {"reference": "Patient/p2"}}]
    with capture_logs() as logs:
        assert cards(engine, body(f"{server.url}/fhir")) == []
    assert [(line["event"], line["count"]) for line in logs] == [("foreign-resources-dropped", 1)]


def test_a_draft_that_only_refers_to_its_medicine_is_judged(
    engine: Engine, record: Record, server: ScriptedServer
) -> None:
    """P13: EHRs that write no code in a prescription: the Medication behind it is read."""
    rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
    draft = {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "draft",
        "intent": "order",
        "subject": SUBJECT,
        "medicationReference": {"reference": "Medication/diazepam"},
        "reasonCode": [BACK_PAIN["code"]],
    }
    coded = {"coding": [{"system": rxnorm, "code": "197591"}]}
    record.resources.append({"resourceType": "Medication", "id": "diazepam", "code": coded})
    assert "muscle-relaxant" in topics(
        cards(engine, body(f"{server.url}/fhir", draft, hook="order-sign"), "order-sign")
    )
