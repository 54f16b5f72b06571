"""Whose data a call is about: which resources name the patient of the call, and which name somebody else
(cds-hooks.md P11)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cds import fhir
from cds.fhir import Resource


class Patient:
    """Whose chart it is: the id, and every reference that means this patient (`urn:uuid` full urls of a Bundle)."""

    __slots__ = ("_known", "id", "reference")

    def __init__(self, patient_id: str, aliases: Iterable[str] = ()) -> None:
        self.id = patient_id
        self.reference = f"Patient/{patient_id}"
        self._known: dict[str, bool] = {self.reference: True, **dict.fromkeys(aliases, True)}

    def is_foreign(self, resource: Resource) -> bool:
        """True when the resource names another patient as its subject. One that names nobody is not foreign."""
        subject = resource.get("subject") or resource.get("patient") or resource.get("beneficiary")
        if subject.__class__ is dict and subject.get("reference") == self.reference:
            return False
        if subject is not None:
            return any(self._is_other(item) for item in fhir.as_list(subject))
        if resource["resourceType"] == "Patient":
            return resource.get("id") != self.id
        return resource["resourceType"] == "Appointment" and self._is_foreign_appointment(resource)

    def _is_other(self, element: Any) -> bool:
        """Whether a Reference element, or a bare string in its place, is to somebody else."""
        reference = element.get("reference") if isinstance(element, dict) else element
        if not isinstance(reference, str) or not reference:
            return False
        if "/" not in reference and isinstance(element, dict) and element.get("type") == "Patient":
            return reference not in (self.id, self.reference) and not self._known.get(reference)
        return not self._means_patient(reference)

    def _means_patient(self, reference: str) -> bool:
        """Whether a reference is to this patient; what refers to no Patient refers to no other patient."""
        if reference in self._known:
            return self._known[reference]
        key = fhir.reference_key(reference)
        if key is None:
            known = not reference.startswith("urn:")
        else:
            known = key[0] != "Patient" or key[1] == self.id
        self._known[reference] = known
        return known

    def _is_foreign_appointment(self, appointment: Resource) -> bool:
        actors = [
            reference
            for participant in fhir.as_list(appointment.get("participant"))
            if isinstance(participant, dict) and (reference := fhir.reference_of(participant.get("actor")))
        ]
        keys = {reference: fhir.reference_key(reference) for reference in actors}
        patients = [r for r, key in keys.items() if self._known.get(r) or (key is not None and key[0] == "Patient")]
        return bool(patients) and not any(self._means_patient(reference) for reference in patients)
