"""The Engine on the bundled content: refusals, determinism, unknowns, limits."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from cds.apply.kinds import KINDS
from cds.clients import Caller, Client
from cds.config import Settings
from cds.definitions.plans import ACTIVITY_KINDS
from cds.errors import NotFoundError, RequestError
from cds.fhir import CANONICAL_BASE
from cds.hooks.cards import Backgrounds
from cds.service import Engine

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SNOMED = "http://snomed.info/sct"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(Settings(demo=True))


def coded(code: str) -> dict[str, Any]:
    return {"coding": [{"system": SNOMED, "code": code}]}


def of_patient(kind: str, identifier: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": identifier, "subject": {"reference": "Patient/p1"}, **elements}


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources]}


LOW_BACK_PAIN = of_patient("Condition", "lbp", code=coded("279039007"), onsetDateTime="2026-02-20")
BED_REST = of_patient("ServiceRequest", "rest", status="draft", intent="order", code={"text": "Bed rest"})
PREFETCH = {
    "patient": {"resourceType": "Patient", "id": "p1"},
    "conditions": bundle(LOW_BACK_PAIN),
    "serviceRequests": bundle(),
    "carePlans": bundle(),
}


def request(
    hook: str = "order-sign", prefetch: dict[str, Any] | None = None, *drafts: dict[str, Any]
) -> dict[str, Any]:
    return {
        "hook": hook,
        "hookInstance": "7f1d2c1e-9a51-4d43-8a5f-3c2b6f0e9d10",
        "context": {"patientId": "p1", "userId": "Practitioner/1", "draftOrders": bundle(*drafts)},
        "prefetch": PREFETCH if prefetch is None else prefetch,
    }


def cards(engine: Engine, body: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    return engine.answer(f"back-pain-{body['hook']}", orjson.dumps(body), now=NOW, **options).cards


def decisions(found: list[dict[str, Any]]) -> list[str]:
    return [card["source"]["topic"]["code"] for card in found]


def test_unknown_service(engine: Engine) -> None:
    """There is no such id: the web layer's 404 (B2)."""
    with pytest.raises(NotFoundError):
        engine.run_hook("gone", orjson.dumps(request()), Caller.demo())


def test_a_known_id_with_another_hook_is_refused(engine: Engine) -> None:
    """400 with a pointer, not 404: the URL exists (B2, L17)."""
    with pytest.raises(RequestError) as refusal:
        engine.run_hook("back-pain-patient-view", orjson.dumps(request("order-sign")), Caller.demo())
    assert (refusal.value.status, refusal.value.issues[0].expression) == (400, "/hook")


@pytest.mark.parametrize("key", ["patient", "conditions"])
@pytest.mark.parametrize("answer", [{"resourceType": "OperationOutcome", "issue": []}, "absent"])
def test_required_data_that_cannot_be_had_is_412(engine: Engine, key: str, answer: Any) -> None:
    """Each missing required key is named; nothing is guessed (P2, P6, P8)."""
    prefetch = {k: v for k, v in PREFETCH.items() if k != key} | ({} if answer == "absent" else {key: answer})
    with pytest.raises(RequestError) as refusal:
        cards(engine, request("order-sign", prefetch, BED_REST))
    assert refusal.value.status == 412
    assert [issue.expression for issue in refusal.value.issues] == [f"/prefetch/{key}"]
    assert key in str(refusal.value.as_fhir()["issue"][0]["diagnostics"])


def test_no_prefetch_at_all_names_every_required_key(engine: Engine) -> None:
    """412 lists them all at once (P6, AP17)."""
    with pytest.raises(RequestError) as refusal:
        cards(engine, request("order-sign", {}))
    assert [issue.expression for issue in refusal.value.issues] == ["/prefetch/patient", "/prefetch/conditions"]


