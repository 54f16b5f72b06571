"""`cds check` as a process."""

from __future__ import annotations

import json
from pathlib import Path

from cli_process import Run

BROKEN = "resourceType: PlanDefinition\nstatos: active\n"


RETIRED = """\
resourceType: CodeSystem
url: urn:codes
status: retired
content: complete
"""


def test_sound_content_is_status_0(cds: Run) -> None:
    """The bundled content has no errors; the summary is a message, not a result."""
    ended = cds("check")
    assert ended.returncode == 0
    assert "0 errors" in ended.stderr


def test_the_site_s_parameters_are_checked_and_used(cds: Run, tmp_path: Path) -> None:
    """Issue 5.3: `cds check` tells what is wrong in the file at its place; a sound one counts for `cds eval`."""
    file = tmp_path / "site.yaml"
    file.write_text("BackPainLogic:\n  bedRestLimitDay: 1\n")
    ended = cds("check", CDS_PARAMETERS=str(file))
    assert ended.returncode == 1
    assert f"{file}:2:3: parameters-unknown: " in ended.stdout
    assert "did you mean 'bedRestLimitDays'?" in ended.stdout
    file.write_text("BackPainLogic:\n  bedRestLimitDays: 1\n")
    assert cds("check", CDS_PARAMETERS=str(file)).returncode == 0
    sample = Path(__file__).resolve().parents[2] / "docs" / "samples" / "order-sign.json"
    ended = cds("eval", "--hook", "order-sign", "--input", sample, CDS_PARAMETERS=str(file))
    assert "Limit bed rest to 1 day" in ended.stdout
    assert "This site uses 1 instead of 2" in ended.stdout


def test_warnings_are_status_1_with_strict_only(cds: Run, tmp_path: Path) -> None:
    """What loads is no failure, unless an author wants it to be."""
    (tmp_path / "codes.yaml").write_text(RETIRED)
    assert (cds("check", tmp_path).returncode, cds("check", "--strict", tmp_path).returncode) == (0, 1)


def test_findings_as_annotations(cds: Run, tmp_path: Path) -> None:
    """`--format github` writes workflow commands, which a run shows at the lines of a change."""
    (tmp_path / "codes.yaml").write_text(RETIRED)
    (tmp_path / "patient.json").write_text('{"resourceType": "Patient"}')
    first, second = cds("check", tmp_path, "--format", "github").stdout.splitlines()
    assert first.startswith(
        "::warning file=codes.yaml,line=3,col=9,title=definition-retired::the CodeSystem is retired"
    )
    assert first.endswith("%0Ahint: set another status, or remove the file")
    assert second.startswith("::notice file=patient.json,line=1,col=18,title=resource-type-other::")


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


def test_a_folder_without_definitions_is_status_2(cds: Run, tmp_path: Path) -> None:
    """A pipeline that names the wrong folder is told, and does not pass."""
    (tmp_path / "README.md").write_text("nothing")
    ended = cds("check", tmp_path)
    assert (ended.returncode, "there is no definition in" in ended.stderr) == (2, True)


def test_a_stopped_clock_of_the_service_does_not_concern_authors(cds: Run) -> None:
    """CDS_NOW, which only `serve --demo` takes, may stand in an author's environment."""
    assert cds("check", CDS_NOW="2026-01-01T00:00:00Z").returncode == 0


def test_the_overlay_is_checked_with_the_content(cds: Run, tmp_path: Path) -> None:
    """CDS_OVERLAY: a mistake in a site's own file is told with its place."""
    (tmp_path / "local.yaml").write_text("resourceType: ConceptMap\nurl: urn:map\nstatus: active\nsauce: urn:x\n")
    ended = cds("check", CDS_OVERLAY=str(tmp_path))
    assert (ended.returncode, "local.yaml:4:1: fhir-unknown-element" in ended.stdout) == (1, True)
