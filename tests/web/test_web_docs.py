"""The curl lines of docs/fhir-operations.md work as they stand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cds.apply.conform import faults
from cds.config import Settings
from cds.service import Engine
from cds.web import create_app

ROOT = Path(__file__).resolve().parents[2]
LINES = [line for line in (ROOT / "docs" / "fhir-operations.md").read_text().splitlines() if line.startswith("curl ")]


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    settings = Settings(demo=True)
    return create_app(Engine(settings), settings).test_client()


@pytest.mark.parametrize("line", LINES)
def test_the_line_works(client: FlaskClient, line: str) -> None:
    """It gets a valid resource from a server in demo mode."""
    words = shlex.split(line, comments=True)
    url = re.sub(r"^http://127\.0\.0\.1:8000", "", words[-1])
    if "--json" in words:
        body = (ROOT / words[words.index("--json") + 1].removeprefix("@")).read_bytes()
        answer = client.post(url, data=body, headers={"Content-Type": "application/json"})
    else:
        answer = client.get(url)
    assert answer.status_code == 200
    assert not faults(answer.get_json())
