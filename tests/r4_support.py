"""A strict reading of R4 orders: what an EHR that validates refuses of a draft. The models of fhir.resources check
structure, names and formats; here are the bindings with required strength and the invariants that they do not check."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

UCUM = "http://unitsofmeasure.org"

_STATUS = "draft active on-hold revoked completed entered-in-error unknown"
_INTENT = "proposal plan directive order original-order reflex-order filler-order instance-order option"
_PRIORITY = "routine urgent asap stat"
#: Codes of bindings with required strength (FHIR R4 4.0.1), by type and element.
BINDINGS: dict[tuple[str, str], frozenset[str]] = {
    key: frozenset(codes.split())
    for key, codes in {
        ("ServiceRequest", "status"): _STATUS,
        ("ServiceRequest", "intent"): _INTENT,
        ("ServiceRequest", "priority"): _PRIORITY,
        ("DeviceRequest", "status"): _STATUS,
        ("DeviceRequest", "intent"): _INTENT,
        ("DeviceRequest", "priority"): _PRIORITY,
        ("MedicationRequest", "status"): ("active on-hold cancelled completed entered-in-error stopped draft unknown"),
        ("MedicationRequest", "intent"): (
            "proposal plan order original-order reflex-order filler-order instance-order option"
        ),
        ("MedicationRequest", "priority"): _PRIORITY,
        ("SupplyRequest", "status"): "draft active suspended cancelled completed entered-in-error unknown",
        ("SupplyRequest", "priority"): _PRIORITY,
        ("CommunicationRequest", "status"): _STATUS,
        ("CommunicationRequest", "priority"): _PRIORITY,
        ("Task", "status"): (
            "draft requested received accepted rejected ready cancelled in-progress on-hold failed completed "
            "entered-in-error"
        ),
        ("Task", "intent"): f"unknown {_INTENT}",
        ("Task", "priority"): _PRIORITY,
        ("Timing", "durationUnit"): "s min h d wk mo a",
        ("Timing", "periodUnit"): "s min h d wk mo a",
        ("Timing", "dayOfWeek"): "mon tue wed thu fri sat sun",
        ("Timing", "when"): (
            "MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT PHS HS WAKE C CM CD CV "
            "AC ACM ACD ACV PC PCM PCD PCV"
        ),
        ("Quantity", "comparator"): "< <= >= >",
        ("Narrative", "status"): "generated extensions additional empty",
        ("Identifier", "use"): "usual official temp secondary old",
    }.items()
}
#: Elements that must be there; one of several where a choice or alternatives are.
REQUIRED: dict[str, tuple[tuple[str, ...], ...]] = {
    "ServiceRequest": (("status",), ("intent",), ("subject",)),
    "DeviceRequest": (("intent",), ("codeReference", "codeCodeableConcept"), ("subject",)),
    "MedicationRequest": (
        ("status",),
        ("intent",),
        ("medicationCodeableConcept", "medicationReference"),
        ("subject",),
    ),
    "SupplyRequest": (("itemCodeableConcept", "itemReference"), ("quantity",)),
    "CommunicationRequest": (("status",),),
    "Task": (("status",), ("intent",)),
}
_REFERENCE = re.compile(r"#[A-Za-z0-9.-]{1,64}|([A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64})|https?://\S+|urn:(uuid|oid):\S+")
_URI = re.compile(r"(https?://|urn:)\S+")


def faults(resource: dict[str, Any]) -> list[str]:
    """Everything a strict reader of R4 would refuse, as `path: reason`; nothing for a resource it accepts."""
    kind = resource["resourceType"]
    found = [f"{kind}: {' or '.join(names)} is required" for names in REQUIRED[kind] if not set(names) & set(resource)]
    found += _bound(resource, kind, kind)
    return found + list(_walk(resource, kind))


def draft_faults(resource: dict[str, Any], patient: str) -> list[str]:
    """What keeps a created order from being accepted as a draft about this patient, and signed as it stands."""
    kind, found = resource["resourceType"], faults(resource)
    if resource.get("status") != "draft":
        found.append(f"{kind}.status: a created order is a draft")
    if resource.get("subject", {}).get("reference") != f"Patient/{patient}":
        found.append(f"{kind}.subject: another patient")
    concept = resource.get("medicationCodeableConcept") or resource.get("code") or {}
    if not concept.get("text") and not any(coding.get("display") for coding in concept.get("coding", ())):
        found.append(f"{kind}.code: nothing that people can read")
    if not {"note", "patientInstruction"} & set(resource):
        found.append(f"{kind}: neither a note nor an instruction says what it is for")
    if kind == "MedicationRequest" and not resource.get("dosageInstruction"):
        found.append(f"{kind}.dosageInstruction: none")
    return found


def _walk(element: Any, path: str) -> Iterator[str]:
    if isinstance(element, list):
        if not element:
            yield f"{path}: an empty list"
        for index, item in enumerate(element):
            yield from _walk(item, f"{path}[{index}]")
    elif isinstance(element, dict):
        if not element:
            yield f"{path}: an empty element (ele-1)"
        for name, value in element.items():
            yield from _walk(value, f"{path}.{name}")
            rule = next((rule for suffix, rule in _RULES.items() if name == suffix or name.endswith(suffix[1:])), None)
            for item in value if isinstance(value, list) else [value]:
                if rule is not None and isinstance(item, dict):
                    yield from rule(item, f"{path}.{name}")
    elif element is None or element == "" or (isinstance(element, str) and not element.strip()):
        yield f"{path}: empty"


def _bound(element: dict[str, Any], kind: str, path: str) -> Iterator[str]:
    for name, value in element.items():
        codes = BINDINGS.get((kind, name))
        for code in (value if isinstance(value, list) else [value]) if codes is not None else ():
            if code not in codes:
                yield f"{path}.{name}: '{code}' is not in its required value set"


def _repeat(repeat: dict[str, Any], path: str) -> Iterator[str]:
    yield from _bound(repeat, "Timing", path)
    for number, (broken, text) in {
        "tim-1": ("duration" in repeat and "durationUnit" not in repeat, "duration needs its unit"),
        "tim-2": ("period" in repeat and "periodUnit" not in repeat, "period needs its unit"),
        "tim-4": (repeat.get("duration", 0) < 0, "duration is negative"),
        "tim-5": (repeat.get("period", 0) < 0, "period is negative"),
        "tim-6": ("periodMax" in repeat and "period" not in repeat, "periodMax needs period"),
        "tim-7": ("durationMax" in repeat and "duration" not in repeat, "durationMax needs duration"),
        "tim-8": ("countMax" in repeat and "count" not in repeat, "countMax needs count"),
        "tim-9": (
            "offset" in repeat and not set(repeat.get("when", ())) - {"C", "CM", "CD", "CV"},
            "offset needs a when that is not a meal",
        ),
        "tim-10": ("timeOfDay" in repeat and "when" in repeat, "timeOfDay and when exclude each other"),
    }.items():
        if broken:
            yield f"{path}: {text} ({number})"
    for name in ("frequency", "frequencyMax", "count", "countMax"):
        if repeat.get(name, 1) < 1:
            yield f"{path}.{name}: not positive"


def _quantity(quantity: dict[str, Any], path: str) -> Iterator[str]:
    yield from _bound(quantity, "Quantity", path)
    if "code" in quantity and "system" not in quantity:
        yield f"{path}: a code needs its system (qty-3)"


def _duration(quantity: dict[str, Any], path: str) -> Iterator[str]:
    yield from _quantity(quantity, path)
    if "value" in quantity and quantity.get("system", UCUM) != UCUM:
        yield f"{path}: a duration is in UCUM (drt-1)"
    if "value" in quantity and quantity.get("code") not in ("s", "min", "h", "d", "wk", "mo", "a"):
        yield f"{path}: a duration needs a unit of time (drt-1)"


def _period(period: dict[str, Any], path: str) -> Iterator[str]:
    start, end = period.get("start", ""), period.get("end", "")
    if start and end and start[: len(end)] > end[: len(start)]:
        yield f"{path}: it ends before it begins (per-1)"
    for name, text in (("start", start), ("end", end)):
        if len(text) == len("2026-01-01"):
            try:
                date.fromisoformat(text)
            except ValueError:
                yield f"{path}.{name}: no day"


def _concept(concept: dict[str, Any], path: str) -> Iterator[str]:
    for index, coding in enumerate(concept.get("coding", ())):
        if "system" in coding and _URI.fullmatch(coding["system"]) is None:
            yield f"{path}.coding[{index}].system: no absolute uri"
        if "code" in coding and coding["code"] != " ".join(coding["code"].split()):
            yield f"{path}.coding[{index}].code: blanks around or within"
        if "code" in coding and "system" not in coding:
            yield f"{path}.coding[{index}]: a code without a system"


def _reference(reference: dict[str, Any], path: str) -> Iterator[str]:
    if not {"reference", "identifier", "display"} & set(reference):
        yield f"{path}: refers to nothing"
    if "reference" in reference and _REFERENCE.fullmatch(reference["reference"]) is None:
        yield f"{path}: '{reference['reference']}' is no reference"


def _note(note: dict[str, Any], path: str) -> Iterator[str]:
    if "text" not in note:
        yield f"{path}: a note needs its text"


def _extension(extension: dict[str, Any], path: str) -> Iterator[str]:
    values = [name for name in extension if name.startswith("value")]
    if "url" not in extension or len(values) + ("extension" in extension) != 1:
        yield f"{path}: an extension has a url and either a value or extensions (ext-1)"


#: What holds for an element, by its name or (after a `*`) the end of its name.
_RULES: dict[str, Callable[[dict[str, Any], str], Iterator[str]]] = {
    "repeat": _repeat,
    "expectedSupplyDuration": _duration,
    "boundsDuration": _duration,
    "quantity": _quantity,
    "*Quantity": _quantity,
    "*Period": _period,
    "*Concept": _concept,
    "code": _concept,
    "route": _concept,
    "site": _concept,
    "method": _concept,
    "reasonCode": _concept,
    "subject": _reference,
    "*Reference": _reference,
    "note": _note,
    "extension": _extension,
}
