"""What a call is about: the orders that are being drafted, those of them to be judged, and the appointments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds import fhir
from cds.fhir import Resource
from cds.patient import Patient

#: The statuses in which a draft order or appointment is still to be decided on (decisions.md, "draft order").
LIVE_STATUSES = frozenset({"draft", "active", "on-hold", "proposed", "pending", "requested", "booked"})

#: What can be ordered. Anything else in a draft Bundle (Medication, Condition, ...) is there to be referred to.
ORDER_TYPES = frozenset(
    {
        "CommunicationRequest",
        "DeviceRequest",
        "ImmunizationRecommendation",
        "MedicationRequest",
        "NutritionOrder",
        "ServiceRequest",
        "SupplyRequest",
        "Task",
        "VisionPrescription",
    }
)


_APPOINTMENT = frozenset({"Appointment"})


@dataclass(frozen=True, slots=True)
class Orders:
    """The resources of the call's context: live draft orders, those of them to be judged, and live appointments.
    `ids` names every draft and appointment, live or not, as (type, id)."""

    drafts: tuple[Resource, ...] = ()
    selected: tuple[Resource, ...] = ()
    appointments: tuple[Resource, ...] = ()
    ids: frozenset[tuple[str, str]] = frozenset()
    others: tuple[Resource, ...] = ()
    dropped: int = 0


def read_orders(context: Mapping[str, Any], accepted: Patient) -> Orders:
    """Read `draftOrders` with `selections`, and `appointments`, of a hook's context.

    Without `selections` every live draft is judged; with it, those named (as `Type/id`, bare id, or full url)."""
    named = context.get("selections")
    names = {str(name) for name in named} if isinstance(named, list) else None
    live: dict[frozenset[str], dict[tuple[str, str], Resource]] = {ORDER_TYPES: {}, _APPOINTMENT: {}}
    selected: dict[tuple[str, str], Resource] = {}
    others: list[Resource] = []
    ids: set[tuple[str, str]] = set()
    dropped = 0
    for bundle, kinds in (("draftOrders", ORDER_TYPES), ("appointments", _APPOINTMENT)):
        for key, resource, full_url in _entries(context.get(bundle)):
            if accepted.is_foreign(resource):
                dropped += 1
            elif key[0] not in kinds:
                others.append(resource)
            elif key not in ids:
                ids.add(key)
                if _is_live(resource):
                    live[kinds][key] = resource
                    if names is not None and kinds is ORDER_TYPES and _is_named(key, full_url, names):
                        selected[key] = resource
    drafts = _by_key(live[ORDER_TYPES])
    return Orders(
        drafts=drafts,
        selected=drafts if names is None else _by_key(selected),
        appointments=_by_key(live[_APPOINTMENT]),
        ids=frozenset(ids),
        others=tuple(others),
        dropped=dropped,
    )


def _by_key(found: Mapping[tuple[str, str], Resource]) -> tuple[Resource, ...]:
    return tuple(map(found.__getitem__, sorted(found)))


def _entries(bundle: Any) -> list[tuple[tuple[str, str], Resource, Any]]:
    """The well-formed resources of a Bundle's entries, each after its key and with its full url as sent; of several
    with the same id the latest one comes first."""
    found = [
        (fhir.sort_key(resource), resource, entry.get("fullUrl"))
        for entry in fhir.entries(bundle)
        if isinstance(resource := entry.get("resource"), dict) and isinstance(resource.get("resourceType"), str)
    ]
    if len({key for key, _, _ in found}) < len(found):
        found.sort(key=lambda entry: fhir.version(entry[1]), reverse=True)
    return found


def _is_live(resource: Resource) -> bool:
    """An order to do something that is still to be decided on; a draft without a readable status is."""
    status = resource.get("status")
    if resource.get("doNotPerform") is True:
        return False
    return status in LIVE_STATUSES if isinstance(status, str) and status else True


def _is_named(key: tuple[str, str], full_url: Any, names: set[str]) -> bool:
    kind, identifier = key
    if f"{kind}/{identifier}" in names or identifier in names or (isinstance(full_url, str) and full_url in names):
        return True
    return any(fhir.reference_key(name) == key for name in names)
