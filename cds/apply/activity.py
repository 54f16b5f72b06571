"""ActivityDefinition `$apply`: the draft resource an activity stands for (FHIR R4, Clinical Reasoning module).

Each kind has a table of the elements that carry over, by their name in the definition and in the resource.
"""

from __future__ import annotations

from collections.abc import Mapping

from cds.errors import EvaluationError
from cds.fhir import Resource, derived_id

#: Per kind: the resource's element for each element of the ActivityDefinition.
_ELEMENTS: Mapping[str, Mapping[str, str]] = {
    "ServiceRequest": {
        "code": "code",
        "priority": "priority",
        "doNotPerform": "doNotPerform",
        "bodySite": "bodySite",
        "quantity": "quantityQuantity",
        "timingTiming": "occurrenceTiming",
        "timingPeriod": "occurrencePeriod",
        "timingDateTime": "occurrenceDateTime",
    },
    "MedicationRequest": {
        "productCodeableConcept": "medicationCodeableConcept",
        "productReference": "medicationReference",
        "priority": "priority",
        "doNotPerform": "doNotPerform",
        "dosage": "dosageInstruction",
    },
    "CommunicationRequest": {
        "priority": "priority",
        "doNotPerform": "doNotPerform",
        "timingPeriod": "occurrencePeriod",
        "timingDateTime": "occurrenceDateTime",
    },
    "Task": {"code": "code", "priority": "priority", "description": "description"},
}

#: Who the resource is for: the element that refers to the patient.
_SUBJECT = {"Task": "for"}

KINDS = frozenset(_ELEMENTS)


def resource_template(activity: Resource) -> Resource:
    """What the resource of an ActivityDefinition is for every patient. Made once, when content is loaded.

    Raises EvaluationError when `kind` is missing or not one of KINDS."""
    kind = activity.get("kind")
    if kind not in KINDS:
        raise EvaluationError(f"ActivityDefinition {activity.get('url')}: kind {kind!r} makes no resource here")
    version = activity.get("version")
    canonical = f"{activity['url']}|{version}" if version else activity["url"]
    resource: Resource = {
        "resourceType": kind,
        "instantiatesCanonical": canonical if kind == "Task" else [canonical],
        "status": "draft",
    }
    if kind != "CommunicationRequest":
        resource["intent"] = activity.get("intent", "order")
    for source, target in _ELEMENTS[str(kind)].items():
        if source in activity:
            resource[target] = activity[source]
    return resource


def draft_resource(template: Resource, *, patient_id: str, today: str, identity: str) -> Resource:
    """The draft for one patient, before dynamic values. `today` (a FHIR date) is written as its authoredOn; the id is
    derived from `identity`, which names this application."""
    return {
        **template,
        "id": derived_id(identity),
        _SUBJECT.get(template["resourceType"], "subject"): {"reference": f"Patient/{patient_id}"},
        "authoredOn": today,
    }
