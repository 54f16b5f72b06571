"""The Medications that prescriptions and drafts refer to. Many EHRs write no code in a prescription itself, and no
search by patient finds a Medication: they are fetched, and stand among what refers to them as a search with `_include`
has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cds import fhir
from cds.access.server import Found, Lack
from cds.fhir import Resource
from cds.hooks.prefetch import Requirement
from cds.hooks.request import HookRequest
from cds.searchset import Searchset, whole

DRAFTS = "draftOrders"
_REFERRING = frozenset({"MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"})


def references(request: HookRequest, needs: Iterable[Requirement]) -> dict[str, dict[str, bool]]:
    """The references `Medication/id` to what is not in the call, by the prefetch key of the searchset that has them;
    those of the drafts under "draftOrders". Each with whether it says in words what it refers to."""
    bundles = {need.key: _referring(request, need.key) for need in needs if need.resource_type in _REFERRING}
    bundles[DRAFTS] = request.context.get(DRAFTS)
    found = {key: _named(fhir.bundle_resources(bundle)) for key, bundle in bundles.items()}
    if not any(found.values()):
        return {}
    here = {f"Medication/{one.get('id')}" for bundle in bundles.values() for one in fhir.bundle_resources(bundle)}
    absent = {key: {one: told for one, told in named.items() if one not in here} for key, named in found.items()}
    return {key: named for key, named in absent.items() if named}


def include(request: HookRequest, found: Mapping[str, Sequence[Found]]) -> tuple[HookRequest, dict[str, Lack]]:
    """The request with the Medications that were found for each key, and why a key lacks one: it is cut, for then it
    is not known what was prescribed."""
    prefetch, context = dict(request.prefetch), dict(request.context)
    prefetch.update({key: whole(prefetch[key]) for key in found if key != DRAFTS})
    lacking: dict[str, Lack] = {}
    for key, medications in found.items():
        bundles: dict[str, Any] = context if key == DRAFTS else prefetch
        bundles[key] = extended = _with(bundles[key], [one.value for one in medications if one.lacking is None])
        for one in medications:
            if one.lacking is not None and key != DRAFTS:
                prefetch[key] = Found(extended).cut(one.lacking).value
                lacking[key] = one.lacking
    return replace(request, prefetch=prefetch, context=context), lacking


def _with(bundle: Resource, medications: Iterable[Resource | None]) -> Resource:
    added = [{"resource": medication, "search": {"mode": "include"}} for medication in medications]
    return {**bundle, "entry": [*bundle["entry"], *added]}


def _referring(request: HookRequest, key: str) -> Resource | None:
    """What was answered for a key, save what is known to refer to no Medication."""
    value = request.prefetch.get(key)
    return None if isinstance(value, Searchset) and not value.refers_to_medications() else whole(value)


def _named(resources: Iterable[Resource]) -> dict[str, bool]:
    named: dict[str, bool] = {}
    for resource in resources:
        if "medicationReference" in resource:
            element = resource["medicationReference"]
            key = fhir.reference_key(fhir.reference_of(element) or "")
            if key is not None and key[0] == "Medication" and fhir.is_id(key[1]) and key[1] not in (".", ".."):
                reference = f"Medication/{key[1]}"
                named[reference] = named.get(reference, True) and bool(element.get("display"))
    return named
