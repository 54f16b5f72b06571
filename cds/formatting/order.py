"""The order in which FHIR lists the elements of a type."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from cds.expr.types import PRIMITIVES, model


def in_order(kind: str, names: Iterable[str]) -> list[str]:
    """The JSON members of a type in FHIR's order: `_name` behind `name`; those that FHIR does not have stay last, as
    they come."""
    ranks = _ranks(kind)
    behind = len(ranks)
    return sorted(names, key=lambda name: (ranks.get(name.removeprefix("_"), behind), name.startswith("_")))


def kind_of(kind: str, name: str, value: Any) -> str:
    """The type of a member; of a resource its own, "" where there is none to order."""
    found = model().key(kind, name)
    if found is None or found[0] in PRIMITIVES:
        return ""
    if found[0] in ("Resource", "DomainResource"):
        return str(value.get("resourceType", "")) if isinstance(value, dict) else "Resource"
    return found[0]


@cache
def _ranks(kind: str) -> dict[str, int]:
    from fhir.resources.R4B import get_fhir_model_class  # takes a second to import

    try:
        names = get_fhir_model_class(kind).elements_sequence()
    except (LookupError, ValueError):  # a word that is no type
        return {}
    return {name: rank for rank, name in enumerate(["resourceType", *names])}
