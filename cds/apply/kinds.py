"""What each kind of ActivityDefinition becomes: which element of the resource takes which of the definition's (R4).

The kinds are those of http://hl7.org/fhir/ValueSet/request-resource-types, and the events that the CPG extension
`cpg-activity-kind` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_REQUEST = frozenset(
    "proposal plan directive order original-order reflex-order filler-order instance-order option".split()
)
_NO_DIRECTIVE = _REQUEST - {"directive"}
_PERIOD = {"timingPeriod": "occurrencePeriod", "timingDateTime": "occurrenceDateTime"}
_OCCURRENCE = {**_PERIOD, "timingTiming": "occurrenceTiming"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource. `elements` maps what a definition gives (cds.apply.activity) to a path of the resource;
    `base` is what every such resource has, `companions` what goes with an element that is there. The other members are
    paths: of the patient, of the day, of the clinician or organization that asks, of the encounter. `canonical` is the
    element that refers to the definition, "" where an extension has to. `intents` are the codes that `intent` may have,
    None where there is no such element. `is_product` says that the product is what `code` maps to."""

    elements: Mapping[str, str]
    base: Mapping[str, Any] = field(default_factory=lambda: {"status": "draft"})
    subject: str = "subject"
    dates: tuple[str, ...] = ("authoredOn",)
    author: str = "requester"
    organization: str = ""
    encounter: str = "encounter"
    canonical: str = "instantiatesCanonical"
    intents: frozenset[str] | None = None
    companions: Mapping[str, Any] = field(default_factory=dict)
    is_product: bool = False


#: A participant of an Appointment that nobody has asked yet.
ASKED = {"required": "required", "status": "needs-action"}

#: What an ImmunizationRecommendation says of its vaccine.
DUE = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/immunization-recommendation-status", "code": "due"}]
}

