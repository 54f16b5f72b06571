"""`cds test` as a process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from cli_process import ROOT, Run

CASES = ROOT / "plandefinitions" / "back-pain" / "bed-rest" / "cases"


def test_cases_that_pass_are_status_0(cds: Run) -> None:
    """A folder of cases runs with the bundled content; the count is a message."""
    ended = cds("test", CASES)
    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr.endswith(" passed, 0 failed\n")


def test_results_for_machines(cds: Run) -> None:
    """`--format json` has a record per case."""
    records = json.loads(cds("test", CASES, "--format", "json").stdout)
    assert records
    assert all(record["passed"] and record["decision"] == "bed-rest" for record in records)


def test_a_case_that_fails_is_status_1(cds: Run, tmp_path: Path) -> None:
    """A failure is a result: its place, what was expected, what came, and the trace of its decision."""
    content = shutil.copytree(ROOT / "plandefinitions", tmp_path / "content")
    cases = content / "back-pain" / "bed-rest" / "cases" / "length.yaml"
    cases.write_text(cases.read_text().replace("indicator: warning", "indicator: critical", 1))
    ended = cds("test", cases, CDS_CONTENT=str(content))
    assert ended.returncode == 1
    first, difference, *trace = ended.stdout.splitlines()
    assert "length.yaml:" in first
    assert "critical" in difference
    assert any("bed-rest/plandefinition.yaml:" in line for line in trace)
    assert ", 1 failed" in ended.stderr


def test_nothing_to_run_is_status_2(cds: Run, tmp_path: Path) -> None:
    """A path that does not exist is a usage error, and so is a file that is no case file."""
    assert cds("test", tmp_path / "nope").returncode == 2
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "x.yaml").write_text("nonsense: [")
    ended = cds("test", tmp_path)
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)


PLAN = """
resourceType: PlanDefinition
url: https://example.org/PlanDefinition/rest
status: active
description: About rest.
action:
  - id: rest
    title: Rest is no help
    code: [{coding: [{system: https://pathway-cds.example/fhir/CodeSystem/decision, code: rest}]}]
    documentation: [{type: citation, label: N01, display: A page}]
    trigger: [{type: named-event, name: order-sign}]
    condition:
      - {kind: applicability, expression: {description: There is a draft., language: text/fhirpath,
          expression: "%draftOrders.exists()"}}
"""
SILENT = "decision: rest\ntoday: 2026-03-02\ncases: [{name: None, hook: order-sign, silent: all}]\n"


def test_coverage_below_the_mark_is_status_1(cds: Run, tmp_path: Path) -> None:
    """`--fail-under` judges the cases as a whole; what is missing is a result, the verdict a message."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "a.yaml").write_text(SILENT)
    ended = cds("test", tmp_path, "--fail-under", "21")
    assert ended.returncode == 1
    assert "row N01 on a card" in ended.stdout
    assert ended.stderr == "1 passed, 0 failed\n20 % covered, 21 % asked for\n"
    met = cds("test", tmp_path, "--fail-under", "20", "--format", "json")
    assert met.returncode == 0
    found = json.loads(met.stdout)
    assert [record["name"] for record in found["cases"]] == ["None"]
    assert found["coverage"]["percent"] == 20
    assert found["coverage"]["decisions"][0]["conditions"][0]["missing"] == ["true"]