@pytest.mark.parametrize("patient", [None, {"resourceType": "Patient", "id": "other"}])
def test_without_the_patient_nothing_is_evaluated(engine: Engine, patient: Any) -> None:
    """A null Patient, or another patient's, is 412 (L2, P11)."""
    with pytest.raises(RequestError) as refusal:
        cards(engine, request("order-sign", {**PREFETCH, "patient": patient}))
    assert refusal.value.status == 412


def test_null_and_an_empty_bundle_mean_the_same(engine: Engine) -> None:
    """Nothing there is an answer, in either form (P3, L4)."""
    forms = [None, bundle(), {"resourceType": "Bundle", "type": "searchset", "total": 0}]
    answers = [cards(engine, request("order-sign", {**PREFETCH, "conditions": form}, BED_REST)) for form in forms]
    assert answers == [[], [], []]


def test_optional_data_that_is_missing_does_not_refuse_the_call(engine: Engine) -> None:
    """Its absence is unknown: what rests on it is silent, the rest speaks (P7, security E8)."""
    prefetch = {key: PREFETCH[key] for key in ("patient", "conditions")}
    assert decisions(cards(engine, request("patient-view"))) == ["exercise-program", "stay-active", "heat-cold"]
    assert decisions(cards(engine, request("patient-view", prefetch))) == ["heat-cold"]


def test_no_card_appears_because_data_was_not_received(engine: Engine) -> None:
    """security E8 over every subset of the optional keys and every way of missing one: the decisions that speak on a
    patient view with less data also speak with all of it."""
    everything = set(decisions(cards(engine, request("patient-view"))))
    ways: list[Any] = ["absent", {"resourceType": "OperationOutcome"}, {**bundle(), "link": [{"relation": "next"}]}]
    for first, second in itertools.product([*ways, bundle()], repeat=2):
        prefetch = dict(PREFETCH)
        for key, way in (("serviceRequests", first), ("carePlans", second)):
            if way == "absent":
                del prefetch[key]
            else:
                prefetch[key] = way
        assert set(decisions(cards(engine, request("patient-view", prefetch)))) <= everything


@pytest.mark.parametrize("drafts", [(BED_REST,), ()], ids=["in a condition", "in no condition"])
def test_a_resource_that_is_too_deep_refuses_the_calls_that_need_it(engine: Engine, drafts: tuple[Any, ...]) -> None:
    """It is found out when a rule reads it, and still the call is refused, not the rule failed (security B3)."""
    others = [of_patient("Condition", f"c{number}", code=coded(str(number))) for number in range(20)]
    nested = {**LOW_BACK_PAIN, "note": orjson.loads(b"[" * 60 + b"]" * 60)}
    body = request("order-sign", {**PREFETCH, "conditions": bundle(nested, *others)}, *drafts)
    if not drafts:
        assert cards(engine, body) == []
        return
    with pytest.raises(RequestError, match="nested deeper than 64") as caught:
        cards(engine, body)
    assert caught.value.status == 400


@pytest.mark.parametrize("inside", [b"9" * 5000, b"[" * 900 + b"]" * 900])
def test_decimals_of_an_updated_draft_are_read_from_the_drafts_alone(engine: Engine, inside: bytes) -> None:
    """What no rule reads of the prefetch is not read for them either, and fails no call (security.md, section 3)."""
    others = [of_patient("Condition", f"c{number}", code=coded(str(number)), note="HERE") for number in range(20)]
    conditions = bundle(LOW_BACK_PAIN, *others)
    dose = {"doseAndRate": [{"doseQuantity": {"value": "2.50", "unit": "mg"}}]}
    medicine = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "197591"}]}
    draft = of_patient("MedicationRequest", "m1", status="draft", intent="order", medicationCodeableConcept=medicine)
    body = request("order-sign", {**PREFETCH, "conditions": conditions}, {**draft, "dosageInstruction": [dose]})
    needs = engine.service("back-pain-order-sign").requirements
    body["prefetch"] = {**{need.key: None for need in needs}, **body["prefetch"]}
    text = orjson.dumps(body).replace(b'"HERE"', inside).replace(b'"2.50"', b"2.50")
    answer = orjson.dumps(engine.run_hook("back-pain-order-sign", text, Caller.demo()))
    assert b'"update"' in answer
    assert b'"value":2.50' in answer


