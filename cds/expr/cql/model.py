"""What a library's `using` brings: the types of a data model with their elements, contexts and code paths.

The System model is written here; FHIR's is made from the engine's own element model (cds/expr/types.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from cds.expr import types as fhir_types
from cds.expr.cql.model_codes import CODE_TYPES
from cds.expr.cql.types import ANY, SYSTEM, ListType, Named, Type, choice_of, parse_type

#: Elements of the System classes (CQL 1.5.3, Appendix B "Types").
_SYSTEM_ELEMENTS: dict[str, dict[str, str]] = {
    "Quantity": {"value": "Decimal", "unit": "String"},
    "Ratio": {"numerator": "Quantity", "denominator": "Quantity"},
    "Code": {"code": "String", "system": "String", "version": "String", "display": "String"},
    "Concept": {"codes": "List<Code>", "display": "String"},
    "Vocabulary": {"id": "String", "version": "String", "name": "String"},
    "ValueSet": {"codesystems": "List<CodeSystem>"},
    "CodeSystem": {},
}

#: The element a retrieve without a code path filters by (FHIR 4.0.1 model info), by type.
_CODE_PATHS = {
    name: path
    for path, names in {
        "category": "CarePlan CareTeam CommunicationRequest Consent Goal SupplyRequest",
        "code": "AllergyIntolerance Basic ChargeItem ChargeItemDefinition ClinicalImpression Condition DetectedIssue"
        " DeviceRequest DiagnosticReport Flag Group List Medication MedicationKnowledge Observation"
        " ObservationDefinition OperationDefinition PractitionerRole Procedure RequestGroup RiskAssessment"
        " ServiceRequest Substance Task",
        "device.code": "DeviceUseStatement",
        "event": "AdverseEvent MessageDefinition",
        "issue.code": "OperationOutcome",
        "location": "BodyStructure",
        "medication": "MedicationAdministration MedicationDispense MedicationRequest MedicationStatement",
        "module": "GuidanceResponse",
        "name": "Questionnaire",
        "reasonCode": "Communication",
        "relationship": "RelatedPerson",
        "serviceType": "Appointment",
        "target": "SearchParameter",
        "topic": "ActivityDefinition Library Measure",
        "type": "Account Claim Composition Coverage Device DeviceMetric Encounter EpisodeOfCare ExplanationOfBenefit"
        " HealthcareService Location MeasureReport Specimen SupplyDelivery",
        "vaccineCode": "Immunization",
    }.items()
    for name in names.split()
}

#: The System type that `.value` of a FHIR primitive has; primitives not named are text.
_VALUES = {
    "boolean": "Boolean",
    "integer": "Integer",
    "integer64": "Long",
    "decimal": "Decimal",
    "date": "Date",
    "dateTime": "DateTime",
    "instant": "DateTime",
    "time": "Time",
}

#: Types of the FHIR model info that are profiles of a type here.
_PROFILES = {"SimpleQuantity": "Quantity", "MoneyQuantity": "Quantity"}


class Model:
    """A data model. `elements` are a type's own and inherited ones."""

    name = "System"
    contexts: frozenset[str] = frozenset()

    def type(self, name: str) -> Named | None:
        """The type of a local name, or None."""
        return SYSTEM.get(name)

    def names(self) -> Iterable[str]:
        """Every local type name, for hints."""
        return SYSTEM

    def elements(self, kind: Named) -> Mapping[str, Type]:
        """Element name -> its type."""
        return _system_elements(kind)

    def is_retrievable(self, kind: Named) -> bool:  # noqa: ARG002 - System has no resources
        """True for a type that a retrieve may name."""
        return False

    def code_path(self, kind: Named) -> str | None:  # noqa: ARG002 - System has no resources
        """The element a retrieve filters by when none is written."""
        return None


class FhirModel(Model):
    """FHIR 4.0.1. Elements of a FHIR type have FHIR types; a primitive has the element `value` of a System type."""

    name = "FHIR"
    contexts = frozenset({"Patient", "Practitioner", "Device", "Encounter", "RelatedPerson"})

    def __init__(self, source: fhir_types.Model) -> None:
        self._source = source
        self._types: dict[str, Named] = {}
        self._elements: dict[str, dict[str, Type]] = {}
        self._raw: dict[str, str] = {}

    def type(self, name: str) -> Named | None:
        raw = "code" if name in CODE_TYPES else _PROFILES.get(name, name).replace(".", "")
        known = self._types.get(raw)
        if known is None and raw in self._source:
            base = self._source.base(raw)
            known = Named(f"FHIR.{self._dotted(raw)}", self.type(base) if base else ANY, is_class=True)
            self._types[raw] = known
            self._raw[known.name] = raw
        return known

    def names(self) -> Iterable[str]:
        return (self._dotted(name) for name in self._source.names())

    def elements(self, kind: Named) -> Mapping[str, Type]:
        known = self._elements.get(kind.name)
        if known is None:
            known = self._elements[kind.name] = self._find_elements(kind.local.replace(".", ""))
        return known

    def is_retrievable(self, kind: Named) -> bool:
        return kind.local in self._source.resources and not self._source.is_abstract(kind.local)

    def code_path(self, kind: Named) -> str | None:
        return _CODE_PATHS.get(kind.local)

    def _find_elements(self, raw: str) -> dict[str, Type]:
        found: dict[str, Type] = {}
        name = raw
        while name:
            for element, kinds in self._source.own(name).items():
                found.setdefault(element.removesuffix("[x]"), self._element_type(kinds))
            if fhir_types.PRIMITIVES.get(name) == "":
                found["value"] = SYSTEM[_VALUES.get(name, "String")]
            name = self._source.base(name)
        return found

    def _element_type(self, kinds: str | list[str]) -> Type:
        if isinstance(kinds, list):
            return choice_of(kind for name in kinds if (kind := self.type(name)))
        single = self.type(kinds.rstrip("*")) or ANY
        return ListType(single) if kinds.endswith("*") else single

    def _dotted(self, raw: str) -> str:
        """`PatientContact` as CQL writes it: `Patient.Contact`."""
        return self._paths().get(raw, raw)

    @lru_cache(maxsize=1)  # noqa: B019 - the model lives as long as the process
    def _paths(self) -> dict[str, str]:
        paths: dict[str, str] = {}

        def walk(owner: str, path: str) -> None:
            for kinds in self._source.own(owner).values():
                name = kinds.rstrip("*") if isinstance(kinds, str) else ""
                if name.startswith(owner) and name != owner and name not in paths and name in self._source:
                    paths[name] = f"{path}.{name[len(owner) :]}"
                    walk(name, paths[name])

        for name in sorted(self._source.names(), key=len):
            walk(name, paths.get(name, name))
        return paths


@lru_cache(maxsize=256)
def _system_elements(kind: Named) -> dict[str, Type]:
    own = {name: parse_type(text) for name, text in _SYSTEM_ELEMENTS.get(kind.local, {}).items()}
    return {**(_system_elements(kind.base) if kind.base else {}), **own}


SYSTEM_MODEL = Model()


@lru_cache(maxsize=1)
def fhir_model() -> FhirModel:
    """The FHIR model, made once per process."""
    return FhirModel(fhir_types.model())


def elements(kind: Named) -> Mapping[str, Type]:
    """The elements of a named type of any model."""
    return (fhir_model() if kind.namespace == "FHIR" else SYSTEM_MODEL).elements(kind)
