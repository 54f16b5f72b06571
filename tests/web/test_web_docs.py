"""The curl lines of docs/fhir-operations.md work as they stand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cds.apply.conform import faults

#: What other tests judge piece by piece.
_LARGE = 500_000
ROOT = Path(__file__).resolve().parents[2]
LINES = [line for line in (ROOT / "docs" / "fhir-operations.md").read_text().splitlines() if line.startswith("curl ")]


@pytest.mark.parametrize("line", LINES)
def test_the_line_works(bundled: FlaskClient, line: str) -> None:
    """It gets a valid resource from a server in demo mode."""
    words = shlex.split(line, comments=True)
    url = re.sub(r"^http://127\.0\.0\.1:8000", "", words[-1])
    if "--json" in words:
        body = (ROOT / words[words.index("--json") + 1].removeprefix("@")).read_bytes()
        answer = bundled.post(url, data=body, headers={"Content-Type": "application/json"})
    else:
        answer = bundled.get(url)
    assert answer.status_code == 200
    assert len(answer.data) > _LARGE or not faults(answer.get_json())
