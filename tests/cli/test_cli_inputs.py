"""What verbs read: JSON and YAML, files and standard input, whatever the line ends and marks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from cli_process import Ended, Here

PLAN = """
resourceType: PlanDefinition
id: rest
url: https://example.org/PlanDefinition/rest
status: active
description: About rest.
action:
  - id: rest
    title: Rest
    description: Rest is no help.
    code: [{coding: [{system: https://pathway-cds.example/fhir/CodeSystem/decision, code: rest}]}]
    documentation: [{type: citation, label: N01, display: A page}]
    trigger: [{type: named-event, name: patient-view}]
"""
RECORD = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [{"resource": {"resourceType": "Patient", "id": "p", "birthDate": "1980-02-29"}}],
}
REQUEST = {
    "hook": "patient-view",
    "hookInstance": "1",
    "context": {"patientId": "p", "userId": "Practitioner/u"},
    "prefetch": {"patient": RECORD["entry"][0]["resource"]},  # type: ignore[index]
}
JSON, YAML = json.dumps(RECORD).encode(), yaml.safe_dump(RECORD).encode()
#: How each verb is given a file, which stands for `{}`.
CALLS = {
    "eval": "eval --input {} --format json --content content",
    "explain": "explain --input {} --content content",
    "apply": "apply rest --input {} --content content",
    "cql": "cql logic.cql --input {}",
    "fhirpath": "fhirpath entry.resource.birthDate {}",
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "plan.yaml").write_text(PLAN)
    (tmp_path / "logic.cql").write_text(
        "library L using FHIR version '4.0.1' context Patient define B: Patient.birthDate.value"
    )


def call(here: Here, monkeypatch: pytest.MonkeyPatch, verb: str, content: bytes, file: str = "file") -> Ended:
    monkeypatch.setenv("CDS_NOW", "2026-03-01")
    if file != "-":
        Path(file).write_bytes(content)
    return here(*CALLS[verb].format(file).split(), stdin=content)


@pytest.mark.parametrize("verb", CALLS)
@pytest.mark.parametrize(
    ("content", "file"),
    [
        (JSON, "-"),
        (YAML, "record.yaml"),
        (YAML, "-"),
        (YAML.replace(b"\n", b"\r\n"), "windows.yaml"),
        (b"\xef\xbb\xbf" + YAML, "marked.yaml"),
        (b"\xef\xbb\xbf \r\n" + JSON, "marked.json"),
    ],
    ids=["JSON on standard input", "YAML", "YAML on standard input", "CRLF", "YAML with mark", "JSON with mark"],
)
def test_the_same_however_it_is_written(
    here: Here, monkeypatch: pytest.MonkeyPatch, verb: str, content: bytes, file: str
) -> None:
    """Each verb takes each form of a file."""
    plain = call(here, monkeypatch, verb, JSON)
    assert plain.status == 0
    assert plain.out
    assert call(here, monkeypatch, verb, content, file) == plain


@pytest.mark.parametrize("verb", CALLS)
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "file is empty"),
        (b" \n", "file is empty"),
        (b"a: \xff", "file: the file is not UTF-8; save it as UTF-8"),
        (b"a: 1\na: 2\n", "file:2:1: "),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(
    here: Here, monkeypatch: pytest.MonkeyPatch, verb: str, content: bytes, told: str
) -> None:
    """On one line, exit status 2."""
    ended = call(here, monkeypatch, verb, content)
    assert (ended.status, ended.out, len(ended.err.splitlines())) == (2, "", 1)
    assert ended.err.startswith(f"cds: {told}")
    if content.strip():
        return
    assert call(here, monkeypatch, verb, content, "-").err == "cds: standard input is empty\n"


def test_a_request_may_be_yaml(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook call as a person would write it gets the answer of its JSON."""
    first = call(here, monkeypatch, "eval", json.dumps(REQUEST).encode())
    second = call(here, monkeypatch, "eval", yaml.safe_dump(REQUEST).encode())
    assert first == second
    assert [card["summary"] for card in json.loads(first.out)["cards"]] == ["Rest"]


def test_one_resource_is_a_record_of_its_own(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Patient alone needs no Bundle around it."""
    patient = json.dumps(RECORD["entry"][0]["resource"]).encode()  # type: ignore[index]
    for verb in ("eval", "explain", "apply", "cql"):
        assert call(here, monkeypatch, verb, patient) == call(here, monkeypatch, verb, JSON)


def test_a_request_without_a_hook_is_told_how_to_name_one(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that there is no service for nothing."""
    ended = call(here, monkeypatch, "eval", b"{}")
    assert (ended.status, ended.err) == (
        2,
        "cds: the request names no hook; write it there, or with --hook: patient-view\n",
    )


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("rest --subject x", "cds: the input holds no patient 'x': there is p\n"),
        ("rst", "cds: no plan 'rst': did you mean 'rest'?\n"),
        ("other", "cds: no plan 'other': there is rest\n"),
    ],
)
def test_what_would_only_look_like_an_answer_is_refused(here: Here, call: str, told: str) -> None:
    """For a patient of whom nothing is there no action would apply."""
    ended = here("apply", *call.split(), "--input", "-", "--content", "content", stdin=JSON)
    assert (ended.status, ended.out, ended.err) == (2, "", told)


def test_whom_a_plan_is_for_has_to_be_said_where_it_is_not_clear(here: Here) -> None:
    """The one patient of the input is meant, but nobody guesses among several."""
    several = {**RECORD, "entry": [{"resource": {"resourceType": "Patient", "id": name}} for name in "pq"]}
    ended = here("apply", "rest", "--input", "-", "--content", "content", stdin=json.dumps(several).encode())
    assert (ended.status, ended.err) == (
        2,
        "cds apply: Say with --subject whom the plan is for: --input holds 2 patients. Try 'cds apply --help'.\n",
    )
