"""ActivityDefinition `$apply`: the draft resource an activity stands for (FHIR R4, Clinical Reasoning module).

Each kind has a table of the elements that carry over, by their name in the definition and in the resource.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
        "code": "reasonCode",
        "priority": "priority",
        "doNotPerform": "doNotPerform",
        "timingPeriod": "occurrencePeriod",
        "timingDateTime": "occurrenceDateTime",
    },
    "Task": {"code": "code", "priority": "priority", "description": "description"},
}

#: Elements of the resource that repeat though the definition has one value.
_REPEATED = frozenset({("CommunicationRequest", "reasonCode")})

#: Who the resource is for: the element that refers to the patient.
_SUBJECT = {"Task": "for"}

KINDS = frozenset(_ELEMENTS)


def apply_activity(activity: Resource, *, patient_id: str, today: str, identity: str) -> Resource:
    """The draft resource of an ActivityDefinition for one patient, before dynamic values.

    `today` (a FHIR date) is written as its authoredOn; `identity` names this application: the resource's id is derived
    from it. Raises EvaluationError when `kind` is missing or not one of KINDS."""
    kind = activity.get("kind")
    if kind not in KINDS:
        raise EvaluationError(f"ActivityDefinition {activity.get('url')}: kind {kind!r} makes no resource here")
    resource: Resource = {
        "resourceType": kind,
        "id": derived_id(identity),
        "instantiatesCanonical": [_canonical(activity)],
        "status": "draft",
        "intent": activity.get("intent", "order"),
    }
    if kind == "CommunicationRequest":
        del resource["intent"]
    if kind == "Task":
        resource["instantiatesCanonical"] = _canonical(activity)
    for source, target in _ELEMENTS[str(kind)].items():
        if source in activity:
            value: Any = activity[source]
            resource[target] = [value] if (kind, target) in _REPEATED else value
    resource[_SUBJECT.get(str(kind), "subject")] = {"reference": f"Patient/{patient_id}"}
    resource["authoredOn"] = today
    return resource


def _canonical(activity: Resource) -> str:
    version = activity.get("version")
    return f"{activity['url']}|{version}" if version else str(activity["url"])