def test_an_extra_prefetch_key_changes_nothing(engine: Engine) -> None:
    """Keys nobody asked for are ignored (P10)."""
    plain = cards(engine, request("order-sign", None, BED_REST))
    more = {**PREFETCH, "observations": bundle(of_patient("Observation", "o"))}
    assert cards(engine, request("order-sign", more, BED_REST)) == plain


def test_the_same_call_gives_the_same_bytes_in_any_order(engine: Engine) -> None:
    """Byte-equal answers with entries shuffled, and in another engine (R6)."""
    problems = [LOW_BACK_PAIN, *(of_patient("Condition", f"c{n}", code=coded(str(n))) for n in range(20))]
    drafts = [BED_REST, {**BED_REST, "id": "rest2"}, {**BED_REST, "id": "x", "code": coded("44868003")}]
    other = Engine(Settings(demo=True))
    answers = set()
    shuffler = random.Random(7)  # noqa: S311  an order, not a secret
    for some in (engine, engine, other):
        shuffler.shuffle(problems)
        shuffler.shuffle(drafts)
        body = request("order-sign", {**PREFETCH, "conditions": bundle(*problems)}, *drafts)
        answers.add(orjson.dumps(cards(some, body)))
    assert len(answers) == 1


def test_ids_differ_between_services_called_for_one_event(engine: Engine) -> None:
    """hookInstance may be shared by several services of one event (B14, L7)."""
    body = request("order-sign", None, BED_REST)
    select = {**body, "hook": "order-select"}
    uuids = [card["uuid"] for some in (body, select) for card in cards(engine, some)]
    assert len(set(uuids)) == len(uuids) == 2


@pytest.mark.parametrize(("most", "expected"), [(5, 3), (1, 1), (0, 0)])
def test_info_cards_on_a_patient_view_are_limited(most: int, expected: int) -> None:
    """Only the first info cards of the pathway are shown (decisions.md, rules for all)."""
    found = cards(Engine(Settings(demo=True, max_info_cards=most)), request("patient-view"))
    assert decisions(found) == ["exercise-program", "stay-active", "heat-cold"][:expected]


def test_single_decisions_are_services_by_setting() -> None:
    """offer_decisions adds a service per decision and hook; ids stay what they are (A15)."""
    some = Engine(Settings(demo=True, offer_decisions=True))
    assert {"bed-rest-order-sign", "spinal-fusion-appointment-book", "back-pain-order-sign"} <= set(some.services)
    body = request("order-sign", None, BED_REST)
    assert decisions(some.answer("bed-rest-order-sign", orjson.dumps(body), now=NOW).cards) == ["bed-rest"]


def test_a_failed_rule_is_silent_to_the_clinician_and_loud_to_the_operator(engine: Engine) -> None:
    """A guard that stops one decision leaves the others; the log names the rule and no data (security E1, security E7,
    security A2)."""
    canary = "canary " + "x" * 200_000
    odd = {**BED_REST, "id": "odd", "code": {"text": canary}}
    with capture_logs() as lines:
        found = cards(engine, request("order-sign", None, odd, {**BED_REST, "id": "a", "code": coded("55705006")}))
    failed = [line for line in lines if line["event"] == "rule-failed"]
    assert "spinal-fusion" not in decisions(found)
    assert {line["action"].split("/")[0] for line in failed} >= {"bed-rest"}
    assert "canary" not in str(lines)


def test_the_log_of_a_failed_rule_holds_no_ids_of_the_patient(engine: Engine) -> None:
    """A draft's id is data of the request, wherever it would show up (security A2)."""
    with capture_logs() as lines:
        cards(engine, request("order-sign", None, {**BED_REST, "id": "1/canary"}))
    assert any(line["event"] == "rule-failed" for line in lines)
    assert "canary" not in str(lines)


