"""`cds test` as a process."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as Xml

from cli_process import ROOT, Here, Run, environment

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


def test_a_failure_names_every_part_of_the_condition_and_runs_again(cds: Run, tmp_path: Path) -> None:
    """The values of the sub-expressions stand below the condition, with their places; the last line is a command that
    runs this case alone."""
    content = shutil.copytree(ROOT / "plandefinitions", tmp_path / "content")
    cases = content / "back-pain" / "bed-rest" / "cases" / "length.yaml"
    cases.write_text(cases.read_text().replace("indicator: warning", "indicator: critical", 1))
    ended = cds("test", content)
    assert ended.returncode == 1
    assert "O.isForBackPain: true" in ended.stdout
    assert "back-pain/logic.cql:" in ended.stdout
    again = next(line for line in ended.stdout.splitlines() if line.startswith("  again: cds test "))
    alone = cds(*shlex.split(again)[2:])
    assert (alone.returncode, alone.stderr) == (1, f"{content}: 0 passed, 1 failed\n")


def test_cases_are_chosen_by_a_regular_expression(cds: Run) -> None:
    """`--run` searches `decision: name`; nothing found and no regular expression are usage errors."""
    records = json.loads(cds("test", CASES, "--run", "^bed-rest: .*days", "--format", "json").stdout)
    assert records
    assert all("days" in record["name"] for record in records)
    assert cds("test", CASES, "--run", "no such case").returncode == 2
    ended = cds("test", CASES, "--run", "(")
    assert (ended.returncode, "not a regular expression" in ended.stderr) == (2, True)


def test_several_processes_give_the_same_results(cds: Run) -> None:
    """`--jobs` changes neither results nor their order."""
    folder = CASES.parent.parent / "nsaid-caution"
    one, two = (cds("test", folder, "--format", "json", "--jobs", jobs).stdout for jobs in ("1", "2"))
    assert one == two
    assert len(json.loads(one)) > 32


def test_results_for_build_servers(cds: Run, tmp_path: Path) -> None:
    """`--format junit` has a testcase per case, with a failure where it failed."""
    content = shutil.copytree(ROOT / "plandefinitions", tmp_path / "content")
    cases = content / "back-pain" / "bed-rest" / "cases" / "length.yaml"
    cases.write_text(cases.read_text().replace("indicator: warning", "indicator: critical", 1))
    ended = cds("test", cases, "--format", "junit", CDS_CONTENT=str(content))
    suite = Xml.fromstring(ended.stdout)  # noqa: S314 - our own
    assert (suite.get("failures"), suite.get("tests")) == ("1", str(len(suite)))
    (failure,) = suite.iter("failure")
    assert "indicator: expected critical, got warning" in str(failure.get("message"))


def test_watching_runs_again_when_a_file_changes(tmp_path: Path) -> None:
    """`--watch` tells of content that does not load, and of a name that no case has any more, and goes on."""
    content = shutil.copytree(ROOT / "plandefinitions", tmp_path / "content")
    cases = content / "back-pain" / "bed-rest" / "cases" / "length.yaml"
    command = [sys.executable, "-m", "cds", "test", str(cases), "--watch", "--run", "bed-rest: [^O]"]
    watching = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment(CDS_CONTENT=str(content)))
    assert watching.stderr is not None
    try:
        told = iter(watching.stderr)
        assert next(told).endswith(" passed, 0 failed\n")
        assert next(told) == "waiting for a change\n"
        good = cases.read_text()
        cases.write_text("nonsense: [")
        assert "length.yaml:1" in next(told)
        while next(told) != "waiting for a change\n":
            pass
        cases.write_text(good)
        assert next(told).endswith(" passed, 0 failed\n")
        assert next(told) == "waiting for a change\n"
        cases.write_text(good.replace("- name: ", "- name: Other "))
        assert next(told) == "cds: no case fits --run bed-rest: [^O]\n"
        assert next(told) == "waiting for a change\n"
    finally:
        watching.kill()
        watching.communicate()


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
    assert ended.stderr == f"{tmp_path}: 1 passed, 0 failed\n20 % covered, 21 % asked for\n"
    met = cds("test", tmp_path, "--fail-under", "20", "--format", "json")
    assert met.returncode == 0
    found = json.loads(met.stdout)
    assert [record["name"] for record in found["cases"]] == ["None"]
    assert found["coverage"]["percent"] == 20
    assert found["coverage"]["decisions"][0]["conditions"][0]["missing"] == ["true"]


def test_cases_elsewhere_run_with_what_stands_beside_them(here: Here, tmp_path: Path) -> None:
    """A folder of cases, or a file in one, is about the definitions beside it; another file is about nothing."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "a.yaml").write_text(SILENT)
    for path in (tmp_path, tmp_path / "cases", tmp_path / "cases" / "a.yaml"):
        ended = here("test", path)
        assert (ended.status, ended.err) == (0, f"{path}: 1 passed, 0 failed\n")
    ended = here("test", tmp_path / "plan.yaml")
    told = f"cds: {tmp_path / 'plan.yaml'} is in no folder of cases: name that, or the folder of definitions\n"
    assert (ended.status, ended.err) == (2, told)


def test_a_case_that_cannot_be_read_is_no_fault_of_the_content(here: Here, tmp_path: Path) -> None:
    """The last line says what comes of it."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "a.yaml").write_text(SILENT.replace("2026-03-02", "tomorrow"))
    ended = here("test", tmp_path)
    assert (ended.status, ended.err.splitlines()[-1]) == (2, "1 problem; no case was run")
