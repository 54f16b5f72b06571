"""`cds fmt` as a process."""

from __future__ import annotations

from pathlib import Path

from cli_process import Run

WRITTEN = "status: active\nresourceType: PlanDefinition\n"
CANONICAL = "resourceType: PlanDefinition\nstatus: active\n"


def test_files_are_written_in_canonical_form(cds: Run, tmp_path: Path) -> None:
    """Those that changed are named; a second run changes nothing."""
    (tmp_path / "plan.yaml").write_text(WRITTEN)
    (tmp_path / "notes.txt").write_text("b   a")
    first, second = cds("fmt", tmp_path), cds("fmt", tmp_path)
    assert (first.returncode, first.stdout) == (0, f"{tmp_path / 'plan.yaml'}\n")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "0 files changed\n")
    assert (tmp_path / "plan.yaml").read_text() == CANONICAL


def test_check_and_diff_write_nothing(cds: Run, tmp_path: Path) -> None:
    """`--check` names the files, `--diff` shows the lines; both exit with 1."""
    plan = tmp_path / "plan.yaml"
    plan.write_text(WRITTEN)
    checked, told = cds("fmt", "--check", plan), cds("fmt", "--diff", plan)
    assert (checked.returncode, checked.stdout) == (1, f"{plan}\n")
    assert told.returncode == 1
    assert "+resourceType: PlanDefinition\n" in told.stdout
    assert plan.read_text() == WRITTEN


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_formatted(cds: Run, tmp_path: Path) -> None:
    """With its line; exit status 2."""
    (tmp_path / "bad.yaml").write_text("a: 1\na: 2\n")
    (tmp_path / "bad.cql").write_text("define X: 'open")
    (tmp_path / "latin.cql").write_bytes(b"// \xe9")
    (tmp_path / "good.yaml").write_text(WRITTEN)
    ended = cds("fmt", tmp_path)
    assert ended.returncode == 2
    assert "latin.cql: file-encoding: " in ended.stderr
    assert "bad.yaml:2:1" in ended.stderr
    assert "bad.cql:1:" in ended.stderr
    assert (tmp_path / "good.yaml").read_text() == CANONICAL
