"""Data that no client can be asked for: a prefetch template searches by patient, and not every type can be."""

from __future__ import annotations

from collections.abc import Iterator

from cds.definitions.element import Element
from cds.definitions.registry import Registry
from cds.errors import Problem
from cds.expr.elm.code import Node
from cds.expr.elm.facts import parts_of
from cds.expr.elm.specifiers import fhir_name, named
from cds.lint.libraries import texts

#: The resource types with the search parameter `patient` (FHIR R4), and Patient, which is read.
SEARCHED_BY_PATIENT = frozenset(
    "Patient Account AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic BodyStructure "
    "CarePlan CareTeam ChargeItem Claim ClaimResponse ClinicalImpression Communication CommunicationRequest "
    "Composition Condition Consent Contract Coverage CoverageEligibilityRequest CoverageEligibilityResponse "
    "DetectedIssue Device DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference "
    "Encounter EnrollmentRequest EpisodeOfCare ExplanationOfBenefit FamilyMemberHistory Flag Goal "
    "GuidanceResponse ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation Invoice List "
    "MeasureReport Media MedicationAdministration MedicationDispense MedicationRequest MedicationStatement "
    "MolecularSequence NutritionOrder Observation Person Procedure Provenance QuestionnaireResponse "
    "RelatedPerson RequestGroup ResearchSubject RiskAssessment ServiceRequest Specimen SupplyDelivery Task "
    "VisionPrescription".split()
)
_HINT = "retrieve what refers to it, as a MedicationRequest does to a Medication, and follow the reference"


def check_retrieves(registry: Registry) -> Iterator[Problem]:
    """Retrieves of CQL and data requirements of Libraries that would never be answered."""
    for document in registry.documents:
        if document.kind == "Library":
            for requirement in Element.root(document).each("dataRequirement"):
                kind = requirement.text("type")
                if kind and kind not in SEARCHED_BY_PATIENT:
                    yield requirement.problem(
                        "retrieve-unserved", _message(kind), "type", hint=_HINT, severity="warning"
                    )
    for library in texts(registry):
        for definition in library.definitions():
            for node in _retrieves(definition):
                kind = fhir_name(named(node["dataType"])) or ""
                if kind not in SEARCHED_BY_PATIENT:
                    yield library.problem(
                        Problem("retrieve-unserved", _message(kind), library.at(node), _HINT, "warning")
                    )


def _message(kind: str) -> str:
    return f"no client can be asked for the {kind} of a patient: there is no search for that"


def _retrieves(node: Node) -> Iterator[Node]:
    if node.get("type") == "Retrieve":
        yield node
    for _, part in parts_of(node):
        yield from _retrieves(part)
