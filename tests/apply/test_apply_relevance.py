"""Actions that what is drafted settles: whatever a call drafts, it answers as if each were judged."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from content_support import CONTENT, cases, engine
from hypothesis import given
from hypothesis import strategies as st

from cds.apply.relevance import Relevance
from cds.apply.tree import AppliedAction
from cds.cases.run import answer_of, find
from cds.data import chart_of_request
from cds.errors import RequestError
from cds.hooks.request import parse

SNOMED, RXNORM = "http://snomed.info/sct", "http://www.nlm.nih.gov/research/umls/rxnorm"
TENS = {"system": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "code": "A4595"}
IBUPROFEN = {"system": RXNORM, "code": "5640"}


def call(
    *drafts: Any, appointments: tuple[Any, ...] = (), record: tuple[Any, ...] = (), hook: str = "order-sign"
) -> bytes:
    """A call with drafts and appointments for a patient with low back pain, whose other data is there, or nothing."""
    service = engine().service(f"back-pain-{hook}")
    pain = {
        "resourceType": "Condition",
        "id": "pain",
        "code": {"coding": [{"system": SNOMED, "code": "279039007"}]},
        "subject": {"reference": "Patient/p"},
    }
    found = [{"resourceType": "Patient", "id": "p"}, pain, *record]
    prefetch = {
        need.key: {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in found
                   if r["resourceType"] == need.resource_type]}
        for need in service.requirements
    }  # fmt: skip
    prefetch["patient"] = found[0]
    context = {"userId": "Practitioner/1", "patientId": "p"}
    for name, resources in (("draftOrders", drafts), ("appointments", appointments)):
        context[name] = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}
    return orjson.dumps({"hook": hook, "hookInstance": "1", "context": context, "prefetch": prefetch})


def draft(kind: str = "ServiceRequest", number: int = 1, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": kind,
        "id": f"d{number}",
        "status": "draft",
        "subject": {"reference": "Patient/p"},
        **elements,
    }


def settled(*drafts: Any, **more: Any) -> set[str]:
    """The ids of the top actions that the drafts of a call settle."""
    request = parse(call(*drafts, **more))
    service = engine().service(f"back-pain-{request.hook}")
    return {action.id for action in service.relevance.settled(chart_of_request(request, service.requirements)).closed}


def judged(body: bytes) -> tuple[list[AppliedAction], list[AppliedAction]]:
    """What a call comes to as it is, and with each action judged."""
    name = f"back-pain-{orjson.loads(body)['hook']}"
    engine_ = engine()
    now = engine_._now()
    return (
        engine_.answer(name, body, now=now).applied,
        engine_.answer(name, body, now=now, watch=lambda *_: None).applied,  # type: ignore[arg-type, return-value]
    )


@cache
def every() -> set[str]:
    """The ids of the actions that order-sign asks."""
    actions = engine().service("back-pain-order-sign").plan.actions
    return {action.id for action in actions if action.hooks_asked is not None and "order-sign" in action.hooks_asked}


def test_what_opens_an_action() -> None:
    """A code or words of it in a draft; no action is opened by what is about none of them."""
    assert settled(draft(code={"text": "X-ray of the foot"})) == every()
    assert every() - settled(draft(code={"coding": [TENS]})) == {"electro-physical-agents"}
    assert every() - settled(draft(code={"text": "Transcutaneous electrical nerve stimulation"})) == {
        "electro-physical-agents"
    }
    assert every() - settled(draft(code={"coding": [{"display": "Bed rest"}]})) == {"bed-rest"}
    assert every() - settled(draft(), appointments=(draft("Appointment", 2, status="proposed", participant=[]),)) == {
        "spinal-fusion",
        "surgery-gate",
        "radiofrequency-denervation",
    }


@pytest.mark.parametrize(
    "elements",
    [
        {"contained": [{"resourceType": "Medication", "id": "m", "code": {"coding": [IBUPROFEN]}}],
         "medicationReference": {"reference": "#m"}},
        {"medicationReference": {"reference": "Medication/m"}},
        {"medicationCodeableConcept": {"coding": [IBUPROFEN]}},
        {"medicationCodeableConcept": {"coding": [{"code": "5640"}]}},
        {"medicationReference": {"reference": "Medication/unknown", "display": "ibuprofen"}},
    ],
)  # fmt: skip
def test_medicines_in_every_form(elements: dict[str, Any]) -> None:
    """What a draft refers to counts as a part of it, contained or in the record."""
    medication = {"resourceType": "Medication", "id": "m", "code": {"coding": [IBUPROFEN]}}
    body = parse(call(draft("MedicationRequest", **elements)))
    service = engine().service("back-pain-order-sign")
    chart = chart_of_request(body, service.requirements)
    chart._record["Medication"] = [medication]
    assert "nsaid-caution" not in {action.id for action in service.relevance.settled(chart).closed}


@pytest.mark.parametrize(
    "elements",
    [
        {"code": {"text": 5}},
        {"code": {"text": ["Bed rest", None]}},
        {"code": {"coding": [[{"code": "x"}]]}},
        {"code": {"text": "x" * 100_001}},
        {"code": 7},
    ],
)
def test_what_is_not_as_fhir_has_it_settles_nothing(elements: dict[str, Any]) -> None:
    """Judging sees to it, and reports what it must."""
    assert settled(draft(**elements)) == set()


def test_services_without_drafts() -> None:
    """A hook whose conditions are about the record settles nothing."""
    assert settled(hook="patient-view") == set()


def test_patterns_that_cannot_be_told_open_every_action(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library of regular expressions says of one that ran out of memory that nothing matched."""
    service = engine().service("back-pain-order-sign")
    relevance = Relevance(service.plan, "order-sign", engine().snapshot.terminology)
    monkeypatch.setattr(relevance, "_matching", lambda _text: None)
    chart = chart_of_request(parse(call(draft(code={"text": "X-ray"}))), service.requirements)
    assert relevance.settled(chart).closed == {}


