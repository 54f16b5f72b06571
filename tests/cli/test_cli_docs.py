"""`cds docs` as a process."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_process import Run

PLAN = """
resourceType: PlanDefinition
url: https://example.org/PlanDefinition/rest
title: Rest
status: active
description: About rest.
action:
  - id: rest
    title: Rest is no help
    code: [{coding: [{system: https://pathway-cds.example/fhir/CodeSystem/decision, code: rest}]}]
    documentation: [{type: citation, label: N01, display: A page, citation: No rest.}]
    trigger: [{type: named-event, name: patient-view}]
"""


@pytest.fixture
def content(tmp_path: Path) -> Path:
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "plan.yaml").write_text(PLAN)
    return tmp_path / "content"


def test_the_booklet_goes_where_it_is_told(cds: Run, content: Path, tmp_path: Path) -> None:
    """To standard output, or with nothing printed to a file, which then holds the same."""
    printed = cds("docs", content)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout.startswith("# Rest\n\n> **No clinician has reviewed this content.")
    written = cds("docs", "--output", tmp_path / "booklet.md", CDS_CONTENT=str(content))
    assert (written.returncode, written.stdout, written.stderr) == (0, "", "")
    assert (tmp_path / "booklet.md").read_text(encoding="utf-8") == printed.stdout


def test_what_cannot_be_read_or_written_is_status_2(cds: Run, content: Path, tmp_path: Path) -> None:
    """A sentence, no traceback."""
    missing = cds("docs", tmp_path / "nope")
    assert (missing.returncode, missing.stdout, "Traceback" in missing.stderr) == (2, "", False)
    unwritable = cds("docs", content, "--output", tmp_path / "nope" / "booklet.md")
    assert (unwritable.returncode, "cannot be written" in unwritable.stderr) == (2, True)
