"""`cds new` as a process."""

from __future__ import annotations

import json
from pathlib import Path

from cli_process import Run


def test_a_new_decision_passes_check_and_test_at_once(cds: Run, tmp_path: Path) -> None:
    """Without a warning, with all of it shown by its cases, in the form of `cds fmt`; and so a second one beside it."""
    for name in ("wrist-splint", "elbow"):
        made = cds("new", "decision", name, "--content", tmp_path)
        assert made.returncode == 0
        assert f"{name}/{name}.cql" in made.stdout
    checked = cds("check", "--strict", tmp_path)
    assert (checked.returncode, checked.stdout) == (0, "")
    assert cds("test", tmp_path, "--fail-under", "100").returncode == 0
    assert cds("fmt", "--check", tmp_path).returncode == 0


def test_a_new_decision_answers_a_call(cds: Run, tmp_path: Path) -> None:
    """It speaks about its order, with a suggestion that can be taken."""
    cds("new", "decision", "wrist-splint", "--content", tmp_path, "--base", "https://site.example/fhir/")
    coding = {"system": "https://site.example/fhir/CodeSystem/wrist-splint", "code": "the-order"}
    draft = {"resourceType": "ServiceRequest", "id": "d1", "status": "draft", "code": {"coding": [coding]}}
    patient = {"resourceType": "Patient", "id": "p1"}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}, {"resource": draft}]}
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(bundle))
    ended = cds("eval", "--hook", "order-sign", "--input", file, "--content", tmp_path, "--format", "json")
    (card,) = json.loads(ended.stdout)["cards"]
    assert card["source"]["topic"]["code"] == "wrist-splint"
    assert [action["type"] for action in card["suggestions"][0]["actions"]] == ["delete", "create"]


def test_nothing_is_written_over(cds: Run, tmp_path: Path) -> None:
    """A folder that is there, a name that is no id and a base that is no url are usage errors with a remedy."""
    (tmp_path / "knee").mkdir()
    for arguments, told in (
        (("knee", "--content", tmp_path), "already"),
        (("Knee Brace", "--content", tmp_path), "small letters"),
        (("hip", "--content", tmp_path, "--base", "example.org"), "--base must be a url"),
    ):
        ended = cds("new", "decision", *arguments)
        assert (ended.returncode, told in ended.stderr) == (2, True)
    assert list((tmp_path / "knee").iterdir()) == []
