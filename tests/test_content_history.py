"""What the decisions share about duration, severity and what was tried (plandefinitions/back-pain/history.cql): each
define at its boundaries. Today is 2 March 2026.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds.cql.author import Author
from cds.cql.content import Content
from cds.cql.record import Record, record_of
from cds.cql.session import Session
from cds.definitions.snapshot import Snapshot, load_snapshot
from cds.expr.elm.library import Library
from cds.fhir import Resource
from cds.fhirpath.question import Surroundings

CONTENT = Path(__file__).resolve().parents[1] / "plandefinitions"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SNOMED, ATC, LOINC = "http://snomed.info/sct", "http://www.whocc.no/atc", "http://loinc.org"


@cache
def content() -> tuple[Snapshot, Library]:
    snapshot = load_snapshot(CONTENT)
    return snapshot, Author(CONTENT / "back-pain" / "history.cql", Content(snapshot).find).library()


def evaluate(name: str, *resources: Resource, drafts: tuple[Resource, ...] = (), obtained: bool = True) -> Any:
    """The value of a define for a record that holds the resources and nothing else, or that nobody obtained."""
    snapshot, library = content()
    numbered = [{"id": f"r{index}", **resource} for index, resource in enumerate(resources)]
    entries = [{"resource": {"resourceType": "Patient", "id": "p"}}, *({"resource": item} for item in numbered)]
    record = record_of({"resourceType": "Bundle", "entry": entries}) if obtained else Record(None)
    session = Session(Surroundings(NOW, UTC, snapshot.terminology), record)
    session.bind({"BackPainLogic.selectedOrders": list(drafts), "BackPainHistory.draftOrders": list(drafts)})
    outcome = session.outcome(library, name)
    assert outcome.error is None, outcome.error
    return outcome.value


def concept(system: str, code: str, **more: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, **more}]}


def pain(onset: str | None, **more: Any) -> Resource:
    dates = {} if onset is None else {"onsetDateTime": onset}
    return {"resourceType": "Condition", "code": concept(SNOMED, "279039007"), **dates, **more}


def score(value: float, day: str = "2026-03-01", **more: Any) -> Resource:
    code = concept(LOINC, "72514-3")
    base = {"resourceType": "Observation", "status": "final", "code": code, "effectiveDateTime": day}
    return {**base, "valueQuantity": {"value": value}, **more}


def request(day: str | None, atc: str = "M01AE01", **more: Any) -> Resource:
    medicine = concept(ATC, atc)
    base = {"resourceType": "MedicationRequest", "status": "completed", "medicationCodeableConcept": medicine}
    return {**base, **({} if day is None else {"authoredOn": day}), **more}


def statement(**more: Any) -> Resource:
    medicine = concept(ATC, "N02BE01")
    base = {"resourceType": "MedicationStatement", "status": "active", "medicationCodeableConcept": medicine}
    return {**base, **more}


def administration(**more: Any) -> Resource:
    medicine = concept(ATC, "M01AE01")
    base = {"resourceType": "MedicationAdministration", "status": "completed", "medicationCodeableConcept": medicine}
    return {**base, **more}


def procedure(day: str | None, code: str = "91251008", **more: Any) -> Resource:
    dates = {} if day is None else {"performedDateTime": day}
    return {"resourceType": "Procedure", "status": "completed", "code": concept(SNOMED, code), **dates, **more}


def referral(day: str | None, **more: Any) -> Resource:
    base = {"resourceType": "ServiceRequest", "status": "completed", "code": concept(SNOMED, "308447003")}
    return {**base, **({} if day is None else {"authoredOn": day}), **more}


RESOLVED: dict[str, Any] = {"clinicalStatus": {"coding": [{"code": "resolved"}]}}
CHRONIC: dict[str, Any] = {"code": concept(SNOMED, "278860009")}
NECK: dict[str, Any] = {"code": concept(SNOMED, "81680005")}


@pytest.mark.parametrize(
    ("problems", "short", "long"),
    [
        pytest.param([pain("2026-02-16")], True, False, id="day 14 is short"),
        pytest.param([pain("2026-02-15")], False, False, id="day 15 is longer than two weeks"),
        pytest.param([pain("2025-12-09")], False, False, id="day 83"),
        pytest.param([pain("2025-12-08")], False, True, id="day 84 is long"),
        pytest.param([pain("2026-03-02T23:30:00Z")], True, False, id="later today"),
        pytest.param([pain("2026-02")], False, False, id="a month counts from its first day"),
        pytest.param([pain("2026-03")], True, False, id="this month"),
        pytest.param([pain("2025")], False, True, id="a year counts from its first day"),
        pytest.param([pain(None)], None, None, id="no date"),
        pytest.param([pain("2026-03-03")], None, None, id="an onset to come is none"),
        pytest.param([pain(None, recordedDate="2026-02-15")], False, None, id="recorded: at least 15 days"),
        pytest.param([pain(None, recordedDate="2026-02-16")], None, None, id="recorded 14 days ago: perhaps longer"),
        pytest.param([pain(None, recordedDate="2025-12-08")], False, True, id="recorded: at least 84 days"),
        pytest.param(
            [pain("2026-02-25", recordedDate="2025-01-01")], True, False, id="the onset counts before recording"
        ),
        pytest.param([pain("2026-02-25"), pain("2026-01-01")], False, False, id="the earliest of two"),
        pytest.param([pain("2026-02-25"), pain("2020-01-01", **RESOLVED)], True, False, id="a resolved episode"),
        pytest.param([pain("2026-02-25"), pain("2020-01-01", **NECK)], True, False, id="another pain"),
        pytest.param([pain("2026-02-25", **CHRONIC)], False, True, id="a code that says chronic"),
        pytest.param([pain(None, **CHRONIC)], False, True, id="chronic without a date"),
        pytest.param([], None, None, id="no pain"),
    ],
)
def test_duration(problems: list[Resource], short: bool | None, long: bool | None) -> None:
    """Up to 14 days is short-term, 84 days or more long-term; recordedDate only says at least this long."""
    assert evaluate("IsShortTerm", *problems) is short
    assert evaluate("IsLongerThanShortTerm", *problems) is (None if short is None else not short)
    assert evaluate("IsLongTerm", *problems) is long


def test_duration_from_the_reason_of_an_order() -> None:
    """A problem that the order's reason names counts as well, unless it is over."""
    sciatica = {**pain("2025-01-01"), "id": "s", "code": concept(SNOMED, "23056005")}
    order = {"resourceType": "ServiceRequest", "id": "o", "reasonReference": [{"reference": "Condition/s"}]}
    assert evaluate("IsLongTerm", pain("2026-02-20"), sciatica) is False
    assert evaluate("IsLongTerm", pain("2026-02-20"), sciatica, drafts=(order,)) is True
    assert evaluate("IsLongTerm", pain("2026-02-20"), {**sciatica, **RESOLVED}, drafts=(order,)) is False


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        pytest.param([score(5)], 5, id="a score"),
        pytest.param([score(5, valueQuantity=None, valueInteger=7)], 7, id="a whole number"),
        pytest.param([score(10)], 10, id="ten of ten"),
        pytest.param([score(50)], 5, id="over ten is of a hundred"),
        pytest.param([score(8, valueQuantity={"value": 8, "unit": "mm"})], 0.8, id="millimetres"),
        pytest.param([score(101)], None, id="over a hundred"),
        pytest.param([score(-1)], None, id="below nothing"),
        pytest.param([score(5, valueQuantity={"value": 5, "comparator": ">"})], None, id="a bound is no score"),
        pytest.param([score(5, valueQuantity=None)], None, id="no value"),
        pytest.param([score(6, "2026-02-20"), score(3, "2026-02-21")], 3, id="the latest"),
        pytest.param([score(6, "2026-02-20T08:00:00Z"), score(3, "2026-02-20T18:00:00Z")], 3, id="the latest of a day"),
        pytest.param([score(6, "2026-02-20"), score(3, "2026-02-20")], 6, id="the highest of one time"),
        pytest.param([score(6, "2026-01-31")], 6, id="30 days ago"),
        pytest.param([score(6, "2026-01-30")], None, id="31 days ago"),
        pytest.param([score(6, "2026-02")], 6, id="a month counts from its first day"),
        pytest.param([score(6, "2026-03-03")], None, id="a score to come"),
        pytest.param([pain("2026-02-20"), score(6, "2026-02-19")], None, id="before the onset"),
        pytest.param([pain("2026-02-20"), score(6, "2026-02-20")], 6, id="on the day of onset"),
        pytest.param([score(6, status="preliminary")], None, id="preliminary"),
        pytest.param([score(6, status="corrected")], 6, id="corrected"),
        pytest.param([score(6, status="amended")], 6, id="amended"),
        pytest.param([score(6, status="entered-in-error")], None, id="entered in error"),
        pytest.param([score(6, bodySite={"text": "Lower back"})], 6, id="of the back"),
        pytest.param([score(6, bodySite={"text": "Knee"})], None, id="of the knee"),
        pytest.param([score(6, bodySite={"text": "Back of the hand"})], None, id="the back of a hand"),
        pytest.param([score(6, code=concept(LOINC, "8867-4"))], None, id="another observation"),
    ],
)
def test_pain_score(resources: list[Resource], expected: float | None) -> None:
    """The latest usable score since onset and of the last 30 days, of ten."""
    found = [{key: value for key, value in item.items() if value is not None} for item in resources]
    score = evaluate("PainScore", *found)
    assert (None if score is None else float(score)) == expected


