"""The Engine with a database: hook calls leave decisions, and feedback is taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select
from storage_support import caller

from cds.config import Settings
from cds.errors import NotFoundError, RequestError, StorageError
from cds.service import Engine
from cds.storage import Storage
from cds.storage.tables import cards, decisions, feedback
from cds.web import create_app

SERVICE = "back-pain-order-sign"
A, B = caller("a"), caller("b")


@pytest.fixture
def engine(loaded: Engine, storage: Storage) -> Iterator[Engine]:
    loaded.storage = storage
    yield loaded
    loaded.storage = None


def call(patient: str = "canary-patient") -> bytes:
    """An order of bed rest for a patient with low back pain: one card."""
    subject = {"reference": f"Patient/{patient}"}
    pain = {"resourceType": "Condition", "id": "lbp", "subject": subject}
    pain["code"] = {"coding": [{"system": "http://snomed.info/sct", "code": "279039007"}], "text": "canary-text"}
    rest = {"resourceType": "ServiceRequest", "id": "canary-draft", "status": "draft", "intent": "order"}
    drafts = {
        "resourceType": "Bundle",
        "entry": [{"resource": {**rest, "subject": subject, "code": {"text": "Bed rest"}}}],
    }
    conditions = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": pain}]}
    return orjson.dumps(
        {
            "hook": "order-sign",
            "hookInstance": "7f1d2c1e-9a51-4d43-8a5f-3c2b6f0e9d10",
            "fhirServer": "https://canary-server.example",
            "fhirAuthorization": {
                "access_token": "canary-token",
                "token_type": "Bearer",
                "expires_in": 300,
                "scope": "patient/*.rs",
                "subject": "canary-subject",
            },
            "context": {"patientId": patient, "userId": "Practitioner/canary-user", "draftOrders": drafts},
            "prefetch": {
                "patient": {"resourceType": "Patient", "id": patient, "name": [{"family": "canary-name"}]},
                "conditions": conditions,
                "serviceRequests": None,
                "carePlans": None,
            },
        }
    )


def report(card: str) -> bytes:
    item = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-03-02T10:05:31Z"}
    return orjson.dumps({"feedback": [item]})


def everything(storage: Storage) -> list[Any]:
    with storage.database.reading() as connection:
        return [tuple(row) for table in (decisions, cards, feedback) for row in connection.execute(select(table))]


def test_a_call_leaves_a_decision_without_the_patient(engine: Engine, storage: Storage) -> None:
    """What is logged of a call are ids of ours, and nothing of the patient, the user, the drafts or the token (security
    A2, B10)."""
    [card] = engine.run_hook(SERVICE, call(), A)["cards"]
    storage.flush()
    decision, shown = everything(storage)
    assert decision[2:8] == (
        "a",
        "ehr-a",
        SERVICE,
        "order-sign",
        "7f1d2c1e-9a51-4d43-8a5f-3c2b6f0e9d10",
        engine.snapshot.revision,
    )
    outcomes = orjson.loads(decision[8])
    assert set(outcomes) <= {"fired", "not applicable", "unknown", "failed"}
    assert all(outcomes.values())
    assert shown[1] == card["uuid"]
    assert shown[4] == card["source"]["topic"]["code"]
    assert set(orjson.loads(shown[7])) == {suggestion["uuid"] for suggestion in card["suggestions"]}
    assert "canary" not in repr((decision, shown))


def test_feedback_joins_its_card_and_decision(engine: Engine, storage: Storage) -> None:
    """What a client says about a card leads to the rule that gave it and the decision it was given in (section E)."""
    [card] = engine.run_hook(SERVICE, call(), A)["cards"]
    engine.run_feedback(SERVICE, report(card["uuid"]), A)
    storage.flush()
    joined = (
        select(decisions.c.service, cards.c.rule, feedback.c.outcome)
        .join(cards, cards.c.decision == decisions.c.id)
        .join(feedback, (feedback.c.card == cards.c.card) & (feedback.c.tenant == cards.c.tenant))
    )
    with storage.database.reading() as connection:
        assert connection.execute(joined).all() == [(SERVICE, card["source"]["topic"]["code"], "overridden")]


def test_tenants_with_the_same_call_have_cards_of_their_own(engine: Engine, storage: Storage) -> None:
    """Two tenants may send the same hookInstance, so the same card id: what one says is not about the other's card
    (security J13, security R7)."""
    for who in (A, B):
        engine.run_hook(SERVICE, call(), who)
    [card] = engine.run_hook(SERVICE, call(), A)["cards"]
    engine.run_feedback(SERVICE, report(card["uuid"]), B)
    storage.flush()
    joined = (
        select(cards.c.tenant, func.count())
        .join(feedback, (feedback.c.card == cards.c.card) & (feedback.c.tenant == cards.c.tenant))
        .group_by(cards.c.tenant)
    )
    with storage.database.reading() as connection:
        assert connection.execute(joined).all() == [("b", 1)]


@pytest.mark.parametrize("tenant", ["%00", "a%00b", "a%0Ab"])
def test_statistics_of_what_no_tenant_is_called(engine: Engine, storage: Storage, tenant: str) -> None:
    """A text that PostgreSQL cannot hold is a mistake in the request: 400 with either database, which is as well as
    before (B5)."""
    client = create_app(engine, Settings(demo=True), database=storage.problem).test_client()
    answer = client.get(f"/stats.json?tenant={tenant}")
    assert answer.status_code == 400
    assert answer.get_json()["issue"][0]["expression"] == ["tenant"]
    assert client.get("/readyz").get_json()["status"] == "ready"


def test_what_has_no_encoding_is_refused(storage: Storage) -> None:
    """Half a surrogate pair, as a command line that is not UTF-8 gives, is told as what is wrong with the question."""
    with pytest.raises(StorageError) as caught:
        storage.statistics(30, "\udcff")
    assert caught.value.refused


@pytest.mark.parametrize(
    ("service", "body", "status"),
    [
        ("nope", report("x"), 404),
        (SERVICE, b"{}", 400),
        (SERVICE, b'{"feedback": []}', 400),
        (SERVICE, report("x"), 200),
    ],
)
def test_feedback_over_http(engine: Engine, service: str, body: bytes, status: int) -> None:
    """Stored feedback is answered 200 with {}, what is none 400, an unknown service 404 (E1, E9)."""
    client = create_app(engine, Settings(demo=True)).test_client()
    response = client.post(f"/cds-services/{service}/feedback", data=body, content_type="application/json")
    assert response.status_code == status
    assert response.json == {} if status == 200 else response.json["resourceType"] == "OperationOutcome"


def test_feedback_of_a_service_the_client_may_not_call(engine: Engine) -> None:
    """A client registered for some services speaks about cards of those only (security J13)."""
    from dataclasses import replace

    with pytest.raises(RequestError) as caught:
        engine.run_feedback(SERVICE, report("x"), replace(A, client=replace(A.client, services=frozenset({"other"}))))
    assert caught.value.status == 403


def test_without_a_database_no_feedback_is_taken(loaded: Engine) -> None:
    """An Engine without a storage offers no feedback, and answers calls (E1)."""
    assert loaded.run_hook(SERVICE, call(), A)["cards"]
    with pytest.raises(NotFoundError):
        loaded.run_feedback(SERVICE, report("x"), A)
