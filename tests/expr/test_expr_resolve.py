"""resolve(): contained resources, entries of a Bundle, then what the evaluation's resolver knows."""

from __future__ import annotations

from typing import Any

from expr_support import Run

BASE = "https://example.org"
OBSERVATION = {"resourceType": "Observation", "id": "o", "subject": {"reference": "#p"}}
REPORT = {
    "resourceType": "DiagnosticReport",
    "contained": [{"resourceType": "Patient", "id": "p", "active": True}, OBSERVATION],
    "result": [{"reference": "#o"}, {"reference": "#none"}],
}
BUNDLE = {
    "resourceType": "Bundle",
    "entry": [
        {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "p", "active": True}},
        {
            "fullUrl": "https://example.org/Observation/o",
            "resource": {**OBSERVATION, "subject": {"reference": "Patient/p"}},
        },
        {"resource": {"resourceType": "List", "entry": [{"item": {"reference": "urn:uuid:1"}}]}},
        {"fullUrl": None},
        {"resource": "odd"},
    ],
}


def test_contained_resources_are_found_from_the_container(run: Run) -> None:
    """A fragment names a resource contained in %resource, below another contained one too."""
    assert run("result.resolve().id", REPORT) == ["o"]
    assert run("result.resolve().subject.resolve().active", REPORT) == [True]


def test_entries_of_a_bundle_are_found_by_full_url_and_by_type_and_id(run: Run) -> None:
    """References within a Bundle need no resolver."""
    assert run("entry.resource.ofType(Observation).subject.resolve().active", BUNDLE) == [True]
    assert run("entry.resource.ofType(List).entry.item.resolve().active", BUNDLE) == [True]
    assert run(f"'{BASE}/Observation/o'.resolve().id", BUNDLE) == ["o"]


def test_the_resolver_is_asked_for_the_rest(run: Run) -> None:
    """What is not inside is the resolver's; without one it is nothing."""
    asked = []

    def resolve(reference: str, base: Any) -> Any:
        asked.append((reference, base["resourceType"]))
        return {"resourceType": "Patient", "id": "far"}

    assert run("('Patient/far' | 'urn:uuid:1').resolve().id", BUNDLE, resolve=resolve) == ["far", "p"]
    assert asked == [("Patient/far", "Bundle")]
    assert run("'Patient/far'.resolve()", BUNDLE) == []
