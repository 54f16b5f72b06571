"""What cases show of definitions, on a small folder: what counts, for whom, and what is listed as missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cds.cases import engine_for, load, run_case
from cds.cases.coverage import Coverage, DecisionCoverage, percent
from cds.cli.coverage import coverage_record, render_coverage
from cds.config import Settings

LOGIC = """
resourceType: Library
url: https://example.org/Library/logic
status: active
type: {coding: [{system: http://terminology.hl7.org/CodeSystem/library-type, code: logic-library}]}
dataRequirement:
  - {id: conditions, type: Condition}
  - id: plans
    type: CarePlan
    extension: [{url: https://pathway-cds.example/fhir/StructureDefinition/optional-data, valueBoolean: true}]
"""
PLAN = """
resourceType: PlanDefinition
url: https://example.org/PlanDefinition/pathway
status: active
description: A pathway for a test.
library: [https://example.org/Library/logic]
action:
  - id: rest
    title: Rest
    code: [{coding: [{system: https://pathway-cds.example/fhir/CodeSystem/decision, code: rest}]}]
    documentation: [{type: citation, label: N01, display: A}, {type: citation, label: N02, display: A}]
    trigger: [{type: named-event, name: patient-view}]
    condition:
      - kind: applicability
        expression: {description: A problem., language: text/fhirpath, expression: "%conditions.exists()"}
    dynamicValue:
      - path: action.documentation
        expression: {language: text/fhirpath, expression: "%action.documentation.first()"}
    action:
      - id: refer
        title: Refer
        condition:
          - kind: applicability
            expression: {language: text/fhirpath, expression: "%plans.empty()"}
  - id: move
    title: Move
    code: [{coding: [{system: https://pathway-cds.example/fhir/CodeSystem/decision, code: move}]}]
    documentation: [{type: citation, label: N03, display: A}]
    trigger: [{type: named-event, name: patient-view}]
"""
CONDITION = {"resourceType": "Condition", "code": {"text": "x"}}


@pytest.fixture
def content(tmp_path: Path) -> Path:
    (tmp_path / "logic.yaml").write_text(LOGIC)
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "cases").mkdir()
    return tmp_path


def covered(content: Path, *cases: dict[str, object], decision: str = "rest") -> dict[str, DecisionCoverage]:
    """The coverage by one case file; each case is a patient-view of its own."""
    whole = [{"name": f"case {number}", "hook": "patient-view", **case} for number, case in enumerate(cases)]
    file = content / "cases" / "a.yaml"
    file.write_text(json.dumps({"decision": decision, "today": "2026-03-02", "cases": whole}))
    engine = engine_for(content, Settings(content=content))
    coverage = Coverage(engine)
    for case in load(engine, content):
        coverage.add(run_case(engine, case))
    return coverage.decisions


def test_what_was_seen_is_counted(content: Path) -> None:
    """Actions that fired, truths of conditions, rows as they stood on the card."""
    rest = covered(content, {"data": [CONDITION], "expect": [{}]}, {"silent": ["rest"]})["rest"]
    assert rest.tallies == {"actions": (2, 2), "conditions": (3, 6), "rows": (1, 2), "near misses": (0, 2)}
    assert rest.percent == 50
    assert rest.shown == {"N01"}
    assert [condition.missing for condition in rest.conditions] == [[None], [False, None]]


def test_a_case_counts_for_the_decisions_it_judges(content: Path) -> None:
    """What happens to fire in a case about something else shows nothing."""
    found = covered(content, {"data": [CONDITION], "expect": [{}]})
    assert (found["rest"].actions[0].fired, found["move"].actions[0].fired) == (1, 0)
    found = covered(content, {"data": [CONDITION], "expect": [{}, {"decision": "move"}]})
    assert (found["rest"].actions[0].fired, found["move"].actions[0].fired) == (1, 1)
    found = covered(content, {"expect": [{}], "silent": ["rest"]}, decision="move")
    assert found["rest"].conditions[0].missing == [True, None]


def test_everything_seen_is_100_percent(content: Path) -> None:
    """Also the truths that come of data that was not obtained."""
    found = covered(
        content,
        {"data": [CONDITION], "expect": [{}]},
        {"data": [CONDITION], "missing": ["CarePlan"], "expect": [{}]},
        {"data": [CONDITION, {"resourceType": "CarePlan"}], "expect": [{}]},
        {"partial": ["Condition"], "silent": ["rest"]},
        {"silent": ["rest"], "near_miss_of": ["N01"]},
        {"data": [CONDITION], "expect": [{}], "near_miss_of": ["N02"]},
    )
    assert found["rest"].tallies == {"actions": (2, 2), "conditions": (6, 6), "rows": (1, 2), "near misses": (2, 2)}


@pytest.mark.parametrize(
    ("case", "difference"),
    [
        ({"data": [CONDITION], "expect": [{}], "near_miss_of": ["N01"]}, "no card that cites it, got rest"),
        ({"silent": ["rest"], "near_miss_of": ["N03"]}, "no card that cites it, got move"),
        ({"silent": ["rest"], "near_miss_of": ["N04"]}, "an action that cites it, asked at patient-view, got none"),
    ],
)
def test_a_near_miss_must_be_one(content: Path, case: dict[str, object], difference: str) -> None:
    """Issue 5.7, measured: the row is on no card of the answer, and what cites it was asked in this call; else the case
    fails, and shows nothing."""
    later = PLAN.replace("id: move", "id: later").replace("N03", "N04").replace("patient-view", "encounter-discharge")
    move = "  - id: move"
    (content / "plan.yaml").write_text(PLAN + later[later.index(move.replace("move", "later")) :])
    found = covered(content, case)
    assert found["rest"].missed == set()
    engine = engine_for(content, Settings(content=content))
    (only,) = load(engine, content)
    (told,) = run_case(engine, only).differences
    assert str(told) == f"near miss of {only.near_miss_of and next(iter(only.near_miss_of))}: expected {difference}"


def test_a_run_of_some_cases_is_about_their_decisions(content: Path) -> None:
    """A folder of cases is judged by its own decision, the content folder by all."""
    engine = engine_for(content, Settings(content=content))
    coverage, found = Coverage(engine), covered(content, {"silent": ["rest"]})
    assert set(found) == {"rest", "move"}
    cases = load(engine, content)
    assert [d.decision for d in coverage.below(content / "cases", cases)] == ["rest"]
    assert [d.decision for d in coverage.below(content, cases)] == ["rest", "move"]


def test_what_is_missing_is_told_as_the_case_to_write(content: Path) -> None:
    """Place, words or expression, and how data comes to be unknown; nothing is wider than a terminal."""
    decisions = list(covered(content, {"data": [CONDITION], "expect": [{}]}).values())
    text = render_coverage(decisions)
    assert max(map(len, text.partition("No case shows")[0].splitlines())) <= 80
    missing = text.partition("No case shows")[2]
    assert "  A problem.\n    false\n    unknown; try a case with partial: [Condition]\n" in missing
    assert "  %plans.empty()\n    false\n    unknown; try a case with missing: [CarePlan]\n" in missing
    assert "plan.yaml:25\n  action move: fired\n" in missing
    assert "  row N02 on a card\n" in missing
    assert '  a near miss of row N02; try a case with near_miss_of: ["N02"]\n' in missing


def test_records_say_the_same(content: Path) -> None:
    """For machines: the share, and each thing counted with its line."""
    decisions = list(covered(content, {"data": [CONDITION], "expect": [{}]}).values())
    record = coverage_record(decisions)
    assert record["percent"] == percent(decisions)
    rest = record["decisions"][0]
    assert rest["conditions"][0]["missing"] == ["false", "unknown"]
    assert rest["conditions"][0]["line"] == 15
    assert rest["rows"] == [
        {"row": "N01", "shown": True, "near_miss": False},
        {"row": "N02", "shown": False, "near_miss": False},
    ]
