"""The CapabilityStatement: what is served below /fhir (FHIR R4 `GET /metadata`)."""

from __future__ import annotations

from typing import Any

from cds import __version__
from cds.fhir import Resource
from cds.operations.definitions import KINDS, SEARCHES

_DEFINITION = "http://hl7.org/fhir/OperationDefinition/"
_OPERATIONS = {
    "PlanDefinition": ("apply", "data-requirements"),
    "ActivityDefinition": ("apply",),
    "Library": ("evaluate",),
    "ValueSet": ("expand", "validate-code"),
}
_URLS = {
    "evaluate": "http://hl7.org/fhir/uv/cpg/OperationDefinition/cpg-library-evaluate",
    "package": "http://hl7.org/fhir/uv/crmi/OperationDefinition/crmi-package",
}
_SYSTEM = {
    "cql": "http://hl7.org/fhir/uv/cpg/OperationDefinition/cpg-cql",
    "fhirpath": "http://fhirpath-lab.com/OperationDefinition/fhirpath",
}
_SEARCH_TYPES = {"_id": "token", "url": "uri", "version": "token", "status": "token"}


def capability_statement(date: str, base: str) -> Resource:
    """What this service does, and nothing else. `date` is that of the answer."""
    resources = [
        {
            "type": kind,
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "versioning": "no-version",
            "searchParam": [{"name": name, "type": _SEARCH_TYPES.get(name, "string")} for name in SEARCHES],
            **_operations(kind),
        }
        for kind in KINDS
    ]
    system = [{"name": name, "definition": url} for name, url in _SYSTEM.items()]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "software": {"name": "pathway-cds", "version": __version__},
        "implementation": {"description": "Clinical decision support from FHIR definitions", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server", "resource": resources, "operation": system}],
    }


def _operations(kind: str) -> dict[str, Any]:
    names = (*_OPERATIONS.get(kind, ()), "package")
    return {
        "operation": [{"name": name, "definition": _URLS.get(name, f"{_DEFINITION}{kind}-{name}")} for name in names]
    }
