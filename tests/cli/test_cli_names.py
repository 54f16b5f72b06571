"""Names of files that are not UTF-8, which Linux allows: each verb tells them, in every form of its result."""

from __future__ import annotations

import json
import os
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from cli_process import Here

#: A name as Latin-1 has it, and how it is spelled.
NAME = os.fsdecode(b"caf\xe9")
SPELLED = r"caf\udce9"


@pytest.fixture
def content(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A decision of its own in a folder of that name, with a case file of that name; one of its cases fails."""
    monkeypatch.chdir(tmp_path)
    try:
        Path(NAME).mkdir()
    except OSError:
        pytest.skip("the file system has no such names")
    assert here("new", "decision", "rest", "--content", NAME).status == 0
    cases = Path(NAME, "rest", "cases")
    written = (cases / "rest.yaml").read_text()
    (cases / "rest.yaml").unlink()
    (cases / f"{NAME}.yaml").write_text(written.replace("indicator: warning", "indicator: info"))
    return Path(NAME)


def test_problems_are_told(here: Here, content: Path) -> None:
    """As JSON and as annotations, where they are the same as in text."""
    (content / f"{NAME}.yaml").write_text("resourceType: Basic\nresourceType: Basic\n")
    place = f"{SPELLED}/{SPELLED}.yaml"
    assert here("check", content).out.startswith(f"{place}:2:1: ")
    assert [problem["file"] for problem in json.loads(here("check", content, "--format", "json").out)] == [place]
    assert here("check", content, "--format", "github").out.startswith(f"::error file={place},line=2")


def test_results_of_cases_are_told(here: Here, content: Path) -> None:
    """As JSON with coverage, and as JUnit."""
    place = f"{SPELLED}/rest/cases/{SPELLED}.yaml"
    ended = here("test", content, "--coverage", "--format", "json")
    assert (ended.status, {case["file"] for case in json.loads(ended.out)["cases"]}) == (1, {place})
    suite = Xml.fromstring(here("test", content, "--format", "junit").out)  # noqa: S314 - our own output
    assert {case.get("file") for case in suite} == {place}


def test_logic_is_told(here: Here, content: Path) -> None:
    """The problems of a library as JSON."""
    file = content / f"{NAME}.cql"
    file.write_text("define X: y")
    ended = here("cql", file, "--format", "json")
    assert json.loads(ended.out)["problems"][0]["file"] == f"{SPELLED}/{SPELLED}.cql"
