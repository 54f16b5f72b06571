"""What CQL retrieves from: one patient's resources out of a Bundle or of answers to searches, or nothing at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cds import fhir
from cds.chart import Answer, Chart, Completeness, Retrieves, build
from cds.errors import Issue, RequestError
from cds.expr.elm.values import Partial
from cds.expr.evaluation import Data
from cds.fhir import Resource
from cds.patient import Patient


class Record(Data):
    """The resources of a Chart; with None nobody obtained any, so whatever is asked for may be missing."""

    def __init__(self, chart: Chart | None) -> None:
        self._chart = chart
        self._retrieves = None if chart is None else Retrieves(chart)

    def retrieve(
        self, resource_type: str, path: str | None, codes: frozenset[tuple[str, str]] | None, value_set: str | None
    ) -> list[Resource]:
        """As the protocol Data of cds.expr.evaluation has it."""
        return Partial() if self._retrieves is None else self._retrieves.retrieve(resource_type, path, codes, value_set)

    def resolve(self, reference: str, base: dict[str, Any] | None) -> Resource | None:
        """What a reference names, as `Resolve` of cds.expr.evaluation has it."""
        return None if self._chart is None else self._chart.resolve(reference, base)


def record_of(bundle: Mapping[str, Any] | None, subject: str | None = None) -> Record:
    """The data of `subject` (`Patient/123` or the id) in a Bundle that holds all there is; None: there is no data.

    Drafts and proposals are resources as others. Raises RequestError 400 when it is not clear whose data it is."""
    if bundle is None:
        return Record(None)
    answer = Answer("bundle", "Bundle", Completeness.COMPLETE, tuple(fhir.bundle_resources(bundle)))
    return record_of_answers([answer], fhir.full_urls(bundle), subject, complete=True)


def record_of_answers(
    answers: Sequence[Answer], urls: Mapping[str, Resource], subject: str | None, *, complete: bool = False
) -> Record:
    """The data of `subject` in some answers, with their resources by full url; `complete` says that they hold all there
    is. Raises RequestError as record_of()."""
    patients = [found for answer in answers for found in answer.resources if found["resourceType"] == "Patient"]
    patient_id = _patient_id(patients, subject)
    aliases = [url for url, resource in urls.items() if _is_patient(resource, patient_id)]
    chart = build(Patient(patient_id, aliases), answers, complete=complete, urls=urls)
    if chart.dropped and not patients and subject is None:
        raise RequestError(400, Issue("required", "The data holds no Patient: name the one whose it is as 'subject'"))
    return Record(chart)


def _patient_id(patients: list[Resource], subject: str | None) -> str:
    if subject is not None:
        kind, _, identifier = subject.rpartition("/")
        if kind not in ("", "Patient") or not fhir.is_id(identifier):
            raise RequestError(400, Issue("invalid", "The subject must be a reference such as Patient/123"))
        if patients and identifier not in [patient.get("id") for patient in patients]:
            raise RequestError(400, Issue("not-found", "The data does not hold the Patient that is the subject"))
        return identifier
    if len(patients) > 1:
        text = f"The data holds {len(patients)} patients: name the one to evaluate for as 'subject'"
        raise RequestError(400, Issue("required", text))
    return str(patients[0].get("id", "")) if patients else ""


def _is_patient(resource: Resource, patient_id: str) -> bool:
    return resource["resourceType"] == "Patient" and str(resource.get("id", "")) == patient_id
