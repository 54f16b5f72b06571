"""Our own content keeps to what it asks of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds.definitions.check import inspect
from cds.lint import lint

CONTENT = Path(__file__).resolve().parents[2] / "plandefinitions"


@pytest.mark.slow
def test_the_content_has_no_finding_but_those_silenced_with_a_reason() -> None:
    """`cds check --strict` passes: every row of the catalogue is cited, and nothing is unused without saying why."""
    assert [problem.render() for problem in lint(inspect(CONTENT))] == []