def test_a_card_that_breaks_the_schema_is_left_out_alone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong in one card, the others are given and the operator is told (C35, security E7)."""
    body = request("order-sign", None, BED_REST, {**BED_REST, "id": "x", "code": coded("44868003")})
    reasons = {f"{CANONICAL_BASE}/ValueSet/override-bed-rest": [{"code": "no-display", "system": "http://x"}]}
    monkeypatch.setattr(engine, "_backgrounds", Backgrounds(lambda canonical: reasons.get(canonical, [])))
    with capture_logs() as lines:
        found = cards(engine, body)
    assert decisions(found) == ["acupuncture"]
    assert [line["decision"] for line in lines if line["event"] == "card-invalid"] == ["bed-rest"]


@pytest.mark.parametrize("identifier", ["a/b", "a b", "<script>", "", "é", "x" * 300])
def test_a_draft_that_cannot_be_referred_to_gets_no_suggestion(engine: Engine, identifier: str) -> None:
    """The card still speaks; what would touch the draft is left out, and the answer stays valid (C27, C28, B6)."""
    (card,) = cards(engine, request("order-sign", None, {**BED_REST, "id": identifier}))
    assert decisions([card]) == ["bed-rest"]
    assert "suggestions" not in card


def test_suggestions_with_one_label_are_told_apart_by_their_draft(engine: Engine) -> None:
    """Two bed-rest orders: each suggestion says which one it is about, and at most one is recommended (C18, C20)."""
    (card,) = cards(engine, request("order-sign", None, BED_REST, {**BED_REST, "id": "rest2"}))
    labels = [suggestion["label"] for suggestion in card["suggestions"]]
    assert len(set(labels)) == 4
    assert all(label.endswith(("(rest)", "(rest2)")) for label in labels)
    assert [s.get("isRecommended") for s in card["suggestions"]].count(True) == 1


def test_the_kinds_that_the_checker_knows_are_those_that_can_be_made() -> None:
    """`cds check` refuses exactly what apply cannot make."""
    assert set(ACTIVITY_KINDS) == set(KINDS)


@pytest.mark.slow
def test_codes_of_the_site_work_like_ours(tmp_path: Path) -> None:
    """An order with a code that only the overlay knows brings the card: by its ConceptMap, and by a ValueSet."""
    (tmp_path / "map.yaml").write_text(
        f"{{resourceType: ConceptMap, url: urn:site:map, status: active, group: [{{source: urn:site, target: "
        f"{CANONICAL_BASE}/CodeSystem/order, element: [{{code: BR, target: [{{code: prescribed-bed-rest, equivalence: "
        f"equivalent}}]}}]}}]}}"
    )
    (tmp_path / "needles.yaml").write_text(
        f"{{resourceType: ValueSet, url: {CANONICAL_BASE}/ValueSet/order-acupuncture, status: active, compose: "
        f"{{include: [{{system: urn:site, concept: [{{code: NEEDLES}}]}}]}}}}"
    )
    engine = Engine(Settings(demo=True, overlay=tmp_path))
    assert engine.snapshot.warnings == ()
    for code, decision in (("BR", "bed-rest"), ("NEEDLES", "acupuncture")):
        order = {**BED_REST, "code": {"coding": [{"system": "urn:site", "code": code}]}}
        assert decisions(cards(engine, request("order-sign", None, order))) == [decision]


def test_a_client_calls_only_services_it_is_registered_for(engine: Engine) -> None:
    """A known client that may not call a service is 403; a service that nobody has is 404 for it too (D2)."""
    client = Client(id="ehr", issuer="i", tenant="t", services=frozenset({"back-pain-patient-view"}))
    caller = Caller(client, "t")
    body = orjson.dumps(request("patient-view"))
    with pytest.raises(RequestError) as refused:
        engine.run_hook("back-pain-order-sign", body, caller)
    assert refused.value.status == 403
    with pytest.raises(NotFoundError):
        engine.run_hook("gone", body, caller)
    assert "cards" in engine.run_hook("back-pain-patient-view", body, caller)