@pytest.mark.parametrize(("value", "expected"), [(4.9, False), (5, True), (49, False)])
def test_moderate_pain(value: float, expected: bool) -> None:
    """Moderate is five or more of ten."""
    assert evaluate("IsPainModerate", score(value)) is expected


ASPIRIN: dict[str, Any] = {"medicationCodeableConcept": concept(ATC, "N02BA01")}
ASPIRIN_75: dict[str, Any] = {
    "medicationCodeableConcept": concept(
        "http://www.nlm.nih.gov/research/umls/rxnorm", "104474", display="Aspirin 75 MG Oral Tablet"
    )
}


def given(milligrams: float) -> Resource:
    """An administration of aspirin."""
    quantity = {"value": milligrams, "unit": "mg"}
    return administration(effectiveDateTime="2026-02-25", dosage={"dose": quantity}, **ASPIRIN)


def dose(value: float, unit: str) -> dict[str, Any]:
    return {"dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": value, "unit": unit}}]}]}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        pytest.param([request("2026-02-25")], True, id="an order since the onset"),
        pytest.param([request("2026-02-20")], True, id="on the day of onset"),
        pytest.param([request("2026-02-19")], False, id="the day before"),
        pytest.param([request("2025-02-19", status="active")], True, id="begun before and still taken"),
        pytest.param([request("2026-03-02", status="active")], False, id="begun today"),
        pytest.param([request("2026-03-01", status="active")], True, id="begun yesterday"),
        pytest.param([request("2026-02-25", status="stopped")], True, id="stopped"),
        pytest.param([request("2026-02-25", status="cancelled")], False, id="cancelled"),
        pytest.param([request("2026-02-25", status="entered-in-error")], False, id="entered in error"),
        pytest.param([request("2026-02-25", status="draft")], False, id="a draft"),
        pytest.param([request("2026-02-25", doNotPerform=True)], False, id="an order not to take it"),
        pytest.param([request(None)], None, id="an order without a date"),
        pytest.param([request("2026-02-25", "M03BX01")], False, id="a relaxant"),
        pytest.param([request("2026-02-25", "N02AA05")], True, id="an opioid"),
        pytest.param([request("2026-02-25", "M02AA15")], True, id="a topical NSAID"),
        pytest.param([statement(effectivePeriod={"start": "2025-01-01", "end": "2026-02-22"})], True, id="period"),
        pytest.param(
            [statement(effectivePeriod={"start": "2025-01-01", "end": "2026-02-19"})], False, id="over before"
        ),
        pytest.param(
            [statement(effectivePeriod={"start": "2025-01-01"}, status="completed")], False, id="an old course"
        ),
        pytest.param([statement(effectiveDateTime="2026-02-25")], True, id="a statement"),
        pytest.param([statement(effectiveDateTime="2026-02-25", status="not-taken")], False, id="not taken"),
        pytest.param([statement(dateAsserted="2026-02-25")], True, id="asserted"),
        pytest.param([administration(effectiveDateTime="2026-02-25")], True, id="an administration"),
        pytest.param([administration(effectiveDateTime="2026-02-25", status="not-done")], False, id="not done"),
        pytest.param([given(75)], False, id="aspirin 75 mg given"),
        pytest.param([given(300)], True, id="aspirin 300 mg given"),
        pytest.param([request("2026-02-25", **ASPIRIN)], True, id="aspirin without a dose"),
        pytest.param([request("2026-02-25", **ASPIRIN, **dose(300, "mg"))], True, id="aspirin 300 mg"),
        pytest.param([request("2026-02-25", **ASPIRIN, **dose(299, "mg"))], False, id="aspirin 299 mg"),
        pytest.param([request("2026-02-25", **ASPIRIN, **dose(0.5, "g"))], True, id="aspirin 0.5 g"),
        pytest.param([request("2026-02-25", **ASPIRIN_75)], False, id="a product of low dose"),
        pytest.param([request("2026-02-25", **ASPIRIN_75, **dose(1, "tablet"))], False, id="one tablet of it"),
        pytest.param([request("2026-02-25", **ASPIRIN_75, **dose(4, "tablet"))], True, id="four tablets of it"),
    ],
)
def test_tried_analgesic(resources: list[Resource], expected: bool | None) -> None:
    """Analgesics taken since the onset of 20 February and begun before today."""
    assert evaluate("HasTriedAnalgesic", pain("2026-02-20"), *resources) is expected
    assert evaluate("HasTriedConservative", pain("2026-02-20"), *resources) is expected


