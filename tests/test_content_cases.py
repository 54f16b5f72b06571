"""The packaged case files: every scenario of every decision, and that the resources of suggestions are valid FHIR."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from content_support import CATALOGUE, CONTENT, cases, engine, listed, plans, result
from fhir.resources.R4B import get_fhir_model_class
from r4_support import draft_faults, faults

from cds.cases import Case
from cds.cases.compare import decision_of
from cds.cases.coverage import Coverage
from cds.cli.coverage import render_coverage

#: The conflicts of the catalogue: decision, a case of the scenario, and its indicator under nhs, spine and both.
CONFLICTS = {
    "C01": [("bed-rest", "Three days, NHS", ("warning", "info", "warning"))],
    "C02": [("electro-physical-agents", "TENS beside exercise, nhs", ("warning", "info", "warning"))],
    "C03": [("electro-physical-agents", "Therapeutic ultrasound beside exercise, nhs", ("warning", "info", "warning"))],
    "C04": [
        ("traction", "Of the low back, nhs", ("warning", "warning", "warning")),
        ("traction", "Of the neck with a herniated disc, nhs", ("info", "info", "info")),
    ],
    "C05": [("acupuncture", "NHS", ("warning", "info", "warning"))],
    "C06": [
        ("spinal-injection", "Non-specific low back pain, nhs", ("warning", "info", "warning")),
        ("spinal-injection", "Sciatica, and therapy was tried, nhs", ("info", "info", "info")),
    ],
    "C07": [
        ("paracetamol-alone", "The position of the NHS page sets the indicator", ("warning", "info", "warning")),
        ("first-analgesic", "The guideline setting changes nothing (nhs)", ("info", "info", "info")),
    ],
    "C08": [("exercise-program", "The guideline setting changes nothing (nhs)", ("info", "info", "info"))],
    "C09": [
        ("stay-active", "The sources agree, so the guideline setting changes nothing (nhs)", ("info", "info", "info")),
        ("first-analgesic", "The guideline setting changes nothing (nhs)", ("info", "info", "info")),
    ],
    "C10": [
        ("supports-and-footwear", "Guideline NHS", ("warning", "warning", "warning")),
        ("soft-collar", "A soft collar for neck pain, nhs", ("info", "info", "info")),
    ],
    "C11": [("escalate-care", "The guideline setting changes nothing (nhs)", ("info", "info", "info"))],
}


def identify(value: object) -> str:
    return f"{value.parent.parent.name}/{value.stem}" if isinstance(value, Path) else str(value)


@pytest.mark.parametrize(("file", "name"), listed(), ids=identify)
def test_case(file: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scenario holds, and what its suggestions create or change is valid FHIR (C25, C26, G2), also as a strict R4
    reader has it: required elements, bindings with required strength, invariants."""
    monkeypatch.chdir(CONTENT.parent)
    found = result(file, name)
    assert found.passed, found.render()
    for card in found.cards:
        for suggestion in card.get("suggestions", ()):
            for action in suggestion.get("actions", ()):
                if "resource" in action:
                    resource = action["resource"]
                    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
                    assert strict_faults(action, found.case) == []


def test_each_decision_has_its_own_override_reasons_and_a_text_for_its_reviewer() -> None:
    """Issue 5: the reasons to decide otherwise fit the decision, and a clinician can read what it does beside it."""
    found = plans()
    assert len(found) == 24
    for plan in found:
        decision = plan.parent.name
        named = set(re.findall(r"ValueSet/(override-[a-z-]+)", plan.read_text()))
        assert named == {f"override-{decision}"}
        assert "No clinician has reviewed" in (plan.parent / "README.md").read_text()


def strict_faults(action: dict[str, Any], case: Case) -> list[str]:
    """What a strict reader refuses of a created order; of a changed one what it did not refuse before."""
    resource = action["resource"]
    if action["type"] == "create":
        return draft_faults(resource, case.patient["id"])
    draft = next(draft for draft in case.drafts if draft["id"] == resource["id"])
    return [fault for fault in faults(resource) if fault not in faults(draft)]


def test_each_decision_has_cases_that_speak_and_cases_that_stay_silent() -> None:
    """Issue 2: positive and negative cases for every decision of the pathway."""
    decisions = {path.parent.name for path in plans()}
    found = cases().values()
    assert {case.decision for case in found if case.expect} >= decisions
    assert {case.decision for case in found if not case.expect and not case.refused} >= decisions


