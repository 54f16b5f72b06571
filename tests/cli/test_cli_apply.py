"""`cds apply`: a plan of the content on a Bundle, in each form, for several patients."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds.cli import group
from cds.errors import ConfigurationError

PATIENTS = [{"resourceType": "Patient", "id": identifier} for identifier in "pq"]


@pytest.fixture
def data(tmp_path: Path) -> str:
    path = tmp_path / "bundle.json"
    entries = [{"resource": patient} for patient in PATIENTS]
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    return str(path)


@pytest.mark.parametrize(("output", "kind"), [("careplan", "CarePlan"), ("requestgroup", "RequestGroup")])
def test_forms(data: str, output: str, kind: str) -> None:
    """The plan by id, one patient."""
    run = CliRunner().invoke(group, ["apply", "back-pain", "--subject", "p", "--input", data, "--format", output])
    assert run.exit_code == 0, run.output
    answer = json.loads(run.stdout)
    assert (answer["resourceType"], answer["subject"]) == (kind, {"reference": "Patient/p"})


def test_several_patients_by_url(data: str) -> None:
    """A Bundle with one result each."""
    url = "https://pathway-cds.example/fhir/PlanDefinition/back-pain"
    run = CliRunner().invoke(group, ["apply", url, "--subject", "p", "--subject", "q", "--input", data])
    entries = json.loads(run.stdout)["entry"]
    assert [entry["resource"]["subject"]["reference"] for entry in entries] == ["Patient/p", "Patient/q"]


def test_an_unknown_plan_ends_with_the_nearest(data: str) -> None:
    """A sentence for exit status 2."""
    run = CliRunner().invoke(group, ["apply", "back-pian", "--subject", "p", "--input", data])
    assert isinstance(run.exception, ConfigurationError)
    assert str(run.exception) == "no plan 'back-pian': did you mean 'back-pain'?"
