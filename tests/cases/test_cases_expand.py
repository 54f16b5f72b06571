"""Shorthand of case files and the FHIR it stands for."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from cds import fhir
from cds.cases.expand import Expander, Words, written_date
from cds.definitions.nodes import Node, read_source

TODAY = date(2026, 3, 2)
DISPLAYS = {(fhir.SNOMED, "279039007"): "Low back pain (finding)"}


def node(tmp_path: Path, text: str) -> Node:
    file = tmp_path / "resource.yaml"
    file.write_text(text, encoding="utf-8")
    return read_source(file, "case")


def expand(tmp_path: Path, text: str, *, pattern: bool = False, kind: str | None = None) -> dict[str, Any]:
    read = node(tmp_path, text)
    expander = Expander(TODAY, lambda system, code: DISPLAYS.get((system, code)), pattern=pattern)
    resource = expander.resource(read, kind)
    assert read.source.problems == []
    return resource


def problems(tmp_path: Path, text: str) -> list[tuple[int, str, str]]:
    read = node(tmp_path, text)
    Expander(TODAY, lambda *_: None).resource(read)
    return [(p.location.line, p.message, p.hint or "") for p in read.source.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today", "2026-03-02"),
        ("today - 10 d", "2026-02-20"),
        ("today + 2 wk", "2026-03-16"),
        ("today - 3 mo", "2025-12-02"),
        ("today - 1 a", "2025-03-02"),
        ("today-14d", "2026-02-16"),
        ("month(today - 3 mo)", "2025-12"),
        ("year(today - 1 a)", "2025"),
        ("2025-11", "2025-11"),
        ("2026-03-01T23:30:00+01:00", "2026-03-01T23:30:00+01:00"),
        ("yesterday", None),
        ("today - 10 days", None),
        ("month(yesterday)", None),
    ],
)
def test_dates_count_from_the_day_of_the_case(text: str, expected: str | None) -> None:
    """Relative and partial dates come out as FHIR dates; anything else is not a date."""
    assert written_date(text, TODAY) == expected


def test_months_end_where_the_shorter_month_ends() -> None:
    """A month before the 31st is the last day of that month, leap years included."""
    assert written_date("today - 1 mo", date(2024, 3, 31)) == "2024-02-29"
    assert written_date("today - 1 a", date(2024, 2, 29)) == "2023-02-28"


def test_codes_of_several_systems_and_words_make_one_concept(tmp_path: Path) -> None:
    """A mapping of system names becomes a CodeableConcept; known codes get their display, numbers become texts."""
    resource = expand(
        tmp_path,
        "resourceType: Condition\n"
        "code: {snomed: 279039007, icd10cm: M54.50, local: prescribed-bed-rest, text: sore back}\n",
    )
    assert resource["code"] == {
        "coding": [
            {"system": fhir.SNOMED, "code": "279039007", "display": "Low back pain (finding)"},
            {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M54.50"},
            {"system": "https://pathway-cds.example/fhir/CodeSystem/order", "code": "prescribed-bed-rest"},
        ],
        "text": "sore back",
    }


def test_what_is_plain_fhir_stays_as_it_is(tmp_path: Path) -> None:
    """Codings, texts, References and extensions that are written out are taken over, empty codings too."""
    text = """
    resourceType: ServiceRequest
    status: draft
    intent: order
    subject: {reference: Patient/p1}
    code: {coding: [{system: urn:x, code: a}, {}]}
    reasonCode: [{text: back pain}]
    extension: [{url: urn:e, valueCode: x}]
    """
    resource = expand(tmp_path, text)
    assert resource["code"] == {"coding": [{"system": "urn:x", "code": "a"}, {}]}
    assert resource["reasonCode"] == [{"text": "back pain"}]
    assert resource["extension"] == [{"url": "urn:e", "valueCode": "x"}]


def test_statuses_references_lists_and_dates_are_written_out(tmp_path: Path) -> None:
    """Status words become CodeableConcepts, a text where FHIR has a Reference becomes one, a single value where FHIR
    has a list becomes a list, and the result is valid FHIR."""
    condition = expand(
        tmp_path,
        "resourceType: Condition\nclinicalStatus: recurrence\nverificationStatus: refuted\nsubject: Patient/p1\n"
        "onsetDateTime: month(today - 3 mo)\nevidence: {detail: Observation/o1}\n",
    )
    assert condition["clinicalStatus"]["coding"][0] == {
        "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
        "code": "recurrence",
    }
    assert condition["verificationStatus"]["coding"][0]["code"] == "refuted"
    assert condition["subject"] == {"reference": "Patient/p1"}
    assert condition["onsetDateTime"] == "2025-12"
    assert condition["evidence"] == [{"detail": [{"reference": "Observation/o1"}]}]
    get_fhir_model_class("Condition").model_validate(condition)


def test_an_instant_gets_a_time_of_day(tmp_path: Path) -> None:
    """FHIR wants a time where it has an instant: a relative day stands for its noon."""
    assert expand(tmp_path, "resourceType: Appointment\nstart: today + 3 d\n")["start"] == "2026-03-05T12:00:00Z"


def test_contained_resources_are_written_out_too(tmp_path: Path) -> None:
    """Shorthand works inside contained resources, which carry a type of their own."""
    text = "resourceType: MedicationRequest\ncontained: [{resourceType: Medication, id: m, code: {atc: N05BA01}}]\n"
    contained = expand(tmp_path, text)["contained"]
    assert contained[0]["code"]["coding"][0]["code"] == "N05BA01"


def test_a_pattern_looks_for_words_and_leaves_displays_out(tmp_path: Path) -> None:
    """What a resource must hold names codes without displays; free text is looked for, codes must be equal."""
    pattern = expand(
        tmp_path,
        "code: {snomed: 279039007}\npatientInstruction: get up\nstatus: draft\n",
        pattern=True,
        kind="ServiceRequest",
    )
    assert pattern["code"] == {"coding": [{"system": fhir.SNOMED, "code": "279039007"}]}
    assert isinstance(pattern["patientInstruction"], Words)
    assert not isinstance(pattern["status"], Words)


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("resourceType: Condition\nonsetDate: today\n", 2, "Condition has no element 'onsetDate'", "onsetDateTime"),
        ("resourceType: Conditon\n", 1, "'Conditon' is not a FHIR resource type", "Condition"),
        ("id: x\n", 1, "the resource has no resourceType", "add"),
        ("resourceType: Condition\ncode: {snomd: 1}\n", 2, "'snomd' is not a code system known here", "snomed"),
        ("resourceType: Condition\nclinicalStatus: actve\n", 2, "'actve' is not a status known here", "active"),
        ("resourceType: Condition\nonsetDateTime: todya - 3 d\n", 2, "'todya - 3 d' is not a date", "today"),
        ("resourceType: Condition\nonsetPeriod: {begin: today}\n", 2, "Period has no element 'begin'", ""),
        ("resourceType: Condition\ncode: low back pain\n", 2, "names with values are expected here", "write"),
    ],
)
def test_what_fhir_does_not_have_is_a_problem_at_its_line(
    tmp_path: Path, text: str, line: int, message: str, hint: str
) -> None:
    """Misspelt types, elements, systems, statuses and dates are reported where they stand, with the nearest name."""
    found = problems(tmp_path, text)
    assert [(at, said) for at, said, _ in found] == [(line, message)]
    assert hint in found[0][2]
