"""Whom a call of `$apply` is about, and the data it brings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from cds import fhir
from cds.apply.activity import People
from cds.chart import Answer, Chart, Completeness, build
from cds.cql.call import Call, Sent, refused, sent_in, text_of
from cds.errors import ExpressionError
from cds.expr import temporal
from cds.fhir import Resource
from cds.patient import Patient

_TEMPORAL = ("valueDate", "valueDateTime", "valueInstant")


def reference(sent: Sent, name: str, kind: str) -> str:
    """`Type/id` of a parameter; a bare id is of the type `kind`. Raises RequestError 400."""
    text = text_of(sent, name)
    key = fhir.reference_key(text) if "/" in text else (kind, text)
    if key is None or not fhir.is_id(key[1]):
        raise refused("value", f"'{name}' must be a reference such as {kind}/123", f"{sent.pointer}/valueString")
    return "/".join(key)


def people_of(call: Call) -> People:
    """Encounter, practitioner and organization of a call."""
    kinds = {"encounter": "Encounter", "practitioner": "Practitioner", "organization": "Organization"}
    found = {name: reference(sent, name, kind) for name, kind in kinds.items() for sent in call.all(name)}
    return People(**found)


@dataclass(frozen=True, slots=True)
class Record:
    """The data of a call: answers and resources by full url; `complete` says that it holds all there is."""

    answers: tuple[Answer, ...]
    urls: Mapping[str, Resource] = field(default_factory=dict)
    complete: bool = False


def record_of_bundle(bundle: Resource | None) -> Record:
    """A Bundle that holds all there is; without one nothing is known of anything."""
    if bundle is None:
        return Record((Answer("bundle", "Bundle", Completeness.NEVER),))
    answer = Answer("bundle", "Bundle", Completeness.COMPLETE, tuple(fhir.bundle_resources(bundle)))
    return Record((answer,), fhir.full_urls(bundle), complete=True)


def chart_of(record: Record, subject: str, parameters: Mapping[str, Sequence[Any]] = MappingProxyType({})) -> Chart:
    """The data about a subject.

    A draft in it is record like the rest: what is being ordered now is said in the `parameters` draftOrders,
    selectedOrders and appointments (resources, or a Bundle of them as a hook's context has). A subject that is no
    Patient sees the resources that name no patient."""
    kind, _, identifier = subject.partition("/")
    patient_id = identifier if kind == "Patient" else ""
    aliases = [
        url
        for url, found in record.urls.items()
        if found["resourceType"] == "Patient" and str(found.get("id", "")) == patient_id
    ]
    patient = Patient(patient_id, aliases)
    return build(patient, record.answers, _context(parameters), complete=record.complete, urls=record.urls)


def _context(parameters: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The orders of a call as the context of a hook has them."""
    given = {name: list(_resources(parameters.get(name, ()))) for name in ("draftOrders", "selectedOrders")}
    selected = [f"{one['resourceType']}/{one.get('id')}" for one in given["selectedOrders"]]
    context: dict[str, Any] = {
        "draftOrders": _bundle([*given["selectedOrders"], *given["draftOrders"]]),
        "appointments": _bundle(_resources(parameters.get("appointments", ()))),
    }
    return {**context, "selections": selected} if selected else context


def _resources(values: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for value in values:
        if isinstance(value, dict) and value.get("resourceType") == "Bundle":
            yield from fhir.bundle_resources(value)
        elif isinstance(value, dict) and isinstance(value.get("resourceType"), str):
            yield value


def _bundle(resources: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"entry": [{"resource": one} for one in resources]}


def values_of(chart: Chart, subject: str, people: People) -> dict[str, list[Any]]:
    """The `%names` of the standard: %subject, %encounter, %practitioner and %organization, as far as the data has
    them."""
    named = {
        "subject": subject,
        "encounter": people.encounter,
        "practitioner": people.practitioner,
        "organization": people.organization,
    }
    resolved = {name: chart.resolve(key) if key else None for name, key in named.items()}
    return {name: [] if found is None else [found] for name, found in resolved.items()}


def parameters_of(call: Call) -> dict[str, list[Sent]]:
    """What the `parameters` of a call hold, by name; one that is there several times has several."""
    resource = call.resource("parameters", "Parameters")
    found: dict[str, list[Sent]] = {}
    for sent in sent_in(resource, f"{call.pointer('parameters')}/resource") if resource is not None else ():
        found.setdefault(sent.parameter["name"], []).append(sent)
    return found


def value_of(sent: Sent) -> list[Any]:
    """The value of a parameter as FHIRPath has it."""
    if isinstance(sent.parameter.get("resource"), dict):
        return [sent.parameter["resource"]]
    for name, value in sent.parameter.items():
        if name in _TEMPORAL and isinstance(value, str):
            try:
                moment = temporal.parse(value)
            except ExpressionError:
                moment = None
            return [value if moment is None else moment]
        if name.startswith("value") and value is not None:
            return [value]
    return []
