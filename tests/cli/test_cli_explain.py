"""`cds explain` as a process."""

from __future__ import annotations

import json
from pathlib import Path

from cli_process import ROOT, Here, Run

SAMPLE = ROOT / "docs" / "samples" / "order-sign.json"


def test_every_decision_has_its_outcome_and_what_decided_it(cds: Run) -> None:
    """The overview has a paragraph per decision that was asked; the others are named at the end."""
    told = cds("explain", "--input", SAMPLE).stdout
    assert told.startswith("2 fired, ")
    assert "bed-rest: fired\n" in told
    assert "exists AcupunctureOrders: false" in told
    assert "acupuncture/plandefinition.yaml:" in told


def test_one_decision_is_told_to_its_parts(here: Here) -> None:
    """`--decision` shows each sub-expression that decided, what was looked at, and the parts of the card."""
    told = here("explain", "--input", SAMPLE, "--decision", "bed-rest").out
    assert told.startswith("bed-rest: fired\n")
    assert "SayBedRest(O.words): true" in told
    assert "part remove: fired" in told
    assert "looked at Condition of cond-back-related: Condition/low-back-pain" in told
    assert "acupuncture" not in told


def test_the_same_for_machines(here: Here) -> None:
    """`--format json` nests the reasons, each with its place."""
    record = json.loads(here("explain", "--input", SAMPLE, "--decision", "acupuncture", "--format", "json").out)
    (decision,) = record["decisions"]
    assert (record["hook"], decision["outcome"], decision["missing"]) == ("order-sign", "not applicable", [])
    (reason,) = decision["reasons"]
    assert (reason["expression"], reason["value"]) == ("exists AcupunctureOrders", "false")
    assert "logic.cql" in reason["because"][0]["because"][0]["at"]


def test_a_bundle_needs_no_hook(here: Here, tmp_path: Path) -> None:
    """Without draft orders it is the opening of a chart; what is not asked there is named."""
    patient = {"resourceType": "Patient", "id": "p1"}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}]}
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(bundle))
    told = here("explain", "--input", file).out
    assert "stay-active: not applicable" in told
    assert "not asked at patient-view:" in told
    assert "bed-rest" in told.partition("not asked at patient-view:")[2]


def test_what_cannot_be_told_of_is_status_2(here: Here, tmp_path: Path) -> None:
    """A decision that does not exist gets the nearest name, a file that is no call its place."""
    ended = here("explain", "--input", SAMPLE, "--decision", "bed-rst")
    assert (ended.status, "bed-rest" in ended.err) == (2, True)
    file = tmp_path / "call.json"
    file.write_text("{")
    ended = here("explain", "--input", file)
    assert (ended.status, "Traceback" in ended.err) == (2, False)