def test_what_is_tried_counts_for_a_year_without_an_onset() -> None:
    """Twelve months, the day a year ago included."""
    assert evaluate("HasTriedAnalgesic", pain(None), request("2025-03-02")) is True
    assert evaluate("HasTriedAnalgesic", pain(None), request("2025-03-01")) is False


def test_a_medicine_in_a_resource_of_its_own() -> None:
    """medicationReference is followed, also to what is contained."""
    order = request("2026-02-25", medicationCodeableConcept=None, medicationReference={"reference": "#m"})
    order["contained"] = [{"resourceType": "Medication", "id": "m", "code": concept(ATC, "M01AE01")}]
    del order["medicationCodeableConcept"]
    assert evaluate("HasTriedAnalgesic", pain("2026-02-20"), order) is True


@pytest.mark.parametrize(
    ("resources", "tried", "arranged"),
    [
        pytest.param([procedure("2026-02-20")], True, True, id="a session on the day of onset"),
        pytest.param([procedure("2026-02-19")], False, False, id="a session before"),
        pytest.param([procedure("2026-02-25", "229065009")], True, True, id="exercise"),
        pytest.param([procedure("2026-02-25", "44868003")], False, False, id="acupuncture"),
        pytest.param([procedure("2026-02-25", status="not-done")], False, False, id="not done"),
        pytest.param([procedure(None, status="in-progress")], True, True, id="in progress"),
        pytest.param([procedure(None)], None, None, id="a session without a date"),
        pytest.param([referral("2026-02-25")], True, True, id="a completed referral"),
        pytest.param([referral("2026-02-19")], False, False, id="a completed referral from before"),
        pytest.param([referral("2026-02-25", status="active")], False, True, id="an active referral"),
        pytest.param([referral("2026-02-25", status="draft")], False, True, id="a draft on record"),
        pytest.param([referral("2026-02-25", status="revoked")], False, False, id="a revoked referral"),
        pytest.param([referral("2026-02-25", status="active", doNotPerform=True)], False, False, id="not to do it"),
    ],
)
def test_physical_therapy(resources: list[Resource], tried: bool | None, arranged: bool | None) -> None:
    """Done or completed since the onset of 20 February; orders and drafts are arrangements."""
    assert evaluate("HasTriedPhysicalTherapy", pain("2026-02-20"), *resources) is tried
    assert evaluate("IsPhysicalTherapyArranged", pain("2026-02-20"), *resources) is arranged
    assert evaluate("HasTriedConservative", pain("2026-02-20"), *resources) is tried