def test_an_action_with_a_title_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a card even when nothing below it fires."""
    service = engine().service("back-pain-order-sign")
    chart = chart_of_request(parse(call(draft(code={"text": "X-ray"}))), service.requirements)
    titled = next(action for action in service.plan.actions if action.id == "traction")
    monkeypatch.setitem(titled.element, "title", "Traction")
    left = Relevance(service.plan, "order-sign", engine().snapshot.terminology).settled(chart)
    assert left.open == [titled]


@pytest.mark.slow
@pytest.mark.parametrize("file", find(CONTENT), ids=lambda file: f"{file.parent.parent.name}/{file.stem}")
def test_cases_come_to_the_same(file: Path) -> None:
    """Every case: the applied trees are equal whether actions are settled or judged."""
    for (own, _), case in cases().items():
        if own != file:
            continue
        try:
            found = answer_of(engine(), case).applied
        except RequestError:
            continue
        assert found == answer_of(engine(), case, watch=lambda *_: None).applied, case.name  # type: ignore[arg-type, return-value]


def members() -> list[dict[str, str]]:
    """Some codes of every value set of orders and medicines, and of one without."""
    terminology = engine().snapshot.terminology
    urls = sorted(document.resource["url"] for document in engine().snapshot.documents if document.kind == "ValueSet")
    sets = [terminology.expansion(url) for url in urls if "/order-" in url or "/med-" in url or "/proc-" in url]
    codes = [code for found in sets if found is not None for code in sorted(found.codes)[:2]]
    return [{"system": system, "code": code} for system, code in [*codes, (SNOMED, "1"), ("urn:other", "5640")]]


WORDS = st.sampled_from(
    [
        *("Bed rest", "no bed rest", "Spinal fusion L4-L5", "TENS", "pens", "PENS", "ibuprofen gel", "Acupuncture"),
        *("Traction", "soft collar", "heat pack", "CBT", "lumbar corset", "insoles", "amitriptyline", "co-codamol"),
        *("diazepam", "X-ray", "facet joint injection", "radiofrequency denervation", "discectomy", "manipulation"),
        *("Alexander technique", "", " "),
    ]
)
MEMBERS = st.deferred(lambda: st.sampled_from(members()))  # not while tests are collected: the content takes a second
CODINGS = st.one_of(
    MEMBERS,
    st.builds(lambda coding, display: {**coding, "display": display}, MEMBERS, WORDS),
    st.builds(lambda coding: {"code": coding["code"]}, MEMBERS),
    st.builds(lambda display: {"display": display}, WORDS),
)
CONCEPTS = st.fixed_dictionaries({}, optional={"coding": st.lists(CODINGS, max_size=2), "text": WORDS})
LISTS = st.lists(CONCEPTS, max_size=1)
DRAFTS = st.one_of(
    st.fixed_dictionaries(
        {"resourceType": st.just("ServiceRequest")},
        optional={"code": CONCEPTS, "reasonCode": LISTS, "bodySite": LISTS},
    ),
    st.fixed_dictionaries(
        {"resourceType": st.just("MedicationRequest")},
        optional={"medicationCodeableConcept": CONCEPTS, "reasonCode": LISTS},
    ),
    st.fixed_dictionaries({"resourceType": st.just("DeviceRequest")}, optional={"codeCodeableConcept": CONCEPTS}),
    st.fixed_dictionaries({"resourceType": st.just("SupplyRequest")}, optional={"itemCodeableConcept": CONCEPTS}),
)


@given(st.lists(DRAFTS, max_size=2), st.sampled_from(["order-sign", "order-select"]))
def test_drafts_come_to_the_same(drafts: list[dict[str, Any]], hook: str) -> None:
    """Drafts of any kind, code and words: the applied trees are equal whether actions are settled or judged."""
    made = [{**draft(number=number), **elements} for number, elements in enumerate(drafts)]
    found, expected = judged(call(*made, hook=hook))
    assert found == expected
