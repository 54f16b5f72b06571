"""FHIR structure: what passes, and that the models are asked last."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from cds.definitions import structure
from cds.definitions.load import Document, load
from cds.definitions.structure import check_structure

VALID: dict[str, Any] = {
    "resourceType": "ActivityDefinition",
    "id": "exercise",
    "meta": {"profile": ["http://example.org/p"]},
    "language": "en",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
    "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "x"}}],
    "url": "urn:a",
    "_title": {"extension": [{"url": "urn:x", "valueString": "no title"}]},
    "status": "active",
    "experimental": False,
    "date": "2026-05",
    "subjectCodeableConcept": {"text": "patients"},
    "library": ["urn:lib|1.0"],
    "kind": "ServiceRequest",
    "timingTiming": {"event": ["2026-01-01T10:00:00Z"], "repeat": {"frequency": 3, "period": 1.5, "periodUnit": "wk"}},
    "dosage": [{"asNeededBoolean": True, "doseAndRate": [{"doseQuantity": {"value": 0.5, "unit": "mg"}}]}],
}


def _document(tmp_path: Path, resource: dict[str, Any]) -> Document:
    (tmp_path / "a.json").write_text(json.dumps(resource, indent=1), encoding="utf-8")
    return load(tmp_path)[0][0]


def _problems(tmp_path: Path, **changes: Any) -> list[tuple[str, str]]:
    resource = {**VALID, **changes}
    found = check_structure(_document(tmp_path, resource))
    return [(problem.code, problem.location.path.removeprefix("ActivityDefinition")) for problem in found]


def test_valid_resource_passes_and_is_not_changed(tmp_path: Path) -> None:
    """Every form of element: choice, primitive extension, contained resource, lists, decimals; nothing is touched."""
    document = _document(tmp_path, VALID)
    before = copy.deepcopy(document.resource)
    assert list(check_structure(document)) == []
    assert document.resource == before


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"contained": [{"resourceType": "Medicaton"}]}, [("resource-type-unknown", ".contained[0].resourceType")]),
        ({"contained": [{"id": "m"}]}, [("resource-type-unknown", ".contained[0].resourceType")]),
        ({"contained": [{"resourceType": "Medication", "cod": {}}]}, [("fhir-unknown-element", ".contained[0].cod")]),
        ({"extension": [{"valueString": "x"}]}, [("fhir-missing", ".extension[0]")]),
        ({"extension": [{"url": "u", "valueFoo": 1}]}, [("fhir-unknown-element", ".extension[0].valueFoo")]),
        ({"dosage": []}, [("fhir-empty", ".dosage")]),
        ({"dosage": [{}]}, [("fhir-empty", ".dosage[0]")]),
        ({"library": [None]}, []),
        ({"dosage": [None]}, [("fhir-type", ".dosage[0]")]),
        ({"kind": " x"}, [("fhir-value", ".kind")]),
        ({"id": "a b"}, [("fhir-value", ".id")]),
        ({"fhir_comments": "x"}, [("fhir-unknown-element", ".fhir_comments")]),
        ({"dosage": [{"sequence": 1.5}]}, [("fhir-type", ".dosage[0].sequence")]),
        ({"timingTiming": {"repeat": {"period": "1"}}}, [("fhir-type", ".timingTiming.repeat.period")]),
        ({"timingTiming": {"repeat": {"frequency": 0}}}, [("fhir-value", ".timingTiming.repeat.frequency")]),
        ({"contained": [{"resourceType": "Period"}]}, [("resource-type-unknown", ".contained[0].resourceType")]),
        ({"status": 1, "titel": 2}, [("fhir-type", ".status"), ("fhir-unknown-element", ".titel")]),
    ],
)
def test_each_departure_is_found_at_its_path(
    tmp_path: Path, changes: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """Deep inside contained resources, extensions and data types, several at once."""
    assert _problems(tmp_path, **changes) == expected


def test_models_have_the_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What our reading of the models lets pass is still refused when fhir.resources refuses it."""
    monkeypatch.setattr(structure, "_object", lambda *_: iter(()))
    assert _problems(tmp_path, titel="x") == [("fhir-invalid", ".titel")]
