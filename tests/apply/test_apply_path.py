"""Where a dynamic value goes: below any type, on a copy, in the form that its element takes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cds.apply.path import place
from cds.errors import EvaluationError
from cds.expr import Evaluation
from cds.expr import compile as compiled

PATIENT = {"resourceType": "Patient", "id": "p-1"}


def put(path: str, *items: Any, owner: dict[str, Any] | None = None, kind: str = "ServiceRequest") -> dict[str, Any]:
    return place(path)[kind](owner or {"resourceType": kind}, list(items))


@pytest.mark.parametrize(
    ("path", "items", "kind", "expected"),
    [
        ("status", ("draft",), "ServiceRequest", {"status": "draft"}),
        ("reasonReference", (PATIENT,), "ServiceRequest", {"reasonReference": [{"reference": "Patient/p-1"}]}),
        ("reasonReference", ("Condition/c",), "ServiceRequest", {"reasonReference": [{"reference": "Condition/c"}]}),
        ("reasonReference", ({"display": "pain"},), "ServiceRequest", {"reasonReference": [{"display": "pain"}]}),
        ("reasonReference[0]", (PATIENT,), "ServiceRequest", {"reasonReference": [{"reference": "Patient/p-1"}]}),
        ("code", ("bed rest",), "ServiceRequest", {"code": {"text": "bed rest"}}),
        ("code", ({"code": "1"},), "ServiceRequest", {"code": {"coding": [{"code": "1"}]}}),
        ("category", ("a", "b c"), "ServiceRequest", {"category": [
            {"coding": [{"code": "a"}], "text": "a"}, {"text": "b c"}]}),
        ("dosageInstruction[0].text", ("daily",), "MedicationRequest", {"dosageInstruction": [{"text": "daily"}]}),
        ("extension('http://x.y/z').valueCode", ("c",), "ServiceRequest", {"extension": [
            {"url": "http://x.y/z", "valueCode": "c"}]}),
        ("occurrence[x]", ("2026-01-02",), "ServiceRequest", {"occurrenceDateTime": "2026-01-02"}),
        ("doNotPerform", (True,), "ServiceRequest", {"doNotPerform": True}),
        ("priority", (3,), "Appointment", {"priority": 3}),
    ],
)  # fmt: skip
def test_items_take_the_form_of_their_element(
    path: str, items: tuple[Any, ...], kind: str, expected: dict[str, Any]
) -> None:
    """One value, several, a reference, a concept, below an index, an extension or a choice."""
    for _ in range(2):  # what was made ready for a type serves again
        assert put(path, *items, kind=kind) == {"resourceType": kind, **expected}


def test_one_place_serves_owners_of_any_type() -> None:
    """An update names no type: the same path may meet orders of several."""
    assert put("note", {"text": "a"}, kind="ServiceRequest")["note"] == [{"text": "a"}]
    assert put("note", {"text": "a"}, kind="MedicationRequest")["note"] == [{"text": "a"}]
    with pytest.raises(EvaluationError, match="no element 'note'"):
        put("note", {"text": "a"}, kind="Patient")


@pytest.mark.parametrize("path", ["reasonCode", "note", "reasonReference"])
def test_what_was_there_is_not_changed(path: str) -> None:
    """Neither the owner nor the list of the data that the items came in: both may be the request's own."""
    owner, items = {"resourceType": "ServiceRequest", path: [{"text": "old"}]}, [{"text": "new"}]
    changed = place(path)["ServiceRequest"](owner, items)
    assert changed[path] == items
    assert changed[path] is not items
    assert owner == {"resourceType": "ServiceRequest", path: [{"text": "old"}]}


def test_a_choice_takes_the_place_of_its_other_forms() -> None:
    """An element has one value (FHIR R4, 2.4.0.1): what was there in another form goes, with its extensions."""
    owner = {"resourceType": "ServiceRequest", "occurrenceDateTime": "2026", "_occurrenceDateTime": {"id": "x"}}
    assert put("occurrencePeriod.end", "2026-02-01", owner=owner) == {
        "resourceType": "ServiceRequest",
        "occurrencePeriod": {"end": "2026-02-01"},
    }


def test_an_item_that_has_nothing_to_refer_to_sets_nothing() -> None:
    """A resource without an id cannot be named."""
    assert put("subject", {"resourceType": "Patient"}) == {"resourceType": "ServiceRequest"}


def test_values_of_expressions_become_json() -> None:
    """Dates and quantities are no JSON until they are set."""
    evaluation = Evaluation(now=datetime(2026, 3, 1, tzinfo=UTC))
    assert put("authoredOn", *compiled("today() + 1 week")(evaluation))["authoredOn"] == "2026-03-08"


@pytest.mark.parametrize(
    ("path", "items", "message"),
    [
        ("status", ("a", "b"), "takes one value, the expression gave 2"),
        ("note[0]", ({"text": "a"}, {"text": "b"}), "takes one value, the expression gave 2"),
        ("status", (1,), "is of type code, the expression gave another"),
        ("doNotPerform", ("yes",), "is of type boolean, the expression gave another"),
        ("note", ("text",), "is of type Annotation, the expression gave another"),
        ("subject.name", ("x",), "no element 'name'"),
    ],
)
def test_what_does_not_fit_is_an_error(path: str, items: tuple[Any, ...], message: str) -> None:
    """Nothing is set that the type does not allow."""
    with pytest.raises(EvaluationError, match=message):
        put(path, *items)
