"""Where references lead within one resource: what it contains, and the entries of a Bundle. Nothing is ever fetched
(security.md E6)."""

from __future__ import annotations

from typing import Any

from cds import fhir
from cds.fhir import Resource


class References:
    """The resources that references within `resource` can mean; a `Resolve` of an Evaluation."""

    def __init__(self, resource: Resource) -> None:
        entries = fhir.bundle_resources(resource) if resource.get("resourceType") == "Bundle" else []
        self._containers = [resource, *entries]
        self._by_url = fhir.full_urls(resource) if entries else {}
        self._by_key = {
            f"{found['resourceType']}/{found['id']}": found
            for found in reversed(self._containers)
            if isinstance(found.get("resourceType"), str) and isinstance(found.get("id"), str)
        }

    def __call__(self, reference: str, base: dict[str, Any] | None) -> Resource | None:
        """The resource of a literal reference, None when it is not here. `#id` is contained in `base`, or in the one
        entry that contains such an id."""
        if reference.startswith("#"):
            return self._contained(reference, base)
        found = self._by_url.get(reference)
        if found is not None or ":" in reference:
            return found
        key = fhir.reference_key(reference)
        return self._by_key.get("/".join(key)) if key else None

    def _contained(self, reference: str, base: dict[str, Any] | None) -> Resource | None:
        if reference == "#":
            return base
        found = fhir.contained(base, reference) if base is not None else None
        if found is not None:
            return found
        candidates = [item for container in self._containers if (item := fhir.contained(container, reference))]
        return candidates[0] if len(candidates) == 1 else None
