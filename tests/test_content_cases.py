"""The packaged case files: every scenario of every decision, and that the resources of suggestions are valid FHIR."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from fhir.resources.R4B import get_fhir_model_class

from cds.cases import Case, Result, find, load, run_case
from cds.cases.coverage import Coverage
from cds.cli.coverage import render_coverage
from cds.config import Settings
from cds.service import Engine

CONTENT = Path(__file__).resolve().parents[1] / "plandefinitions"


def listed() -> list[tuple[Path, str]]:
    """(file, name) of every case, read without the content so that a broken definition fails tests, not collection."""
    return [
        (file, str(case.get("name"))) for file in find(CONTENT) for case in yaml.safe_load(file.read_text())["cases"]
    ]


def plans() -> list[Path]:
    return sorted(CONTENT.glob("back-pain/*/plandefinition.yaml"))


@cache
def engine() -> Engine:
    return Engine(Settings(content=CONTENT))


@cache
def cases() -> dict[tuple[Path, str], Case]:
    return {(CONTENT.parent / case.location.file, case.name): case for case in load(engine(), CONTENT)}


@cache
def result(file: Path, name: str) -> Result:
    return run_case(engine(), cases()[file, name])


def identify(value: object) -> str:
    return f"{value.parent.parent.name}/{value.stem}" if isinstance(value, Path) else str(value)


@pytest.mark.parametrize(("file", "name"), listed(), ids=identify)
def test_case(file: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scenario holds, and what its suggestions create or change is valid FHIR (C25, C26)."""
    monkeypatch.chdir(CONTENT.parent)
    found = result(file, name)
    assert found.passed, found.render()
    for card in found.cards:
        for suggestion in card.get("suggestions", ()):
            for action in suggestion.get("actions", ()):
                if "resource" in action:
                    resource = action["resource"]
                    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_each_decision_has_its_own_override_reasons_and_a_text_for_its_reviewer() -> None:
    """Issue 5: the reasons to decide otherwise fit the decision, and a clinician can read what it does beside it."""
    found = plans()
    assert len(found) == 24
    for plan in found:
        decision = plan.parent.name
        named = set(re.findall(r"ValueSet/(override-[a-z-]+)", plan.read_text()))
        assert named == {f"override-{decision}"}
        assert "No clinician has reviewed" in (plan.parent / "README.md").read_text()


def test_each_decision_has_cases_that_speak_and_cases_that_stay_silent() -> None:
    """Issue 2: positive and negative cases for every decision of the pathway."""
    decisions = {path.parent.name for path in plans()}
    found = cases().values()
    assert {case.decision for case in found if case.expect} >= decisions
    assert {case.decision for case in found if not case.expect and not case.refused} >= decisions


def test_the_cases_show_all_that_the_pathway_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 5: each action, each truth of each condition, and each cited row is seen in a case that judges it."""
    monkeypatch.chdir(CONTENT.parent)
    coverage = Coverage(engine())
    for file, name in listed():
        coverage.add(result(file, name))
    decisions = list(coverage.decisions.values())
    assert {decision.decision for decision in decisions} == {path.parent.name for path in plans()}
    short = [decision for decision in decisions if decision.percent < 100]
    assert not short, render_coverage(short)


def test_each_define_has_a_case() -> None:
    """Issue 4: what every define of the shared CQL comes to is shown by a case, also where data is missing."""
    shown = {expected.name for case in cases().values() for expected in case.defines}
    libraries = engine().snapshot.registry.logic.compiled.values()
    public = {define.name for library in libraries for define in library.defines.values() if define.public}
    assert public - {"Patient"} <= shown
