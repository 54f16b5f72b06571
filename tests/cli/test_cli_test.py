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


def test_coverage_below_the_mark_is_status_1(cds: Run, tmp_path: Path) -> None:
    """`--fail-under` judges the cases as a whole; what is missing is a result, the verdict a message."""
    content = shutil.copytree(ROOT / "plandefinitions", tmp_path / "content")
    (content / "back-pain" / "stay-active" / "cases" / "speaks.yaml").unlink()
    cases = content / "back-pain" / "stay-active" / "cases"
    ended = cds("test", cases, "--fail-under", "100", CDS_CONTENT=str(content))
    assert ended.returncode == 1
    assert "stay-active" in ended.stdout
    assert "row N04 on a card" in ended.stdout
    assert "100 % asked for" in ended.stderr
    assert cds("test", cases, "--fail-under", "1", CDS_CONTENT=str(content)).returncode == 0


def test_coverage_for_machines(cds: Run) -> None:
    """With `--format json` the coverage stands beside the records of the cases."""
    found = json.loads(cds("test", CASES, "--coverage", "--format", "json").stdout)
    assert all(record["passed"] for record in found["cases"])
    assert [decision["decision"] for decision in found["coverage"]["decisions"]] == ["bed-rest"]
    assert found["coverage"]["percent"] == 100
