"""Searches that a data requirement says itself: only what nearly every server understands."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from cds import fhir
from cds.definitions.check import check_content

PATIENT = "patient={{context.patientId}}"


def problems(folder: Path, pattern: str, kind: str = "Observation") -> list[str]:
    """The codes of what is wrong with a search for Observations."""
    requirement = {
        "id": "found",
        "type": kind,
        "extension": [{"url": fhir.QUERY_PATTERN, "valueString": pattern}],
    }
    library = {
        "resourceType": "Library",
        "url": "http://example.org/Library/data",
        "status": "active",
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}]},
        "dataRequirement": [requirement],
    }
    (folder / "library.json").write_bytes(orjson.dumps(library))
    return [problem.code for problem in check_content(folder) if problem.severity == "error"]


@pytest.mark.parametrize(
    "pattern",
    [
        f"Observation?{PATIENT}",
        "Observation?patient={{patientId}}",
        "Observation?subject={{context.patientId}}&status=final",
        f"Observation?category=laboratory,vital-signs&{PATIENT}",
        f"Observation?{PATIENT}&code=http://loinc.org|8302-2,http%3A%2F%2Floinc.org%7C3137-7",
        f"Observation?{PATIENT}&code:in=http://example.org/ValueSet/heights",
        f"Observation?{PATIENT}&date=ge2020-01-01&date=lt2026&_sort=-date&_count=5",
        f"Observation?{PATIENT}&performer=Practitioner/1",
    ],
)
def test_what_servers_widely_support_is_taken(tmp_path: Path, pattern: str) -> None:
    """AP7, AP8, AP9, AP10: references equal to an id, tokens by equality and `:in`, dates by four prefixes, `_sort`,
    `_count`; AP12: codes encoded or not."""
    assert problems(tmp_path, pattern) == []


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "Observation",
        "Observation?",
        "Observation?status=final",
        f"/Observation?{PATIENT}",
        f"https://ehr.example.org/Observation?{PATIENT}",
        f"Condition?{PATIENT}",
        f"Observation/$lastn?{PATIENT}",
        f"Observation?{PATIENT}#x",
        f"Observation?{PATIENT}&{PATIENT}",
        "Observation?patient={{context.userId}}",
        "Observation?patient={{Patient.id}}",
        "Observation?patient=1",
        f"Observation?{PATIENT}&performer={{{{context.userId}}}}",
        f"Observation?{PATIENT}&code={{{{context.draftOrders}}}}",
        f"Observation?{PATIENT}&date=ge{{{{today()}}}}",
        f"Observation?{PATIENT}&code:not=1",
        f"Observation?{PATIENT}&code:below=1",
        f"Observation?{PATIENT}&performer.name=x",
        f"Observation?{PATIENT}&_has:Observation:patient:code=1",
        f"Observation?{PATIENT}&_include=Observation:performer",
        f"Observation?{PATIENT}&date=ne2020-01-01",
        f"Observation?{PATIENT}&date=sa2020",
        f"Observation?{PATIENT}&date=eb2020",
        f"Observation?{PATIENT}&date=ap2020",
        f"Observation?{PATIENT}&sort:desc=date",
        f"Observation?{PATIENT}&_maxresults=5",
        f"Observation?{PATIENT}&code=",
        f"Observation?{PATIENT}&code",
        f"Observation?{PATIENT}&code=1 2",
        f"Observation?{PATIENT}&code=größe",
        f"Observation?{PATIENT}&code=1\\2",
        f"Observation?{PATIENT}&code={'1,' * 1000}1",
    ],
)
def test_what_clients_or_servers_stumble_over_is_a_problem(tmp_path: Path, pattern: str) -> None:
    """AP1, AP3, AP4, AP7, AP8, AP9, AP10, AP11, AP12, AP13: other addresses, tokens, modifiers, chains, includes,
    dates, limits, characters and lengths."""
    assert problems(tmp_path, pattern)[-1] in ("query-pattern", "fhir-empty", "fhir-value", "extension-value")