KINDS: Mapping[str, Kind] = {
    "Appointment": Kind(
        {
            "code": "serviceType",
            "timingPeriod": "requestedPeriod",
            "minutes": "minutesDuration",
            "urgency": "priority",
            "productReference": "supportingInformation",
            "productCodeableConcept": "reasonCode",
            "requirements": "supportingInformation",
            "text": "description",
            "instruction": "patientInstruction",
            "attendees": "participant",
        },
        base={"status": "proposed"},
        subject="participant[0].actor",
        dates=("created",),
        author="",
        encounter="",
        canonical="",
    ),
    "AppointmentResponse": Kind(
        {"roles": "participantType", "timingStart": "start", "timingEnd": "end", "text": "comment"},
        base={"participantStatus": "needs-action"},
        subject="actor",
        dates=(),
        author="",
        encounter="",
        canonical="",
    ),
    "CarePlan": Kind(
        {
            "code": "activity[0].detail.code",
            "title": "title",
            "text": "description",
            "timingPeriod": "period",
            "timingTiming": "activity[0].detail.scheduledTiming",
            "location": "activity[0].detail.location",
            "productCodeableConcept": "activity[0].detail.productCodeableConcept",
            "productReference": "activity[0].detail.productReference",
            "quantity": "activity[0].detail.quantity",
            "requirements": "supportingInfo",
            "instruction": "activity[0].detail.description",
        },
        dates=("created",),
        author="author",
        intents=frozenset({"proposal", "plan", "order", "option"}),
        companions={"activity[0].detail.status": "not-started"},
    ),
    "Claim": Kind(
        {
            "code": "type",
            "urgencyCode": "priority",
            "location": "facility",
            "productCodeableConcept": "item[0].productOrService",
            "quantity": "item[0].quantity",
            "bodySite": "item[0].bodySite",
            "timingPeriod": "billablePeriod",
        },
        base={"status": "draft", "use": "preauthorization"},
        subject="patient",
        dates=("created",),
        author="provider",
        organization="provider",
        encounter="",
        canonical="",
        companions={"item[0].sequence": 1},
    ),
    "Communication": Kind(
        {"code": "category", "priority": "priority", "requirements": "about"},
        base={"status": "preparation"},
        dates=(),
        author="sender",
    ),
    "CommunicationRequest": Kind(
        {
            **_PERIOD,
            "code": "category",
            "priority": "priority",
            "doNotPerform": "doNotPerform",
            "requirements": "about",
        },
        canonical="",
    ),
    "Contract": Kind(
        {
            "code": "type",
            "title": "title",
            "timingPeriod": "applies",
            "location": "site",
            "requirements": "supportingInfo",
            "productReference": "topicReference",
            "productCodeableConcept": "topicCodeableConcept",
        },
        base={},
        dates=("issued",),
        author="author",
        encounter="",
        canonical="instantiatesUri",
    ),
    "DeviceRequest": Kind(
        {
            **_OCCURRENCE,
            "code": "codeCodeableConcept",
            "productReference": "codeReference",
            "priority": "priority",
            "roles": "performerType",
            "quantity": "parameter[0].valueQuantity",
            "requirements": "supportingInfo",
        },
        intents=_REQUEST,
        is_product=True,
    ),
    "DiagnosticReport": Kind(
        {"code": "code", "timingPeriod": "effectivePeriod", "timingDateTime": "effectiveDateTime"},
        base={"status": "registered"},
        dates=(),
        author="performer",
        organization="performer",
        canonical="",
    ),
    "EnrollmentRequest": Kind(
        {}, subject="candidate", dates=("created",), author="provider", encounter="", canonical=""
    ),
    "ImmunizationRecommendation": Kind(
        {
            "code": "recommendation[0].vaccineCode",
            "due": "recommendation[0].dateCriterion",
            "text": "recommendation[0].description",
        },
        base={},
        subject="patient",
        dates=("date",),
        author="",
        organization="authority",
        encounter="",
        canonical="",
        companions={"recommendation[0].forecastStatus": DUE},
        is_product=True,
    ),
    "MedicationRequest": Kind(
        {
            "code": "medicationCodeableConcept",
            "productReference": "medicationReference",
            "priority": "priority",
            "doNotPerform": "doNotPerform",
            "dosage": "dosageInstruction",
            "timingTiming": "dosageInstruction[0].timing",
            "bodySite": "dosageInstruction[0].site",
            "quantity": "dispenseRequest.quantity",
            "timingPeriod": "dispenseRequest.validityPeriod",
            "roles": "performerType",
            "requirements": "supportingInformation",
        },
        intents=_NO_DIRECTIVE,
        is_product=True,
    ),
    "NutritionOrder": Kind(
        {
            "code": "oralDiet.type",
            "productCodeableConcept": "supplement[0].type",
            "quantity": "supplement[0].quantity",
            "timingTiming": "oralDiet.schedule",
            "instruction": "oralDiet.instruction",
        },
        subject="patient",
        dates=("dateTime",),
        author="orderer",
        intents=_REQUEST,
    ),
    "Procedure": Kind(
        {
            "code": "code",
            "bodySite": "bodySite",
            "location": "location",
            "timingPeriod": "performedPeriod",
            "timingDateTime": "performedDateTime",
            "timingAge": "performedAge",
            "timingRange": "performedRange",
            "productReference": "usedReference",
            "productCodeableConcept": "usedCode",
        },
        base={"status": "preparation"},
        dates=(),
        author="performer[0].actor",
    ),
    "RequestGroup": Kind(
        {"code": "code", "priority": "priority"},
        author="author",
        intents=_REQUEST,
    ),
    "ServiceRequest": Kind(
        {
            **_OCCURRENCE,
            "code": "code",
            "priority": "priority",
            "doNotPerform": "doNotPerform",
            "bodySite": "bodySite",
            "quantity": "quantityQuantity",
            "location": "locationReference",
            "productCodeableConcept": "orderDetail",
            "productReference": "supportingInfo",
            "roles": "performerType",
            "requirements": "supportingInfo",
            "instruction": "patientInstruction",
        },
        organization="requester",
        intents=_REQUEST,
    ),
    "SupplyRequest": Kind(
        {
            **_OCCURRENCE,
            "code": "itemCodeableConcept",
            "productReference": "itemReference",
            "priority": "priority",
            "quantity": "quantity",
        },
        subject="deliverTo",
        organization="requester",
        encounter="",
        canonical="",
        is_product=True,
    ),
    "Task": Kind(
        {
            "code": "code",
            "priority": "priority",
            "text": "description",
            "location": "location",
            "timingPeriod": "executionPeriod",
            "roles": "performerType",
        },
        subject="for",
        intents=_NO_DIRECTIVE,
    ),
    "VisionPrescription": Kind(
        {
            "code": "lensSpecification[0].product",
            "timingDateTime": "dateWritten",
            "instruction": "lensSpecification[0].note[0].text",
        },
        subject="patient",
        dates=("created", "dateWritten"),
        author="prescriber",
        canonical="",
        is_product=True,
    ),
}
