"""Prefetch templates derived from what a plan's expressions retrieve (cds-hooks.md, I-4 and A-P)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from cds import fhir
from cds.apply.plan import CompiledAction, CompiledPlan
from cds.apply.scope import Expression, Name, Parameter, Retrieve, Scope
from cds.definitions.registry import Registry
from cds.definitions.scope import libraries_of
from cds.expr.cql_expression import CqlExpression
from cds.hooks.request import HookRequest

#: The page size our own searches ask for: servers answer with 10 to 50 by themselves.
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Requirement:
    """One prefetch key of a service: the type it asks for, its template, and whether a call fails without it (P7)."""

    key: str
    resource_type: str
    template: str
    required: bool

    @property
    def interaction(self) -> Literal["read", "search"]:
        """What the template is, in FHIR's terms."""
        return "search" if "?" in self.template else "read"

    def query(self, request: HookRequest) -> str | None:
        """The template for one call, to be asked by ourselves where the client did not (P8): its tokens replaced and
        percent-encoded (security.md S6), and large pages wished for. None when the call has no value for a token."""
        first, *others = self.template.split("{{")
        text = first
        for part in others:
            token, _, rest = part.partition("}}")
            value = request.context.get(token.removeprefix("context."))
            if not isinstance(value, str) or not {"", ".", ".."}.isdisjoint(value.split("/")):
                return None
            text += quote(value, safe="/") + rest
        return f"{text}&_count={_PAGE}" if self.interaction == "search" and "_count=" not in text else text


#: The patient is read for every hook: without one, nothing can be evaluated (L2).
PATIENT = Requirement("patient", "Patient", "Patient/{{context.patientId}}", True)


#: The types whose search has the parameter `patient` (FHIR R4 search parameters, patient compartment), and those that
#: are found by `subject` alone. What is of no patient, such as Medication, is no prefetch.
_BY_PATIENT = frozenset(
    "Account AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic BodyStructure CarePlan CareTeam"
    " ChargeItem Claim ClaimResponse ClinicalImpression Communication CommunicationRequest Composition Condition"
    " Consent Contract Coverage CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device"
    " DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference Encounter EnrollmentRequest"
    " EpisodeOfCare ExplanationOfBenefit FamilyMemberHistory Flag Goal GuidanceResponse ImagingStudy Immunization"
    " ImmunizationEvaluation ImmunizationRecommendation Invoice List MeasureReport Media MedicationAdministration"
    " MedicationDispense MedicationRequest MedicationStatement MolecularSequence NutritionOrder Observation Person"
    " Procedure Provenance QuestionnaireResponse RelatedPerson RequestGroup ResearchSubject RiskAssessment"
    " ServiceRequest Specimen SupplyDelivery Task VisionPrescription".split()
)
_BY_SUBJECT = frozenset({"AdverseEvent", "SupplyRequest"})


def requirements(plan: CompiledPlan, hook: str, registry: Registry) -> tuple[Requirement, ...]:
    """The prefetch keys of `plan` for `hook`: the patient, then one type-level search per retrieved type, by key.

    A type is required when one retrieve of it is. Codes are filtered in the service: long code lists break clients
    (AP13), a client that encodes codes twice would find nothing and say so, and one search per type is the fewest
    queries. A Library's data requirement may say its search itself, by the extension cqf-fhirQueryPattern."""
    required: dict[str, bool] = {}
    for retrieve in _retrieves(plan, hook):
        known = required.get(retrieve.resource_type, False)
        required[retrieve.resource_type] = known or not retrieve.optional
    patterns = _patterns(plan, hook, registry)
    searches = [
        Requirement(key_of(kind), kind, template, needed)
        for kind, needed in required.items()
        if (template := patterns.get(kind) or template_of(kind)) is not None
    ]
    return (PATIENT, *sorted(searches, key=lambda requirement: requirement.key))


def template_of(kind: str) -> str | None:
    """The search for what is of the patient; None where there is none, or it is the patient."""
    if kind in _BY_PATIENT:
        return f"{kind}?patient={{{{context.patientId}}}}"
    return f"{kind}?subject={{{{context.patientId}}}}" if kind in _BY_SUBJECT else None


def _patterns(plan: CompiledPlan, hook: str, registry: Registry) -> dict[str, str]:
    """The searches that the libraries of the plan, and of those it nests, say themselves, by type."""
    plans = [plan.definition, *(a.plan.definition for a in _answering(plan.actions, hook) if a.plan is not None)]
    return {
        requirement["type"]: template_from(pattern)
        for definition in plans
        for library in libraries_of(definition, registry)
        for requirement in fhir.as_list(library.get("dataRequirement"))
        if (pattern := (fhir.extension(requirement, fhir.QUERY_PATTERN) or {}).get("valueString"))
    }


def template_from(pattern: str) -> str:
    """A search as a prefetch template, which FHIR writes with `{{patientId}}` (I-4)."""
    return pattern.replace("{{patientId}}", "{{context.patientId}}")


def key_of(resource_type: str) -> str:
    """The prefetch key of a type: `Condition` is `conditions`, `ImagingStudy` is `imagingStudies`."""
    key = resource_type[0].lower() + resource_type[1:]
    return key[:-1] + "ies" if key.endswith("y") else key + "s"


def _retrieves(plan: CompiledPlan, hook: str) -> Iterable[Retrieve]:
    seen: set[Name] = set()
    pending: list[tuple[Retrieve | Parameter | Expression, Scope]] = []
    for action in _answering(plan.actions, hook):
        pending += action.expressions()
    while pending:
        meaning, scope = pending.pop()
        if isinstance(meaning, Retrieve):
            yield meaning
        elif isinstance(meaning, CqlExpression):
            for need in meaning.needs:
                yield Retrieve(need.resource_type, optional=need.resource_type in scope.optional)
        elif not isinstance(meaning, Parameter):
            names = {scope.names[name] for name in meaning.variables if name in scope.names} - seen
            seen |= names
            pending += [(name.meaning, name.scope) for name in names]


def _answering(actions: list[CompiledAction], hook: str) -> Iterable[CompiledAction]:
    for action in actions:
        if action.hooks is None or hook in action.hooks:
            yield action
            yield from _answering(action.plan.actions if action.plan else action.children, hook)
