"""FHIR elements in words."""

from __future__ import annotations

from typing import Any

import pytest

from cds.apply import words

WEEKS = {"value": 12, "unit": "wk", "code": "wk", "system": "http://unitsofmeasure.org"}


@pytest.mark.parametrize(
    ("repeat", "text"),
    [
        ({"frequency": 1, "period": 1, "periodUnit": "d"}, "once a day"),
        ({"frequency": 1, "frequencyMax": 2, "period": 1, "periodUnit": "d"}, "1 to 2 times a day"),
        ({"frequency": 3, "period": 1, "periodUnit": "wk"}, "3 times a week"),
        ({"frequency": 1, "period": 4, "periodUnit": "h"}, "every 4 hours"),
        ({"frequency": 1, "period": 1, "periodUnit": "h"}, "once an hour"),
        ({"frequency": 2, "period": 4, "periodMax": 6, "periodUnit": "wk"}, "2 times every 4 to 6 weeks"),
        (
            {"period": 2, "periodUnit": "d", "duration": 15, "durationMax": 20, "durationUnit": "min"},
            "15 to 20 minutes every 2 days",
        ),
        ({"duration": 1, "durationUnit": "h"}, "1 hour"),
        ({"duration": 1.5, "durationUnit": "h"}, "1.5 hours"),
        (
            {"frequency": 1, "period": 1, "periodUnit": "wk", "dayOfWeek": ["mon", "fri"], "timeOfDay": ["08:00:00"]},
            "once a week on Monday on Friday at 08:00",
        ),
        ({"when": ["HS"]}, "before sleep"),
        ({"when": ["ACM"]}, "ACM"),
        ({"frequency": 1, "period": 1, "periodUnit": "mo", "countMax": 8}, "once a month (up to 8 times in all)"),
        ({"count": 3}, "(3 times in all)"),
        ({"frequency": 2}, "2 times"),
        ({"frequency": 1, "period": 1, "periodUnit": "d", "boundsDuration": WEEKS}, "once a day for 12 weeks"),
        ({"boundsPeriod": {"start": "2026-03-02", "end": "2026-04"}}, "from 2 March 2026 to 2026-04"),
        ({"boundsRange": {"low": {"value": 1, "code": "wk"}, "high": WEEKS}}, "for 1 week to 12 weeks"),
        ({}, ""),
    ],
)
def test_timings(repeat: dict[str, Any], text: str) -> None:
    """How long, how often, when, and for how long."""
    assert words.timing({"repeat": repeat}) == text


def test_timings_without_repeat() -> None:
    """Events, a code, or nothing to say."""
    assert words.timing({"event": ["2026-03-02T10:00:00Z"]}) == "on 2 March 2026"
    assert words.timing({"code": {"text": "BID"}}) == "BID"
    assert words.timing(None) == words.timing({"repeat": 1}) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"value": 1, "code": "wk"}, "1 week"),
        ({"value": 400, "unit": "milligram", "code": "mg"}, "400 milligram"),
        ({"value": 5, "comparator": "<"}, "<5"),
        ({"unit": "mg"}, ""),
        (None, ""),
    ],
)
def test_quantities(value: Any, text: str) -> None:
    """A unit of time is a word."""
    assert words.quantity(value) == text


def test_a_dosage_says_its_text_or_what_it_is_made_of() -> None:
    """The author's words go first."""
    made = {"doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}]}
    daily = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}
    assert words.dosage({**made, "timing": daily}) == "1 tablet 2 times a day"
    assert words.dosage({**made, "text": "one in the evening"}) == "one in the evening"


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        (
            {"resourceType": "ServiceRequest", "code": {"coding": [{"code": "x", "display": "X-ray"}]}},
            "Service request: X-ray",
        ),
        (
            {"resourceType": "ServiceRequest", "doNotPerform": True, "code": {"text": "X-ray"}},
            "Service request, not to be done: X-ray",
        ),
        (
            {
                "resourceType": "CommunicationRequest",
                "category": [{"text": "Advice"}],
                "occurrenceDateTime": "2026-03-02",
            },
            "Communication request: Advice; 2 March 2026",
        ),
        ({"resourceType": "Task", "executionPeriod": {"start": "2026-03-02"}}, "Task; from 2 March 2026"),
        (
            {
                "resourceType": "MedicationRequest",
                "medicationCodeableConcept": {"text": "Ibuprofen"},
                "dosageInstruction": [{"text": "with food"}],
            },
            "Medication request: Ibuprofen; with food",
        ),
    ],
)
def test_resources(resource: dict[str, Any], text: str) -> None:
    """What it is, what it is about, when and how."""
    assert words.resource(resource) == text
