"""What each kind of ActivityDefinition becomes (issue 6, part 2; FHIR R4 ActivityDefinition/$apply)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cds.apply import conform
from cds.apply.activity import CPG_KIND, DO_NOT_PERFORM, People, draft_resource, resource_template, unplaced
from cds.apply.kinds import KINDS
from cds.definitions.load import Document
from cds.definitions.source import Place, SourceText
from cds.definitions.structure import check_structure
from cds.errors import EvaluationError
from cds.expr.types import model

FULL: dict[str, Any] = {
    "resourceType": "ActivityDefinition",
    "url": "http://example.org/ActivityDefinition/all",
    "version": "1",
    "title": "Everything",
    "description": "An activity that says all it can.",
    "profile": "http://example.org/StructureDefinition/profile",
    "code": {"text": "code"},
    "intent": "plan",
    "priority": "urgent",
    "doNotPerform": True,
    "timingTiming": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
    "location": {"reference": "Location/gym"},
    "participant": [{"type": "practitioner", "role": {"text": "nurse"}}],
    "productCodeableConcept": {"text": "product"},
    "quantity": {"value": 2},
    "dosage": [{"text": "one a day"}],
    "bodySite": [{"text": "back"}],
    "specimenRequirement": [{"reference": "SpecimenDefinition/1"}],
    "observationRequirement": [{"reference": "ObservationDefinition/1"}],
}
#: Kinds of which R4 wants more than an ActivityDefinition can say: dynamic values have to.
WANTING = {"AppointmentResponse": "appointment", "Claim": "insurance", "VisionPrescription": "eye"}


def draft(kind: str | None = None, people: People | None = None, **elements: Any) -> dict[str, Any]:
    activity = {**FULL, **({"kind": kind} if kind else {}), **elements}
    template = resource_template({name: value for name, value in activity.items() if value is not None})
    return draft_resource(template, subject="Patient/p", today="2026-03-02", identity="here", people=people or People())


def faults(resource: dict[str, Any]) -> list[str]:
    document = Document(resource, Path(), Path(), SourceText(""), Place(0, 0))
    return [problem.message for problem in check_structure(document)]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_full_definition_of_each_kind_makes_a_valid_resource(kind: str) -> None:
    """Every resource we emit is valid R4; what a kind cannot do without and no definition can say is all that lacks."""
    found = faults(draft(kind, People("Encounter/e", "Practitioner/d", "Organization/o")))
    wanted = WANTING.get(kind)
    assert all(wanted is not None and f"needs the element '{wanted}'" in fault for fault in found), found
    assert bool(found) is (wanted is not None)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - set(WANTING)))
def test_a_bare_definition_makes_a_valid_resource_or_lacks_what_it_does_not_say(kind: str) -> None:
    """Nothing is made up where a definition only says its kind."""
    resource = draft_resource(
        resource_template({"resourceType": "ActivityDefinition", "kind": kind}),
        subject="Patient/p",
        today="2026-03-02",
        identity="x",
    )
    said = {"code", "medication", "item", "quantity", "recommendation"}
    assert all(any(f"'{name}" in fault for name in said) for fault in faults(resource)), faults(resource)


def test_every_element_is_in_the_resource_or_told() -> None:
    """Nothing is lost without a word: what a table maps nowhere is among the unplaced elements."""
    shown = {"code", "priority", "timingTiming", "location", "participant", "quantity", "dosage", "bodySite"}
    shown |= {"productCodeableConcept", "specimenRequirement", "observationRequirement"}
    for kind in KINDS:
        lost = set(unplaced({**FULL, "kind": kind}))
        assert lost <= shown
        text = str(resource_template({**FULL, "kind": kind}))
        for name, sign in (("location", "Location/gym"), ("bodySite", "'back'"), ("dosage", "one a day")):
            assert (name in lost) is not (sign in text), (kind, name)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("ServiceRequest", "doNotPerform"),
        ("MedicationRequest", "doNotPerform"),
        ("CommunicationRequest", "doNotPerform"),
    ],
)
def test_not_to_be_done_stays_so(kind: str, path: str) -> None:
    """An order not to do something never becomes an order to do it."""
    assert draft(kind)[path] is True


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"ServiceRequest", "MedicationRequest", "CommunicationRequest"}))
def test_kinds_without_the_element_say_it_in_a_modifier_extension(kind: str) -> None:
    """As above, where R4 has no element for it."""
    assert {"url": DO_NOT_PERFORM, "valueBoolean": True} in draft(kind)["modifierExtension"]


def test_service_request_takes_all() -> None:
    """The kind of our own content, element by element."""
    assert draft("ServiceRequest", People("Encounter/e", "", "Organization/o")) == {
        "resourceType": "ServiceRequest",
        "id": draft("ServiceRequest")["id"],
        "meta": {"profile": [FULL["profile"]]},
        "instantiatesCanonical": ["http://example.org/ActivityDefinition/all|1"],
        "status": "draft",
        "intent": "plan",
        "code": {"text": "code"},
        "priority": "urgent",
        "doNotPerform": True,
        "bodySite": FULL["bodySite"],
        "quantityQuantity": FULL["quantity"],
        "occurrenceTiming": FULL["timingTiming"],
        "locationReference": [FULL["location"]],
        "orderDetail": [{"text": "product"}],
        "performerType": {"text": "nurse"},
        "supportingInfo": [*FULL["specimenRequirement"], *FULL["observationRequirement"]],
        "patientInstruction": "one a day",
        "subject": {"reference": "Patient/p"},
        "authoredOn": "2026-03-02",
        "requester": {"reference": "Organization/o"},
        "encounter": {"reference": "Encounter/e"},
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"timingDateTime": "2026-03-04"}, {"event": ["2026-03-04"]}),
        ({"timingRange": {"low": {"value": 1}}}, {"repeat": {"boundsRange": {"low": {"value": 1}}}}),
        ({"timingDuration": {"value": 2, "code": "wk"}}, {"repeat": {"boundsDuration": {"value": 2, "code": "wk"}}}),
    ],
)
def test_other_forms_of_timing_become_a_timing(given: dict[str, Any], expected: dict[str, Any]) -> None:
    """timing[x] has more forms than requests have."""
    assert draft("MedicationRequest", timingTiming=None, **given)["dosageInstruction"][0]["timing"] == expected


def test_a_dosage_keeps_its_own_timing() -> None:
    """The timing of the activity does not take the place of what the dosage says; it is told as unplaced."""
    dosage = [{"text": "x", "timing": {"code": {"text": "BID"}}}]
    assert draft("MedicationRequest", dosage=dosage)["dosageInstruction"][0]["timing"] == dosage[0]["timing"]
    assert "timingTiming" in unplaced({**FULL, "kind": "MedicationRequest", "dosage": dosage})


def test_a_task_takes_the_rest_as_input() -> None:
    """Task has no elements for quantities and sites."""
    inputs = {part["type"]["text"]: part for part in draft("Task")["input"]}
    assert inputs["bodySite"]["valueCodeableConcept"] == {"text": "back"}
    assert inputs["quantity"]["valueQuantity"] == {"value": 2}


def test_an_intent_that_the_kind_does_not_know_is_a_proposal() -> None:
    """`directive` is a code of ActivityDefinition.intent and none of MedicationRequest.intent."""
    assert draft("MedicationRequest", intent="directive")["intent"] == "proposal"


def test_without_an_intent_it_is_a_proposal() -> None:
    """Nobody said that it is an order."""
    assert draft("Task", intent=None)["intent"] == draft("ServiceRequest", intent=None)["intent"] == "proposal"


def test_a_vaccine_has_to_be_named() -> None:
    """imr-1: a recommendation says its vaccine or its target."""
    said = {"resourceType": "ActivityDefinition", "kind": "ImmunizationRecommendation", "description": "A vaccine."}
    made = resource_template(said)
    draft_one = draft_resource(made, subject="Patient/p", today="2026-03-02", identity="i")
    assert any("imr-1" in problem.message for problem in conform.faults(draft_one))


def test_a_transform_is_told() -> None:
    """No StructureMap is run (apply-protocol.md: a warning)."""
    assert unplaced({"resourceType": "ActivityDefinition", "kind": "Task", "transform": "http://x"}) == ("transform",)


def test_the_kind_of_cpg_goes_first() -> None:
    """R4's list of kinds has no Procedure; the CPG extension names it (apply-protocol.md)."""
    extension = [{"url": CPG_KIND, "valueCode": "Procedure"}]
    assert draft("Task", extension=extension)["resourceType"] == "Procedure"


@pytest.mark.parametrize("kind", [None, "Patient", 7])
def test_no_kind_is_an_error(kind: Any) -> None:
    """Deliver 2: no kind, or one that is no request."""
    with pytest.raises(EvaluationError, match="kind"):
        resource_template({"resourceType": "ActivityDefinition", "kind": kind})


def test_tables_name_real_elements() -> None:
    """A row that names no element would lose what it maps without a word."""
    for name, kind in KINDS.items():
        paths = [*kind.elements.values(), *kind.dates, *kind.companions, kind.subject, kind.author, kind.organization]
        for path in filter(None, paths):
            current = name
            for part in path.split("."):
                known = model().key(current, part.partition("[")[0])
                assert known is not None, f"{name}: {path}"
                current = known[0]
