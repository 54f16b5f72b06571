"""The CapabilityStatement: what is served below /fhir (FHIR R4 `GET /metadata`)."""

from __future__ import annotations

from typing import Any

from cds import __version__
from cds.fhir import Resource
from cds.operations.definitions import KINDS
from cds.operations.search import SEARCHES

_DEFINITION = "http://hl7.org/fhir/OperationDefinition/"
_OPERATIONS = {
    "PlanDefinition": ("apply", "data-requirements"),
    "ActivityDefinition": ("apply",),
    "Library": ("evaluate", "data-requirements"),
    "ValueSet": ("expand", "validate-code"),
}
_URLS = {
    "evaluate": "http://hl7.org/fhir/uv/cql/OperationDefinition/cql-library-evaluate",
    "package": "http://hl7.org/fhir/uv/crmi/OperationDefinition/crmi-package",
}
_SYSTEM = {
    "cql": "http://hl7.org/fhir/uv/cql/OperationDefinition/cql-cql",
    "fhirpath": "http://fhirpath-lab.com/OperationDefinition/fhirpath",
}
_SEARCH_TYPES = {"_id": "token", "url": "uri", "version": "token", "status": "token"}


def capability_statement(date: str, url: str | None, *, is_open: bool) -> Resource:
    """What this service does, and nothing else. `date` is when it began, `url` the base under which it is reached,
    where the site says so; `is_open` says that anyone may call."""
    resources = [
        {
            "type": kind,
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "versioning": "no-version",
            "conditionalRead": "not-match",
            "searchParam": [{"name": name, "type": _SEARCH_TYPES.get(name, "string")} for name in SEARCHES],
            **_operations(kind),
        }
        for kind in KINDS
    ]
    about = {"description": "Clinical decision support from FHIR definitions", **({"url": url} if url else {})}
    system = [{"name": name, "definition": canonical} for name, canonical in _SYSTEM.items()]
    rest: dict[str, Any] = {"mode": "server"}
    if not is_open:
        rest["security"] = {"description": "Registered clients, each with the JSON Web Token of CDS Hooks as Bearer"}
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "software": {"name": "pathway-cds", "version": __version__},
        "implementation": about,
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{**rest, "resource": resources, "operation": system}],
    }


def _operations(kind: str) -> dict[str, Any]:
    names = (*_OPERATIONS.get(kind, ()), "package")
    return {
        "operation": [{"name": name, "definition": _URLS.get(name, f"{_DEFINITION}{kind}-{name}")} for name in names]
    }