def test_the_cases_show_all_that_the_pathway_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 5: each action, each truth of each condition, each cited row on a card, and a near miss of each is seen in
    a case that judges it."""
    monkeypatch.chdir(CONTENT.parent)
    coverage = Coverage(engine())
    for file, name in listed():
        coverage.add(result(file, name))
    decisions = list(coverage.decisions.values())
    assert {decision.decision for decision in decisions} == {path.parent.name for path in plans()}
    short = [decision for decision in decisions if decision.percent < 100]
    assert not short, render_coverage(short)
    if CATALOGUE.is_file():
        rows = yaml.safe_load(CATALOGUE.read_text())["rows"]
        found = coverage.decisions
        assert len(rows) == 84
        assert [row["id"] for row in rows if row["id"] not in found[row["decision"]].shown] == []
        assert [row["id"] for row in rows if row["id"] not in found[row["decision"]].missed] == []
        assert set().union(*(decision.cited for decision in decisions)) == {row["id"] for row in rows}


@pytest.mark.skipif(not CATALOGUE.is_file(), reason="shared/knowledge is not beside this checkout")
def test_every_conflict_is_shown_by_a_scenario() -> None:
    """Issue 5.7: the table below has each of the catalogue's conflicts, and all decisions whose rows it is about."""
    catalogue = yaml.safe_load(CATALOGUE.read_text())
    homes = {row["id"]: row["decision"] for row in catalogue["rows"]}
    wanted = {one["id"]: {homes[row] for row in one["rows"]} for one in catalogue["conflicts"]}
    assert {name: {decision for decision, *_ in scenarios} for name, scenarios in CONFLICTS.items()} == wanted


@pytest.mark.parametrize(
    ("decision", "name", "indicators"),
    dict.fromkeys(scenario for scenarios in CONFLICTS.values() for scenario in scenarios),
)
def test_a_conflict_is_cased_under_each_guideline(
    decision: str, name: str, indicators: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 5.7 and the table of decisions.md: one scenario in three cases that differ in the setting alone, with the
    indicator of that setting, and on the card both who say it. Staying active is in dispute with the first painkiller,
    whose card names both; its own rows are of one source."""
    monkeypatch.chdir(CONTENT.parent)
    found = {place: case for place, case in cases().items() if case.decision == decision}
    one = next(case for case in found.values() if case.name == name)
    same = {place: case for place, case in found.items() if scenario(case) == scenario(one) and case.expect}
    shown: dict[str, set[str]] = {}
    for place, case in same.items():
        for card in result(*place).cards:
            if decision_of(card) == decision:
                assert case.settings.keys() <= {"guideline"}
                shown.setdefault(case.settings.get("guideline", "both"), set()).add(card["indicator"])
                if decision != "stay-active":
                    assert "NHS" in card["detail"]
                    assert "US spine-specialist pages" in card["detail"]
    assert shown == {guideline: {own} for guideline, own in zip(("nhs", "spine", "both"), indicators, strict=True)}


def scenario(case: Case) -> tuple[object, ...]:
    """What a case is about, whatever its settings and what it expects."""
    record = (case.patient, case.data, case.missing, case.partial, case.failed)
    return (case.hook, case.service, case.today, *record, case.drafts, case.selections, case.appointments)


def test_each_define_has_a_case() -> None:
    """Issue 4: what every define of the shared CQL comes to is shown by a case, also where data is missing."""
    shown = {expected.name for case in cases().values() for expected in case.defines}
    libraries = engine().snapshot.registry.logic.compiled.values()
    public = {define.name for library in libraries for define in library.defines.values() if define.public}
    assert public - {"Patient"} <= shown


@pytest.mark.slow
def test_every_card_of_every_case_can_be_read_by_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the schema cannot say of the cards of an answer: ids differ, each decision speaks once and under one topic,
    addresses are absolute, a suggestion has something to do, said in words, and touches drafts of its call only (C4,
    C9, C10, C12-C15, C17-C21, C23, C24, C27-C29, C37)."""
    monkeypatch.chdir(CONTENT.parent)
    ranks = {"critical": 0, "warning": 1, "info": 2}
    for file, name in listed():
        found = result(file, name)
        drafts = {f"{draft['resourceType']}/{draft['id']}" for draft in found.case.drafts if "id" in draft}
        uuids = [card["uuid"] for card in found.cards]
        topics = [card["source"]["topic"]["code"] for card in found.cards]
        assert len(topics) == len(set(topics))
        order = [ranks[card["indicator"]] for card in found.cards]
        assert order == sorted(order)
        for card in found.cards:
            assert card["source"]["label"]
            addresses = [card["source"][key] for key in ("url", "icon") if key in card["source"]]
            addresses += [link["url"] for link in card.get("links", ())]
            assert all(address.startswith("https://") for address in addresses)
            assert ("suggestions" in card) == ("selectionBehavior" in card)
            suggestions = card.get("suggestions", [])
            uuids += [suggestion["uuid"] for suggestion in suggestions]
            recommended = sum(suggestion.get("isRecommended", False) for suggestion in suggestions)
            assert recommended < 2 or card["selectionBehavior"] == "any"
            for suggestion in suggestions:
                assert suggestion["label"]
                for action in suggestion["actions"]:
                    assert action["description"]
                    if action["type"] == "delete":
                        assert action["resourceId"] in drafts
                    elif action["type"] == "update":
                        assert f"{action['resource']['resourceType']}/{action['resource']['id']}" in drafts
        assert len(uuids) == len(set(uuids))
