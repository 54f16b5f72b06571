"""`cds check` as a process."""

from __future__ import annotations

import json
from pathlib import Path

from cli_process import Run

BROKEN = "resourceType: PlanDefinition\nstatos: active\n"


def test_sound_content_is_status_0(cds: Run) -> None:
    """The bundled content has no problems; the summary is a message, not a result."""
    ended = cds("check")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "0 errors" in ended.stderr


def test_findings_are_status_1(cds: Run, tmp_path: Path) -> None:
    """Problems are results: place, code, message, caret and hint on standard output."""
    (tmp_path / "plan.yaml").write_text(BROKEN)
    ended = cds("check", tmp_path)
    assert ended.returncode == 1
    assert "plan.yaml:2:1: " in ended.stdout
    assert "status" in ended.stdout


def test_findings_for_machines(cds: Run, tmp_path: Path) -> None:
    """`--format json` gives the same records."""
    (tmp_path / "plan.yaml").write_text(BROKEN)
    ended = cds("check", tmp_path, "--format", "json")
    assert ended.returncode == 1
    assert {"code", "severity", "message", "file", "line", "column"} <= set(json.loads(ended.stdout)[0])


def test_a_folder_that_does_not_exist_is_status_2(cds: Run, tmp_path: Path) -> None:
    """Nothing to check is a usage error, not a finding."""
    ended = cds("check", tmp_path / "nope")
    assert (ended.returncode, ended.stdout) == (2, "")


def test_a_stopped_clock_of_the_service_does_not_concern_authors(cds: Run) -> None:
    """CDS_NOW, which only `serve --demo` takes, may stand in an author's environment."""
    assert cds("check", CDS_NOW="2026-01-01T00:00:00Z").returncode == 0


def test_the_overlay_is_checked_with_the_content(cds: Run, tmp_path: Path) -> None:
    """CDS_OVERLAY: a mistake in a site's own file is told with its place."""
    (tmp_path / "local.yaml").write_text("resourceType: ConceptMap\nurl: urn:map\nstatus: active\nsauce: urn:x\n")
    ended = cds("check", CDS_OVERLAY=str(tmp_path))
    assert (ended.returncode, "local.yaml:4:1: fhir-unknown-element" in ended.stdout) == (1, True)