def test_a_draft_of_the_call_is_an_arrangement() -> None:
    """Of a physiotherapy referral, not of another service."""
    draft = {**referral(None), "id": "d", "status": "draft"}
    assert evaluate("IsPhysicalTherapyArranged", pain("2026-02-20"), drafts=(draft,)) is True
    other = {**draft, "code": concept(SNOMED, "44868003")}
    assert evaluate("IsPhysicalTherapyArranged", pain("2026-02-20"), drafts=(other,)) is False


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        pytest.param([procedure("2026-02-22"), referral("2026-02-25", status="active")], "2026-02-25", id="an order"),
        pytest.param([procedure("2026-02-28"), referral("2026-02-25", status="active")], "2026-02-28", id="a session"),
        pytest.param([procedure("2025-02-28")], None, id="none since the onset"),
        pytest.param(
            [referral("2026-02-25", status="active", occurrencePeriod={"start": "2026-02-26", "end": "2026-04-01"})],
            "2026-04-01",
            id="an order that lasts",
        ),
        pytest.param(
            [procedure(None, performedPeriod={"start": "2025-01-01", "end": "2026-02-21"})], "2026-02-21", id="a period"
        ),
    ],
)
def test_last_physical_therapy(resources: list[Resource], expected: str | None) -> None:
    """The latest day of an order or of a session since the onset of 20 February."""
    found = evaluate("LastPhysicalTherapy", pain("2026-02-20"), *resources)
    assert (None if found is None else str(found)) == expected


@pytest.mark.parametrize(
    "name",
    ["IsShortTerm", "IsLongTerm", "IsPainModerate", "HasTriedAnalgesic", "HasTriedPhysicalTherapy",
     "IsPhysicalTherapyArranged", "HasTriedConservative"],
)  # fmt: skip
def test_what_nobody_looked_up_is_unknown(name: str) -> None:
    """Unknown is not false."""
    assert evaluate(name, obtained=False) is None
