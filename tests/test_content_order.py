"""The order in which a client or its server lists resources, which says nothing."""

from __future__ import annotations

import random
from datetime import datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from cds.cases.model import Case
from cds.cases.request import request_body
from cds.cases.run import load
from cds.config import Settings
from cds.errors import RequestError
from cds.service import Engine

pytestmark = pytest.mark.slow

CONTENT = Path(__file__).resolve().parents[1] / "plandefinitions"


PAIN = {
    "resourceType": "Condition",
    "id": "c1",
    "subject": {"reference": "Patient/p1"},
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "279039007"}]},
}
ACUPUNCTURE = {
    "resourceType": "ServiceRequest",
    "id": "s1",
    "status": "draft",
    "intent": "order",
    "subject": {"reference": "Patient/p1"},
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "44868003"}]},
}


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same JSON with the entries of every Bundle in another order."""
    if isinstance(value, dict):
        copy = {name: shuffled(item, chance) for name, item in value.items()}
        if copy.get("resourceType") == "Bundle" and copy.get("entry"):
            chance.shuffle(copy["entry"])
        return copy
    return [shuffled(item, chance) for item in value] if isinstance(value, list) else value


def cards(engine: Engine, case: Case, body: bytes) -> bytes:
    """The cards as bytes, or why the call is refused."""
    now = datetime.combine(case.today, time(12), ZoneInfo("UTC"))
    try:
        return orjson.dumps(engine.answer(case.service, body, now=now, parameters=case.settings).cards)
    except RequestError as refusal:
        return str(refusal).encode()


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(Settings(content=CONTENT))


def test_entries_in_any_order_give_the_same_cards(engine: Engine) -> None:
    """For every case: the same resources in another order give the same bytes (security R6, B14)."""
    chance = random.Random(7)  # noqa: S311 - no secret
    differing = []
    for case in load(engine, CONTENT):
        body = request_body(case, engine.service(case.service).requirements)
        again = orjson.dumps(shuffled(orjson.loads(body), chance))
        if again != body and cards(engine, case, body) != cards(engine, case, again):
            differing.append(f"{case.location.file}: {case.name}")
    assert differing == []


@pytest.mark.parametrize("newer", [True, False])
@pytest.mark.parametrize("where", ["prefetch", "draftOrders"])
def test_of_two_resources_with_one_id_the_latest_counts(engine: Engine, where: str, newer: bool) -> None:
    """When a type and id come twice with different content, their order does not decide; where one says that it was
    updated later, that one counts (security R6)."""
    both = {"conditions": [PAIN], "drafts": [ACUPUNCTURE]}
    for name, text in (("conditions", "Hay fever"), ("drafts", "X-ray of the foot")):
        if (name == "drafts") == (where == "draftOrders"):
            [first] = both[name]
            second = {**first, "code": {"text": text}}
            if newer:
                second["meta"] = {"lastUpdated": "2026-01-02T00:00:00Z"}
            both[name] = [{**first, "meta": {"lastUpdated": "2026-01-01T00:00:00Z"}} if newer else first, second]
    answers = set()
    for turn in (1, -1):
        entries = {name: [{"resource": each} for each in resources[::turn]] for name, resources in both.items()}
        body = {
            "hook": "order-sign",
            "hookInstance": "1",
            "context": {"patientId": "p1", "draftOrders": {"resourceType": "Bundle", "entry": entries["drafts"]}},
            "prefetch": {
                "patient": {"resourceType": "Patient", "id": "p1", "birthDate": "1980-01-01"},
                "conditions": {"resourceType": "Bundle", "entry": entries["conditions"]},
            },
        }
        answers.add(orjson.dumps(engine.answer("back-pain-order-sign", orjson.dumps(body)).cards))
    assert len(answers) == 1
    if newer:
        assert b"Acupuncture" not in answers.pop()
